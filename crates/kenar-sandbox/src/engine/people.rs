//! The actions of people, and the webhooks that follow.

use url::Url;

use kenar::model::{Action, AppSlug, ConversationId, Location, MessageContent, PostToken, Timestamp};
use kenar::oauth::Scope;
use kenar::operation::SubscriptionEvent;
use kenar::webhook::{
    AccessRevoked, COMPLETION_URL, Event, MessageEvent, PaymentTransaction, PostUpdate, PostUpdateKind,
};

use super::delivery::Delivery;
use super::dialect::Dialect;
use super::state::Engine;
use super::webhooks::{OpenedFrom, Opening};
use super::world::{Author, Between, ChatMessage, no_app};

/// The action of a pressed button.
#[derive(Debug)]
pub(crate) enum Press {
    /// Opens a URL.
    Open(Url),
    /// Calls the add-on for the page to open.
    OpenApp(Delivery),
    /// Calls the add-on for a dynamic action.
    Act(Delivery),
    /// Opens the page of a post.
    PostPage(PostToken),
    /// Opens the management page of a post.
    PostManagePage(PostToken),
}

impl Engine {
    /// Sends a message of a person.
    pub(crate) fn user_writes(
        &mut self,
        user: &str,
        to: &ConversationId,
        content: MessageContent,
        now: Timestamp,
    ) -> Result<(ChatMessage, Vec<Delivery>), String> {
        let between = self.between(to, user)?.clone();
        if self.world.talks.get(to).is_some_and(|talk| !talk.blocked_by.is_empty()) {
            return Err(format!("{user} cannot send here: one side has blocked the other"));
        }
        let author = Author::User(user.to_owned());
        let written = self.world.write(to, author, content, [None, None], now).ok_or_else(|| no_conversation(to))?;
        let deliveries = match between {
            Between::Sides { .. } => self.new_message_events(&written, now),
            Between::Chatbot { app, .. } => {
                let event = Event::ChatbotMessage(MessageEvent::new(written.message.clone()));
                self.event(&app, &event).into_iter().collect()
            }
        };
        Ok((written, deliveries))
    }

    /// Opens an app from a conversation, or from a location message in it.
    pub(crate) fn user_opens(
        &self,
        user: &str,
        app: &AppSlug,
        from: &ConversationId,
        location: Option<Location>,
    ) -> Result<Delivery, String> {
        self.between(from, user)?;
        self.opening(user, app, Opening { from: OpenedFrom::Conversation(from.clone()), extra: None, location })
    }

    /// Opens an app from the page of a post.
    pub(crate) fn user_opens_on_post(&self, user: &str, app: &AppSlug, post: &PostToken) -> Result<Delivery, String> {
        self.opening(user, app, Opening { from: OpenedFrom::Post(post.clone()), extra: None, location: None })
    }

    /// The URL of a direct link on the page of a post.
    pub(crate) fn direct_link(&mut self, app: &AppSlug, post: &PostToken) -> Result<Url, String> {
        let link = self.world.apps.get(app).and_then(|app| app.fallback_url.as_ref());
        let link = link.ok_or_else(|| format!("no Fallback URL for the app {app}: set one, as in the panel"))?;
        let link = link.with_query("post_token", post.as_str());
        // The documents named it `return_url` until September 2025.
        let name = match self.faults.for_fallback_url() {
            Some(Dialect::ReturnUrl) => "return_url",
            _ => "completion_url",
        };
        Ok(link.with_query(name, COMPLETION_URL).as_url().clone())
    }

    fn opening(&self, user: &str, app: &AppSlug, opening: Opening) -> Result<Delivery, String> {
        let app = self.world.apps.get(app).ok_or_else(|| no_app(app))?;
        self.open_app_delivery(app, user, opening).ok_or_else(|| "conversation not found".to_owned())
    }

    /// The `POST_UPDATE` events of a change. As documented, subscribers to all posts get none for a removed post.
    pub(crate) fn post_changes(&self, post: &PostToken, kind: &PostUpdateKind, now: Timestamp) -> Vec<Delivery> {
        let Some(owner) = self.world.posts.get(post) else { return Vec::new() };
        let is_gone = matches!(kind, PostUpdateKind::Retire | PostUpdateKind::Archive);
        let told = self.grants.subscriptions(now).filter(|held| {
            held.grant.user == *owner
                && held.subscription.event == SubscriptionEvent::PostUpdate
                && held.subscription.resource.as_ref().map_or(!is_gone, |resource| resource == post)
        });
        let events = told.filter_map(|held| {
            let mut update = PostUpdate::new(kind.clone(), post.clone());
            if !is_gone {
                (update.post.chat_enabled, update.post.is_phone_hidden) = (Some(true), Some(false));
            }
            update.metadata = held.subscription.metadata.as_ref().and_then(|data| data.json().ok()).cloned();
            self.event(&held.grant.app, &Event::PostUpdate(update))
        });
        events.collect()
    }

