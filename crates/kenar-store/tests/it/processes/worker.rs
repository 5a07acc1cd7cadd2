//! A process of an add-on: it accepts events from its standard input and handles those in the store.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kenar::error::StoreError;
use kenar::inbox::{Delivery, Inbox, InboxSettings};
use kenar::webhook::ReceivedEvent;

use super::children::{MARK, NAME, lines_of_stdin};
use super::place::{STORE, Store};
use super::random;

pub const LOG: &str = "KENAR_TEST_LOG";
pub const LEASE: &str = "KENAR_TEST_LEASE_MS";

/// The tests start the test binary again with this test and its variables.
#[test]
#[ignore = "a process that the other tests start"]
fn worker_process() {
    let Ok(place) = std::env::var(STORE) else { return };
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(run(&place));
}

async fn run(place: &str) {
    let variable = |name: &str| std::env::var(name).unwrap();
    let log = Arc::new(Log::open(variable(LOG).as_ref(), variable(NAME)));
    let settings = InboxSettings::default()
        .accept_timeout(Duration::from_millis(300))
        .lease(Duration::from_millis(variable(LEASE).parse().unwrap()))
        .poll_interval(Duration::from_millis(100))
        .retry_delay(Duration::from_millis(20), Duration::from_millis(200))
        .max_attempts(1000);
    let inbox = Inbox::with_settings(Store::open(place).await.inbox(), settings, move |delivery: Delivery| {
        let log = Arc::clone(&log);
        async move { handle(&log, &delivery).await }
    });
    let mut lines = lines_of_stdin();
    while let Some(line) = lines.recv().await {
        let inbox = inbox.clone();
        tokio::spawn(async move {
            let outcome = if inbox.accept(&event(&line)).await.is_ok() { "ok" } else { "no" };
            println!("{MARK}{outcome} {line}");
        });
    }
    inbox.drain().await;
}

/// Handles an event in up to 3 ms. Of the first attempts, one in a hundred fails and one in a hundred panics.
async fn handle(log: &Log, delivery: &Delivery) -> Result<(), StoreError> {
    let id = delivery.key.strip_prefix("message:").unwrap();
    log.write("begin", id);
    let chance = random(id.bytes().fold(7, |sum, byte| random(sum ^ u64::from(byte))));
    tokio::time::sleep(Duration::from_micros(chance % 3000)).await;
    if delivery.attempt == 1 && chance % 100 < 2 {
        log.write("fail", id);
        assert!(chance % 2 == 0, "a panic");
        return Err("a failure".into());
    }
    log.write("end", id);
    Ok(())
}

fn event(id: &str) -> ReceivedEvent {
    let conversation = id.split_once('/').unwrap().0;
    let message = format!(r#"{{"id":"{id}","conversation":{{"id":"{conversation}"}},"type":"TEXT","text":"سلام"}}"#);
    ReceivedEvent::from_unverified_body(format!(r#"{{"type":"NEW_CHATBOT_MESSAGE","new_chatbot_message":{message}}}"#))
        .unwrap()
}

/// A file to which all workers append. A line is one write, so the lines of all processes are in order.
struct Log {
    file: File,
    worker: String,
}

impl Log {
    fn open(path: &Path, worker: String) -> Self {
        Self { file: OpenOptions::new().append(true).open(path).unwrap(), worker }
    }

    fn write(&self, what: &str, id: &str) {
        (&self.file).write_all(format!("{what} {id} {}\n", self.worker).as_bytes()).unwrap();
    }
}
