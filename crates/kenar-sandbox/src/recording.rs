//! Recorded sessions, as JSON.

mod check;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::engine::{Author, Between, ChatMessage, Direction, Engine, Exchange, Snapshot, Talk, Webhook};
use crate::file;
use kenar::model::{AppSlug, ButtonGrid, ConversationId, Message, MessageContent, PostToken, UserId};

/// A recorded session: people, conversations, webhooks with their responses, and API calls.
///
/// [Replay](crate::Sandbox::replay) it to check that an add-on still behaves the same, or
/// [restore](crate::Sandbox::restore) it to continue the session.
///
/// A recording contains no headers, no tokens, and nothing from the consent page or the token endpoint. From the URL of an
/// opened page, it contains only the path, with id-like segments removed. It does contain all messages, and the data that
/// your add-on puts into them.
///
/// ```
/// # use kenar_sandbox::{App, Sandbox};
/// # fn addon_of(app: &App) { app.set_events_url(app.set_handler(|_| async { http::Response::default() })); }
/// use kenar_sandbox::Recording;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let path = std::env::temp_dir().join(format!("kenar-recording-{}.json", std::process::id()));
/// // Once:
/// let sandbox = Sandbox::in_process().await;
/// addon_of(&sandbox.app("bot"));
/// let sara = sandbox.user("sara");
/// sara.write(&sara.chat_with_bot(&sandbox.app("bot")), "سلام").await?;
/// sandbox.recording().save(&path)?;
///
/// // Then in a test:
/// let sandbox = Sandbox::in_process().await;
/// addon_of(&sandbox.app("bot"));
/// let differences = sandbox.replay(&Recording::load(&path)?, &sandbox.app("bot")).await?;
/// assert_eq!(differences, []);
/// # std::fs::remove_file(path)?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// The version of the format: [`Self::VERSION`].
    version: u32,
    /// The seed of user ids.
    pub(crate) seed: u64,
    pub(crate) people: Vec<String>,
    pub(crate) posts: BTreeMap<PostToken, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    post_titles: BTreeMap<PostToken, String>,
    /// User ids that were set explicitly.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) user_ids: BTreeMap<AppSlug, BTreeMap<String, UserId>>,
    pub(crate) conversations: BTreeMap<ConversationId, Conversation>,
    pub(crate) steps: Vec<Step>,
}

/// An error in reading or writing a recording.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The file cannot be read or written.
    #[error("cannot read or write the recording's file")]
    Io(#[from] std::io::Error),
    /// The JSON is not a recording.
    #[error("invalid recording")]
    Json(#[from] serde_json::Error),
    /// The recording refers to a person, a post or a conversation that it does not contain.
    #[error("invalid recording: {0}")]
    Incomplete(String),
    /// The format's version is not supported.
    #[error("unsupported recording version {0}")]
    Version(u32),
}

/// A conversation with its messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Conversation {
    pub(crate) parties: Parties,
    said: Vec<Said>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    blocked_by: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Said {
    by: Speaker,
    message: Message,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sender_buttons: Option<ButtonGrid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    receiver_buttons: Option<ButtonGrid>,
}

/// The author of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Speaker {
    User(String),
    AppFor { app: AppSlug, user: String },
    Chatbot(AppSlug),
}

/// The participants of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Parties {
    Post { post: PostToken, seller: String, buyer: String },
    Bot { app: AppSlug, user: String },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Step {
    /// A webhook with the add-on's response.
    Webhook { webhook: WebhookName, app: AppSlug, body: Value, status: Option<u16>, response: Value },
    /// An API call of the add-on.
    Call { operation: String, app: AppSlug, request: String, body: Value },
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WebhookName {
    OpenApp,
    Event,
    DynamicAction,
}

impl WebhookName {
    fn of(operation: &str) -> Option<Self> {
        Some(match Webhook::ALL.iter().find(|webhook| webhook.as_str() == operation)? {
            Webhook::OpenApp => Self::OpenApp,
            Webhook::Event => Self::Event,
            Webhook::DynamicAction => Self::DynamicAction,
        })
    }

    pub(crate) fn webhook(self) -> Webhook {
        match self {
            Self::OpenApp => Webhook::OpenApp,
            Self::Event => Webhook::Event,
            Self::DynamicAction => Webhook::DynamicAction,
        }
    }
}

impl Recording {
    /// The supported version of the format.
    pub const VERSION: u32 = 1;

    pub(crate) fn of(engine: &Engine) -> Self {
        let Snapshot { user_seed, people, posts, post_titles, user_ids, talks } = engine.snapshot();
        let conversations = talks.iter().map(|(id, talk)| (id.clone(), Conversation::of(talk))).collect();
        let steps = Step::all(engine);
        Self { version: Self::VERSION, seed: user_seed, people, posts, post_titles, user_ids, conversations, steps }
    }

    /// The state at the end of the session.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.snapshot_with(Conversation::talk)
    }

    /// The state before the first message.
    pub(crate) fn snapshot_before(&self) -> Snapshot {
        self.snapshot_with(|conversation| Talk::new(conversation.parties.between()))
    }

    fn snapshot_with(&self, talk: impl Fn(&Conversation) -> Talk) -> Snapshot {
        Snapshot {
            user_seed: self.seed,
            people: self.people.clone(),
            posts: self.posts.clone(),
            post_titles: self.post_titles.clone(),
            user_ids: self.user_ids.clone(),
            talks: self.conversations.iter().map(|(id, conversation)| (id.clone(), talk(conversation))).collect(),
        }
    }

    /// Reads a recording from a file.
    ///
    /// # Errors
    ///
    /// [`RecordingError`], if the file cannot be read or is not a recording.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, RecordingError> {
        Self::from_json(&std::fs::read_to_string(path)?)
    }

    /// Writes the recording to a file. An existing file keeps its content until the new one is complete.
    ///
    /// # Errors
    ///
    /// [`RecordingError`], if the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), RecordingError> {
        Ok(file::replace(path.as_ref(), self.to_json()?.as_bytes())?)
    }

    /// Reads a recording from JSON.
    ///
    /// # Errors
    ///
    /// [`RecordingError`], if the JSON is not a recording.
    pub fn from_json(json: &str) -> Result<Self, RecordingError> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_str(json)?;
        if version != Self::VERSION {
            return Err(RecordingError::Version(version));
        }
        let recording: Self = serde_json::from_str(json)?;
        recording.check().map_err(RecordingError::Incomplete)?;
        Ok(recording)
    }

    /// The recording as indented JSON.
    ///
    /// # Errors
    ///
    /// [`RecordingError`], if serialisation fails; no such case is known.
    pub fn to_json(&self) -> Result<String, RecordingError> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

