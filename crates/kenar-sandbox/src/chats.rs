//! Posts and conversations.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::engine::{Between, ChatMessage};
use crate::error::SandboxError;
use crate::shared::Shared;
use crate::transcript;
use kenar::model::{ConversationId, PostToken};
use kenar::webhook::{PostUpdateKind, StartCommand, TouchPoint};

/// A post (a classified ad).
#[derive(Clone)]
pub struct Post {
    shared: Arc<Shared>,
    pub(super) token: PostToken,
    owner: String,
}

/// A conversation about a post, or with a chatbot.
///
/// A clone starts with the read position of the original.
pub struct Chat {
    shared: Arc<Shared>,
    pub(super) id: ConversationId,
    /// The number of messages that [`Chat::next_message`] has passed.
    read: AtomicUsize,
    /// The error if the conversation cannot exist.
    refused: Option<String>,
}

impl Post {
    pub(crate) fn new(shared: Arc<Shared>, owner: &str) -> Self {
        let token = shared.platform.change(|engine, _| engine.create_post(owner));
        Self { shared, token, owner: owner.to_owned() }
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> &PostToken {
        &self.token
    }

    /// Sets the title on the chat page; by default it names the owner.
    pub fn set_title(&self, title: impl Into<String>) -> &Self {
        let title = title.into();
        self.shared.platform.change(|engine, _| engine.set_post_title(&self.token, title));
        self
    }

    /// Replaces the random token by this one.
    ///
    /// # Errors
    ///
    /// The token is empty, in use or unfit for a scope (spaces, non-ASCII), or the post already has conversations.
    pub fn with_token(self, token: impl Into<PostToken>) -> Result<Self, SandboxError> {
        let token = token.into();
        let renamed = self.shared.platform.change(|engine, _| engine.rename_post(&self.token, &token));
        renamed.map_err(|why| self.shared.platform.error(why, None))?;
        Ok(Self { token, ..self })
    }

    /// Sends the event `POST_UPDATE` to subscribed apps.
    ///
    /// Subscribers to all posts get no event if the post is retired or archived. The event has few of the post's fields.
    ///
    /// # Errors
    ///
    /// An app did not respond with a 2xx status.
    #[doc(alias = "POST_UPDATE")]
    pub async fn change(&self, kind: PostUpdateKind) -> Result<(), SandboxError> {
        let deliveries = self.shared.platform.change(|engine, now| engine.post_changes(&self.token, &kind, now));
        let results = self.shared.outbox.deliver_all(deliveries).await;
        self.shared.outbox.all_taken(results, "event delivery failed: ", None)
    }

    pub(crate) fn owner(&self) -> &str {
        &self.owner
    }
}

impl Chat {
    pub(crate) fn new(shared: Arc<Shared>, between: Between) -> Self {
        shared.platform.change(|engine, _| match engine.create_talk(between) {
            Ok(id) => {
                let length = engine.talk(&id).map_or(0, |talk| talk.messages.len());
                Self { shared: Arc::clone(&shared), id, read: AtomicUsize::new(length), refused: None }
            }
            Err(why) => {
                let id = engine.unused_conversation_id();
                Self { shared: Arc::clone(&shared), id, read: AtomicUsize::new(0), refused: Some(why) }
            }
        })
    }

    /// Replaces the random id by this one.
    ///
    /// # Errors
    ///
    /// The id is empty, in use or unfit for a scope (spaces, non-ASCII), or the conversation already has messages.
    pub fn with_id(self, id: impl Into<ConversationId>) -> Result<Self, SandboxError> {
        let id = id.into();
        let renamed = self.shared.platform.change(|engine, _| engine.rename_talk(&self.id, &id));
        renamed.map_err(|why| self.error(why))?;
        Ok(Self { id, ..self })
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &ConversationId {
        &self.id
    }

    /// All messages, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<ChatMessage> {
        let messages = self.shared.platform.look(|engine| engine.talk(&self.id).map(|talk| talk.messages.clone()));
        messages.unwrap_or_default()
    }

    /// Waits for the next message from an app.
    ///
    /// The first call returns the first one after this value was created; each further call returns the next.
    ///
    /// # Errors
    ///
    /// Timed out: no message arrived within the sandbox's timeout.
    pub async fn next_message(&self) -> Result<ChatMessage, SandboxError> {
        let found = self.shared.platform.find(|engine| {
            let talk = engine.talk(&self.id)?;
            let read = self.read.load(Ordering::Relaxed);
            let mut unread = talk.messages.iter().enumerate().skip(read);
            let (place, message) = unread.find(|(_, message)| message.is_from_app())?;
            self.read.store(place.saturating_add(1), Ordering::Relaxed);
            Some(message.clone())
        });
        let found = found.await;
        found.ok_or_else(|| {
            self.error(format!("timed out after {:?}: no message from an app", self.shared.platform.time_limit))
        })
    }

    /// A readable text of this conversation and the last requests.
    #[must_use]
    pub fn transcript(&self) -> String {
        self.shared.platform.look(|engine| transcript::of(engine, Some(&self.id)))
    }

    pub(super) fn error(&self, what: impl Into<String>) -> SandboxError {
        let what = self.refused.clone().unwrap_or_else(|| what.into());
        self.shared.platform.error(what, Some(&self.id))
    }
}

impl Clone for Chat {
    fn clone(&self) -> Self {
        let read = AtomicUsize::new(self.read.load(Ordering::Relaxed));
        let (shared, id, refused) = (Arc::clone(&self.shared), self.id.clone(), self.refused.clone());
        Self { shared, id, read, refused }
    }
}

/// The touch point at which a user starts a chatbot, with its argument. A [`TouchPoint`] alone has none.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StartFrom<'a> {
    /// The management page of the user's own post.
    MyPost(&'a Post),
    /// The page of another user's post.
    DemandPost(&'a Post),
    /// A conversation about a post.
    Chat(&'a Chat),
    /// Any touch point, without an argument.
    Bare(TouchPoint),
}

impl From<TouchPoint> for StartFrom<'_> {
    fn from(touch_point: TouchPoint) -> Self {
        Self::Bare(touch_point)
    }
}

impl StartFrom<'_> {
    pub(super) fn command(self) -> StartCommand {
        let (touch_point, argument) = match self {
            Self::MyPost(post) => (TouchPoint::MyPost, Some(post.token.to_string())),
            Self::DemandPost(post) => (TouchPoint::DemandPost, Some(post.token.to_string())),
            Self::Chat(chat) => (TouchPoint::Chat, Some(chat.id.to_string())),
            Self::Bare(touch_point) => (touch_point, None),
        };
        StartCommand::new(touch_point, argument)
    }
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Post").field(&self.token).finish()
    }
}

impl fmt::Debug for Chat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Chat").field(&self.id).finish()
    }
}
