//! The calls of the REST API, each with what it asks for: a key with a permission, a token with a scope.

use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use kenar::model::{
    AppSlug, BotMessage, ConversationId, ConversationMessage, MessageContent, OutgoingContent, PostToken, Timestamp,
    UserId,
};
use kenar::oauth::Scope;
use kenar::operation::{
    GetConversationResponse, GetUserResponse, SendBotMessageResponse, SendMessageResponse, Subscription,
    SubscriptionEvent,
};
use kenar::secret::ApiKey;

use super::answer::{Refusal, json};
use super::body::{BOT_MESSAGE, Body, CONVERSATION_MESSAGE, SUBSCRIPTION, read};
use super::grants::Grant;
use super::webhooks::Delivery;
use super::world::{Author, Between, ChatMessage, Talk};
use super::{Done, Engine};
use kenar::request::ApiKeyPermission;

const API_KEYS: &str = "API keys";
const OAUTH: &str = "OAuth";

/// An app that shows a user's token.
struct Caller {
    app: AppSlug,
    grant: Grant,
    access_token: String,
}

impl Engine {
    pub(super) fn send_message(
        &mut self,
        headers: &HeaderMap,
        to: &ConversationId,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        let caller = self.user_call(headers, &ApiKeyPermission::ChatSendMessageOauth, now)?;
        let talk = self.talk_of_sides(to)?;
        let Some((post, seller)) = talk.between.post() else { return Err(unknown_conversation(to)) };
        let mut scopes = vec![Scope::conversation_send_message(to), Scope::post_conversations_message_send(post)];
        if seller == caller.grant.user {
            scopes.push(Scope::supplier_all_conversations_message_send());
        }
        caller.needs(&scopes)?;
        caller.takes_part_in(talk)?;
        let restricted = !talk.blocked_by.is_empty();
        let Body { value: message, notes } = read::<ConversationMessage>(CONVERSATION_MESSAGE, body)?;
        message.check().map_err(|why| Refusal::invalid(why.to_string()).see("messages and buttons"))?;
        let content = self.content(message.content, &caller.app)?;
        if restricted {
            return Err(Refusal::recipient_restricted());
        }
        let author = Author::AppFor { app: caller.app, user: caller.grant.user };
        let buttons = [message.sender_buttons, message.receiver_buttons];
        let written = self.world.write(to, author, content, buttons, now).ok_or_else(|| unknown_conversation(to))?;
        let mut sent = SendMessageResponse::default();
        (sent.status, sent.message) = (Some(200), Some("success".to_owned()));
        Ok(Done { deliveries: self.new_message_events(&written, now), notes, ..ok(&sent) })
    }

    pub(super) fn get_conversation(
        &mut self,
        headers: &HeaderMap,
        id: &ConversationId,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        let caller = self.user_call(headers, &ApiKeyPermission::ChatReadConversation, now)?;
        let talk = self.talk_of_sides(id)?;
        caller.needs(&[Scope::conversation_read(id)])?;
        caller.takes_part_in(talk)?;
        let texts = talk.messages.iter().map(|message| &message.message);
        let texts = texts.filter(|message| matches!(message.content, MessageContent::Text(_))).cloned().collect();
        Ok(ok(&GetConversationResponse::new(talk.between.conversation(id), texts)))
    }

    pub(super) fn send_bot_message(
        &mut self,
        headers: &HeaderMap,
        to: &ConversationId,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        let app = self.app_call(headers, &ApiKeyPermission::ChatBotSendMessage)?;
        match self.world.talks.get(to).map(|talk| &talk.between) {
            Some(Between::Chatbot { app: own, .. }) if *own == app => {}
            Some(Between::Chatbot { .. }) => {
                return Err(Refusal::denied("the conversation is with the chatbot of another app"));
            }
            _ => return Err(unknown_conversation(to)),
        }
        self.write_as_bot(app, to, body, now)
    }

