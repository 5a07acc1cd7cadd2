//! A small delivery add-on to copy. `tests/it/lines.rs` counts the lines between `// [send]` and `// [end]`.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{FromRef, Path, State};
use axum::routing::{get, post};
use axum::{Router, http::StatusCode, response::Redirect};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use kenar::model::{AppUrl, ConversationId, icon::Icon};
use kenar::oauth::{CallbackQuery, OAuthState, PermissionUrl};
use kenar::webhook::{COMPLETION_URL, DynamicActionReply, OpenAppReply, Rejection};
use kenar::{BotMessage, Button, ChatApi as _, Client, ConversationMessage};
use kenar::{DynamicAction, Event, OAuthClient, OpenApp, Scope, Verifier};
use maud::{DOCTYPE, Markup, html};
use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

#[derive(Clone)]
pub struct AddOn {
    pub client: Client,
    pub verifier: Verifier,
    pub oauth: OAuthClient,
    /// The address at which browsers reach the add-on.
    pub base: AppUrl,
    /// In memory. An add-on that runs in several processes needs a shared store.
    pub visits: Arc<Mutex<HashMap<Uuid, Visit>>>,
}

/// One user's stay on the add-on's pages.
pub struct Visit {
    conversation: ConversationId,
    return_url: Url,
    consent_page: PermissionUrl,
    state: OAuthState,
    begun: Instant,
}

/// The data of the button, which comes back when it is pressed.
#[derive(Serialize, Deserialize)]
struct Confirm {
    order: String,
}

/// The extractors of webhooks find the verifier by this.
impl FromRef<AddOn> for Verifier {
    fn from_ref(app: &AddOn) -> Self {
        app.verifier.clone()
    }
}

pub fn router(app: AddOn) -> Router {
    Router::new()
        .route("/kenar/open", post(open_app))
        .route("/kenar/event", post(event))
        .route("/kenar/action", post(dynamic_action))
        .route("/visits/{id}", get(order_page).post(order))
        .route("/oauth/callback", get(callback))
        .with_state(app)
}

/// A user opens the add-on in a chat. The reply names the page to show.
async fn open_app(State(app): State<AddOn>, opened: OpenApp) -> Result<OpenAppReply, StatusCode> {
    // Missing when the add-on is opened from the page of a post.
    let conversation = opened.conversation_id().cloned().ok_or(StatusCode::BAD_REQUEST)?;
    // [permission]
    let scope = Scope::conversation_send_message(&conversation);
    let (consent_page, state) = app.oauth.permission_url([scope]);
    // [end]
    let (id, return_url) = (Uuid::new_v4(), opened.return_url());
    let visit = Visit { conversation, return_url, consent_page, state, begun: Instant::now() };
    app.visits().insert(id, visit);
    Ok(opened.reply(app.base.join(["visits", &id.to_string()])))
}

/// The page that Divar opens for the user.
async fn order_page(State(app): State<AddOn>, Path(id): Path<Uuid>) -> Result<Markup, Redirect> {
    app.visits().get(&id).ok_or(Redirect::to(COMPLETION_URL))?;
    Ok(html! {
        (DOCTYPE)
        meta charset="utf-8"; meta name="viewport" content="width=device-width"; title { "ارسال کالا" }
        form method="post" dir="rtl" { button { "ثبت درخواست ارسال" } }
    })
}

/// The user orders. The cookie binds the permission to this browser.
async fn order(State(app): State<AddOn>, Path(id): Path<Uuid>) -> Result<(CookieJar, Redirect), Redirect> {
    let consent_page = app.visits().get(&id).ok_or(Redirect::to(COMPLETION_URL))?.consent_page.clone();
    let secure = app.base.as_url().scheme() == "https";
    let cookie = Cookie::build(("visit", id.to_string())).path("/").http_only(true).same_site(SameSite::Lax);
    Ok((CookieJar::new().add(cookie.secure(secure)), Redirect::to(consent_page.as_str())))
}

/// The user comes back from the consent page, and returns to Divar whatever they chose.
async fn callback(State(app): State<AddOn>, cookies: CookieJar, query: CallbackQuery) -> Redirect {
    let id = cookies.get("visit").and_then(|cookie| cookie.value().parse().ok());
    let Some(visit) = id.and_then(|id| app.visits().remove(&id)) else { return Redirect::to(COMPLETION_URL) };
    let back = Redirect::to(visit.return_url.as_str());
    // Axum drops this handler if the browser disconnects. The code works once, so a task uses it.
    let work = tokio::spawn(async move { app.announce(visit, query).await });
    work.await.unwrap_or(Ok(())).unwrap_or_else(|error| eprintln!("not written: {error}"));
    back
}

/// Responds with 200 to every authentic event, known or not, and works afterwards.
async fn event(State(app): State<AddOn>, event: Event) {
    if let Event::ChatbotMessage(message) = event {
        tokio::spawn(async move {
            let reply = BotMessage::text(format!("سفارش «{}» در راه است.", message.text().unwrap_or("؟")));
            let sent = app.client.send_bot_message(&message.conversation.id, &reply).await;
            sent.map(drop).unwrap_or_else(|error| eprintln!("no reply was sent: {error}"));
        });
    }
}

// [webhook]
/// A user pressed a button that asks the add-on what to do, and waits for this reply.
async fn dynamic_action(pressed: DynamicAction) -> Result<DynamicActionReply, Rejection> {
    let Confirm { order } = pressed.data()?;
    Ok(DynamicActionReply::toast(format!("زمان سفارش {order} تأیید شد")))
}
// [end]

impl AddOn {
    /// Writes into the conversation, with a button for each side.
    async fn announce(&self, visit: Visit, query: CallbackQuery) -> Result<(), Box<dyn Error + Send + Sync>> {
        let code = self.oauth.callback(&query, &visit.state)?.granted()?; // fails for another visitor, or if denied
        let tokens = self.oauth.exchange(code).await?;
        let (tracking, order) = (self.base.join(["orders", "17"]), Confirm { order: "17".to_owned() });
        // [send]
        let message = ConversationMessage::text("درخواست ارسال ثبت شد 🚚")
            .sender_buttons([[Button::open_link("پیگیری سفارش", tracking).icon(Icon::SEND)]])
            .receiver_buttons([[Button::dynamic_action("تأیید زمان", &order)]]);
        match self.client.send_message(&visit.conversation, &message, &tokens.access_token).await {
            Err(error) if error.is_recipient_restricted() => {} // one side blocked the other
            result => drop(result?),
        }
        // [end]
        Ok(())
    }

    fn visits(&self) -> MutexGuard<'_, HashMap<Uuid, Visit>> {
        let mut visits = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
        visits.retain(|_, visit| visit.begun.elapsed() < Duration::from_secs(30 * 60));
        visits
    }
}
