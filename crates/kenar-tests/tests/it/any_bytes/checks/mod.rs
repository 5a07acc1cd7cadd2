//! Checks of promises for any bytes. A check panics if a promise is broken. The fuzz targets run the same functions.

mod client;
mod input;
mod oauth;
mod sandbox;
mod texts;
mod webhooks;
mod wire;

/// A check of any bytes.
pub type Check = fn(&[u8]);

/// All checks by the names of their fuzz targets.
pub const ALL: &[(&str, Check)] = &[
    ("open_app", webhooks::open_app),
    ("event", webhooks::event),
    ("dynamic_action", webhooks::dynamic_action),
    ("direct_link", webhooks::direct_link),
    ("header_check", webhooks::header_check),
    ("start_command", texts::start_command),
    ("timestamp", texts::timestamp),
    ("retry_after", texts::retry_after),
    ("callback", oauth::callback),
    ("permission_request", oauth::permission_request),
    ("scope", oauth::scope),
    ("response", client::response),
    ("redaction", client::redaction),
    ("upload", client::upload),
    ("wire_types", wire::types),
    ("sandbox", sandbox::requests),
];
