//! Promise: stopped sandboxes leak nothing. A single test, since it measures the whole process.
#![cfg(target_os = "linux")]

#[path = "../../kenar-tests/tests/allocation_support/live_bytes.rs"]
mod live_bytes;

use std::fs;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::Response;
use kenar::{BotMessage, ChatApi as _};
use kenar_sandbox::{Fault, Sandbox, WebhookFault};
use live_bytes::LIVE_BYTES;
use tokio::runtime::Handle;

/// Runs a sandbox with some activity, and stops it in one of several ways.
async fn come_and_go(number: usize) {
    let builder = Sandbox::builder().seed(number as u64);
    let sandbox = if number % 3 == 0 { builder.in_process().await } else { builder.start().await.unwrap() };
    let app = sandbox.app("bot");
    let (client, own_app, sara) = (app.client(), app.clone(), sandbox.user("sara"));
    // A reference cycle: the handler owns a handle to its own sandbox.
    let addon = app.set_handler({
        let (client, sara) = (client.clone(), sara.clone());
        move |_| {
            let _ = (&client, &own_app, &sara);
            async { Response::default() }
        }
    });
    app.set_events_url(addon);
    let chat = sara.chat_with_bot(&app);
    sara.write(&chat, "سلام").await.unwrap();
    client.send_bot_message(chat.id(), &BotMessage::text("سلام")).await.unwrap();
    chat.next_message().await.unwrap();

    // Unfinished work: a connection that waits for a late response, and a queued event.
    let hours = Duration::from_secs(5 * 3600);
    sandbox.inject(Fault::delay(hours)).on_any_call();
    sandbox.inject(WebhookFault::Delay(hours)).always().on_webhook(kenar_sandbox::Webhook::Event);
    let late = tokio::spawn(async move { client.send_bot_message(chat.id(), &BotMessage::text("؟")).await });
    while sandbox.journal().len() < 3 {
        tokio::task::yield_now().await;
    }
    if number % 2 == 0 {
        sandbox.shutdown().await;
    } else {
        drop(sandbox);
    }
    late.abort();
    let _ = late.await;
}

fn sockets() -> usize {
    let open = fs::read_dir("/proc/self/fd").unwrap().filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
    open.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

/// The number of tasks, sockets and bytes, after stopping tasks have ended.
async fn held(tasks: usize) -> (usize, usize, isize) {
    let metrics = Handle::current().metrics();
    for _ in 0..10_000 {
        if metrics.num_alive_tasks() <= tasks {
            break;
        }
        tokio::task::yield_now().await;
    }
    (metrics.num_alive_tasks(), sockets(), LIVE_BYTES.load(Ordering::Relaxed))
}

#[tokio::test]
async fn thousand_sandboxes_leak_nothing() {
    let began = std::time::Instant::now();
    // One-time allocations: tables of the runtime, buffers of the thread.
    for number in 0..60 {
        come_and_go(number).await;
    }
    let before = held(0).await;
    for number in 0..1000 {
        come_and_go(number).await;
    }
    let after = held(before.0).await;
    assert_eq!((after.0, after.1), (before.0, before.1), "tasks and sockets after 1000 sandboxes");
    let grown = after.2 - before.2;
    assert!(grown < 64 * 1024, "{grown} bytes stayed of 1000 sandboxes");
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}
