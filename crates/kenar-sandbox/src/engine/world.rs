//! The apps, people, posts and conversations of a sandbox.

use std::collections::{BTreeMap, BTreeSet};

use kenar::model::{
    AppSlug, AppUrl, ButtonGrid, Conversation, ConversationId, ConversationKind, Message, MessageContent, MessageId,
    PostToken, Sender, SenderKind, Side, Timestamp, UserId,
};
use kenar::oauth::Scope;
use kenar::request::ApiKeyPermission;
use kenar::secret::{ApiKey, ClientSecret, IdentificationKey};
use kenar::webhook::ApiVersion;

use super::ids::Ids;
use super::webhook::Webhook;

/// The name of a person.
pub(crate) type Name = String;

/// An app with its settings in the panel.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) slug: AppSlug,
    /// The name that users see, if it is not the slug.
    pub(crate) title: Option<String>,
    pub(crate) client_secret: ClientSecret,
    pub(crate) identification_key: IdentificationKey,
    pub(crate) api_key: ApiKey,
    pub(crate) api_key_permissions: Vec<ApiKeyPermission>,
    /// Further API keys, each with its permissions.
    pub(crate) narrow_keys: Vec<(ApiKey, Vec<ApiKeyPermission>)>,
    pub(crate) redirect_uris: BTreeSet<String>,
    pub(crate) open_app_url: Option<AppUrl>,
    pub(crate) events_url: Option<AppUrl>,
    pub(crate) dynamic_action_url: Option<AppUrl>,
    pub(crate) open_app_version: ApiVersion,
    pub(crate) fallback_url: Option<AppUrl>,
}

impl App {
    /// The URL of a webhook.
    pub(super) fn url_of(&self, webhook: Webhook) -> Option<&AppUrl> {
        match webhook {
            Webhook::OpenApp => self.open_app_url.as_ref(),
            Webhook::Event => self.events_url.as_ref(),
            Webhook::DynamicAction => self.dynamic_action_url.as_ref(),
        }
    }

    /// All secrets, which authenticate the app or Divar.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        let narrow = self.narrow_keys.iter().map(|(key, _)| key.expose_secret());
        let own = [self.identification_key.expose_secret(), self.client_secret.expose_secret()];
        own.into_iter().chain([self.api_key.expose_secret()]).chain(narrow)
    }

    /// The name that users see above its messages.
    pub(crate) fn title(&self) -> &str {
        self.title.as_deref().unwrap_or(self.slug.as_str())
    }
}

/// A conversation with its messages.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    pub(crate) between: Between,
    pub(crate) messages: Vec<ChatMessage>,
    /// The people who blocked the other side.
    pub(crate) blocked_by: BTreeSet<Name>,
}

/// The participants of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Between {
    /// The two sides of a conversation about a post.
    Sides { post: PostToken, seller: Name, buyer: Name },
    /// A person and an app's chatbot.
    Chatbot { app: AppSlug, user: Name },
}

/// A message with its author and buttons.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChatMessage {
    /// The message in the platform's form.
    pub message: Message,
    /// The author.
    pub author: Author,
    /// The buttons for the person in whose name an app sent it, or the chatbot's user.
    pub sender_buttons: Option<ButtonGrid>,
    /// The buttons for the other side.
    pub receiver_buttons: Option<ButtonGrid>,
}

/// The author of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Author {
    /// A person, by name.
    User(String),
    /// An app, in the name of a person.
    AppFor {
        /// The app.
        app: AppSlug,
        /// The person whose access token it used.
        user: String,
    },
    /// An app's chatbot.
    Chatbot(AppSlug),
}

impl ChatMessage {
    /// The id.
    #[must_use]
    pub fn id(&self) -> Option<&MessageId> {
        self.message.id.as_ref()
    }

    /// The text, if it is a text message.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.message.text()
    }

    /// Returns `true` if an app sent it.
    #[must_use]
    pub fn is_from_app(&self) -> bool {
        !matches!(self.author, Author::User(_))
    }

    /// The app that sent it.
    pub(crate) fn app(&self) -> Option<&AppSlug> {
        match &self.author {
            Author::User(_) => None,
            Author::AppFor { app, .. } | Author::Chatbot(app) => Some(app),
        }
    }

    /// The buttons that a participant sees.
    pub(crate) fn buttons_for(&self, reader: &str) -> Option<&ButtonGrid> {
        match &self.author {
            Author::User(_) => None,
            Author::AppFor { user, .. } if user != reader => self.receiver_buttons.as_ref(),
            Author::AppFor { .. } | Author::Chatbot(_) => self.sender_buttons.as_ref(),
        }
    }
}

impl Talk {
    pub(crate) fn new(between: Between) -> Self {
        Self { between, messages: Vec::new(), blocked_by: BTreeSet::new() }
    }
}

