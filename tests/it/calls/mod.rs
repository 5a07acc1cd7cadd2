//! Calls to Divar: what is sent and how responses are read.

mod answers;
mod operations;
mod static_checks;
mod upload;
