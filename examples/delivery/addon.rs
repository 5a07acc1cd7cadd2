//! The add-on: what Divar asks it, what its pages do, and what it writes into the conversation. It knows nothing of the
//! sandbox.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Form as Sent, Path, RawQuery, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use kenar::model::AppUrl;
use kenar::model::icon::Icon;
use kenar::oauth::Callback;
use kenar::secret::AuthorizationCode;
use kenar::webhook::{DynamicActionReply, OpenAppReply, Rejection, Verifier};
use kenar::{Button, ChatApi as _, Client, ConversationMessage, OAuthClient, Scope};
use serde::{Deserialize, Serialize};

use super::notice;
use super::order::{Confirmed, Draft, Form, Mistakes, Order, Orders, Purpose};
use super::page::{self, Page};
use super::random::NoRandomness;
use super::visits::{Stage, Visit, Visits};

/// What the add-on needs: all of it made at the start, where a mistake can be reported.
pub struct Settings {
    pub verifier: Verifier,
    pub client: Client,
    pub oauth: OAuthClient,
    /// Where users' browsers find the add-on.
    pub base: AppUrl,
    /// How long a user may take from opening the add-on to giving permission.
    pub patience: Duration,
}

struct AddOn {
    settings: Settings,
    visits: Visits,
    orders: Orders,
}

type App = State<Arc<AddOn>>;

/// What the buttons under a message carry, and bring back when they are pressed.
#[derive(Serialize, Deserialize)]
struct Proposal {
    order: String,
    proposal: String,
}

pub fn router(settings: Settings) -> Router {
    let visits = Visits::lasting(settings.patience);
    Router::new()
        .route("/kenar/open", post(open_app))
        .route("/kenar/action", post(dynamic_action))
        .route("/visits/{id}", get(show_form).post(submit))
        .route("/oauth/callback", get(callback))
        .route("/orders/{id}", get(track))
        .route("/pages/only-in-chats", get(async || notice::only_in_chats()))
        .route("/style.css", get(page::style))
        .with_state(Arc::new(AddOn { settings, visits, orders: Orders::default() }))
}

/// A user opens the add-on, from the list in a chat or by the button for another time. Answer with the page to show.
async fn open_app(State(app): App, headers: HeaderMap, body: Bytes) -> Result<OpenAppReply, Problem> {
    let opened = app.settings.verifier.open_app(&headers, &body)?;
    let Some(conversation) = opened.conversation_id().cloned() else {
        return Ok(opened.reply(app.settings.base.join(["pages", "only-in-chats"])));
    };
    let button: Option<Proposal> = opened.data().unwrap_or_default(); // a button of an older version, perhaps
    let order = button.and_then(|button| app.orders.get(&button.order));
    let purpose = match order.filter(|order| order.conversation == conversation) {
        Some(order) => Purpose::OtherTime(order),
        None => Purpose::NewOrder,
    };
    let visit = app.visits.begin(conversation, purpose, opened.return_url())?;
    Ok(opened.reply(app.settings.base.join(["visits", &visit.id])))
}

async fn show_form(State(app): App, Path(id): Path<String>) -> Result<Page, Page> {
    let visit = app.open_visit(&id)?;
    Ok(page::form(&visit.purpose, &visit.form, &Mistakes::default(), &visit.return_url))
}

/// The user has filled in the form: ask for permission to write into the conversation.
async fn submit(State(app): App, Path(id): Path<String>, Sent(form): Sent<Form>) -> Result<impl IntoResponse, Page> {
    let mut visit = app.open_visit(&id)?;
    let draft = Draft::read(&form, &visit.purpose)
        .map_err(|mistakes| page::form(&visit.purpose, &form, &mistakes, &visit.return_url))?;
    let url = app.settings.oauth.permission_url_with_state([visit.scope()], visit.state.clone());
    let cookie = app.cookie_of(&visit);
    (visit.form, visit.stage) = (form, Stage::Asked(draft));
    app.visits.keep(visit);
    Ok(([(SET_COOKIE, cookie)], Redirect::to(url.as_str())))
}

/// The user is back from the consent page, in the browser that was sent there.
async fn callback(State(app): App, headers: HeaderMap, RawQuery(query): RawQuery) -> Result<Redirect, Page> {
    let visit = visit_in(&headers).and_then(|id| app.visits.get(id)).ok_or_else(notice::no_visit)?;
    let code = match app.settings.oauth.callback(query.unwrap_or_default(), &visit.state)? {
        Callback::Granted(code) => code,
        Callback::Denied(_) => return Err(notice::refused(&visit)),
    };
    let back = Redirect::to(visit.return_url.as_str());
    // Who comes back a second time has been served.
    let Some(draft) = app.visits.finish(&visit.id) else { return Ok(back) };
    // In a task of its own: where the browser goes away, axum drops this handler, but the code is used up.
    let work = tokio::spawn(async move { app.carry_out(&visit, draft, code).await });
    work.await.unwrap_or(Ok(())).map(|()| back)
}

