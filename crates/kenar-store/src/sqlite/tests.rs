use std::sync::{Arc, Mutex};
use std::time::Duration;

use kenar::inbox::{Delivery, Inbox, InboxSettings, InboxStore as _};
use kenar::webhook::ReceivedEvent;
use tokio::sync::Notify;

use super::Sqlite;

fn event(number: usize) -> ReceivedEvent {
    let text = "x".repeat(2000);
    let message =
        format!(r#"{{"id":"{number}","conversation":{{"id":"c-{}"}},"type":"TEXT","text":"{text}"}}"#, number % 7);
    let body = format!(r#"{{"type":"NEW_CHATBOT_MESSAGE","new_chatbot_message":{message}}}"#);
    ReceivedEvent::from_unverified_body(body).unwrap()
}

async fn set_max_page_count(store: &Sqlite, beside_those_in_use: i64) {
    let set = move |connection: &rusqlite::Connection| {
        let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
        connection.query_row(&format!("PRAGMA max_page_count = {}", pages + beside_those_in_use), [], |_| Ok(()))
    };
    store.write(set).await.unwrap();
}

#[tokio::test]
async fn full_database_refuses_events_and_loses_none() {
    let directory = tempfile::tempdir().unwrap();
    let store = Sqlite::open(directory.path().join("addon.db")).await.unwrap();
    let settings = || InboxSettings::default().accept_timeout(Duration::from_millis(50));
    let inbox = Inbox::with_settings(store.clone(), settings(), |_: Delivery| async { Err::<(), _>("not here") });
    // It only accepts.
    inbox.drain().await;
    set_max_page_count(&store, 40).await;

    let mut accepted = Vec::new();
    let refused = loop {
        match inbox.accept(&event(accepted.len())).await {
            Ok(()) => accepted.push(accepted.len().to_string()),
            Err(_) => break accepted.len(),
        }
        assert!(accepted.len() < 1000, "the database is never full");
    };
    assert!(refused > 10, "the database had room for some");
    for _ in 0..3 {
        inbox.accept(&event(refused)).await.expect_err("still full");
    }
    let is_known = inbox.accept(&event(0)).await;
    is_known.expect("a duplicate needs no room");
    assert_eq!(store.counts().await.unwrap().pending, refused as u64, "all that was accepted, and no more");

    set_max_page_count(&store, 1000).await;
    inbox.accept(&event(refused)).await.expect("there is room again");
    accepted.push(refused.to_string());

    let (handled, one_more) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
    let handler = {
        let (handled, one_more) = (Arc::clone(&handled), Arc::clone(&one_more));
        move |delivery: Delivery| {
            handled.lock().unwrap().push(delivery.key.trim_start_matches("message:").to_owned());
            one_more.notify_one();
            async { Ok::<_, std::convert::Infallible>(()) }
        }
    };
    let inbox = Inbox::with_settings(store, settings(), handler);
    while handled.lock().unwrap().len() < accepted.len() {
        one_more.notified().await;
    }
    inbox.drain().await;
    let mut handled = handled.lock().unwrap().clone();
    handled.sort_unstable();
    accepted.sort_unstable();
    assert_eq!(handled, accepted, "each accepted event once");
}
