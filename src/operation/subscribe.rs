use std::borrow::Cow;

use bytes::Bytes;
use http::Response;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::model::open_enum::open_enum;
use crate::model::{ButtonData, PostToken};
use crate::request::response::{self, UnexpectedResponse};
use crate::request::{
    ApiKeyPermission, Content, Credential, IncomingRequest, InvalidRequest, Metadata, Operation, ParseOperation,
    ScopeKind,
};
use crate::secret::AccessToken;

/// Has Divar deliver events of a user's posts to your add-on.
///
/// Only the owner of a post can subscribe you to it. A subscription lives as long as the access token it was made with:
/// **after each refresh of the tokens, subscribe again**; with `tokens::Permissions`, in the hook `on_refresh`.
///
/// API-key permission: `EVENTS_REGISTER_SUBSCRIPTION`. OAuth scope: see [`Subscription`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Subscribe<'a> {
    /// What to subscribe to.
    pub subscription: Cow<'a, Subscription>,
    /// The access token of the user who permitted it.
    pub by: Cow<'a, AccessToken>,
}

impl<'a> Subscribe<'a> {
    /// A subscription with the permission of the user who granted the token.
    #[must_use]
    pub fn new(subscription: &'a Subscription, by: &'a AccessToken) -> Self {
        Self { subscription: Cow::Borrowed(subscription), by: Cow::Borrowed(by) }
    }
}

/// What to be told of.
///
/// Messages to your chatbot, payments and revoked permissions need no subscription.
///
/// ```
/// use kenar::model::PostToken;
/// use kenar::operation::Subscription;
///
/// let subscription = Subscription::to_messages_on(&PostToken::new("QYabcdef"))
///     .metadata(serde_json::json!({ "shop": "17" }));
/// # assert_eq!(serde_json::to_value(subscription).unwrap(), serde_json::json!({
/// #     "event_type": "NEW_MESSAGE_ON_POST", "event_resource_id": "QYabcdef", "metadata": { "shop": "17" },
/// # }));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Subscription {
    /// The kind of event.
    #[serde(rename = "event_type")]
    pub event: SubscriptionEvent,
    /// The post; an empty text or none for all of the user's posts.
    #[serde(rename = "event_resource_id", skip_serializing_if = "Option::is_none")]
    pub resource: Option<PostToken>,
    /// What comes back with each event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<ButtonData>,
}

open_enum! {
    /// The kinds of events that can be subscribed to. They are delivered under names of their own.
    SubscriptionEvent {
        /// Messages in a post's conversations, delivered as
        /// [`Event::NewMessage`](crate::webhook::Event::NewMessage).
        NewMessageOnPost = "NEW_MESSAGE_ON_POST",
        /// Changes of a post, delivered as [`Event::PostUpdate`](crate::webhook::Event::PostUpdate).
        PostUpdate = "POST_UPDATE",
    }
}

impl Subscription {
    /// To the messages in the conversations of a post. OAuth scope: `CHAT_POST_CONVERSATIONS_READ.{post token}` or
    /// `CHAT_SUPPLIER_ALL_CONVERSATIONS_READ`.
    #[must_use]
    pub fn to_messages_on(post: &PostToken) -> Self {
        Self::to(SubscriptionEvent::NewMessageOnPost, Some(post.clone()))
    }

    /// To the messages in the conversations of all posts of the user. OAuth scope:
    /// `CHAT_SUPPLIER_ALL_CONVERSATIONS_READ`.
    #[must_use]
    pub fn to_messages_on_all_posts() -> Self {
        Self::to(SubscriptionEvent::NewMessageOnPost, None)
    }

    /// To the changes of a post. OAuth scope: `USER_POSTS_GET`.
    #[must_use]
    pub fn to_updates_of(post: &PostToken) -> Self {
        Self::to(SubscriptionEvent::PostUpdate, Some(post.clone()))
    }

    /// To the changes of all posts of the user, other than their retirement and their archiving: those are told only to
    /// who subscribes to the single post. OAuth scope: `USER_POSTS_GET`.
    #[must_use]
    pub fn to_updates_of_all_posts() -> Self {
        // For this kind, the platform documents an empty text as "all"; for messages, leaving the key out.
        Self::to(SubscriptionEvent::PostUpdate, Some(PostToken::new("")))
    }

    /// To a kind of event by name, for one that the crate does not know.
    #[must_use]
    pub fn to(event: SubscriptionEvent, resource: Option<PostToken>) -> Self {
        Self { event, resource, metadata: None }
    }

    /// Attaches data of yours, which comes back with each event: whatever serialises to a JSON object.
    #[must_use]
    pub fn metadata(mut self, metadata: impl Serialize) -> Self {
        self.metadata = Some(ButtonData::new(metadata));
        self
    }
}

impl SubscriptionEvent {
    /// The scopes of which a subscription to it needs any one; none for a kind that this crate does not know.
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

    // Subscribing twice is not known to deliver twice, but not known not to either: so it is not idempotent.
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
        if let Some(metadata) = &self.subscription.metadata {
            metadata.json().map_err(InvalidRequest::new)?;
        }
        Content::json(&*self.subscription)
    }

    fn read(&self, response: &Response<Bytes>) -> Result<(), UnexpectedResponse> {
        response::json_or_empty::<IgnoredAny>(response).map(drop)
    }
}

impl ParseOperation for Subscribe<'_> {
    fn parse(request: &IncomingRequest<'_>) -> Result<Self, InvalidRequest> {
        let (subscription, by) = (request.json()?, request.access_token()?);
        Ok(Self { subscription: Cow::Owned(subscription), by: Cow::Owned(by) })
    }
}
