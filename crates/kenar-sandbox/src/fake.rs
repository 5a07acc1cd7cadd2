//! A recording fake of [`ChatApi`] for unit tests, and Divar's failures.
//!
//! To test a whole flow with webhooks, use a [`Sandbox`](crate::Sandbox). To test the HTTP requests, use
//! [`MockTransport`](kenar::transport::MockTransport).
//!
//! ```
//! use kenar::model::ConversationId;
//! use kenar::operation::SendBotMessage;
//! use kenar::{BotMessage, ChatApi};
//! use kenar_sandbox::fake::{Call, Failure, FakeChatApi};
//!
//! /// The code under test: returns `true` if the user was told.
//! async fn tell(api: &dyn ChatApi, to: &ConversationId) -> Result<bool, kenar::Error> {
//!     match api.send_bot_message(to, &BotMessage::text("سلام")).await {
//!         Err(error) if error.is_recipient_restricted() => Ok(false),
//!         result => result.map(|_| true),
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let api = FakeChatApi::new();
//! let to = ConversationId::new("c-1");
//! assert!(tell(&api, &to).await?);
//!
//! api.fail_next::<SendBotMessage>(Failure::recipient_restricted());
//! assert!(!tell(&api, &to).await?);
//!
//! api.fail_next::<SendBotMessage>(Failure::timed_out());
//! assert!(tell(&api, &to).await.unwrap_err().may_have_been_processed());
//!
//! let [Call::SendBotMessage { message, .. }, _, _] = &api.calls()[..] else { panic!() };
//! assert_eq!(message, &BotMessage::text("سلام"));
//! # Ok::<(), kenar::Error>(()) }).unwrap();
//! ```

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use kenar::error::{ErrorKind, RpcCode};
use kenar::model::{ConversationId, MediaToken, UserId};
use kenar::operation::{
    CreateUploadToken, GetConversation, GetConversationResponse, GetUser, GetUserResponse, Media, SendBotMessage,
    SendBotMessageResponse, SendBotMessageToUser, SendMessage, SendMessageResponse, Subscribe, Subscription,
    UploadMedia,
};
use kenar::request::response::UnexpectedResponse;
use kenar::request::{BaseUrls, Credential, Metadata, Operation};
use kenar::secret::AccessToken;
use kenar::transport::{TransportError, TransportErrorKind};
use kenar::{BotMessage, ChatApi, ConversationMessage, Error};
use serde_json::{Value, json};

/// A [`ChatApi`] that records each call and returns a prepared response.
///
/// Without a prepared response a call succeeds: a conversation has no messages, a user granted no scopes, and the
/// medium is `media-1`. An invalid request fails as with a [`Client`](kenar::Client). Clones share their state.
#[derive(Clone, Default)]
pub struct FakeChatApi(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    /// By the name of the operation.
    prepared: HashMap<&'static str, VecDeque<Prepared>>,
}

enum Prepared {
    Success(Value),
    Failure(Failure),
}

/// A call of a [`FakeChatApi`]: the method with its arguments.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are the arguments")]
pub enum Call {
    /// [`ChatApi::send_message`].
    #[non_exhaustive]
    SendMessage { to: ConversationId, message: ConversationMessage, by: AccessToken },
    /// [`ChatApi::get_conversation`].
    #[non_exhaustive]
    GetConversation { conversation: ConversationId, by: AccessToken },
    /// [`ChatApi::send_bot_message`].
    #[non_exhaustive]
    SendBotMessage { to: ConversationId, message: BotMessage },
    /// [`ChatApi::send_bot_message_to_user`].
    #[non_exhaustive]
    SendBotMessageToUser { to: UserId, message: BotMessage, by: AccessToken },
    /// [`ChatApi::upload_media`]. The content was not read.
    #[non_exhaustive]
    UploadMedia { media: Arc<Media> },
    /// [`ChatApi::subscribe`].
    #[non_exhaustive]
    Subscribe { to: Subscription, by: AccessToken },
    /// [`ChatApi::get_user`].
    #[non_exhaustive]
    GetUser { by: AccessToken },
}

/// A failure of a call at Divar or in the network.
///
/// Divar documents only the status 412. The gRPC codes of the others are the usual ones.
#[derive(Clone, Debug)]
pub struct Failure(Cause);

