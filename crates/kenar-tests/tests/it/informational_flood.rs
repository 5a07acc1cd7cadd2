//! Promise: a server that never comes to its response takes no more than the call's time, and nothing after it.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use kenar::client::Retry;
use kenar::error::ErrorKind;
use kenar::request::BaseUrls;
use kenar::secret::ApiKey;
use kenar::transport::HyperTransport;
use kenar::{BotMessage, ChatApi as _, Client};
use tokio::task::JoinSet;

use kenar_tests::support::calls::{API_KEY, conversation};

/// reqwest offers no way to do the same; its transport's documentation says so.
#[test]
fn endless_informational_responses_end_with_the_call() {
    const CALLS: usize = 4;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_urls = BaseUrls::single(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for _ in 0..CALLS {
            let (mut stream, _) = listener.accept().unwrap();
            let tell = tell.clone();
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]).unwrap();
                let flood = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n".repeat(1000);
                while stream.write_all(&flood).is_ok() {}
                tell.send(()).unwrap();
            });
        }
    });
    let client = Client::builder(ApiKey::new(API_KEY).unwrap())
        .base_urls(base_urls)
        .transport(HyperTransport::builder().no_proxy().build().unwrap())
        .retry(Retry::never())
        .time_limit(Duration::from_millis(300))
        .build()
        .unwrap();
    // One thread, on which a connection that is always ready keeps timers waiting.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut calls = JoinSet::new();
        let begun = Instant::now();
        for _ in 0..CALLS {
            let client = client.clone();
            calls.spawn(async move {
                let error = client.send_bot_message(&conversation(), &BotMessage::text("سلام")).await.unwrap_err();
                (error.kind(), begun.elapsed())
            });
        }
        for (kind, took) in calls.join_all().await {
            assert_eq!(kind, ErrorKind::Timeout);
            assert!(took < Duration::from_secs(3), "took {took:?}");
        }
        // Connections close with their calls, which needs a running runtime.
        tokio::task::spawn_blocking(move || {
            for _ in 0..CALLS {
                told.recv_timeout(Duration::from_secs(10)).expect("a connection outlived its call");
            }
        })
        .await
        .unwrap();
    });
}
