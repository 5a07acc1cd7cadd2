use std::fmt;
use std::str::FromStr;

/// A permission of an API key, granted in the [panel](crate::guide#panel).
///
/// A call for a user also requires the user's [scope](crate::Scope). Source: the operations' pages in Kenar's documentation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApiKeyPermission(&'static str);

/// The error for a name that is not in [`ApiKeyPermission::ALL`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown API-key permission: {0:?}")]
pub struct UnknownPermission(String);

macro_rules! permissions {
    ($($name:ident: $doc:literal,)*) => {
        impl ApiKeyPermission {
            $(#[doc = $doc] pub const $name: Self = Self(stringify!($name));)*

            /// The documented permissions of chat operations.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

permissions! {
    CHAT_SEND_MESSAGE_OAUTH: "Sends messages in a post's conversation.",
    CHAT_BOT_SEND_MESSAGE: "Sends messages as the chatbot.",
    CHAT_READ_CONVERSATION: "Reads a conversation.",
    CHAT_UPLOAD_MEDIA: "Uploads media.",
    EVENTS_REGISTER_SUBSCRIPTION: "Subscribes to events.",
    USER_RETRIEVE: "Reads a user's id and phone number.",
}

impl ApiKeyPermission {
    /// A permission unknown to this crate.
    #[must_use]
    pub const fn named(name: &'static str) -> Self {
        Self(name)
    }

    /// The name in the panel.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        self.0
    }
}

impl FromStr for ApiKeyPermission {
    type Err = UnknownPermission;

    fn from_str(name: &str) -> Result<Self, UnknownPermission> {
        let known = Self::ALL.iter().copied().find(|permission| permission.0 == name);
        known.ok_or_else(|| UnknownPermission(name.to_owned()))
    }
}

impl fmt::Display for ApiKeyPermission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for ApiKeyPermission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The name of an OAuth scope and the kind of its id. A [`Scope`](crate::Scope) contains the id itself.
///
/// Source: the security schemes in the platform's OpenAPI file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopeKind {
    name: &'static str,
    resource: Option<Resource>,
}

/// The kind of resource that a scope's id refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Resource {
    /// A conversation, by its id.
    Conversation,
    /// A post, by its token.
    Post,
    /// A business, by its token.
    Business,
    /// An app, by its slug.
    App,
    /// A user, a post and a peer, joined by colons in Base64. A legacy form.
    UserPostPeer,
}

impl ScopeKind {
    /// The name, without an id.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The kind of id; `None` without one.
    #[must_use]
    pub const fn resource(&self) -> Option<Resource> {
        self.resource
    }

    /// A scope unknown to this crate, without an id.
    #[must_use]
    pub const fn plain(name: &'static str) -> Self {
        Self { name, resource: None }
    }

    /// A scope unknown to this crate, with an id.
    #[must_use]
    pub const fn about(name: &'static str, resource: Resource) -> Self {
        Self { name, resource: Some(resource) }
    }

    /// The known scope with this name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name == name)
    }
}

impl fmt::Display for ScopeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! scope_kinds {
    ($($constant:ident $(= $wire:literal)? $(of $resource:ident)?: $doc:literal,)*) => {
        impl ScopeKind {
            $(
                #[doc = $doc]
                pub const $constant: Self = Self {
                    name: scope_kinds!(@name $constant $($wire)?),
                    resource: scope_kinds!(@resource $($resource)?),
                };
            )*

            /// All scopes in the platform's OpenAPI file.
            pub const ALL: &[Self] = &[$(Self::$constant,)*];
        }
    };
    (@name $constant:ident) => { stringify!($constant) };
    (@name $constant:ident $wire:literal) => { $wire };
    (@resource) => { None };
    (@resource $resource:ident) => { Some(Resource::$resource) };
}

scope_kinds! {
    CONVERSATION_SEND_MESSAGE of Conversation: "Sends messages to one conversation.",
    CHAT_CONVERSATION_READ of Conversation: "Reads one conversation.",
    CHAT_POST_CONVERSATIONS_READ of Post: "Receives the messages of all conversations about one post.",
    CHAT_POST_CONVERSATIONS_MESSAGE_SEND of Post: "Sends messages to all conversations about one post.",
    CHAT_SUPPLIER_ALL_CONVERSATIONS_READ: "Receives the messages of all conversations about the user's posts.",
    CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND: "Sends messages to all conversations about the user's posts.",
    CHAT_BOT_USER_MESSAGE_SEND: "Sends messages to the user as the app's chatbot.",
    CHAT_MESSAGE_SEND of UserPostPeer: "Sends messages between two users. Predates conversation ids.",
    NOTIFICATION_ACCESS_REVOCATION: "Receives an event when the user revokes the permission.",
    USER_ID: "Reads the user's id.",
    USER_PHONE: "Reads the user's phone number.",
    USER_POSTS_GET: "Lists the user's posts and receives their updates.",
    OFFLINE_ACCESS = "offline_access": "Grants a refresh token. Lower case on the wire, but upper case in the platform's list.",
    OPENID = "openid": "OpenID Connect. Lower case on the wire, like `offline_access`.",
    POST_ADDON_CREATE of Post: "Adds an add-on to one post.",
    POST_EDIT of Post: "Edits one post.",
    POST_ONGOING_IMAGES_GET of Post: "Reads the images of one post.",
    POST_SEMANTIC_CREATE of Post: "Adds semantic data to one post.",
    BUSINESS_ADDON_CREATE of Business: "Adds an add-on to a business.",
    BUSINESS_CREATE_CUSTOMIZED_BUTTON of Business: "Adds a button to a business.",
    MANAGEMENT_APPS_READ of App: "Reads an app's settings.",
    MANAGEMENT_APPS_WRITE of App: "Changes an app's settings.",
    USER_POSTS_STATS_READ: "Reads the statistics of the user's posts.",
    USER_POSTS_ADDON_CREATE: "Adds an add-on to the user's posts.",
    USER_ADDON_CREATE: "Adds an add-on to the user.",
    USER_VERIFICATION_CREATE: "Adds a verification to the user.",
    USER_BUSINESSES_READ: "Lists the user's businesses.",
    USER_SET_CUSTOMIZED_BUTTON: "Sets a customised button of the user.",
    PRO_USER_PROFILE_IMAGE_READ: "Reads a professional user's profile picture.",
    PAYMENT_ALL_POSTS_PRICING_READ: "Reads prices for all of the user's posts.",
    PAYMENT_ALL_POSTS_REORDER: "Pays for moving the user's posts up.",
    PAYMENT_ALL_POSTS_RENEW: "Pays for renewing the user's posts.",
    PAY_USER_POST_PROMOTION: "Pays for promoting one of the user's posts.",
    SUBMIT_USER_POST: "Submits a post for the user.",
    SUBMIT_USER_PAYMENT: "Submits a payment for the user.",
    EDIT_USER_POST: "Edits one of the user's posts.",
    DELETE_USER_POST: "Deletes one of the user's posts.",
    SEND_EVENT: "Sends events. The platform no longer offers the operation.",
}
