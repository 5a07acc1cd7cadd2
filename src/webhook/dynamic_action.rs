//! A press of a button that asks your add-on what to do, and the answer.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess};
use serde::{Deserialize as DeriveDeserialize, Serialize};

use super::{DataError, Rejection, TouchPoint, data, respond};
use crate::model::lenient::{self, Entry, FromObject};
use crate::model::{Action, ConversationId, InvalidButtonData, PostToken, RawJson, Side, UserId};

/// A user pressed a button of [`Action::GetDynamicAction`]: answer with a [`DynamicActionReply`].
///
/// ```
/// use kenar::model::Action;
/// use kenar::webhook::{DynamicAction, DynamicActionReply};
///
/// #[derive(serde::Deserialize)]
/// struct Move { position: String }
///
/// let body = br#"{ "touchpoint": "CHAT", "post_token": "QYabcdef", "extra_data": { "position": "3" } }"#;
/// // In a handler: verifier.dynamic_action(&headers, body)?
/// let pressed = DynamicAction::from_unverified_body(body)?;
/// let position = pressed.data::<Move>()?.position;
///
/// let reply = DynamicActionReply::toast(format!("خانه {position}"));
/// assert_eq!(serde_json::to_string(&reply).unwrap(), r#"{"text_message":"خانه 3"}"#);
/// # Ok::<(), kenar::webhook::Rejection>(())
/// ```
///
/// The user waits for the answer: answer first, and send messages afterwards.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DynamicAction {
    #[serde(rename = "touchpoint", skip_serializing_if = "Option::is_none")]
    touch_point: Option<TouchPoint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    post_token: Option<PostToken>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<ConversationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_side: Option<Side>,
    #[serde(rename = "extra_data", skip_serializing_if = "Option::is_none")]
    data: Option<RawJson>,
}

impl DynamicAction {
    /// Reads a press **without asking whether it is Divar's**, for tests and for frameworks that have asked
    /// [`Verifier::verify`](super::Verifier::verify). A handler uses
    /// [`Verifier::dynamic_action`](super::Verifier::dynamic_action).
    ///
    /// # Errors
    ///
    /// [`Rejection::NotJson`] or [`Rejection::NotAnObject`].
    pub fn from_unverified_body(body: &[u8]) -> Result<Self, Rejection> {
        Rejection::unless_object(lenient::from_slice(body)).map(DynamicActionFields::dynamic_action)
    }

    /// A press as Divar would send it, for tests.
    pub fn builder() -> DynamicActionBuilder {
        DynamicActionBuilder(Self::default())
    }

    /// Where the button is; [`TouchPoint::Chat`] is the one documented.
    #[must_use]
    pub fn touch_point(&self) -> Option<&TouchPoint> {
        self.touch_point.as_ref()
    }

    /// The post that the conversation is about.
    #[must_use]
    pub fn post_token(&self) -> Option<&PostToken> {
        self.post_token.as_ref()
    }

    /// The conversation that the button is in.
    #[must_use]
    pub fn conversation_id(&self) -> Option<&ConversationId> {
        self.conversation_id.as_ref()
    }

    /// Who pressed it.
    #[must_use]
    pub fn user_id(&self) -> Option<&UserId> {
        self.user_id.as_ref()
    }

    /// The side of who pressed it.
    #[must_use]
    pub fn user_side(&self) -> Option<&Side> {
        self.user_side.as_ref()
    }

    /// The data that your app put into the button, as a type of yours.
    ///
    /// Numbers have travelled through a protobuf `Struct`, so that `3` may come back as `3.0`.
    ///
    /// # Errors
    ///
    /// [`DataError::Missing`] where there is none and `T` is no `Option`, and [`DataError::Mismatch`] where it does
    /// not fit.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, DataError> {
        data::read(self.data_json())
    }

    /// The data that your app put into the button, as it came.
    #[must_use]
    pub fn data_json(&self) -> Option<&RawJson> {
        self.data.as_ref()
    }
}

/// Builds a [`DynamicAction`], for tests.
///
/// ```
/// use kenar::model::RawJson;
/// use kenar::webhook::{DynamicAction, TouchPoint};
///
/// let data = RawJson::of(&serde_json::json!({ "position": "3" }))?;
/// let pressed = DynamicAction::builder().touch_point(TouchPoint::Chat).data(data).build();
/// assert_eq!(serde_json::to_string(&pressed)?, r#"{"touchpoint":"CHAT","extra_data":{"position":"3"}}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct DynamicActionBuilder(DynamicAction);

impl DynamicActionBuilder {
    /// Where the button is.
    pub fn touch_point(mut self, touch_point: TouchPoint) -> Self {
        self.0.touch_point = Some(touch_point);
        self
    }

    /// The post that the conversation is about.
    pub fn post_token(mut self, post: impl Into<PostToken>) -> Self {
        self.0.post_token = Some(post.into());
        self
    }

    /// The conversation that the button is in.
    pub fn conversation_id(mut self, conversation: impl Into<ConversationId>) -> Self {
        self.0.conversation_id = Some(conversation.into());
        self
    }

