use crate::model::wire::{deserialize, open_enum, serialize, setters, wire};
use crate::model::{PostToken, RawJson, Timestamp};

open_enum! {
    /// The kind of change.
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

wire! {
    /// A change of a post. Divar may deliver it more than once.
    #[derive(Clone, Debug, PartialEq)]
    #[non_exhaustive]
    pub struct PostUpdate {
        /// The kind of change.
        pub kind: Option<PostUpdateKind> = "type",
        /// The post; only the token for [`PostUpdateKind::Retire`] and [`PostUpdateKind::Archive`].
        pub post: Post,
        ;
        /// The metadata of the subscription.
        pub metadata: Option<RawJson>,
    }
}

wire! {
    /// A post in an update.
    #[derive(Clone, Debug, PartialEq)]
    #[non_exhaustive]
    pub struct Post {
        /// The post token.
        pub token: Option<PostToken>,
        /// The slug of its category.
        pub category: Option<String>,
        /// The slug of its city.
        pub city: Option<String>,
        /// The slug of its district.
        pub district: Option<String>,
        /// `true` if the owner's phone number is hidden.
        pub is_phone_hidden: Option<bool>,
        /// `true` if the owner's chat assistant is on.
        pub supplier_chat_assistant_enabled: Option<bool>,
        /// `true` if users can write to the owner.
        pub chat_enabled: Option<bool>,
        /// The time of its first publication.
        pub first_published_at: Option<Timestamp>,
        /// The content of the post, which depends on its category.
        pub data: Option<RawJson>,
    }
}

serialize! { Post }
deserialize! { Post }

impl PostUpdate {
    /// An event, for tests.
    #[must_use]
    pub fn new(kind: PostUpdateKind, post: impl Into<PostToken>) -> Self {
        Self { kind: Some(kind), post: Post::new(post), metadata: None }
    }
}

setters! { PostUpdate { metadata: RawJson } }

impl Post {
    /// A post with only a token.
    #[must_use]
    pub fn new(token: impl Into<PostToken>) -> Self {
        Self { token: Some(token.into()), ..Self::default() }
    }
}

setters! { Post {
    category: impl Into<String>,
    city: impl Into<String>,
    district: impl Into<String>,
    is_phone_hidden: bool,
    supplier_chat_assistant_enabled: bool,
    chat_enabled: bool,
    first_published_at: Timestamp,
    data: RawJson,
} }
