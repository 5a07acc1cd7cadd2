//! The requests that the sandbox makes: built here, sent by a shell.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use kenar::model::{AppSlug, AppUrl, ConversationId, Location, PostToken, RawJson, Side, Timestamp};
use kenar::operation::Subscription;
use kenar::webhook::{
    ApiVersion, COMPLETION_URL, DynamicAction, Event, MessageEvent, OpenApp, OpenAppBuilder, Source, TouchPoint,
};

use super::disturb::Webhook;
use super::journal::{Direction, Exchange, readable};
use super::world::{App, Between, ChatMessage};
use super::{Engine, Fields, Note};

/// How a user opens an app.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) from: OpenedFrom,
    /// What the button carries that it is opened by.
    pub(crate) extra: Option<RawJson>,
    /// The place of the message that it is opened on.
    pub(crate) location: Option<Location>,
}

/// Where a user opens an app.
#[derive(Debug)]
pub(crate) enum OpenedFrom {
    Conversation(ConversationId),
    Post(PostToken),
}

/// The names of the webhooks in the journal.
pub(crate) const OPEN_APP: &str = "webhook.open_app";
pub(crate) const EVENT: &str = "webhook.event";
pub(crate) const DYNAMIC_ACTION: &str = "webhook.dynamic_action";

/// A request to be made to an add-on. Give its answer to [`Engine::delivered`].
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) app: AppSlug,
    pub(crate) webhook: Webhook,
    /// The request; or, where the panel has no address for it, why there is none.
    pub(crate) request: Result<Request<Bytes>, String>,
    body: Bytes,
    expected: Expected,
    notes: Vec<Note>,
}

/// How an add-on has to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Success,
    /// It comes with something that no add-on may take.
    Refusal(&'static str),
}

/// Why there is no answer to a webhook that anything follows from.
#[derive(Clone, Debug)]
pub(crate) enum Undelivered {
    Failed(String),
    /// A fault wanted it so.
    ByFault(String),
}

/// When a delivery left, and how long it was away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trip {
    pub(crate) at: Timestamp,
    pub(crate) took: Duration,
    /// The exchanges that the journal had then.
    pub(crate) began_after: u64,
}

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Failed(why) | Self::ByFault(why)) = self;
        f.write_str(why)
    }
}

impl Undelivered {
    fn note(&self) -> Note {
        match self {
            Self::Failed(why) => Note::Remark(why.clone()),
            Self::ByFault(why) => Note::Fault(why.clone()),
        }
    }
}

impl From<Undelivered> for String {
    fn from(undelivered: Undelivered) -> Self {
        undelivered.to_string()
    }
}

pub(crate) type Answer = Result<Response<Bytes>, Undelivered>;

impl Delivery {
    pub(crate) fn body(&self) -> Bytes {
        self.body.clone()
    }

    pub(crate) fn rewrite(&mut self, body: Bytes) {
        self.body = body.clone();
        if let Ok(request) = &mut self.request {
            *request.body_mut() = body;
        }
    }

    pub(crate) fn rewrite_json(&mut self, rewrite: impl FnOnce(&mut serde_json::Map<String, Value>)) {
        if let Ok(mut object) = serde_json::from_slice(&self.body) {
            rewrite(&mut object);
            self.rewrite(serde_json::to_vec(&object).unwrap_or_default().into());
        }
    }

    /// Sets a header or takes it away; whether it was there.
    pub(crate) fn header(&mut self, name: HeaderName, value: Option<HeaderValue>) -> bool {
        let Ok(request) = &mut self.request else { return false };
        let old = match value {
            Some(value) => request.headers_mut().insert(name, value),
            None => request.headers_mut().remove(name),
        };
        old.is_some()
    }

    /// What the journal shall say about it.
    pub(crate) fn note(&mut self, note: Note) {
        self.notes.push(note);
    }

    pub(crate) fn expects(&mut self, expected: Expected) {
        if let Expected::Refusal(what) = expected {
            self.note(Note::Fault(format!("it has {what}, and has to be refused")));
        }
        self.expected = expected;
    }

    /// What follows from an answer, by what was expected.
    pub(crate) fn judge(&self, answer: Answer) -> Answer {
        match (self.expected, answer) {
            (Expected::Refusal(what), Ok(answer)) if answer.status().is_client_error() => {
                Err(Undelivered::ByFault(format!("the add-on refused {what}, as it should: {}", answer.status())))
            }
            (Expected::Refusal(what), Ok(answer)) => Err(Undelivered::Failed(format!(
                "the add-on has to refuse {what} with a status of the 400s, and answered {}",
                answer.status()
            ))),
            (_, answer) => answer,
        }
    }