    /// Who presses it.
    pub fn user_id(mut self, user: impl Into<UserId>) -> Self {
        self.0.user_id = Some(user.into());
        self
    }

    /// The side of who presses it.
    pub fn user_side(mut self, side: Side) -> Self {
        self.0.user_side = Some(side);
        self
    }

    /// The data of the button; see [`RawJson::of`].
    pub fn data(mut self, data: RawJson) -> Self {
        self.0.data = Some(data).filter(|data| !data.is_null());
        self
    }

    /// The press.
    #[must_use]
    pub fn build(self) -> DynamicAction {
        self.0
    }
}

#[derive(Default)]
struct DynamicActionFields {
    touchpoint: Option<TouchPoint>,
    source: Option<TouchPoint>,
    post_token: Option<PostToken>,
    conversation_id: Option<ConversationId>,
    user_id: Option<UserId>,
    user_side: Option<Side>,
    extra_data: Option<RawJson>,
    provider_data: Option<RawJson>,
}

impl FromObject for DynamicActionFields {
    fn set<'de, A: MapAccess<'de>>(&mut self, key: &str, entry: Entry<'_, A>) -> Result<(), A::Error> {
        match key {
            "touchpoint" => entry.scalar(&mut self.touchpoint),
            "source" => entry.scalar(&mut self.source),
            "post_token" => entry.scalar(&mut self.post_token),
            "conversation_id" => entry.scalar(&mut self.conversation_id),
            "user_id" => entry.scalar(&mut self.user_id),
            "user_side" => entry.scalar(&mut self.user_side),
            "extra_data" => entry.json(&mut self.extra_data),
            "provider_data" => entry.json(&mut self.provider_data),
            _ => entry.skip(),
        }
    }
}

impl DynamicActionFields {
    fn dynamic_action(self) -> DynamicAction {
        DynamicAction {
            touch_point: self.touchpoint.or(self.source),
            post_token: self.post_token,
            conversation_id: self.conversation_id,
            user_id: self.user_id,
            user_side: self.user_side,
            data: self.extra_data.or(self.provider_data),
        }
    }
}

impl<'de> Deserialize<'de> for DynamicAction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::object(deserializer).map(DynamicActionFields::dynamic_action)
    }
}

/// What Divar shall do after a press: show a short text to the user, open something, both, or nothing.
///
/// ```
/// use kenar::model::Action;
/// use kenar::webhook::DynamicActionReply;
/// # let post = kenar::model::PostToken::new("QYabcdef");
///
/// let reply = DynamicActionReply::toast("نوبت شماست").with_action(Action::post_page(&post));
/// assert_eq!(
///     serde_json::to_string(&reply)?,
///     r#"{"action":{"open_post_page":{"post_token":"QYabcdef"}},"text_message":"نوبت شماست"}"#,
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// The platform's documents show [`Action::OpenDirectLink`] and [`Action::OpenServerLink`] in such an answer, and say
/// of no action that it is not allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveDeserialize)]
pub struct DynamicActionReply {
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<Action>,
    #[serde(rename = "text_message", skip_serializing_if = "Option::is_none")]
    toast: Option<String>,
}

impl DynamicActionReply {
    /// Shows a short text to who pressed.
    #[must_use]
    pub fn toast(text: impl Into<String>) -> Self {
        Self::empty().with_toast(text)
    }

    /// Does this action, as if it were the pressed button's.
    #[must_use]
    pub fn open(action: Action) -> Self {
        Self::empty().with_action(action)
    }

    /// Does nothing that the user sees. Divar does not document the empty answer; it is what is left when both of its
    /// optional parts are left out.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Shows a short text as well.
    #[must_use]
    pub fn with_toast(mut self, text: impl Into<String>) -> Self {
        self.toast = Some(text.into());
        self
    }

    /// Does this action as well.
    #[must_use]
    pub fn with_action(mut self, action: Action) -> Self {
        self.action = Some(action);
        self
    }

    /// The action, where there is one.
    #[must_use]
    pub fn action(&self) -> Option<&Action> {
        self.action.as_ref()
    }

    /// The text shown, where there is one.
    #[must_use]
    pub fn toast_text(&self) -> Option<&str> {
        self.toast.as_deref()
    }

    /// Whether it can be sent. [`into_http_response`](Self::into_http_response) asks this first.
    ///
    /// # Errors
    ///
    /// Where the data of the action is no JSON object.
    pub fn check(&self) -> Result<(), InvalidButtonData> {
        self.action.as_ref().map_or(Ok(()), Action::check)
    }

    /// The status of the response: 200, or 500 if [`check`](Self::check) fails, which is a mistake in the program.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        if self.check().is_ok() { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR }
    }

    /// The body of the response: JSON, or the reason as plain text if [`check`](Self::check) fails.
    #[must_use]
    pub fn body(&self) -> Bytes {
        self.check().map_or_else(|error| error.to_string().into(), |()| respond::json(self))
    }

    /// The HTTP response.
    #[must_use]
    pub fn into_http_response(self) -> Response<Bytes> {
        match self.check() {
            Ok(()) => respond::ok(respond::json(&self)),
            Err(error) => respond::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string().into()),
        }
    }
}
