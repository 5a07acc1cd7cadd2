//! The bodies of webhooks.

use bytes::Bytes;
use http::HeaderMap;
use kenar::model::{AppSlug, ConversationId, Location, PostToken, RawJson, Side};
use kenar::operation::Subscription;
use kenar::webhook::{
    ApiVersion, COMPLETION_URL, DynamicAction, Event, MessageEvent, OpenApp, OpenAppBuilder, Source, TouchPoint,
};

use super::delivery::Delivery;
use super::journal::Exchange;
use super::state::Engine;
use super::webhook::Webhook;
use super::world::{App, Between, ChatMessage, no_app};

/// The circumstances in which a user opens an app.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) from: OpenedFrom,
    /// The data of the pressed button.
    pub(crate) extra: Option<RawJson>,
    /// The location in the message on which the app is opened.
    pub(crate) location: Option<Location>,
}

/// The place from which a user opens an app.
#[derive(Debug)]
pub(crate) enum OpenedFrom {
    Conversation(ConversationId),
    Post(PostToken),
}

impl Engine {
    /// The open-app request, in the version that is set for the app. `None` if the conversation does not exist.
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
        let mut delivery = Delivery::with_payload(app, Webhook::OpenApp, &opened);
        for (name, value) in &opened.headers() {
            delivery.header(name.clone(), Some(value.clone()));
        }
        Some(delivery)
    }

    /// Adds the fields of version 1: the ids of both sides, and the location.
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

    /// Adds the fields of version 2: the user's side and the source.
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
        Some(Delivery::with_payload(app, Webhook::DynamicAction, &pressed.build()))
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
        Some(Delivery::with_payload(app, Webhook::Event, event))
    }

    /// A recorded webhook with the same body, for the URL that is set now.
    pub(crate) fn redelivery(&self, number: u64) -> Result<Delivery, String> {
        let exchange = self.journal.exchanges().find(|exchange| exchange.number == number);
        let exchange = exchange.ok_or_else(|| format!("not found in the journal: #{number}"))?;
        let webhook = Webhook::ALL.iter().copied().find(|webhook| webhook.as_str() == exchange.operation);
        let (Some(webhook), Some(app)) = (webhook, &exchange.app) else {
            return Err(format!("not a webhook: #{number}"));
        };
        if exchange.request.len() > Exchange::MAX_BODY {
            return Err(format!("the body of #{number} was truncated: it is too large for redelivery"));
        }
        self.delivery_to(app, webhook, exchange.request.clone().into())
    }

    /// A webhook with this body.
    pub(crate) fn delivery_to(&self, app: &AppSlug, webhook: Webhook, body: Bytes) -> Result<Delivery, String> {
        let app = self.world.apps.get(app).ok_or_else(|| no_app(app))?;
        let mut delivery = Delivery::with_body(app, webhook, body.clone());
        if let (Webhook::OpenApp, Ok(opened)) = (webhook, OpenApp::from_unverified_body(&HeaderMap::new(), &body)) {
            for (name, value) in &opened.headers() {
                delivery.header(name.clone(), Some(value.clone()));
            }
        }
        Ok(delivery)
    }
}
