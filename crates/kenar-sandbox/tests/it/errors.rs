//! Promise: the sandbox refuses what the platform refuses, with the matching status and code.

use crate::support::{Ask, TestResult, grant};
use kenar::error::{ErrorKind, RpcCode};
use kenar::model::{ConversationId, UserId};
use kenar::operation::Subscription;
use kenar::request::ApiKeyPermission;
use kenar::{BotMessage, ChatApi as _, ConversationMessage, Error, Scope};
use kenar_sandbox::{Chat, Note, Post, Sandbox, User};
use serde_json::{Value, json};

const UNAUTHENTICATED: (u16, i64) = (401, 16);
const DENIED: (u16, i64) = (403, 7);
const NOT_FOUND: (u16, i64) = (404, 5);
const INVALID: (u16, i64) = (400, 3);

struct Scene {
    sandbox: Sandbox,
    sara: User,
    ali: User,
    post: Post,
    chat: Chat,
}

/// Sara is the seller, Ali the buyer.
async fn scene() -> Scene {
    let sandbox = Sandbox::start().await.unwrap();
    let (sara, ali) = (sandbox.user("sara"), sandbox.user("ali"));
    let post = sandbox.add_post(&sara);
    let chat = post.conversation_with(&ali);
    Scene { sandbox, sara, ali, post, chat }
}

fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> (u16, i64) {
    let error = result.unwrap_err();
    (error.status().unwrap().as_u16(), error.rpc_code().unwrap().0.into())
}

#[tokio::test]
async fn calls_need_a_known_key_with_the_permission() -> TestResult {
    let Scene { sandbox, sara, chat, .. } = scene().await;
    let app = sandbox.app("bot");
    let path = format!("/v1/open-platform/chat/bot/conversations/{}/messages", sara.chat_with_bot(&app).id());
    let message = json!({ "text_message": "سلام" });

    assert_eq!(Ask::new(&sandbox, "POST", &path).json(message.clone()).refusal().await, UNAUTHENTICATED);
    let unknown = Ask::new(&sandbox, "POST", &path).header("x-api-key", "placeholder").json(message);
    assert_eq!(unknown.refusal().await, UNAUTHENTICATED);

    let tokens = grant(&sandbox, &app, &sara, [Scope::conversation_send_message(chat.id())]).await;
    let others = ApiKeyPermission::ALL
        .iter()
        .filter(|permission| **permission != ApiKeyPermission::CHAT_SEND_MESSAGE_OAUTH)
        .cloned();
    let text = ConversationMessage::text("سلام");
    let sent = app.client_with_only(others).send_message(chat.id(), &text, &tokens.access_token).await;
    assert_eq!(refused(sent), DENIED);
    let narrow = app.client_with_only([ApiKeyPermission::CHAT_SEND_MESSAGE_OAUTH]);
    narrow.send_message(chat.id(), &text, &tokens.access_token).await?;
    assert_eq!(refused(narrow.get_user(&tokens.access_token).await), DENIED);
    assert_eq!(refused(narrow.create_upload(&sandbox).await), DENIED);
    Ok(())
}

#[tokio::test]
async fn api_key_can_be_limited_to_some_permissions() -> TestResult {
    let Scene { sandbox, sara, .. } = scene().await;
    let app = sandbox.app("bot");
    let chat = sara.chat_with_bot(&app);
    app.set_api_key_permissions([ApiKeyPermission::CHAT_BOT_SEND_MESSAGE]);
    let client = app.client();
    client.send_bot_message(chat.id(), &BotMessage::text("سلام")).await?;
    assert_eq!(refused(client.create_upload(&sandbox).await), DENIED);
    app.set_api_key_permissions(ApiKeyPermission::ALL.iter().copied());
    client.create_upload(&sandbox).await?;
    Ok(())
}

/// The operation that [`kenar::ChatApi`] runs only as part of an upload.
trait CreateUpload {
    async fn create_upload(&self, sandbox: &Sandbox) -> Result<kenar::secret::UploadToken, Error>;
}

impl CreateUpload for kenar::Client {
    async fn create_upload(&self, _: &Sandbox) -> Result<kenar::secret::UploadToken, Error> {
        self.execute(&kenar::operation::CreateUploadToken).await
    }
}

