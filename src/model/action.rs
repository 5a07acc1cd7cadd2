use std::borrow::Cow;
use std::fmt;

use serde::de::Error as _;
use serde::ser::{Error as _, SerializeMap as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

use super::{PostToken, RawJson};

/// What happens when a button is pressed, or when your add-on answers a press.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// `open_direct_link`: Divar opens this address.
    OpenDirectLink(Box<Url>),
    /// `open_server_link`: Divar asks your add-on for an address to open, as it does when a user opens the app, with
    /// this data as [`OpenApp::data`](crate::webhook::OpenApp::data).
    OpenServerLink(ButtonData),
    /// `get_dynamic_action`: Divar asks your add-on what to do, with this data as
    /// [`DynamicAction::data`](crate::webhook::DynamicAction::data).
    GetDynamicAction(ButtonData),
    /// `open_post_page`: Divar opens the page of a post.
    OpenPostPage(PostToken),
    /// `open_post_manage_page`: Divar opens the page where its owner manages a post.
    OpenPostManagePage(PostToken),
}

impl Action {
    /// Opens an address.
    #[must_use]
    pub fn open_link(url: impl Into<Url>) -> Self {
        Self::OpenDirectLink(Box::new(url.into()))
    }

    /// Asks your add-on for an address to open; see [`ButtonData::new`] for `data`.
    #[must_use]
    pub fn server_link(data: impl Serialize) -> Self {
        Self::OpenServerLink(ButtonData::new(data))
    }

    /// Asks your add-on what to do; see [`ButtonData::new`] for `data`.
    #[must_use]
    pub fn dynamic_action(data: impl Serialize) -> Self {
        Self::GetDynamicAction(ButtonData::new(data))
    }

    /// Opens a post's page.
    #[must_use]
    pub fn post_page(post: &PostToken) -> Self {
        Self::OpenPostPage(post.clone())
    }

    /// Opens the page where its owner manages a post.
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

/// Data of yours that travels with a button and comes back when it is pressed, or with a subscription and comes back
/// with each event: a JSON object.
///
/// Divar passes it through a protobuf [`Struct`](https://protobuf.dev/reference/protobuf/google.protobuf/#struct), whose only number is the double: an integer may come back as a float,
/// and one above 2^53 changed. Text values come back as they went.
#[derive(Clone, PartialEq, Eq)]
pub struct ButtonData(Result<RawJson, InvalidButtonData>);

/// Why data cannot travel with a button or a subscription.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidButtonData {
    /// It is JSON, but no object.
    #[error("data must be a JSON object: a struct, a map or json!({{…}})")]
    NotAnObject,
    /// It cannot be written as JSON; the text says why.
    #[error("data cannot be written as JSON: {0}")]
    NotJson(String),
}

impl ButtonData {
    /// Takes whatever serialises to a JSON object: a struct of yours, a map, `json!({…})`.
    ///
    /// Anything else is remembered as what it is, so that building a message needs no error handling: sending it is
    /// refused before anything leaves your machine. [`json`](Self::json) tells at once.
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
    /// Where what was given cannot be one.
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

#[derive(Serialize, Deserialize)]
struct Data<'a> {
    data: Cow<'a, ButtonData>,
}

#[derive(Serialize, Deserialize)]
struct Post<'a> {
    post_token: Cow<'a, PostToken>,
}

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Self::OpenDirectLink(url) => map.serialize_entry("open_direct_link", url.as_str())?,
            Self::OpenServerLink(data) => {
                map.serialize_entry("open_server_link", &Data { data: Cow::Borrowed(data) })?
            }
            Self::GetDynamicAction(data) => {
                map.serialize_entry("get_dynamic_action", &Data { data: Cow::Borrowed(data) })?;
            }
            Self::OpenPostPage(post) => {
                map.serialize_entry("open_post_page", &Post { post_token: Cow::Borrowed(post) })?
            }
            Self::OpenPostManagePage(post) => {
                map.serialize_entry("open_post_manage_page", &Post { post_token: Cow::Borrowed(post) })?;
            }
        }
        map.end()
    }
}

/// The keys of an action, of which there must be exactly one.
#[derive(Deserialize)]
struct ActionFields {
    open_direct_link: Option<UrlText>,
    open_server_link: Option<Data<'static>>,
    get_dynamic_action: Option<Data<'static>>,
    open_post_page: Option<Post<'static>>,
    open_post_manage_page: Option<Post<'static>>,
}

/// A URL as text; the `url` crate's own implementation is behind a feature that nothing else here needs.
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
            action.open_server_link.map(|link| Self::OpenServerLink(link.data.into_owned())),
            action.get_dynamic_action.map(|link| Self::GetDynamicAction(link.data.into_owned())),
            action.open_post_page.map(|post| Self::OpenPostPage(post.post_token.into_owned())),
            action.open_post_manage_page.map(|post| Self::OpenPostManagePage(post.post_token.into_owned())),
        ]
        .into_iter()
        .flatten();
        match (actions.next(), actions.next()) {
            (Some(action), None) => Ok(action),
            _ => Err(D::Error::custom("expected exactly one of the five actions")),
        }
    }
}
