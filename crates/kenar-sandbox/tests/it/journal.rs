//! The promise: what happened can be read, sent again, and sent in floods; and a test that fails prints it.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::{AddOn, Ask, TestResult};
use http::{Response, StatusCode};
use kenar_sandbox::{Sandbox, User, Webhook, WebhookFault};

#[tokio::test(start_paused = true)]
async fn journal_says_how_long_the_add_on_took() -> TestResult {
    let sandbox = Sandbox::in_process().await;
    let app = sandbox.app("slow");
    app.set_events_url(app.set_handler(|_| async {
        // A real wait: the journal tells real time, whatever a test's clocks say.
        std::thread::sleep(Duration::from_millis(20));
        Response::default()
    }));
    let sara = sandbox.user("sara");
    sara.write(&sara.chat_with_bot(&app), "سلام").await?;
    let exchange = sandbox.journal().pop().unwrap();
    assert!(exchange.took >= Duration::from_millis(20), "{exchange}");
    assert!(exchange.to_string().contains(" after "), "{exchange}");
    Ok(())
}

#[tokio::test]
async fn webhook_is_delivered_again_to_where_the_panel_says_now() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("bot");
    let (old, new) = (AddOn::of(&app).await, AddOn::of(&app).await);
    app.set_events_url(old.url.join(["events"])).set_open_app_url(old.url.join(["open"]));
    let (sara, ali) = (sandbox.user("sara"), sandbox.user("ali"));
    sara.write(&sara.chat_with_bot(&app), "سلام").await?;
    let chat = sandbox.add_post(&sara).conversation_with(&ali);
    ali.open_app(&chat, &app).await?;
    let numbers: Vec<_> = sandbox.journal().iter().map(|exchange| exchange.number).collect();

    app.set_events_url(new.url.join(["events"])).set_open_app_url(new.url.join(["open"]));
    for number in &numbers {
        sandbox.redeliver(*number).await?;
    }
    assert_eq!(numbers.len(), 2, "{}", sandbox.transcript());
    assert_eq!(new.seen(), old.seen());

    let error = sandbox.redeliver(999).await.unwrap_err().to_string();
    assert!(error.starts_with("there is no #999 in the journal"), "{error}");
    new.answers_with(StatusCode::INTERNAL_SERVER_ERROR);
    let error = sandbox.redeliver(numbers[0]).await.unwrap_err().to_string();
    assert!(error.starts_with("#1 was delivered again, but the add-on answered 500"), "{error}");
    Ok(())
}

#[tokio::test]
async fn what_is_no_webhook_is_not_delivered_again() -> TestResult {
    let sandbox = Sandbox::in_process().await;
    sandbox.client().execute(&kenar::operation::CreateUploadToken).await?;
    let error = sandbox.redeliver(1).await.unwrap_err().to_string();
    assert!(error.starts_with("#1 is no webhook"), "{error}");
    Ok(())
}

#[tokio::test]
async fn flood_comes_all_at_once_and_is_counted() -> TestResult {
    let sandbox = Sandbox::in_process().await;
    let app = sandbox.app("bot");
    let (at_once, most, all) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), 300);
    let (counted, highest) = (Arc::clone(&at_once), Arc::clone(&most));
    app.set_events_url(app.set_handler(move |request| {
        let (counted, highest) = (Arc::clone(&counted), Arc::clone(&highest));
        async move {
            highest.fetch_max(counted.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            counted.fetch_sub(1, Ordering::SeqCst);
            let event: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
            let number: usize = event["new_chatbot_message"]["text"].as_str().unwrap().parse().unwrap();
            let mut response = Response::default();
            if number % 100 == 0 {
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            }
            response
        }
    }));
    let sara = sandbox.user("sara");
    let chat = sara.chat_with_bot(&app);
    sandbox.inject(WebhookFault::Lost).times(2).on_webhook(Webhook::Event);
    let flood = sara.flood(&chat, all).await?;
    assert_eq!((flood.events(), flood.failed(), chat.messages().len()), (all, 3, all), "{flood}");
    assert!(flood.percentile(50) <= flood.percentile(99) && flood.percentile(99) <= flood.percentile(100), "{flood}");
    assert!((2..=64).contains(&most.load(Ordering::SeqCst)), "{most:?} at a time");

    let error = sara.flood(&chat, User::MAX_FLOOD + 1).await.unwrap_err().to_string();
    assert!(error.starts_with("a flood of 10001 messages is more than 10000"), "{error}");
    assert_eq!(chat.messages().len(), all);
    Ok(())
}

