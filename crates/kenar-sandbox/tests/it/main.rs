//! The tests of the sandbox, with a module for each promise.

#[cfg(feature = "bin")]
mod binary;
#[cfg(feature = "bin")]
mod binary_session;
mod bodies;
mod chat;
mod chosen;
mod clock;
mod errors;
mod faults;
mod in_process;
mod journal;
mod limits;
mod names;
mod oauth;
mod page;
mod page_guard;
mod page_tools;
mod paths;
mod people;
mod permissions;
mod promises;
mod readme;
mod recording;
mod support;
mod ten_lines;
mod uploads;
mod webhook_faults;
