//! What a chatbot is opened with: `/start {touch point} {argument}`.

use std::fmt;

use crate::model::open_enum::open_enum;
use crate::model::{ConversationId, PostToken};

open_enum! {
    /// A place in Divar from which an add-on is reached.
    TouchPoint {
        /// The page where owners manage a post of theirs.
        MyPost = "MY_POST",
        /// The user's own pages.
        MyDivar = "MY_DIVAR",
        /// The pages of a business.
        DivarPro = "DIVAR_PRO",
        /// A post's conversation.
        Chat = "CHAT",
        /// A post's page, for those who do not own it.
        DemandPost = "DEMAND_POST",
    }
}

/// What the user's Divar writes to your chatbot when the bot is opened from a touch point:
/// `/start {touch point} {argument}`.
///
/// It is an ordinary text message, so the user can type it by hand: **the argument is untrusted**. An id in it is not a
/// proof that the user has to do with that conversation or post.
///
/// ```
/// use kenar::model::ConversationId;
/// use kenar::webhook::{StartCommand, TouchPoint};
///
/// let start = StartCommand::parse("/start CHAT 5f8b0f6e-0000-4000-8000-000000000001").unwrap();
/// assert_eq!(start.touch_point, TouchPoint::Chat);
/// assert_eq!(start.conversation_id(), Some(ConversationId::new("5f8b0f6e-0000-4000-8000-000000000001")));
///
/// assert_eq!(StartCommand::parse("/start MY_DIVAR").unwrap().argument, None);
/// assert_eq!(StartCommand::parse("/startle MY_DIVAR"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct StartCommand {
    /// Where the bot was opened from.
    pub touch_point: TouchPoint,
    /// What it was opened about; Divar leaves it out where it has nothing to say. Untrusted.
    pub argument: Option<String>,
}

impl StartCommand {
    /// A command as the user's Divar would write it, for tests; [`Display`](fmt::Display) gives its text.
    #[must_use]
    pub fn new(touch_point: TouchPoint, argument: Option<String>) -> Self {
        Self { touch_point, argument }
    }

    /// Reads a command, `None` where the text is something else. White space may be anywhere between the words, and
    /// words after the argument are passed over. A bare `/start`, which Divar does not send, is an ordinary text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        words.next().filter(|word| *word == "/start")?;
        let touch_point = TouchPoint::from_name(words.next()?);
        Some(Self { touch_point, argument: words.next().map(str::to_owned) })
    }

    /// The conversation that a start from [`TouchPoint::Chat`] names: the one between the two sides of a post, not the
    /// chatbot's own. Untrusted.
    #[must_use]
    pub fn conversation_id(&self) -> Option<ConversationId> {
        match self.touch_point {
            TouchPoint::Chat => self.argument.as_deref().map(ConversationId::new),
            _ => None,
        }
    }

    /// The post that a start from [`TouchPoint::MyPost`] or [`TouchPoint::DemandPost`] names. Untrusted.
    #[must_use]
    pub fn post_token(&self) -> Option<PostToken> {
        match self.touch_point {
            TouchPoint::MyPost | TouchPoint::DemandPost => self.argument.as_deref().map(PostToken::new),
            _ => None,
        }
    }
}

impl fmt::Display for StartCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/start {}", self.touch_point)?;
        match &self.argument {
            Some(argument) => write!(f, " {argument}"),
            None => Ok(()),
        }
    }
}
