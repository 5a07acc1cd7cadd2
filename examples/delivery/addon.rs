//! The add-on's webhooks, pages and messages. It knows nothing of the sandbox.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Form as Sent, FromRef, Path, State};
use axum::response::Redirect;
use axum::routing::{get, post};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use kenar::model::AppUrl;
use kenar::model::icon::Icon;
use kenar::oauth::{Callback, CallbackQuery};
use kenar::secret::AuthorizationCode;
use kenar::webhook::{DynamicActionReply, OpenAppReply, Rejection};
use kenar::{Button, ChatApi as _, Client, ConversationMessage, DynamicAction, OAuthClient, OpenApp, Scope, Verifier};
use serde::{Deserialize, Serialize};

use super::notice;
use super::order::{Confirmed, Draft, Form, Mistakes, Order, Orders, Purpose};
use super::page::{self, Page};
use super::visits::{Stage, Visit, Visits};

/// Everything the add-on needs, made at the start of the program so that mistakes are reported there.
#[derive(Clone)]
pub struct Settings {
    pub verifier: Verifier,
    pub client: Client,
    pub oauth: OAuthClient,
    /// The address at which browsers reach the add-on.
    pub base: AppUrl,
    /// The longest time between opening the add-on and giving permission.
    pub patience: Duration,
}

#[derive(Clone)]
struct AddOn {
    settings: Settings,
    visits: Arc<Visits>,
    orders: Arc<Orders>,
}

type App = State<AddOn>;

/// The extractors of webhooks find the verifier by this.
impl FromRef<AddOn> for Verifier {
    fn from_ref(app: &AddOn) -> Self {
        app.settings.verifier.clone()
    }
}

/// The data of the buttons under a message, which comes back when one is pressed.
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
        .with_state(AddOn { settings, visits: Arc::new(visits), orders: Arc::default() })
}

/// A user opens the add-on, from the list in a chat or by the button for another time. The reply names the page to show.
async fn open_app(State(app): App, opened: OpenApp) -> Result<OpenAppReply, Page> {
    let Some(conversation) = opened.conversation_id().cloned() else {
        return Ok(opened.reply(app.settings.base.join(["pages", "only-in-chats"])));
    };
    let button: Option<Proposal> = opened.data().unwrap_or_default(); // the data of an older version may not fit
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
async fn submit(
    State(app): App,
    Path(id): Path<String>,
    Sent(form): Sent<Form>,
) -> Result<(CookieJar, Redirect), Page> {
    let mut visit = app.open_visit(&id)?;
    let draft = Draft::read(&form, &visit.purpose)
        .map_err(|mistakes| page::form(&visit.purpose, &form, &mistakes, &visit.return_url))?;
    let url = app.settings.oauth.permission_url_with_state([visit.scope()], visit.state.clone());
    let cookie = app.cookie_of(&visit);
    (visit.form, visit.stage) = (form, Stage::Asked(draft));
    app.visits.keep(visit);
    Ok((CookieJar::new().add(cookie), Redirect::to(url.as_str())))
}

/// The user is back from the consent page, in the browser that was sent there.
async fn callback(State(app): App, cookies: CookieJar, query: CallbackQuery) -> Result<Redirect, Page> {
    let visit = cookies.get("visit").and_then(|cookie| app.visits.get(cookie.value())).ok_or_else(notice::no_visit)?;
    let code = match app.settings.oauth.callback(&query, &visit.state)? {
        Callback::Granted(code) => code,
        Callback::Denied(_) => return Err(notice::refused(&visit)),
    };
    let back = Redirect::to(visit.return_url.as_str());
    // A user who comes back a second time has been served.
    let Some(draft) = app.visits.finish(&visit.id) else { return Ok(back) };
    // Axum drops this handler if the browser disconnects. The code works once, so a task uses it.
    let work = tokio::spawn(async move { app.carry_out(&visit, draft, code).await });
    work.await.unwrap_or(Ok(())).map(|()| back)
}

async fn track(State(app): App, Path(id): Path<String>) -> Result<Page, Page> {
    app.orders.get(&id).map(|order| page::tracking(&order)).ok_or_else(notice::no_order)
}

/// The other side confirms the time, and waits for this reply.
async fn dynamic_action(State(app): App, pressed: DynamicAction) -> Result<DynamicActionReply, Rejection> {
    let button: Proposal = pressed.data()?;
    Ok(DynamicActionReply::toast(match app.orders.confirm(&button.order, &button.proposal) {
        Confirmed::Now => "زمان تأیید شد",
        Confirmed::Before => "این زمان پیش‌تر تأیید شده است",
        Confirmed::Outdated => "این پیشنهاد دیگر معتبر نیست",
    }))
}

impl AddOn {
    /// The visit with this id, if it is not done.
    fn open_visit(&self, id: &str) -> Result<Visit, Page> {
        let visit = self.visits.get(id).ok_or_else(notice::no_visit)?;
        if let Stage::Done = visit.stage { Err(notice::already_sent(&visit)) } else { Ok(visit) }
    }

    /// Writes the order into the conversation. The user can try again after a certain failure.
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

    /// The message that both sides read, with buttons for each.
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

    /// Binds the permission to the browser that was sent to the consent page.
    fn cookie_of(&self, visit: &Visit) -> Cookie<'static> {
        let cookie = Cookie::build(("visit", visit.id.clone())).path("/").http_only(true);
        match self.settings.base.as_url().scheme() {
            // Divar may show the add-on in a frame.
            "https" => cookie.secure(true).same_site(SameSite::None).partitioned(true).build(),
            _ => cookie.same_site(SameSite::Lax).build(),
        }
    }
}

impl Visit {
    fn scope(&self) -> Scope {
        Scope::conversation_send_message(&self.conversation)
    }
}
