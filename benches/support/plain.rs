//! Hand-written serde types, as a careful user writes them: strict, with owned texts and documented times. They read only the
//! bodies measured here.

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Deserialize)]
pub struct Event {
    #[serde(rename = "type")]
    pub kind: EventKind,
    pub metadata: Option<Value>,
    pub new_message: Option<Message>,
    pub new_chatbot_message: Option<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EventKind {
    NewMessage,
    NewChatbotMessage,
}

#[derive(Deserialize)]
pub struct Message {
    pub id: String,
    pub conversation: Conversation,
    pub sender: Sender,
    #[serde(rename = "type")]
    pub kind: MessageKind,
    pub sent_at: i64,
    pub text: Option<String>,
    pub image_data: Option<Image>,
}

#[derive(Deserialize)]
pub struct Conversation {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: ConversationKind,
    pub post_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConversationKind {
    Post,
    Bot,
}

#[derive(Deserialize)]
pub struct Sender {
    pub side: Option<SenderSide>,
    #[serde(rename = "type")]
    pub kind: SenderKind,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SenderSide {
    Seller,
    Buyer,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SenderKind {
    User,
    Bot,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MessageKind {
    Text,
    Image,
}

#[derive(Deserialize)]
pub struct Image {
    pub link: String,
    pub size_bytes: u64,
    pub height_px: u64,
    pub width_px: u64,
}

#[derive(Deserialize)]
pub struct History {
    pub conversation: Conversation,
    pub messages: Vec<Message>,
}

#[derive(Deserialize)]
pub struct OpenApp<Extra = Value> {
    pub source: Source,
    pub post_token: String,
    pub conversation_id: Option<String>,
    pub user_id: Option<String>,
    pub user_side: Side,
    pub extra_data: Option<Extra>,
    pub return_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Source {
    Chat,
    ChatMessageAction,
    PostAddon,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Side {
    Supply,
    Demand,
}

/// The data of the app's buttons, the same for every contestant.
#[derive(Clone, Deserialize, Serialize)]
pub struct Order {
    pub order: String,
    pub step: String,
}

#[derive(Serialize)]
pub struct ConversationMessage {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub message: String,
    pub receiver_buttons: Grid,
}

#[derive(Serialize)]
pub struct Grid {
    pub rows: Vec<Row>,
}

#[derive(Serialize)]
pub struct Row {
    pub buttons: Vec<Button>,
}

#[derive(Serialize)]
pub struct Button {
    pub action: Action,
    pub icon: Icon,
    pub caption: String,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::enum_variant_names, reason = "the platform's own names")]
pub enum Action {
    OpenDirectLink(String),
    OpenServerLink { data: Order },
    GetDynamicAction { data: Order },
    OpenPostPage { post_token: String },
    OpenPostManagePage { post_token: String },
}

#[derive(Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Icon {
    Send,
    CheckCircle,
    Place,
}

#[derive(Deserialize)]
pub struct Sent {
    pub message: Option<String>,
}
