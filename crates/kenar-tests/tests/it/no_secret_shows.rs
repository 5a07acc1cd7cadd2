//! Promise: no secret appears in `Debug`, errors, URLs or serialised data, in any encoding. The secrets are random.

use std::error::Error as StdError;
use std::fmt::Debug;

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use http::{Request, Uri};
use kenar::model::{ConversationId, Timestamp};
use kenar::oauth::{Callback, Denial, Grant, OAuthState, PermissionRequest, TokenRequest, TokenResponse};
use kenar::operation::{GetUserResponse, Media, MediaSource, SendMessage, UploadMedia};
use kenar::request::Operation as _;
use kenar::request::{BaseUrls, Body, Credential};
use kenar::secret::{AccessToken, ApiKey};
use kenar::transport::MockTransport;
use kenar::webhook::Verifier;
use kenar::{Client, ConversationMessage, Scope};
use kenar_tests::secrecy::{
    Pieces, Secrets, block_on, chain, debug, every_call, permissions, same_cases, secrets, well,
};
use proptest::prelude::*;

/// The texts that a program may print.
trait Printed {
    /// The `Debug` of all values that contain secrets.
    fn printed(&self) -> Vec<String>;
    /// The errors for malformed and misplaced secrets.
    fn errors(&self) -> Vec<String>;
}

impl Printed for Secrets {
    fn printed(&self) -> Vec<String> {
        let (app, base_urls, now) = (self.app(), BaseUrls::default(), Timestamp::now());
        let tokens = self.token_response().into_tokens(now);
        let request = app.permission_request([Scope::user_id()], self.state.clone());
        let exchange = app.exchange_request(self.code.clone(), now);
        let refresh = app.refresh_request(&tokens, now).unwrap();
        let parse = |request: Request<Body>| TokenRequest::parse(request.body().as_bytes().unwrap()).unwrap();
        let asked = parse(exchange.request(&base_urls).unwrap());
        let verifier = Verifier::new(self.identification_key.clone()).also_accept(self.identification_key.clone());
        let client = Client::builder(self.api_key.clone()).transport(MockTransport::new());
        let mut printed = vec![debug(&client)];
        let client = client.build().unwrap();
        let oauth = client.oauth(app.clone());
        let media = Media::image("a.png", MediaSource::bytes(self.upload_token.expose_secret().to_owned())).unwrap();
        let (to, text) = (ConversationId::new("c-1"), ConversationMessage::text("a"));
        let stored = tokens.expose_for_storage();
        let things: [&dyn Debug; 22] = [
            self,
            &app,
            &tokens,
            &stored,
            &self.token_response(),
            &request,
            &request.url(&base_urls),
            &Callback::Granted(self.code.clone()),
            &exchange,
            &refresh,
            &exchange.request(&base_urls).unwrap(),
            &refresh.request(&base_urls).unwrap(),
            &asked,
            &Grant::AuthorizationCode(self.code.clone()),
            &asked.grant,
            &verifier,
            &client,
            &oauth,
            &SendMessage::new(&to, &text, &self.access_token),
            &UploadMedia::new(&media, &self.upload_token),
            &Credential::User(&self.access_token),
            &Credential::Upload(&self.upload_token),
        ];
        printed.extend(things.into_iter().map(debug));
        printed
    }

