use std::borrow::Cow;

use bytes::Bytes;
use http::Response;
use serde::{Deserialize, Serialize};

use crate::model::members::{self, Members, Object};
use crate::model::wire::{open_enum, serialize};
use crate::model::{ButtonData, PostToken};
use crate::request::response::{self, UnexpectedResponse};
use crate::request::{
    ApiKeyPermission, Content, Credential, IncomingRequest, InvalidRequest, Metadata, Operation, ParseOperation,
    ScopeKind,
};
use crate::secret::AccessToken;

/// Subscribes your add-on to events of a user's posts.
///
/// The user must own the posts. A subscription ends with the access token that made it: **subscribe again after each
/// refresh**, with `tokens::Permissions` in the hook `on_refresh`.
///
/// API-key permission: `EVENTS_REGISTER_SUBSCRIPTION`. OAuth scope: see [`Subscription`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Subscribe<'a> {
    /// The subscription.
    pub subscription: Cow<'a, Subscription>,
    /// The access token of the user who granted the scope.
    pub by: Cow<'a, AccessToken>,
}

impl<'a> Subscribe<'a> {
    /// A subscription made with this user's access token.
    #[must_use]
    pub fn new(subscription: &'a Subscription, by: &'a AccessToken) -> Self {
        Self { subscription: Cow::Borrowed(subscription), by: Cow::Borrowed(by) }
    }
}

/// The kind of event to subscribe to, and the post.
///
/// Messages to your chatbot, payments and revoked permissions need no subscription.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Subscription {
    /// The kind of event.
    #[serde(rename = "event_type")]
    pub event: SubscriptionEvent,
    /// The post; `None` or an empty token for all posts of the user.
    #[doc(alias = "event_resource_id")]
    #[serde(rename = "event_resource_id")]
    pub resource: Option<PostToken>,
    /// Your own data, which Divar returns with each event.
    pub metadata: Option<ButtonData>,
}

impl Members for Subscription {
    fn members<O: Object>(&self, object: &mut O) -> Result<(), O::Error> {
        object.text("event_type", self.event.as_str())?;
        self.resource.iter().try_for_each(|post| object.text("event_resource_id", post.as_str()))?;
        self.metadata.iter().try_for_each(|metadata| object.data("metadata", metadata))
    }
}

serialize! { Subscription }

open_enum! {
    /// A kind of subscription. Divar delivers its events under another name.
    SubscriptionEvent {
        /// Messages in a post's conversations: [`Event::NewMessage`](crate::webhook::Event::NewMessage).
        NewMessageOnPost = "NEW_MESSAGE_ON_POST",
        /// Changes of a post: [`Event::PostUpdate`](crate::webhook::Event::PostUpdate).
        PostUpdate = "POST_UPDATE",
    }
}

impl Subscription {
    /// Messages in the conversations about one post.
    ///
    /// OAuth scope: `CHAT_POST_CONVERSATIONS_READ.{post token}` or `CHAT_SUPPLIER_ALL_CONVERSATIONS_READ`.
    #[must_use]
    pub fn to_messages_on(post: &PostToken) -> Self {
        Self::to(SubscriptionEvent::NewMessageOnPost, Some(post.clone()))
    }

    /// Messages in the conversations about all posts of the user.
    ///
    /// OAuth scope: `CHAT_SUPPLIER_ALL_CONVERSATIONS_READ`.
    #[must_use]
    pub fn to_messages_on_all_posts() -> Self {
        Self::to(SubscriptionEvent::NewMessageOnPost, None)
    }

    /// Changes of one post. OAuth scope: `USER_POSTS_GET`.
    #[must_use]
    pub fn to_updates_of(post: &PostToken) -> Self {
        Self::to(SubscriptionEvent::PostUpdate, Some(post.clone()))
    }

    /// Changes of all posts of the user, except retired and archived ones.
    ///
    /// Divar reports those two only to subscriptions to the single post. OAuth scope: `USER_POSTS_GET`.
    #[must_use]
    pub fn to_updates_of_all_posts() -> Self {
        // The platform documents an empty string as "all" for this kind, and an omitted key for messages.
        Self::to(SubscriptionEvent::PostUpdate, Some(PostToken::new("")))
    }

    /// A subscription by kind, also to one that the crate does not know.
    #[must_use]
    pub fn to(event: SubscriptionEvent, resource: Option<PostToken>) -> Self {
        Self { event, resource, metadata: None }
    }

    /// Attaches your own data, which must serialise to a JSON object. Divar returns it with each event.
    #[must_use]
    pub fn metadata(mut self, metadata: impl Serialize) -> Self {
        self.metadata = Some(ButtonData::new(metadata));
        self
    }
}

impl SubscriptionEvent {
    /// The scopes of which one is enough; empty for an unknown kind.
    #[must_use]
    pub fn scopes(&self) -> &'static [ScopeKind] {
        match self {
            Self::NewMessageOnPost => {
                &[ScopeKind::CHAT_POST_CONVERSATIONS_READ, ScopeKind::CHAT_SUPPLIER_ALL_CONVERSATIONS_READ]
            }
            Self::PostUpdate => &[ScopeKind::USER_POSTS_GET],
            Self::Unknown(_) => &[],
        }
    }
}

impl Operation for Subscribe<'_> {
    type Response = ();

    // Not idempotent: the documents do not say whether a second subscription delivers events twice.
    const METADATA: Metadata = Metadata::post("events.subscribe", "/v1/open-platform/events/subscriptions")
        .with_permission(ApiKeyPermission::EVENTS_REGISTER_SUBSCRIPTION)
        .for_user(&[
            ScopeKind::CHAT_POST_CONVERSATIONS_READ,
            ScopeKind::CHAT_SUPPLIER_ALL_CONVERSATIONS_READ,
            ScopeKind::USER_POSTS_GET,
        ]);

    fn credential(&self) -> Credential<'_> {
        Credential::User(&self.by)
    }

    fn content(&self) -> Result<Content, InvalidRequest> {
        members::json_text(&*self.subscription, 256).map(Content::of_json).map_err(InvalidRequest::new)
    }

    fn read(&self, response: &Response<Bytes>) -> Result<(), UnexpectedResponse> {
        response::any_or_empty(response)
    }
}

impl ParseOperation for Subscribe<'_> {
    fn parse(request: &IncomingRequest<'_>) -> Result<Self, InvalidRequest> {
        let (subscription, by) = (request.json()?, request.access_token()?);
        Ok(Self { subscription: Cow::Owned(subscription), by: Cow::Owned(by) })
    }
}
