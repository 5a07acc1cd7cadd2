//! What happened, for reading: who said what, and what went over the wire.

use std::fmt::Write as _;

use super::engine::Engine;
use super::engine::world::{Author, Between, ChatMessage, Talk};
use crate::model::{ButtonGrid, ConversationId, MessageContent};

/// How many exchanges are shown.
const LAST: usize = 20;

/// Everything that was said in one conversation, or in all of them, and the last exchanges.
pub(crate) fn of(engine: &Engine, within: Option<&ConversationId>) -> String {
    let mut text = String::new();
    for (id, talk) in &engine.world.talks {
        if within.is_none_or(|within| within == id) {
            conversation(&mut text, id, talk);
        }
    }
    let mut last: Vec<_> = engine.journal.exchanges().rev().take(LAST).collect();
    last.reverse();
    text.push_str(if last.is_empty() { "nothing went over the wire\n" } else { "the last exchanges:\n" });
    for exchange in last {
        // Writing to a text cannot fail.
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
        text.push_str("  nothing was said\n");
    }
    for message in &talk.messages {
        let _ = writeln!(text, "  {}", line(message));
    }
    for name in &talk.blocked_by {
        let _ = writeln!(text, "  ({name} blocked the other)");
    }
}

fn line(message: &ChatMessage) -> String {
    let author = match &message.author {
        Author::User(name) => name.clone(),
        Author::AppFor { app, user } => format!("{app} for {user}"),
        Author::Chatbot(app) => app.to_string(),
    };
    let said = match &message.message.content {
        MessageContent::Text(text) => text.clone(),
        other => format!("({})", other.kind().map_or_else(|| "unknown".to_owned(), |kind| kind.to_string())),
    };
    let buttons = [("", &message.sender_buttons), ("other side ", &message.receiver_buttons)];
    let buttons: String =
        buttons.into_iter().filter_map(|(whose, grid)| Some(captions(whose, grid.as_ref()?))).collect();
    format!("{author}: {said}{buttons}")
}

fn captions(whose: &str, grid: &ButtonGrid) -> String {
    let rows: Vec<_> = grid
        .rows()
        .iter()
        .map(|row| row.buttons().iter().map(|button| button.caption.as_str()).collect::<Vec<_>>().join(" | "))
        .collect();
    format!("  {whose}[{}]", rows.join(" / "))
}
