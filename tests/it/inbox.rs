//! Promise: an accepted event is handled, whatever happens to the handler, the process and the store.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use kenar::error::StoreError;
use kenar::inbox::{
    ClaimedEvent, DeadLetter, Delivery, Inbox, InboxCounts, InboxSettings, InboxStore, Insertion, MemoryInbox,
    NewEvent, Ticket,
};
use kenar::webhook::ReceivedEvent;
use kenar::{Error, Event};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, timeout};

fn message(conversation: &str, id: &str) -> ReceivedEvent {
    let message = format!(r#"{{"id":"{id}","conversation":{{"id":"{conversation}"}},"type":"TEXT","text":"{id}"}}"#);
    let body = format!(r#"{{"type":"NEW_CHATBOT_MESSAGE","new_chatbot_message":{message},"newer":[1]}}"#);
    ReceivedEvent::from_unverified_body(body).unwrap()
}

fn id(event: &Event) -> String {
    let Event::ChatbotMessage(message) = event else { panic!("a message: {event:?}") };
    message.id.as_ref().unwrap().to_string()
}

/// A handler that reports each event, and the receiver of the reports.
fn reporting() -> (impl Fn(Event) -> std::future::Ready<Result<(), Error>>, mpsc::UnboundedReceiver<String>) {
    let (handled, reports) = mpsc::unbounded_channel();
    let handler = move |event: Event| {
        handled.send(id(&event)).unwrap();
        std::future::ready(Ok(()))
    };
    (handler, reports)
}

async fn next(reports: &mut mpsc::UnboundedReceiver<String>) -> String {
    timeout(Duration::from_secs(3600), reports.recv()).await.expect("an event is handled").unwrap()
}

/// Waits until nothing is pending.
async fn settled(inbox: &Inbox) -> InboxCounts {
    loop {
        let counts = inbox.counts().await.unwrap();
        if counts.pending == 0 {
            return counts;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// A store in memory that fails on demand.
#[derive(Clone, Debug, Default)]
struct Unsteady {
    inner: Arc<MemoryInbox>,
    /// The number of next insertions and reports whose responses are lost.
    lost_insertions: Arc<AtomicU32>,
    lost_reports: Arc<AtomicU32>,
    /// Insertions hang.
    hangs: bool,
    /// The delay of the response to a claim.
    claim_delay: Duration,
    /// Nothing can be claimed, and no lease renewed.
    is_cut_off: Arc<AtomicBool>,
}

impl Unsteady {
    fn reach(&self) -> Result<(), StoreError> {
        if self.is_cut_off.load(Ordering::SeqCst) { Err("connection lost".into()) } else { Ok(()) }
    }

    fn after<T>(failures: &AtomicU32, outcome: T) -> Result<T, StoreError> {
        match failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
            Ok(_) => Err("connection lost".into()),
            Err(_) => Ok(outcome),
        }
    }
}

#[async_trait]
impl InboxStore for Unsteady {
    async fn insert(&self, event: NewEvent) -> Result<Insertion, StoreError> {
        if self.hangs {
            std::future::pending::<()>().await;
        }
        Self::after(&self.lost_insertions, self.inner.insert(event).await?)
    }

    async fn claim(&self, limit: usize, lease: Duration) -> Result<Vec<ClaimedEvent>, StoreError> {
        self.reach()?;
        let claimed = self.inner.claim(limit, lease).await;
        sleep(self.claim_delay).await;
        claimed
    }

    async fn extend(&self, ticket: &Ticket, lease: Duration) -> Result<bool, StoreError> {
        self.reach()?;
        self.inner.extend(ticket, lease).await
    }

    async fn complete(&self, ticket: &Ticket, remember: Duration) -> Result<bool, StoreError> {
        Self::after(&self.lost_reports, ())?;
        self.inner.complete(ticket, remember).await
    }

    async fn postpone(&self, ticket: &Ticket, delay: Duration, reason: &str) -> Result<bool, StoreError> {
        self.inner.postpone(ticket, delay, reason).await
    }

    async fn bury(&self, ticket: &Ticket, reason: &str) -> Result<bool, StoreError> {
        self.inner.bury(ticket, reason).await
    }

    async fn dead_letters(&self, after: Option<&str>, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        self.inner.dead_letters(after, limit).await
    }

    async fn revive(&self, id: &str) -> Result<bool, StoreError> {
        self.inner.revive(id).await
    }

    async fn discard(&self, id: &str, remember: Duration) -> Result<bool, StoreError> {
        self.inner.discard(id, remember).await
    }

    async fn sweep(&self, longest: Duration) -> Result<(), StoreError> {
        self.inner.sweep(longest).await
    }

    async fn counts(&self) -> Result<InboxCounts, StoreError> {
        self.inner.counts().await
    }
}

#[tokio::test(start_paused = true)]
async fn handler_gets_the_bytes_that_arrived() {
    let (handled, mut deliveries) = mpsc::unbounded_channel();
    let inbox = Inbox::new(MemoryInbox::new(), move |delivery: Delivery| {
        handled.send(delivery).unwrap();
        async { Ok::<_, Error>(()) }
    });
    let event = message("c-1", "m-1");
    inbox.accept(&event).await.unwrap();
    let delivery = deliveries.recv().await.unwrap();
    assert_eq!((&delivery.event, &delivery.body), (&*event, event.body()));
    assert_eq!((&*delivery.key, delivery.attempt), ("message:m-1", 1));
    assert_eq!(settled(&inbox).await, InboxCounts::default());
}

#[tokio::test(start_paused = true)]
async fn event_without_its_bytes_is_accepted_too() {
    let (handler, mut handled) = reporting();
    let inbox = Inbox::new(MemoryInbox::new(), handler);
    inbox.accept(&message("c-1", "m-1").into_event()).await.unwrap();
    assert_eq!(next(&mut handled).await, "m-1");
}

#[tokio::test(start_paused = true)]
async fn duplicate_is_accepted_and_not_handled_again() {
    let (handler, mut handled) = reporting();
    let inbox = Inbox::new(MemoryInbox::new(), handler);
    for id in ["m-1", "m-1", "m-2", "m-1", "m-2"] {
        inbox.accept(&message("c-1", id)).await.unwrap();
        settled(&inbox).await;
    }
    assert_eq!((next(&mut handled).await, next(&mut handled).await), ("m-1".into(), "m-2".into()));
    assert!(handled.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn message_id_is_forgotten_after_remember_time() {
    let (handler, mut handled) = reporting();
    let settings = InboxSettings::default().remember(Duration::from_secs(600));
    let inbox = Inbox::with_settings(MemoryInbox::new(), settings, handler);
    for pause in [0, 590, 700] {
        sleep(Duration::from_secs(pause)).await;
        inbox.accept(&message("c-1", "m-1")).await.unwrap();
        settled(&inbox).await;
    }
    assert_eq!((next(&mut handled).await, next(&mut handled).await), ("m-1".into(), "m-1".into()));
    assert!(handled.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn conversations_are_ordered_and_run_in_parallel() {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let log: Arc<Mutex<BTreeMap<String, Vec<String>>>> = Arc::default();
    let settings = InboxSettings::default().concurrency(4);
    let inbox = Inbox::with_settings(MemoryInbox::new(), settings, {
        let (running, most, log) = (running.clone(), most.clone(), log.clone());
        move |event: Event| {
            let (running, most, log) = (running.clone(), most.clone(), log.clone());
            async move {
                most.fetch_max(1 + running.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
                // Later events take less time: only the queue keeps them in order.
                let id = id(&event);
                let (conversation, number) = id.split_once('/').unwrap();
                sleep(Duration::from_millis(20 - number.parse::<u64>().unwrap())).await;
                log.lock().unwrap().entry(conversation.to_owned()).or_default().push(number.to_owned());
                running.fetch_sub(1, Ordering::SeqCst);
                Ok::<_, Error>(())
            }
        }
    });
    for number in 0..10 {
        for conversation in 0..10 {
            let id = format!("{conversation}/{number}");
            inbox.accept(&message(&conversation.to_string(), &id)).await.unwrap();
        }
    }
    settled(&inbox).await;
    assert_eq!(most.load(Ordering::SeqCst), 4, "the concurrency limit is used");
    let in_order: Vec<String> = (0..10).map(|number| number.to_string()).collect();
    let log = log.lock().unwrap();
    assert_eq!(log.len(), 10);
    assert!(log.values().all(|numbers| *numbers == in_order), "{log:?}");
}

/// An inbox whose handler fails in its own way until it is told not to, and when it was called.
fn failing(fail: fn()) -> (Inbox, Arc<Mutex<Vec<Duration>>>, Arc<AtomicU32>) {
    let (calls, failures) = (Arc::<Mutex<Vec<Duration>>>::default(), Arc::new(AtomicU32::new(u32::MAX)));
    let settings = InboxSettings::default()
        .max_attempts(4)
        .retry_delay(Duration::from_secs(10), Duration::from_secs(25))
        .handler_timeout(Duration::from_secs(5))
        .poll_interval(Duration::from_millis(20));
    let begun = Instant::now();
    let inbox = Inbox::with_settings(MemoryInbox::new(), settings, {
        let (calls, failures) = (calls.clone(), failures.clone());
        move |delivery: Delivery| {
            calls.lock().unwrap().push(begun.elapsed());
            let fails = failures.load(Ordering::SeqCst) >= delivery.attempt;
            async move {
                if fails {
                    fail();
                    return Err::<(), StoreError>(std::io::Error::other("چنین نشد").into());
                }
                Ok(())
            }
        }
    });
    (inbox, calls, failures)
}

fn seconds(calls: &Mutex<Vec<Duration>>) -> Vec<u64> {
    calls.lock().unwrap().iter().map(Duration::as_secs).collect()
}

#[tokio::test(start_paused = true)]
async fn failure_is_retried_after_a_growing_delay() {
    let (inbox, calls, failures) = failing(|| {});
    failures.store(3, Ordering::SeqCst);
    inbox.accept(&message("c-1", "m-1")).await.unwrap();
    assert_eq!(settled(&inbox).await, InboxCounts::default());
    assert_eq!(seconds(&calls), [0, 10, 30, 55], "10 s, 20 s, and 25 s at most");
}

#[tokio::test(start_paused = true)]
async fn dead_letter_can_be_retried_or_dropped() {
    let (inbox, calls, failures) = failing(|| {});
    inbox.accept(&message("c-1", "m-1")).await.unwrap();
    inbox.accept(&message("c-2", "m-2")).await.unwrap();
    assert_eq!(settled(&inbox).await, InboxCounts::new(0, 2));
    assert_eq!(calls.lock().unwrap().len(), 8);

    let letters = inbox.dead_letters(None, 1).await.unwrap();
    let more = inbox.dead_letters(letters.last(), 10).await.unwrap();
    let letters = [letters, more].concat();
    let keys: Vec<&str> = letters.iter().map(|letter| &*letter.key).collect();
    assert_eq!(keys, ["message:m-1", "message:m-2"]);
    assert_eq!((letters[0].attempts, &*letters[0].reason), (4, "چنین نشد"));
    assert_eq!(letters[0].body, message("c-1", "m-1").body());

    assert!(inbox.drop_dead_letter(&letters[1]).await.unwrap());
    assert!(!inbox.drop_dead_letter(&letters[1]).await.unwrap());
    failures.store(1, Ordering::SeqCst);
    assert!(inbox.retry_dead_letter(&letters[0]).await.unwrap());
    assert_eq!(settled(&inbox).await, InboxCounts::default());
    assert_eq!(calls.lock().unwrap().len(), 10, "one more failure, and a success");
}

#[tokio::test(start_paused = true)]
async fn later_event_of_a_conversation_waits_for_the_retry() {
    let (inbox, calls, failures) = failing(|| {});
    failures.store(1, Ordering::SeqCst);
    inbox.accept(&message("c-1", "m-1")).await.unwrap();
    inbox.accept(&message("c-1", "m-2")).await.unwrap();
    settled(&inbox).await;
    assert_eq!(seconds(&calls), [0, 10, 10, 20]);
}

#[test]
fn events_are_handled_after_the_first_runtime_ended() {
    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
    }

    let (begun, handled) = (Arc::new(Notify::new()), Arc::<Mutex<Vec<(String, u32)>>>::default());
    let first = runtime();
    let inbox = first.block_on(async {
        let (beginning, calls) = (begun.clone(), handled.clone());
        let inbox = Inbox::new(MemoryInbox::new(), move |delivery: Delivery| {
            let (begun, handled) = (beginning.clone(), calls.clone());
            async move {
                begun.notify_one();
                if delivery.attempt == 1 && id(&delivery.event) == "m-1" {
                    std::future::pending::<()>().await;
                }
                handled.lock().unwrap().push((id(&delivery.event), delivery.attempt));
                Ok::<_, Error>(())
            }
        });
        inbox.accept(&message("c-1", "m-1")).await.unwrap();
        begun.notified().await;
        inbox
    });
    drop(first);
    runtime().block_on(async {
        inbox.accept(&message("c-2", "m-2")).await.unwrap();
        let counts = timeout(Duration::from_secs(300), settled(&inbox)).await;
        assert_eq!(counts, Ok(InboxCounts::default()));
        inbox.drain().await;
    });
    assert_eq!(*handled.lock().unwrap(), [("m-2".to_owned(), 1), ("m-1".to_owned(), 2)]);
}

#[tokio::test(start_paused = true)]
async fn panic_is_a_failure() {
    let (inbox, calls, _) = failing(|| panic!("boom"));
    inbox.accept(&message("c-1", "m-1")).await.unwrap();
    assert_eq!(settled(&inbox).await, InboxCounts::new(0, 1));
    assert_eq!(calls.lock().unwrap().len(), 4);
    assert_eq!(inbox.dead_letters(None, 1).await.unwrap()[0].reason, "the handler panicked: boom");
}

#[tokio::test(start_paused = true)]
async fn panic_before_the_future_is_a_failure() {
    let settings = InboxSettings::default().max_attempts(1);
    let inbox = Inbox::with_settings(MemoryInbox::new(), settings, |event: Event| {
        assert!(event.kind().is_none(), "boom");
        async { Ok::<_, Error>(()) }
    });
    inbox.accept(&message("c-1", "m-1")).await.unwrap();
    assert_eq!(settled(&inbox).await, InboxCounts::new(0, 1));
    assert_eq!(inbox.dead_letters(None, 1).await.unwrap()[0].reason, "the handler panicked: boom");
}

#[tokio::test(start_paused = true)]
async fn handler_is_aborted_after_its_timeout() {
    let settings = InboxSettings::default().max_attempts(1).handler_timeout(Duration::from_secs(90));
    let (begun, stopped) = (Instant::now(), Arc::new(Mutex::new(None)));
    struct Dropped(Arc<Mutex<Option<Instant>>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            *self.0.lock().unwrap() = Some(Instant::now());
        }
    }
    let inbox = Inbox::with_settings(MemoryInbox::new(), settings, {
        let stopped = stopped.clone();
        move |_: Event| {
            let dropped = Dropped(stopped.clone());
            async move {
                let _dropped = dropped;
                std::future::pending::<Result<(), Error>>().await
            }
        }
    });
    inbox.accept(&message("c-1", "m-1")).await.unwrap();
    assert_eq!(settled(&inbox).await, InboxCounts::new(0, 1));
    assert_eq!(inbox.dead_letters(None, 1).await.unwrap()[0].reason, "timed out after 90.0 s");
    assert_eq!((stopped.lock().unwrap().unwrap() - begun).as_secs(), 90, "the lease was renewed meanwhile");
}

#[tokio::test(start_paused = true)]
async fn drain_waits_for_handlers_and_leaves_the_rest() {
    let (store, go, handled) = (Arc::new(MemoryInbox::new()), Arc::new(Notify::new()), Arc::new(AtomicU32::new(0)));
    let inbox = Inbox::with_settings(store.clone(), InboxSettings::default().concurrency(2), {
        let (go, handled) = (go.clone(), handled.clone());
        move |_: Event| {
            let (go, handled) = (go.clone(), handled.clone());
            async move {
                go.notified().await;
                handled.fetch_add(1, Ordering::SeqCst);
                Ok::<_, Error>(())
            }
        }
    });
    for n in 0..5 {
        inbox.accept(&message(&format!("c-{n}"), &format!("m-{n}"))).await.unwrap();
    }
    sleep(Duration::from_secs(1)).await;
    let draining = tokio::spawn({
        let inbox = inbox.clone();
        async move { inbox.drain().await }
    });
    sleep(Duration::from_secs(60)).await;
    assert!(!draining.is_finished(), "two handlers run");
    go.notify_waiters();
    draining.await.unwrap();
    assert_eq!(handled.load(Ordering::SeqCst), 2);
    assert_eq!(store.counts().await.unwrap(), InboxCounts::new(3, 0));
    inbox.drain().await;

    // The next start, with what the first left.
    let (handler, mut rest) = reporting();
    let next_start = Inbox::new(store, handler);
    for n in 2..5 {
        assert_eq!(next(&mut rest).await, format!("m-{n}"));
    }
    settled(&next_start).await;
}

#[tokio::test(start_paused = true)]
async fn dropped_inbox_stops() {
    let (store, (handler, mut handled)) = (Arc::new(MemoryInbox::new()), reporting());
    drop(Inbox::new(store.clone(), handler));
    store.insert(NewEvent::new("k", "l", message("c-1", "m-1").body().clone())).await.unwrap();
    assert!(handled.recv().await.is_none(), "the handler was dropped without a call");
}

#[test]
fn events_of_a_process_that_died_are_taken_over() {
    let store = Arc::new(MemoryInbox::new());
    // A process that dies in the middle: its runtime ends, and nothing of it is reported.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let begun = Arc::new(Notify::new());
        let settings = InboxSettings::default().lease(Duration::from_millis(50));
        let inbox = Inbox::with_settings(store.clone(), settings, {
            let begun = begun.clone();
            move |_: Event| {
                begun.notify_one();
                std::future::pending::<Result<(), Error>>()
            }
        });
        inbox.accept(&message("c-1", "m-1")).await.unwrap();
        inbox.accept(&message("c-1", "m-2")).await.unwrap();
        begun.notified().await;
    });
    drop(runtime);

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (handled, mut deliveries) = mpsc::unbounded_channel();
        let settings = InboxSettings::default().poll_interval(Duration::from_millis(5));
        let _inbox = Inbox::with_settings(store, settings, move |delivery: Delivery| {
            handled.send((delivery.key, delivery.attempt)).unwrap();
            async { Ok::<_, Error>(()) }
        });
        assert_eq!(deliveries.recv().await.unwrap(), ("message:m-1".to_owned(), 2));
        assert_eq!(deliveries.recv().await.unwrap(), ("message:m-2".to_owned(), 1));
    });
}

/// An inbox on a store that is cut off once a handler runs, until told otherwise; its handler waits to be told to end.
fn cut_off(inner: &Arc<MemoryInbox>) -> (Inbox, Arc<AtomicBool>, Arc<Notify>, Arc<AtomicU32>) {
    let store = Unsteady { inner: inner.clone(), ..Unsteady::default() };
    let (is_cut_off, go, calls) = (store.is_cut_off.clone(), Arc::new(Notify::new()), Arc::new(AtomicU32::new(0)));
    let inbox = Inbox::new(store, {
        let (is_cut_off, go, calls) = (is_cut_off.clone(), go.clone(), calls.clone());
        move |_: Event| {
            is_cut_off.store(true, Ordering::SeqCst);
            calls.fetch_add(1, Ordering::SeqCst);
            let go = go.clone();
            async move {
                go.notified().await;
                Ok::<_, Error>(())
            }
        }
    });
    (inbox, is_cut_off, go, calls)
}

#[tokio::test(start_paused = true)]
async fn process_that_lost_its_lease_cannot_report() {
    let store = Arc::new(MemoryInbox::new());
    let (late, _, go, calls) = cut_off(&store);
    late.accept(&message("c-1", "m-1")).await.unwrap();
    sleep(Duration::from_secs(29)).await;
    let (taken_over, mut attempts) = mpsc::unbounded_channel();
    let other = Inbox::new(store.clone(), move |delivery: Delivery| {
        taken_over.send(delivery.attempt).unwrap();
        std::future::pending::<Result<(), Error>>()
    });
    assert_eq!(attempts.recv().await, Some(2));
    go.notify_one();
    late.drain().await;
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert_eq!(store.counts().await.unwrap(), InboxCounts::new(1, 0), "only the other process may complete it");
    drop(other);
}

#[tokio::test(start_paused = true)]
async fn process_that_lost_its_lease_stops_its_handler() {
    let store = Arc::new(MemoryInbox::new());
    let (late, is_cut_off, go, _) = cut_off(&store);
    late.accept(&message("c-1", "m-1")).await.unwrap();
    sleep(Duration::from_secs(29)).await;
    let (handler, mut handled) = reporting();
    let _other = Inbox::new(store.clone(), handler);
    assert_eq!(next(&mut handled).await, "m-1");
    is_cut_off.store(false, Ordering::SeqCst);
    late.drain().await;
    assert_eq!(Arc::strong_count(&go), 2, "only this test and the inbox hold it: the future was dropped");
}

#[tokio::test(start_paused = true)]
async fn suspended_process_does_not_begin_a_lost_event() {
    let inner = Arc::new(MemoryInbox::new());
    let lease = InboxSettings::default().lease(Duration::from_secs(3));
    let slow = Unsteady { inner: inner.clone(), claim_delay: Duration::from_secs(4), ..Unsteady::default() };
    let (handler, mut late) = reporting();
    let slow = Inbox::with_settings(slow, lease, handler);
    slow.accept(&message("c-1", "m-1")).await.unwrap();
    sleep(Duration::from_secs(5)).await;
    let (handler, mut handled) = reporting();
    let other = Inbox::with_settings(inner, lease, handler);
    assert_eq!(next(&mut handled).await, "m-1");
    settled(&other).await;
    slow.drain().await;
    assert!(late.try_recv().is_err(), "its claim had expired when the response arrived");
}

#[tokio::test(start_paused = true)]
async fn process_keeps_an_event_that_nobody_else_claimed() {
    let store = Arc::new(MemoryInbox::new());
    let (inbox, is_cut_off, go, calls) = cut_off(&store);
    inbox.accept(&message("c-1", "m-1")).await.unwrap();
    sleep(Duration::from_secs(100)).await;
    is_cut_off.store(false, Ordering::SeqCst);
    sleep(Duration::from_secs(100)).await;
    go.notify_one();
    assert_eq!(settled(&inbox).await, InboxCounts::default());
    assert_eq!(calls.load(Ordering::SeqCst), 1, "the running handler got the new lease");
}

#[tokio::test(start_paused = true)]
async fn event_that_kills_every_process_is_a_dead_letter() {
    let store = Arc::new(MemoryInbox::new());
    store.insert(NewEvent::new("k", "l", message("c-1", "m-1").body().clone())).await.unwrap();
    for _ in 0..15 {
        assert_eq!(store.claim(1, Duration::ZERO).await.unwrap().len(), 1);
    }
    let (handler, mut handled) = reporting();
    let inbox = Inbox::new(store, handler);
    assert_eq!(settled(&inbox).await, InboxCounts::new(0, 1));
    let letter = inbox.dead_letters(None, 1).await.unwrap().remove(0);
    assert_eq!(letter.reason, "the process ended during the last of 15 attempts");
    assert!(handled.try_recv().is_err());
    assert!(inbox.retry_dead_letter(&letter).await.unwrap());
    assert_eq!(next(&mut handled).await, "m-1");
}

#[tokio::test(start_paused = true)]
async fn unreadable_stored_event_becomes_a_dead_letter() {
    let store = Arc::new(MemoryInbox::new());
    store.insert(NewEvent::new("k", "l", "cut of")).await.unwrap();
    let (handler, _) = reporting();
    let inbox = Inbox::new(store, handler);
    assert_eq!(settled(&inbox).await, InboxCounts::new(0, 1));
    let reason = inbox.dead_letters(None, 1).await.unwrap().remove(0).reason;
    assert!(reason.starts_with("cannot read the stored event: "), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn lost_store_response_loses_and_repeats_nothing() {
    let store = Unsteady::default();
    store.lost_insertions.store(2, Ordering::SeqCst);
    store.lost_reports.store(20, Ordering::SeqCst);
    let (handler, mut handled) = reporting();
    let inbox = Inbox::new(store, handler);
    inbox.accept(&message("c-1", "m-1")).await.unwrap();
    assert_eq!(settled(&inbox).await, InboxCounts::default());
    assert_eq!(next(&mut handled).await, "m-1");
    assert!(handled.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn accept_fails_after_its_timeout() {
    let (handler, _) = reporting();
    let inbox = Inbox::new(Unsteady { hangs: true, ..Unsteady::default() }, handler);
    let begun = Instant::now();
    let error = inbox.accept(&message("c-1", "m-1")).await.unwrap_err();
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
    assert_eq!(
        (error.to_string(), error.status().as_u16()),
        ("timed out after 1.0 s: cannot store the event".into(), 503)
    );

    let store = Unsteady::default();
    store.lost_insertions.store(u32::MAX, Ordering::SeqCst);
    let (handler, _) = reporting();
    let begun = Instant::now();
    let error = Inbox::new(store, handler).accept(&message("c-1", "m-1")).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_eq!(error.to_string(), "cannot store the event");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "connection lost");
}

#[tokio::test(start_paused = true)]
async fn longest_durations_are_settings_too() {
    const MAX: Duration = Duration::MAX;
    let settings = InboxSettings::default()
        .accept_timeout(MAX)
        .handler_timeout(MAX)
        .lease(MAX)
        .poll_interval(MAX)
        .retry_delay(MAX, MAX)
        .remember(MAX)
        .content_window(MAX);
    let (handler, mut handled) = reporting();
    let inbox = Inbox::with_settings(MemoryInbox::new(), settings, handler);
    inbox.accept(&message("c-1", "m-1")).await.unwrap();
    assert_eq!(next(&mut handled).await, "m-1");
    settled(&inbox).await;
}

#[test]
fn inbox_created_outside_a_runtime_starts_at_accept() {
    let (handler, mut handled) = reporting();
    let inbox = Inbox::new(MemoryInbox::new(), handler);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        inbox.accept(&message("c-1", "m-1")).await.unwrap();
        assert_eq!(next(&mut handled).await, "m-1");
    });
}
