//! The acts of people on the chat page. The response of each is JSON with its result or `error`.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::chat_page::ChatPage;
use super::faults::{SwitchOff, SwitchOn};
use super::reply::{BadRequest, query};
use crate::engine::{Between, Delivery, Engine, Press, medium, read, read_object};
use crate::media::{Medium, shown_as};
use kenar::model::{AppSlug, Contact, ConversationId, Location, MessageContent, MessageId, PostToken, TransactionId};
use kenar::operation::MediaKind;
use kenar::webhook::{
    DynamicActionReply, OpenAppReply, PaymentTransaction, PostUpdateKind, TransactionKind, TransactionState,
};

/// The maximum length of a person's name, in characters.
const MAX_NAME: usize = 40;

/// The result of an act.
#[derive(Debug, Default, Serialize)]
pub(super) struct ActResponse {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    /// The text in the reply to a dynamic action.
    #[serde(skip_serializing_if = "Option::is_none")]
    toast: Option<String>,
    /// A page to open.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// A post to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    post: Option<PostToken>,
    /// `true` for the management page of the post.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    manage: bool,
    /// The conversation that was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    chat: Option<ConversationId>,
}

type ActResult = Result<ActResponse, String>;

#[derive(Deserialize)]
struct Write {
    me: String,
    chat: ConversationId,
    said: Said,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Text(String),
    Location { latitude: f64, longitude: f64 },
    Contact { name: String, phone: String },
}

#[derive(Deserialize)]
struct WithApp {
    me: String,
    #[serde(default)]
    chat: Option<ConversationId>,
    app: AppSlug,
}

#[derive(Deserialize)]
struct OnPost {
    me: String,
    post: PostToken,
    app: AppSlug,
}

#[derive(Deserialize)]
struct Advance {
    seconds: f64,
}

#[derive(Deserialize)]
struct PressAt {
    me: String,
    chat: ConversationId,
    message: MessageId,
    row: usize,
    column: usize,
}

#[derive(Deserialize)]
struct Block {
    me: String,
    chat: ConversationId,
    blocks: bool,
}

#[derive(Deserialize)]
struct About {
    me: String,
    post: PostToken,
}

#[derive(Deserialize)]
struct UpdatePost {
    post: PostToken,
    kind: PostUpdateKind,
}

#[derive(Deserialize)]
struct Payment {
    app: AppSlug,
    id: TransactionId,
    state: TransactionState,
    #[serde(rename = "type")]
    kind: Option<TransactionKind>,
    cost_rials: Option<i64>,
    extra_details: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Numbered {
    number: u64,
}

impl ChatPage {
    /// Performs an act by its path below `act/`. `None` if the act does not exist.
    pub(super) async fn act(&self, act: &str, body: &[u8]) -> Result<Option<ActResponse>, BadRequest> {
        let done = match act {
            "write" => self.write(with(body)?),
            "open" => self.open(with(body)?).await,
            "open-on-post" => self.open_on_post(with(body)?).await,
            "follow-direct-link" => self.follow_direct_link(&with(body)?),
            "press" => self.press(with(body)?).await,
            "start-bot" => self.start_bot(with(body)?),
            "ask-about" => self.ask_about(with(body)?),
            "block" => self.block(&with(body)?),
            "revoke" => Ok(self.revoke(&with(body)?)),
            "new-person" => self.new_person(&with(body)?),
            "new-post" => self.new_post(&with(body)?),
            "update-post" => self.update_post(&with(body)?),
            "send-payment-event" => self.send_payment_event(with(body)?),
            "advance" => self.advance(&with(body)?),
            "redeliver" => self.redeliver(&with(body)?),
            "fault-on" => {
                with::<SwitchOn>(body)?.switch_on(&self.shared.platform).map(|()| Ok(ActResponse::default()))?
            }
            "fault-off" => {
                with::<SwitchOff>(body)?.switch_off(&self.shared.platform);
                Ok(ActResponse::default())
            }
            _ => return Ok(None),
        };
        Ok(Some(done.unwrap_or_else(|error| ActResponse { error: Some(error), ..ActResponse::default() })))
    }

    fn write(&self, Write { me, chat, said }: Write) -> ActResult {
        let content = match said {
            Said::Text(text) if text.trim().is_empty() => return Err("the text is empty".to_owned()),
            Said::Text(text) => MessageContent::Text(text),
            Said::Location { latitude, longitude } => {
                if !(-90.0..=90.0).contains(&latitude) || !(-180.0..=180.0).contains(&longitude) {
                    return Err("invalid location".to_owned());
                }
                MessageContent::Location(Some(Location { latitude, longitude }))
            }
            Said::Contact { name, phone } => {
                let contact = Contact::new(phone);
                MessageContent::Contact(if name.is_empty() { contact } else { contact.name(name) })
            }
        };
        self.say(&me, &chat, content)
    }

