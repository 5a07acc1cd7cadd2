//! Aiming faults.

use std::fmt;
use std::sync::Arc;

use kenar::request::Operation;

use crate::engine::{Dialect, EventFault, Fault, PendingWebhookFault, Target, Webhook, WebhookFault};
use crate::platform::Platform;
use crate::shared::Shared;

/// A fault without a target yet, from [`Sandbox::inject`](crate::Sandbox::inject).
#[must_use = "a fault does nothing until it has a target"]
pub struct Injection<'a, F> {
    shared: &'a Arc<Shared>,
    fault: F,
    times: Option<u32>,
}

/// A handle to an injected fault. Dropping it does not remove the fault.
#[derive(Clone)]
pub struct FaultHandle {
    shared: Arc<Shared>,
    id: u64,
}

impl<'a, F> Injection<'a, F> {
    pub(crate) fn new(shared: &'a Arc<Shared>, fault: F) -> Self {
        Self { shared, fault, times: Some(1) }
    }

    /// Sets the number of times it triggers.
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Makes it trigger until it is [removed](FaultHandle::remove).
    pub fn always(self) -> Self {
        Self { times: None, ..self }
    }

    fn injected(self, inject: impl FnOnce(&Platform, F, Option<u32>) -> u64) -> FaultHandle {
        let id = inject(&self.shared.platform, self.fault, self.times);
        FaultHandle { shared: Arc::clone(self.shared), id }
    }
}

impl<F: Into<Fault>> Injection<'_, F> {
    /// Targets calls of an operation: `on::<SendMessage>()`.
    pub fn on<O: Operation>(self) -> FaultHandle {
        self.on_operation(O::METADATA.name())
    }

    /// Targets calls of an operation by its name in the [journal](crate::Sandbox::journal).
    ///
    /// Such a name is `conversation.send_message` or `oauth.ask_consent`. With an unknown name, the fault never triggers.
    pub fn on_operation(self, name: impl Into<String>) -> FaultHandle {
        let target = Target::Operation(name.into());
        self.injected(|platform, fault, times| {
            platform.change(|engine, _| engine.inject_on_calls(target, fault.into(), times))
        })
    }

    /// Targets every call.
    pub fn on_any_call(self) -> FaultHandle {
        self.injected(|platform, fault, times| {
            platform.change(|engine, _| engine.inject_on_calls(Target::AnyCall, fault.into(), times))
        })
    }
}

impl<F: Into<WebhookFault>> Injection<'_, F> {
    /// Targets a webhook.
    pub fn on_webhook(self, webhook: Webhook) -> FaultHandle {
        self.injected(|platform, fault, times| {
            let fault = PendingWebhookFault::Webhook(fault.into());
            platform.change(|engine, _| engine.inject_on_webhook(webhook, fault, times))
        })
    }
}

impl Injection<'_, EventFault> {
    /// Targets events.
    pub fn on_events(self) -> FaultHandle {
        self.injected(|platform, fault, times| {
            let fault = PendingWebhookFault::Event(fault);
            platform.change(|engine, _| engine.inject_on_webhook(Webhook::Event, fault, times))
        })
    }
}

impl Injection<'_, Dialect> {
    /// Targets the query of the Fallback URL. Only [`Dialect::ReturnUrl`] changes it.
    ///
    /// It names the parameter `return_url`, as in the documents until September 2025.
    pub fn on_fallback_url(self) -> FaultHandle {
        self.injected(|platform, dialect, times| {
            platform.change(|engine, _| engine.inject_on_fallback_url(dialect, times))
        })
    }
}

impl FaultHandle {
    /// The number of times it has triggered.
    #[must_use]
    pub fn times_triggered(&self) -> u32 {
        self.shared.platform.look(|engine| engine.faults().times_triggered(self.id))
    }

    /// Removes the fault.
    pub fn remove(&self) {
        self.shared.platform.change(|engine, _| engine.remove_fault(self.id));
    }
}

impl<F: fmt::Debug> fmt::Debug for Injection<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Injection").field("fault", &self.fault).field("times", &self.times).finish()
    }
}

impl fmt::Debug for FaultHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultHandle").field("times_triggered", &self.times_triggered()).finish()
    }
}
