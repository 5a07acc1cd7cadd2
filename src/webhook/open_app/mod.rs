//! The request with which Divar opens your app, in all its versions, and the answer.

mod builder;
mod reply;
mod wire;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::de::DeserializeOwned;
use url::Url;

use super::{DataError, Rejection, WebhookHeaders, data, return_url};
use crate::model::open_enum::open_enum;
use crate::model::wire::{serialize, wire};
use crate::model::{AppUrl, ConversationId, Location, PostToken, RawJson, Side, UserId, lenient};

pub use builder::OpenAppBuilder;
pub use reply::OpenAppReply;
use wire::OpenAppFields;

open_enum! {
    /// Where a user opened your app.
    Source {
        /// The list of add-ons in a conversation.
        Chat = "CHAT",
        /// A button under a message.
        ChatMessageAction = "CHAT_MESSAGE_ACTION",
        /// An add-on on a post's page.
        PostAddon = "POST_ADDON" | "POST_ADODN",
    }
}

/// Which of Divar's two forms a request to open your app has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ApiVersion {
    /// The form of 2023, with the ids of both sides.
    V1,
    /// The form of 2025, with the side of the user.
    #[default]
    V2,
}

wire! {
    /// A user opened your app: answer with the page to open, by [`reply`](Self::reply). The guide has
    /// [the flow](crate::guide::open_app).
    ///
    /// ```
    /// use http::HeaderMap;
    /// use kenar::model::{AppUrl, Side};
    /// use kenar::webhook::{OpenApp, Source};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Order { order: String }
    ///
    /// let body = br#"{
    ///     "source": "CHAT_MESSAGE_ACTION", "post_token": "QYabcdef", "conversation_id": null,
    ///     "user_side": "DEMAND", "extra_data": { "order": "17" }
    /// }"#;
    /// // In a handler: verifier.open_app(&headers, body)?
    /// let opened = OpenApp::from_unverified_body(&HeaderMap::new(), body)?;
    /// assert_eq!(opened.source(), Some(&Source::ChatMessageAction));
    /// assert_eq!(opened.user_side(), Some(&Side::Demand));
    /// assert_eq!(opened.conversation_id(), None);
    /// assert_eq!(opened.data::<Order>()?.order, "17");
    ///
    /// let page: AppUrl = "https://addon.example/orders/17".parse().unwrap();
    /// let reply = opened.reply(page).into_http_response();
    /// assert_eq!(reply.body(), r#"{"url":"https://addon.example/orders/17"}"#);
    /// # Ok::<(), kenar::webhook::Rejection>(())
    /// ```
    ///
    /// All of it is optional, since Divar leaves out what it does not know: the conversation where the app was opened from
    /// a post's page, the user who is not logged in, the side of a user who is on neither.
    ///
    /// A user waits for the answer, and the platform asks for one within two seconds. Leave slow work to the page.
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
    /// A side of the post, in version 1.
    #[derive(Clone, Debug, PartialEq)]
    struct Party {
        id: Option<UserId>,
    }
}

serialize! { Party }

impl OpenApp {
    /// Reads a request **without asking whether it is Divar's**, for tests and for frameworks that have asked
    /// [`Verifier::verify`](super::Verifier::verify). A handler uses [`Verifier::open_app`](super::Verifier::open_app).
    ///
    /// # Errors
    ///
    /// [`Rejection::NotJson`] or [`Rejection::NotAnObject`].
    pub fn from_unverified_body<'a>(headers: impl Into<WebhookHeaders<'a>>, body: &[u8]) -> Result<Self, Rejection> {
        let fields: OpenAppFields = Rejection::unless_object(lenient::from_slice(body))?;
        Ok(fields.open_app(headers.into().version()))
    }

    /// The form of the request, as its `API-Version` header says, or else its keys.
    #[must_use]
    pub fn version(&self) -> ApiVersion {
        self.version
    }

    /// Where the app was opened. Version 1 does not tell.
    #[must_use]
    pub fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    /// The post it was opened about.
    #[must_use]
    pub fn post_token(&self) -> Option<&PostToken> {
        self.post_token.as_ref()
    }

    /// The conversation it was opened from.
    #[must_use]
    pub fn conversation_id(&self) -> Option<&ConversationId> {
        self.conversation_id.as_ref()
    }

    /// Who opened it.
    #[must_use]
    pub fn user_id(&self) -> Option<&UserId> {
        self.user_id.as_ref()
    }

    /// Who is on the other side. Only version 1 tells.
    #[must_use]
    pub fn peer_id(&self) -> Option<&UserId> {
        self.peer_id.as_ref()
    }

    /// Who owns the post. Only version 1 tells.
    #[must_use]
    pub fn supplier_id(&self) -> Option<&UserId> {
        self.supplier.as_ref()?.id.as_ref()
    }

    /// Who asks about the post. Only version 1 tells.
    #[must_use]
    pub fn demand_id(&self) -> Option<&UserId> {
        self.demand.as_ref()?.id.as_ref()
    }

    /// The side of the user who opened it: as version 2 says, or as the ids of version 1 tell.
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

    /// The place of the location message whose button opened the app. Only version 1 is documented to tell.
    #[must_use]
    pub fn location(&self) -> Option<Location> {
        self.location
    }

    /// The data that your app put into the button which opened it, as a type of yours. Ask for an `Option` where the
    /// app may have been opened otherwise.
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

    /// The data that your app put into the button which opened it, as it came.
    #[must_use]
    pub fn data_json(&self) -> Option<&RawJson> {
        self.data.as_ref()
    }

    /// Where to send the user who is done: the address that Divar gave, where it is safe to redirect to, else
    /// [`COMPLETION_URL`](super::COMPLETION_URL).
    ///
    /// Safe is `https` on `divar.ir` or below it, on the default port and without credentials, so that nobody makes
    /// your app send users elsewhere.
    #[must_use]
    pub fn return_url(&self) -> Url {
        return_url::safe(self.given_return_url())
    }

    /// The address that came with the request, as it was written. Do not redirect to it.
    #[must_use]
    pub fn given_return_url(&self) -> Option<&str> {
        self.return_url.as_deref()
    }

    /// The answer that opens this page, in the form that the request's version is documented to want.
    #[must_use]
    pub fn reply(&self, url: AppUrl) -> OpenAppReply {
        OpenAppReply::new(url, self.version)
    }

    /// The headers that Divar sends with the request, save `Authorization`; with them and the serialised value, a test
    /// makes the request.
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
