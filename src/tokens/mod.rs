//! Permissions kept good: the tokens of all users, stored, refreshed in time, and shared by a fleet.
//!
//! A permission's access token is valid for an hour. [`Permissions`] returns one that is good for calls, refreshes it when
//! that is due, and stores what it has in a [`PermissionStore`]: in memory, in SQLite or Redis ([`kenar-store`]), or in
//! one of your own.
//!
//! ```
//! # use kenar_sandbox::Sandbox;
//! use kenar::oauth::Callback;
//! use kenar::tokens::{MemoryPermissions, PermissionKey};
//! use kenar::{ChatApi as _, ConversationMessage, Scope};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = Sandbox::in_process().await;
//! # let app = sandbox.app("delivery");
//! # let (sara, ali) = (sandbox.user("sara"), sandbox.user("ali"));
//! # let chat = sandbox.add_post(&sara).conversation_with(&ali);
//! # let (client, oauth) = (app.client(), app.oauth("https://addon.example/oauth")?);
//! # let conversation = chat.id().clone();
//! # let side = kenar::model::Side::Demand;
//! // Once, where the program starts:
//! let permissions = oauth.permissions(MemoryPermissions::new());
//!
//! # let needed = Scope::conversation_send_message(&conversation);
//! # let (url, state) = oauth.permission_url([&needed, &Scope::offline_access()]);
//! # let back = ali.visit(url.as_str()).await?.allow().await?;
//! # let query = back.url().query().unwrap().to_owned();
//! // When the user is back from the consent page:
//! let key = PermissionKey::in_conversation(&conversation, &side);
//! if let Callback::Granted(code) = oauth.callback(&query, &state)? {
//!     permissions.grant(&key, oauth.exchange(code).await?).await?;
//! }
//!
//! // And anywhere, any time, on any machine:
//! let message = ConversationMessage::text("سفارش شما ثبت شد");
//! let by = permissions.access_token(&key).await?;
//! if let Err(error) = client.send_message(&conversation, &message, &by).await {
//!     if !error.needs_new_permission() {
//!         return Err(error.into());
//!     }
//!     // Refused before its time: once more, with another one.
//!     let by = permissions.replace(&key, &by).await?;
//!     client.send_message(&conversation, &message, &by).await?;
//! }
//!
//! // When the user takes the permission back:
//! permissions.forget(&key).await?;
//! # Ok(()) }
//! ```
//!
//! # What it does
//!
//! - **One refresh at a time, in the whole fleet.** Whoever refreshes has a lease in the store. Everybody else waits for
//!   the outcome, or uses the old token while it is valid.
//! - **Stored before used.** Nobody gets a new token before the store has it. If the store fails, the tokens are written
//!   again until it succeeds. If it cannot be read, nothing is refreshed.
//! - **A grant wins.** It ends the lease, so a refresh of the permission that it replaces cannot be written any more. The
//!   same holds for a deletion: nothing brings a forgotten permission back.
//! - **A lost response is repeated.** The old tokens work for two minutes after a refresh. A refresh whose response was
//!   lost is repeated five times in the first 100 seconds, whether or not anybody asks, and whatever `Retry-After` says.
//! - **A dead process is replaced.** Its lease is broken by the next one that finds it after 15 seconds, which repeats the
//!   refresh.
//! - **Nobody waits without need.** A token is refreshed a minute before it expires, in the background. Waits, store calls
//!   and `Retry-After` are bounded, and measured by a clock that nobody can set.
//! - **Changes are seen.** A grant or deletion is seen at once by its process, and by the others within
//!   [a second](PermissionsBuilder::recheck_after); a wider scope at once, by
//!   [`access_token_for`](Permissions::access_token_for).
//! - **Memory is bounded.** Ten thousand permissions are held [by default](PermissionsBuilder::max_in_memory).
//!
//! # What it leaves to you
//!
//! - **The key.** A key has one permission, and a second grant replaces the first, scopes and all: see [`PermissionKey`].
//! - **Event subscriptions** end with their access token: renew them in a [hook](PermissionsBuilder::on_refresh), and run
//!   [`keep_alive`](Permissions::keep_alive), so that tokens are refreshed also if nobody makes calls.
//! - **Thirty days.** A refresh token that nobody uses for so long expires. `keep_alive` uses it in time.
//! - **The end of the program.** Await [`settle`](Permissions::settle) before it, with a time limit.
//! - **Encryption.** Stores get the tokens as JSON. `kenar-store` has a wrapper that encrypts the values of any store.
//!
//! The guide has a page about [more than one machine](crate::guide::fleet).
//!
//! [`kenar-store`]: https://docs.rs/kenar-store

mod entry;
mod error;
mod flight;
mod keep_alive;
mod key;
mod memory;
mod permissions;
mod store;
mod value;

pub use error::TokensError;
pub use keep_alive::KeepAlive;
pub use key::PermissionKey;
pub use memory::MemoryPermissions;
pub use permissions::{Permissions, PermissionsBuilder};
pub use store::{InvalidStamp, ListedPermission, PermissionRecord, PermissionStore, PermissionValue, Stamp};
