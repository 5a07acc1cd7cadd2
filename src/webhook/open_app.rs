//! The request with which Divar opens your app, in all its versions.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess};
use serde::{Serialize, Serializer};
use url::Url;

use super::{COMPLETION_URL, ExtraError, OpenAppReply, Rejection, extra, return_url};
use crate::model::lenient::{self, Entry, FromObject};
use crate::model::open_enum::open_enum;
use crate::model::{AppUrl, ConversationId, Location, LocationFields, PostToken, RawJson, Side, UserId};

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

/// A user opened your app: answer with the page to open, by [`reply`](Self::reply).
///
/// ```
/// use http::HeaderMap;
/// use kenar::AppUrl;
/// use kenar::model::Side;
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
/// assert_eq!(opened.extra::<Order>()?.order, "17");
///
/// let page: AppUrl = "https://addon.example/orders/17".parse().unwrap();
/// let reply = opened.reply(page).into_response();
/// assert_eq!(reply.body(), r#"{"url":"https://addon.example/orders/17"}"#);
/// # Ok::<(), kenar::webhook::Rejection>(())
/// ```
///
/// All of it is optional, since Divar leaves out what it does not know: the conversation where the app was opened from
/// a post's page, the user who is not logged in, the side of a user who is on neither.
///
/// A user waits for the answer, and the platform asks for one within two seconds. Leave slow work to the page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OpenApp {
    version: ApiVersion,
    source: Option<Source>,
    post_token: Option<PostToken>,
    conversation_id: Option<ConversationId>,
    user_id: Option<UserId>,
    peer_id: Option<UserId>,
    supplier_id: Option<UserId>,
    demand_id: Option<UserId>,
    user_side: Option<Side>,
    extra: Option<RawJson>,
    location: Option<Location>,
    return_url: Option<String>,
}

impl OpenApp {
    /// Reads a request **without asking whether it is Divar's**, for tests and for frameworks that have asked
    /// [`Verifier::verify`](super::Verifier::verify). A handler uses [`Verifier::open_app`](super::Verifier::open_app).
    ///
    /// # Errors
    ///
    /// [`Rejection::NotJson`] or [`Rejection::NotAnObject`].
    pub fn from_unverified_body(headers: &HeaderMap, body: &[u8]) -> Result<Self, Rejection> {
        let fields: OpenAppFields = Rejection::unless_object(lenient::from_slice(body))?;
        Ok(fields.open_app(ApiVersion::of(headers)))
    }

    /// A request as Divar would send it, for tests.
    #[must_use]
    pub fn builder() -> OpenAppBuilder {
        OpenAppBuilder(Self::default())
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
        self.supplier_id.as_ref()
    }

    /// Who asks about the post. Only version 1 tells.
    #[must_use]
    pub fn demand_id(&self) -> Option<&UserId> {
        self.demand_id.as_ref()
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
    /// [`ExtraError::Missing`] where there is none and `T` is no `Option`, and [`ExtraError::Mismatch`] where it does
    /// not fit.
    pub fn extra<T: DeserializeOwned>(&self) -> Result<T, ExtraError> {
        extra::read(self.extra_json())
    }

    /// The data that your app put into the button which opened it, as it came.
    #[must_use]
    pub fn extra_json(&self) -> Option<&RawJson> {
        self.extra.as_ref()
    }

    /// Where to send the user who is done: the address that Divar gave, where it is safe to redirect to, else
    /// [`COMPLETION_URL`].
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
            headers.insert(HeaderName::from_static("api-version"), HeaderValue::from_static("2"));
        }
        headers
    }
}

impl ApiVersion {
    /// The platform's documents spell the header in two ways.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get("api-version").or_else(|| headers.get("api_version"))?;
        match value.as_bytes().trim_ascii() {
            b"1" => Some(Self::V1),
            b"2" => Some(Self::V2),
            _ => None,
        }
    }
}

/// Builds an [`OpenApp`], for tests.
///
/// ```
/// use kenar::model::Side;
/// use kenar::webhook::{OpenApp, Source};
///
/// let opened = OpenApp::builder().source(Source::Chat).post_token("QYabcdef").user_side(Side::Supply).build();
/// assert_eq!(
///     serde_json::to_string(&opened)?,
///     r#"{"source":"CHAT","post_token":"QYabcdef","user_side":"SUPPLY"}"#,
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct OpenAppBuilder(OpenApp);

impl OpenAppBuilder {
    /// The form of the request; version 2 unless said.
    pub fn version(mut self, version: ApiVersion) -> Self {
        self.0.version = version;
        self
    }

    /// Where the app is opened.
    pub fn source(mut self, source: Source) -> Self {
        self.0.source = Some(source);
        self
    }

    /// The post it is opened about.
    pub fn post_token(mut self, post: impl Into<PostToken>) -> Self {
        self.0.post_token = Some(post.into());
        self
    }

