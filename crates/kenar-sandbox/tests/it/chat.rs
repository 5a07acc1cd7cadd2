//! Promise: add-ons get the chat's webhooks in the platform's form, and no others.

use std::time::Duration;

use crate::support::{AddOn, TestResult, grant};
use http::StatusCode;
use kenar::model::{Action, Contact, MessageContent, SenderKind, Side};
use kenar::operation::Subscription;
use kenar::webhook::{DynamicActionReply, Event};
use kenar::{BotMessage, Button, ChatApi as _, ConversationMessage, Scope};
use kenar_sandbox::{Direction, Opened, Sandbox, User};
use serde_json::json;

#[tokio::test]
async fn chatbot_gets_messages_of_users_but_not_its_own() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("bot");
    let addon = AddOn::of(&app).await;
    let client = app.client();
    addon.on_event({
        let client = client.clone();
        move |event| {
            let client = client.clone();
            async move {
                let Event::ChatbotMessage(message) = event else { panic!("{event:?}") };
                assert_eq!(message.sender.kind, Some(SenderKind::Human));
                let echo = BotMessage::text(format!("{}!", message.text().unwrap()));
                client.send_bot_message(&message.conversation.id, &echo).await.unwrap();
            }
        }
    });
    let sara = sandbox.user("sara");
    let chat = sara.chat_with_bot(&app);

    let written = sara.write(&chat, "سلام").await?;
    let reply = chat.next_message().await?;
    sandbox.settled().await;

    assert_eq!(reply.text(), Some("سلام!"));
    assert_eq!(reply.message.sender.kind, Some(SenderKind::Bot));
    assert_eq!(
        addon.seen(),
        [json!({
            "type": "NEW_CHATBOT_MESSAGE",
            "new_chatbot_message": {
                "id": written.id(), "conversation": { "id": chat.id(), "type": "BOT" }, "sender": { "type": "HUMAN" },
                "type": "TEXT", "text": "سلام", "sent_at": written.message.sent_at,
            },
        })]
    );
    Ok(())
}

#[tokio::test]
async fn contact_message_arrives_unchanged() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("bot");
    let addon = AddOn::of(&app).await;
    let sara = sandbox.user("sara");
    let contact = Contact::new("+989990000001");

    sara.send(&sara.chat_with_bot(&app), MessageContent::Contact(contact.clone())).await?;

    let [Event::ChatbotMessage(message)] = &addon.events()[..] else { panic!("{:?}", addon.events()) };
    assert_eq!(message.content, MessageContent::Contact(contact));
    Ok(())
}

#[tokio::test]
async fn only_subscribers_get_new_message_events() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let (subscriber, other) = (sandbox.app("reader"), sandbox.app("other"));
    let (reader, deaf) = (AddOn::of(&subscriber).await, AddOn::of(&other).await);
    let (sara, ali) = (sandbox.user("sara"), sandbox.user("ali"));
    let (post, second) = (sandbox.add_post(&sara), sandbox.add_post(&sara));
    let tokens = grant(&sandbox, &subscriber, &sara, [Scope::post_conversations_read(post.token())]).await;
    let subscription = Subscription::to_messages_on(post.token()).metadata(json!({ "for": "sara" }));
    subscriber.client().subscribe(&subscription, &tokens.access_token).await?;

    ali.write(&post.conversation_with(&ali), "هنوز هست؟").await?;
    ali.write(&second.conversation_with(&ali), "این یکی چطور؟").await?;

    let [Event::NewMessage(message)] = &reader.events()[..] else { panic!("{}", sandbox.transcript()) };
    assert_eq!(message.text(), Some("هنوز هست؟"));
    assert_eq!(message.sender.side, Some(Side::Demand));
    assert_eq!(message.conversation.post_token.as_ref(), Some(post.token()));
    assert_eq!(reader.seen()[0]["metadata"], json!({ "for": "sara" }));
    assert_eq!(reader.seen()[0]["new_message"]["sender"], json!({ "side": "BUYER", "type": "HUMAN" }));
    assert_eq!(deaf.seen(), [json!(null); 0]);
    Ok(())
}

