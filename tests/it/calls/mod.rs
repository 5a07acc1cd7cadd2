//! Calls to Divar: what is sent and how responses are read.

mod answers;
mod operations;
mod sandbox_keys;
mod static_checks;
#[cfg(feature = "hyper")]
mod upload;
