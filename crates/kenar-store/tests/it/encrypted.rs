//! Promise: tokens at rest are useless without the key.

use std::sync::Arc;

use kenar::model::Timestamp;
use kenar::tokens::{MemoryPermissions, PermissionStore, PermissionValue, Stamp};
use kenar_store::conformance::check_permissions;
use kenar_store::{Encrypted, EncryptionKey};

type Store = Arc<MemoryPermissions>;

fn key(number: u8) -> EncryptionKey {
    EncryptionKey::from_bytes([number; 32])
}

fn value(text: &str) -> PermissionValue {
    PermissionValue::new(text.as_bytes().to_vec(), Timestamp::from_unix_micros(7).unwrap())
}

async fn granted(store: &impl PermissionStore, name: &str, text: &str) {
    store.grant(name, Stamp::random().unwrap(), value(text)).await.unwrap();
}

async fn read(store: &impl PermissionStore, name: &str) -> Result<String, String> {
    let record = store.read(name).await.map_err(|error| error.to_string())?.unwrap();
    Ok(String::from_utf8(record.value.expose_secret().to_vec()).unwrap())
}

/// Writes bytes under a key, as an attacker with access to the store.
async fn put(store: &Store, name: &str, bytes: &[u8]) {
    let value = PermissionValue::new(bytes.to_vec(), Timestamp::from_unix_micros(7).unwrap());
    store.grant(name, Stamp::random().unwrap(), value).await.unwrap();
}

async fn bytes(store: &Store, name: &str) -> Vec<u8> {
    store.read(name).await.unwrap().unwrap().value.expose_secret().to_vec()
}

#[tokio::test]
async fn encrypted_store_passes_the_permission_suite() {
    check_permissions(|| async { Encrypted::new(MemoryPermissions::new(), key(1)) }).await;
}

#[tokio::test]
async fn stored_bytes_reveal_nothing() {
    let inner = Store::default();
    let store = Encrypted::new(Arc::clone(&inner), key(1));
    granted(&store, "user", "the secret tokens").await;
    let first = bytes(&inner, "user").await;
    assert!(!first.windows(6).any(|window| window == b"secret" || window == b"tokens"));
    granted(&store, "user", "the secret tokens").await;
    assert_ne!(bytes(&inner, "user").await, first, "the same tokens are encrypted differently each time");
    assert_eq!(read(&store, "user").await.unwrap(), "the secret tokens");
}

#[tokio::test]
async fn changed_or_moved_value_is_refused() {
    let inner = Store::default();
    let store = Encrypted::new(Arc::clone(&inner), key(1));
    granted(&store, "user", "tokens").await;
    let good = bytes(&inner, "user").await;
    let refused = Err("cannot decrypt the permission: no key fits, or the value was changed".to_owned());
    for index in 1..good.len() {
        let mut changed = good.clone();
        changed[index] ^= 1;
        put(&inner, "user", &changed).await;
        assert_eq!(read(&store, "user").await, refused, "byte {index} was changed");
        put(&inner, "user", &good[..index]).await;
        assert_eq!(read(&store, "user").await, refused, "cut to {index} bytes");
    }
    put(&inner, "other", &good).await;
    assert_eq!(read(&store, "other").await, refused, "the value of another permission");
    let stranger = Encrypted::new(Arc::clone(&inner), key(2));
    put(&inner, "user", &good).await;
    assert_eq!(read(&stranger, "user").await, refused, "another key");
}

#[tokio::test]
async fn plain_value_is_refused_unless_accepted() {
    let inner = Store::default();
    put(&inner, "user", b"{}").await;
    let store = Encrypted::new(Arc::clone(&inner), key(1));
    assert_eq!(read(&store, "user").await, Err("the permission is not encrypted".to_owned()));
    assert!(store.reencrypt().await.is_err());
    assert!(inner.leased(1).await.unwrap().is_empty(), "a failure leaves no lease");

    let accepting = store.clone().also_accept_plain();
    assert_eq!(read(&accepting, "user").await.unwrap(), "{}");
    assert_eq!(accepting.reencrypt().await.unwrap(), 0);
    assert_eq!(read(&store, "user").await.unwrap(), "{}");
}

#[tokio::test]
async fn key_is_rotated() {
    let inner = Store::default();
    let old = Encrypted::new(Arc::clone(&inner), key(1));
    for number in 0..250 {
        granted(&old, &format!("user-{number}"), "tokens").await;
    }
    let both = Encrypted::new(Arc::clone(&inner), key(2)).also_decrypt(key(1));
    assert_eq!(read(&both, "user-0").await.unwrap(), "tokens");
    // One of them is being refreshed.
    let lease = Stamp::random().unwrap();
    both.lease("user-0", lease, None).await.unwrap();
    assert_eq!(both.reencrypt().await.unwrap(), 1);
    both.release("user-0", lease).await.unwrap();
    assert_eq!(both.reencrypt().await.unwrap(), 0);

    let new = Encrypted::new(Arc::clone(&inner), key(2));
    for number in 0..250 {
        assert_eq!(read(&new, &format!("user-{number}")).await.unwrap(), "tokens");
    }
    assert!(read(&old, "user-0").await.is_err(), "the old key is useless");
}

#[test]
fn key_is_read_from_hexadecimal_digits() {
    let digits = "00ff".repeat(16);
    assert!(EncryptionKey::from_hex(&digits).is_ok() && EncryptionKey::from_hex(&digits.to_uppercase()).is_ok());
    for wrong in ["", "00", &"0".repeat(63), &"0".repeat(65), &"0g".repeat(32), &"+1".repeat(32), &"é".repeat(32)] {
        assert!(EncryptionKey::from_hex(wrong).is_err(), "{wrong}");
    }
    assert_eq!(format!("{:?}", key(1)), "EncryptionKey([redacted])");
}
