//! The SDK's promises, one per module. Tests with further dependencies are in `crates/kenar-tests`.

#[path = "../../examples/common/mod.rs"]
mod common;
mod support;

mod calls;
mod declarations;
mod guide_links;
mod inbox;
mod lines;
mod oauth_fixtures;
mod oauth_flow;
mod permissions;
mod quota;
#[cfg(feature = "hyper")]
mod showcase_delivery;
#[cfg(feature = "hyper")]
mod showcase_sandbox;
#[cfg(feature = "hyper")]
mod showcase_xo;
mod webhook_dynamic_action;
mod webhook_event;
mod webhook_unrepresentable;
mod webhook_verifier;
