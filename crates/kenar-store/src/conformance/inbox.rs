use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use kenar::inbox::{ClaimedEvent, DeadLetter, InboxCounts, InboxStore, Insertion, NewEvent, Ticket};

/// A lease or delay that ends at once.
const NONE: Duration = Duration::ZERO;
/// A lease or delay that does not end during a check.
const HOUR: Duration = Duration::from_secs(3600);

/// Checks the contract of [`InboxStore`]. `new_store` creates an empty store for each check.
///
/// # Panics
///
/// If the store fails or violates a rule, which the message names.
pub async fn check_inbox<S, F, Fut>(new_store: F)
where
    S: InboxStore,
    F: Fn() -> Fut,
    Fut: Future<Output = S>,
{
    event_is_claimed_as_it_was_stored(&new_store().await).await;
    key_is_known_until_it_is_forgotten(&new_store().await).await;
    key_with_a_lifetime_is_forgotten_after_it(&new_store().await).await;
    lane_is_handled_in_order(&new_store().await).await;
    lanes_are_claimed_in_turn(&new_store().await).await;
    lease_excludes_others_until_it_ends(&new_store().await).await;
    late_ticket_has_no_effect(&new_store().await).await;
    postponed_event_holds_up_its_lane(&new_store().await).await;
    dead_letter_frees_its_lane(&new_store().await).await;
    dead_letters_are_listed_in_pages(&new_store().await).await;
    revived_event_is_inserted_behind_the_head(&new_store().await).await;
    sweep_shortens_delays_and_leases(&new_store().await).await;
    concurrent_insertions_store_one(new_store().await).await;
    concurrent_claims_never_share_a_lane(new_store().await).await;
}

