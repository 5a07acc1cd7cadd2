use std::future::Future;
use std::sync::Arc;

use kenar::model::Timestamp;
use kenar::tokens::{ListedPermission, PermissionRecord, PermissionStore, PermissionValue, Stamp};
use tokio::task::JoinSet;

/// Checks the contract of [`PermissionStore`]. `new_store` creates an empty store for each check.
///
/// # Panics
///
/// If the store fails or violates a rule, which the message names.
pub async fn check_permissions<S, F, Fut>(new_store: F)
where
    S: PermissionStore,
    F: Fn() -> Fut,
    Fut: Future<Output = S>,
{
    missing_permission_has_no_effects(&new_store().await).await;
    value_is_read_as_it_was_granted(&new_store().await).await;
    grant_replaces_and_ends_the_lease(&new_store().await).await;
    repeated_grant_does_not_undo_a_refresh(&new_store().await).await;
    lease_excludes_others_until_it_ends(&new_store().await).await;
    lease_is_broken_only_by_its_stamp(&new_store().await).await;
    steps_can_be_repeated(&new_store().await).await;
    replacement_needs_the_lease(&new_store().await).await;
    replacement_after_a_grant_has_no_effect(&new_store().await).await;
    deleted_permission_stays_deleted(&new_store().await).await;
    list_is_ordered_by_expiry_in_pages(&new_store().await).await;
    list_follows_every_change(&new_store().await).await;
    leased_lists_leased_permissions(&new_store().await).await;
    keys_are_compared_exactly(&new_store().await).await;
    concurrent_leases_have_one_winner(new_store().await).await;
    concurrent_steps_of_many_keys_are_independent(new_store().await).await;
}

fn value(text: &str, minute: i64) -> PermissionValue {
    PermissionValue::new(text.as_bytes().to_vec(), at(minute))
}

fn at(minute: i64) -> Timestamp {
    // Microseconds matter for the order of the list.
    Timestamp::from_unix_micros(1_700_000_000_000_001 + minute * 60_000_000).unwrap()
}

fn stamp() -> Stamp {
    Stamp::random().unwrap()
}

async fn read(store: &impl PermissionStore, key: &str) -> Option<PermissionRecord> {
    store.read(key).await.unwrap()
}

/// Grants a permission and returns its stamp.
async fn granted(store: &impl PermissionStore, key: &str, value: &PermissionValue) -> Stamp {
    let grant = stamp();
    store.grant(key, grant, value.clone()).await.unwrap();
    grant
}

/// Takes a free lease.
async fn leased(store: &impl PermissionStore, key: &str) -> Stamp {
    let lease = stamp();
    let record = store.lease(key, lease, None).await.unwrap().expect("a granted permission can be leased");
    assert_eq!(record.lease, Some(lease), "a free lease is taken");
    lease
}

async fn all(store: &impl PermissionStore) -> Vec<String> {
    let list = store.list(None, 1000).await.unwrap();
    list.into_iter().map(|listed| listed.key).collect()
}

async fn missing_permission_has_no_effects(store: &impl PermissionStore) {
    let rule = "a permission that was never granted does not exist";
    assert_eq!(read(store, "user").await, None, "{rule}");
    assert_eq!(store.lease("user", stamp(), None).await.unwrap(), None, "{rule}");
    assert!(!store.replace("user", stamp(), value("new", 0), true).await.unwrap(), "{rule}");
    store.release("user", stamp()).await.unwrap();
    assert!(!store.delete("user").await.unwrap(), "{rule}");
    assert_eq!(read(store, "user").await, None, "{rule}");
    assert_eq!(all(store).await, [""; 0], "{rule}");
    assert_eq!(store.leased(10).await.unwrap(), [""; 0], "{rule}");
}

async fn value_is_read_as_it_was_granted(store: &impl PermissionStore) {
    let bytes: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    let value = PermissionValue::new(bytes, at(0));
    let grant = granted(store, "user", &value).await;
    let record = read(store, "user").await;
    assert_eq!(record, Some(PermissionRecord::new(value, grant, None)), "all bytes and microseconds are kept");
    let empty = PermissionValue::new(Vec::new(), Timestamp::from_unix_micros(-1).unwrap());
    granted(store, "", &empty).await;
    assert_eq!(read(store, "").await.unwrap().value, empty, "an empty key and value are kept");
}

async fn grant_replaces_and_ends_the_lease(store: &impl PermissionStore) {
    granted(store, "user", &value("old", 0)).await;
    let lease = leased(store, "user").await;
    let grant = granted(store, "user", &value("new", 1)).await;
    let expected = PermissionRecord::new(value("new", 1), grant, None);
    assert_eq!(read(store, "user").await, Some(expected.clone()), "a grant replaces the value and ends the lease");
    assert!(!store.replace("user", lease, value("stale", 2), false).await.unwrap(), "a grant voids the lease");
    store.release("user", lease).await.unwrap();
    assert_eq!(read(store, "user").await, Some(expected), "a void lease changes nothing");
}