    pub(super) fn send_bot_message_to_user(
        &mut self,
        headers: &HeaderMap,
        to: &UserId,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        let caller = self.user_call(headers, &ApiKeyPermission::ChatBotSendMessage, now)?;
        let unknown = || Refusal::not_found(format!("your app knows no user {to}"));
        let user = self.world.known_as(&caller.app, to.as_str()).ok_or_else(unknown)?;
        if *user != caller.grant.user {
            return Err(
                Refusal::denied("the access token is another user's: it must be the recipient's own").see("chatbots")
            );
        }
        caller.needs(&[Scope::chat_bot_user_message_send()])?;
        let between = Between::Chatbot { app: caller.app.clone(), user: caller.grant.user };
        let conversation = self.world.talk(between);
        self.write_as_bot(caller.app, &conversation, body, now)
    }

    fn write_as_bot(
        &mut self,
        app: AppSlug,
        to: &ConversationId,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        let Body { value: message, notes } = read::<BotMessage>(BOT_MESSAGE, body)?;
        message.check().map_err(|why| Refusal::invalid(why.to_string()).see("messages and buttons"))?;
        let content = self.content(message.content, &app)?;
        if self.world.talks.get(to).is_some_and(|talk| !talk.blocked_by.is_empty()) {
            return Err(Refusal::recipient_restricted());
        }
        self.world
            .write(to, Author::Chatbot(app), content, [message.buttons, None], now)
            .ok_or_else(|| unknown_conversation(to))?;
        let mut sent = SendBotMessageResponse::default();
        sent.conversation_id = Some(to.clone());
        Ok(Done { notes, ..ok(&sent) })
    }

    pub(super) fn subscribe(&mut self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Done, Refusal> {
        let caller = self.user_call(headers, &ApiKeyPermission::EventsRegisterSubscription, now)?;
        let Body { value: subscription, notes } = read::<Subscription>(SUBSCRIPTION, body)?;
        let post = subscription.resource.as_ref();
        if let Some(post) = post {
            self.owned(post, &caller.grant.user)?;
        }
        match &subscription.event {
            SubscriptionEvent::NewMessageOnPost => {
                let one = post.map(Scope::post_conversations_read);
                let scopes: Vec<_> = one.into_iter().chain([Scope::supplier_all_conversations_read()]).collect();
                caller.needs(&scopes)?;
            }
            SubscriptionEvent::PostUpdate => caller.needs(&[Scope::user_posts_get()])?,
            other => return Err(Refusal::invalid(format!("there is no event_type {other}")).see("events")),
        }
        self.grants.subscribe(caller.access_token, caller.grant, subscription);
        Ok(Done { notes, ..ok(&serde_json::Map::new()) })
    }

    /// Only the owner of a post can be subscribed to it.
    fn owned(&self, post: &PostToken, user: &str) -> Result<(), Refusal> {
        match self.world.posts.get(post) {
            Some(owner) if owner == user => Ok(()),
            Some(_) => Err(Refusal::denied("the post is not of the user of the access token").see("events")),
            None => Err(Refusal::not_found(format!("there is no post {post}"))),
        }
    }

    pub(super) fn get_user(&mut self, headers: &HeaderMap, now: Timestamp) -> Result<Done, Refusal> {
        let Caller { app, grant, .. } = self.user_call(headers, &ApiKeyPermission::UserRetrieve, now)?;
        let mut user = GetUserResponse::default();
        if grant.has(&Scope::user_id()) {
            user.user_id = Some(self.world.ids.user(&app, &grant.user));
        }
        if grant.has(&Scope::user_phone()) {
            user.phone_number = self.world.people.get(&grant.user).cloned();
        }
        if user == GetUserResponse::default() {
            return Err(lacks(&[Scope::user_id(), Scope::user_phone()]));
        }
        Ok(ok(&user))
    }

    /// The app whose key the call shows.
    pub(super) fn app_call(&self, headers: &HeaderMap, permission: &ApiKeyPermission) -> Result<AppSlug, Refusal> {
        let key = headers
            .get("x-api-key")
            .ok_or_else(|| Refusal::unauthenticated("the X-API-Key header is missing").see(API_KEYS))?;
        let key = key.to_str().ok().and_then(|key| ApiKey::new(key).ok());
        let (app, permissions) = key
            .and_then(|key| self.world.by_key(&key))
            .ok_or_else(|| Refusal::unauthenticated("the API key is not known").see(API_KEYS))?;
        if permissions.contains(permission) {
            Ok(app.slug.clone())
        } else {
            Err(Refusal::denied(format!("the API key lacks the permission {permission}")).see(API_KEYS))
        }
    }

    fn user_call(&self, headers: &HeaderMap, permission: &ApiKeyPermission, now: Timestamp) -> Result<Caller, Refusal> {
        let app = self.app_call(headers, permission)?;
        let access_token = bearer(headers)?;
        let grant =
            self.grants.of_token(&access_token, now).map_err(|why| Refusal::unauthenticated(why).see(OAUTH))?.clone();
        if grant.app == app {
            Ok(Caller { app, grant, access_token })
        } else {
            Err(Refusal::denied("the access token was given to another app than the API key's"))
        }
    }

    fn talk_of_sides(&self, id: &ConversationId) -> Result<&Talk, Refusal> {
        let talk = self.world.talks.get(id).filter(|talk| matches!(talk.between, Between::Sides { .. }));
        talk.ok_or_else(|| unknown_conversation(id))
    }

    fn content(&self, content: OutgoingContent, app: &AppSlug) -> Result<MessageContent, Refusal> {
        match content {
            OutgoingContent::Text(text) => Ok(MessageContent::Text(text)),
            OutgoingContent::Media(token) => {
                let content = self.uploads.content(&token, app, &self.origin);
                content.ok_or_else(|| {
                    Refusal::invalid("the media_token is not one of your app's uploads").see("uploading media")
                })
            }
            _ => Err(Refusal::invalid("the sandbox does not know this kind of content")),
        }
    }

    /// The events that tell subscribers of a message in a post's conversation.
    pub(super) fn new_message_events(&self, written: &ChatMessage, now: Timestamp) -> Vec<Delivery> {
        let Some(talk) = self.world.talks.get(&written.message.conversation.id) else { return Vec::new() };
        let Some((post, seller)) = talk.between.post() else { return Vec::new() };
        let subscribed = self.grants.subscriptions(now).filter(|held| {
            held.grant.user == seller
                && held.subscription.event == SubscriptionEvent::NewMessageOnPost
                && held.subscription.resource.as_ref().is_none_or(|resource| resource == post)
        });
        subscribed.filter_map(|held| self.new_message_event(&held.grant.app, &held.subscription, written)).collect()
    }
}

impl Caller {
    fn takes_part_in(&self, talk: &Talk) -> Result<(), Refusal> {
        if talk.between.includes(&self.grant.user) {
            Ok(())
        } else {
            Err(Refusal::denied("the user of the access token is not in this conversation"))
        }
    }

