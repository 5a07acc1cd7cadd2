//! Storage and refresh of all users' OAuth tokens, shared by a fleet.
//!
//! An access token is valid for an hour. [`Permissions`] returns a valid one, refreshes it when it is due, and keeps
//! the tokens in a [`PermissionStore`]: in memory, in SQLite or Redis ([`kenar-store`]), or in your own.
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
//! // Once, at the program's start:
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
//! // Later, in any process:
//! let message = ConversationMessage::text("سفارش شما ثبت شد");
//! let by = permissions.access_token(&key).await?;
//! if let Err(error) = client.send_message(&conversation, &message, &by).await {
//!     if !error.needs_new_permission() {
//!         return Err(error.into());
//!     }
//!     // Refused before it expired: retry once with another token.
//!     let by = permissions.replace(&key, &by).await?;
//!     client.send_message(&conversation, &message, &by).await?;
//! }
//!
//! // When the user revokes the permission:
//! permissions.forget(&key).await?;
//! # Ok(()) }
//! ```
//!
//! # Guarantees
//!
//! No permission is lost in [these situations](crate::guide::fleet#what-happens-when). In detail:
//!
//! - **One refresh at a time in the whole fleet**, under a lease in the store. A grant or a deletion ends the lease.
//! - **Stored before used.** A failed write is retried until it succeeds. Nothing is refreshed while the store cannot be
//!   read.
//! - **Lost responses are recovered.** The old tokens work for two minutes after a refresh. A refresh whose response
//!   was lost is repeated five times within 100 seconds, even without callers and despite `Retry-After`.
//! - **Short waits.** A token is refreshed in the background a minute before it expires. Waits, store calls and
//!   `Retry-After` are bounded, and measured by a monotonic clock.
//! - **Fresh reads.** A process sees its own grants and deletions at once, and those of others within [a
//!   second](PermissionsBuilder::recheck_after).
//! - **Bounded memory**: 10,000 permissions [by default](PermissionsBuilder::max_in_memory).
//!
//! # Your part
//!
//! - **Event subscriptions** end with their access token. Renew them in a [hook](PermissionsBuilder::on_refresh), and
//!   run [`keep_alive`](Permissions::keep_alive) so that tokens are refreshed without calls.
//! - **Refresh tokens** expire after 30 days without use. `keep_alive` uses them in time.
//! - **[Keys](PermissionKey), [shutdown and encryption](crate::guide::fleet#shutdown)**: see the guide.
//!
//! [`kenar-store`]: https://docs.rs/kenar-store

mod entry;
mod error;
mod flight;
mod keep_alive;
mod permissions;
mod store;

pub use error::TokensError;
pub use keep_alive::KeepAlive;
pub use permissions::{Permissions, PermissionsBuilder};
pub use store::{
    InvalidStamp, ListedPermission, MemoryPermissions, PermissionKey, PermissionRecord, PermissionStore,
    PermissionValue, Stamp,
};
