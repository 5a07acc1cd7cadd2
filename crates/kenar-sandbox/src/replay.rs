//! Replay of recorded sessions.

use std::fmt;

use bytes::Bytes;
use serde_json::Value;

use kenar::model::{AppSlug, Message};
use kenar::webhook::Event;

use crate::engine::{Engine, Exchange, Webhook};
use crate::error::SandboxError;
use crate::recording::{Recording, Step};
use crate::shared::Shared;

/// A difference between a recording and its replay.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Difference {
    /// The subject: the response to a webhook, or an API call.
    pub what: String,
    /// The recorded response or call, if any.
    pub expected: Option<Value>,
    /// The replayed response or call, if any.
    pub found: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_nothing = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
        write!(f, "{}: expected {}, found {}", self.what, or_nothing(&self.expected), or_nothing(&self.found))
    }
}

/// Replays a recording against an app.
pub(crate) async fn replay(
    shared: &Shared,
    recording: &Recording,
    app: &AppSlug,
) -> Result<Vec<Difference>, SandboxError> {
    Player { shared, app }.replay(recording).await
}

struct Player<'a> {
    shared: &'a Shared,
    app: &'a AppSlug,
}

impl Player<'_> {
    async fn replay(&self, recording: &Recording) -> Result<Vec<Difference>, SandboxError> {
        let app = self.app;
        let before = self.shared.platform.change(|engine, _| {
            engine.restore(recording.snapshot_before());
            engine.journal().count()
        });
        let steps: Vec<_> = recording.steps.iter().filter(|step| step.app() == app).collect();
        let mut differences = Vec::new();
        let mut calls = 0_usize;
        for (place, step) in steps.iter().enumerate() {
            match step {
                Step::Webhook { .. } => differences.extend(self.play(step).await?),
                Step::Call { .. } => {
                    calls = calls.saturating_add(1);
                    let is_last_of_its_kind = !matches!(steps.get(place.saturating_add(1)), Some(Step::Call { .. }));
                    if is_last_of_its_kind {
                        let came = self
                            .shared
                            .platform
                            .find(|engine| (made(engine, before, app).len() >= calls).then_some(()))
                            .await;
                        if came.is_none() {
                            // The comparison reports the missing calls; later steps must not wait for them again.
                            calls = self.shared.platform.look(|engine| made(engine, before, app).len());
                        }
                    }
                }
            }
        }
        self.shared.outbox.settled().await;
        let expected: Vec<_> = steps.into_iter().filter(|step| matches!(step, Step::Call { .. })).cloned().collect();
        let found = self.shared.platform.look(|engine| made(engine, before, app));
        differences.extend(compare(&expected, &found));
        Ok(differences)
    }

    /// Sends a recorded webhook.
    async fn play(&self, step: &Step) -> Result<Option<Difference>, SandboxError> {
        let Step::Webhook { webhook, body, status, response, .. } = step else { return Ok(None) };
        let webhook = webhook.webhook();
        let body = match body {
            Value::String(text) => Bytes::from(text.clone()),
            body => Bytes::from(body.to_string()),
        };
        let (delivery, number) = self.shared.platform.change(|engine, _| {
            if let Some(message) = message_of(webhook, &body) {
                engine.restore_message(message);
            }
            (engine.delivery_to(self.app, webhook, body), engine.journal().count())
        });
        let delivery = delivery.map_err(|why| self.shared.platform.error(why, None))?;
        if let Err(why) = self.shared.outbox.deliver(delivery).await {
            return Err(self.shared.platform.error(format!("{}: {why}", webhook.as_str()), None));
        }
        let found = self.shared.platform.look(|engine| {
            let mut since = engine.journal().exchanges().filter(|exchange| exchange.number > number);
            since.find(|exchange| exchange.operation == webhook.as_str()).and_then(Step::of)
        });
        Ok(match found {
            Some(Step::Webhook { status: found_status, response: found, .. })
                if (found_status, &found) != (*status, response) =>
            {
                let value = |status: &Option<u16>, body: &Value| serde_json::json!({ "status": status, "body": body });
                let (expected, found) = (Some(value(status, response)), Some(value(&found_status, &found)));
                Some(Difference { what: format!("the response to {}", webhook.as_str()), expected, found })
            }
            _ => None,
        })
    }
}

/// The calls of an app after this number in the journal.
fn made(engine: &Engine, since: u64, app: &AppSlug) -> Vec<Step> {
    let exchanges = engine.journal().exchanges().filter(|exchange| exchange.number > since);
    let steps = exchanges.filter(|exchange: &&Exchange| exchange.app.as_ref() == Some(app)).filter_map(Step::of);
    steps.filter(|step| matches!(step, Step::Call { .. })).collect()
}

fn compare(expected: &[Step], found: &[Step]) -> Vec<Difference> {
    let length = expected.len().max(found.len());
    let pairs = (0..length).map(|place| (expected.get(place), found.get(place)));
    let different = pairs.filter(|(expected, found)| expected != found);
    let value = |step: Option<&Step>| match step? {
        Step::Call { operation, request, body, .. } => {
            Some(serde_json::json!({ "operation": operation, "request": request, "body": body }))
        }
        Step::Webhook { .. } => None,
    };
    let differences = different.map(|(expected, found)| {
        let operation = expected.or(found).map_or("", |step| match step {
            Step::Call { operation, .. } => operation,
            Step::Webhook { .. } => "",
        });
        Difference { what: format!("the call {operation}"), expected: value(expected), found: value(found) }
    });
    differences.collect()
}

/// The message in an event, if it has one.
fn message_of(webhook: Webhook, body: &[u8]) -> Option<Message> {
    let event = (webhook == Webhook::Event).then(|| Event::from_unverified_body(body));
    match event {
        Some(Ok(Event::NewMessage(event) | Event::ChatbotMessage(event))) => Some(event.message),
        _ => None,
    }
}