#[tokio::test]
async fn calls_need_a_known_token_of_the_same_app() -> TestResult {
    let Scene { sandbox, sara, chat, .. } = scene().await;
    let (app, other) = (sandbox.app("one"), sandbox.app("two"));
    let path = format!("/v2/open-platform/conversations/{}/messages", chat.id());
    let ask = || Ask::new(&sandbox, "POST", &path).key(&app).json(json!({ "message": "سلام" }));
    let tokens = grant(&sandbox, &other, &sara, [Scope::conversation_send_message(chat.id())]).await;
    let token = tokens.access_token.expose_secret();

    assert_eq!(ask().refusal().await, UNAUTHENTICATED);
    assert_eq!(ask().header("x-access-token", token).refusal().await, UNAUTHENTICATED);
    assert_eq!(ask().header("authorization", token).refusal().await, UNAUTHENTICATED);
    assert_eq!(ask().bearer("placeholder").refusal().await, UNAUTHENTICATED);
    assert_eq!(ask().bearer(token).refusal().await, DENIED);
    Ok(())
}

#[tokio::test]
async fn any_one_send_scope_is_enough_to_send() -> TestResult {
    let Scene { sandbox, sara, ali, post, chat } = scene().await;
    let app = sandbox.app("app");
    let client = app.client();
    let another = sandbox.add_post(&sara).conversation_with(&ali);
    let text = ConversationMessage::text("سلام");
    let seller = &sara;
    for (who, scope, outcome) in [
        (&sara, Scope::conversation_send_message(chat.id()), None),
        (&ali, Scope::conversation_send_message(chat.id()), None),
        (seller, Scope::post_conversations_message_send(post.token()), None),
        (seller, Scope::supplier_all_conversations_message_send(), None),
        (&ali, Scope::supplier_all_conversations_message_send(), Some(DENIED)),
        (seller, Scope::conversation_send_message(another.id()), Some(DENIED)),
        (seller, Scope::conversation_read(chat.id()), Some(DENIED)),
        (seller, Scope::user_id(), Some(DENIED)),
    ] {
        let tokens = grant(&sandbox, &app, who, [&scope].map(Clone::clone)).await;
        let sent = client.send_message(chat.id(), &text, &tokens.access_token).await;
        match outcome {
            None => assert!(sent.is_ok(), "{scope} by {}: {}", who.name(), sent.unwrap_err()),
            Some(status) => assert_eq!(refused(sent), status, "{scope} by {}", who.name()),
        }
    }
    Ok(())
}

#[tokio::test]
async fn other_calls_need_their_scopes() -> TestResult {
    let Scene { sandbox, sara, ali, post, chat } = scene().await;
    let app = sandbox.app("app");
    let client = app.client();
    let tokens = grant(&sandbox, &app, &sara, [Scope::openid()]).await;
    let by = &tokens.access_token;

    assert_eq!(refused(client.get_conversation(chat.id(), by).await), DENIED);
    assert_eq!(refused(client.get_user(by).await), DENIED);
    let bot = client.send_bot_message_to_user(&sara.id_for(&app), &BotMessage::text("سلام"), by).await;
    assert_eq!(refused(bot), DENIED);
    for subscription in [
        Subscription::to_messages_on(post.token()),
        Subscription::to_messages_on_all_posts(),
        Subscription::to_updates_of(post.token()),
        Subscription::to_updates_of_all_posts(),
    ] {
        assert_eq!(refused(client.subscribe(&subscription, by).await), DENIED, "{subscription:?}");
    }

    let one = grant(&sandbox, &app, &sara, [Scope::post_conversations_read(post.token())]).await;
    client.subscribe(&Subscription::to_messages_on(post.token()), &one.access_token).await?;
    let all = client.subscribe(&Subscription::to_messages_on_all_posts(), &one.access_token).await;
    assert_eq!(refused(all), DENIED);
    let buyer = grant(&sandbox, &app, &ali, [Scope::supplier_all_conversations_read()]).await;
    let others = client.subscribe(&Subscription::to_messages_on(post.token()), &buyer.access_token).await;
    assert_eq!(refused(others), DENIED);
    let updates = grant(&sandbox, &app, &sara, [Scope::user_posts_get()]).await;
    client.subscribe(&Subscription::to_updates_of_all_posts(), &updates.access_token).await?;
    Ok(())
}

