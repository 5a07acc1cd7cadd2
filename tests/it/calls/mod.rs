//! Calls to Divar: the requests sent and the responses read.

mod operations;
mod responses;
mod sandbox_keys;
mod static_checks;
#[cfg(feature = "hyper")]
mod upload;
