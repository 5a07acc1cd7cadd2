//! A press of a button that asks your add-on what to do, and the answer.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde::{Deserialize as DeriveDeserialize, Serialize};

use super::builder::builder;
use super::{DataError, Rejection, TouchPoint, data, respond};
use crate::model::lenient;
use crate::model::wire::{fields, serialize, wire};
use crate::model::{Action, ConversationId, InvalidButtonData, PostToken, RawJson, Side, UserId};

wire! {
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

builder! {
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
    DynamicActionBuilder builds DynamicAction {
        /// Where the button is.
        touch_point: TouchPoint,
        /// The post that the conversation is about.
        post_token: impl Into<PostToken>,
        /// The conversation that the button is in.
        conversation_id: impl Into<ConversationId>,
        /// Who presses it.
        user_id: impl Into<UserId>,
        /// The side of who presses it.
        user_side: Side,
        /// The data of the button; see [`RawJson::of`].
        data: RawJson => |pressed: &mut DynamicAction, data| pressed.data = data::given(data),
    }
}

fields! {
    /// What is read of a press: its keys, and the names that Divar's documents give them elsewhere.
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