#[tokio::test]
async fn flood_without_anything_is_one() -> TestResult {
    let sandbox = Sandbox::in_process().await;
    let sara = sandbox.user("sara");
    let flood = sara.flood(&sara.chat_with_bot(&sandbox.app("bot")), 0).await?;
    assert_eq!((flood.events(), flood.percentile(99)), (0, Duration::ZERO));
    Ok(())
}

/// Fails, for the test below to look at.
#[tokio::test]
#[ignore = "it fails on purpose"]
async fn fails() {
    let sandbox = Sandbox::in_process().await;
    let app = sandbox.app("bot");
    app.set_events_url(app.set_handler(|_| async { Response::default() }));
    let sara = sandbox.user("sara");
    let chat = sara.chat_with_bot(&app);
    sara.write(&chat, "سلام").await.unwrap();
    assert_eq!(chat.messages().len(), 2);
}

#[test]
fn test_that_fails_prints_the_transcript() {
    let test = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "journal::fails"])
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&test.stdout);
    assert!(!test.status.success(), "{output}");
    for expected in ["what happened in the sandbox", "sara: سلام", "→ add-on webhook.event ⇒ 200"] {
        assert!(output.contains(expected), "no {expected:?} in:\n{output}");
    }
}

#[tokio::test]
async fn keys_and_foreign_tokens_are_not_in_the_journal() -> TestResult {
    let sandbox = Sandbox::in_process().await;
    let app = sandbox.app("app");
    app.set_identification_key("a-real-identification-key".parse()?);
    let key = app.identification_key();
    let own = app.api_key();
    let body =
        serde_json::json!({ "post_token": "abc", "endpoint": "http://a/", "identification_key": "some-other-key" });
    for (path, body) in [
        ("/v1/open-platform/notify/chat/post-conversations", body.to_string()),
        ("/nothing", serde_json::json!({ "authorization": key.expose_secret(), "k": own.expose_secret() }).to_string()),
        ("/nothing?identification_key=some-other-key&refresh_token=some-real-token", String::new()),
        (
            "/nothing",
            "client_secret=some-other-key&refresh_token=some-real-token&access_token=some-real-token".to_owned(),
        ),
        (
            "/oauth2/token",
            "grant_type=refresh_token&refresh_token=some-real-token&client_secret=some-other-key".to_owned(),
        ),
    ] {
        Ask::new(&sandbox, "POST", path).body(body).answer().await;
    }
    let journal = format!("{:?}{}", sandbox.journal(), sandbox.transcript());
    for secret in ["some-other-key", "some-real-token", "a-real-identification-key", own.expose_secret()] {
        assert!(!journal.contains(secret), "{secret}: {journal}");
    }
    assert!(journal.contains("abc") && journal.contains("[redacted]"), "{journal}");
    Ok(())
}

#[tokio::test]
async fn body_that_is_not_json_is_cut_in_messages_and_whole_in_the_journal() -> TestResult {
    let sandbox = Sandbox::in_process().await;
    let app = sandbox.app("app");
    let page = format!("<!doctype html><title>Traceback</title>{}", "<p>frame</p>".repeat(1700));
    let answer = page.clone();
    app.set_events_url(app.set_handler(move |_| {
        let body = answer.clone().into();
        async move { Response::builder().status(500).body(body).unwrap() }
    }));
    let sara = sandbox.user("sara");
    let text = "سلام ".repeat(500);
    let error = sara.write(&sara.chat_with_bot(&app), &text).await.unwrap_err().to_string();
    assert!(
        page.len() > 20_000 && error.contains("Traceback") && error.contains(&format!("({} bytes in all)", page.len()))
    );
    // The conversation and the JSON of the event hold the text, each whole.
    assert!(error.len() < 2 * text.len() + 2000, "{} bytes: {error}", error.len());
    let exchange = sandbox.journal().pop().unwrap();
    assert_eq!(exchange.response, page);
    assert!(exchange.to_string().contains(text.trim()), "JSON is whole");
    Ok(())
}
