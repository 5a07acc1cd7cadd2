//! Faults that the page switches on and off.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::reply::BadRequest;
use crate::engine::{Dialect, Engine, EventFault, Fault, PendingWebhookFault, Target, Webhook, WebhookFault};
use crate::platform::Platform;
use kenar::request::Metadata;
use kenar::{oauth, operation};

/// The name of the Fallback URL as a target.
const FALLBACK_URL: &str = "fallback_url";

/// The name of all calls as a target.
const ANY_CALL: &str = "any_call";

/// The maximum delay in milliseconds (one minute).
const MAX_DELAY: u64 = 60_000;

/// The available targets and wire forms.
#[derive(Serialize)]
pub(super) struct Choices {
    webhooks: Vec<&'static str>,
    calls: Vec<&'static str>,
    dialects: Vec<String>,
}

/// A pending fault.
#[derive(Serialize)]
pub(super) struct Active<'a> {
    id: u64,
    at: &'a str,
    fault: &'static str,
    told: Option<String>,
    /// The remaining number of triggers; `None` is unlimited.
    left: Option<u32>,
    strikes: u32,
}

#[derive(Deserialize)]
pub(super) struct SwitchOn {
    /// The name of a webhook or an operation in the journal, [`ANY_CALL`] or [`FALLBACK_URL`].
    at: String,
    fault: Chosen,
    times: Option<NonZeroU32>,
}

#[derive(Deserialize)]
pub(super) struct SwitchOff {
    id: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Chosen {
    Status(u16),
    BareStatus(u16),
    Html,
    NoResponse,
    ResponseLost,
    CutOff,
    /// Milliseconds.
    Delay(u64),
    /// Milliseconds.
    Slow(u64),
    /// The name of a wire form.
    Dialect(String),
    Lost,
    Duplicate,
    WrongKey,
    NoKey,
    Garbled,
    OutOfOrder,
    UnknownKind,
}

impl Choices {
    pub(super) fn all() -> Self {
        let operations = operation::ALL.iter().chain(oauth::ALL);
        Self {
            webhooks: Webhook::ALL.iter().map(|webhook| webhook.as_str()).chain([FALLBACK_URL]).collect(),
            calls: std::iter::once(ANY_CALL).chain(operations.map(Metadata::name)).collect(),
            dialects: Dialect::ALL.iter().map(name_of).collect(),
        }
    }
}

impl Active<'_> {
    /// All pending faults, in the order of injection.
    pub(super) fn all(engine: &Engine) -> Vec<Active<'_>> {
        let faults = engine.faults();
        let active =
            |id, at, (fault, told), left| Active { id, at, fault, told, left, strikes: faults.times_triggered(id) };
        let of_calls = faults.of_calls().map(|waiting| {
            let at = match &waiting.target {
                Target::Operation(name) => name,
                Target::AnyCall => ANY_CALL,
            };
            active(waiting.id, at, waiting.fault.describe(), waiting.left)
        });
        let of_webhooks = faults
            .of_webhooks()
            .map(|waiting| active(waiting.id, waiting.target.as_str(), told_of(&waiting.fault), waiting.left));
        let of_fallback_urls = faults.of_fallback_urls().map(|waiting| {
            active(waiting.id, FALLBACK_URL, ("dialect", Some(waiting.fault.to_string())), waiting.left)
        });
        let mut all: Vec<_> = of_calls.chain(of_webhooks).chain(of_fallback_urls).collect();
        all.sort_by_key(|active| active.id);
        all
    }
}

impl SwitchOn {
    pub(super) fn switch_on(self, platform: &Platform) -> Result<(), BadRequest> {
        let Self { at, fault, times } = self;
        let times = times.map(NonZeroU32::get);
        if let Some(webhook) = Webhook::ALL.iter().copied().find(|webhook| webhook.as_str() == at) {
            let fault = fault.of_webhook(webhook)?;
            platform.change(|engine, _| engine.inject_on_webhook(webhook, fault, times));
        } else if at == FALLBACK_URL {
            let Chosen::Dialect(name) = fault else {
                return Err("unsupported fault for the Fallback URL: use a dialect".into());
            };
            let dialect = dialect(&name)?;
            platform.change(|engine, _| engine.inject_on_fallback_url(dialect, times));
        } else {
            let fault = fault.of_call()?;
            let target = match at.as_str() {
                ANY_CALL => Target::AnyCall,
                name if operation::ALL.iter().chain(oauth::ALL).any(|known| known.name() == name) => {
                    Target::Operation(at)
                }
                _ => return Err(format!("unknown fault target {at:?}").into()),
            };
            platform.change(|engine, _| engine.inject_on_calls(target, fault, times));
        }
        Ok(())
    }
}

