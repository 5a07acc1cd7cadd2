//! Promise: the sandbox's keys and tokens are never sent to Divar; the error names the wrong setting.

use kenar::client::ClientSetupError;
use kenar::error::ErrorKind;
use kenar::oauth::OAuthApp;
use kenar::operation::{Media, MediaSource, UploadMedia};
use kenar::request::BaseUrls;
use kenar::secret::{AccessToken, ApiKey, AuthorizationCode, ClientSecret, UploadToken};
use kenar::transport::MockTransport;
use kenar::{ChatApi as _, Client, ConversationMessage};
use serde_json::json;

use crate::support::calls::{API_KEY, access_token, client, conversation};

#[test]
fn sandbox_api_key_is_rejected_for_divar() {
    let build = |base_urls| {
        let key = ApiKey::new("sandbox-api-key-1-0123456789abcdef").unwrap();
        Client::builder(key).base_urls(base_urls).transport(MockTransport::new()).build().map(drop)
    };
    let sandbox = "http://127.0.0.1:1";
    for divar in ["https://open-api.divar.ir", "https://OPEN-API.divar.ir:443", "https://divar.ir:8443"] {
        let error = build(BaseUrls::new(divar, sandbox, sandbox).unwrap()).unwrap_err();
        assert!(matches!(error, ClientSetupError::SandboxKey), "{divar}: {error}");
        assert!(error.to_string().contains("kenar-sandbox") && !error.to_string().contains("0123"), "{error}");
    }
    for other in [sandbox, "https://divar.ir.example", "https://notdivar.ir"] {
        assert!(build(BaseUrls::single(other).unwrap()).is_ok(), "{other}");
    }
}

#[tokio::test]
async fn sandbox_tokens_are_not_sent_to_divar() {
    let mock = MockTransport::new();
    let client = client(mock.clone());
    let token = "sandbox-access-token-3-0123456789abcdef";
    // The sandbox's upload tokens are Base64.
    let upload_token = UploadToken::new("c2FuZGJveC11cGxvYWQtdG9rZW4tMS0wMTIz").unwrap();
    let oauth = |secret: &str| {
        client.oauth(OAuthApp::new("app", ClientSecret::new(secret).unwrap(), "https://addon.example/oauth").unwrap())
    };
    let code = |text: &str| AuthorizationCode::new(text).unwrap();
    let media = Media::image("a.png", MediaSource::bytes("a")).unwrap();
    let message = ConversationMessage::text("سلام");
    let errors = [
        client.send_message(&conversation(), &message, &AccessToken::new(token).unwrap()).await.unwrap_err(),
        client.execute(&UploadMedia::new(&media, &upload_token)).await.unwrap_err(),
        oauth("sandbox-client-secret-1-0123").exchange(code("code")).await.unwrap_err(),
        oauth("secret").exchange(code("sandbox-code-1-0123")).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
        assert!(!error.may_have_been_processed());
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(source, "a key or token of kenar-sandbox cannot be used at Divar: set the sandbox's base URL");
    }
    assert!(mock.requests().is_empty(), "a request was sent");

    // Other tokens are sent to Divar, and the sandbox's tokens to the sandbox.
    mock.respond_json(200, &json!({}));
    client.send_message(&conversation(), &message, &access_token()).await.unwrap();
    mock.respond_json(200, &json!({}));
    let sandbox = Client::builder(ApiKey::new(API_KEY).unwrap())
        .base_urls(BaseUrls::single("https://kenar.example").unwrap())
        .transport(mock.clone())
        .build()
        .unwrap();
    sandbox.send_message(&conversation(), &message, &AccessToken::new(token).unwrap()).await.unwrap();
    assert_eq!(mock.requests().len(), 2);
}
