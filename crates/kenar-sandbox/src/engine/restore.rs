//! Snapshots of the platform's people, posts and conversations.

use std::collections::BTreeMap;

use kenar::model::{AppSlug, ConversationId, Message, PostToken, SenderKind, Side, UserId};

use super::state::Engine;
use super::world::{Author, Between, ChatMessage, Name, Talk};

/// The state without secrets, subscriptions and media.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) user_seed: u64,
    pub(crate) people: Vec<Name>,
    pub(crate) posts: BTreeMap<PostToken, Name>,
    pub(crate) post_titles: BTreeMap<PostToken, String>,
    pub(crate) user_ids: BTreeMap<AppSlug, BTreeMap<Name, UserId>>,
    pub(crate) talks: BTreeMap<ConversationId, Talk>,
}

impl Engine {
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            user_seed: self.world.ids.user_seed(),
            people: self.world.people.keys().cloned().collect(),
            posts: self.world.posts.clone(),
            post_titles: self.world.post_titles.clone(),
            user_ids: self.world.user_ids.clone(),
            talks: self.world.talks.clone(),
        }
    }

    /// Adds the content of a snapshot. Existing conversations stay.
    pub(crate) fn restore(&mut self, snapshot: Snapshot) {
        let world = &mut self.world;
        world.ids.reseed_users(snapshot.user_seed);
        snapshot.people.iter().for_each(|name| world.person(name));
        for (post, owner) in snapshot.posts {
            world.person(&owner);
            world.posts.insert(post, owner);
        }
        world.post_titles.extend(snapshot.post_titles);
        for (app, ids) in &snapshot.user_ids {
            for (name, id) in ids {
                // An id that is already in use is skipped.
                let _ = world.set_user_id(app, name, id);
            }
        }
        for (id, talk) in snapshot.talks {
            if !talk.between.is_with_oneself() {
                world.talks.entry(id).or_insert(talk);
            }
        }
    }

    /// Adds a person's message to its conversation, unless it is there. Bots send their own messages again.
    pub(crate) fn restore_message(&mut self, message: Message) {
        let Some(talk) = self.world.talks.get_mut(&message.conversation.id) else { return };
        let is_there = talk.messages.iter().any(|own| own.id() == message.id.as_ref());
        if let (false, Some(author)) = (is_there, author(&talk.between, &message)) {
            talk.messages.push(ChatMessage { message, author, sender_buttons: None, receiver_buttons: None });
        }
    }
}

/// The author of a message. `None` for a bot.
fn author(between: &Between, message: &Message) -> Option<Author> {
    if message.sender.kind == Some(SenderKind::Bot) {
        return None;
    }
    Some(Author::User(match between {
        Between::Chatbot { user, .. } => user.clone(),
        Between::Sides { seller, .. } if message.sender.side == Some(Side::Supply) => seller.clone(),
        Between::Sides { buyer, .. } => buyer.clone(),
    }))
}
