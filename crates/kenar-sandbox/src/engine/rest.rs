//! The operations of the REST API, with their checks of permissions and scopes.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use kenar::model::{AppSlug, BotMessage, ConversationId, MessageContent, OutgoingContent, PostToken, Timestamp};
use kenar::oauth::Scope;
use kenar::operation::{
    CreateUploadToken, GetConversation, GetConversationResponse, GetUser, GetUserResponse, SendBotMessage,
    SendBotMessageResponse, SendBotMessageToUser, SendMessage, SendMessageResponse, Subscribe, SubscriptionEvent,
};
use kenar::request::{IncomingRequest, Metadata, Operation as _, ParseOperation, Resource, ScopeKind};
use kenar::secret::ApiKey;

use super::api_error::ApiError;
use super::body::{BOT_MESSAGE, CONVERSATION_MESSAGE, Cleared, SUBSCRIPTION, Shape, clear, without_place};
use super::delivery::Delivery;
use super::grants::Grant;
use super::note::Note;
use super::reply::Reply;
use super::state::Engine;
use super::world::{Author, Between, ChatMessage, Talk};

const API_KEYS: &str = "API keys";
const OAUTH: &str = "OAuth";

/// An operation with its handler.
pub(super) struct Route {
    pub(super) operation: Metadata,
    pub(super) carry_out: fn(&mut Engine, &IncomingRequest<'_>, Timestamp) -> Result<Reply, ApiError>,
}

impl Route {
    pub(super) const fn of<O: Served>() -> Self {
        Self { operation: O::METADATA, carry_out: carry_out::<O> }
    }
}

/// Handles a call in the platform's order: authentication, authorization, then the body.
fn carry_out<O: Served>(engine: &mut Engine, request: &IncomingRequest<'_>, now: Timestamp) -> Result<Reply, ApiError> {
    let caller = O::Caller::of(engine, &O::METADATA, request.headers(), now)?;
    O::authorize(engine, &caller, request)?;
    let Cleared { json, notes } = O::BODY.map_or(Ok(Cleared::default()), |shape| clear(shape, request.body()))?;
    let call = O::parse(&request.with_body(json.as_bytes())).map_err(|why| {
        ApiError::invalid(format!("invalid body: {}", without_place(&why.to_string()))).see("messages and buttons")
    })?;
    let mut done = call.serve(engine, caller, now)?;
    done.notes.extend(notes.into_iter().map(Note::Remark));
    Ok(done)
}

/// An operation that the sandbox carries out.
pub(super) trait Served: ParseOperation {
    type Caller: Caller;

    /// The shape of its body, if it has one.
    const BODY: Option<Shape> = None;

    /// Checks what the metadata of the operation does not cover: scopes and participants.
    fn authorize(_: &Engine, _: &Self::Caller, _: &IncomingRequest<'_>) -> Result<(), ApiError> {
        Ok(())
    }

    fn serve(self, engine: &mut Engine, caller: Self::Caller, now: Timestamp) -> Result<Reply, ApiError>;
}

/// The caller of an operation, authenticated as its metadata requires.
pub(super) trait Caller: Sized {
    fn of(engine: &Engine, operation: &Metadata, headers: &HeaderMap, now: Timestamp) -> Result<Self, ApiError>;
}

/// An app, authenticated by its API key.
pub(super) struct AppCaller(AppSlug);

/// An app with a user's access token.
pub(super) struct UserCaller {
    app: AppSlug,
    grant: Grant,
    access_token: String,
}

impl Caller for AppCaller {
    fn of(engine: &Engine, operation: &Metadata, headers: &HeaderMap, _: Timestamp) -> Result<Self, ApiError> {
        engine.app_call(headers, operation).map(Self)
    }
}

impl Caller for UserCaller {
    fn of(engine: &Engine, operation: &Metadata, headers: &HeaderMap, now: Timestamp) -> Result<Self, ApiError> {
        let app = engine.app_call(headers, operation)?;
        let access_token = bearer(headers)?;
        let grant = engine.grants.of_token(&access_token, now);
        let grant = grant.map_err(|why| ApiError::unauthenticated(why).see(OAUTH))?.clone();
        if grant.app == app {
            Ok(Self { app, grant, access_token })
        } else {
            Err(ApiError::denied("the access token belongs to another app than the API key"))
        }
    }
}

impl Served for SendMessage<'static> {
    type Caller = UserCaller;

