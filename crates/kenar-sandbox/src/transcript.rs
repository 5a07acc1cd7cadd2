//! The transcript: conversations and the last exchanges as readable text.

use std::fmt::{self, Write as _};

use crate::engine::{Author, Between, ChatMessage, Engine, Talk};
use kenar::model::{ButtonGrid, ConversationId, MessageContent};

/// The number of exchanges in a transcript.
const LAST: usize = 20;

/// The text of one conversation or all of them, and the last exchanges.
pub(crate) fn of(engine: &Engine, within: Option<&ConversationId>) -> String {
    let mut text = String::new();
    for (id, talk) in engine.talks() {
        if within.is_none_or(|within| within == id) {
            conversation(&mut text, id, talk);
        }
    }
    let mut last: Vec<_> = engine.journal().exchanges().rev().take(LAST).collect();
    last.reverse();
    text.push_str(if last.is_empty() { "no requests\n" } else { "the last requests:\n" });
    for exchange in last {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {exchange}");
    }
    text
}

fn conversation(text: &mut String, id: &ConversationId, talk: &Talk) {
    let _ = match &talk.between {
        Between::Sides { post, seller, buyer } => {
            writeln!(text, "conversation {id} about post {post}, between {seller} (seller) and {buyer} (buyer):")
        }
        Between::Chatbot { app, user } => {
            writeln!(text, "conversation {id} between {user} and the chatbot of {app}:")
        }
    };
    if talk.messages.is_empty() {
        text.push_str("  no messages\n");
    }
    for message in &talk.messages {
        let _ = writeln!(text, "  {message}");
    }
    for name in &talk.blocked_by {
        let _ = writeln!(text, "  ({name} blocked the other side)");
    }
}

/// One line with the author, the content and the buttons.
impl fmt::Display for ChatMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.author {
            Author::User(name) => f.write_str(name)?,
            Author::AppFor { app, user } => write!(f, "{app} for {user}")?,
            Author::Chatbot(app) => write!(f, "{app}")?,
        }
        f.write_str(": ")?;
        match &self.message.content {
            MessageContent::Text(text) => f.write_str(text)?,
            other => write!(f, "({})", other.kind().map_or_else(|| "unknown".to_owned(), |kind| kind.to_string()))?,
        }
        for (whose, grid) in [("", &self.sender_buttons), ("other side ", &self.receiver_buttons)] {
            if let Some(grid) = grid {
                f.write_str(&captions(whose, grid))?;
            }
        }
        Ok(())
    }
}

fn captions(whose: &str, grid: &ButtonGrid) -> String {
    let rows: Vec<_> = grid
        .rows()
        .iter()
        .map(|row| row.buttons().iter().map(|button| button.caption.as_str()).collect::<Vec<_>>().join(" | "))
        .collect();
    format!("  {whose}[{}]", rows.join(" / "))
}