    /// The address that is called.
    fn target(&self) -> String {
        match &self.request {
            Ok(request) => format!("{} {}", request.method(), request.uri()),
            Err(_) => "(no address)".to_owned(),
        }
    }
}

impl Engine {
    /// Opening an app, in the form that the panel asks for.
    pub(super) fn open_app_delivery(&self, app: &App, user: &str, opening: Opening) -> Option<Delivery> {
        let from = match &opening.from {
            OpenedFrom::Conversation(id) => Some((id, &self.world.talks.get(id)?.between)),
            OpenedFrom::Post(_) => None,
        };
        let mut opened = OpenApp::builder().version(app.open_app_version).user_id(self.world.user_id(&app.slug, user));
        if let Some((id, _)) = from {
            opened = opened.conversation_id(id.clone());
        }
        let post = match (&opening.from, from) {
            (OpenedFrom::Post(post), _) => Some(post),
            (_, Some((_, between))) => between.post().map(|(post, _)| post),
            _ => None,
        };
        if let Some(post) = post {
            opened = opened.post_token(post.clone());
        }
        if let Some(extra) = &opening.extra {
            opened = opened.data(extra.clone());
        }
        opened = match app.open_app_version {
            ApiVersion::V1 => self.in_version_1(opened, app, user, from.map(|(_, between)| between), opening.location),
            _ => self.in_version_2(opened, user, &opening),
        };
        let opened = opened.build();
        let mut delivery = delivery(app, Webhook::OpenApp, app.open_app_url.as_ref(), &opened);
        for (name, value) in &opened.headers() {
            delivery.header(name.clone(), Some(value.clone()));
        }
        Some(delivery)
    }

    /// With the ids of both sides, and the place of a location message.
    fn in_version_1(
        &self,
        mut opened: OpenAppBuilder,
        app: &App,
        user: &str,
        between: Option<&Between>,
        location: Option<Location>,
    ) -> OpenAppBuilder {
        let id = |name: &str| self.world.user_id(&app.slug, name);
        opened = opened.return_url(COMPLETION_URL);
        if let Some(location) = location {
            opened = opened.location(location);
        }
        match between {
            Some(Between::Sides { seller, buyer, .. }) => {
                let peer = if seller == user { buyer } else { seller };
                opened.peer_id(id(peer)).supplier_id(id(seller)).demand_id(id(buyer))
            }
            _ => opened,
        }
    }

    /// With the side of the user, and where it was opened.
    fn in_version_2(&self, opened: OpenAppBuilder, user: &str, opening: &Opening) -> OpenAppBuilder {
        let side = match &opening.from {
            OpenedFrom::Conversation(id) => self.world.talks.get(id).and_then(|talk| talk.between.side_of(user)),
            OpenedFrom::Post(post) => {
                self.world.posts.get(post).map(|owner| if owner == user { Side::Supply } else { Side::Demand })
            }
        };
        let source = match &opening.from {
            _ if opening.extra.is_some() => Source::ChatMessageAction,
            OpenedFrom::Conversation(_) => Source::Chat,
            OpenedFrom::Post(_) => Source::PostAddon,
        };
        let opened = opened.source(source);
        match side {
            Some(side) => opened.user_side(side),
            None => opened,
        }
    }

    pub(super) fn dynamic_action_delivery(
        &self,
        app: &App,
        conversation: &ConversationId,
        user: &str,
        extra: RawJson,
    ) -> Option<Delivery> {
        let between = &self.world.talks.get(conversation)?.between;
        let mut pressed = DynamicAction::builder()
            .touch_point(TouchPoint::Chat)
            .conversation_id(conversation.clone())
            .user_id(self.world.user_id(&app.slug, user))
            .data(extra);
        if let Some((post, _)) = between.post() {
            pressed = pressed.post_token(post.clone());
        }
        if let Some(side) = between.side_of(user) {
            pressed = pressed.user_side(side);
        }
        Some(delivery(app, Webhook::DynamicAction, app.dynamic_action_url.as_ref(), &pressed.build()))
    }

    pub(super) fn new_message_event(
        &self,
        app: &AppSlug,
        subscription: &Subscription,
        written: &ChatMessage,
    ) -> Option<Delivery> {
        let mut event = MessageEvent::new(written.message.clone());
        event.metadata = subscription.metadata.as_ref().and_then(|metadata| metadata.json().ok()).cloned();
        self.event(app, &Event::NewMessage(event))
    }

