//! People and their actions.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use url::Url;

use crate::app::App;
use crate::chats::{Chat, Post, StartFrom};
use crate::engine::{Between, ChatMessage, Delivery, Press, medium, read};
use crate::error::SandboxError;
use crate::media::Medium;
use crate::shared::Shared;
use crate::visit::{Opened, Pressed, Visit};
use kenar::model::{AppSlug, Contact, ConversationId, Location, MessageContent, UserId};
use kenar::operation::MediaKind;
use kenar::webhook::{DynamicActionReply, OpenAppReply};

/// A person on Divar, scripted by the test.
#[derive(Clone)]
pub struct User {
    pub(crate) shared: Arc<Shared>,
    name: String,
}

impl User {
    pub(crate) fn new(shared: Arc<Shared>, name: String) -> Self {
        shared.platform.change(|engine, _| engine.create_person(&name));
        Self { shared, name }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The person's user id in an app. It differs in each app.
    #[doc(alias = "user_id")]
    #[must_use]
    pub fn id_for(&self, app: &App) -> UserId {
        self.shared.platform.look(|engine| engine.user_id(app.slug(), &self.name))
    }

    /// Sets the person's user id in an app. It is random by default.
    ///
    /// # Errors
    ///
    /// The id is empty, in use or unfit for a URL and a scope (spaces, non-ASCII).
    pub fn set_id_for(&self, app: &App, id: impl Into<UserId>) -> Result<&Self, SandboxError> {
        let id = id.into();
        let set = self.shared.platform.change(|engine, _| engine.set_user_id(app.slug(), &self.name, &id));
        set.map(|()| self).map_err(|why| self.shared.platform.error(why, None))
    }

    /// The phone number.
    #[must_use]
    pub fn phone_number(&self) -> String {
        self.shared.platform.look(|engine| engine.phone_number(&self.name).unwrap_or_default().to_owned())
    }

    /// The conversation with an app's chatbot, created on first use.
    #[must_use]
    pub fn chat_with_bot(&self, app: &App) -> Chat {
        let between = Between::Chatbot { app: app.slug().clone(), user: self.name.clone() };
        Chat::new(Arc::clone(&self.shared), between)
    }

    /// Sends a text, and returns when the add-ons have responded to the event.
    ///
    /// In a chatbot's conversation, its app gets the event `NEW_CHATBOT_MESSAGE`. In a conversation about a post, subscribed
    /// apps get `NEW_MESSAGE`.
    ///
    /// # Errors
    ///
    /// The person is not in the conversation, or an app did not respond with a 2xx status.
    #[doc(alias = "NEW_CHATBOT_MESSAGE")]
    #[doc(alias = "NEW_MESSAGE")]
    pub async fn write(&self, chat: &Chat, text: impl Into<String>) -> Result<ChatMessage, SandboxError> {
        self.send(chat, MessageContent::Text(text.into())).await
    }

    /// Sends any content, like [`write`](Self::write).
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub async fn send(&self, chat: &Chat, content: MessageContent) -> Result<ChatMessage, SandboxError> {
        let written = self.shared.platform.change(|engine, now| engine.user_writes(&self.name, &chat.id, content, now));
        let (message, deliveries) = written.map_err(|why| chat.error(why))?;
        let results = self.shared.outbox.deliver_all(deliveries).await;
        self.shared.outbox.all_taken(results, "event delivery failed: ", Some(&chat.id))?;
        Ok(message)
    }

    /// Sends a photo as `photo.jpg`. The link in the message serves its bytes.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub async fn send_photo(&self, chat: &Chat, photo: impl Into<Bytes>) -> Result<ChatMessage, SandboxError> {
        self.send_media(chat, MediaKind::Image, "photo.jpg", photo).await
    }