#[tokio::test]
async fn own_messages_arrive_as_bot_on_the_users_side() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("assistant");
    let addon = AddOn::of(&app).await;
    let (sara, ali) = (sandbox.user("sara"), sandbox.user("ali"));
    let post = sandbox.add_post(&sara);
    let chat = post.conversation_with(&ali);
    let scopes = [
        Scope::supplier_all_conversations_read(),
        Scope::supplier_all_conversations_message_send(),
        Scope::conversation_read(chat.id()),
    ];
    let tokens = grant(&sandbox, &app, &sara, scopes).await;
    let client = app.client();
    client.subscribe(&Subscription::to_messages_on_all_posts(), &tokens.access_token).await?;

    client.send_message(chat.id(), &ConversationMessage::text("موجود است"), &tokens.access_token).await?;
    sandbox.settled().await;

    let seen = addon.seen();
    assert_eq!(seen.len(), 1, "{}", sandbox.transcript());
    assert_eq!(seen[0]["type"], "NEW_MESSAGE");
    assert_eq!(seen[0]["new_message"]["sender"], json!({ "side": "SELLER", "type": "BOT" }));
    assert!(!seen[0].as_object().unwrap().contains_key("metadata"), "{}", seen[0]);
    let history = client.get_conversation(chat.id(), &tokens.access_token).await?;
    assert_eq!(history.messages, [chat.next_message().await?.message]);
    Ok(())
}

#[tokio::test]
async fn conversation_returns_only_texts_in_order() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("reader");
    let (sara, ali) = (sandbox.user("sara"), sandbox.user("ali"));
    let chat = sandbox.add_post(&sara).conversation_with(&ali);
    ali.write(&chat, "یک").await?;
    ali.send(&chat, MessageContent::Location(None)).await?;
    sara.write(&chat, "دو").await?;
    let tokens = grant(&sandbox, &app, &ali, [Scope::conversation_read(chat.id())]).await;

    let history = app.client().get_conversation(chat.id(), &tokens.access_token).await?;

    let texts: Vec<_> = history.messages.iter().map(|message| message.text()).collect();
    assert_eq!(texts, [Some("یک"), Some("دو")]);
    assert_eq!(history.conversation.id, *chat.id());
    Ok(())
}

#[tokio::test]
async fn bot_starts_a_conversation_with_a_permitting_user() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("bot");
    let sara = sandbox.user("sara");
    let scopes = [Scope::user_id(), Scope::user_phone(), Scope::chat_bot_user_message_send()];
    let tokens = grant(&sandbox, &app, &sara, scopes).await;
    let client = app.client();

    let user = client.get_user(&tokens.access_token).await?;
    assert_eq!(user.phone_number, Some(sara.phone_number()));
    let id = user.user_id.unwrap();
    let message = BotMessage::text("خوش آمدید").buttons([[Button::server_link("باز کن", json!({ "page": "1" }))]]);
    let sent = client.send_bot_message_to_user(&id, &message, &tokens.access_token).await?;

    let chat = sara.chat_with_bot(&app);
    assert_eq!(sent.conversation_id.as_ref(), Some(chat.id()));
    assert_eq!(chat.messages()[0].text(), Some("خوش آمدید"));
    Ok(())
}

#[tokio::test]
async fn user_id_is_stable_and_differs_by_app() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let (one, two) = (sandbox.app("one"), sandbox.app("two"));
    let id = sandbox.user("sara").id_for(&one);
    assert_eq!(sandbox.user("sara").id_for(&one), id);
    assert_ne!(sandbox.user("sara").id_for(&two), id);
    assert_ne!(sandbox.user("ali").id_for(&one), id);
    Ok(())
}