    /// That any one of these scopes was granted.
    fn needs(&self, any_of: &[Scope]) -> Result<(), Refusal> {
        if any_of.iter().any(|scope| self.grant.has(scope)) { Ok(()) } else { Err(lacks(any_of)) }
    }
}

fn lacks(any_of: &[Scope]) -> Refusal {
    let names: Vec<_> = any_of.iter().map(Scope::as_str).collect();
    Refusal::denied(format!("the access token lacks the scope {}", names.join(" or "))).see("scopes")
}

fn unknown_conversation(id: &ConversationId) -> Refusal {
    Refusal::not_found(format!("there is no such conversation: {id}"))
}

/// The token of `Authorization: Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Result<String, Refusal> {
    let Some(value) = headers.get(AUTHORIZATION) else {
        return Err(Refusal::unauthenticated(if headers.contains_key("x-access-token") {
            "the Authorization header is missing: the platform took x-access-token until 2025-04"
        } else {
            "the Authorization header is missing"
        })
        .see(OAUTH));
    };
    let token = value.to_str().ok().and_then(|value| value.split_once(' '));
    match token {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") => Ok(token.trim().to_owned()),
        _ => Err(Refusal::unauthenticated("the Authorization header is not of the form `Bearer <token>`").see(OAUTH)),
    }
}

pub(super) fn ok(answer: &impl Serialize) -> Done {
    Done::new(json(StatusCode::OK, answer))
}