impl Conversation {
    fn of(talk: &Talk) -> Self {
        let said = talk.messages.iter().map(|said| Said {
            by: match said.author.clone() {
                Author::User(name) => Speaker::User(name),
                Author::AppFor { app, user } => Speaker::AppFor { app, user },
                Author::Chatbot(app) => Speaker::Chatbot(app),
            },
            message: without_link(said.message.clone()),
            sender_buttons: said.sender_buttons.clone(),
            receiver_buttons: said.receiver_buttons.clone(),
        });
        Self { parties: Parties::of(&talk.between), said: said.collect(), blocked_by: talk.blocked_by.clone() }
    }

    fn talk(&self) -> Talk {
        let messages = self.said.iter().cloned().map(|said| ChatMessage {
            message: said.message,
            author: match said.by {
                Speaker::User(name) => Author::User(name),
                Speaker::AppFor { app, user } => Author::AppFor { app, user },
                Speaker::Chatbot(app) => Author::Chatbot(app),
            },
            sender_buttons: said.sender_buttons,
            receiver_buttons: said.receiver_buttons,
        });
        Talk { between: self.parties.between(), messages: messages.collect(), blocked_by: self.blocked_by.clone() }
    }
}

impl Parties {
    fn of(between: &Between) -> Self {
        match between.clone() {
            Between::Sides { post, seller, buyer } => Self::Post { post, seller, buyer },
            Between::Chatbot { app, user } => Self::Bot { app, user },
        }
    }

    pub(crate) fn between(&self) -> Between {
        match self.clone() {
            Self::Post { post, seller, buyer } => Between::Sides { post, seller, buyer },
            Self::Bot { app, user } => Between::Chatbot { app, user },
        }
    }
}

impl Step {
    /// All steps, in order. A webhook precedes the calls that were made before its response.
    fn all(engine: &Engine) -> Vec<Self> {
        let mut exchanges: Vec<_> = engine.journal().exchanges().collect();
        exchanges.sort_by_key(|exchange| (exchange.began_after, exchange.direction == Direction::ToKenar));
        exchanges.into_iter().filter_map(Self::of).collect()
    }

    /// The step of an exchange. `None` if recordings omit it.
    pub(crate) fn of(exchange: &Exchange) -> Option<Self> {
        if exchange.is_faulty() || exchange.request.len() > Exchange::MAX_BODY {
            return None;
        }
        let app = exchange.app.clone()?;
        let body = json(&exchange.request);
        match exchange.direction {
            Direction::ToAddOn => {
                let webhook = WebhookName::of(exchange.operation)?;
                let response = without_ids(json(&exchange.response));
                Some(Self::Webhook { webhook, app, body, status: exchange.status, response })
            }
            Direction::ToKenar => {
                let (family, _) = exchange.operation.split_once('.')?;
                let kept = matches!(family, "conversation" | "bot" | "events" | "user");
                let (operation, request) = (exchange.operation.to_owned(), exchange.target.clone());
                kept.then(|| Self::Call { operation, app, request, body: without_media_token(body) })
            }
        }
    }

    pub(crate) fn app(&self) -> &AppSlug {
        match self {
            Self::Webhook { app, .. } | Self::Call { app, .. } => app,
        }
    }
}

/// The message without links to media, since a recording has no media files.
fn without_link(mut message: Message) -> Message {
    let (link, thumbnail) = match &mut message.content {
        MessageContent::Image(image) => (&mut image.link, None),
        MessageContent::File(file) => (&mut file.link, None),
        MessageContent::Voice(voice) => (&mut voice.link, None),
        MessageContent::Video(video) => (&mut video.link, Some(&mut video.thumbnail_link)),
        _ => return message,
    };
    *link = None;
    if let Some(thumbnail) = thumbnail {
        *thumbnail = None;
    }
    message
}

/// The JSON value of a body, or its text if it is not JSON.
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// The response to an open-app webhook, with its URL reduced to the path without ids.
fn without_ids(mut response: Value) -> Value {
    if let Some(url) = response.get_mut("url") {
        if let Some(address) = url.as_str().and_then(|url| Url::parse(url).ok()) {
            *url = path_of(&address).into();
        }
    }
    response
}

fn path_of(address: &Url) -> String {
    let is_id = |segment: &&str| segment.len() > 20 || segment.bytes().any(|byte| byte.is_ascii_digit());
    let segments = address.path().split('/').map(|segment| if is_id(&segment) { "…" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

/// The body without its media token, which differs in each session.
fn without_media_token(mut body: Value) -> Value {
    if let Some(token) = body.get_mut("media_token") {
        *token = "…".into();
    }
    body
}