#[tokio::test]
async fn missing_resource_is_not_found() -> TestResult {
    let Scene { sandbox, sara, .. } = scene().await;
    let app = sandbox.app("app");
    let client = app.client();
    let scopes = [Scope::supplier_all_conversations_read(), Scope::chat_bot_user_message_send()];
    let tokens = grant(&sandbox, &app, &sara, scopes).await;
    let by = &tokens.access_token;
    let nowhere = ConversationId::new("5f8b0f6e-0000-4000-8000-000000000001");

    assert_eq!(refused(client.send_message(&nowhere, &ConversationMessage::text("سلام"), by).await), NOT_FOUND);
    assert_eq!(refused(client.get_conversation(&nowhere, by).await), NOT_FOUND);
    assert_eq!(refused(client.send_bot_message(&nowhere, &BotMessage::text("سلام")).await), NOT_FOUND);
    let bot = client.send_bot_message_to_user(&UserId::new("a/b+c="), &BotMessage::text("سلام"), by).await;
    assert_eq!(refused(bot), NOT_FOUND);
    let post = Subscription::to_messages_on(&"nothing1".into());
    assert_eq!(refused(client.subscribe(&post, by).await), NOT_FOUND);
    assert_eq!(Ask::new(&sandbox, "GET", "/v9/anything").refusal().await, NOT_FOUND);
    assert_eq!(Ask::new(&sandbox, "GET", "/v1/%ff").refusal().await, NOT_FOUND);
    assert_eq!(Ask::new(&sandbox, "DELETE", "/v1/open-platform/users").refusal().await, (501, 12));
    Ok(())
}

#[tokio::test]
async fn conversation_kind_and_app_must_match() -> TestResult {
    let Scene { sandbox, sara, chat, .. } = scene().await;
    let (app, other) = (sandbox.app("app"), sandbox.app("other"));
    let bot = sara.chat_with_bot(&app);
    let tokens = grant(&sandbox, &app, &sara, [Scope::supplier_all_conversations_message_send()]).await;
    let text = BotMessage::text("سلام");

    assert_eq!(refused(app.client().send_bot_message(chat.id(), &text).await), NOT_FOUND);
    assert_eq!(refused(other.client().send_bot_message(bot.id(), &text).await), DENIED);
    let sent = app.client().send_message(bot.id(), &ConversationMessage::text("سلام"), &tokens.access_token).await;
    assert_eq!(refused(sent), NOT_FOUND);
    Ok(())
}

#[tokio::test]
async fn bot_message_needs_the_recipients_own_token() -> TestResult {
    let Scene { sandbox, sara, ali, .. } = scene().await;
    let app = sandbox.app("app");
    let tokens = grant(&sandbox, &app, &sara, [Scope::chat_bot_user_message_send()]).await;
    let (client, text) = (app.client(), BotMessage::text("سلام"));

    let to_ali = client.send_bot_message_to_user(&ali.id_for(&app), &text, &tokens.access_token).await;
    assert_eq!(refused(to_ali), DENIED);
    let foreign = sara.id_for(&sandbox.app("other"));
    let to_foreign = client.send_bot_message_to_user(&foreign, &text, &tokens.access_token).await;
    assert_eq!(refused(to_foreign), NOT_FOUND);
    Ok(())
}

#[tokio::test]
async fn malformed_message_is_refused() -> TestResult {
    let Scene { sandbox, sara, chat, .. } = scene().await;
    let app = sandbox.app("app");
    let tokens = grant(&sandbox, &app, &sara, [Scope::conversation_send_message(chat.id())]).await;
    let path = format!("/v2/open-platform/conversations/{}/messages", chat.id());
    let bot_path = format!("/v1/open-platform/chat/bot/conversations/{}/messages", sara.chat_with_bot(&app).id());
    let button = json!({ "action": { "open_direct_link": "https://addon.example" }, "caption": "؟" });
    let grid =
        |rows: usize, columns: usize| json!({ "rows": vec![json!({ "buttons": vec![&button; columns] }); rows] });
    let bad: Vec<(&str, Value)> = vec![
        ("nothing", json!({})),
        ("an empty text", json!({ "message": "", "text_message": "" })),
        ("text and media", json!({ "message": "a", "text_message": "a", "media_token": "b" })),
        ("a number", json!({ "message": 1, "text_message": 1 })),
        ("unknown media", json!({ "media_token": "placeholder" })),
        (
            "four rows",
            json!({ "message": "a", "text_message": "a", "sender_buttons": grid(4, 1), "buttons": grid(4, 1) }),
        ),
        (
            "four columns",
            json!({ "message": "a", "text_message": "a", "receiver_buttons": grid(1, 4), "buttons": grid(1, 4) }),
        ),
        (
            "no rows",
            json!({ "message": "a", "text_message": "a", "sender_buttons": grid(0, 1), "buttons": grid(0, 1) }),
        ),
        ("a list", json!([])),
    ];
    for (what, body) in bad {
        let ask = |path: &str| Ask::new(&sandbox, "POST", path).key(&app).bearer(tokens.access_token.expose_secret());
        assert_eq!(ask(&path).json(body.clone()).refusal().await, INVALID, "{what}");
        assert_eq!(ask(&bot_path).json(body).refusal().await, INVALID, "{what}");
        assert_eq!(ask(&path).body("{").refusal().await, INVALID);
        assert_eq!(ask("/v1/open-platform/events/subscriptions").json(json!({})).refusal().await, INVALID);
    }
    let unknown_event = json!({ "event_type": "NEW_MESSAGE" });
    let ask = Ask::new(&sandbox, "POST", "/v1/open-platform/events/subscriptions").key(&app);
    assert_eq!(ask.bearer(tokens.access_token.expose_secret()).json(unknown_event).refusal().await, INVALID);
    assert!(chat.messages().is_empty(), "{}", chat.transcript());
    let last = sandbox.journal().pop().unwrap();
    assert!(last.response.contains("unknown event_type: NEW_MESSAGE"), "{last}");
    Ok(())
}

