//! A small delivery add-on: the code to copy. It knows nothing of the sandbox.
//!
//! Between `// [send]` and `// [end]`, and their like, is what one job takes; `tests/lines.rs` counts it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, Path, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use kenar::model::AppUrl;
use kenar::model::icon::Icon;
use kenar::oauth::{Callback, CallbackQuery, NoRandomness};
use kenar::secret::AuthorizationCode;
use kenar::webhook::{COMPLETION_URL, DynamicActionReply, MessageEvent, OpenAppReply, Rejection};
use kenar::{
    BotMessage, Button, ChatApi as _, Client, ConversationMessage, DynamicAction, Error, Event, OAuthClient, OpenApp,
    Scope, Verifier,
};
use serde::{Deserialize, Serialize};

use super::visits::{Visit, Visits};

/// What the add-on needs: all of it made at the start, where a mistake can be reported.
#[derive(Clone)]
pub struct Settings {
    pub verifier: Verifier,
    pub client: Client,
    pub oauth: OAuthClient,
    /// Where users' browsers find the add-on.
    pub base: AppUrl,
}

#[derive(Clone)]
struct AddOn {
    settings: Settings,
    visits: Arc<Visits>,
}

/// By it, the extractors of webhooks know Divar.
impl FromRef<AddOn> for Verifier {
    fn from_ref(app: &AddOn) -> Self {
        app.settings.verifier.clone()
    }
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
        .with_state(AddOn { settings, visits: Arc::default() })
}

type App = State<AddOn>;

/// A user opens the add-on in a chat: answer with the page to show.
async fn open_app(State(app): App, opened: OpenApp) -> Result<OpenAppReply, Problem> {
    let conversation = opened.conversation_id().cloned().ok_or(Problem::NoConversation)?;
    let visit = app.visits.begin(conversation, opened.return_url())?;
    Ok(opened.reply(app.settings.base.join(["visits", &visit.id])))
}

/// The page that Divar opens for the user.
async fn order_page(State(app): App, Path(id): Path<String>) -> Result<Html<&'static str>, Redirect> {
    app.visits.get(&id).ok_or_else(back_to_divar)?;
    Ok(Html(
        "<!doctype html><html lang=fa dir=rtl><meta charset=utf-8><title>ارسال کالا</title>\
         <form method=post><button>ثبت درخواست ارسال</button></form></html>",
    ))
}

/// The user has ordered: ask for permission to write into the conversation. The cookie binds the answer to this browser.
async fn order(State(app): App, Path(id): Path<String>) -> Result<impl IntoResponse, Redirect> {
    let visit = app.visits.get(&id).ok_or_else(back_to_divar)?;
    // [permission]
    let scope = Scope::conversation_send_message(&visit.conversation);
    let url = app.settings.oauth.permission_url_with_state([scope], visit.state);
    // [end]
    Ok(([(SET_COOKIE, format!("visit={id}; Path=/; HttpOnly; SameSite=Lax"))], Redirect::to(url.as_str())))
}

/// The user is back from the consent page, and is brought back to Divar whatever comes of it.
async fn callback(State(app): App, headers: HeaderMap, query: CallbackQuery) -> Result<Redirect, Redirect> {
    let visit = visit_in(&headers).and_then(|id| app.visits.end(id)).ok_or_else(back_to_divar)?;
    let back = Redirect::to(visit.return_url.as_str());
    match app.settings.oauth.callback(&query, &visit.state).map(Callback::granted) {
        Ok(Ok(code)) => {
            // In a task of its own: where the browser goes away, axum drops this handler, but the code is used up.
            let work = tokio::spawn(async move { app.announce(&visit, code).await });
            if let Ok(Err(error)) = work.await {
                eprintln!("not written: {error}");
            }
        }
        Ok(Err(denial)) => eprintln!("{denial}"),
        Err(error) => eprintln!("no callback of ours: {error}"),
    }
    Ok(back)
}

/// Something happened. Divar wants its 200 at once, so the work is done after it.
async fn event(State(app): App, event: Event) {
    // Everything authentic is worth a 200, also what is not known yet.
    if let Event::ChatbotMessage(message) = event {
        tokio::spawn(async move {
            if let Err(error) = app.answer(&message).await {
                eprintln!("the chatbot could not answer: {error}");
            }
        });
    }
}

// [webhook]
/// A button was pressed that asks the add-on what to do. The user waits for this answer.
async fn dynamic_action(pressed: DynamicAction) -> Result<DynamicActionReply, Rejection> {
    let Confirm { order } = pressed.data()?;
    Ok(DynamicActionReply::toast(format!("زمان سفارش {order} تأیید شد")))
}
// [end]

impl AddOn {
    /// Writes the result into the conversation, with a button for each side.
    async fn announce(&self, visit: &Visit, code: AuthorizationCode) -> Result<(), Error> {
        let tokens = self.settings.oauth.exchange(code).await?;
        let order = Confirm { order: "17".to_owned() };
        // [send]
        let message = ConversationMessage::text("درخواست ارسال ثبت شد 🚚")
            .sender_buttons([[
                Button::open_link("پیگیری سفارش", self.settings.base.join(["orders", "17"])).icon(Icon::SEND)
            ]])
            .receiver_buttons([[Button::dynamic_action("تأیید زمان", &order)]]);
        match self.settings.client.send_message(&visit.conversation, &message, &tokens.access_token).await {
            Err(error) if error.is_recipient_restricted() => Ok(()), // one side has blocked the other
            result => result.map(drop),
        }
        // [end]
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

/// The id of the visit in a browser's cookies.
fn visit_in(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    cookies.flat_map(|cookies| cookies.split(';')).find_map(|cookie| cookie.trim().strip_prefix("visit="))
}

/// Where to go with a user of whom nothing is known.
fn back_to_divar() -> Redirect {
    Redirect::to(COMPLETION_URL)
}

/// Why a webhook is not served, and how that is answered.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("opened from somewhere other than a chat")]
    NoConversation,
    #[error("no randomness")]
    NoRandomness(#[from] NoRandomness),
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        eprintln!("not served: {self}");
        match self {
            Self::NoConversation => StatusCode::BAD_REQUEST.into_response(),
            Self::NoRandomness(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}
