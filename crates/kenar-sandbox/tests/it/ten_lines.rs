//! Promise: an end-to-end test of an add-on takes a few lines.

use std::sync::{Arc, Mutex};

use crate::support::serve;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Form, RawQuery, State};
use axum::response::Redirect;
use axum::routing::{get, post};
use http::HeaderMap;
use kenar::model::{AppUrl, ConversationId};
use kenar::oauth::{Callback, OAuthState};
use kenar::webhook::{COMPLETION_URL, DynamicAction, DynamicActionReply, OpenAppReply, Rejection, Verifier};
use kenar::{Button, ChatApi as _, Client, ConversationMessage, OAuthClient, Scope};
use kenar_sandbox::{App, Sandbox};

/// A delivery service, as its author would write it.
struct Delivery {
    url: AppUrl,
    client: Client,
    oauth: OAuthClient,
    verifier: Verifier,
    visit: Mutex<Option<(ConversationId, OAuthState)>>,
    pressed: Mutex<Vec<DynamicAction>>,
}

impl Delivery {
    async fn serve(app: &App) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: AppUrl = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        app.set_open_app_url(url.join(["open"])).set_dynamic_action_url(url.join(["pressed"]));
        let delivery = Arc::new(Self {
            client: app.client(),
            oauth: app.oauth(url.join(["oauth"]).as_str()).unwrap(),
            verifier: app.verifier(),
            url,
            visit: Mutex::default(),
            pressed: Mutex::default(),
        });
        let router = Router::new()
            .route("/open", post(open_app))
            .route("/form", get(|| async { "when?" }))
            .route("/order", post(order))
            .route("/oauth", get(granted))
            .route("/pressed", post(pressed))
            .with_state(Arc::clone(&delivery));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        delivery
    }
}

type Add = State<Arc<Delivery>>;

async fn open_app(State(add): Add, headers: HeaderMap, body: Bytes) -> Result<OpenAppReply, Rejection> {
    let opened = add.verifier.open_app(&headers, &body)?;
    let (_, state) = add.oauth.permission_url([Scope::offline_access()]);
    *add.visit.lock().unwrap() = Some((opened.conversation_id().unwrap().clone(), state));
    Ok(OpenAppReply::to(add.url.join(["form"])))
}

async fn order(State(add): Add, Form(order): Form<Vec<(String, String)>>) -> Redirect {
    assert_eq!(order, [("when".to_owned(), "tomorrow".to_owned())]);
    let mut visit = add.visit.lock().unwrap();
    let (conversation, kept) = visit.as_mut().unwrap();
    let (url, state) = add.oauth.permission_url([Scope::conversation_send_message(conversation)]);
    *kept = state;
    Redirect::to(url.as_str())
}

async fn granted(State(add): Add, RawQuery(query): RawQuery) -> Redirect {
    let (conversation, state) = add.visit.lock().unwrap().clone().unwrap();
    let Callback::Granted(code) = add.oauth.callback(query.unwrap_or_default(), &state).unwrap() else {
        return Redirect::to(COMPLETION_URL);
    };
    let tokens = add.oauth.exchange(code).await.unwrap();
    let message = ConversationMessage::text("درخواست ارسال ثبت شد 🚚")
        .sender_buttons([[Button::open_link("پیگیری", add.url.join(["form"]))]])
        .receiver_buttons([[Button::dynamic_action("تأیید زمان", serde_json::json!({ "order": "17" }))]]);
    add.client.send_message(&conversation, &message, &tokens.access_token).await.unwrap();
    Redirect::to(COMPLETION_URL)
}

async fn pressed(State(add): Add, headers: HeaderMap, body: Bytes) -> Result<String, Rejection> {
    add.pressed.lock().unwrap().push(add.verifier.dynamic_action(&headers, &body)?);
    Ok(serde_json::to_string(&DynamicActionReply::toast("زمان تأیید شد")).unwrap())
}

#[tokio::test]
async fn delivery_request_reaches_both_sides() -> crate::support::TestResult {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("delivery");
    let addon = Delivery::serve(&app).await;
    let (seller, buyer) = (sandbox.user("sara"), sandbox.user("ali"));
    let chat = sandbox.add_post(&seller).conversation_with(&buyer);

    let visit = buyer.open_app(&chat, &app).await?;
    let visit = visit.post_form("/order", &[("when", "tomorrow")]).await?.allow().await?;
    assert!(visit.has_returned(), "{visit:?}");

    let message = chat.next_message().await?;
    assert_eq!(message.text(), Some("درخواست ارسال ثبت شد 🚚"));
    let pressed = seller.press(&message, "تأیید زمان").await?;
    assert_eq!(pressed.toast.as_deref(), Some("زمان تأیید شد"));

    let action = addon.pressed.lock().unwrap().pop().unwrap();
    assert_eq!(action.user_id(), Some(&seller.id_for(&app)));
    assert_eq!(action.data::<serde_json::Value>()?, serde_json::json!({ "order": "17" }));
    Ok(())
}

