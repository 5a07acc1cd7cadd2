//! Tokens that are encrypted before they reach a store.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use kenar::error::StoreError;
use kenar::tokens::{ListedPermission, PermissionRecord, PermissionStore, PermissionValue, Stamp};
use secrecy::{ExposeSecret as _, SecretBox};

/// The first byte of an encrypted value. JSON never begins with it.
const VERSION: u8 = 1;

const NONCE_LEN: usize = 24;

/// Authenticated together with the value, and followed by the key of the permission.
const CONTEXT: &[u8] = b"kenar permission\0";

/// The number of permissions that are listed at once.
const PAGE: usize = 100;

/// A permission store that encrypts values before another store gets them.
///
/// The cipher is XChaCha20-Poly1305, with a random nonce for each value. A value is bound to the key of its permission: one
/// that was changed or moved to another permission is refused. Keys and expiry times remain readable, because the store
/// finds and orders permissions by them.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use kenar_store::{Encrypted, EncryptionKey};
///
/// // Made by `openssl rand -hex 32`. Keep it away from the store: in an environment variable or a secret manager.
/// # let hex = "00".repeat(32);
/// let key = EncryptionKey::from_hex(&hex)?;
/// # let inner = kenar::tokens::MemoryPermissions::new();
/// let store = Encrypted::new(inner, key);
/// # Ok(()) }
/// ```
///
/// # Rotation
///
/// Values are written with the key of [`new`](Self::new), and read with the keys of [`also_decrypt`](Self::also_decrypt)
/// too. To replace a key:
///
/// 1. Decrypt with the new key too, in every process.
/// 2. Encrypt with the new key, and decrypt with the old one too, in every process.
/// 3. Run [`reencrypt`](Self::reencrypt) until it returns 0. Then remove the old key.
#[derive(Clone)]
pub struct Encrypted<S> {
    inner: S,
    /// The first one encrypts; all of them decrypt.
    keys: Vec<EncryptionKey>,
    accepts_plain: bool,
}

/// A secret key of 32 random bytes.
#[derive(Clone)]
pub struct EncryptionKey(Arc<SecretBox<[u8; 32]>>);

/// The error for a text that is not 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the encryption key is malformed: not 64 hexadecimal digits")]
pub struct InvalidEncryptionKey;

#[derive(Debug, thiserror::Error)]
enum Undecryptable {
    #[error("cannot decrypt the permission: no key fits, or the value was changed")]
    NoKeyFits,
    #[error("the permission is not encrypted")]
    Plain,
}

impl EncryptionKey {
    /// A key from 32 bytes of a secure random generator. Do not use a password.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Arc::new(SecretBox::new(Box::new(bytes))))
    }

    /// A key from 64 hexadecimal digits, such as the output of `openssl rand -hex 32`.
    ///
    /// # Errors
    ///
    /// [`InvalidEncryptionKey`] if the text is anything else. The error does not contain the text.
    pub fn from_hex(text: &str) -> Result<Self, InvalidEncryptionKey> {
        let mut bytes = [0; 32];
        let digits = text.as_bytes();
        if digits.len() != 2 * bytes.len() {
            return Err(InvalidEncryptionKey);
        }
        let digit = |digit: &u8| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair.iter().try_fold(0, |byte, part| Some(byte << 4 | digit(part)?)).ok_or(InvalidEncryptionKey)?;
        }
        Ok(Self::from_bytes(bytes))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.0.expose_secret().into())
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncryptionKey([redacted])")
    }
}

impl<S: PermissionStore> Encrypted<S> {
    /// Wraps a store, and encrypts and decrypts values with this key.
    pub fn new(inner: S, key: EncryptionKey) -> Self {
        Self { inner, keys: vec![key], accepts_plain: false }
    }

    /// Decrypts with another key too: the previous or the next one.
    #[must_use]
    pub fn also_decrypt(mut self, key: EncryptionKey) -> Self {
        self.keys.push(key);
        self
    }

    /// Accepts values that are not encrypted, from a store that was not wrapped before.
    ///
    /// Everyone who can write to the store can then replace tokens. Remove this once [`reencrypt`](Self::reencrypt) has
    /// returned 0.
    #[must_use]
    pub fn also_accept_plain(mut self) -> Self {
        self.accepts_plain = true;
        self
    }

    /// Encrypts the values that are not encrypted with the key of [`new`](Self::new), and returns how many are left.
    ///
    /// Values that are being refreshed are left: run it again for them.
    ///
    /// # Errors
    ///
    /// If the store fails, or a value cannot be decrypted.
    pub async fn reencrypt(&self) -> Result<usize, StoreError> {
        let (mut left, mut last) = (0, None);
        loop {
            let page = self.inner.list(last.as_ref(), PAGE).await?;
            for permission in &page {
                left += usize::from(!self.reencrypt_one(&permission.key).await?);
            }
            match page.into_iter().last() {
                Some(end) => last = Some(end),
                None => return Ok(left),
            }
        }
    }