async fn track(State(app): App, Path(id): Path<String>) -> Result<Page, Page> {
    app.orders.get(&id).map(|order| page::tracking(&order)).ok_or_else(notice::no_order)
}

/// The other side confirms the time, and waits for this answer.
async fn dynamic_action(State(app): App, headers: HeaderMap, body: Bytes) -> Result<DynamicActionReply, Rejection> {
    let button: Proposal = app.settings.verifier.dynamic_action(&headers, &body)?.data()?;
    Ok(DynamicActionReply::toast(match app.orders.confirm(&button.order, &button.proposal) {
        Confirmed::Now => "زمان تأیید شد",
        Confirmed::Before => "این زمان پیش‌تر تأیید شده است",
        Confirmed::Outdated => "این پیشنهاد دیگر معتبر نیست",
    }))
}

impl AddOn {
    /// The visit with this id, if there is something left to do in it.
    fn open_visit(&self, id: &str) -> Result<Visit, Page> {
        let visit = self.visits.get(id).ok_or_else(notice::no_visit)?;
        if let Stage::Done = visit.stage { Err(notice::already_sent(&visit)) } else { Ok(visit) }
    }

    /// Writes the order into the conversation. What failed for certain can be tried again.
    async fn carry_out(&self, visit: &Visit, draft: Draft, code: AuthorizationCode) -> Result<(), Page> {
        // The tokens are for this one message, and are not kept.
        let tokens = match self.settings.oauth.exchange(code).await {
            Ok(tokens) if tokens.grants(&visit.scope()) => tokens,
            Ok(_) => return Err(self.reopened(visit, notice::refused(visit))),
            Err(error) => return Err(self.reopened(visit, notice::not_written(visit, &error))),
        };
        let order = draft.order(&visit.purpose, &visit.conversation)?;
        let (id, message) = (order.id.clone(), self.announcement(&order, &visit.purpose));
        let before = self.orders.put(order); // first, since a button may be pressed before the call returns
        match self.settings.client.send_message(&visit.conversation, &message, &tokens.access_token).await {
            Ok(_) => Ok(()),
            Err(error) if error.may_have_been_processed() => Err(notice::unsure(visit, &error)),
            Err(error) => {
                self.orders.take_back(&id, before);
                let blocked = error.is_recipient_restricted();
                let page = if blocked { notice::blocked(visit) } else { notice::not_written(visit, &error) };
                Err(self.reopened(visit, page))
            }
        }
    }

    /// What both sides read, with buttons for each.
    fn announcement(&self, order: &Order, purpose: &Purpose) -> ConversationMessage {
        let what = match purpose {
            Purpose::NewOrder => "درخواست ارسال ثبت شد 🚚",
            Purpose::OtherTime(_) => "زمان دیگری برای ارسال پیشنهاد شد 🕒",
        };
        let button = Proposal { order: order.id.clone(), proposal: order.proposal.clone() };
        ConversationMessage::text(format!("{what}\n{}", order.when))
            .sender_buttons([[
                Button::open_link("پیگیری", self.settings.base.join(["orders", &order.id])).icon(Icon::SEND)
            ]])
            .receiver_buttons([[
                Button::dynamic_action("تأیید زمان", &button).icon(Icon::CHECKED),
                Button::server_link("زمان دیگر", &button).icon(Icon::CLOCK),
            ]])
    }

    fn reopened(&self, visit: &Visit, page: Page) -> Page {
        match self.visits.reopen(&visit.id) {
            Ok(()) => page,
            Err(error) => error.into(),
        }
    }

    /// Binds the answer of the consent page to the browser that was sent there.
    fn cookie_of(&self, visit: &Visit) -> String {
        let attributes = match self.settings.base.as_url().scheme() {
            "https" => "Secure; SameSite=None; Partitioned", // Divar may show the add-on in a frame
            _ => "SameSite=Lax",
        };
        format!("visit={}; Path=/; HttpOnly; {attributes}", visit.id)
    }
}

impl Visit {
    fn scope(&self) -> Scope {
        Scope::conversation_send_message(&self.conversation)
    }
}

/// The id of the visit in a browser's cookies.
fn visit_in(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    cookies.flat_map(|cookies| cookies.split(';')).find_map(|cookie| cookie.trim().strip_prefix("visit="))
}

/// Why Divar does not get a page to show.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Rejected(#[from] Rejection),
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        eprintln!("not opened: {self}");
        match self {
            Self::Rejected(rejection) => rejection.into_response(),
            Self::NoRandomness(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}