    /// The conversation it is opened from.
    pub fn conversation_id(mut self, conversation: impl Into<ConversationId>) -> Self {
        self.0.conversation_id = Some(conversation.into());
        self
    }

    /// Who opens it.
    pub fn user_id(mut self, user: impl Into<UserId>) -> Self {
        self.0.user_id = Some(user.into());
        self
    }

    /// Who is on the other side, which Divar tells in version 1.
    pub fn peer_id(mut self, peer: impl Into<UserId>) -> Self {
        self.0.peer_id = Some(peer.into());
        self
    }

    /// Who owns the post, which Divar tells in version 1.
    pub fn supplier_id(mut self, supplier: impl Into<UserId>) -> Self {
        self.0.supplier_id = Some(supplier.into());
        self
    }

    /// Who asks about the post, which Divar tells in version 1.
    pub fn demand_id(mut self, demand: impl Into<UserId>) -> Self {
        self.0.demand_id = Some(demand.into());
        self
    }

    /// The side of who opens it, which Divar tells in version 2.
    pub fn user_side(mut self, side: Side) -> Self {
        self.0.user_side = Some(side);
        self
    }

    /// The data of the button that opens it; see [`RawJson::of`].
    pub fn extra(mut self, extra: RawJson) -> Self {
        self.0.extra = Some(extra).filter(|extra| !extra.is_null());
        self
    }

    /// The place of the location message whose button opens it.
    pub fn location(mut self, location: Location) -> Self {
        self.0.location = Some(location);
        self
    }

    /// Where the user shall go back to.
    pub fn return_url(mut self, url: impl Into<String>) -> Self {
        self.0.return_url = Some(url.into());
        self
    }

    /// The request. In version 1, Divar always says where the user shall go back to, so this does.
    #[must_use]
    pub fn build(mut self) -> OpenApp {
        if self.0.version == ApiVersion::V1 && self.0.return_url.is_none() {
            self.0.return_url = Some(COMPLETION_URL.to_owned());
        }
        self.0
    }
}

/// The keys on the wire, of all versions.
#[derive(Default)]
struct OpenAppFields {
    source: Option<Source>,
    touchpoint: Option<Source>,
    post_token: Option<PostToken>,
    conversation_id: Option<ConversationId>,
    user_id: Option<UserId>,
    peer_id: Option<UserId>,
    supplier: Option<PartyFields>,
    demand: Option<PartyFields>,
    user_side: Option<Side>,
    extra_data: Option<RawJson>,
    provider_data: Option<RawJson>,
    callback_url: Option<NonEmpty>,
    return_url: Option<NonEmpty>,
    completion_url: Option<NonEmpty>,
}

impl FromObject for OpenAppFields {
    fn set<'de, A: MapAccess<'de>>(&mut self, key: &str, entry: Entry<'_, A>) -> Result<(), A::Error> {
        match key {
            "source" => entry.scalar(&mut self.source),
            "touchpoint" => entry.scalar(&mut self.touchpoint),
            "post_token" => entry.scalar(&mut self.post_token),
            "conversation_id" => entry.scalar(&mut self.conversation_id),
            "user_id" => entry.scalar(&mut self.user_id),
            "peer_id" => entry.scalar(&mut self.peer_id),
            "supplier" | "Supplier" => entry.object(&mut self.supplier),
            "demand" | "Demand" => entry.object(&mut self.demand),
            "user_side" => entry.scalar(&mut self.user_side),
            "extra_data" => entry.json(&mut self.extra_data),
            "provider_data" => entry.json(&mut self.provider_data),
            "callback_url" => entry.scalar(&mut self.callback_url),
            "return_url" => entry.scalar(&mut self.return_url),
            "completion_url" => entry.scalar(&mut self.completion_url),
            _ => entry.skip(),
        }
    }
}

impl OpenAppFields {
    fn open_app(self, stated: Option<ApiVersion>) -> OpenApp {
        let version = stated.unwrap_or_else(|| self.version_by_keys());
        let (extra, location) = match self.extra_data {
            Some(extra_data) => unwrap_extra(version, extra_data),
            None => (None, None),
        };
        OpenApp {
            version,
            source: self.source.or(self.touchpoint),
            post_token: self.post_token,
            conversation_id: self.conversation_id,
            user_id: self.user_id,
            peer_id: self.peer_id,
            supplier_id: self.supplier.and_then(|supplier| supplier.id),
            demand_id: self.demand.and_then(|demand| demand.id),
            user_side: self.user_side,
            extra: extra.or(self.provider_data),
            location,
            return_url: self.completion_url.or(self.return_url).or(self.callback_url).map(|url| url.0),
        }
    }