async fn repeated_grant_does_not_undo_a_refresh(store: &impl PermissionStore) {
    let grant = granted(store, "user", &value("granted", 0)).await;
    let lease = leased(store, "user").await;
    assert!(store.replace("user", lease, value("refreshed", 1), true).await.unwrap());
    store.grant("user", grant, value("granted", 0)).await.unwrap();
    let expected = PermissionRecord::new(value("refreshed", 1), grant, Some(lease));
    assert_eq!(read(store, "user").await, Some(expected), "a repeated grant has no effect");
}

async fn lease_excludes_others_until_it_ends(store: &impl PermissionStore) {
    let grant = granted(store, "user", &value("tokens", 0)).await;
    let lease = leased(store, "user").await;
    let expected = PermissionRecord::new(value("tokens", 0), grant, Some(lease));
    assert_eq!(read(store, "user").await, Some(expected.clone()), "`read` returns the lease");
    let other = store.lease("user", stamp(), None).await.unwrap();
    assert_eq!(other, Some(expected.clone()), "a held lease is not taken, and the record is returned");
    store.release("user", stamp()).await.unwrap();
    assert_eq!(read(store, "user").await, Some(expected), "only its owner releases a lease");
    store.release("user", lease).await.unwrap();
    leased(store, "user").await;
}

async fn lease_is_broken_only_by_its_stamp(store: &impl PermissionStore) {
    granted(store, "user", &value("tokens", 0)).await;
    let (lease, new) = (leased(store, "user").await, stamp());
    let record = store.lease("user", new, Some(stamp())).await.unwrap().unwrap();
    assert_eq!(record.lease, Some(lease), "a lease is broken only by its own stamp");
    let record = store.lease("user", new, Some(lease)).await.unwrap().unwrap();
    assert_eq!(record.lease, Some(new), "the broken lease is taken");
    assert!(!store.replace("user", lease, value("late", 1), true).await.unwrap(), "the broken lease is void");
    store.release("user", new).await.unwrap();
    let record = store.lease("user", lease, Some(stamp())).await.unwrap().unwrap();
    assert_eq!(record.lease, Some(lease), "a free lease is taken, whatever `broken` is");
}

async fn steps_can_be_repeated(store: &impl PermissionStore) {
    let grant = granted(store, "user", &value("tokens", 0)).await;
    let lease = leased(store, "user").await;
    let record = store.lease("user", lease, None).await.unwrap().unwrap();
    assert_eq!(record.lease, Some(lease), "a lease can be taken again by its owner");
    for _ in 0..2 {
        assert!(store.replace("user", lease, value("new", 1), true).await.unwrap(), "a kept lease replaces again");
    }
    assert!(store.replace("user", lease, value("new", 1), false).await.unwrap());
    assert!(!store.replace("user", lease, value("new", 1), false).await.unwrap(), "the lease has ended");
    store.release("user", lease).await.unwrap();
    let expected = PermissionRecord::new(value("new", 1), grant, None);
    assert_eq!(read(store, "user").await, Some(expected), "the grant remains, and the lease has ended");
    assert!(store.delete("user").await.unwrap(), "`delete` returns true for an existing permission");
    assert!(!store.delete("user").await.unwrap(), "`delete` returns false the second time");
}

async fn replacement_needs_the_lease(store: &impl PermissionStore) {
    let grant = granted(store, "user", &value("tokens", 0)).await;
    assert!(!store.replace("user", stamp(), value("new", 1), false).await.unwrap(), "`replace` needs a lease");
    leased(store, "user").await;
    assert!(!store.replace("user", stamp(), value("new", 1), true).await.unwrap(), "`replace` needs the current lease");
    let record = read(store, "user").await.unwrap();
    assert_eq!((record.value, record.grant), (value("tokens", 0), grant), "nothing was replaced");
}

async fn replacement_after_a_grant_has_no_effect(store: &impl PermissionStore) {
    granted(store, "user", &value("old", 0)).await;
    let late = leased(store, "user").await;
    granted(store, "user", &value("granted", 1)).await;
    let lease = leased(store, "user").await;
    assert!(!store.replace("user", late, value("stale", 2), false).await.unwrap(), "a grant wins over a refresh");
    let record = read(store, "user").await.unwrap();
    assert_eq!((record.value, record.lease), (value("granted", 1), Some(lease)), "a grant wins over a refresh");
}

async fn deleted_permission_stays_deleted(store: &impl PermissionStore) {
    granted(store, "user", &value("tokens", 0)).await;
    let lease = leased(store, "user").await;
    assert!(store.delete("user").await.unwrap());
    let rule = "a refresh does not restore a deleted permission";
    assert!(!store.replace("user", lease, value("new", 1), true).await.unwrap(), "{rule}");
    assert_eq!(store.lease("user", lease, Some(lease)).await.unwrap(), None, "{rule}");
    store.release("user", lease).await.unwrap();
    assert_eq!(read(store, "user").await, None, "{rule}");
    assert_eq!((all(store).await.len(), store.leased(10).await.unwrap().len()), (0, 0), "{rule}");

    let grant = granted(store, "user", &value("granted", 2)).await;
    assert!(
        !store.replace("user", lease, value("new", 1), true).await.unwrap(),
        "an old lease does not replace a later grant"
    );
    let expected = PermissionRecord::new(value("granted", 2), grant, None);
    assert_eq!(read(store, "user").await, Some(expected), "a deleted permission can be granted again");
}