#[tokio::test]
async fn denied_permission_returns_to_divar() -> crate::support::TestResult {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("delivery");
    Delivery::serve(&app).await;
    let (seller, buyer) = (sandbox.user("sara"), sandbox.user("ali"));
    let chat = sandbox.add_post(&seller).conversation_with(&buyer);

    let asked = buyer.open_app(&chat, &app).await?.post_form("/order", &[("when", "tomorrow")]).await?;
    assert!(asked.asks_permission() && asked.text().contains("CONVERSATION_SEND_MESSAGE"), "{asked:?}");
    let visit = asked.deny().await?;

    assert!(visit.has_returned(), "{visit:?}");
    assert!(chat.messages().is_empty(), "{}", chat.transcript());
    Ok(())
}

#[tokio::test]
async fn each_side_sees_its_own_buttons() -> crate::support::TestResult {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("delivery");
    Delivery::serve(&app).await;
    let (seller, buyer) = (sandbox.user("sara"), sandbox.user("ali"));
    let chat = sandbox.add_post(&seller).conversation_with(&buyer);
    let visit = buyer.open_app(&chat, &app).await?;
    visit.post_form("/order", &[("when", "tomorrow")]).await?.allow().await?;
    let message = chat.next_message().await?;

    let page = buyer.press(&message, "پیگیری").await?.page().unwrap();
    assert_eq!(page.text(), "when?");

    let error = seller.press(&message, "پیگیری").await.unwrap_err().to_string();
    assert!(error.contains(r#"button not found: "پیگیری"; sara sees ["تأیید زمان"]"#), "{error}");
    assert!(error.contains("delivery for ali: درخواست ارسال ثبت شد 🚚"), "{error}");
    let error = sandbox.user("reza").press(&message, "پیگیری").await.unwrap_err().to_string();
    assert!(error.contains("reza is not in this conversation"), "{error}");
    Ok(())
}

#[tokio::test]
async fn page_on_another_host_is_not_loaded() -> crate::support::TestResult {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("delivery");
    let addon = serve(Router::new().route(
        "/open",
        post(|| async { r#"{"status":"200","message":"success","url":"https://addon.example/page"}"# }),
    ))
    .await;
    app.set_open_app_url(addon.join(["open"]));
    let (seller, buyer) = (sandbox.user("sara"), sandbox.user("ali"));
    let chat = sandbox.add_post(&seller).conversation_with(&buyer);

    let visit = buyer.open_app(&chat, &app).await?;
    assert_eq!(visit.url().as_str(), "https://addon.example/page");
    Ok(())
}

#[tokio::test]
async fn browser_keeps_cookies_and_follows_redirects() -> crate::support::TestResult {
    let sandbox = Sandbox::start().await?;
    let set = |cookie: &'static str, to: &'static str| ([("set-cookie", cookie)], Redirect::to(to));
    let echo = |headers: HeaderMap| async move {
        headers.get("cookie").map_or("none", |cookies| cookies.to_str().unwrap()).to_owned()
    };
    let addon = serve(
        Router::new()
            .route("/in", get(move || async move { set("visit=17; Path=/; HttpOnly", "/echo") }))
            .route("/out", get(move || async move { set("visit=; Max-Age=0", "/echo") }))
            .route("/echo", get(echo))
            .route("/again", post(|| async { Redirect::temporary("/form") }))
            .route("/form", post(|form: String| async { form }).get(|| async { "no form" }))
            .route("/round", get(|| async { Redirect::to("/round") })),
    )
    .await;
    let sara = sandbox.user("sara");

    let visit = sara.visit(addon.join(["in"]).as_str()).await?;
    assert_eq!((visit.url().path(), visit.text().as_str()), ("/echo", "visit=17"));
    assert_eq!(visit.follow("/out").await?.text(), "none");
    assert_eq!(visit.post_form("/again", &[("a", "ب")]).await?.text(), "a=%D8%A8");
    let round = visit.follow("/round").await.unwrap_err().to_string();
    assert!(round.starts_with("too many redirects: more than 20"), "{round}");
    let early = visit.allow().await.unwrap_err().to_string();
    assert!(early.contains("not the consent page"), "{early}");
    Ok(())
}
