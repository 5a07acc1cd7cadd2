//! An add-on for trying out the chat page: it shows the request that opened it, sends a message with a button of each
//! kind, and runs a chatbot that replies to every message.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRef, Path, State};
use axum::http::{Request, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use kenar::model::icon::Icon;
use kenar::model::{Action, AppUrl, ButtonGrid, ButtonRow, ConversationId, MessageContent, PostToken};
use kenar::oauth::{Callback, CallbackQuery, OAuthState};
use kenar::operation::{Media, MediaSource};
use kenar::request::Body;
use kenar::transport::{HttpTransport as _, HyperTransport};
use kenar::webhook::{COMPLETION_URL, DynamicActionReply, MessageEvent, OpenAppReply};
use kenar::{
    BotMessage, Button, ChatApi as _, Client, ConversationMessage, DynamicAction, Event, OAuthClient, OpenApp, Scope,
    Verifier,
};
use kenar_sandbox::App;
use serde_json::{Value, json};

use super::common::{Outcome, Site};

#[derive(Clone)]
struct Demo(Arc<Inner>);

struct Inner {
    verifier: Verifier,
    client: Client,
    oauth: OAuthClient,
    base: AppUrl,
    visits: Mutex<HashMap<String, Visit>>,
}

/// One opening of the add-on by a user.
#[derive(Clone)]
struct Visit {
    conversation: ConversationId,
    post: Option<PostToken>,
    /// The body of the request that opened it.
    request: String,
    state: Option<OAuthState>,
}

type This = State<Demo>;

/// Gives the webhook extractors their verifier.
impl FromRef<Demo> for Verifier {
    fn from_ref(demo: &Demo) -> Self {
        demo.verifier.clone()
    }
}

impl Deref for Demo {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// An error that is printed in the terminal; the response is status 500, which the chat page shows.
struct Failure(Box<dyn std::error::Error>);

impl<E: Into<Box<dyn std::error::Error>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        eprintln!("demo add-on: {}", self.0);
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

pub async fn serve(app: &App) -> Outcome {
    let site = Site::of_sandbox(app).await?;
    app.set_title("افزونهٔ نمونه").set_fallback_url(site.base.join(["about"]));
    let demo = Demo(Arc::new(Inner {
        verifier: site.verifier.clone(),
        client: site.client.clone(),
        oauth: app.oauth(site.redirect_uri().as_str())?,
        base: site.base.clone(),
        visits: Mutex::default(),
    }));
    let router = Router::new()
        .route("/kenar/open", post(open))
        .route("/kenar/event", post(event))
        .route("/kenar/action", post(action))
        .route("/visits/{id}", get(page).post(ask))
        .route("/oauth/callback", get(callback))
        .route("/about", get(about))
        .route("/style.css", get(style))
        .with_state(demo);
    site.serve_aside(router);
    Ok(())
}

async fn open(State(demo): This, opened: OpenApp) -> Result<OpenAppReply, Failure> {
    let visit = Visit {
        conversation: opened.conversation_id().cloned().ok_or("opened outside a conversation")?,
        post: opened.post_token().cloned(),
        request: serde_json::to_string_pretty(&opened)?,
        state: None,
    };
    let id = demo.visits().len().to_string();
    demo.visits().insert(id.clone(), visit);
    Ok(opened.reply(demo.base.join(["visits", &id])))
}

async fn page(State(demo): This, Path(id): Path<String>) -> Result<Html<String>, Failure> {
    let visit = demo.visits().get(&id).cloned().ok_or("no such visit")?;
    let ask = match visit.post {
        Some(_) => "<form method=post><button>نوشتن در گفت‌وگو، با اجازهٔ شما</button></form>",
        None => "",
    };
    Ok(html(&format!(
        "<h1>افزونهٔ نمونه</h1><p>کنار این را به افزونه گفت، و افزونه این صفحه را باز کرد:</p><pre dir=ltr>{}</pre>{ask}\
         <a href=\"{COMPLETION_URL}\">بازگشت به دیوار</a>",
        escaped(&visit.request)
    )))
}

/// Redirects the user to the consent page.
async fn ask(State(demo): This, Path(id): Path<String>) -> Result<Redirect, Failure> {
    let mut visits = demo.visits();
    let visit = visits.get_mut(&id).ok_or("no such visit")?;
    let (url, state) = demo.oauth.permission_url([Scope::conversation_send_message(&visit.conversation)]);
    visit.state = Some(state);
    Ok(Redirect::to(url.as_str()))
}

/// Handles the OAuth callback: sends a message if the user permitted it, and redirects them to Divar.
async fn callback(State(demo): This, query: CallbackQuery) -> Result<Redirect, Failure> {
    let mut visits: Vec<Visit> = demo.visits().values().cloned().collect();
    visits.retain(|visit| visit.state.as_ref().is_some_and(|state| query.as_ref().contains(state.expose_secret())));
    let visit = visits.pop().ok_or("no visit has this OAuth state")?;
    let state = visit.state.as_ref().ok_or("no visit has this OAuth state")?;
    if let Callback::Granted(code) = demo.oauth.callback(&query, state)? {
        let tokens = demo.oauth.exchange(code).await?;
        let message = ConversationMessage::text("این پیام را افزونهٔ نمونه نوشت؛ زیر آن از هر نوع دکمه یکی هست.")
            .sender_buttons(demo.buttons(visit.post.as_ref()))
            .receiver_buttons(demo.buttons(visit.post.as_ref()));
        demo.client.send_message(&visit.conversation, &message, &tokens.access_token).await?;
    }
    Ok(Redirect::to(COMPLETION_URL))
}

async fn action(State(demo): This, pressed: DynamicAction) -> Result<DynamicActionReply, Failure> {
    let data: Value = pressed.data()?;
    Ok(match data["then"].as_str() {
        Some("open") => DynamicActionReply::toast("باز شد").with_action(Action::open_link(demo.base.join(["about"]))),
        _ => DynamicActionReply::toast(format!("افزونه پاسخ داد: \u{2066}{data}\u{2069}")),
    })
}

async fn event(State(demo): This, event: Event) {
    if let Event::ChatbotMessage(message) = event {
        tokio::spawn(async move {
            if let Err(Failure(error)) = demo.reply(&message).await {
                eprintln!("demo add-on: chatbot reply failed: {error}");
            }
        });
    }
}

async fn about() -> Html<String> {
    html("<h1>افزونهٔ نمونه</h1><p>این صفحه با یک دکمه باز شد.</p>")
}

async fn style() -> impl IntoResponse {
    const STYLE: &str = ":root { color-scheme: light dark }
        body { font: 16px/1.9 Vazirmatn, Tahoma, sans-serif; max-width: 34rem; margin: 0 auto; padding: 24px }
        h1 { font-size: 20px }
        pre { font: 13px/1.7 monospace; padding: 12px; border-radius: 12px; background: #8881; white-space: pre-wrap;
              overflow-wrap: anywhere }
        button, a { display: block; box-sizing: border-box; width: 100%; margin-top: 12px; padding: 10px 16px;
              border: 1px solid #8886; border-radius: 12px; background: none; color: inherit; font: inherit;
              text-align: center; text-decoration: none; cursor: pointer }
        button { border-color: transparent; background: #1f6f5c; color: #fff; font-weight: 600 }";
    ([("content-type", "text/css")], STYLE)
}

impl Inner {
    fn visits(&self) -> MutexGuard<'_, HashMap<String, Visit>> {
        self.visits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A button of each kind.
    fn buttons(&self, post: Option<&PostToken>) -> ButtonGrid {
        let links = ButtonRow::from([
            Button::open_link("لینک مستقیم", self.base.join(["about"])).icon(Icon::LINK),
            Button::server_link("باز کردن افزونه", json!({ "order": "17" })).icon(Icon::PUZZLE),
        ]);
        let actions = ButtonRow::from([
            Button::dynamic_action("تأیید زمان", json!({ "order": "17" })).icon(Icon::CHECKED),
            Button::dynamic_action("بپرس و باز کن", json!({ "then": "open" })).icon(Icon::SPARKLES_F),
        ]);
        match post {
            Some(post) => ButtonGrid::from([
                links,
                actions,
                ButtonRow::from([Button::post_page("آگهی", post), Button::post_manage_page("مدیریت آگهی", post)]),
            ]),
            None => ButtonGrid::from([links, actions]),
        }
    }

    async fn reply(&self, message: &MessageEvent) -> Result<(), Failure> {
        let reply = match &message.content {
            MessageContent::Text(_) if message.start_command().is_some() => {
                BotMessage::text("خوش آمدید! هر چه بفرستید پاسخ می‌دهم.").buttons(self.buttons(None))
            }
            MessageContent::Text(text) if text.contains("دکمه") || text.contains("button") => {
                BotMessage::text("بفرمایید، از هر نوع یکی:").buttons(self.buttons(None))
            }
            MessageContent::Text(text) => BotMessage::text(format!("گفتید: {text}")),
            MessageContent::Image(image) => {
                let link = image.link.as_deref().ok_or("a photo without a link")?;
                let transport = HyperTransport::new()?;
                let photo = transport.send(Request::get(link).body(Body::from(Bytes::new()))?).await?.into_body();
                let photo = Media::image("photo.png", MediaSource::bytes(photo))?;
                BotMessage::media(self.client.upload_media(photo).await?)
            }
            MessageContent::Location(Some(place)) => {
                // Isolated from left to right, or the longitude would be shown first.
                let shown = format!("\u{2066}{}, {}\u{2069}", place.latitude, place.longitude);
                BotMessage::text(format!("جایی که فرستادید: {shown}"))
            }
            MessageContent::Contact(contact) => BotMessage::text(format!(
                "با \u{2068}{}\u{2069} تماس می‌گیرم.",
                [&contact.name, &contact.phone]
                    .into_iter()
                    .flatten()
                    .find(|text| !text.is_empty())
                    .map_or("او", String::as_str)
            )),
            other => BotMessage::text(format!(
                "دریافت شد ({}).",
                other.kind().map_or_else(|| "?".to_owned(), |kind| kind.to_string())
            )),
        };
        self.client.send_bot_message(&message.conversation.id, &reply).await?;
        Ok(())
    }
}

fn html(body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=fa dir=rtl><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>افزونهٔ نمونه</title><link rel=icon href=\"data:,\"><link rel=stylesheet href=/style.css>{body}</html>"
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