impl Between {
    pub(crate) fn includes(&self, name: &str) -> bool {
        match self {
            Self::Sides { seller, buyer, .. } => seller == name || buyer == name,
            Self::Chatbot { user, .. } => user == name,
        }
    }

    /// Returns `true` if seller and buyer are the same person, which is invalid.
    pub(crate) fn is_with_oneself(&self) -> bool {
        matches!(self, Self::Sides { seller, buyer, .. } if seller == buyer)
    }

    /// The side of a participant in a conversation about a post.
    pub(crate) fn side_of(&self, name: &str) -> Option<Side> {
        match self {
            Self::Sides { seller, .. } if seller == name => Some(Side::Supply),
            Self::Sides { buyer, .. } if buyer == name => Some(Side::Demand),
            _ => None,
        }
    }

    /// The post and its owner.
    pub(crate) fn post(&self) -> Option<(&PostToken, &str)> {
        match self {
            Self::Sides { post, seller, .. } => Some((post, seller)),
            Self::Chatbot { .. } => None,
        }
    }

    pub(crate) fn conversation(&self, id: &ConversationId) -> Conversation {
        let mut conversation = Conversation::new(id.clone());
        conversation.kind = Some(match self {
            Self::Sides { .. } => ConversationKind::Post,
            Self::Chatbot { .. } => ConversationKind::Bot,
        });
        conversation.post_token = self.post().map(|(post, _)| post.clone());
        conversation
    }
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) ids: Ids,
    pub(crate) apps: BTreeMap<AppSlug, App>,
    /// People and their phone numbers.
    pub(crate) people: BTreeMap<Name, String>,
    /// Posts and their owners.
    pub(crate) posts: BTreeMap<PostToken, Name>,
    /// The titles of posts that have one.
    pub(crate) post_titles: BTreeMap<PostToken, String>,
    pub(crate) talks: BTreeMap<ConversationId, Talk>,
    /// User ids that were set explicitly, by app.
    pub(crate) user_ids: BTreeMap<AppSlug, BTreeMap<Name, UserId>>,
    last_message_at: Option<Timestamp>,
}

