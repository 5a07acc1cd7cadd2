//! A post that was changed.

use crate::model::open_enum::open_enum;
use crate::model::wire::{deserialize, serialize, setters, wire};
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

wire! {
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
    #[derive(Clone, Debug, PartialEq)]
    #[non_exhaustive]
    pub struct PostUpdate {
        /// What became of it.
        pub kind: Option<PostUpdateKind> = "type",
        /// The post; of one that is gone ([`PostUpdateKind::Retire`], [`PostUpdateKind::Archive`]), the token alone.
        pub post: Post,
        ;
        /// What your app gave when it subscribed.
        pub metadata: Option<RawJson>,
    }
}

wire! {
    /// A post, as far as an update tells of it.
    #[derive(Clone, Debug, PartialEq)]
    #[non_exhaustive]
    pub struct Post {
        /// Which one it is.
        pub token: Option<PostToken>,
        /// The slug of its category.
        pub category: Option<String>,
        /// The slug of its city.
        pub city: Option<String>,
        /// The slug of its district.
        pub district: Option<String>,
        /// Whether the owner's telephone number is hidden.
        pub is_phone_hidden: Option<bool>,
        /// Whether the owner's chat assistant is switched on.
        pub supplier_chat_assistant_enabled: Option<bool>,
        /// Whether the owner can be written to.
        pub chat_enabled: Option<bool>,
        /// When it was published for the first time.
        pub first_published_at: Option<Timestamp>,
        /// What it says; the form depends on its category.
        pub data: Option<RawJson>,
    }
}

serialize! { Post }
deserialize! { Post }

impl PostUpdate {
    /// An event as Divar would send it, for tests.
    #[must_use]
    pub fn new(kind: PostUpdateKind, post: impl Into<PostToken>) -> Self {
        Self { kind: Some(kind), post: Post::new(post), metadata: None }
    }
}

setters! { PostUpdate {
    /// Sets the data that your app gave when it subscribed.
    metadata: RawJson,
} }

impl Post {
    /// A post of which only the token is known.
    #[must_use]
    pub fn new(token: impl Into<PostToken>) -> Self {
        Self { token: Some(token.into()), ..Self::default() }
    }
}

setters! { Post {
    /// Sets the slug of its category.
    category: impl Into<String>,
    /// Sets the slug of its city.
    city: impl Into<String>,
    /// Sets the slug of its district.
    district: impl Into<String>,
    /// Sets whether the owner's telephone number is hidden.
    is_phone_hidden: bool,
    /// Sets whether the owner's chat assistant is switched on.
    supplier_chat_assistant_enabled: bool,
    /// Sets whether the owner can be written to.
    chat_enabled: bool,
    /// Sets when it was published for the first time.
    first_published_at: Timestamp,
    /// Sets what it says.
    data: RawJson,
} }
