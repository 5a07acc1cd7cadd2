//! The cost of a sandbox: time to start, memory when idle, and calls per second.
//!
//! `cargo bench -p kenar-benches --bench sandbox`

#[path = "../crates/kenar-tests/tests/allocation_support/live_bytes.rs"]
mod live_bytes;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use kenar::model::ConversationId;
use kenar::{BotMessage, ChatApi as _, Client};
use kenar_sandbox::Sandbox;
use live_bytes::LIVE_BYTES;
use support::is_bench;
use tokio::task::JoinSet;

#[derive(Clone, Copy)]
enum Door {
    InProcess,
    Loopback,
}

impl Door {
    async fn open(self) -> Sandbox {
        match self {
            Self::InProcess => Sandbox::in_process().await,
            Self::Loopback => Sandbox::start().await.expect("a free port"),
        }
    }
}

fn main() {
    // Without `cargo bench`, one short round only shows that the program runs.
    let (sandboxes, calls, rounds) = if is_bench() { (300, 2000, 11) } else { (2, 10, 1) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        println!(
            "{:<14}{:>14}{:>14}{:>20}{:>20}{:>20}",
            "", "start", "stop", "memory when idle", "one at a time", "64 at a time"
        );
        for (name, door) in [("in process", Door::InProcess), ("over loopback", Door::Loopback)] {
            let [start, stop] = start_and_stop(door, sandboxes).await;
            let bytes = memory(door, sandboxes).await;
            let [alone, many] = [rate(door, 1, calls, rounds).await, rate(door, 64, calls, rounds).await];
            let per_second = |rate: f64| format!("{rate:.0} calls/s");
            println!(
                "{name:<14}{:>14}{:>14}{:>20}{:>20}{:>20}",
                format!("{start:.1?}"),
                format!("{stop:.1?}"),
                format!("{:.1} KiB", bytes as f64 / 1024.0),
                per_second(alone),
                per_second(many)
            );
        }
    });
}

/// The median times to start and to stop.
async fn start_and_stop(door: Door, sandboxes: usize) -> [Duration; 2] {
    let (mut starts, mut stops) = (Vec::new(), Vec::new());
    for _ in 0..sandboxes {
        let began = Instant::now();
        let sandbox = door.open().await;
        starts.push(began.elapsed());
        let began = Instant::now();
        sandbox.shutdown().await;
        stops.push(began.elapsed());
    }
    [median(&mut starts), median(&mut stops)]
}

/// The mean memory of an idle sandbox, in bytes.
async fn memory(door: Door, sandboxes: usize) -> isize {
    let warm = door.open().await;
    let before = LIVE_BYTES.load(Ordering::Relaxed);
    let mut held = Vec::with_capacity(sandboxes);
    for _ in 0..sandboxes {
        held.push(door.open().await);
    }
    // Their tasks start.
    tokio::task::yield_now().await;
    let after = LIVE_BYTES.load(Ordering::Relaxed);
    drop((warm, held));
    (after - before) / sandboxes as isize
}

/// Chatbot messages sent and shown per second: the median of rounds with a new sandbox each.
async fn rate(door: Door, in_flight: usize, calls: usize, rounds: usize) -> f64 {
    let mut times = Vec::new();
    for _ in 0..rounds {
        let sandbox = door.open().await;
        let app = sandbox.app("bot");
        let chat = sandbox.user("sara").chat_with_bot(&app);
        let client = app.client();
        let began = Instant::now();
        let mut under_way = JoinSet::new();
        for _ in 0..calls {
            if under_way.len() == in_flight {
                under_way.join_next().await;
            }
            under_way.spawn(call(client.clone(), chat.id().clone()));
        }
        while under_way.join_next().await.is_some() {}
        times.push(began.elapsed());
        assert_eq!(chat.messages().len(), calls, "all were sent");
    }
    calls as f64 / median(&mut times).as_secs_f64()
}

async fn call(client: Client, chat: ConversationId) {
    client.send_bot_message(&chat, &BotMessage::text("سلام")).await.expect("the sandbox accepts the message");
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