    fn say(&self, me: &str, chat: &ConversationId, content: MessageContent) -> ActResult {
        let (_, deliveries) = self.shared.platform.change(|engine, now| engine.user_writes(me, chat, content, now))?;
        self.shared.outbox.deliver_later(deliveries);
        Ok(ActResponse::default())
    }

    /// Sends a media file. The body is the file, and the query has the other parameters.
    pub(super) fn send_medium(&self, asked: &str, content_type: &str, bytes: Bytes) -> ActResponse {
        let done = self.keep_and_send(asked, content_type, bytes);
        done.unwrap_or_else(|error| ActResponse { error: Some(error), ..ActResponse::default() })
    }

    fn keep_and_send(&self, asked: &str, content_type: &str, bytes: Bytes) -> ActResult {
        let text = |name| query(asked, name).map(Cow::into_owned).unwrap_or_default();
        let (me, chat) = (text("me"), ConversationId::new(text("chat")));
        if bytes.is_empty() {
            return Err("the file is empty".to_owned());
        }
        let shown = shown_as(content_type).unwrap_or_default();
        let (id, name) = (self.shared.platform.media.next_id(), text("name"));
        let link = self.shared.platform.look(|engine| engine.media_link(&id));
        let medium = |kind| medium(kind, link.clone(), Some(name.clone()), bytes.len() as u64);
        let content = match text("kind").as_str() {
            "image" if shown.starts_with("image/") => {
                let mut content = medium(MediaKind::Image);
                if let MessageContent::Image(image) = &mut content {
                    [image.height_px, image.width_px] = ["height", "width"].map(|side| text(side).parse().ok());
                }
                content
            }
            "video" if shown.starts_with("video/") => medium(MediaKind::Video),
            // Browsers may label an audio recording as video.
            "voice" if shown.starts_with("audio/") || shown.starts_with("video/") => medium(MediaKind::Voice),
            "file" => medium(MediaKind::File),
            kind => return Err(format!("unsupported content type for {kind:?}: {content_type:?}")),
        };
        let outcome = self.say(&me, &chat, content)?;
        self.shared.platform.media.keep(Medium { id, content_type: content_type.to_owned(), file_name: name, bytes });
        Ok(outcome)
    }

    async fn open(&self, WithApp { me, chat, app }: WithApp) -> ActResult {
        let chat = chat.ok_or("missing field `chat`")?;
        let delivery = self.shared.platform.look(|engine| engine.user_opens(&me, &app, &chat, None))?;
        self.open_by(delivery).await
    }

    /// Opens an app from the page of a post.
    async fn open_on_post(&self, OnPost { me, post, app }: OnPost) -> ActResult {
        let delivery = self.shared.platform.look(|engine| engine.user_opens_on_post(&me, &app, &post))?;
        self.open_by(delivery).await
    }

    /// The URL of the direct link to an app on the page of a post.
    fn follow_direct_link(&self, OnPost { post, app, .. }: &OnPost) -> ActResult {
        let url = self.shared.platform.change(|engine, _| engine.direct_link(app, post))?;
        Ok(ActResponse { url: Some(url.into()), ..ActResponse::default() })
    }

    /// Moves the clock.
    fn advance(&self, Advance { seconds }: &Advance) -> ActResult {
        let by = Duration::try_from_secs_f64(*seconds).map_err(|why| format!("{seconds} seconds: {why}"))?;
        self.shared.platform.clock.advance(by);
        self.shared.platform.change(|_, _| ());
        Ok(ActResponse::default())
    }

    async fn open_by(&self, delivery: Delivery) -> ActResult {
        let reply: OpenAppReply = read(&self.shared.outbox.deliver(delivery).await?)?;
        Ok(ActResponse { url: Some(reply.url().to_string()), ..ActResponse::default() })
    }

    async fn press(&self, press: PressAt) -> ActResult {
        let (app, led_to) = self.shared.platform.look(|engine| pressed(engine, &press))?;
        let Press::Act(delivery) = led_to else { return self.follow(led_to).await };
        let reply: DynamicActionReply = read(&self.shared.outbox.deliver(delivery).await?)?;
        let toast = reply.toast_text().map(str::to_owned);
        let Some(action) = reply.action() else { return Ok(ActResponse { toast, ..ActResponse::default() }) };
        let led_to = self.shared.platform.look(|engine| engine.follow(&press.me, &app, &press.chat, action))?;
        Ok(ActResponse { toast, ..self.follow(led_to).await? })
    }

    async fn follow(&self, led_to: Press) -> ActResult {
        let mut outcome = ActResponse::default();
        match led_to {
            Press::Open(url) if matches!(url.scheme(), "http" | "https") => outcome.url = Some(url.into()),
            Press::Open(url) => return Err(format!("unsupported URL scheme, only http and https: {url}")),
            Press::OpenApp(delivery) => return self.open_by(delivery).await,
            Press::PostPage(post) => outcome.post = Some(post),
            Press::PostManagePage(post) => (outcome.post, outcome.manage) = (Some(post), true),
            Press::Act(_) => return Err("invalid response to a dynamic action: another dynamic action".to_owned()),
        }
        Ok(outcome)
    }