    /// The event `PAYMENT_TRANSACTION` for an app. `None` if the app does not exist.
    pub(crate) fn payment_event(
        &self,
        app: &AppSlug,
        mut payment: PaymentTransaction,
        now: Timestamp,
    ) -> Option<Delivery> {
        payment.app_slug.get_or_insert_with(|| app.clone());
        payment.created_at.get_or_insert(now);
        self.event(app, &Event::PaymentTransaction(payment))
    }

    /// Presses the button with this caption under an app's message.
    pub(crate) fn user_presses(
        &self,
        user: &str,
        message: &ChatMessage,
        caption: &str,
    ) -> Result<(AppSlug, Press), String> {
        let within = &message.message.conversation.id;
        self.between(within, user)?;
        let app = message.app().ok_or("the message has no buttons: a person sent it")?;
        let seen: Vec<_> = message.buttons_for(user).into_iter().flat_map(|grid| grid.buttons()).collect();
        let button = seen.iter().find(|button| button.caption == caption).ok_or_else(|| {
            let captions: Vec<_> = seen.iter().map(|button| format!("{:?}", button.caption)).collect();
            format!("button not found: {caption:?}; {user} sees [{}]", captions.join(", "))
        })?;
        Ok((app.clone(), self.follow(user, app, within, &button.action)?))
    }

    /// Performs the action of a button, or of the reply to a dynamic action.
    pub(crate) fn follow(
        &self,
        user: &str,
        app: &AppSlug,
        within: &ConversationId,
        action: &Action,
    ) -> Result<Press, String> {
        let app = self.world.apps.get(app).ok_or_else(|| no_app(app))?;
        let extra = |data: &kenar::model::ButtonData| data.json().cloned().map_err(|why| why.to_string());
        let gone = || no_conversation(within);
        Ok(match action {
            Action::OpenDirectLink(url) => Press::Open(Url::clone(url)),
            Action::OpenServerLink(data) => {
                let from = OpenedFrom::Conversation(within.clone());
                let opening = Opening { from, extra: Some(extra(data)?), location: None };
                Press::OpenApp(self.open_app_delivery(app, user, opening).ok_or_else(gone)?)
            }
            Action::GetDynamicAction(data) => {
                Press::Act(self.dynamic_action_delivery(app, within, user, extra(data)?).ok_or_else(gone)?)
            }
            Action::OpenPostPage(post) => Press::PostPage(post.clone()),
            Action::OpenPostManagePage(post) => Press::PostManagePage(post.clone()),
            _ => return Err("unsupported button action".to_owned()),
        })
    }

    /// Revokes all grants of a person to an app. The app gets an event if a grant has the scopes for it.
    pub(crate) fn user_revokes(&mut self, user: &str, app: &AppSlug, now: Timestamp) -> Vec<Delivery> {
        let ended = self.grants.revoke(app, user, now);
        let told = [Scope::notification_access_revocation(), Scope::user_id()];
        if !ended.iter().any(|grant| told.iter().all(|scope| grant.has(scope))) {
            return Vec::new();
        }
        let event = Event::AccessRevoked(AccessRevoked::new(self.world.user_id(app, user)));
        self.event(app, &event).into_iter().collect()
    }

    /// Blocks or unblocks the other side of a conversation.
    pub(crate) fn user_blocks(&mut self, user: &str, within: &ConversationId, blocks: bool) -> Result<(), String> {
        self.between(within, user)?;
        if let Some(talk) = self.world.talks.get_mut(within) {
            if blocks {
                talk.blocked_by.insert(user.to_owned());
            } else {
                talk.blocked_by.remove(user);
            }
        }
        Ok(())
    }

    /// The participants of a conversation, if the person is one of them.
    fn between(&self, conversation: &ConversationId, user: &str) -> Result<&Between, String> {
        match self.world.talks.get(conversation) {
            Some(talk) if talk.between.includes(user) => Ok(&talk.between),
            Some(_) => Err(format!("{user} is not in this conversation")),
            None => Err(no_conversation(conversation)),
        }
    }
}

pub(super) fn no_conversation(id: &ConversationId) -> String {
    format!("conversation not found: {id}")
}
