//! Reads of the platform's state, and small changes of people, posts and conversations.

use kenar::model::{AppSlug, ConversationId, PostToken, UserId};

use super::dialect::Dialect;
use super::faults::{Fault, Faults, Target};
use super::journal::Journal;
use super::state::Engine;
use super::webhook::Webhook;
use super::webhook_fault::PendingWebhookFault;
use super::world::{App, Between, Talk};

impl Engine {
    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(crate) fn apps(&self) -> impl Iterator<Item = &App> {
        self.world.apps.values()
    }

    pub(crate) fn app(&self, slug: &AppSlug) -> Option<&App> {
        self.world.apps.get(slug)
    }

    /// People and their phone numbers.
    pub(crate) fn people(&self) -> impl Iterator<Item = (&str, &str)> {
        self.world.people.iter().map(|(name, phone)| (name.as_str(), phone.as_str()))
    }

    pub(crate) fn phone_number(&self, name: &str) -> Option<&str> {
        self.world.people.get(name).map(String::as_str)
    }

    /// Posts with their owners and titles.
    pub(crate) fn posts(&self) -> impl Iterator<Item = (&PostToken, &str, Option<&str>)> {
        let title = |post| self.world.post_titles.get(post).map(String::as_str);
        self.world.posts.iter().map(move |(post, owner)| (post, owner.as_str(), title(post)))
    }

    pub(crate) fn owner_of(&self, post: &PostToken) -> Option<&str> {
        self.world.posts.get(post).map(String::as_str)
    }

    pub(crate) fn talks(&self) -> impl Iterator<Item = (&ConversationId, &Talk)> {
        self.world.talks.iter()
    }

    pub(crate) fn talk(&self, id: &ConversationId) -> Option<&Talk> {
        self.world.talks.get(id)
    }

    /// The user id of a person in an app.
    pub(crate) fn user_id(&self, app: &AppSlug, name: &str) -> UserId {
        self.world.user_id(app, name)
    }

    /// Creates the person with this name, if there is none.
    pub(crate) fn create_person(&mut self, name: &str) {
        self.world.person(name);
    }

    /// Sets the user id of a person in an app.
    pub(crate) fn set_user_id(&mut self, app: &AppSlug, name: &str, id: &UserId) -> Result<(), String> {
        self.world.set_user_id(app, name, id)
    }

    pub(crate) fn create_post(&mut self, owner: &str) -> PostToken {
        self.world.post(owner)
    }

    /// Changes the token of a post.
    pub(crate) fn rename_post(&mut self, post: &PostToken, token: &PostToken) -> Result<(), String> {
        self.world.rename_post(post, token)
    }

    pub(crate) fn set_post_title(&mut self, post: &PostToken, title: String) {
        self.world.post_titles.insert(post.clone(), title);
    }

    /// The conversation between these participants, created on first use. It fails for an owner and their own post.
    pub(crate) fn create_talk(&mut self, between: Between) -> Result<ConversationId, String> {
        match &between {
            Between::Sides { post, seller, buyer } if seller == buyer => {
                Err(format!("invalid conversation: {seller} owns the post {post}"))
            }
            Between::Sides { .. } | Between::Chatbot { .. } => Ok(self.world.talk(between)),
        }
    }

    /// An unused conversation id.
    pub(crate) fn unused_conversation_id(&mut self) -> ConversationId {
        self.world.ids.conversation()
    }

    /// Changes the id of a conversation.
    pub(crate) fn rename_talk(&mut self, from: &ConversationId, to: &ConversationId) -> Result<(), String> {
        self.world.rename_talk(from, to)
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Injects a fault and returns its id. Without `times`, it triggers until it is removed.
    pub(crate) fn inject_on_calls(&mut self, target: Target, fault: Fault, times: Option<u32>) -> u64 {
        self.faults.on_calls(target, fault, times)
    }

    /// Injects a fault into a webhook, like [`inject_on_calls`](Self::inject_on_calls).
    pub(crate) fn inject_on_webhook(
        &mut self,
        webhook: Webhook,
        fault: PendingWebhookFault,
        times: Option<u32>,
    ) -> u64 {
        self.faults.on_webhooks(webhook, fault, times)
    }

    /// Injects a fault into the Fallback URL, like [`inject_on_calls`](Self::inject_on_calls).
    pub(crate) fn inject_on_fallback_url(&mut self, dialect: Dialect, times: Option<u32>) -> u64 {
        self.faults.on_fallback_url(dialect, times)
    }

    pub(crate) fn remove_fault(&mut self, id: u64) {
        self.faults.remove(id);
    }
}