    /// Returns `false` if another process has the lease.
    async fn reencrypt_one(&self, key: &str) -> Result<bool, StoreError> {
        let is_current = |value: &PermissionValue| self.decrypt_with(key, value, 1).is_ok();
        match self.inner.read(key).await? {
            Some(record) if !is_current(&record.value) => {}
            _ => return Ok(true),
        }
        // The lease keeps a refresh from coming between.
        let lease = Stamp::random()?;
        let Some(record) = self.inner.lease(key, lease, None).await? else { return Ok(true) };
        if record.lease != Some(lease) {
            return Ok(false);
        }
        let value = self.decrypt(key, &record.value).and_then(|plain| self.encrypt(key, &plain));
        match value {
            Ok(value) => self.inner.replace(key, lease, value, false).await,
            Err(error) => {
                self.inner.release(key, lease).await?;
                Err(error)
            }
        }
    }

    fn encrypt(&self, key: &str, value: &PermissionValue) -> Result<PermissionValue, StoreError> {
        let current = self.keys.first().ok_or(Undecryptable::NoKeyFits)?;
        let mut nonce = [0; NONCE_LEN];
        getrandom::getrandom(&mut nonce)?;
        let context = [CONTEXT, key.as_bytes()].concat();
        let payload = Payload { msg: value.expose_secret(), aad: &context };
        let ciphertext = current
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| "cannot encrypt the permission: it is too large")?;
        let bytes = [&[VERSION], &nonce[..], &ciphertext].concat();
        Ok(PermissionValue::new(bytes, value.expires_at()))
    }

    fn decrypt(&self, key: &str, value: &PermissionValue) -> Result<PermissionValue, StoreError> {
        Ok(self.decrypt_with(key, value, self.keys.len()).or_else(|why| match why {
            Undecryptable::Plain if self.accepts_plain => Ok(value.clone()),
            why => Err(why),
        })?)
    }

    /// Decrypts with one of the first keys.
    fn decrypt_with(&self, key: &str, value: &PermissionValue, keys: usize) -> Result<PermissionValue, Undecryptable> {
        let Some((&VERSION, rest)) = value.expose_secret().split_first() else { return Err(Undecryptable::Plain) };
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>().ok_or(Undecryptable::NoKeyFits)?;
        let context = [CONTEXT, key.as_bytes()].concat();
        let plain = self.keys.iter().take(keys).find_map(|tried| {
            let payload = Payload { msg: ciphertext, aad: &context };
            tried.cipher().decrypt(&XNonce::from(*nonce), payload).ok()
        });
        Ok(PermissionValue::new(plain.ok_or(Undecryptable::NoKeyFits)?, value.expires_at()))
    }

    fn decrypt_record(
        &self,
        key: &str,
        record: Option<PermissionRecord>,
    ) -> Result<Option<PermissionRecord>, StoreError> {
        let Some(mut record) = record else { return Ok(None) };
        record.value = self.decrypt(key, &record.value)?;
        Ok(Some(record))
    }
}

#[async_trait]
impl<S: PermissionStore> PermissionStore for Encrypted<S> {
    async fn read(&self, key: &str) -> Result<Option<PermissionRecord>, StoreError> {
        self.decrypt_record(key, self.inner.read(key).await?)
    }

    async fn grant(&self, key: &str, grant: Stamp, value: PermissionValue) -> Result<(), StoreError> {
        self.inner.grant(key, grant, self.encrypt(key, &value)?).await
    }

    async fn lease(
        &self,
        key: &str,
        lease: Stamp,
        broken: Option<Stamp>,
    ) -> Result<Option<PermissionRecord>, StoreError> {
        self.decrypt_record(key, self.inner.lease(key, lease, broken).await?)
    }

    async fn replace(
        &self,
        key: &str,
        lease: Stamp,
        value: PermissionValue,
        keep_lease: bool,
    ) -> Result<bool, StoreError> {
        self.inner.replace(key, lease, self.encrypt(key, &value)?, keep_lease).await
    }

    async fn release(&self, key: &str, lease: Stamp) -> Result<(), StoreError> {
        self.inner.release(key, lease).await
    }

    async fn delete(&self, key: &str) -> Result<bool, StoreError> {
        self.inner.delete(key).await
    }

    async fn list(&self, after: Option<&ListedPermission>, limit: usize) -> Result<Vec<ListedPermission>, StoreError> {
        self.inner.list(after, limit).await
    }

    async fn leased(&self, limit: usize) -> Result<Vec<String>, StoreError> {
        self.inner.leased(limit).await
    }
}

impl<S: fmt::Debug> fmt::Debug for Encrypted<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inner, keys, accepts_plain } = self;
        f.debug_struct("Encrypted")
            .field("inner", inner)
            .field("keys", &keys.len())
            .field("accepts_plain", accepts_plain)
            .finish()
    }
}
