//! Promise: the journal is readable, webhooks can be repeated, and failing tests print a transcript.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::{AddOn, Ask, TestResult};
use http::{Response, StatusCode};
use kenar_sandbox::{Sandbox, User, Webhook, WebhookFault};

#[tokio::test(start_paused = true)]
async fn journal_has_the_response_time() -> TestResult {
    let sandbox = Sandbox::in_process().await;
    let app = sandbox.app("slow");
    app.set_events_url(app.set_handler(|_| async {
        // A real wait: response times are real time, whatever the sandbox's clock shows.
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
async fn redelivery_goes_to_the_current_url() -> TestResult {
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
    assert!(error.starts_with("not found in the journal: #999"), "{error}");
    new.responds_with(StatusCode::INTERNAL_SERVER_ERROR);
    let error = sandbox.redeliver(numbers[0]).await.unwrap_err().to_string();
    assert!(error.starts_with("redelivery of #1 failed: the add-on responded with status 500"), "{error}");
    Ok(())
}

#[tokio::test]
async fn only_webhooks_can_be_redelivered() -> TestResult {
    let sandbox = Sandbox::in_process().await;
    sandbox.client().execute(&kenar::operation::CreateUploadToken).await?;
    let error = sandbox.redeliver(1).await.unwrap_err().to_string();
    assert!(error.starts_with("not a webhook: #1"), "{error}");
    Ok(())
}

#[tokio::test]
async fn flood_is_concurrent_and_counted() -> TestResult {
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
    assert!(error.starts_with("too many messages in a flood: 10001, at most 10000"), "{error}");
    assert_eq!(chat.messages().len(), all);
    Ok(())
}

#[tokio::test]
async fn empty_flood_has_no_events() -> TestResult {
    let sandbox = Sandbox::in_process().await;
    let sara = sandbox.user("sara");
    let flood = sara.flood(&sara.chat_with_bot(&sandbox.app("bot")), 0).await?;
    assert_eq!((flood.events(), flood.percentile(99)), (0, Duration::ZERO));
    Ok(())
}

/// Fails, so that the next test can check the output.
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
fn failing_test_prints_the_transcript() {
    let test = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "journal::fails"])
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&test.stdout);
    assert!(!test.status.success(), "{output}");
    for expected in ["transcript of the sandbox", "sara: سلام", "→ add-on webhook.event ⇒ 200"] {
        assert!(output.contains(expected), "no {expected:?} in:\n{output}");
    }
}

#[tokio::test]
async fn keys_and_foreign_tokens_are_redacted() -> TestResult {
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
        Ask::new(&sandbox, "POST", path).body(body).send().await;
    }
    let journal = format!("{:?}{}", sandbox.journal(), sandbox.transcript());
    for secret in ["some-other-key", "some-real-token", "a-real-identification-key", own.expose_secret()] {
        assert!(!journal.contains(secret), "{secret}: {journal}");
    }
    assert!(journal.contains("abc") && journal.contains("[redacted]"), "{journal}");
    Ok(())
}

#[tokio::test]
async fn non_json_body_is_truncated_in_messages_only() -> TestResult {
    let sandbox = Sandbox::in_process().await;
    let app = sandbox.app("app");
    let page = format!("<!doctype html><title>Traceback</title>{}", "<p>frame</p>".repeat(1700));
    let response = page.clone();
    app.set_events_url(app.set_handler(move |_| {
        let body = response.clone().into();
        async move { Response::builder().status(500).body(body).unwrap() }
    }));
    let sara = sandbox.user("sara");
    let text = "سلام ".repeat(500);
    let error = sara.write(&sara.chat_with_bot(&app), &text).await.unwrap_err().to_string();
    assert!(
        page.len() > 20_000
            && error.contains("Traceback")
            && error.contains(&format!("({} bytes in total)", page.len()))
    );
    // The conversation and the JSON of the event contain the full text.
    assert!(error.len() < 2 * text.len() + 2000, "{} bytes: {error}", error.len());
    let exchange = sandbox.journal().pop().unwrap();
    assert_eq!(exchange.response, page);
    assert!(exchange.to_string().contains(text.trim()), "JSON is not truncated");
    Ok(())
}