    fn errors(&self) -> Vec<String> {
        let app = self.app();
        let mut texts = Vec::new();
        let mut add = |error: &dyn StdError| texts.push(chain(error));
        for text in [format!("{}\n", self.api_key.expose_secret()), format!("{}ä", self.code.expose_secret())] {
            add(&ApiKey::new(text.as_str()).unwrap_err());
            add(&text.parse::<AccessToken>().unwrap_err());
            if let Err(error) = OAuthState::restore(text) {
                add(&error);
            }
        }
        // A header with another secret, and a repeated key.
        let verifier = Verifier::new(self.identification_key.clone());
        let header = |text: &str| HeaderValue::from_str(text).unwrap();
        let wrong = HeaderMap::from_iter([(AUTHORIZATION, header(self.access_token.expose_secret()))]);
        add(&verifier.verify(&wrong).unwrap_err());
        let mut twice = HeaderMap::from_iter([(AUTHORIZATION, header(self.identification_key.expose_secret()))]);
        twice.append(AUTHORIZATION, header(self.identification_key.expose_secret()));
        add(&verifier.event(&twice, b"{}").unwrap_err());

        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let (code, state) = (encoded(self.code.expose_secret()), encoded(self.state.expose_secret()));
        let queries = [
            format!("code={code}"),
            format!("code={code}&state={state}x"),
            format!("code={code}&state={state}&state={state}"),
            format!("code={code}%00&state={state}"),
            format!("code={code}&error=access_denied&state={state}"),
            format!("response_type={code}&client_id=app&state={state}"),
            format!("grant_type=authorization_code&code={code}%00&client_secret={code}"),
        ];
        for query in queries {
            let errors: [Option<Box<dyn StdError>>; 3] = [
                app.callback(&query, &self.state).err().map(Into::into),
                PermissionRequest::parse(&query).err().map(Into::into),
                TokenRequest::parse(query.as_bytes()).err().map(Into::into),
            ];
            assert!(errors.iter().flatten().count() >= 2, "{query}: too few errors");
            errors.iter().flatten().for_each(|error| add(&**error));
        }
        texts
    }
}

proptest! {
    #![proptest_config(same_cases())]

    #[test]
    fn debug_and_errors_contain_no_secret(secrets in secrets()) {
        let pieces = Pieces::of(secrets.all());
        secrets.printed().iter().for_each(|text| pieces.assert_not_in(text));
        secrets.errors().iter().for_each(|text| pieces.assert_not_in(text));
    }

    #[test]
    fn urls_and_printed_requests_contain_no_secret(secrets in secrets()) {
        let mock = MockTransport::new();
        (0..10).for_each(|_| mock.respond_json(200, &well(&secrets)));
        let client = Client::builder(secrets.api_key.clone()).transport(mock.clone()).build().unwrap();
        block_on(every_call(&client, &secrets)).into_iter().for_each(Result::unwrap);

        let pieces = Pieces::of(secrets.all());
        let requests = mock.requests();
        prop_assert_eq!(requests.len(), 10);
        let addresses = requests.iter().map(Request::uri).map(Uri::to_string);
        addresses.for_each(|address| pieces.assert_not_in(&address));
        pieces.assert_not_in(&debug(&mock));
        for request in &requests {
            // Header values are marked as sensitive.
            pieces.assert_not_in(&debug(request.headers()));
        }
        // Public responses can be serialised.
        let denied = Callback::Denied(Denial::default());
        pieces.assert_not_in(&format!("{denied:?} {}", serde_json::to_string(&GetUserResponse::default()).unwrap()));
    }

    #[test]
    fn permissions_print_no_secret(secrets in secrets()) {
        let pieces = Pieces::of(secrets.all());
        for text in block_on(permissions(&secrets)) {
            pieces.assert_not_in(&text);
        }
    }

    #[test]
    fn error_of_damaged_stored_tokens_has_no_secret(
        secrets in secrets(),
        cut in any::<prop::sample::Index>(),
        other in any::<u8>(),
    ) {
        let tokens = secrets.token_response().into_tokens(Timestamp::now());
        let stored = serde_json::to_string(&tokens.expose_for_storage()).unwrap();
        let pieces = Pieces::of([secrets.access_token.expose_secret(), secrets.refresh_token.expose_secret()]);
        let at = cut.index(stored.len());
        let mut damaged = stored.clone().into_bytes();
        damaged[at] = other;
        for bytes in [&stored.as_bytes()[..at], &damaged] {
            if let Err(error) = serde_json::from_slice::<kenar::oauth::StoredTokens>(bytes) {
                pieces.assert_not_in(&chain(&error));
            }
            if let Err(error) = serde_json::from_slice::<TokenResponse>(bytes) {
                pieces.assert_not_in(&chain(&error));
            }
        }
    }
}
