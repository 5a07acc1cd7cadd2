//! Shared helpers. No test uses all of them.
#![allow(dead_code)]

pub mod calls;
pub mod loopback;
pub mod webhook;
