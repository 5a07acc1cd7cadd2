//! A post that was changed.

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, MapAccess};

use crate::model::lenient::{self, Entry, FromObject};
use crate::model::open_enum::open_enum;
use crate::model::{PostToken, RawJson, Timestamp};

open_enum! {
    /// What became of a post.
    PostUpdateKind {
        /// It was published.
        Publish = "PUBLISH",
        /// It was taken down.
        Retire = "RETIRE",
        /// It is in progress.
        Ongoing = "ONGOING",
        /// It was archived.
        Archive = "ARCHIVE",
    }
}

/// A post was changed. The same change may be delivered more than once.
///
/// ```
/// use kenar::webhook::{Event, PostUpdateKind};
///
/// let body = br#"{ "type": "POST_UPDATE", "post_update": { "type": "RETIRE", "post": { "token": "QYabcdef" } } }"#;
/// let Event::PostUpdate(update) = Event::from_unverified_body(body)? else { panic!() };
/// assert_eq!(update.kind, Some(PostUpdateKind::Retire));
/// assert_eq!(update.post.token.unwrap().as_str(), "QYabcdef");
/// # Ok::<(), kenar::webhook::Rejection>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct PostUpdate {
    /// What became of it.
    pub kind: Option<PostUpdateKind>,
    /// The post; of one that is gone ([`PostUpdateKind::Retire`], [`PostUpdateKind::Archive`]), the token alone.
    pub post: Post,
    /// What your app gave when it subscribed.
    pub metadata: Option<RawJson>,
}

/// A post, as far as an update tells of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Post {
    /// Which one it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<PostToken>,
    /// The slug of its category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The slug of its city.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// The slug of its district.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub district: Option<String>,
    /// Whether the owner's telephone number is hidden.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_phone_hidden: Option<bool>,
    /// Whether the owner's chat assistant is switched on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supplier_chat_assistant_enabled: Option<bool>,
    /// Whether the owner can be written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat_enabled: Option<bool>,
    /// When it was published for the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_published_at: Option<Timestamp>,
    /// What it says; the form depends on its category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<RawJson>,
}

impl PostUpdate {
    /// An event as Divar would send it, for tests.
    #[must_use]
    pub fn new(kind: PostUpdateKind, post: impl Into<PostToken>) -> Self {
        let post = Post { token: Some(post.into()), ..Post::default() };
        Self { kind: Some(kind), post, metadata: None }
    }

    pub(super) fn payload(&self) -> impl Serialize + '_ {
        PostUpdateOut { kind: self.kind.as_ref(), post: &self.post }
    }
}

#[derive(Serialize)]
struct PostUpdateOut<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'a PostUpdateKind>,
    post: &'a Post,
}

#[derive(Default)]
pub(super) struct PostUpdateFields {
    kind: Option<PostUpdateKind>,
    post: Option<Post>,
}

impl FromObject for PostUpdateFields {
    fn set<'de, A: MapAccess<'de>>(&mut self, key: &str, entry: Entry<'_, A>) -> Result<(), A::Error> {
        match key {
            "type" => entry.scalar(&mut self.kind),
            "post" => entry.object(&mut self.post),
            _ => entry.skip(),
        }
    }
}

impl PostUpdateFields {
    pub(super) fn post_update(self, metadata: Option<RawJson>) -> PostUpdate {
        PostUpdate { kind: self.kind, post: self.post.unwrap_or_default(), metadata }
    }
}

impl FromObject for Post {
    fn set<'de, A: MapAccess<'de>>(&mut self, key: &str, entry: Entry<'_, A>) -> Result<(), A::Error> {
        match key {
            "token" => entry.scalar(&mut self.token),
            "category" => entry.scalar(&mut self.category),
            "city" => entry.scalar(&mut self.city),
            "district" => entry.scalar(&mut self.district),
            "is_phone_hidden" => entry.scalar(&mut self.is_phone_hidden),
            "supplier_chat_assistant_enabled" => entry.scalar(&mut self.supplier_chat_assistant_enabled),
            "chat_enabled" => entry.scalar(&mut self.chat_enabled),
            "first_published_at" => entry.scalar(&mut self.first_published_at),
            "data" => entry.json(&mut self.data),
            _ => entry.skip(),
        }
    }
}

impl<'de> Deserialize<'de> for Post {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::object(deserializer)
    }
}