    const BODY: Option<Shape> = Some(CONVERSATION_MESSAGE);

    fn authorize(engine: &Engine, caller: &UserCaller, request: &IncomingRequest<'_>) -> Result<(), ApiError> {
        let to = conversation(request)?;
        let talk = engine.talk_of_sides(&to)?;
        let Some((post, seller)) = talk.between.post() else { return Err(unknown_conversation(&to)) };
        let about = About { conversation: Some(&to), post: Some(post), owner: seller == caller.grant.user };
        caller.needs(&about.scopes(Self::METADATA.scopes()))?;
        caller.takes_part_in(talk)
    }

    fn serve(self, engine: &mut Engine, caller: UserCaller, now: Timestamp) -> Result<Reply, ApiError> {
        let (to, message) = (&*self.conversation, self.message.into_owned());
        let restricted = !engine.talk_of_sides(to)?.blocked_by.is_empty();
        let content = engine.content(message.content, &caller.app)?;
        if restricted {
            return Err(ApiError::recipient_restricted());
        }
        let author = Author::AppFor { app: caller.app, user: caller.grant.user };
        let buttons = [message.sender_buttons, message.receiver_buttons];
        let written = engine.world.write(to, author, content, buttons, now).ok_or_else(|| unknown_conversation(to))?;
        let sent = SendMessageResponse::default().status(200).message("success");
        Ok(Reply { deliveries: engine.new_message_events(&written, now), ..Reply::ok(&sent) })
    }
}

impl Served for GetConversation<'static> {
    type Caller = UserCaller;

    fn authorize(engine: &Engine, caller: &UserCaller, request: &IncomingRequest<'_>) -> Result<(), ApiError> {
        let id = conversation(request)?;
        let talk = engine.talk_of_sides(&id)?;
        let about = About { conversation: Some(&id), ..About::default() };
        caller.needs(&about.scopes(Self::METADATA.scopes()))?;
        caller.takes_part_in(talk)
    }

    fn serve(self, engine: &mut Engine, _: UserCaller, _: Timestamp) -> Result<Reply, ApiError> {
        let talk = engine.talk_of_sides(&self.conversation)?;
        let texts = talk.messages.iter().map(|message| &message.message);
        let texts = texts.filter(|message| matches!(message.content, MessageContent::Text(_))).cloned().collect();
        Ok(Reply::ok(&GetConversationResponse::new(talk.between.conversation(&self.conversation), texts)))
    }
}

impl Served for SendBotMessage<'static> {
    type Caller = AppCaller;

    const BODY: Option<Shape> = Some(BOT_MESSAGE);

    fn authorize(engine: &Engine, AppCaller(app): &AppCaller, request: &IncomingRequest<'_>) -> Result<(), ApiError> {
        let to = conversation(request)?;
        match engine.world.talks.get(&to).map(|talk| &talk.between) {
            Some(Between::Chatbot { app: own, .. }) if own == app => Ok(()),
            Some(Between::Chatbot { .. }) => Err(ApiError::denied("the conversation belongs to another app's chatbot")),
            _ => Err(unknown_conversation(&to)),
        }
    }

    fn serve(self, engine: &mut Engine, AppCaller(app): AppCaller, now: Timestamp) -> Result<Reply, ApiError> {
        engine.write_as_bot(app, &self.conversation, self.message.into_owned(), now)
    }
}

impl Served for SendBotMessageToUser<'static> {
    type Caller = UserCaller;

    const BODY: Option<Shape> = Some(BOT_MESSAGE);

    fn authorize(engine: &Engine, caller: &UserCaller, request: &IncomingRequest<'_>) -> Result<(), ApiError> {
        let to = request.path_parameter(0).map_err(|why| ApiError::invalid(why.to_string()))?;
        let unknown = || ApiError::not_found(format!("user not found in this app: {to}"));
        let user = engine.world.known_as(&caller.app, to).ok_or_else(unknown)?;
        if *user != caller.grant.user {
            return Err(
                ApiError::denied("the access token must be the recipient's own, not another user's").see("chatbots")
            );
        }
        caller.needs(&About::default().scopes(Self::METADATA.scopes()))
    }

    fn serve(self, engine: &mut Engine, caller: UserCaller, now: Timestamp) -> Result<Reply, ApiError> {
        let between = Between::Chatbot { app: caller.app.clone(), user: caller.grant.user };
        let conversation = engine.world.talk(between);
        engine.write_as_bot(caller.app, &conversation, self.message.into_owned(), now)
    }
}