#[tokio::test]
async fn buttons_perform_their_actions() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("bot");
    let addon = AddOn::of(&app).await;
    let sara = sandbox.user("sara");
    let post = sandbox.add_post(&sara);
    let chat = sara.chat_with_bot(&app);
    let message = BotMessage::text("؟").buttons([
        [Button::open_link("link", addon.url.join(["there"])), Button::server_link("open", json!({ "page": "2" }))],
        [Button::dynamic_action("act", json!({ "move": "3" })), Button::post_page("post", post.token())],
    ]);
    app.client().send_bot_message(chat.id(), &message).await?;
    let message = chat.next_message().await?;

    assert_eq!(sara.press(&message, "link").await?.page().unwrap().text(), "page /there");
    assert_eq!(sara.press(&message, "open").await?.page().unwrap().text(), "page /page");
    let opened = sara.press(&message, "post").await?.opened;
    assert!(matches!(&opened, Some(Opened::Post(token)) if token == post.token()), "{opened:?}");

    addon.replies(DynamicActionReply::empty());
    let nothing = sara.press(&message, "act").await?;
    assert!(nothing.toast.is_none() && nothing.opened.is_none(), "{nothing:?}");
    addon.replies(DynamicActionReply::toast("نوبت شماست").with_action(Action::server_link(json!({ "page": "4" }))));
    let pressed = sara.press(&message, "act").await?;
    assert_eq!(pressed.toast.as_deref(), Some("نوبت شماست"));
    assert_eq!(pressed.page().unwrap().text(), "page /page");
    addon.replies(DynamicActionReply::open(Action::dynamic_action(json!({}))));
    assert!(sara.press(&message, "act").await.is_err());

    let user = sara.id_for(&app);
    let open = |page| {
        json!({
            "source": "CHAT_MESSAGE_ACTION", "conversation_id": chat.id(), "user_id": user,
            "extra_data": { "page": page },
        })
    };
    let act = json!({
        "touchpoint": "CHAT", "conversation_id": chat.id(), "user_id": user, "extra_data": { "move": "3" },
    });
    assert_eq!(addon.seen(), [open("2"), act.clone(), act.clone(), open("4"), act]);
    Ok(())
}

#[tokio::test]
async fn open_app_names_user_post_and_conversation() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("delivery");
    let addon = AddOn::of(&app).await;
    let (sara, ali) = (sandbox.user("sara"), sandbox.user("ali"));
    let post = sandbox.add_post(&sara);
    let chat = post.conversation_with(&ali);

    sara.open_app(&chat, &app).await?;
    ali.open_app(&chat, &app).await?;

    let opened = |user: &User, side| {
        json!({
            "source": "CHAT", "post_token": post.token(), "conversation_id": chat.id(), "user_id": user.id_for(&app),
            "user_side": side,
        })
    };
    assert_eq!(addon.seen(), [opened(&sara, "SUPPLY"), opened(&ali, "DEMAND")]);
    Ok(())
}

#[tokio::test]
async fn revoking_access_ends_tokens_and_notifies_the_app() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let (told, not_told) = (sandbox.app("told"), sandbox.app("not-told"));
    let (hears, deaf) = (AddOn::of(&told).await, AddOn::of(&not_told).await);
    let sara = sandbox.user("sara");
    let tokens = grant(&sandbox, &told, &sara, [Scope::user_id(), Scope::notification_access_revocation()]).await;
    let kept = grant(&sandbox, &not_told, &sara, [Scope::user_id()]).await;

    sara.revoke_access(&told).await?;

    assert_eq!(
        hears.seen(),
        [json!({ "type": "USER_ACCESS_REVOCATION", "user_access_revocation": { "user_id": sara.id_for(&told) } })]
    );
    assert!(told.client().get_user(&tokens.access_token).await.unwrap_err().needs_new_permission());
    assert!(not_told.client().get_user(&kept.access_token).await.is_ok());
    sara.revoke_access(&not_told).await?;
    assert_eq!(deaf.seen(), [json!(null); 0]);
    Ok(())
}

#[tokio::test]
async fn failing_add_on_is_reported_with_a_transcript() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("bot");
    let addon = AddOn::of(&app).await;
    addon.responds_with(StatusCode::INTERNAL_SERVER_ERROR);
    let sara = sandbox.user("sara");
    let chat = sara.chat_with_bot(&app);

    let error = sara.write(&chat, "سلام").await.unwrap_err();

    let failed = "event delivery failed: the add-on responded with status 500";
    for part in [failed, "sara: سلام", "webhook.event ⇒ 500 POST"] {
        assert!(error.to_string().contains(part), "{part:?} is not in:\n{error}");
    }
    assert_eq!(format!("{error:?}"), error.to_string());
    assert_eq!(chat.messages().len(), 1);
    Ok(())
}

