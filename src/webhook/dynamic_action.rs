use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Deserialize as DeriveDeserialize;
use serde::de::{Deserialize, DeserializeOwned, Deserializer};

use super::builder::builder;
use super::{DataError, Rejection, TouchPoint, data, respond};
use crate::model::lenient;
use crate::model::members::{self, Members, Object};
use crate::model::wire::{fields, serialize, wire};
use crate::model::{Action, ConversationId, InvalidButtonData, PostToken, RawJson, Side, UserId};

wire! {
    /// The press of a [dynamic-action button](crate::Button::dynamic_action); reply with a [`DynamicActionReply`].
    ///
    /// The user waits for the reply: reply first, then send messages.
    #[derive(Clone, Debug, PartialEq)]
    pub struct DynamicAction {
        touch_point: Option<TouchPoint> = "touchpoint",
        post_token: Option<PostToken>,
        conversation_id: Option<ConversationId>,
        user_id: Option<UserId>,
        user_side: Option<Side>,
        data: Option<RawJson> = "extra_data",
    }
}

serialize! { DynamicAction }

impl DynamicAction {
    /// Reads a press **without verifying that Divar sent it**, for tests or after
    /// [`Verifier::verify`](super::Verifier::verify).
    ///
    /// # Errors
    ///
    /// [`Rejection::NotJson`] or [`Rejection::NotAnObject`].
    pub fn from_unverified_body(body: &[u8]) -> Result<Self, Rejection> {
        let mut fields = DynamicActionFields::default();
        Rejection::unless_object(body, &mut fields)?;
        Ok(fields.dynamic_action())
    }

    /// The place of the button; only [`TouchPoint::Chat`] is documented.
    #[must_use]
    pub fn touch_point(&self) -> Option<&TouchPoint> {
        self.touch_point.as_ref()
    }

    /// The post of the conversation.
    #[must_use]
    pub fn post_token(&self) -> Option<&PostToken> {
        self.post_token.as_ref()
    }

    /// The conversation of the button.
    #[must_use]
    pub fn conversation_id(&self) -> Option<&ConversationId> {
        self.conversation_id.as_ref()
    }

    /// The user who pressed it.
    #[must_use]
    pub fn user_id(&self) -> Option<&UserId> {
        self.user_id.as_ref()
    }

    /// The side of that user.
    #[must_use]
    pub fn user_side(&self) -> Option<&Side> {
        self.user_side.as_ref()
    }

    /// The button's data as your own type.
    ///
    /// # Errors
    ///
    /// As [`OpenApp::data`](super::OpenApp::data).
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, DataError> {
        data::read(self.data_json())
    }

    /// The button's data as JSON.
    #[must_use]
    pub fn data_json(&self) -> Option<&RawJson> {
        self.data.as_ref()
    }
}

builder! {
    /// Builds a [`DynamicAction`], for tests.
    DynamicActionBuilder builds DynamicAction {
        touch_point: TouchPoint,
        post_token: impl Into<PostToken>,
        conversation_id: impl Into<ConversationId>,
        user_id: impl Into<UserId>,
        user_side: Side,
        /// Make it by [`RawJson::of`].
        data: RawJson => |pressed: &mut DynamicAction, data| pressed.data = data::given(data),
    }
}

fields! {
    /// The keys of a press, and the names that Divar's documents use elsewhere.
    struct DynamicActionFields {
        source: Option<TouchPoint>,
        provider_data: Option<RawJson>,
        .. pressed: DynamicAction,
    }
}

impl DynamicActionFields {
    fn dynamic_action(self) -> DynamicAction {
        let DynamicAction { touch_point, data, .. } = self.pressed;
        DynamicAction { touch_point: touch_point.or(self.source), data: data.or(self.provider_data), ..self.pressed }
    }
}

impl<'de> Deserialize<'de> for DynamicAction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::object(deserializer).map(DynamicActionFields::dynamic_action)
    }
}

/// The reply to a press: a short text for the user, an action, both, or neither.
///
/// The platform's documents show [`Action::OpenDirectLink`] and [`Action::OpenServerLink`] here, and forbid no other.
#[derive(Clone, Debug, Default, PartialEq, Eq, DeriveDeserialize)]
pub struct DynamicActionReply {
    action: Option<Action>,
    #[serde(rename = "text_message")]
    toast: Option<String>,
}

impl Members for DynamicActionReply {
    fn members<O: Object>(&self, object: &mut O) -> Result<(), O::Error> {
        self.action.iter().try_for_each(|action| object.object("action", action))?;
        self.toast.iter().try_for_each(|toast| object.text("text_message", toast))
    }
}

serialize! { DynamicActionReply }

impl DynamicActionReply {
    /// Shows a short text to the user.
    #[doc(alias = "text_message")]
    #[must_use]
    pub fn toast(text: impl Into<String>) -> Self {
        Self::empty().with_toast(text)
    }

    /// Performs this action.
    #[must_use]
    pub fn open(action: Action) -> Self {
        Self::empty().with_action(action)
    }

    /// Does nothing visible.
    ///
    /// Divar does not document this reply, but both of its parts are optional.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Adds a short text.
    #[must_use]
    pub fn with_toast(mut self, text: impl Into<String>) -> Self {
        self.toast = Some(text.into());
        self
    }

    /// Adds an action.
    #[must_use]
    pub fn with_action(mut self, action: Action) -> Self {
        self.action = Some(action);
        self
    }

    /// The action, if any.
    #[must_use]
    pub fn action(&self) -> Option<&Action> {
        self.action.as_ref()
    }

    /// The text, if any.
    #[must_use]
    pub fn toast_text(&self) -> Option<&str> {
        self.toast.as_deref()
    }

    /// Checks that the reply can be sent. [`into_http_response`](Self::into_http_response) includes this check.
    ///
    /// # Errors
    ///
    /// If the action's data is not a JSON object.
    pub fn check(&self) -> Result<(), InvalidButtonData> {
        self.action.as_ref().map_or(Ok(()), Action::check)
    }

    /// The status of the response: 200, or 500 if [`check`](Self::check) fails.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        if self.check().is_ok() { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR }
    }

    /// The body of the response: JSON, or the reason as plain text if [`check`](Self::check) fails.
    #[must_use]
    pub fn body(&self) -> Bytes {
        members::json_text(self, 256).unwrap_or_else(|error| error.to_string()).into()
    }

    /// The HTTP response.
    #[must_use]
    pub fn into_http_response(self) -> Response<Bytes> {
        match members::json_text(&self, 256) {
            Ok(json) => respond::ok(json.into()),
            Err(error) => respond::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string().into()),
        }
    }
}
