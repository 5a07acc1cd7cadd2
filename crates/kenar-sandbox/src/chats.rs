//! Posts, the conversations about them, and those with chatbots.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::engine::{Between, ChatMessage};
use crate::error::SandboxError;
use crate::shared::Shared;
use crate::transcript;
use kenar::model::{ConversationId, PostToken};
use kenar::webhook::{PostUpdateKind, StartCommand, TouchPoint};

/// A post: a classified ad.
#[derive(Clone)]
pub struct Post {
    shared: Arc<Shared>,
    pub(super) token: PostToken,
    owner: String,
}

/// A conversation, of two people about a post or of a person with a chatbot.
///
/// A clone reads the messages from where the first one had got to.
pub struct Chat {
    shared: Arc<Shared>,
    pub(super) id: ConversationId,
    /// How many messages have been looked at by [`Chat::next_message`].
    read: AtomicUsize,
    /// Why there is no such conversation.
    refused: Option<String>,
}

impl Post {
    pub(crate) fn new(shared: Arc<Shared>, owner: &str) -> Self {
        let token = shared.platform.change(|engine, _| engine.create_post(owner));
        Self { shared, token, owner: owner.to_owned() }
    }

    /// Its token.
    #[must_use]
    pub fn token(&self) -> &PostToken {
        &self.token
    }

    /// Sets the title that the chat page shows; by default it says whose post it is.
    pub fn set_title(&self, title: impl Into<String>) -> &Self {
        let title = title.into();
        self.shared.platform.change(|engine, _| engine.set_post_title(&self.token, title));
        self
    }

    /// Gives it this token in place of a random one.
    ///
    /// # Errors
    ///
    /// Where the token is empty or another post's, or the post has conversations already.
    pub fn with_token(self, token: impl Into<PostToken>) -> Result<Self, SandboxError> {
        let token = token.into();
        let renamed = self.shared.platform.change(|engine, _| engine.rename_post(&self.token, &token));
        renamed.map_err(|why| self.shared.platform.error(why, None))?;
        Ok(Self { token, ..self })
    }

    /// Changes it. Apps that its owner subscribed to its changes get the event `POST_UPDATE`; those that are subscribed
    /// to all posts, unless it is retired or archived. What the event tells of a post is little here.
    ///
    /// # Errors
    ///
    /// Where an app did not answer with a success.
    pub async fn change(&self, kind: PostUpdateKind) -> Result<(), SandboxError> {
        let deliveries = self.shared.platform.change(|engine, now| engine.post_changes(&self.token, &kind, now));
        let answers = self.shared.outbox.deliver_all(deliveries).await;
        self.shared.outbox.all_taken(answers, &format!("{} changed ({kind}), but ", self.token), None)
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

    /// Gives it this id in place of a random one.
    ///
    /// # Errors
    ///
    /// Where the id is empty or another conversation's, or something was said in this one already.
    pub fn with_id(self, id: impl Into<ConversationId>) -> Result<Self, SandboxError> {
        let id = id.into();
        let renamed = self.shared.platform.change(|engine, _| engine.rename_talk(&self.id, &id));
        renamed.map_err(|why| self.error(why))?;
        Ok(Self { id, ..self })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &ConversationId {
        &self.id
    }

    /// All that was said, first to last.
    #[must_use]
    pub fn messages(&self) -> Vec<ChatMessage> {
        let messages = self.shared.platform.look(|engine| engine.talk(&self.id).map(|talk| talk.messages.clone()));
        messages.unwrap_or_default()
    }

    /// The next message that an app wrote here, since this value was made or the last one was asked for; waits for it
    /// where there is none yet.
    ///
    /// # Errors
    ///
    /// Where none came within the time limit.
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
            self.error(format!("no message of an app's came within {:?}", self.shared.platform.time_limit))
        })
    }

    /// What was said and what went over the wire, to be read.
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

/// Where a user starts a chatbot: the touch points, each with what it names. A [`TouchPoint`] alone is a start that
/// names nothing, as the platform does where it has nothing to name.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StartFrom<'a> {
    /// The page where an owner manages a post.
    MyPost(&'a Post),
    /// The page of a post, for those who do not own it.
    DemandPost(&'a Post),
    /// A post's conversation.
    Chat(&'a Chat),
    /// Anywhere, with nothing named.
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