#[derive(Clone, Debug)]
enum Cause {
    Response(Response<Bytes>),
    Transport(TransportErrorKind),
}

impl FakeChatApi {
    /// Creates a fake whose calls succeed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Queues the JSON of a success for the next call of an operation.
    ///
    /// ```
    /// # use kenar::operation::GetUser;
    /// # use kenar::secret::AccessToken;
    /// # use kenar::ChatApi as _;
    /// # use kenar_sandbox::fake::FakeChatApi;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let api = FakeChatApi::new();
    /// api.respond_json::<GetUser>(serde_json::json!({ "user_id": "u-1" }));
    /// let user = api.get_user(&AccessToken::new("placeholder")?).await?;
    /// assert_eq!(user.user_id, Some("u-1".into()));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn respond_json<O: Operation>(&self, json: Value) {
        self.prepare::<O>(Prepared::Success(json));
    }

    /// Queues a failure for the next call of an operation.
    ///
    /// An upload is two operations, [`CreateUploadToken`] and [`UploadMedia`], and either can fail.
    pub fn fail_next<O: Operation>(&self, failure: Failure) {
        self.prepare::<O>(Prepared::Failure(failure));
    }

    /// The calls so far, failed ones included.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// Returns the calls so far and forgets them.
    #[must_use]
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.state().calls)
    }

    fn prepare<O: Operation>(&self, prepared: Prepared) {
        self.state().prepared.entry(O::METADATA.name()).or_default().push_back(prepared);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call<O: Operation>(&self, operation: &O, call: Call) -> Result<O::Response, Error> {
        self.state().calls.push(call);
        operation.request(&BaseUrls::default())?;
        self.respond(operation, json!({}))
    }

    fn respond<O: Operation>(&self, operation: &O, default: Value) -> Result<O::Response, Error> {
        let prepared = self.state().prepared.get_mut(O::METADATA.name()).and_then(VecDeque::pop_front);
        match prepared {
            Some(Prepared::Failure(failure)) => Err(failure.error::<O>()),
            Some(Prepared::Success(json)) => operation.response(Response::new(json.to_string().into())),
            None => operation.response(Response::new(default.to_string().into())),
        }
    }
}

impl Failure {
    /// The recipient blocked the sender or is banned: 412 with code 9, as Divar documents.
    #[must_use]
    pub fn recipient_restricted() -> Self {
        let message = "message delivery failed due to recipient's restriction";
        Self::status(StatusCode::PRECONDITION_FAILED, RpcCode::FAILED_PRECONDITION, message)
    }

    /// The API key or access token is invalid: 401 with code 16.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::status(StatusCode::UNAUTHORIZED, RpcCode::UNAUTHENTICATED, "unauthenticated")
    }

    /// The API key lacks a permission, or the access token a scope: 403 with code 7.
    #[must_use]
    pub fn permission_denied() -> Self {
        Self::status(StatusCode::FORBIDDEN, RpcCode::PERMISSION_DENIED, "permission denied")
    }

    /// A rate limit is exceeded: 429 with code 8 and `Retry-After`, rounded up to seconds.
    #[must_use]
    pub fn rate_limited(retry_after: Duration) -> Self {
        let seconds = retry_after.as_secs().saturating_add(u64::from(retry_after.subsec_nanos() > 0));
        let mut failure = Self::status(StatusCode::TOO_MANY_REQUESTS, RpcCode::RESOURCE_EXHAUSTED, "too many requests");
        if let Cause::Response(response) = &mut failure.0 {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        failure
    }

    /// Divar is unavailable: 503 with code 14. The request may have been processed.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::status(StatusCode::SERVICE_UNAVAILABLE, RpcCode::UNAVAILABLE, "unavailable")
    }

    /// The request timed out. It may have been processed.
    #[must_use]
    pub fn timed_out() -> Self {
        Self(Cause::Transport(TransportErrorKind::Timeout))
    }

    /// The connection was lost. The request may have been processed.
    #[must_use]
    pub fn connection_lost() -> Self {
        Self(Cause::Transport(TransportErrorKind::Interrupted))
    }

    /// The connection failed. The request was not sent.
    #[must_use]
    pub fn cannot_connect() -> Self {
        Self(Cause::Transport(TransportErrorKind::Connect))
    }

    /// Any response: an error, or an unexpected success such as an HTML page.
    #[must_use]
    pub fn response(response: Response<Bytes>) -> Self {
        Self(Cause::Response(response))
    }

    /// Returns the error of an operation, for your own test double.
    ///
    /// ```
    /// use kenar::operation::SendMessage;
    /// use kenar_sandbox::fake::Failure;
    ///
    /// let error = Failure::recipient_restricted().error::<SendMessage>();
    /// assert!(error.is_recipient_restricted());
    /// ```
    #[must_use]
    pub fn error<O: Operation>(&self) -> Error {
        match &self.0 {
            Cause::Response(response) => {
                let Err(error) = Unexpected(PhantomData::<fn() -> O>).response(response.clone());
                error
            }
            Cause::Transport(kind) => {
                let source = TransportError::new(*kind);
                let kind = match kind {
                    TransportErrorKind::Connect => ErrorKind::Connect,
                    TransportErrorKind::Timeout => ErrorKind::Timeout,
                    _ => ErrorKind::Interrupted,
                };
                Error::new(kind, O::METADATA.name(), source)
            }
        }
    }

    fn status(status: StatusCode, code: RpcCode, message: &str) -> Self {
        let body = json!({ "code": code.0, "message": message, "details": [] });
        let mut response = Response::new(Bytes::from(body.to_string()));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self::response(response)
    }
}

