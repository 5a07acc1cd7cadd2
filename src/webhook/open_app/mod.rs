mod reply;
mod wire;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::de::DeserializeOwned;
use url::Url;

use super::builder::builder;
use super::{DataError, Rejection, WebhookHeaders, data, return_url};
use crate::model::wire::{open_enum, serialize, wire};
use crate::model::{AppUrl, ConversationId, Location, PostToken, RawJson, Side, UserId};

pub use reply::OpenAppReply;
use wire::OpenAppFields;

open_enum! {
    /// The place from which a user opened your app.
    Source {
        /// The list of add-ons in a conversation.
        Chat = "CHAT",
        /// A button under a message.
        ChatMessageAction = "CHAT_MESSAGE_ACTION",
        /// A post's page.
        PostAddon = "POST_ADDON" | "POST_ADODN",
    }
}

/// The version of a request to open your app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ApiVersion {
    /// The form of 2023, with the ids of both users.
    V1,
    /// The form of 2025, with the side of the user.
    #[default]
    V2,
}

wire! {
    /// The request that Divar sends when a user opens your app.
    ///
    /// [`reply`](Self::reply) with the page to open. The guide describes [the flow](crate::guide::open_app).
    ///
    /// Every field is optional: Divar omits the conversation if the app was opened from a post's page, and the user's id if
    /// the user is not logged in.
    ///
    /// Reply within [2 seconds](crate::guide::errors#time). Leave slow work to the page.
    #[derive(Clone, Debug, PartialEq)]
    pub struct OpenApp {
        source: Option<Source>,
        post_token: Option<PostToken>,
        conversation_id: Option<ConversationId>,
        user_id: Option<UserId>,
        peer_id: Option<UserId>,
        supplier: Option<Party> = "supplier" | "Supplier",
        demand: Option<Party> = "demand" | "Demand",
        user_side: Option<Side>,
        ;
        version: ApiVersion,
        data: Option<RawJson>,
        location: Option<Location>,
        return_url: Option<String>,
    }
}

wire! {
    /// A user of the conversation, in version 1.
    #[derive(Clone, Debug, PartialEq)]
    struct Party {
        id: Option<UserId>,
    }
}

serialize! { Party }

