//! Sessions played again.

use std::fmt;

use bytes::Bytes;
use serde_json::Value;

use super::engine::Engine;
use super::engine::disturb::Webhook;
use super::engine::journal::Exchange;
use super::engine::world::{Author, Between, ChatMessage, Talk};
use super::platform::Platform;
use super::recording::{Recording, Step};
use super::{App, Sandbox, SandboxError};
use kenar::model::{AppSlug, Message, SenderKind, Side};
use kenar::webhook::Event;

/// Where an add-on did something else than in the recording.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Difference {
    /// What it is about: the webhook that was answered, or the call that was made.
    pub what: String,
    /// What the recording says; none where it says nothing.
    pub expected: Option<Value>,
    /// What the add-on did; none where it did nothing.
    pub found: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_nothing = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
        write!(f, "{}: expected {}, found {}", self.what, or_nothing(&self.expected), or_nothing(&self.found))
    }
}

impl Sandbox {
    /// Plays a recording against an add-on, and tells what it does otherwise: its answers to the webhooks, and its calls
    /// in their order. The webhooks are those of the app of the same slug, with the same bodies; their people,
    /// posts and conversations are made first, so that it suits a sandbox in which nothing has happened yet.
    ///
    /// What people did in the browser is not played: an add-on has no token by which it could write in a user's name,
    /// unless the test gives it one.
    ///
    /// # Errors
    ///
    /// Where a webhook was not answered at all.
    pub async fn replay(&self, recording: &Recording, app: &App) -> Result<Vec<Difference>, SandboxError> {
        self.platform.replay(recording, app.slug()).await
    }
}

impl Platform {
    pub(super) async fn replay(&self, recording: &Recording, app: &AppSlug) -> Result<Vec<Difference>, SandboxError> {
        let before = self.change(|engine, _| {
            engine.restore(recording, |conversation| Talk::new(conversation.parties.between()));
            engine.journal.count()
        });
        let steps: Vec<_> = recording.steps.iter().filter(|step| step.app() == app).collect();
        let mut differences = Vec::new();
        let mut calls = 0_usize;
        for (place, step) in steps.iter().enumerate() {
            match step {
                Step::Webhook { .. } => differences.extend(self.play(step, app).await?),
                Step::Call { .. } => {
                    calls = calls.saturating_add(1);
                    let is_last_of_its_kind = !matches!(steps.get(place.saturating_add(1)), Some(Step::Call { .. }));
                    if is_last_of_its_kind {
                        let came = self.find(|engine| (made(engine, before, app).len() >= calls).then_some(())).await;
                        if came.is_none() {
                            // That is a difference, and the next calls are not to wait for these as well.
                            calls = self.look(|engine| made(engine, before, app).len());
                        }
                    }
                }
            }
        }
        self.settled().await;
        let expected: Vec<_> = steps.into_iter().filter(|step| matches!(step, Step::Call { .. })).cloned().collect();
        let found = self.look(|engine| made(engine, before, app));
        differences.extend(compare(&expected, &found));
        Ok(differences)
    }

    /// Makes the request of a webhook once more.
    async fn play(&self, step: &Step, app: &AppSlug) -> Result<Option<Difference>, SandboxError> {
        let Step::Webhook { webhook, body, status, answer, .. } = step else { return Ok(None) };
        let webhook = webhook.webhook();
        let body = match body {
            Value::String(text) => Bytes::from(text.clone()),
            body => Bytes::from(body.to_string()),
        };
        let (delivery, number) = self.change(|engine, _| {
            engine.restore_message(webhook, &body);
            (engine.delivery_to(app, webhook, body), engine.journal.count())
        });
        let delivery = delivery.map_err(|why| self.error(why, None))?;
        if let Err(why) = self.deliver(delivery).await {
            return Err(self.error(format!("{}: {why}", webhook.as_str()), None));
        }
        let found = self.look(|engine| {
            let mut since = engine.journal.exchanges().filter(|exchange| exchange.number > number);
            since.find(|exchange| exchange.operation == webhook.as_str()).and_then(Step::of)
        });
        Ok(match found {
            Some(Step::Webhook { status: found_status, answer: found, .. })
                if (found_status, &found) != (*status, answer) =>
            {
                let value =
                    |status: &Option<u16>, answer: &Value| serde_json::json!({ "status": status, "body": answer });
                let (expected, found) = (Some(value(status, answer)), Some(value(&found_status, &found)));
                Some(Difference { what: format!("the answer to {}", webhook.as_str()), expected, found })
            }
            _ => None,
        })
    }
}

/// The calls that an app made since.
fn made(engine: &Engine, since: u64, app: &AppSlug) -> Vec<Step> {
    let exchanges = engine.journal.exchanges().filter(|exchange| exchange.number > since);
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

impl Engine {
    /// Writes the message that an event tells of into its conversation, where it is not there yet.
    fn restore_message(&mut self, webhook: Webhook, body: &[u8]) {
        let event = (webhook == Webhook::Event).then(|| Event::from_unverified_body(body));
        let Some(Ok(Event::NewMessage(event) | Event::ChatbotMessage(event))) = event else { return };
        let message = event.message;
        let Some(talk) = self.world.talks.get_mut(&message.conversation.id) else { return };
        let is_there = talk.messages.iter().any(|own| own.id() == message.id.as_ref());
        if let (false, Some(author)) = (is_there, author(&talk.between, &message)) {
            talk.messages.push(ChatMessage { message, author, sender_buttons: None, receiver_buttons: None });
        }
    }
}

/// Who wrote a message, as far as it tells: what bots write is theirs to write again.
fn author(between: &Between, message: &Message) -> Option<Author> {
    if message.sender.kind == Some(SenderKind::Bot) {
        return None;
    }
    Some(Author::User(match between {
        Between::Chatbot { user, .. } => user.clone(),
        Between::Sides { seller, .. } if message.sender.side == Some(Side::Supply) => seller.clone(),
        Between::Sides { buyer, .. } => buyer.clone(),
    }))
}