    /// Sends a media file. The link in the message serves its bytes.
    ///
    /// The platform documents no formats or sizes for media from people, so the sandbox accepts all.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub async fn send_media(
        &self,
        chat: &Chat,
        kind: MediaKind,
        file_name: &str,
        bytes: impl Into<Bytes>,
    ) -> Result<ChatMessage, SandboxError> {
        let (id, bytes) = (self.shared.platform.media.next_id(), bytes.into());
        let link = self.shared.platform.look(|engine| engine.media_link(&id));
        let content = medium(kind, link, Some(file_name.to_owned()), bytes.len() as u64);
        let content_type = kind.content_type(file_name).unwrap_or_default().to_owned();
        self.shared.platform.media.keep(Medium { id, content_type, file_name: file_name.to_owned(), bytes });
        self.send(chat, content).await
    }

    /// Sends a location.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub async fn send_location(&self, chat: &Chat, place: Location) -> Result<ChatMessage, SandboxError> {
        self.send(chat, MessageContent::Location(Some(place))).await
    }

    /// Sends a contact.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub async fn send_contact(&self, chat: &Chat, name: &str, phone: &str) -> Result<ChatMessage, SandboxError> {
        self.send(chat, MessageContent::Contact(Contact::new(phone).name(name))).await
    }

    /// Opens an app from a conversation, and loads the page in its response.
    ///
    /// The request goes to the app's Session Initialization URL.
    ///
    /// # Errors
    ///
    /// The person is not in the conversation, the response has no URL, or the page cannot be loaded.
    #[doc(alias = "session initialization")]
    pub async fn open_app(&self, chat: &Chat, app: &App) -> Result<Visit, SandboxError> {
        let delivery = self.shared.platform.look(|engine| engine.user_opens(&self.name, app.slug(), &chat.id, None));
        self.open(delivery.map_err(|why| chat.error(why))?, Some(&chat.id)).await
    }

    /// Opens an app on a location message.
    ///
    /// Only version 1 of the request is documented to contain the location: see [`App::set_open_app_version`].
    ///
    /// # Errors
    ///
    /// The message has no location, and as [`open_app`](Self::open_app).
    pub async fn open_app_on(&self, message: &ChatMessage, app: &App) -> Result<Visit, SandboxError> {
        let within = &message.message.conversation.id;
        let MessageContent::Location(Some(location)) = message.message.content else {
            return Err(self.error("the message has no location", within));
        };
        let delivery =
            self.shared.platform.look(|engine| engine.user_opens(&self.name, app.slug(), within, Some(location)));
        self.open(delivery.map_err(|why| self.error(why, within))?, Some(within)).await
    }

    /// Opens an app on the page of a post.
    ///
    /// # Errors
    ///
    /// As [`open_app`](Self::open_app).
    pub async fn open_app_on_post(&self, post: &Post, app: &App) -> Result<Visit, SandboxError> {
        let delivery =
            self.shared.platform.look(|engine| engine.user_opens_on_post(&self.name, app.slug(), &post.token));
        self.open(delivery.map_err(|why| self.shared.platform.error(why, None))?, None).await
    }

    /// Opens the app's Fallback URL from the page of a post, whose token is in the query.
    ///
    /// # Errors
    ///
    /// The app has no Fallback URL, or the page cannot be loaded.
    #[doc(alias = "fallback")]
    pub async fn follow_direct_link(&self, post: &Post, app: &App) -> Result<Visit, SandboxError> {
        let url = self.shared.platform.change(|engine, _| engine.direct_link(app.slug(), &post.token));
        Visit::begin(&self.shared, &self.name, url.map_err(|why| self.shared.platform.error(why, None))?).await
    }

    /// Opens an app's chatbot at a touch point, which sends its start command.
    ///
    /// ```
    /// # use kenar_sandbox::{Sandbox, StartFrom};
    /// # use kenar::webhook::TouchPoint;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = Sandbox::in_process().await;
    /// # let app = sandbox.app("bot");
    /// # app.set_events_url(app.set_handler(|_| async { http::Response::default() }));
    /// let sara = sandbox.user("sara");
    /// let post = sandbox.add_post(&sara);
    /// let chat = sara.start_bot(&app, StartFrom::MyPost(&post)).await?;
    /// assert_eq!(chat.messages()[0].text(), Some(&*format!("/start MY_POST {}", post.token())));
    ///
    /// sara.start_bot(&app, TouchPoint::MyDivar).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub async fn start_bot<'a>(&self, app: &App, from: impl Into<StartFrom<'a>>) -> Result<Chat, SandboxError> {
        let chat = self.chat_with_bot(app);
        self.write(&chat, from.into().command().to_string()).await?;
        Ok(chat)
    }

    /// Opens a URL in the browser, such as the consent page.
    ///
    /// # Errors
    ///
    /// The URL is invalid, or the page cannot be loaded.
    pub async fn visit(&self, url: &str) -> Result<Visit, SandboxError> {
        let url = Url::parse(url)
            .map_err(|error| self.shared.platform.error(format!("invalid URL {url:?}: {error}"), None))?;
        Visit::begin(&self.shared, &self.name, url).await
    }

    /// Presses the button with this caption under a message, and performs its action.
    ///
    /// # Errors
    ///
    /// The person sees no such button, or its action fails.
    pub async fn press(&self, message: &ChatMessage, caption: &str) -> Result<Pressed, SandboxError> {
        let within = &message.message.conversation.id;
        let press = self.shared.platform.look(|engine| engine.user_presses(&self.name, message, caption));
        match press.map_err(|why| self.error(why, within))? {
            (app, Press::Act(delivery)) => {
                let reply: DynamicActionReply = self.ask(delivery).await.map_err(|why| self.error(why, within))?;
                self.act(reply, &app, within).await
            }
            (_, press) => Ok(Pressed { toast: None, opened: Some(self.led_to(press, within).await?) }),
        }
    }

    async fn act(
        &self,
        reply: DynamicActionReply,
        app: &AppSlug,
        within: &ConversationId,
    ) -> Result<Pressed, SandboxError> {
        let toast = reply.toast_text().map(str::to_owned);
        let Some(action) = reply.action() else {
            return Ok(Pressed { toast, opened: None });
        };
        let press = self.shared.platform.look(|engine| engine.follow(&self.name, app, within, action));
        let opened = self.led_to(press.map_err(|why| self.error(why, within))?, within).await?;
        Ok(Pressed { toast, opened: Some(opened) })
    }

    async fn led_to(&self, press: Press, within: &ConversationId) -> Result<Opened, SandboxError> {
        match press {
            Press::Open(url) => Visit::begin(&self.shared, &self.name, url).await.map(Opened::Page),
            Press::OpenApp(delivery) => self.open(delivery, Some(within)).await.map(Opened::Page),
            Press::PostPage(post) => Ok(Opened::Post(post)),
            Press::PostManagePage(post) => Ok(Opened::PostManagement(post)),
            Press::Act(_) => Err(self.error("invalid response to a dynamic action: another dynamic action", within)),
        }
    }

    async fn open(&self, delivery: Delivery, within: Option<&ConversationId>) -> Result<Visit, SandboxError> {
        let reply: OpenAppReply = self.ask(delivery).await.map_err(|why| self.shared.platform.error(why, within))?;
        Visit::begin(&self.shared, &self.name, reply.url().as_url().clone()).await
    }

    /// Delivers a webhook and reads the response.
    async fn ask<T: DeserializeOwned>(&self, delivery: Delivery) -> Result<T, String> {
        self.shared.outbox.deliver(delivery).await.map_err(|why| why.to_string()).and_then(|response| read(&response))
    }

    fn error(&self, what: impl Into<String>, within: &ConversationId) -> SandboxError {
        self.shared.platform.error(what, Some(within))
    }

    /// Revokes all permissions of an app.
    ///
    /// The app gets the event `USER_ACCESS_REVOCATION` if a token had the scopes `NOTIFICATION_ACCESS_REVOCATION` and
    /// `USER_ID`.
    ///
    /// # Errors
    ///
    /// The app did not respond with a 2xx status.
    #[doc(alias = "USER_ACCESS_REVOCATION")]
    pub async fn revoke_access(&self, app: &App) -> Result<(), SandboxError> {
        let deliveries = self.shared.platform.change(|engine, now| engine.user_revokes(&self.name, app.slug(), now));
        let results = self.shared.outbox.deliver_all(deliveries).await;
        self.shared.outbox.all_taken(results, "event delivery failed: ", None)
    }

    /// Blocks the other side of a conversation.
    ///
    /// After that, nobody can send there, and apps get status 412 with code 9.
    ///
    /// # Errors
    ///
    /// The person is not in the conversation.
    pub fn block(&self, chat: &Chat) -> Result<(), SandboxError> {
        let blocked = self.shared.platform.change(|engine, _| engine.user_blocks(&self.name, &chat.id, true));
        blocked.map_err(|why| chat.error(why))
    }

    /// Reverts [`block`](Self::block).
    ///
    /// # Errors
    ///
    /// The person is not in the conversation.
    pub fn unblock(&self, chat: &Chat) -> Result<(), SandboxError> {
        let unblocked = self.shared.platform.change(|engine, _| engine.user_blocks(&self.name, &chat.id, false));
        unblocked.map_err(|why| chat.error(why))
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("User").field(&self.name).finish()
    }
}

impl Post {
    /// The conversation of its owner with this person, created on first use.
    ///
    /// An owner has no conversation about their own post: every use of it fails.
    #[must_use]
    pub fn conversation_with(&self, buyer: &User) -> Chat {
        let between = Between::Sides {
            post: self.token().clone(),
            seller: self.owner().to_owned(),
            buyer: buyer.name().to_owned(),
        };
        Chat::new(Arc::clone(&buyer.shared), between)
    }
}