impl OpenApp {
    /// Reads a request **without verifying that Divar sent it**, for tests or after
    /// [`Verifier::verify`](super::Verifier::verify).
    ///
    /// # Errors
    ///
    /// [`Rejection::NotJson`] or [`Rejection::NotAnObject`].
    pub fn from_unverified_body<'a>(headers: impl Into<WebhookHeaders<'a>>, body: &[u8]) -> Result<Self, Rejection> {
        let mut fields = OpenAppFields::default();
        Rejection::unless_object(body, &mut fields)?;
        Ok(fields.open_app(headers.into().version()))
    }

    /// The version, by the `API-Version` header or else by the keys of the body.
    #[must_use]
    pub fn version(&self) -> ApiVersion {
        self.version
    }

    /// The place from which the app was opened. Not in version 1.
    #[must_use]
    pub fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    /// The post.
    #[must_use]
    pub fn post_token(&self) -> Option<&PostToken> {
        self.post_token.as_ref()
    }

    /// The conversation.
    #[must_use]
    pub fn conversation_id(&self) -> Option<&ConversationId> {
        self.conversation_id.as_ref()
    }

    /// The user who opened the app.
    #[must_use]
    pub fn user_id(&self) -> Option<&UserId> {
        self.user_id.as_ref()
    }

    /// The user on the other side. Only in version 1.
    #[must_use]
    pub fn peer_id(&self) -> Option<&UserId> {
        self.peer_id.as_ref()
    }

    /// The owner of the post. Only in version 1.
    #[doc(alias = "supplier")]
    #[must_use]
    pub fn supplier_id(&self) -> Option<&UserId> {
        self.supplier.as_ref()?.id.as_ref()
    }

    /// The buyer. Only in version 1.
    #[doc(alias = "demand")]
    #[must_use]
    pub fn demand_id(&self) -> Option<&UserId> {
        self.demand.as_ref()?.id.as_ref()
    }

    /// The side of that user, in version 1 derived from the ids.
    #[must_use]
    pub fn user_side(&self) -> Option<&Side> {
        self.user_side.as_ref().or_else(|| {
            let user = self.user_id();
            if user.is_none() {
                None
            } else if user == self.supplier_id() {
                Some(&Side::Supply)
            } else if user == self.demand_id() {
                Some(&Side::Demand)
            } else {
                None
            }
        })
    }

    /// The place of the location message whose button opened the app. Documented only for version 1.
    #[must_use]
    pub fn location(&self) -> Option<Location> {
        self.location
    }

    /// The button's data as your own type. An integer may come back as a float (`3.0`): Divar stores a protobuf `Struct`.
    ///
    /// Use an `Option` if the app can also be opened without a button.
    ///
    /// # Errors
    ///
    /// [`DataError::Missing`] if there is none and `T` is not an `Option`, [`DataError::Mismatch`] if it has another type.
    #[doc(alias = "extra_data")]
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, DataError> {
        data::read(self.data_json())
    }

    /// The button's data as JSON.
    #[must_use]
    pub fn data_json(&self) -> Option<&RawJson> {
        self.data.as_ref()
    }

    /// The URL that returns the user to Divar.
    ///
    /// The given one if it is safe, or else [`COMPLETION_URL`](super::COMPLETION_URL). A safe URL is `https` on `divar.ir` or a subdomain, on the default port and without credentials. This prevents open
    /// redirects.
    #[doc(alias = "completion_url")]
    #[doc(alias = "callback_url")]
    #[must_use]
    pub fn return_url(&self) -> Url {
        return_url::safe(self.given_return_url())
    }

    /// The unchecked return URL in the request. Do not redirect to it.
    #[must_use]
    pub fn given_return_url(&self) -> Option<&str> {
        self.return_url.as_deref()
    }

    /// The reply that opens this page, in the form of the request's version.
    #[must_use]
    pub fn reply(&self, url: AppUrl) -> OpenAppReply {
        OpenAppReply::new(url, self.version)
    }

    /// The headers that Divar sends with the request, except `Authorization`; for tests.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.version == ApiVersion::V2 {
            headers.insert(API_VERSION, HeaderValue::from_static("2"));
        }
        headers
    }
}

builder! {
    /// Builds an [`OpenApp`], for tests.
    OpenAppBuilder builds OpenApp {
        /// Version 2 by default.
        version: ApiVersion => |opened: &mut OpenApp, version| opened.version = version,
        source: Source,
        post_token: impl Into<PostToken>,
        conversation_id: impl Into<ConversationId>,
        user_id: impl Into<UserId>,
        /// Only in version 1.
        peer_id: impl Into<UserId>,
        /// Only in version 1.
        supplier_id: impl Into<UserId> => |opened: &mut OpenApp, id| opened.supplier = Some(Party { id: Some(id) }),
        /// Only in version 1.
        demand_id: impl Into<UserId> => |opened: &mut OpenApp, id| opened.demand = Some(Party { id: Some(id) }),
        /// Only in version 2.
        user_side: Side,
        /// Make it by [`RawJson::of`].
        data: RawJson => |opened: &mut OpenApp, data| opened.data = data::given(data),
        location: Location,
        return_url: impl Into<String>,
    }
}

pub(super) const API_VERSION: HeaderName = HeaderName::from_static("api-version");

impl ApiVersion {
    pub(super) fn of_header(value: &[u8]) -> Option<Self> {
        match value.trim_ascii() {
            b"1" => Some(Self::V1),
            b"2" => Some(Self::V2),
            _ => None,
        }
    }
}
