//! The requests that the sandbox makes: built here, sent by a shell.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, Uri, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::{AppSlug, AppUrl, ConversationId, RawJson, Timestamp};
use crate::operation::Subscription;
use crate::webhook::{DynamicAction, Event, MessageEvent, OpenApp, Source, TouchPoint};

use super::Engine;
use super::journal::{Direction, Exchange, readable};
use super::world::{App, ChatMessage};

/// The names of the webhooks in the journal.
pub(crate) const OPEN_APP: &str = "webhook.open_app";
pub(crate) const EVENT: &str = "webhook.event";
pub(crate) const DYNAMIC_ACTION: &str = "webhook.dynamic_action";

/// A request to be made to an add-on. Give its answer to [`Engine::delivered`].
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) app: AppSlug,
    pub(crate) operation: &'static str,
    /// The request; or, where the panel has no address for it, why there is none.
    pub(crate) request: Result<Request<Bytes>, String>,
    body: Bytes,
}

impl Delivery {
    /// The address that is called.
    fn target(&self) -> String {
        match &self.request {
            Ok(request) => format!("{} {}", request.method(), request.uri()),
            Err(_) => "(no address)".to_owned(),
        }
    }
}

impl Engine {
    /// Opening an app from a conversation, or by a button with data.
    pub(super) fn open_app_delivery(
        &self,
        app: &App,
        conversation: &ConversationId,
        user: &str,
        extra: Option<RawJson>,
    ) -> Option<Delivery> {
        let between = &self.world.talks.get(conversation)?.between;
        let source = if extra.is_some() { Source::ChatMessageAction } else { Source::Chat };
        let mut opened = OpenApp::builder()
            .source(source)
            .conversation_id(conversation.clone())
            .user_id(self.world.ids.user(&app.slug, user));
        if let Some((post, _)) = between.post() {
            opened = opened.post_token(post.clone());
        }
        if let Some(side) = between.side_of(user) {
            opened = opened.user_side(side);
        }
        if let Some(extra) = extra {
            opened = opened.extra(extra);
        }
        let opened = opened.build();
        let mut delivery = delivery(app, OPEN_APP, app.open_app_url.as_ref(), &opened);
        if let Ok(request) = &mut delivery.request {
            request.headers_mut().extend(opened.headers());
        }
        Some(delivery)
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
            .user_id(self.world.ids.user(&app.slug, user))
            .extra(extra);
        if let Some((post, _)) = between.post() {
            pressed = pressed.post_token(post.clone());
        }
        if let Some(side) = between.side_of(user) {
            pressed = pressed.user_side(side);
        }
        Some(delivery(app, DYNAMIC_ACTION, app.dynamic_action_url.as_ref(), &pressed.build()))
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
        Some(delivery(app, EVENT, app.events_url.as_ref(), event))
    }

    /// An event again, as it was delivered before, to where the panel says now.
    pub(crate) fn redelivery(&self, number: u64) -> Result<Delivery, String> {
        let exchange =
            self.journal.exchanges().find(|exchange| exchange.number == number && exchange.operation == EVENT);
        let exchange = exchange.ok_or_else(|| format!("#{number} is no event, or is no longer in the journal"))?;
        if exchange.request.len() > Exchange::MAX_BODY {
            return Err(format!("#{number} was too large to be kept whole"));
        }
        let app = exchange.app.as_ref().and_then(|app| self.world.apps.get(app));
        let app = app.ok_or_else(|| format!("the app of #{number} is gone"))?;
        Ok(delivery_of(app, EVENT, app.events_url.as_ref(), exchange.request.clone().into()))
    }

    /// Takes down what came of a delivery.
    pub(crate) fn delivered(
        &mut self,
        delivery: &Delivery,
        answer: &Result<Response<Bytes>, String>,
        at: Timestamp,
        took: Duration,
    ) {
        let (status, response, notes) = match answer {
            Ok(answer) => (Some(answer.status().as_u16()), readable(answer.body()), Vec::new()),
            Err(why) => (None, String::new(), vec![why.clone()]),
        };
        self.journal.record(Exchange {
            number: 0,
            at,
            took,
            direction: Direction::ToAddOn,
            operation: delivery.operation,
            app: Some(delivery.app.clone()),
            target: delivery.target(),
            request: readable(&delivery.body),
            status,
            response,
            notes,
        });
    }
}

fn delivery(app: &App, operation: &'static str, url: Option<&AppUrl>, payload: &impl Serialize) -> Delivery {
    delivery_of(app, operation, url, serde_json::to_vec(payload).unwrap_or_default().into())
}

fn delivery_of(app: &App, operation: &'static str, url: Option<&AppUrl>, body: Bytes) -> Delivery {
    let request = match url {
        Some(url) => request(app, url, body.clone()),
        None => Err(format!("{} has no address for {operation}: give it one, as in the panel", app.slug)),
    };
    Delivery { app: app.slug.clone(), operation, request, body }
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
