//! Aiming faults.

use std::fmt;
use std::sync::Arc;

use kenar::request::Operation;

use crate::engine::{Dialect, EventFault, Fault, PendingWebhookFault, Target, Webhook, WebhookFault};
use crate::platform::Platform;
use crate::shared::Shared;

/// A fault that is not aimed yet, from [`Sandbox::inject`](crate::Sandbox::inject).
#[must_use = "a fault does nothing until it is aimed"]
pub struct Injection<'a, F> {
    shared: &'a Arc<Shared>,
    fault: F,
    times: Option<u32>,
}

/// A fault that waits for what it is aimed at. It goes on to wait when this value is dropped.
#[derive(Clone)]
pub struct FaultHandle {
    shared: Arc<Shared>,
    id: u64,
}

impl<'a, F> Injection<'a, F> {
    pub(crate) fn new(shared: &'a Arc<Shared>, fault: F) -> Self {
        Self { shared, fault, times: Some(1) }
    }

    /// Sets how often it triggers.
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Has it trigger until it is [removed](FaultHandle::remove).
    pub fn always(self) -> Self {
        Self { times: None, ..self }
    }

    fn injected(self, inject: impl FnOnce(&Platform, F, Option<u32>) -> u64) -> FaultHandle {
        let id = inject(&self.shared.platform, self.fault, self.times);
        FaultHandle { shared: Arc::clone(self.shared), id }
    }
}

impl<F: Into<Fault>> Injection<'_, F> {
    /// Aims it at an operation: `on::<SendMessage>()`.
    pub fn on<O: Operation>(self) -> FaultHandle {
        self.on_operation(O::METADATA.name())
    }

    /// Aims it at an operation by its name in the [journal](crate::Sandbox::journal), such as `conversation.send_message` or
    /// `oauth.ask_consent`. A name that no operation has never triggers it.
    pub fn on_operation(self, name: impl Into<String>) -> FaultHandle {
        let target = Target::Operation(name.into());
        self.injected(|platform, fault, times| {
            platform.change(|engine, _| engine.inject_on_calls(target, fault.into(), times))
        })
    }

    /// Aims it at whatever is called.
    pub fn on_any_call(self) -> FaultHandle {
        self.injected(|platform, fault, times| {
            platform.change(|engine, _| engine.inject_on_calls(Target::AnyCall, fault.into(), times))
        })
    }
}

impl<F: Into<WebhookFault>> Injection<'_, F> {
    /// Aims it at a webhook.
    pub fn on_webhook(self, webhook: Webhook) -> FaultHandle {
        self.injected(|platform, fault, times| {
            let fault = PendingWebhookFault::Webhook(fault.into());
            platform.change(|engine, _| engine.inject_on_webhook(webhook, fault, times))
        })
    }
}

impl Injection<'_, EventFault> {
    /// Aims it at events.
    pub fn on_events(self) -> FaultHandle {
        self.injected(|platform, fault, times| {
            let fault = PendingWebhookFault::Event(fault);
            platform.change(|engine, _| engine.inject_on_webhook(Webhook::Event, fault, times))
        })
    }
}

impl Injection<'_, Dialect> {
    /// Aims it at the Fallback URL: [`Dialect::ReturnUrl`] names the way back `return_url`, as the documents did until
    /// September 2025. Other dialects change nothing there.
    pub fn on_fallback_url(self) -> FaultHandle {
        self.injected(|platform, dialect, times| {
            platform.change(|engine, _| engine.inject_on_fallback_url(dialect, times))
        })
    }
}

impl FaultHandle {
    /// How often it has triggered.
    #[must_use]
    pub fn times_triggered(&self) -> u32 {
        self.shared.platform.look(|engine| engine.faults().times_triggered(self.id))
    }

    /// Takes it away.
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
