//! A small delivery add-on: the code to copy. It knows nothing of the sandbox.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use kenar::oauth::CallbackError;
use kenar::webhook::{DynamicActionReply, Event, ExtraError, MessageEvent, OpenAppReply, Rejection, Verifier};
use kenar::{
    Action, AppUrl, BotMessage, Button, Callback, ChatApi as _, Client, ConversationMessage, Error, Icon, OAuthClient,
    Scope, TokenSet,
};
use serde::{Deserialize, Serialize};

use crate::visits::{Visit, Visits};

/// What the add-on needs: all of it made at the start, where a mistake can be reported.
pub struct Settings {
    pub verifier: Verifier,
    pub client: Client,
    pub oauth: OAuthClient,
    /// Where users' browsers find the add-on.
    pub base: AppUrl,
}

struct AddOn {
    settings: Settings,
    visits: Visits,
}

/// What the button under the message carries, and brings back when it is pressed.
#[derive(Serialize, Deserialize)]
struct Confirm {
    order: String,
}

pub fn router(settings: Settings) -> Router {
    Router::new()
        .route("/kenar/open", post(open_app))
        .route("/kenar/event", post(event))
        .route("/kenar/action", post(dynamic_action))
        .route("/visits/{id}", get(order_page).post(order))
        .route("/oauth/callback", get(callback))
        .with_state(Arc::new(AddOn { settings, visits: Visits::default() }))
}

type App = State<Arc<AddOn>>;

/// A user opens the add-on in a chat: answer with the page to show.
async fn open_app(State(app): App, headers: HeaderMap, body: Bytes) -> Result<OpenAppReply, Problem> {
    let opened = app.settings.verifier.open_app(&headers, &body)?;
    let conversation = opened.conversation_id().cloned().ok_or(Problem::NoConversation)?;
    let id = app.visits.begin(Visit { conversation, return_url: opened.return_url(), state: None })?;
    Ok(opened.reply(app.settings.base.at(["visits", &id])))
}

/// The page that Divar opens for the user.
async fn order_page(State(app): App, Path(id): Path<String>) -> Result<Html<&'static str>, Problem> {
    app.visits.get(&id).ok_or(Problem::NoVisit)?;
    Ok(Html(
        "<!doctype html><html lang=fa dir=rtl><meta charset=utf-8><title>ارسال کالا</title>\
         <form method=post><button>ثبت درخواست ارسال</button></form></html>",
    ))
}

/// The user has ordered: ask for permission to write into the conversation.
async fn order(State(app): App, Path(id): Path<String>) -> Result<Redirect, Problem> {
    let mut visit = app.visits.get(&id).ok_or(Problem::NoVisit)?;
    let scope = Scope::conversation_send_message(&visit.conversation);
    let (url, state) = app.settings.oauth.permission_url([scope]);
    visit.state = Some(state);
    app.visits.keep(id, visit);
    Ok(Redirect::to(url.as_str()))
}

/// The user is back from the consent page.
async fn callback(State(app): App, RawQuery(query): RawQuery) -> Result<Redirect, Problem> {
    let query = query.unwrap_or_default();
    let (visit, state) = app.visits.take_by_state(&query).ok_or(Problem::NoVisit)?;
    match app.settings.oauth.callback(&query, &state)? {
        Callback::Granted(code) => {
            let tokens = app.settings.oauth.exchange(code).await?;
            app.announce(&visit, &tokens).await?;
        }
        Callback::Denied(_) => {} // nothing to do but to bring the user back
    }
    Ok(Redirect::to(visit.return_url.as_str()))
}

/// Something happened. Divar wants its 200 at once, so the work is done after it.
async fn event(State(app): App, headers: HeaderMap, body: Bytes) -> Result<(), Problem> {
    // Everything authentic is worth a 200, also what is not known yet.
    if let Event::ChatbotMessage(message) = app.settings.verifier.event(&headers, &body)? {
        tokio::spawn(async move {
            if let Err(error) = app.answer(&message).await {
                eprintln!("the chatbot could not answer: {error}");
            }
        });
    }
    Ok(())
}

/// A button was pressed that asks the add-on what to do. The user waits for this answer.
async fn dynamic_action(State(app): App, headers: HeaderMap, body: Bytes) -> Result<DynamicActionReply, Problem> {
    let pressed = app.settings.verifier.dynamic_action(&headers, &body)?;
    let Confirm { order } = pressed.extra()?;
    let reply = DynamicActionReply::toast(format!("زمان سفارش {order} تأیید شد"));
    Ok(match pressed.post_token() {
        Some(post) => reply.and_open(Action::post_page(post)),
        None => reply,
    })
}

impl AddOn {
    /// Writes the result into the conversation, with a button for each side.
    async fn announce(&self, visit: &Visit, tokens: &TokenSet) -> Result<(), Error> {
        let order = Confirm { order: "17".to_owned() };
        let message = ConversationMessage::text("درخواست ارسال ثبت شد 🚚")
            .sender_buttons([[
                Button::open_link("پیگیری سفارش", self.settings.base.at(["orders", "17"])).icon(Icon::SEND)
            ]])
            .receiver_buttons([[Button::dynamic_action("تأیید زمان", &order)]]);
        match self.settings.client.send_message(&visit.conversation, &message, &tokens.access_token).await {
            Err(error) if error.is_recipient_restricted() => Ok(()), // one side has blocked the other
            result => result.map(drop),
        }
    }

    async fn answer(&self, message: &MessageEvent) -> Result<(), Error> {
        let answer = match (message.start_command(), message.text()) {
            (Some(_), _) => "سلام! شماره سفارش خود را بنویسید.".to_owned(),
            (None, Some(text)) => format!("سفارش «{text}» در راه است."),
            (None, None) => "لطفاً شماره سفارش را به صورت متن بنویسید.".to_owned(),
        };
        self.settings.client.send_bot_message(&message.conversation.id, &BotMessage::text(answer)).await?;
        Ok(())
    }
}

/// Why a request is not served, and how that is answered.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Rejected(#[from] Rejection),
    #[error("opened from somewhere other than a chat")]
    NoConversation,
    #[error("no such visit")]
    NoVisit,
    #[error(transparent)]
    Callback(#[from] CallbackError),
    #[error("no randomness: {0}")]
    NoRandomness(#[from] getrandom::Error),
    #[error(transparent)]
    Kenar(#[from] Error),
}

impl From<ExtraError> for Problem {
    fn from(error: ExtraError) -> Self {
        Self::Rejected(error.into())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        eprintln!("not served: {self}");
        match self {
            Self::Rejected(rejection) => rejection.into_response(),
            Self::NoConversation | Self::Callback(_) => StatusCode::BAD_REQUEST.into_response(),
            Self::NoVisit => StatusCode::NOT_FOUND.into_response(),
            Self::NoRandomness(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            Self::Kenar(_) => StatusCode::BAD_GATEWAY.into_response(),
        }
    }
}
