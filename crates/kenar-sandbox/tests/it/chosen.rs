//! Promise: a test can choose ids, and the sandbox refuses impossible states.

use crate::support::{REDIRECT, TestResult, grant};
use kenar::model::{ConversationId, PostToken};
use kenar::{BotMessage, ChatApi as _, ConversationMessage, Scope};
use kenar_sandbox::Sandbox;

#[tokio::test]
async fn posts_chats_and_users_accept_chosen_ids() -> TestResult {
    let sandbox = Sandbox::in_process().await;
    let app = sandbox.app("app");
    let (sara, ali) = (sandbox.user("sara"), sandbox.user("ali"));
    let post = sandbox.add_post(&sara).with_token("wZDwv-vo")?;
    let chat = post.conversation_with(&ali).with_id("test-conversation")?;
    let bot = sara.chat_with_bot(&app).with_id("test-bot")?;
    sara.set_id_for(&app, "test-user")?;
    assert_eq!((post.token().as_str(), chat.id().as_str()), ("wZDwv-vo", "test-conversation"));

    // Later lookups return the same ones.
    assert_eq!(post.conversation_with(&ali).id(), chat.id());
    assert_eq!(sara.chat_with_bot(&app).id(), bot.id());
    assert_eq!(post.clone().with_token("wZDwv-vo")?.token(), post.token());

    let fixed = ConversationId::new("test-conversation");
    let scopes = [
        Scope::conversation_send_message(&fixed),
        Scope::post_conversations_read(&PostToken::new("wZDwv-vo")),
        Scope::user_id(),
        Scope::chat_bot_user_message_send(),
    ];
    let by = grant(&sandbox, &app, &sara, scopes).await.access_token;
    let client = app.client();
    client.send_message(&fixed, &ConversationMessage::text("سلام"), &by).await?;
    assert_eq!(chat.next_message().await?.message.conversation.id, fixed);
    let known = client.get_user(&by).await?.user_id.unwrap();
    assert_eq!((known.as_str(), sara.id_for(&app).as_str()), ("test-user", "test-user"));
    let sent = client.send_bot_message_to_user(&known, &BotMessage::text("سلام"), &by).await?;
    assert_eq!(sent.conversation_id.as_ref(), Some(bot.id()));

    let other = Sandbox::in_process().await;
    other.restore(&sandbox.recording());
    assert_eq!(other.user("sara").id_for(&other.app("app")).as_str(), "test-user");
    Ok(())
}

#[tokio::test]
async fn used_or_late_chosen_id_is_refused() -> TestResult {
    let sandbox = Sandbox::in_process().await;
    let app = sandbox.app("app");
    app.set_events_url(app.set_handler(|_| async { http::Response::default() }));
    let (sara, ali) = (sandbox.user("sara"), sandbox.user("ali"));
    let post = sandbox.add_post(&sara).with_token("one")?;
    let chat = post.conversation_with(&ali);
    for token in ["one", ""] {
        assert!(sandbox.add_post(&ali).with_token(token).is_err(), "{token:?}");
    }
    assert!(post.clone().with_token("two").is_err(), "it has a conversation");
    assert!(sara.chat_with_bot(&app).with_id(chat.id().as_str()).is_err());
    let bot = ali.chat_with_bot(&app);
    ali.write(&bot, "سلام").await?;
    let error = bot.with_id("late").unwrap_err().to_string();
    assert!(error.starts_with("the conversation already has messages"), "{error}");
    ali.set_id_for(&app, "user")?.set_id_for(&app, "user")?;
    assert!(sara.set_id_for(&app, "user").is_err() && sara.set_id_for(&app, "").is_err());
    sara.set_id_for(&sandbox.app("other"), "user")?;
    Ok(())
}

#[tokio::test]
async fn chosen_ids_survive_urls_and_scopes_or_are_refused() -> TestResult {
    let sandbox = Sandbox::in_process().await;
    let app = sandbox.app("app");
    let (sara, ali) = (sandbox.user("sara"), sandbox.user("ali"));
    for id in ["a b", "a/../b c", "پ", "a\"", "a\\b", "a\n", ".", ".."] {
        let post = sandbox.add_post(&sara);
        let chat = post.conversation_with(&ali);
        for why in [
            chat.clone().with_id(id).unwrap_err().message().to_owned(),
            sandbox.add_post(&sara).with_token(id).unwrap_err().message().to_owned(),
            sara.set_id_for(&app, id).err().ok_or("accepted")?.message().to_owned(),
        ] {
            assert!(
                why.contains("it must be printable ASCII without spaces") && why.contains(&format!("`{id}`")),
                "{why}"
            );
        }
    }
    for id in ["a/../b", "a%2Fb", "Ab+/=?x#y&z", "a.b"] {
        let post = sandbox.add_post(&sara).with_token(id)?;
        let chat = post.conversation_with(&ali).with_id(id)?;
        sara.set_id_for(&app, id)?;
        let scopes = [
            Scope::post_conversations_read(post.token()),
            Scope::conversation_send_message(chat.id()),
            Scope::chat_bot_user_message_send(),
        ];
        let by = grant(&sandbox, &app, &sara, scopes).await.access_token;
        app.client().send_message(chat.id(), &ConversationMessage::text("سلام"), &by).await?;
        app.client().send_bot_message_to_user(&sara.id_for(&app), &BotMessage::text("سلام"), &by).await?;
    }
    Ok(())
}

#[tokio::test]
async fn owner_cannot_have_a_conversation_about_own_post() -> TestResult {
    let sandbox = Sandbox::in_process().await;
    let (app, sara) = (sandbox.app("app"), sandbox.user("sara"));
    app.oauth(REDIRECT)?;
    let post = sandbox.add_post(&sara);
    let chat = post.conversation_with(&sara);
    for error in [
        sara.write(&chat, "سلام").await.unwrap_err().to_string(),
        sara.open_app(&chat, &app).await.unwrap_err().to_string(),
        sara.block(&chat).unwrap_err().to_string(),
        chat.clone().with_id("own").unwrap_err().to_string(),
    ] {
        assert!(error.starts_with(&format!("invalid conversation: sara owns the post {}", post.token())), "{error}");
    }
    assert!(chat.messages().is_empty() && !sandbox.transcript().contains("about post"), "{}", sandbox.transcript());
    let by = grant(&sandbox, &app, &sara, [Scope::supplier_all_conversations_message_send()]).await.access_token;
    let sent = app.client().send_message(chat.id(), &ConversationMessage::text("سلام"), &by).await.unwrap_err();
    assert_eq!(sent.status().unwrap().as_u16(), 404, "{sent}");
    Ok(())
}
