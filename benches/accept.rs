//! Accepting events into SQLite and Redis, compared with a bare `INSERT` and a bare `XADD` of the same durability.
//!
//! Both write to disk before they respond, so wall time is compared. The processor time is this process's alone.

use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use kenar::error::Error;
use kenar::inbox::{Inbox, InboxStore};
use kenar::webhook::{Event, ReceivedEvent};
use kenar_store::{Redis, Sqlite};
use redis::IntoConnectionInfo as _;
use redis::io::tcp::TcpSettings;
use support::{argument, cpu_time, human, is_bench, median, ratio};

#[allow(dead_code)]
#[path = "../crates/kenar-store/tests/it/support/redis_server.rs"]
mod redis_server;

use redis_server::RedisServer;

type Accepting = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A way to store one event of about 1 kB, given its number.
struct Contestant {
    name: &'static str,
    accept: Box<dyn Fn(u64) -> Accepting>,
    /// Events per second and the latency at the 99th percentile, round by round.
    rates: Vec<f64>,
    latencies: Vec<f64>,
    /// Processor time per event, in nanoseconds.
    cpu: Vec<f64>,
}

impl Contestant {
    fn new(name: &'static str, accept: impl Fn(u64) -> Accepting + 'static) -> Self {
        Self { name, accept: Box::new(accept), rates: Vec::new(), latencies: Vec::new(), cpu: Vec::new() }
    }

    fn inbox(name: &'static str, inbox: Inbox) -> Self {
        Self::new(name, move |number| {
            let inbox = inbox.clone();
            Box::pin(async move {
                let event = ReceivedEvent::from_unverified_body(body(number)).expect("an event");
                inbox.accept(&event).await.expect("the store accepts");
            })
        })
    }
}

/// An inbox whose handler does nothing: handling is not measured.
async fn inbox(store: impl InboxStore) -> Inbox {
    let inbox = Inbox::new(store, |_: Event| async { Ok::<_, Error>(()) });
    inbox.drain().await;
    inbox
}

fn body(number: u64) -> String {
    let text = "سلام، این محصول هنوز موجود است؟ ".repeat(15);
    format!(
        r#"{{"type":"NEW_MESSAGE","new_message":{{"id":"0b6a1d2e-{number}","conversation":{{"id":"conversation-{}","type":"POST","post_token":"QYabcdef"}},"sender":{{"type":"HUMAN","side":"BUYER"}},"type":"TEXT","sent_at":"2025-07-16T10:41:42.648410Z","text":"{text}"}}}}"#,
        number % 1000,
    )
}

async fn sqlite(directory: &Path) -> [Contestant; 2] {
    let store = Sqlite::open(directory.join("inbox.db")).await.expect("the database opens");
    let connection = rusqlite::Connection::open(directory.join("bare.db")).expect("the database opens");
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).expect("WAL");
    connection
        .execute_batch("PRAGMA synchronous = FULL; CREATE TABLE events (id TEXT, body BLOB);")
        .expect("the table is created");
    let connection = Arc::new(Mutex::new(connection));
    let bare = Contestant::new("INSERT", move |number| {
        let connection = Arc::clone(&connection);
        Box::pin(async move {
            let insert = move || {
                let connection = connection.lock().expect("no insert panics");
                let mut statement = connection.prepare_cached("INSERT INTO events VALUES (?1, ?2)").expect("it is SQL");
                statement.execute((number.to_string(), body(number))).expect("a row is inserted");
            };
            tokio::task::spawn_blocking(insert).await.expect("no insert panics");
        })
    });
    [bare, Contestant::inbox("accept, SQLite", inbox(store).await)]
}

async fn redis(server: &RedisServer) -> [Contestant; 2] {
    let store = Redis::connect(&server.url()).await.expect("the server is reached");
    // As the store sets it.
    let tcp = TcpSettings::default().set_nodelay(true);
    let info = server.url().into_connection_info().expect("a URL").set_tcp_settings(tcp);
    let client = redis::Client::open(info).expect("a client");
    let connection = client.get_connection_manager().await.expect("the server is reached");
    let bare = Contestant::new("XADD", move |number| {
        let mut connection = connection.clone();
        Box::pin(async move {
            let mut add = redis::cmd("XADD");
            add.arg("events").arg("*").arg("id").arg(number).arg("body").arg(body(number));
            add.query_async::<()>(&mut connection).await.expect("an entry is added");
        })
    });
    [bare, Contestant::inbox("accept, Redis", inbox(store).await)]
}

/// Measures the contestants in turns, with this many events at a time.
async fn measure(contestants: &mut [Contestant], rounds: usize, events: u64, at_a_time: u64) {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    for round in 0..rounds {
        for turn in 0..contestants.len() {
            let index = (round + turn) % contestants.len();
            let contestant = &mut contestants[index];
            let (begun, cpu) = (Instant::now(), cpu_time());
            let mut tasks = tokio::task::JoinSet::new();
            let mut latencies = Vec::new();
            for sent in 0..events {
                if sent >= at_a_time {
                    latencies.push(tasks.join_next().await.expect("a task runs").expect("no task panics"));
                }
                let accepting = (contestant.accept)(NUMBER.fetch_add(1, Ordering::Relaxed));
                tasks.spawn(async move {
                    let begun = Instant::now();
                    accepting.await;
                    begun.elapsed()
                });
            }
            latencies.extend(tasks.join_all().await);
            contestant.rates.push(events as f64 / begun.elapsed().as_secs_f64());
            contestant.cpu.push((cpu_time() - cpu).as_nanos() as f64 / events as f64);
            latencies.sort_unstable();
            contestant.latencies.push(latencies[latencies.len() * 99 / 100].as_secs_f64() * 1000.0);
        }
    }
    let [bare, accept] = contestants else { unreachable!("two contestants") };
    println!("\n{at_a_time} at a time ({rounds} rounds of {events})");
    for contestant in [&*bare, &*accept] {
        let (middle, low, high) = ratio(&contestant.rates, &bare.rates);
        println!(
            "{:<20} {:>9.0} events/s   x {middle:.2} [{low:.2}..{high:.2}]   99th percentile {:>7.2} ms   CPU {}",
            contestant.name,
            median(&contestant.rates),
            median(&contestant.latencies),
            human(median(&contestant.cpu)),
        );
    }
    for contestant in contestants {
        contestant.rates.clear();
        contestant.latencies.clear();
        contestant.cpu.clear();
    }
}

#[tokio::main]
async fn main() {
    let rounds = match argument("--rounds").and_then(|rounds| rounds.parse().ok()) {
        Some(rounds) => rounds,
        None if is_bench() => 11,
        None => 1,
    };
    let directory = tempfile::tempdir().expect("a directory");
    let server = RedisServer::start();
    let sqlite = sqlite(directory.path()).await;
    let redis = redis(&server).await;
    for mut contestants in [sqlite, redis] {
        for at_a_time in [1, 64] {
            let events = if is_bench() { 200 * at_a_time.min(20) } else { at_a_time };
            measure(&mut contestants, rounds, events, at_a_time).await;
        }
    }
}