#[tokio::test]
async fn nine_buttons_are_accepted() -> TestResult {
    let Scene { sandbox, sara, chat, .. } = scene().await;
    let app = sandbox.app("app");
    let tokens = grant(&sandbox, &app, &sara, [Scope::conversation_send_message(chat.id())]).await;
    let button = || kenar::Button::server_link("؟", json!({}));
    let message = ConversationMessage::text("سلام").sender_buttons([(); 3].map(|()| [button(), button(), button()]));
    app.client().send_message(chat.id(), &message, &tokens.access_token).await?;
    assert_eq!(chat.next_message().await?.sender_buttons, message.sender_buttons);
    Ok(())
}

#[tokio::test]
async fn blocked_recipient_gets_status_412_and_code_9() -> TestResult {
    let Scene { sandbox, sara, ali, chat, .. } = scene().await;
    let app = sandbox.app("app");
    let client = app.client();
    let tokens = grant(&sandbox, &app, &sara, [Scope::conversation_send_message(chat.id())]).await;
    let text = ConversationMessage::text("سلام");

    ali.block(&chat)?;
    let error = client.send_message(chat.id(), &text, &tokens.access_token).await.unwrap_err();
    assert!(error.is_recipient_restricted(), "{error}");
    assert_eq!((error.status().unwrap().as_u16(), error.rpc_code()), (412, Some(RpcCode::FAILED_PRECONDITION)));
    assert!(sara.write(&chat, "سلام").await.is_err());

    ali.unblock(&chat)?;
    client.send_message(chat.id(), &text, &tokens.access_token).await?;
    let bot = sara.chat_with_bot(&app);
    sara.block(&bot)?;
    let error = client.send_bot_message(bot.id(), &BotMessage::text("سلام")).await.unwrap_err();
    assert!(error.is_recipient_restricted(), "{error}");
    assert!(sandbox.user("reza").block(&chat).is_err());
    Ok(())
}

#[tokio::test]
async fn oversized_body_gets_status_413() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let (status, response) =
        Ask::new(&sandbox, "POST", "/oauth2/token").body("x".repeat((1 << 20) + 1)).json_response().await;
    assert_eq!((status, &response["code"]), (413, &json!(3)), "{response}");
    Ok(())
}

#[tokio::test]
async fn api_error_is_a_client_error_with_a_guess_note() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let nowhere = ConversationId::new("nowhere");
    let error = sandbox.app("app").client().send_bot_message(&nowhere, &BotMessage::text("سلام")).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Api, 1));
    assert!(sandbox.journal().iter().all(|exchange| matches!(exchange.notes[0], Note::Guess(_))));
    Ok(())
}

#[tokio::test]
async fn journal_names_the_error_and_its_documents() -> TestResult {
    let Scene { sandbox, sara, chat, .. } = scene().await;
    let app = sandbox.app("app");
    let by = grant(&sandbox, &app, &sara, [Scope::user_id()]).await.access_token;
    for (only, what, topic) in [
        (ApiKeyPermission::CHAT_BOT_SEND_MESSAGE, "lacks the permission CHAT_SEND_MESSAGE_OAUTH", "API keys"),
        (ApiKeyPermission::CHAT_SEND_MESSAGE_OAUTH, "lacks the scope CONVERSATION_SEND_MESSAGE", "scopes"),
    ] {
        let text = ConversationMessage::text("سلام");
        refused(app.client_with_only([only]).send_message(chat.id(), &text, &by).await);
        let last = sandbox.journal().pop().unwrap();
        assert!(last.response.contains(what), "{last}");
        assert!(last.notes.contains(&Note::Documents(topic)), "{last}");
    }
    Ok(())
}