    /// Starts a conversation with a chatbot. From a post's conversation, it sends the start command.
    fn start_bot(&self, WithApp { me, chat: from, app }: WithApp) -> ActResult {
        let chat = self.shared.platform.change(|engine, _| {
            if engine.phone_number(&me).is_none() {
                return Err(format!("person not found: {me}"));
            }
            if engine.app(&app).is_none() {
                return Err(format!("app not found: {app}"));
            }
            engine.create_talk(Between::Chatbot { app, user: me.clone() })
        })?;
        if let Some(from) = from {
            self.say(&me, &chat, MessageContent::Text(format!("/start CHAT {from}")))?;
        }
        Ok(ActResponse { chat: Some(chat), ..ActResponse::default() })
    }

    /// Starts a conversation about a post.
    fn ask_about(&self, About { me, post }: About) -> ActResult {
        let chat = self.shared.platform.change(|engine, _| {
            let seller = engine.owner_of(&post).ok_or_else(|| format!("post not found: {post}"))?.to_owned();
            if engine.phone_number(&me).is_none() {
                return Err(format!("person not found: {me}"));
            }
            engine.create_talk(Between::Sides { post, seller, buyer: me })
        })?;
        Ok(ActResponse { chat: Some(chat), ..ActResponse::default() })
    }

    fn block(&self, Block { me, chat, blocks }: &Block) -> ActResult {
        self.shared.platform.change(|engine, _| engine.user_blocks(me, chat, *blocks))?;
        Ok(ActResponse::default())
    }

    fn revoke(&self, WithApp { me, app, .. }: &WithApp) -> ActResponse {
        let deliveries = self.shared.platform.change(|engine, now| engine.user_revokes(me, app, now));
        self.shared.outbox.deliver_later(deliveries);
        ActResponse::default()
    }

    fn new_person(&self, Named { name }: &Named) -> ActResult {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME {
            return Err(format!("invalid name: expected 1 to {MAX_NAME} characters"));
        }
        self.shared.platform.change(|engine, _| engine.create_person(name));
        Ok(ActResponse::default())
    }

    fn new_post(&self, Named { name }: &Named) -> ActResult {
        let post = self.shared.platform.change(|engine, _| {
            let known = engine.phone_number(name).is_some();
            known.then(|| engine.create_post(name)).ok_or_else(|| format!("person not found: {name}"))
        })?;
        Ok(ActResponse { post: Some(post), ..ActResponse::default() })
    }

    /// Sends the event `POST_UPDATE` to the subscribed apps.
    fn update_post(&self, UpdatePost { post, kind }: &UpdatePost) -> ActResult {
        let deliveries = self.shared.platform.change(|engine, now| {
            engine.owner_of(post).ok_or_else(|| format!("post not found: {post}"))?;
            Ok::<_, String>(engine.post_changes(post, kind, now))
        })?;
        self.shared.outbox.deliver_later(deliveries);
        Ok(ActResponse::default())
    }

    /// Sends the event `PAYMENT_TRANSACTION` to an app.
    fn send_payment_event(&self, Payment { app, id, state, kind, cost_rials, extra_details }: Payment) -> ActResult {
        let mut payment = PaymentTransaction::new(id, state);
        (payment.kind, payment.cost_rials, payment.extra_details) = (kind, cost_rials, extra_details);
        let delivery = self.shared.platform.change(|engine, now| engine.payment_event(&app, payment, now));
        self.shared.outbox.deliver_later(vec![delivery.ok_or_else(|| format!("app not found: {app}"))?]);
        Ok(ActResponse::default())
    }

    fn redeliver(&self, Numbered { number }: &Numbered) -> ActResult {
        let delivery = self.shared.platform.look(|engine| engine.redelivery(*number))?;
        self.shared.outbox.deliver_later(vec![delivery]);
        Ok(ActResponse::default())
    }
}

/// The app and action of the button at a position. Captions need not be unique.
fn pressed(engine: &Engine, at: &PressAt) -> Result<(AppSlug, Press), String> {
    let talk = engine.talk(&at.chat).filter(|talk| talk.between.includes(&at.me));
    let talk = talk.ok_or_else(|| format!("conversation not found for {}: {}", at.me, at.chat))?;
    let message = talk.messages.iter().find(|message| message.id() == Some(&at.message));
    let message = message.ok_or_else(|| format!("message not found in this conversation: {}", at.message))?;
    let app = message.app().ok_or("the message has no buttons: a person sent it")?;
    let row = message.buttons_for(&at.me).and_then(|grid| grid.rows().get(at.row));
    let button = row.and_then(|row| row.buttons().get(at.column)).ok_or("button not found at this position")?;
    Ok((app.clone(), engine.follow(&at.me, app, &at.chat, &button.action)?))
}

fn with<T: DeserializeOwned>(body: &[u8]) -> Result<T, BadRequest> {
    read_object(body).map_err(|error| format!("invalid body: {error}").into())
}
