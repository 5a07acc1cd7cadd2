//! The SDK's promises for any input, any schedule, both transports and real TLS.

mod any_bytes;
mod call_limits;
mod call_retry;
mod call_secrecy;
mod call_traces;
mod call_transports;
mod environment;
mod fake_chat_api;
mod informational_flood;
mod memory_stores;
mod no_secret_shows;
mod oauth_properties;
mod other_runtime;
mod outside_operation;
mod permissions_interleaved;
mod read_by_others;
mod sends_interleaved;
mod sent_or_not;
mod ten_thousand_sends;
mod tls;
mod tls_versions;
mod transport_setup;
mod webhook_frameworks;
mod webhook_open_app;
mod webhook_tolerance;
mod wire_round_trips;
