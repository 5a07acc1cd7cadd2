//! What the client promises about its calls: what is sent, how answers are read, what is tried again, and what is never
//! told to anyone.

mod answers;
mod loopback;
mod operations;
mod retry;
mod secrecy;
mod static_checks;
mod support;
mod transports;
mod upload;