impl SwitchOff {
    pub(super) fn switch_off(&self, platform: &Platform) {
        platform.change(|engine, _| engine.remove_fault(self.id));
    }
}

impl Chosen {
    fn of_call(self) -> Result<Fault, BadRequest> {
        Ok(match self {
            Self::Status(status) => Fault::status(final_status(status)?),
            Self::BareStatus(status) => Fault::bare_status(final_status(status)?),
            Self::Html => Fault::html(),
            Self::NoResponse => Fault::no_response(),
            Self::ResponseLost => Fault::response_lost(),
            Self::CutOff => Fault::cut_off(),
            Self::Delay(millis) => Fault::delay(short_delay(millis)?),
            Self::Slow(millis) => Fault::slow(short_delay(millis)?),
            Self::Dialect(name) => Fault::dialect(dialect(&name)?),
            _ => return Err("unsupported fault for a call: it is for webhooks only".into()),
        })
    }

    fn of_webhook(self, webhook: Webhook) -> Result<PendingWebhookFault, BadRequest> {
        Ok(PendingWebhookFault::Webhook(match self {
            Self::Delay(millis) => WebhookFault::Delay(short_delay(millis)?),
            Self::Dialect(name) => WebhookFault::Dialect(dialect(&name)?),
            Self::Lost => WebhookFault::Lost,
            Self::Duplicate => WebhookFault::Duplicate,
            Self::WrongKey => WebhookFault::WrongKey,
            Self::NoKey => WebhookFault::NoKey,
            Self::Garbled => WebhookFault::Garbled,
            Self::OutOfOrder if webhook == Webhook::Event => {
                return Ok(PendingWebhookFault::Event(EventFault::OutOfOrder));
            }
            Self::UnknownKind if webhook == Webhook::Event => {
                return Ok(PendingWebhookFault::Event(EventFault::UnknownKind));
            }
            _ => return Err(format!("unsupported fault for {}", webhook.as_str()).into()),
        }))
    }
}

/// Checks for a final status.
fn final_status(status: u16) -> Result<u16, BadRequest> {
    if (200..600).contains(&status) { Ok(status) } else { Err("invalid status: expected 200 to 599".into()) }
}

fn short_delay(millis: u64) -> Result<Duration, BadRequest> {
    if millis <= MAX_DELAY {
        Ok(Duration::from_millis(millis))
    } else {
        Err("delay too long: at most one minute".into())
    }
}

fn dialect(name: &str) -> Result<Dialect, BadRequest> {
    Dialect::named(name).ok_or_else(|| format!("unknown dialect {name:?}").into())
}

/// The name in the journal.
fn name_of(dialect: &Dialect) -> String {
    dialect.to_string()
}

fn told_of(fault: &PendingWebhookFault) -> (&'static str, Option<String>) {
    match fault {
        PendingWebhookFault::Webhook(fault) => match fault {
            WebhookFault::Delay(delay) => ("delay", Some(format!("{delay:?}"))),
            WebhookFault::Lost => ("lost", None),
            WebhookFault::Duplicate => ("duplicate", None),
            WebhookFault::WrongKey => ("wrong_key", None),
            WebhookFault::NoKey => ("no_key", None),
            WebhookFault::Garbled => ("garbled", None),
            WebhookFault::Dialect(dialect) => ("dialect", Some(name_of(dialect))),
        },
        PendingWebhookFault::Event(EventFault::OutOfOrder) => ("out_of_order", None),
        PendingWebhookFault::Event(EventFault::UnknownKind) => ("unknown_kind", None),
    }
}