impl Served for CreateUploadToken {
    type Caller = AppCaller;

    fn serve(self, engine: &mut Engine, AppCaller(app): AppCaller, now: Timestamp) -> Result<Reply, ApiError> {
        let token = engine.uploads.create_token(&mut engine.world.ids, app, now);
        Ok(Reply::ok(&serde_json::json!({ "token": token })))
    }
}

impl Served for Subscribe<'static> {
    type Caller = UserCaller;

    const BODY: Option<Shape> = Some(SUBSCRIPTION);

    fn serve(self, engine: &mut Engine, caller: UserCaller, _: Timestamp) -> Result<Reply, ApiError> {
        let subscription = self.subscription.into_owned();
        let post = subscription.resource.as_ref();
        if let Some(post) = post {
            engine.owned(post, &caller.grant.user)?;
        }
        let about = About { post, owner: true, ..About::default() };
        match about.scopes(subscription.event.scopes()) {
            none if none.is_empty() => {
                return Err(ApiError::invalid(format!("unknown event_type: {}", subscription.event)).see("events"));
            }
            scopes => caller.needs(&scopes)?,
        }
        engine.grants.subscribe(caller.access_token, caller.grant, subscription);
        Ok(Reply::ok(&serde_json::Map::new()))
    }
}

impl Served for GetUser<'static> {
    type Caller = UserCaller;

    fn authorize(_: &Engine, caller: &UserCaller, _: &IncomingRequest<'_>) -> Result<(), ApiError> {
        caller.needs(&About::default().scopes(Self::METADATA.scopes()))
    }

    fn serve(self, engine: &mut Engine, caller: UserCaller, _: Timestamp) -> Result<Reply, ApiError> {
        let UserCaller { app, grant, .. } = &caller;
        let mut user = GetUserResponse::default();
        if grant.has(&Scope::user_id()) {
            user.user_id = Some(engine.world.user_id(app, &grant.user));
        }
        if grant.has(&Scope::user_phone()) {
            user.phone_number = engine.world.people.get(&grant.user).cloned();
        }
        Ok(Reply::ok(&user))
    }
}

/// The resources of a call, for scopes that end in an id.
#[derive(Clone, Copy, Default)]
struct About<'a> {
    conversation: Option<&'a ConversationId>,
    post: Option<&'a PostToken>,
    /// `true` if the user owns the post. Scopes for all posts of a user cover only their own.
    owner: bool,
}

impl About<'_> {
    /// The scopes of these kinds that allow the call.
    fn scopes(&self, kinds: &[ScopeKind]) -> Vec<Scope> {
        let of = |kind: &ScopeKind| match kind.resource() {
            Some(Resource::Conversation) => Scope::with_resource(kind.name(), self.conversation?.as_str()).ok(),
            Some(Resource::Post) => Scope::with_resource(kind.name(), self.post?.as_str()).ok(),
            Some(_) => None,
            None if !self.owner && ALL_OF_A_SUPPLIER.contains(kind) => None,
            None => Scope::named(kind.name()).ok(),
        };
        kinds.iter().filter_map(of).collect()
    }
}

/// The kinds of scope for all conversations about a seller's posts.
const ALL_OF_A_SUPPLIER: [ScopeKind; 2] =
    [ScopeKind::CHAT_SUPPLIER_ALL_CONVERSATIONS_READ, ScopeKind::CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND];

fn conversation(request: &IncomingRequest<'_>) -> Result<ConversationId, ApiError> {
    request.path_parameter(0).map(ConversationId::from).map_err(|why| ApiError::invalid(why.to_string()))
}

