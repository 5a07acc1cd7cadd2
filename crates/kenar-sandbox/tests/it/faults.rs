//! Promise: injected faults behave like real ones. The client retries what is safe, and never sends a message twice.

use std::time::Duration;

use crate::support::{Ask, REDIRECT, TestResult, grant};
use http::{Response, StatusCode};
use kenar::client::Retry;
use kenar::error::{ErrorKind, RpcCode};
use kenar::oauth::{ExchangeCode, RefreshTokens, TokenSet};
use kenar::operation::{
    CreateUploadToken, GetConversation, GetUser, Media, MediaSource, SendBotMessage, SendMessage, Subscribe,
    Subscription, UploadMedia,
};
use kenar::request::Operation as _;
use kenar::transport::TransportErrorKind;
use kenar::{BotMessage, ChatApi as _, Client, ConversationMessage, Scope};
use kenar_sandbox::{App, Chat, Dialect, Fault, Post, Sandbox, TimeForm, User};

struct Scene {
    sandbox: Sandbox,
    app: App,
    client: Client,
    sara: User,
    post: Post,
    chat: Chat,
    tokens: TokenSet,
}

/// Sara is the seller, Ali the buyer, and Sara granted every scope.
async fn scene(sandbox: Sandbox) -> Scene {
    let app = sandbox.app("app");
    let (sara, ali) = (sandbox.user("sara"), sandbox.user("ali"));
    let post = sandbox.add_post(&sara);
    let chat = post.conversation_with(&ali);
    let scopes = [
        Scope::conversation_send_message(chat.id()),
        Scope::conversation_read(chat.id()),
        Scope::supplier_all_conversations_read(),
        Scope::chat_bot_user_message_send(),
        Scope::user_id(),
        Scope::user_phone(),
        Scope::offline_access(),
    ];
    let tokens = grant(&sandbox, &app, &sara, scopes).await;
    let client = Client::builder(app.api_key())
        .base_urls(sandbox.base_urls().clone())
        .transport(sandbox.transport())
        .retry(Retry::default().first_pause(Duration::from_millis(1)))
        .build()
        .unwrap();
    Scene { sandbox, app, client, sara, post, chat, tokens }
}

async fn both() -> [Scene; 2] {
    [scene(Sandbox::in_process().await).await, scene(Sandbox::start().await.unwrap()).await]
}

fn text() -> ConversationMessage {
    ConversationMessage::text("سلام")
}

#[tokio::test]
async fn server_error_is_retried_for_reads_but_not_sends() -> TestResult {
    for Scene { sandbox, client, chat, tokens, .. } in both().await {
        for fault in [Fault::status(503), Fault::bare_status(503)] {
            let injected = sandbox.inject(fault.clone()).times(2).on::<SendMessage>();
            let error = client.send_message(chat.id(), &text(), &tokens.access_token).await.unwrap_err();
            assert_eq!((error.kind(), error.attempts(), injected.times_triggered()), (ErrorKind::Api, 1, 1), "{error}");
            assert!(error.may_have_been_processed() && chat.messages().is_empty());
            injected.remove();

            let injected = sandbox.inject(fault).times(2).on::<GetConversation>();
            client.get_conversation(chat.id(), &tokens.access_token).await?;
            assert_eq!(injected.times_triggered(), 2);
        }
    }
    Ok(())
}

#[tokio::test]
async fn status_fault_has_a_code_or_an_empty_body() -> TestResult {
    let Scene { sandbox, client, tokens, .. } = scene(Sandbox::in_process().await).await;
    for (fault, status, code) in [
        (Fault::status(403), 403, Some(RpcCode::PERMISSION_DENIED)),
        (Fault::status(412), 412, Some(RpcCode::FAILED_PRECONDITION)),
        (Fault::status(418), 418, Some(RpcCode::UNKNOWN)),
        (Fault::bare_status(403), 403, None),
        (Fault::bare_status(42), 500, None),
        (Fault::response(Response::builder().status(402).body("pay")?), 402, None),
    ] {
        let injected = sandbox.inject(fault).always().on_any_call();
        let error = client.get_user(&tokens.access_token).await.unwrap_err();
        assert_eq!((error.status().map(|status| status.as_u16()), error.rpc_code()), (Some(status), code), "{error}");
        let exchange = sandbox.journal().pop().unwrap();
        assert!(exchange.is_faulty(), "{exchange}");
        injected.remove();
    }
    Ok(())
}