/// An operation for which every success response is unexpected.
struct Unexpected<O>(PhantomData<fn() -> O>);

impl<O: Operation> Operation for Unexpected<O> {
    type Response = Infallible;

    const METADATA: Metadata = O::METADATA;

    fn credential(&self) -> Credential<'_> {
        Credential::None
    }

    fn read(&self, _: &Response<Bytes>) -> Result<Infallible, UnexpectedResponse> {
        Err(UnexpectedResponse::new("not the expected response"))
    }
}

#[async_trait]
impl ChatApi for FakeChatApi {
    async fn send_message(
        &self,
        to: &ConversationId,
        message: &ConversationMessage,
        by: &AccessToken,
    ) -> Result<SendMessageResponse, Error> {
        let call = Call::SendMessage { to: to.clone(), message: message.clone(), by: by.clone() };
        self.call(&SendMessage::new(to, message, by), call)
    }

    async fn get_conversation(
        &self,
        conversation: &ConversationId,
        by: &AccessToken,
    ) -> Result<GetConversationResponse, Error> {
        let call = Call::GetConversation { conversation: conversation.clone(), by: by.clone() };
        self.call(&GetConversation::new(conversation, by), call)
    }

    async fn send_bot_message(
        &self,
        to: &ConversationId,
        message: &BotMessage,
    ) -> Result<SendBotMessageResponse, Error> {
        let call = Call::SendBotMessage { to: to.clone(), message: message.clone() };
        self.call(&SendBotMessage::new(to, message), call)
    }

    async fn send_bot_message_to_user(
        &self,
        to: &UserId,
        message: &BotMessage,
        by: &AccessToken,
    ) -> Result<SendBotMessageResponse, Error> {
        let call = Call::SendBotMessageToUser { to: to.clone(), message: message.clone(), by: by.clone() };
        self.call(&SendBotMessageToUser::new(to, message, by), call)
    }

    async fn upload_media(&self, media: Media) -> Result<MediaToken, Error> {
        let media = Arc::new(media);
        // The request is not built, because that can consume the medium.
        self.state().calls.push(Call::UploadMedia { media: media.clone() });
        let token = self.respond(&CreateUploadToken, json!({ "token": "upload-token" }))?;
        self.respond(&UploadMedia::new(&media, &token), json!({ "id": "media-1" }))
    }

    async fn subscribe(&self, to: &Subscription, by: &AccessToken) -> Result<(), Error> {
        self.call(&Subscribe::new(to, by), Call::Subscribe { to: to.clone(), by: by.clone() })
    }

    async fn get_user(&self, by: &AccessToken) -> Result<GetUserResponse, Error> {
        self.call(&GetUser::new(by), Call::GetUser { by: by.clone() })
    }
}

impl fmt::Debug for FakeChatApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeChatApi").field("calls", &self.state().calls.len()).finish_non_exhaustive()
    }
}