#[tokio::test]
async fn missing_url_in_the_panel_is_named() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("bot");
    let sara = sandbox.user("sara");

    let error = sara.open_app(&sara.chat_with_bot(&app), &app).await.unwrap_err().to_string();

    assert!(error.contains("no URL for webhook.open_app of the app bot"), "{error}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn next_message_times_out() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let (sara, ali) = (sandbox.user("sara"), sandbox.user("ali"));
    let chat = sandbox.add_post(&sara).conversation_with(&ali);
    ali.write(&chat, "کسی هست؟").await?;

    let error = chat.next_message().await.unwrap_err().to_string();

    assert!(error.starts_with("timed out after 5s: no message from an app"), "{error}");
    assert!(error.contains("sara (seller) and ali (buyer)") && error.contains("ali: کسی هست؟"), "{error}");
    Ok(())
}

#[tokio::test]
async fn next_message_waits() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("bot");
    let chat = sandbox.user("sara").chat_with_bot(&app);
    let (client, message) = (app.client(), BotMessage::text("سلام"));

    let (came, sent) = tokio::join!(biased; chat.next_message(), client.send_bot_message(chat.id(), &message));

    sent?;
    assert_eq!(came?.text(), Some("سلام"));
    Ok(())
}

#[tokio::test]
async fn journal_lists_requests_without_secrets() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("bot");
    AddOn::of(&app).await;
    let sara = sandbox.user("sara");
    grant(&sandbox, &app, &sara, [Scope::user_id()]).await;
    sara.write(&sara.chat_with_bot(&app), "سلام").await?;

    let journal = sandbox.journal();

    let told: Vec<_> =
        journal.iter().map(|exchange| (exchange.operation, exchange.status, exchange.direction)).collect();
    let expected = [
        ("oauth.decide_consent", Some(303), Direction::ToKenar),
        ("oauth.exchange_code", Some(200), Direction::ToKenar),
        ("webhook.event", Some(200), Direction::ToAddOn),
    ];
    assert_eq!(told, expected);
    assert!(journal[1].request.contains("client_secret=[redacted]"), "{}", journal[1]);
    assert!(!sandbox.transcript().contains("sandbox-client-secret"), "{}", sandbox.transcript());
    assert_eq!(journal[2].app.as_ref(), Some(app.slug()));
    Ok(())
}

#[tokio::test]
async fn sandboxes_run_in_parallel_and_stop() -> TestResult {
    let (one, two) = (Sandbox::builder().seed(1).start().await?, Sandbox::builder().seed(1).start().await?);
    assert_ne!(one.url(), two.url());
    let (client, still) = (one.app("bot").client(), two.app("bot").client());
    let chat = one.user("sara").chat_with_bot(&one.app("bot"));
    let same = two.user("sara").chat_with_bot(&two.app("bot"));
    assert_eq!(chat.id(), same.id(), "the same seed and actions");
    client.send_bot_message(chat.id(), &BotMessage::text("سلام")).await?;

    one.shutdown().await;

    let error = client.send_bot_message(chat.id(), &BotMessage::text("سلام")).await.unwrap_err();
    assert_eq!(error.kind(), kenar::error::ErrorKind::Connect);
    still.send_bot_message(same.id(), &BotMessage::text("سلام")).await?;
    Ok(())
}

#[tokio::test]
async fn longest_time_limit_waits_for_a_message() -> TestResult {
    let sandbox = Sandbox::builder().time_limit(Duration::MAX).in_process().await;
    let app = sandbox.app("bot");
    let chat = sandbox.user("sara").chat_with_bot(&app);
    app.client().send_bot_message(chat.id(), &BotMessage::text("سلام")).await?;
    assert_eq!(chat.next_message().await?.text(), Some("سلام"));
    Ok(())
}
