//! Aiming faults.

use std::fmt;
use std::sync::Arc;

use super::Sandbox;
use super::engine::dialect::Dialect;
use super::engine::disturb::{Disturbance, EventFault, Webhook, WebhookFault};
use super::engine::faults::{Fault, Target};
use super::platform::Platform;
use kenar::request::Operation;

impl Sandbox {
    /// Has something go wrong: a [`Fault`] with a call, a [`WebhookFault`] with a webhook, an [`EventFault`] with an
    /// event. It strikes once unless said otherwise, and of several for the same, the one injected first.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use kenar_sandbox::Sandbox;
    /// use kenar::operation::SendBotMessage;
    /// use kenar_sandbox::{EventFault, Fault, Webhook, WebhookFault};
    /// # use kenar::{BotMessage, ChatApi as _};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = Sandbox::in_process().await;
    /// # let app = sandbox.app("bot");
    /// # let chat = sandbox.user("sara").chat_with_bot(&app);
    /// let broken = sandbox.inject(Fault::status(503)).times(2).on::<SendBotMessage>();
    /// sandbox.inject(WebhookFault::WrongKey).on_webhook(Webhook::OpenApp);
    /// sandbox.inject(EventFault::OutOfOrder).on_events();
    ///
    /// assert!(app.client().send_bot_message(chat.id(), &BotMessage::text("سلام")).await.is_err());
    /// assert_eq!(broken.times_triggered(), 1);
    /// # Ok(()) }
    /// ```
    pub fn inject<F>(&self, fault: F) -> Injection<'_, F> {
        Injection { platform: &self.platform, fault, times: Some(1) }
    }
}

/// A fault that is not aimed yet, from [`Sandbox::inject`].
#[must_use = "a fault does nothing until it is aimed"]
pub struct Injection<'a, F> {
    platform: &'a Arc<Platform>,
    fault: F,
    times: Option<u32>,
}

/// A fault that waits for what it is aimed at. It goes on to wait when this value is dropped.
#[derive(Clone)]
pub struct FaultHandle {
    platform: Arc<Platform>,
    id: u64,
}

impl<F> Injection<'_, F> {
    /// It strikes so many times.
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    /// It strikes until it is [removed](FaultHandle::remove).
    pub fn always(self) -> Self {
        Self { times: None, ..self }
    }

    fn injected(self, inject: impl FnOnce(&Platform, F, Option<u32>) -> u64) -> FaultHandle {
        let id = inject(self.platform, self.fault, self.times);
        FaultHandle { platform: Arc::clone(self.platform), id }
    }
}

impl<F: Into<Fault>> Injection<'_, F> {
    /// Aims it at an operation: `on::<SendMessage>()`.
    pub fn on<O: Operation>(self) -> FaultHandle {
        self.on_operation(O::METADATA.name())
    }

    /// Aims it at an operation by its name in the [journal](Sandbox::journal), such as `conversation.send_message` or
    /// `oauth.ask_consent`. A name that no operation has is never struck.
    pub fn on_operation(self, name: impl Into<String>) -> FaultHandle {
        let target = Target::Operation(name.into());
        self.injected(|platform, fault, times| {
            platform.change(|engine, _| engine.faults.on_calls(target, fault.into(), times))
        })
    }

    /// Aims it at whatever is called.
    pub fn on_any_call(self) -> FaultHandle {
        self.injected(|platform, fault, times| {
            platform.change(|engine, _| engine.faults.on_calls(Target::AnyCall, fault.into(), times))
        })
    }
}

impl<F: Into<WebhookFault>> Injection<'_, F> {
    /// Aims it at a webhook.
    pub fn on_webhook(self, webhook: Webhook) -> FaultHandle {
        self.injected(|platform, fault, times| {
            let fault = Disturbance::Webhook(fault.into());
            platform.change(|engine, _| engine.faults.on_webhooks(webhook, fault, times))
        })
    }
}

impl Injection<'_, EventFault> {
    /// Aims it at events.
    pub fn on_events(self) -> FaultHandle {
        self.injected(|platform, fault, times| {
            let fault = Disturbance::Event(fault);
            platform.change(|engine, _| engine.faults.on_webhooks(Webhook::Event, fault, times))
        })
    }
}

impl Injection<'_, Dialect> {
    /// Aims it at the Fallback URL: [`Dialect::ReturnUrl`] names the way back `return_url`, as the documents did until
    /// September 2025. Other dialects change nothing there.
    pub fn on_fallback_url(self) -> FaultHandle {
        self.injected(|platform, dialect, times| {
            platform.change(|engine, _| engine.faults.on_fallback_url(dialect, times))
        })
    }
}

impl FaultHandle {
    /// How often it struck so far.
    #[must_use]
    pub fn times_triggered(&self) -> u32 {
        self.platform.look(|engine| engine.faults.strikes(self.id))
    }

    /// Takes it away.
    pub fn remove(&self) {
        self.platform.change(|engine, _| engine.faults.remove(self.id));
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