    fn version_by_keys(&self) -> ApiVersion {
        let is_v1 =
            self.callback_url.is_some() || self.peer_id.is_some() || self.supplier.is_some() || self.demand.is_some();
        if is_v1 { ApiVersion::V1 } else { ApiVersion::V2 }
    }
}

/// One side of the post, in version 1.
#[derive(Default)]
struct PartyFields {
    id: Option<UserId>,
}

impl FromObject for PartyFields {
    fn set<'de, A: MapAccess<'de>>(&mut self, key: &str, entry: Entry<'_, A>) -> Result<(), A::Error> {
        match key {
            "id" => entry.scalar(&mut self.id),
            _ => entry.skip(),
        }
    }
}

/// A text, where an empty one is none.
struct NonEmpty(String);

impl lenient::FromScalar for NonEmpty {
    fn from_text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }
}

/// What version 1 wraps a button's data in: `{"provider_data": …, "location": …}`, both parts optional. Documents of
/// version 2 show the data bare; the very first ones of version 1 did, too.
#[derive(Default)]
struct Wrapper {
    provider_data: Option<RawJson>,
    location: Option<LocationFields>,
    has_provider_data: bool,
    has_location: bool,
    has_others: bool,
}

impl FromObject for Wrapper {
    fn set<'de, A: MapAccess<'de>>(&mut self, key: &str, entry: Entry<'_, A>) -> Result<(), A::Error> {
        match key {
            "provider_data" => {
                self.has_provider_data = true;
                entry.json(&mut self.provider_data)
            }
            "location" => {
                self.has_location = true;
                entry.object(&mut self.location)
            }
            _ => {
                self.has_others = true;
                entry.skip()
            }
        }
    }
}

impl Wrapper {
    /// The wrapper that a JSON text may be: an object with one of the two keys, and with no other.
    fn of(json: &RawJson) -> Option<Self> {
        let wrapper: Self = lenient::from_slice(json.get().as_bytes()).ok()??;
        ((wrapper.has_provider_data || wrapper.has_location) && !wrapper.has_others).then_some(wrapper)
    }
}

/// The button's data, and the place. In version 2, a lone `location` may as well be the app's own data: it counts as
/// both.
fn unwrap_extra(version: ApiVersion, extra_data: RawJson) -> (Option<RawJson>, Option<Location>) {
    let Some(wrapper) = Wrapper::of(&extra_data) else {
        return (Some(extra_data), None);
    };
    let location = wrapper.location.and_then(LocationFields::location);
    if wrapper.has_provider_data || version == ApiVersion::V1 {
        (wrapper.provider_data, location)
    } else {
        (Some(extra_data), location)
    }
}

/// Reads by the keys, since there are no headers.
impl<'de> Deserialize<'de> for OpenApp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(lenient::object::<OpenAppFields, D>(deserializer)?.open_app(None))
    }
}

#[derive(Serialize)]
struct OpenAppOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a Source>,
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    post_token: Option<&'a PostToken>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<&'a ConversationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer_id: Option<&'a UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    supplier: Option<PartyOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    demand: Option<PartyOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_side: Option<&'a Side>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_data: Option<ExtraOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_url: Option<&'a str>,
}

#[derive(Serialize)]
struct PartyOut<'a> {
    id: &'a UserId,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ExtraOut<'a> {
    Bare(&'a RawJson),
    Wrapped {
        #[serde(skip_serializing_if = "Option::is_none")]
        provider_data: Option<&'a RawJson>,
        #[serde(skip_serializing_if = "Option::is_none")]
        location: Option<Location>,
    },
}

impl<'a> ExtraOut<'a> {
    /// Wrapped in version 1, and wherever bare data would be taken for the wrapper.
    fn of(opened: &'a OpenApp) -> Option<Self> {
        match (&opened.extra, opened.location) {
            (None, None) => None,
            (Some(extra), None) if opened.version == ApiVersion::V2 && Wrapper::of(extra).is_none() => {
                Some(Self::Bare(extra))
            }
            (extra, location) => Some(Self::Wrapped { provider_data: extra.as_ref(), location }),
        }
    }
}

/// Writes the form of the value's version. A value of version 1 always has a `callback_url`, by which it is known.
impl Serialize for OpenApp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (callback_url, completion_url) = match self.version {
            ApiVersion::V1 => (Some(self.given_return_url().unwrap_or(COMPLETION_URL)), None),
            ApiVersion::V2 => (None, self.given_return_url()),
        };
        OpenAppOut {
            source: self.source(),
            callback_url,
            post_token: self.post_token(),
            conversation_id: self.conversation_id(),
            user_id: self.user_id(),
            peer_id: self.peer_id(),
            supplier: self.supplier_id().map(|id| PartyOut { id }),
            demand: self.demand_id().map(|id| PartyOut { id }),
            user_side: self.user_side.as_ref(),
            extra_data: ExtraOut::of(self),
            completion_url,
        }
        .serialize(serializer)
    }
}
