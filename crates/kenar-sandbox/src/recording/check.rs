//! Checks that a recording contains everything that it refers to.

use std::collections::BTreeMap;

use kenar::model::UserId;

use super::{Conversation, Parties, Recording, Speaker};

impl Recording {
    pub(super) fn check(&self) -> Result<(), String> {
        let has = |name: &String| self.people.contains(name);
        for (post, owner) in &self.posts {
            if !has(owner) {
                return Err(format!("the owner `{owner}` of post {post} is not among its people"));
            }
        }
        if let Some(post) = self.post_titles.keys().find(|post| !self.posts.contains_key(*post)) {
            return Err(format!("the title of post {post} has no post"));
        }
        for (app, ids) in &self.user_ids {
            let mut owners: BTreeMap<&UserId, &str> = BTreeMap::new();
            for (name, id) in ids {
                if !has(name) {
                    return Err(format!("the user id {id} in app {app} is for `{name}`, who is not among its people"));
                }
                if let Some(other) = owners.insert(id, name) {
                    return Err(format!("the user id {id} in app {app} is for both `{other}` and `{name}`"));
                }
            }
        }
        self.conversations.iter().try_for_each(|(id, conversation)| {
            let why = self.check_conversation(conversation);
            why.and_then(|()| conversation.check(id.as_str())).map_err(|why| format!("conversation {id} {why}"))
        })
    }

    fn check_conversation(&self, conversation: &Conversation) -> Result<(), String> {
        if let Parties::Post { post, seller, .. } = &conversation.parties {
            match self.posts.get(post) {
                None => return Err(format!("is about post {post}, which is missing")),
                Some(owner) if owner != seller => {
                    return Err(format!("has the seller `{seller}`, but {post} is `{owner}`'s"));
                }
                Some(_) => {}
            }
        }
        match conversation.users().into_iter().flatten().find(|user| !self.people.iter().any(|name| name == user)) {
            Some(user) => Err(format!("is with `{user}`, who is not among its people")),
            None => Ok(()),
        }
    }
}

impl Conversation {
    fn users(&self) -> [Option<&str>; 2] {
        match &self.parties {
            Parties::Post { seller, buyer, .. } => [Some(seller), Some(buyer)],
            Parties::Bot { user, .. } => [Some(user), None],
        }
    }

    fn check(&self, id: &str) -> Result<(), String> {
        let users = self.users();
        let takes_part = |name: &str| users.contains(&Some(name));
        if self.parties.between().is_with_oneself() {
            return Err("has the same seller and buyer".to_owned());
        }
        if let Some(name) = self.blocked_by.iter().find(|name| !takes_part(name)) {
            return Err(format!("is blocked by `{name}`, who takes no part in it"));
        }
        for said in &self.said {
            let other = said.message.conversation.id.as_str();
            if other != id {
                return Err(format!("has a message of conversation {other}"));
            }
            match (&said.by, &self.parties) {
                (Speaker::User(name) | Speaker::AppFor { user: name, .. }, _) if !takes_part(name) => {
                    return Err(format!("has a message by `{name}`, who takes no part in it"));
                }
                (Speaker::Chatbot(by), Parties::Bot { app, .. }) if by == app => {}
                (Speaker::Chatbot(by), _) => {
                    return Err(format!("has a message by the chatbot of {by}, which takes no part in it"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