impl Engine {
    fn write_as_bot(
        &mut self,
        app: AppSlug,
        to: &ConversationId,
        message: BotMessage,
        now: Timestamp,
    ) -> Result<Reply, ApiError> {
        let content = self.content(message.content, &app)?;
        if self.world.talks.get(to).is_some_and(|talk| !talk.blocked_by.is_empty()) {
            return Err(ApiError::recipient_restricted());
        }
        self.world
            .write(to, Author::Chatbot(app), content, [message.buttons, None], now)
            .ok_or_else(|| unknown_conversation(to))?;
        Ok(Reply::ok(&SendBotMessageResponse::default().conversation_id(to.clone())))
    }

    /// Checks that the user owns the post: only then can an app subscribe to it.
    fn owned(&self, post: &PostToken, user: &str) -> Result<(), ApiError> {
        match self.world.posts.get(post) {
            Some(owner) if owner == user => Ok(()),
            Some(_) => Err(ApiError::denied("the post does not belong to the access token's user").see("events")),
            None => Err(ApiError::not_found(format!("post not found: {post}"))),
        }
    }

    /// The app of the call's API key.
    fn app_call(&self, headers: &HeaderMap, operation: &Metadata) -> Result<AppSlug, ApiError> {
        let key = headers
            .get("x-api-key")
            .ok_or_else(|| ApiError::unauthenticated("missing X-API-Key header").see(API_KEYS))?;
        let key = key.to_str().ok().and_then(|key| ApiKey::new(key).ok());
        let (app, permissions) = key
            .and_then(|key| self.world.by_key(&key))
            .ok_or_else(|| ApiError::unauthenticated("unknown API key").see(API_KEYS))?;
        match operation.permission().filter(|permission| !permissions.contains(permission)) {
            None => Ok(app.slug.clone()),
            Some(lacking) => Err(ApiError::denied(format!("the API key lacks the permission {lacking}")).see(API_KEYS)),
        }
    }

    fn talk_of_sides(&self, id: &ConversationId) -> Result<&Talk, ApiError> {
        let talk = self.world.talks.get(id).filter(|talk| matches!(talk.between, Between::Sides { .. }));
        talk.ok_or_else(|| unknown_conversation(id))
    }

    fn content(&self, content: OutgoingContent, app: &AppSlug) -> Result<MessageContent, ApiError> {
        match content {
            OutgoingContent::Text(text) => Ok(MessageContent::Text(text)),
            OutgoingContent::Media(token) => {
                let content = self.uploads.content(&token, app, &self.origin);
                content.ok_or_else(|| {
                    ApiError::invalid("unknown media_token: not an upload of this app").see("uploading media")
                })
            }
            _ => Err(ApiError::invalid("unsupported message content")),
        }
    }

    /// The `NEW_MESSAGE` events of a message in a conversation about a post.
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

impl UserCaller {
    fn takes_part_in(&self, talk: &Talk) -> Result<(), ApiError> {
        if talk.between.includes(&self.grant.user) {
            Ok(())
        } else {
            Err(ApiError::denied("the access token's user is not in this conversation"))
        }
    }

    /// Checks that at least one of these scopes was granted.
    fn needs(&self, any_of: &[Scope]) -> Result<(), ApiError> {
        if any_of.iter().any(|scope| self.grant.has(scope)) { Ok(()) } else { Err(lacks(any_of)) }
    }
}

fn lacks(any_of: &[Scope]) -> ApiError {
    let names: Vec<_> = any_of.iter().map(Scope::as_str).collect();
    ApiError::denied(format!("the access token lacks the scope {}", names.join(" or "))).see("scopes")
}

fn unknown_conversation(id: &ConversationId) -> ApiError {
    ApiError::not_found(format!("conversation not found: {id}"))
}

/// The token in `Authorization: Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Result<String, ApiError> {
    let Some(value) = headers.get(AUTHORIZATION) else {
        return Err(ApiError::unauthenticated(if headers.contains_key("x-access-token") {
            "missing Authorization header: it replaced x-access-token in 2025-04"
        } else {
            "missing Authorization header"
        })
        .see(OAUTH));
    };
    let token = value.to_str().ok().and_then(|value| value.split_once(' '));
    match token {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") => Ok(token.trim().to_owned()),
        _ => Err(ApiError::unauthenticated("invalid Authorization header: expected `Bearer <token>`").see(OAUTH)),
    }
}