fn event(key: &str, lane: &str) -> NewEvent {
    NewEvent::new(key, lane, format!(r#"{{"key":"{key}"}}"#))
}

async fn insert(store: &impl InboxStore, event: NewEvent) -> Insertion {
    store.insert(event).await.unwrap()
}

async fn stored(store: &impl InboxStore, events: &[(&str, &str)]) {
    for (key, lane) in events {
        assert_eq!(insert(store, event(key, lane)).await, Insertion::Stored, "a new key is stored");
    }
}

async fn claim(store: &impl InboxStore, lease: Duration) -> Vec<ClaimedEvent> {
    store.claim(100, lease).await.unwrap()
}

async fn claim_one(store: &impl InboxStore, lease: Duration) -> ClaimedEvent {
    let mut claimed = claim(store, lease).await;
    assert_eq!(claimed.len(), 1, "one event is due: {claimed:?}");
    claimed.remove(0)
}

fn keys(claimed: &[ClaimedEvent]) -> Vec<&str> {
    claimed.iter().map(|event| &*event.key).collect()
}

async fn event_is_claimed_as_it_was_stored(store: &impl InboxStore) {
    assert!(claim(store, HOUR).await.is_empty(), "an empty store has nothing to claim");
    let large = vec![b'x'; 1 << 20];
    let odd = "\0 \"quoted\" {braces} %s ' \\ سلام\n:*?";
    let bodies: [(&str, &[u8]); 4] =
        [("plain", b"{}"), (odd, b"{\"a\":\0\xff\r\n}"), ("empty", b""), ("large", &large)];
    for (key, body) in bodies {
        let lane = format!("lane of {key}");
        assert_eq!(insert(store, NewEvent::new(key, lane, body.to_vec())).await, Insertion::Stored);
        let claimed = claim_one(store, HOUR).await;
        assert_eq!(claimed.key, key, "the key is kept as it is");
        assert!(claimed.body == body, "the body is kept byte for byte: {key}");
        assert_eq!(claimed.attempt, 1, "the first claim is attempt 1");
        assert!(store.complete(&claimed.ticket, HOUR).await.unwrap(), "the ticket completes its event: {key}");
    }
    assert_eq!(store.counts().await.unwrap(), InboxCounts::new(0, 0), "handled events are gone");
}

async fn key_is_known_until_it_is_forgotten(store: &impl InboxStore) {
    let again = || insert(store, event("k", "another lane"));
    stored(store, &[("k", "a")]).await;
    assert_eq!(again().await, Insertion::Duplicate, "a key is known while its event is pending");
    let claimed = claim_one(store, HOUR).await;
    assert_eq!(again().await, Insertion::Duplicate, "a key is known while its event is claimed");
    assert!(store.bury(&claimed.ticket, "why").await.unwrap());
    store.sweep(HOUR).await.unwrap();
    assert_eq!(again().await, Insertion::Duplicate, "a key is known while its event is a dead letter");
    let letter = store.dead_letters(None, 10).await.unwrap().remove(0);
    assert!(store.revive(&letter.id).await.unwrap());
    assert_eq!(again().await, Insertion::Duplicate, "a key is known when its event is revived");
    let claimed = claim_one(store, HOUR).await;
    assert!(store.complete(&claimed.ticket, HOUR).await.unwrap());
    store.sweep(HOUR).await.unwrap();
    assert_eq!(again().await, Insertion::Duplicate, "a key is known after its event was handled");

    stored(store, &[("l", "a"), ("m", "b")]).await;
    for claimed in claim(store, HOUR).await {
        assert!(store.complete(&claimed.ticket, NONE).await.unwrap());
    }
    store.sweep(HOUR).await.unwrap();
    stored(store, &[("l", "a")]).await;

    let claimed = claim_one(store, HOUR).await;
    assert!(store.bury(&claimed.ticket, "why").await.unwrap());
    let letter = store.dead_letters(None, 10).await.unwrap().remove(0);
    assert!(store.discard(&letter.id, HOUR).await.unwrap());
    assert_eq!(
        insert(store, event("l", "a")).await,
        Insertion::Duplicate,
        "a key is known after its letter was dropped"
    );
    assert_eq!(store.counts().await.unwrap(), InboxCounts::new(0, 0), "nothing was stored for duplicates");
}

async fn key_with_a_lifetime_is_forgotten_after_it(store: &impl InboxStore) {
    for _ in 0..2 {
        let brief = event("brief", "a").key_lifetime(NONE);
        assert_eq!(insert(store, brief).await, Insertion::Stored, "the lifetime of the key is over");
    }
    for _ in 0..2 {
        let claimed = claim_one(store, HOUR).await;
        assert_eq!(claimed.key, "brief", "each of the events is handled");
        assert!(store.complete(&claimed.ticket, HOUR).await.unwrap());
    }
    let long = || event("long", "a").key_lifetime(HOUR);
    assert_eq!(insert(store, long()).await, Insertion::Stored);
    assert_eq!(insert(store, long()).await, Insertion::Duplicate, "a key is known for its lifetime");
    let claimed = claim_one(store, HOUR).await;
    assert!(store.complete(&claimed.ticket, NONE).await.unwrap());
    store.sweep(HOUR).await.unwrap();
    assert_eq!(insert(store, long()).await, Insertion::Duplicate, "its lifetime outlasts the handling");
}

async fn lane_is_handled_in_order(store: &impl InboxStore) {
    stored(store, &[("a1", "a"), ("b1", "b"), ("a2", "a"), ("a3", "a"), ("b2", "b")]).await;
    assert_eq!(store.counts().await.unwrap(), InboxCounts::new(5, 0));
    for expected in [vec!["a1", "b1"], vec!["a2", "b2"], vec!["a3"], vec![]] {
        let claimed = claim(store, HOUR).await;
        assert_eq!(keys(&claimed), expected, "the head of each lane, in order");
        assert!(claim(store, HOUR).await.is_empty(), "a claimed lane is not claimed again");
        for event in claimed {
            assert!(store.complete(&event.ticket, HOUR).await.unwrap());
        }
    }
}

async fn lanes_are_claimed_in_turn(store: &impl InboxStore) {
    stored(store, &[("a1", "a"), ("b1", "b"), ("c1", "c"), ("a2", "a")]).await;
    let first = store.claim(2, HOUR).await.unwrap();
    assert_eq!(keys(&first), ["a1", "b1"], "no more than the limit, the longest due first");
    assert!(store.complete(&first[0].ticket, HOUR).await.unwrap());
    assert_eq!(keys(&claim(store, HOUR).await), ["c1", "a2"], "a lane that was served waits for its next turn");
    assert!(store.claim(0, HOUR).await.unwrap().is_empty(), "a limit of zero claims nothing");
}

async fn lease_excludes_others_until_it_ends(store: &impl InboxStore) {
    stored(store, &[("k", "a")]).await;
    let first = claim_one(store, NONE).await;
    assert!(
        store.extend(&first.ticket, HOUR).await.unwrap(),
        "an ended lease can be renewed while nobody has the lane"
    );
    assert!(claim(store, HOUR).await.is_empty(), "a renewed lease excludes others");
    assert!(store.extend(&first.ticket, NONE).await.unwrap());
    let second = claim_one(store, HOUR).await;
    assert_eq!((&*second.key, second.attempt), ("k", 2), "an ended lease leaves the event to others");
    assert!(second.ticket.fence > first.ticket.fence, "the fence grows with each claim");
    assert!(second.accepted_at == first.accepted_at, "the time of acceptance stays");
}

async fn late_ticket_has_no_effect(store: &impl InboxStore) {
    let refused = async |ticket: &Ticket, when: &str| {
        assert!(!store.extend(ticket, HOUR).await.unwrap(), "{when}: extend");
        assert!(!store.complete(ticket, HOUR).await.unwrap(), "{when}: complete");
        assert!(!store.postpone(ticket, NONE, "late").await.unwrap(), "{when}: postpone");
        assert!(!store.bury(ticket, "late").await.unwrap(), "{when}: bury");
    };
    stored(store, &[("k1", "a"), ("k2", "a")]).await;
    let late = claim_one(store, NONE).await;
    let owner = claim_one(store, NONE).await;
    refused(&late.ticket, "the lane was claimed again").await;
    assert!(store.postpone(&owner.ticket, NONE, "why").await.unwrap(), "the last claim counts, its lease ended or not");
    refused(&owner.ticket, "the event was postponed").await;
    let owner = claim_one(store, NONE).await;
    assert_eq!(owner.attempt, 3);
    assert!(store.complete(&owner.ticket, HOUR).await.unwrap());
    refused(&owner.ticket, "the event was completed").await;
    let next = claim_one(store, HOUR).await;
    assert_eq!((&*next.key, next.attempt), ("k2", 1), "late tickets left the next event alone");
    refused(&owner.ticket, "the next event was claimed").await;
    assert!(store.bury(&next.ticket, "why").await.unwrap());
    refused(&next.ticket, "the event was buried").await;

    stored(store, &[("k3", "a")]).await;
    let claimed = claim_one(store, HOUR).await;
    refused(&next.ticket, "a lane that was empty meanwhile").await;
    assert!(store.complete(&claimed.ticket, HOUR).await.unwrap());
    assert_eq!(store.counts().await.unwrap(), InboxCounts::new(0, 1));
}

async fn postponed_event_holds_up_its_lane(store: &impl InboxStore) {
    stored(store, &[("a1", "a"), ("a2", "a"), ("b1", "b")]).await;
    let claimed = claim(store, HOUR).await;
    assert!(store.postpone(&claimed[0].ticket, HOUR, "why").await.unwrap());
    assert!(store.postpone(&claimed[1].ticket, NONE, "why").await.unwrap());
    let due = claim_one(store, HOUR).await;
    assert_eq!((&*due.key, due.attempt), ("b1", 2), "a lane whose head is not due is not claimed");
}

async fn dead_letter_frees_its_lane(store: &impl InboxStore) {
    stored(store, &[("a1", "a"), ("a2", "a")]).await;
    let claimed = claim_one(store, NONE).await;
    let again = claim_one(store, HOUR).await;
    assert!(store.bury(&again.ticket, "چرا").await.unwrap());
    assert_eq!(store.counts().await.unwrap(), InboxCounts::new(1, 1));
    let letters = store.dead_letters(None, 10).await.unwrap();
    let letter = &letters[0];
    assert_eq!((letters.len(), &*letter.key, letter.attempts, &*letter.reason), (1, "a1", 2, "چرا"));
    assert!(letter.body == claimed.body && letter.accepted_at == claimed.accepted_at, "a dead letter keeps the event");
    assert!(letter.died_at >= letter.accepted_at);
    let next = claim_one(store, HOUR).await;
    assert_eq!((&*next.key, next.attempt), ("a2", 1), "the lane continues");
}

async fn dead_letters_are_listed_in_pages(store: &impl InboxStore) {
    assert!(store.dead_letters(None, 10).await.unwrap().is_empty());
    let dead: Vec<String> = (0..12).map(|n| format!("k{n}")).collect();
    for key in &dead {
        stored(store, &[(&**key, "a")]).await;
        let claimed = claim_one(store, HOUR).await;
        assert!(store.bury(&claimed.ticket, "why").await.unwrap());
    }
    let mut listed = Vec::new();
    loop {
        let last: Option<&DeadLetter> = listed.last();
        let page = store.dead_letters(last.map(|letter| &*letter.id), 5).await.unwrap();
        assert!(page.len() <= 5, "a page is at most `limit` long");
        if page.is_empty() {
            break;
        }
        listed.extend(page);
    }
    let in_order: Vec<&str> = listed.iter().map(|letter| &*letter.key).collect();
    assert_eq!(in_order, dead, "each dead letter once, in order");
    let id = &listed[0].id;
    assert!(store.discard(id, HOUR).await.unwrap());
    assert!(!store.discard(id, HOUR).await.unwrap(), "a dropped letter cannot be dropped again");
    assert!(!store.revive(id).await.unwrap(), "a dropped letter cannot be revived");
    assert_eq!(store.counts().await.unwrap(), InboxCounts::new(0, 11));
    let left = store.dead_letters(Some(id), 100).await.unwrap();
    assert_eq!(left.len(), 11, "a page begins after `after`, even if that was dropped");
}

async fn revived_event_is_inserted_behind_the_head(store: &impl InboxStore) {
    stored(store, &[("a1", "a"), ("a2", "a"), ("a3", "a")]).await;
    let claimed = claim_one(store, HOUR).await;
    assert!(store.bury(&claimed.ticket, "why").await.unwrap());
    let head = claim_one(store, HOUR).await;
    let letter = store.dead_letters(None, 10).await.unwrap().remove(0);
    assert!(store.revive(&letter.id).await.unwrap());
    assert!(!store.revive(&letter.id).await.unwrap(), "a revived letter cannot be revived again");
    assert!(claim(store, HOUR).await.is_empty(), "the claim of the head stands");
    assert!(store.complete(&head.ticket, HOUR).await.unwrap());
    for expected in ["a1", "a3"] {
        let next = claim_one(store, HOUR).await;
        assert_eq!((&*next.key, next.attempt), (expected, 1));
        assert!(next.body == event(expected, "a").body, "a revived event is whole");
        assert!(store.complete(&next.ticket, HOUR).await.unwrap());
    }
    stored(store, &[("b1", "b")]).await;
    let claimed = claim_one(store, HOUR).await;
    assert!(store.bury(&claimed.ticket, "why").await.unwrap());
    let letter = store.dead_letters(None, 10).await.unwrap().remove(0);
    assert!(store.revive(&letter.id).await.unwrap());
    assert_eq!(claim_one(store, HOUR).await.key, "b1", "a revived event is due at once where its lane is empty");
}

async fn sweep_shortens_delays_and_leases(store: &impl InboxStore) {
    stored(store, &[("a", "a"), ("b", "b")]).await;
    let claimed = claim(store, HOUR).await;
    assert!(store.postpone(&claimed[1].ticket, HOUR, "why").await.unwrap());
    store.sweep(HOUR).await.unwrap();
    assert!(claim(store, HOUR).await.is_empty(), "what is within the bound stays");
    store.sweep(NONE).await.unwrap();
    let claimed = claim(store, HOUR).await;
    let due: BTreeSet<&str> = keys(&claimed).into_iter().collect();
    assert_eq!(due, BTreeSet::from(["a", "b"]), "what is due or leased for longer than the bound is shortened to it");
}

async fn concurrent_insertions_store_one<S: InboxStore>(store: S) {
    let store = Arc::new(store);
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..64 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { insert(&store, event(&format!("k{}", n % 8), "a")).await });
    }
    let outcomes = tasks.join_all().await;
    let new = outcomes.iter().filter(|outcome| **outcome == Insertion::Stored).count();
    assert_eq!(new, 8, "of insertions with one key at the same time, one stores");
    assert_eq!(store.counts().await.unwrap(), InboxCounts::new(8, 0));
    let mut handled = BTreeSet::new();
    for _ in 0..8 {
        let claimed = claim_one(&store, HOUR).await;
        assert!(store.complete(&claimed.ticket, HOUR).await.unwrap());
        handled.insert(claimed.key);
    }
    assert_eq!(handled.len(), 8, "each is handled once");
}

async fn concurrent_claims_never_share_a_lane<S: InboxStore>(store: S) {
    let store = Arc::new(store);
    for n in 0..120 {
        let lane = format!("lane {}", n % 40);
        stored(&store, &[(&*format!("k{n}"), &*lane)]).await;
    }
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { store.claim(10, HOUR).await.unwrap() });
    }
    let claimed = tasks.join_all().await.concat();
    let lanes: BTreeSet<&str> = claimed.iter().map(|event| &*event.ticket.id).collect();
    assert_eq!((claimed.len(), lanes.len()), (40, 40), "each lane is claimed once");
    assert!(claimed.iter().all(|event| event.attempt == 1));
    let mut tasks = tokio::task::JoinSet::new();
    for event in claimed {
        for _ in 0..2 {
            let (store, ticket) = (Arc::clone(&store), event.ticket.clone());
            tasks.spawn(async move { store.complete(&ticket, HOUR).await.unwrap() });
        }
    }
    let completed = tasks.join_all().await.into_iter().filter(|completed| *completed).count();
    assert_eq!(completed, 40, "a ticket completes its event once");
    assert_eq!(store.counts().await.unwrap(), InboxCounts::new(80, 0));
}