#[tokio::test]
async fn html_page_is_not_a_success() -> TestResult {
    for Scene { sandbox, client, sara, app, chat, tokens, .. } in both().await {
        sandbox.inject(Fault::html()).on::<SendMessage>();
        let error = client.send_message(chat.id(), &text(), &tokens.access_token).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::UnexpectedResponse, 1), "{error}");
        assert!(error.may_have_been_processed());

        sandbox.inject(Fault::html().carried_out()).on::<SendBotMessage>();
        let bot = sara.chat_with_bot(&app);
        let error = client.send_bot_message(bot.id(), &BotMessage::text("سلام")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedResponse);
        assert_eq!((chat.messages().len(), bot.messages().len()), (0, 1), "{}", sandbox.transcript());
    }
    Ok(())
}

#[tokio::test]
async fn message_with_a_lost_response_is_not_resent() -> TestResult {
    for Scene { sandbox, client, chat, tokens, .. } in both().await {
        for (said, fault) in [(1, Fault::response_lost()), (2, Fault::cut_off())] {
            let injected = sandbox.inject(fault).always().on::<SendMessage>();
            let error = client.send_message(chat.id(), &text(), &tokens.access_token).await.unwrap_err();
            assert_eq!((error.kind(), error.attempts()), (ErrorKind::Interrupted, 1), "{error}");
            assert!(error.may_have_been_processed());
            injected.remove();
            assert_eq!(chat.messages().len(), said, "{}", sandbox.transcript());
        }
        sandbox.inject(Fault::no_response()).on::<SendMessage>();
        client.send_message(chat.id(), &text(), &tokens.access_token).await.unwrap_err();
        assert_eq!(chat.messages().len(), 2, "by default, a call with a fault is not carried out");
    }
    Ok(())
}

#[tokio::test]
async fn read_with_a_closed_connection_is_retried() -> TestResult {
    for Scene { sandbox, client, tokens, .. } in both().await {
        for fault in [Fault::no_response(), Fault::cut_off()] {
            let injected = sandbox.inject(fault).times(2).on::<GetUser>();
            client.get_user(&tokens.access_token).await?;
            assert_eq!(injected.times_triggered(), 2, "{}", sandbox.transcript());
        }
    }
    Ok(())
}

#[tokio::test]
async fn refresh_with_a_lost_response_is_retried() -> TestResult {
    let Scene { sandbox, app, tokens, client, .. } = scene(Sandbox::in_process().await).await;
    let injected = sandbox.inject(Fault::response_lost()).on::<RefreshTokens>();
    let fresh = app.oauth(REDIRECT)?.refresh(&tokens).await?;
    assert_eq!(injected.times_triggered(), 1);
    client.get_user(&fresh.access_token).await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn late_response_times_out() -> TestResult {
    let Scene { sandbox, client, chat, tokens, .. } = scene(Sandbox::in_process().await).await;
    sandbox.inject(Fault::delay(Duration::from_secs(3600))).on::<SendMessage>();
    let error = client.send_message(chat.id(), &text(), &tokens.access_token).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 1), "{error}");
    assert!(error.may_have_been_processed());
    assert_eq!(chat.messages().len(), 1, "{}", sandbox.transcript());

    sandbox.inject(Fault::delay(Duration::from_millis(900))).on::<SendMessage>();
    client.send_message(chat.id(), &text(), &tokens.access_token).await?;
    let read = sandbox.inject(Fault::status(500).delayed(Duration::from_secs(3600))).on::<GetUser>();
    client.get_user(&tokens.access_token).await?;
    assert_eq!(read.times_triggered(), 1);
    Ok(())
}

#[tokio::test]
async fn rate_limit_fault_has_retry_after() -> TestResult {
    let Scene { sandbox, client, tokens, .. } = scene(Sandbox::in_process().await).await;
    let busy = Response::builder().status(StatusCode::TOO_MANY_REQUESTS).header("retry-after", "30").body("")?;
    sandbox.inject(Fault::response(busy)).on::<GetUser>();
    let error = client.get_user(&tokens.access_token).await.unwrap_err();
    assert!(error.is_rate_limited() && error.retry_after() == Some(Duration::from_secs(30)), "{error}");
    assert!(!error.may_have_been_processed());
    Ok(())
}

