use std::fmt;

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

use super::members::{Members, Object};
use super::wire::serialize;
use super::{PostToken, RawJson};

/// The effect of a button press, or of your reply to one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Opens an address.
    #[doc(alias = "open_direct_link")]
    OpenDirectLink(Box<Url>),
    /// Asks your add-on for an address to open, with this data in [`OpenApp::data`](crate::webhook::OpenApp::data).
    #[doc(alias = "open_server_link")]
    OpenServerLink(ButtonData),
    /// Asks your add-on for an action, with this data in [`DynamicAction::data`](crate::webhook::DynamicAction::data).
    #[doc(alias = "get_dynamic_action")]
    GetDynamicAction(ButtonData),
    /// Opens a post's page.
    #[doc(alias = "open_post_page")]
    OpenPostPage(PostToken),
    /// Opens the page on which the owner manages a post.
    #[doc(alias = "open_post_manage_page")]
    OpenPostManagePage(PostToken),
}

impl Action {
    /// An [`OpenDirectLink`](Self::OpenDirectLink).
    #[must_use]
    pub fn open_link(url: impl Into<Url>) -> Self {
        Self::OpenDirectLink(Box::new(url.into()))
    }

    /// An [`OpenServerLink`](Self::OpenServerLink); see [`ButtonData::new`] for `data`.
    #[must_use]
    pub fn server_link(data: impl Serialize) -> Self {
        Self::OpenServerLink(ButtonData::new(data))
    }

    /// A [`GetDynamicAction`](Self::GetDynamicAction); see [`ButtonData::new`] for `data`.
    #[must_use]
    pub fn dynamic_action(data: impl Serialize) -> Self {
        Self::GetDynamicAction(ButtonData::new(data))
    }

    /// An [`OpenPostPage`](Self::OpenPostPage).
    #[must_use]
    pub fn post_page(post: &PostToken) -> Self {
        Self::OpenPostPage(post.clone())
    }

    /// An [`OpenPostManagePage`](Self::OpenPostManagePage).
    #[must_use]
    pub fn post_manage_page(post: &PostToken) -> Self {
        Self::OpenPostManagePage(post.clone())
    }

    pub(crate) fn check(&self) -> Result<(), InvalidButtonData> {
        match self {
            Self::OpenServerLink(data) | Self::GetDynamicAction(data) => data.json().map(drop),
            _ => Ok(()),
        }
    }
}

/// Your own JSON object, returned with each press of a button or each event of a subscription.
///
/// Divar passes it through a protobuf [`Struct`](https://protobuf.dev/reference/protobuf/google.protobuf/#struct), whose
/// numbers are doubles: an integer may return as a float, and one above 2^53 rounded. Texts return unchanged.
#[derive(Clone, PartialEq, Eq)]
pub struct ButtonData(Result<RawJson, InvalidButtonData>);

/// The error for data that is not a JSON object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidButtonData {
    /// The data is JSON, but not an object.
    #[error("data must be a JSON object: a struct, a map or json!({{…}})")]
    NotAnObject,
    /// The data cannot be serialised as JSON, with the reason.
    #[error("cannot serialise data as JSON: {0}")]
    NotJson(String),
}

impl ButtonData {
    /// Serialises a struct, a map or `json!({…})` to a JSON object.
    ///
    /// Any other value is stored as an error: [`json`](Self::json) returns it, and a message with it is not sent.
    #[must_use]
    pub fn new(data: impl Serialize) -> Self {
        Self(match RawJson::of(&data) {
            Ok(json) if json.is_object() => Ok(json),
            Ok(_) => Err(InvalidButtonData::NotAnObject),
            Err(error) => Err(InvalidButtonData::NotJson(error.to_string())),
        })
    }

    /// The JSON object.
    ///
    /// # Errors
    ///
    /// [`InvalidButtonData`] if the data is not a JSON object.
    pub fn json(&self) -> Result<&RawJson, InvalidButtonData> {
        self.0.as_ref().map_err(Clone::clone)
    }
}

impl fmt::Debug for ButtonData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(json) => json.fmt(f),
            Err(error) => fmt::Debug::fmt(error, f),
        }
    }
}

impl Serialize for ButtonData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json().map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ButtonData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = RawJson::deserialize(deserializer)?;
        if json.is_object() { Ok(Self(Ok(json))) } else { Err(D::Error::custom(InvalidButtonData::NotAnObject)) }
    }
}

impl Members for Action {
    fn members<O: Object>(&self, object: &mut O) -> Result<(), O::Error> {
        match self {
            Self::OpenDirectLink(url) => object.text("open_direct_link", url.as_str()),
            Self::OpenServerLink(data) => object.object("open_server_link", &Data(data)),
            Self::GetDynamicAction(data) => object.object("get_dynamic_action", &Data(data)),
            Self::OpenPostPage(post) => object.object("open_post_page", post),
            Self::OpenPostManagePage(post) => object.object("open_post_manage_page", post),
        }
    }
}

serialize! { Action }

struct Data<'a>(&'a ButtonData);

impl Members for Data<'_> {
    fn members<O: Object>(&self, object: &mut O) -> Result<(), O::Error> {
        object.data("data", self.0)
    }
}

impl Members for PostToken {
    fn members<O: Object>(&self, object: &mut O) -> Result<(), O::Error> {
        object.text("post_token", self.as_str())
    }
}

/// The keys of an action; exactly one must be present.
#[derive(Deserialize)]
struct ActionFields {
    open_direct_link: Option<UrlText>,
    open_server_link: Option<DataFields>,
    get_dynamic_action: Option<DataFields>,
    open_post_page: Option<PostFields>,
    open_post_manage_page: Option<PostFields>,
}

#[derive(Deserialize)]
struct DataFields {
    data: ButtonData,
}

#[derive(Deserialize)]
struct PostFields {
    post_token: PostToken,
}

/// A URL. The `url` crate's own implementation needs a feature.
struct UrlText(Url);

impl<'de> Deserialize<'de> for UrlText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Url::parse(&text).map(Self).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let action = ActionFields::deserialize(deserializer)?;
        let mut actions = [
            action.open_direct_link.map(|url| Self::open_link(url.0)),
            action.open_server_link.map(|link| Self::OpenServerLink(link.data)),
            action.get_dynamic_action.map(|link| Self::GetDynamicAction(link.data)),
            action.open_post_page.map(|post| Self::OpenPostPage(post.post_token)),
            action.open_post_manage_page.map(|post| Self::OpenPostManagePage(post.post_token)),
        ]
        .into_iter()
        .flatten();
        match (actions.next(), actions.next()) {
            (Some(action), None) => Ok(action),
            _ => Err(D::Error::custom("expected exactly one of the five actions")),
        }
    }
}
