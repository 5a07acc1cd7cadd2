//! The memory of 10,000 concurrent sends whose responses take seconds. Each of them must end.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use kenar::model::ConversationId;
use kenar::request::BaseUrls;
use kenar::secret::{AccessToken, ApiKey};
use kenar::{ChatApi as _, Client};
use support::message::{plain_message, typed_message};
use support::stub::Stub;
use support::{argument, is_bench, memory_kib, plain};

/// The stub's delay before each response, which is longer than sending all requests takes.
const DELAY: Duration = Duration::from_secs(8);

fn main() {
    support::stub::serve_if_asked();
    let sends: u32 = if is_bench() { 10_000 } else { 10 };
    if let Some(contestant) = argument("--contestant") {
        let origin = argument("--origin").unwrap();
        let sends = argument("--sends").unwrap().parse().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        return runtime.block_on(wait(&contestant, &origin, sends));
    }
    println!("\n{sends} concurrent sends through one client, each with a slow response");
    println!("{:<34} {:>14} {:>10} {:>10}", "", "memory each", "succeeded", "failed");
    for contestant in ["kenar", "derive"] {
        let stub = Stub::start(if is_bench() { DELAY } else { Duration::ZERO });
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--contestant", contestant, "--origin", &stub.origin(), "--sends", &sends.to_string()])
            .status();
        assert!(status.unwrap().success());
    }
}

async fn wait(contestant: &str, origin: &str, sends: u32) {
    rustls::crypto::ring::default_provider().install_default().expect("nothing else has installed one");
    let send = sender(contestant, origin);
    let before = memory_kib("VmHWM");
    let tasks: Vec<_> = (0..sends).map(|_| tokio::spawn(send())).collect();
    let mut succeeded = 0;
    for task in tasks {
        succeeded += u32::from(task.await.expect("no send panics"));
    }
    let each = (memory_kib("VmHWM") - before) as f64 / f64::from(sends);
    println!("{contestant:<34} {:>10.1} KiB {succeeded:>10} {:>10}", each, sends - succeeded);
}

type Send = Box<dyn Fn() -> std::pin::Pin<Box<dyn Future<Output = bool> + std::marker::Send>>>;

fn sender(contestant: &str, origin: &str) -> Send {
    if contestant == "kenar" {
        let client = Client::builder(ApiKey::new("placeholder").unwrap())
            .base_urls(BaseUrls::single(origin).unwrap())
            .time_limit(Duration::from_secs(60))
            .build()
            .unwrap();
        let message = Arc::new(typed_message());
        return Box::new(move || {
            let (client, message) = (client.clone(), message.clone());
            Box::pin(async move {
                let token = AccessToken::new("placeholder").unwrap();
                client.send_message(&ConversationId::new("c-1"), &message, &token).await.is_ok()
            })
        });
    }
    let client = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().unwrap();
    let url: Arc<str> = format!("{origin}/v2/open-platform/conversations/c-1/messages").into();
    let message = Arc::new(plain_message());
    Box::new(move || {
        let (client, url, message) = (client.clone(), url.clone(), message.clone());
        Box::pin(async move {
            let request = client.post(&*url).header("X-API-Key", "placeholder").bearer_auth("placeholder");
            match request.json(&*message).send().await {
                Ok(response) => response.json::<plain::Sent>().await.is_ok(),
                Err(_) => false,
            }
        })
    })
}