#[tokio::test]
async fn upload_faults_are_reported() -> TestResult {
    for Scene { sandbox, client, .. } in both().await {
        let photo = || Media::image("a.png", MediaSource::bytes("a")).unwrap();
        sandbox.inject(Fault::bare_status(502)).times(3).on::<CreateUploadToken>();
        assert_eq!(client.upload_media(photo()).await.unwrap_err().status().unwrap(), 502);
        sandbox.inject(Fault::cut_off()).on::<UploadMedia>();
        assert_eq!(client.upload_media(photo()).await.unwrap_err().kind(), ErrorKind::Interrupted);
        client.upload_media(photo()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn code_exchange_is_not_retried() -> TestResult {
    let Scene { sandbox, app, .. } = scene(Sandbox::in_process().await).await;
    let injected = sandbox.inject(Fault::status(500)).always().on::<ExchangeCode>();
    let error = app.oauth(REDIRECT)?.exchange(kenar::secret::AuthorizationCode::new("placeholder")?).await.unwrap_err();
    assert_eq!((error.attempts(), injected.times_triggered()), (1, 1), "{error}");
    Ok(())
}

#[tokio::test]
async fn every_dialect_of_a_response_is_read() -> TestResult {
    let Scene { sandbox, client, app, sara, chat, post, tokens } = scene(Sandbox::in_process().await).await;
    client.send_message(chat.id(), &text(), &tokens.access_token).await?;
    let sent = chat.messages()[0].message.clone();
    let bot = sara.chat_with_bot(&app);
    for dialect in Dialect::ALL.iter().copied() {
        // A read without a body is rightly an error.
        let reads = dialect != Dialect::EmptyResponse;
        let name = format!("{dialect:?}");
        sandbox.inject(dialect).on::<SendBotMessage>();
        client.send_bot_message(bot.id(), &BotMessage::text("سلام")).await.expect(&name);
        sandbox.inject(dialect).on::<SendMessage>();
        client.send_message(chat.id(), &text(), &tokens.access_token).await.expect(&name);
        sandbox.inject(dialect).on::<Subscribe>();
        client.subscribe(&Subscription::to_messages_on(post.token()), &tokens.access_token).await.expect(&name);
        if !reads {
            continue;
        }
        sandbox.inject(dialect).on::<GetUser>();
        let user = client.get_user(&tokens.access_token).await.expect(&name);
        assert_eq!((user.user_id, user.phone_number), (Some(sara.id_for(&app)), Some(sara.phone_number())), "{name}");
        sandbox.inject(dialect).on::<GetConversation>();
        let read = client.get_conversation(chat.id(), &tokens.access_token).await.expect(&name);
        let first = &read.messages[0];
        assert_eq!((&first.id, &first.conversation.id), (&sent.id, chat.id()), "{name}");
        match dialect {
            Dialect::SentAt(TimeForm::Null | TimeForm::Missing) => assert_eq!(first.sent_at, None),
            Dialect::SentAt(TimeForm::Seconds | TimeForm::Millis) => assert!(first.sent_at <= sent.sent_at),
            _ => assert_eq!(first.sent_at, sent.sent_at, "{name}"),
        }
        sandbox.inject(dialect).on::<RefreshTokens>();
        app.oauth(REDIRECT)?.refresh(&tokens).await.expect(&name);
        sandbox.inject(dialect).on::<CreateUploadToken>();
        client.execute(&CreateUploadToken).await.expect(&name);
    }
    Ok(())
}

#[tokio::test]
async fn cut_connection_is_reset_rather_than_closed() -> TestResult {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let sandbox = Sandbox::start().await?;
    let address = sandbox.url().strip_prefix("http://").unwrap().to_owned();
    for fault in [Fault::no_response(), Fault::cut_off()] {
        sandbox.inject(fault).on::<GetUser>();
        let mut stream = tokio::net::TcpStream::connect(&address).await?;
        let request = format!("GET /v1/open-platform/users HTTP/1.1\r\nhost: {address}\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let error = stream.read_to_end(&mut Vec::new()).await.expect_err("a reset");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    Ok(())
}

/// Tests that the old tokens still work for a while after a lost response to a refresh.
#[tokio::test]
async fn refresh_with_a_lost_response_is_carried_out() -> TestResult {
    for (fault, chat_page) in [(Fault::response_lost(), false), (Fault::response_lost(), true)] {
        let sandbox = Sandbox::builder().manual_clock().chat_page(chat_page).start().await?;
        let app = sandbox.app("app");
        let old = grant(&sandbox, &app, &sandbox.user("sara"), [Scope::user_id(), Scope::offline_access()]).await;
        if chat_page {
            // Through the page's API.
            let body =
                serde_json::json!({ "at": RefreshTokens::METADATA.name(), "fault": "response_lost", "times": 1 });
            let ask = Ask::new(&sandbox, "POST", "/chat/act/fault-on").header("origin", sandbox.url()).json(body);
            assert_eq!(ask.json_response().await, (200, serde_json::json!({})));
        } else {
            sandbox.inject(fault).on::<RefreshTokens>();
        }
        let secret = app.client_secret();
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", "app"),
            ("client_secret", secret.expose_secret()),
            ("redirect_uri", REDIRECT),
            ("refresh_token", old.refresh_token.as_ref().unwrap().expose_secret()),
        ];
        let lost = Ask::new(&sandbox, "POST", "/oauth2/token").form(&fields).try_send().await.unwrap_err();
        assert_eq!(lost.kind(), TransportErrorKind::Interrupted, "{lost}");
        let exchange = sandbox.journal().pop().unwrap();
        assert_eq!(exchange.status, Some(200), "{exchange}");
        assert!(exchange.is_faulty() && exchange.response.contains("refresh_token"), "{exchange}");

        sandbox.advance(Duration::from_secs(119));
        app.client().get_user(&old.access_token).await?;
        sandbox.advance(Duration::from_secs(1));
        let error = app.client().get_user(&old.access_token).await.unwrap_err();
        assert_eq!(error.status().unwrap().as_u16(), 401, "retired by the refresh that was carried out: {error}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn slow_refresh_is_carried_out_after_the_delay() -> TestResult {
    let sandbox = Sandbox::builder().manual_clock().in_process().await;
    let app = sandbox.app("app");
    let old = grant(&sandbox, &app, &sandbox.user("sara"), [Scope::user_id(), Scope::offline_access()]).await;
    let oauth = app.oauth(REDIRECT)?;
    let slow = sandbox.inject(Fault::slow(Duration::from_secs(1))).on::<RefreshTokens>();
    let before = sandbox.journal().len();
    let began = tokio::time::Instant::now();
    let refresh = tokio::spawn({
        let old = old.clone();
        async move { oauth.refresh(&old).await }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!((slow.times_triggered(), sandbox.journal().len()), (1, before), "not carried out yet");
    let new = refresh.await??;
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_ne!(new.access_token, old.access_token);
    Ok(())
}

#[tokio::test]
async fn return_url_dialect_reaches_the_fallback_url() -> TestResult {
    let sandbox = Sandbox::in_process().await;
    let (app, sara) = (sandbox.app("app"), sandbox.user("sara"));
    let addon = app.set_handler(|_| async { http::Response::default() });
    app.set_fallback_url(addon.join(["page"]));
    let post = sandbox.add_post(&sara);
    let parameters = async || -> Vec<String> {
        let visit = sara.follow_direct_link(&post, &app).await.unwrap();
        visit.url().query_pairs().map(|(name, _)| name.into_owned()).collect()
    };
    assert_eq!(parameters().await, ["post_token", "completion_url"]);
    let fault = sandbox.inject(Dialect::ReturnUrl).on_fallback_url();
    assert_eq!(parameters().await, ["post_token", "return_url"]);
    assert_eq!((parameters().await, fault.times_triggered()), (vec!["post_token".into(), "completion_url".into()], 1));
    sandbox.inject(Dialect::CompletionUrl).always().on_fallback_url();
    assert_eq!(parameters().await, ["post_token", "completion_url"]);
    Ok(())
}
