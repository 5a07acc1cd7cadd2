use std::fmt;

use crate::model::wire::open_enum;
use crate::model::{ConversationId, PostToken};

open_enum! {
    /// A place in Divar from which users open an add-on.
    TouchPoint {
        /// The page where owners manage a post.
        MyPost = "MY_POST",
        /// The user's account pages.
        MyDivar = "MY_DIVAR",
        /// The pages of a business.
        DivarPro = "DIVAR_PRO",
        /// A post's conversation.
        Chat = "CHAT",
        /// A post's page, for users other than its owner.
        DemandPost = "DEMAND_POST",
    }
}

/// The command that Divar's app sends when a user opens your chatbot: `/start {touch point} {argument}`, such as
/// `/start MY_POST QYabcdef`.
///
/// It is a text message that users can also type, so **the argument is untrusted**: its id does not prove that the user is
/// related to that conversation or post.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct StartCommand {
    /// The place from which the chatbot was opened.
    pub touch_point: TouchPoint,
    /// The id of a conversation or post, if any. Untrusted.
    pub argument: Option<String>,
}

impl StartCommand {
    /// A command, for tests. Its [`Display`](fmt::Display) is the message.
    #[must_use]
    pub fn new(touch_point: TouchPoint, argument: Option<String>) -> Self {
        Self { touch_point, argument }
    }

    /// Reads a command, or returns `None` for any other text.
    ///
    /// Extra white space and words after the argument are ignored. A bare `/start`, which Divar does not send, is not a
    /// command.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        words.next().filter(|word| *word == "/start")?;
        let touch_point = TouchPoint::from_name(words.next()?);
        Some(Self { touch_point, argument: words.next().map(str::to_owned) })
    }

    /// The post's conversation, not the chatbot's, if opened from [`TouchPoint::Chat`]. Untrusted.
    #[must_use]
    pub fn conversation_id(&self) -> Option<ConversationId> {
        match self.touch_point {
            TouchPoint::Chat => self.argument.as_deref().map(ConversationId::new),
            _ => None,
        }
    }

    /// The post, if opened from [`TouchPoint::MyPost`] or [`TouchPoint::DemandPost`]. Untrusted.
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
