//! The platform: state and behaviour, without I/O and without a clock.
//!
//! Its caller passes in requests and the actions of people, each with the current time. It returns responses and
//! [`Delivery`]s (webhooks to send), takes their results, and records everything in the journal. Code outside changes the
//! state only through methods of [`Engine`].

mod api_error;
mod assets;
mod body;
mod call;
mod calls;
mod consent;
mod consent_page;
mod delivery;
mod dialect;
mod dispatch;
mod faults;
mod grants;
mod ids;
mod journal;
mod limits;
mod note;
mod panel;
mod people;
mod queries;
mod record;
mod redact;
mod reply;
mod rest;
mod restore;
mod retired;
mod state;
#[cfg(test)]
mod tests;
mod token;
mod uploading;
mod uploads;
mod webhook;
mod webhook_fault;
mod webhooks;
mod world;

pub use self::dialect::{Dialect, TimeForm};
pub use self::faults::Fault;
pub use self::journal::{Direction, Exchange};
pub use self::note::Note;
pub use self::webhook::Webhook;
pub use self::webhook_fault::{EventFault, WebhookFault};
pub use self::world::{Author, ChatMessage};

pub(crate) use self::api_error::ApiError;
pub(crate) use self::body::read_object;
pub(crate) use self::delivery::{Delivery, DeliveryError, DeliveryResult, Timing, read, success};
pub(crate) use self::faults::Target;
pub(crate) use self::limits::Window;
pub(crate) use self::panel::Setting;
pub(crate) use self::people::Press;
pub(crate) use self::record::Received;
pub(crate) use self::reply::{Cut, Reply, response};
pub(crate) use self::restore::Snapshot;
pub(crate) use self::state::Engine;
pub(crate) use self::uploading::MEDIA_PATH;
pub(crate) use self::uploads::{Part, medium};
pub(crate) use self::webhook_fault::PendingWebhookFault;
pub(crate) use self::world::{App, Between, Talk};