impl World {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        Self {
            ids: Ids::new(seed),
            apps: BTreeMap::new(),
            people: BTreeMap::new(),
            posts: BTreeMap::new(),
            post_titles: BTreeMap::new(),
            talks: BTreeMap::new(),
            user_ids: BTreeMap::new(),
            last_message_at: None,
        }
    }

    /// The app with this slug, created on first use. Its API key has every permission.
    pub(crate) fn app(&mut self, slug: &AppSlug) -> &mut App {
        let ids = &mut self.ids;
        self.apps.entry(slug.clone()).or_insert_with(|| App {
            slug: slug.clone(),
            title: None,
            client_secret: ids.secret("client-secret"),
            identification_key: ids.secret("identification-key"),
            api_key: ids.secret("api-key"),
            api_key_permissions: ApiKeyPermission::ALL.to_vec(),
            narrow_keys: Vec::new(),
            redirect_uris: BTreeSet::new(),
            open_app_url: None,
            events_url: None,
            dynamic_action_url: None,
            open_app_version: ApiVersion::default(),
            fallback_url: None,
        })
    }

    /// A further API key of the app, with these permissions.
    pub(crate) fn api_key(&mut self, slug: &AppSlug, permissions: Vec<ApiKeyPermission>) -> ApiKey {
        let key: ApiKey = self.ids.secret("api-key");
        self.app(slug).narrow_keys.push((key.clone(), permissions));
        key
    }

    /// The app of an API key, and the key's permissions.
    pub(crate) fn by_key(&self, key: &ApiKey) -> Option<(&App, &[ApiKeyPermission])> {
        self.apps.values().find_map(|app| {
            if app.api_key == *key {
                return Some((app, app.api_key_permissions.as_slice()));
            }
            let (_, permissions) = app.narrow_keys.iter().find(|(own, _)| own == key)?;
            Some((app, permissions.as_slice()))
        })
    }

    /// Creates the person with this name and a phone number, if there is none.
    pub(crate) fn person(&mut self, name: &str) {
        if !self.people.contains_key(name) {
            let phone = format!("0999{:07}", self.people.len().saturating_add(1));
            self.people.insert(name.to_owned(), phone);
        }
    }

    pub(crate) fn post(&mut self, owner: &str) -> PostToken {
        self.person(owner);
        let mut post = self.ids.post();
        while self.posts.contains_key(&post) {
            post = self.ids.post();
        }
        self.posts.insert(post.clone(), owner.to_owned());
        post
    }

    /// Changes the token of a post.
    pub(crate) fn rename_post(&mut self, post: &PostToken, token: &PostToken) -> Result<(), String> {
        if post == token {
            return Ok(());
        }
        check_id(token.as_str(), self.posts.contains_key(token))
            .map_err(|why| format!("invalid post token `{token}`: {why}"))?;
        if self.talks.values().any(|talk| talk.between.post().is_some_and(|(about, _)| about == post)) {
            return Err(format!("the post {post} already has conversations: set its token before"));
        }
        if let Some(owner) = self.posts.remove(post) {
            self.posts.insert(token.clone(), owner);
        }
        if let Some(title) = self.post_titles.remove(post) {
            self.post_titles.insert(token.clone(), title);
        }
        Ok(())
    }

    /// Changes the id of a conversation.
    pub(crate) fn rename_talk(&mut self, from: &ConversationId, to: &ConversationId) -> Result<(), String> {
        if from == to {
            return Ok(());
        }
        check_id(to.as_str(), self.talks.contains_key(to))
            .map_err(|why| format!("invalid conversation id `{to}`: {why}"))?;
        match self.talks.remove(from) {
            Some(talk) if talk.messages.is_empty() => drop(self.talks.insert(to.clone(), talk)),
            Some(talk) => {
                self.talks.insert(from.clone(), talk);
                return Err("the conversation already has messages: set its id before".to_owned());
            }
            None => return Err(format!("conversation not found: {from}")),
        }
        Ok(())
    }

    /// The user id of a person in an app.
    pub(crate) fn user_id(&self, app: &AppSlug, name: &str) -> UserId {
        let chosen = self.user_ids.get(app).and_then(|ids| ids.get(name));
        chosen.cloned().unwrap_or_else(|| self.ids.user(app, name))
    }

    /// Sets the user id of a person in an app.
    pub(crate) fn set_user_id(&mut self, app: &AppSlug, name: &str, id: &UserId) -> Result<(), String> {
        let is_used = self.known_as(app, id.as_str()).is_some_and(|other| other != name);
        check_id(id.as_str(), is_used).map_err(|why| format!("invalid user id `{id}` for {name}: {why}"))?;
        self.user_ids.entry(app.clone()).or_default().insert(name.to_owned(), id.clone());
        Ok(())
    }

    /// The conversation between these participants, created on first use.
    pub(crate) fn talk(&mut self, between: Between) -> ConversationId {
        if let Some((id, _)) = self.talks.iter().find(|(_, talk)| talk.between == between) {
            return id.clone();
        }
        let id = self.ids.conversation();
        self.talks.insert(id.clone(), Talk::new(between));
        id
    }

    /// The person with this user id in an app.
    pub(crate) fn known_as(&self, app: &AppSlug, id: &str) -> Option<&Name> {
        self.people.keys().find(|name| self.user_id(app, name).as_str() == id)
    }

    /// Adds a message to a conversation. `None` if the conversation does not exist.
    pub(crate) fn write(
        &mut self,
        to: &ConversationId,
        author: Author,
        content: MessageContent,
        [sender_buttons, receiver_buttons]: [Option<ButtonGrid>; 2],
        now: Timestamp,
    ) -> Option<ChatMessage> {
        let talk = self.talks.get_mut(to)?;
        // Times are unique and increasing, since clients identify and sort messages by them.
        let sent_at = match self.last_message_at {
            Some(last) if last >= now => last.saturating_add(std::time::Duration::from_micros(1)),
            _ => now,
        };
        self.last_message_at = Some(sent_at);
        let (kind, side) = match &author {
            Author::User(name) => (SenderKind::Human, talk.between.side_of(name)),
            Author::AppFor { user, .. } => (SenderKind::Bot, talk.between.side_of(user)),
            Author::Chatbot(_) => (SenderKind::Bot, None),
        };
        let mut sender = Sender::new(kind);
        sender.side = side;
        let message = Message::new(talk.between.conversation(to), sender, content);
        let message = message.id(self.ids.message(sent_at)).sent_at(sent_at);
        let message = ChatMessage { message, author, sender_buttons, receiver_buttons };
        talk.messages.push(message.clone());
        Some(message)
    }
}

pub(super) fn no_app(slug: &AppSlug) -> String {
    format!("app not found: {slug}")
}

/// Checks an id that a test chose. Divar's ids fit the path of a URL and a scope; others would fail there, far from the cause.
fn check_id(id: &str, is_used: bool) -> Result<(), &'static str> {
    if id.is_empty() {
        Err("it is empty")
    } else if is_used {
        Err("it is in use")
    } else if matches!(id, "." | "..") || Scope::with_resource("ID", id).is_err() {
        Err("it must be printable ASCII without spaces, quotation marks and backslashes, and neither `.` nor `..`")
    } else {
        Ok(())
    }
}