async fn list_is_ordered_by_expiry_in_pages(store: &impl PermissionStore) {
    let mut expected = Vec::new();
    for number in 0..25 {
        // Several expire at the same time, some before 1970.
        let minute = if number % 5 == 4 { -40_000_000 } else { number % 5 };
        let key = format!("کاربر-{}", number * 7 % 25);
        granted(store, &key, &value("tokens", minute)).await;
        expected.push(ListedPermission::new(key, at(minute)));
    }
    expected.sort();
    for page in [1, 4, 25, 100] {
        let mut list: Vec<ListedPermission> = Vec::new();
        loop {
            let part = store.list(list.last(), page).await.unwrap();
            assert!(part.len() <= page, "a page is at most `limit` long");
            if part.is_empty() {
                break;
            }
            list.extend(part);
        }
        assert_eq!(list, expected, "pages of {page} list everything once, by expiry and then key");
    }
    let gone = ListedPermission::new("a key that is not there", at(2));
    let after = store.list(Some(&gone), 100).await.unwrap();
    let rest: Vec<_> = expected.into_iter().filter(|listed| *listed > gone).collect();
    assert_eq!(after, rest, "a page begins after `after`, even if that is deleted");
}

async fn list_follows_every_change(store: &impl PermissionStore) {
    for (key, minute) in [("a", 1), ("b", 2), ("c", 3)] {
        granted(store, key, &value("tokens", minute)).await;
    }
    let lease = leased(store, "a").await;
    assert!(store.replace("a", lease, value("tokens", 4), false).await.unwrap());
    assert_eq!(all(store).await, ["b", "c", "a"], "a replacement moves a permission");
    granted(store, "b", &value("tokens", 5)).await;
    assert_eq!(all(store).await, ["c", "a", "b"], "a grant moves a permission");
    store.delete("a").await.unwrap();
    assert_eq!(all(store).await, ["c", "b"], "a deletion removes a permission");
}

async fn leased_lists_leased_permissions(store: &impl PermissionStore) {
    let mut leases = Vec::new();
    for key in ["a", "b", "c", "d", "e"] {
        granted(store, key, &value("tokens", 0)).await;
        leases.push(leased(store, key).await);
    }
    assert_eq!(store.leased(3).await.unwrap().len(), 3, "`leased` returns at most `limit` keys");
    store.release("a", leases[0]).await.unwrap();
    assert!(store.replace("b", leases[1], value("new", 1), false).await.unwrap());
    assert!(store.replace("c", leases[2], value("new", 1), true).await.unwrap());
    granted(store, "d", &value("new", 1)).await;
    store.delete("e").await.unwrap();
    assert_eq!(store.leased(10).await.unwrap(), ["c"], "`leased` lists only leased permissions");
}

async fn keys_are_compared_exactly(store: &impl PermissionStore) {
    let keys =
        ["user", "user:", "USER", "user ", "user\u{0}", "user%", "user*", "us_r", "کاربر", "user/گفتگو", "'", "{user}"];
    for (minute, key) in (0..).zip(keys) {
        granted(store, key, &value(key, minute)).await;
    }
    for (minute, key) in (0..).zip(keys) {
        assert_eq!(read(store, key).await.unwrap().value, value(key, minute), "{key:?} has its own permission");
    }
    assert!(store.delete("user").await.unwrap());
    assert_eq!(all(store).await, keys[1..], "only the exact key is deleted");
}

async fn concurrent_leases_have_one_winner(store: impl PermissionStore) {
    let store = Arc::new(store);
    granted(&store, "user", &value("tokens", 0)).await;
    for round in 0..10 {
        let mut callers = JoinSet::new();
        for _ in 0..8 {
            let (store, lease) = (Arc::clone(&store), stamp());
            callers.spawn(async move {
                let record = store.lease("user", lease, None).await.unwrap().unwrap();
                (record.lease == Some(lease)).then_some(lease)
            });
        }
        let winners: Vec<_> = callers.join_all().await.into_iter().flatten().collect();
        assert_eq!(winners.len(), 1, "round {round}: one of the concurrent calls gets the lease");
        store.release("user", winners[0]).await.unwrap();
    }
}

async fn concurrent_steps_of_many_keys_are_independent(store: impl PermissionStore) {
    let store = Arc::new(store);
    let mut users = JoinSet::new();
    for user in 0..20 {
        let store = Arc::clone(&store);
        users.spawn(async move {
            let key = format!("user-{user:02}");
            granted(&store, &key, &value("tokens", user)).await;
            let lease = leased(&store, &key).await;
            assert!(store.replace(&key, lease, value(&key, user), false).await.unwrap(), "each has a lease of its own");
            assert_eq!(read(&store, &key).await.unwrap().value, value(&key, user), "who has written reads it");
        });
    }
    users.join_all().await;
    let expected: Vec<_> = (0..20).map(|user| format!("user-{user:02}")).collect();
    assert_eq!(all(&store).await, expected, "everything is there");
}