    pub(super) fn event(&self, app: &AppSlug, event: &Event) -> Option<Delivery> {
        let app = self.world.apps.get(app)?;
        Some(delivery(app, Webhook::Event, app.events_url.as_ref(), event))
    }

    /// A webhook again, as it was delivered before, to where the panel says now.
    pub(crate) fn redelivery(&self, number: u64) -> Result<Delivery, String> {
        let exchange = self.journal.exchanges().find(|exchange| exchange.number == number);
        let exchange = exchange.ok_or_else(|| format!("there is no #{number} in the journal"))?;
        let webhook = Webhook::ALL.iter().copied().find(|webhook| webhook.as_str() == exchange.operation);
        let (Some(webhook), Some(app)) = (webhook, &exchange.app) else {
            return Err(format!("#{number} is no webhook"));
        };
        if exchange.request.len() > Exchange::MAX_BODY {
            return Err(format!("#{number} was too large to be kept whole"));
        }
        self.delivery_to(app, webhook, exchange.request.clone().into())
    }

    /// A webhook with this body.
    pub(crate) fn delivery_to(&self, app: &AppSlug, webhook: Webhook, body: Bytes) -> Result<Delivery, String> {
        let app = self.world.apps.get(app).ok_or_else(|| format!("there is no app {app}"))?;
        let url = match webhook {
            Webhook::OpenApp => app.open_app_url.as_ref(),
            Webhook::Event => app.events_url.as_ref(),
            Webhook::DynamicAction => app.dynamic_action_url.as_ref(),
        };
        let mut delivery = delivery_of(app, webhook, url, body.clone());
        if let (Webhook::OpenApp, Ok(opened)) = (webhook, OpenApp::from_unverified_body(&HeaderMap::new(), &body)) {
            for (name, value) in &opened.headers() {
                delivery.header(name.clone(), Some(value.clone()));
            }
        }
        Ok(delivery)
    }

    /// Takes down what came of a delivery.
    pub(crate) fn delivered(&mut self, delivery: &Delivery, answer: &Answer, trip: Trip) {
        let mut notes = delivery.notes.clone();
        let (status, response) = match answer {
            Ok(answer) => (Some(answer.status().as_u16()), readable(answer.body())),
            Err(why) => {
                notes.push(why.note());
                (None, String::new())
            }
        };
        self.journal.record(Exchange {
            number: 0,
            at: trip.at,
            took: trip.took,
            direction: Direction::ToAddOn,
            operation: delivery.webhook.as_str(),
            app: Some(delivery.app.clone()),
            target: self.redacted(&delivery.target(), Fields::OfTheAddOn),
            request: self.redacted(&readable(&delivery.body), Fields::OfTheAddOn),
            status,
            response: self.redacted(&response, Fields::OfTheAddOn),
            notes: notes.into_iter().map(|note| note.map(|note| self.redacted(&note, Fields::OfTheAddOn))).collect(),
            began_after: trip.began_after,
        });
    }
}

fn delivery(app: &App, webhook: Webhook, url: Option<&AppUrl>, payload: &impl Serialize) -> Delivery {
    delivery_of(app, webhook, url, serde_json::to_vec(payload).unwrap_or_default().into())
}

fn delivery_of(app: &App, webhook: Webhook, url: Option<&AppUrl>, body: Bytes) -> Delivery {
    let request = match url {
        Some(url) => request(app, url, body.clone()),
        None => Err(format!("{} has no address for {}: give it one, as in the panel", app.slug, webhook.as_str())),
    };
    Delivery { app: app.slug.clone(), webhook, request, body, expected: Expected::Success, notes: Vec::new() }
}

fn request(app: &App, url: &AppUrl, body: Bytes) -> Result<Request<Bytes>, String> {
    let uri = Uri::try_from(url.as_str()).map_err(|error| error.to_string())?;
    let key = HeaderValue::from_str(app.identification_key.expose_secret()).map_err(|error| error.to_string())?;
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    request.headers_mut().insert(header::AUTHORIZATION, key);
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(request)
}

/// What an add-on answered, if it is a success of the form expected.
pub(crate) fn read<T: DeserializeOwned>(answer: &Response<Bytes>) -> Result<T, String> {
    success(answer)?;
    serde_json::from_slice(answer.body()).map_err(|error| format!("the add-on's answer cannot be read: {error}"))
}

/// Whether an add-on answered with a success.
pub(crate) fn success(answer: &Response<Bytes>) -> Result<(), String> {
    if answer.status().is_success() { Ok(()) } else { Err(format!("the add-on answered {}", answer.status())) }
}
