//! Promise: types are `Send`, `Sync`, `Clone` and `Debug` as programs need. Most of the test is that it compiles.

use std::fmt::Debug;
use std::sync::Arc;

use kenar::client::{ClientBuilder, ClientSetupError, Retry, Timer};
use kenar::model::UserId;
use kenar::model::icon::Icon;
use kenar::oauth::OAuthApp;
use kenar::operation::*;
use kenar::request::{BaseUrls, Body};
use kenar::secret::{AuthorizationCode, ClientSecret, InvalidSecret, UploadToken};
use kenar::tokens::{PermissionStore, Permissions, TokensError};
use kenar::transport::{HttpTransport, MockTransport, TransportError};
use kenar::{BotMessage, ChatApi, Client, ConversationMessage, Error};
use serde_json::json;

use crate::support::calls::{access_token, client, conversation};

fn shared<T: Send + Sync + 'static>() {}
fn spawnable<T: Send>(value: T) -> T {
    value
}
fn std_error<T: std::error::Error + Send + Sync + 'static>() {}

#[test]
fn types_implement_the_promised_traits() {
    fn cloned_and_printed<T: Clone + Debug + Send + Sync + 'static>() {}
    cloned_and_printed::<Client>();
    cloned_and_printed::<MockTransport>();
    #[cfg(feature = "reqwest")]
    cloned_and_printed::<kenar::transport::ReqwestTransport>();
    cloned_and_printed::<Error>();
    cloned_and_printed::<Retry>();
    cloned_and_printed::<BaseUrls>();
    cloned_and_printed::<Permissions>();
    cloned_and_printed::<TokensError>();
    shared::<Box<dyn PermissionStore>>();
    shared::<ClientBuilder>();
    shared::<Media>();
    shared::<MediaSource>();
    shared::<Body>();
    shared::<Arc<dyn ChatApi>>();
    shared::<Arc<dyn HttpTransport>>();
    shared::<Box<dyn Timer>>();
    std_error::<Error>();
    std_error::<TransportError>();
    std_error::<ClientSetupError>();
    std_error::<InvalidMedia>();
    std_error::<InvalidSecret>();
    std_error::<TokensError>();
}

#[test]
fn shared_chat_api_implements_chat_api() {
    fn takes(_: impl ChatApi) {}
    let api: Arc<dyn ChatApi> = Arc::new(client(MockTransport::new()));
    takes(api);
}

#[tokio::test]
async fn oauth_flow_can_be_spawned() {
    let mock = MockTransport::new();
    let app = OAuthApp::new("delivery", ClientSecret::new("placeholder").unwrap(), "https://addon.example/oauth");
    let oauth = client(mock.clone()).oauth(app.unwrap());
    let tokens = json!({ "access_token": "placeholder-1", "refresh_token": "placeholder-2", "expires_in": 3600 });
    (0..2).for_each(|_| mock.respond_json(200, &tokens));

    let tokens = spawnable(oauth.exchange(AuthorizationCode::new("placeholder").unwrap())).await.unwrap();
    spawnable(oauth.refresh(&tokens)).await.unwrap();
    for request in mock.requests() {
        let headers: Vec<_> = request.headers().keys().map(http::HeaderName::as_str).collect();
        assert!(!headers.contains(&"x-api-key") && !headers.contains(&"authorization"), "{headers:?}");
        assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
    }
    spawnable(MediaSource::file("Cargo.toml")).await.unwrap();
}

#[test]
fn icon_names_are_unique() {
    let names: std::collections::HashSet<_> = Icon::ALL.iter().map(Icon::name).collect();
    assert_eq!((Icon::ALL.len(), names.len()), (822, 822), "the number of published icons");
}

#[test]
fn error_is_as_small_as_a_pointer() {
    assert_eq!(size_of::<Error>(), size_of::<usize>());
}

#[tokio::test]
async fn every_call_can_be_spawned() {
    let mock = MockTransport::new();
    let api: Arc<dyn ChatApi> = Arc::new(client(mock.clone()));
    let (by, to, user) = (access_token(), conversation(), UserId::new("u"));
    let (message, bot) = (ConversationMessage::text("سلام"), BotMessage::text("سلام"));
    let subscription = Subscription::to_messages_on_all_posts();
    let media = || Media::image("a.png", MediaSource::bytes("a")).unwrap();
    (0..8).for_each(|_| mock.respond_json(200, &json!({ "token": "upload-token-of-the-test", "id": "medium" })));

    spawnable(api.send_message(&to, &message, &by)).await.unwrap();
    spawnable(api.get_conversation(&to, &by)).await.unwrap();
    spawnable(api.send_bot_message(&to, &bot)).await.unwrap();
    spawnable(api.send_bot_message_to_user(&user, &bot, &by)).await.unwrap();
    spawnable(api.upload_media(media())).await.unwrap();
    spawnable(api.subscribe(&subscription, &by)).await.unwrap();
    spawnable(api.get_user(&by)).await.unwrap();
    assert_eq!(mock.requests().len(), 8);
}

#[tokio::test]
async fn every_operation_can_be_spawned() {
    let mock = MockTransport::new();
    let client = client(mock.clone());
    let (by, to, user) = (access_token(), conversation(), UserId::new("u"));
    let (message, bot) = (ConversationMessage::text("سلام"), BotMessage::text("سلام"));
    let subscription = Subscription::to_messages_on_all_posts();
    let media = Media::image("a.png", MediaSource::bytes("a")).unwrap();
    let token = UploadToken::new("upload-token-of-the-test").unwrap();
    (0..8).for_each(|_| mock.respond_json(200, &json!({ "token": "upload-token-of-the-test", "id": "medium" })));

    spawnable(client.execute(&SendMessage::new(&to, &message, &by))).await.unwrap();
    spawnable(client.execute(&GetConversation::new(&to, &by))).await.unwrap();
    spawnable(client.execute(&SendBotMessage::new(&to, &bot))).await.unwrap();
    spawnable(client.execute(&SendBotMessageToUser::new(&user, &bot, &by))).await.unwrap();
    spawnable(client.execute(&CreateUploadToken)).await.unwrap();
    spawnable(client.execute(&UploadMedia::new(&media, &token))).await.unwrap();
    spawnable(client.execute(&Subscribe::new(&subscription, &by))).await.unwrap();
    spawnable(client.execute(&GetUser::new(&by))).await.unwrap();
    assert_eq!(mock.requests().len(), 8);
}
