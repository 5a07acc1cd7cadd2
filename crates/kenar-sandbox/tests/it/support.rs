//! Shared test code.
#![allow(dead_code)]

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::response::IntoResponse as _;
use http::{Method, StatusCode};
use kenar::Scope;
use kenar::model::AppUrl;
use kenar::oauth::{Callback, TokenSet};
use kenar::request::Body;
use kenar::transport::HttpTransport;
use kenar::webhook::{DynamicActionReply, Event, OpenAppReply, Verifier};
use kenar_sandbox::{App, Sandbox, User};
use serde_json::Value;

pub type TestResult = Result<(), Box<dyn std::error::Error>>;

/// Serves a router on a free port.
pub async fn serve(router: Router) -> AppUrl {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url.parse().unwrap()
}

type Later<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
type OnEvent = Arc<dyn Fn(Event) -> Later<'static> + Send + Sync>;

/// An add-on that records webhooks and sends prepared responses.
#[derive(Clone)]
pub struct AddOn {
    pub url: AppUrl,
    inner: Arc<Inner>,
}

struct Inner {
    verifier: Verifier,
    seen: Mutex<Vec<Value>>,
    events: Mutex<Vec<Event>>,
    reply: Mutex<DynamicActionReply>,
    on_event: Mutex<Option<OnEvent>>,
    status: Mutex<StatusCode>,
    page: Mutex<Option<AppUrl>>,
}

impl AddOn {
    /// Serves the add-on, and sets its URLs in the panel.
    pub async fn of(app: &App) -> Self {
        let inner = Arc::new(Inner {
            verifier: app.verifier(),
            seen: Mutex::default(),
            events: Mutex::default(),
            reply: Mutex::default(),
            on_event: Mutex::default(),
            status: Mutex::new(StatusCode::OK),
            page: Mutex::default(),
        });
        let url = serve(Router::new().fallback(respond).with_state(Arc::clone(&inner))).await;
        app.set_open_app_url(url.join(["open"]))
            .set_events_url(url.join(["events"]))
            .set_dynamic_action_url(url.join(["pressed"]));
        *inner.page.lock().unwrap() = Some(url.join(["page"]));
        Self { url, inner }
    }

    /// The bodies of received webhooks, in order.
    pub fn seen(&self) -> Vec<Value> {
        self.inner.seen.lock().unwrap().clone()
    }

    pub fn events(&self) -> Vec<Event> {
        self.inner.events.lock().unwrap().clone()
    }

    pub fn replies(&self, reply: DynamicActionReply) {
        *self.inner.reply.lock().unwrap() = reply;
    }

    pub fn responds_with(&self, status: StatusCode) {
        *self.inner.status.lock().unwrap() = status;
    }

    pub fn on_event<F: Future<Output = ()> + Send + 'static>(&self, act: impl Fn(Event) -> F + Send + Sync + 'static) {
        *self.inner.on_event.lock().unwrap() = Some(Arc::new(move |event| Box::pin(act(event))));
    }
}

async fn respond(State(inner): State<Arc<Inner>>, request: Request) -> http::Response<axum::body::Body> {
    let (parts, body) = request.into_parts();
    if parts.method == Method::GET {
        return http::Response::new(format!("page {}", parts.uri).into());
    }
    let body: Bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    inner.seen.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
    let status = *inner.status.lock().unwrap();
    let mut response = match parts.uri.path() {
        "/open" => {
            inner.verifier.open_app(&parts.headers, &body).unwrap();
            let page = inner.page.lock().unwrap().clone().unwrap();
            OpenAppReply::to(page).into_response()
        }
        "/pressed" => {
            inner.verifier.dynamic_action(&parts.headers, &body).unwrap();
            inner.reply.lock().unwrap().clone().into_response()
        }
        _ => {
            let event = inner.verifier.event(&parts.headers, &body).unwrap();
            inner.events.lock().unwrap().push(event.clone());
            let act = inner.on_event.lock().unwrap().clone();
            if let Some(act) = act {
                act(event).await;
            }
            StatusCode::OK.into_response()
        }
    };
    *response.status_mut() = status;
    response
}

/// A plain HTTP request to the sandbox, without the client.
pub struct Ask(http::Request<Body>, kenar_sandbox::SandboxTransport);

impl Ask {
    pub fn new(sandbox: &Sandbox, method: &str, path: &str) -> Self {
        let request = http::Request::builder().method(method).uri(format!("{}{path}", sandbox.url()));
        Self(request.body(Body::empty()).unwrap(), sandbox.transport())
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.0.headers_mut().insert(name, value.parse().unwrap());
        self
    }

    pub fn key(self, app: &App) -> Self {
        let key = app.api_key();
        self.header("x-api-key", key.expose_secret())
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn body(mut self, body: impl Into<String>) -> Self {
        *self.0.body_mut() = Body::from(body.into());
        self
    }

    pub fn json(self, value: Value) -> Self {
        self.header("content-type", "application/json").body(value.to_string())
    }

    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.header("content-type", "application/x-www-form-urlencoded").body(form)
    }

    pub async fn send(self) -> http::Response<bytes::Bytes> {
        self.try_send().await.unwrap()
    }

    pub async fn try_send(self) -> Result<http::Response<bytes::Bytes>, kenar::transport::TransportError> {
        self.1.send(self.0).await
    }

    /// The status and the JSON body.
    pub async fn json_response(self) -> (u16, Value) {
        let response = self.send().await;
        (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap_or_default())
    }

    /// The status and the `google.rpc.Status` code.
    pub async fn refusal(self) -> (u16, i64) {
        let (status, json) = self.json_response().await;
        assert!(json["message"].is_string() && json["details"].is_array(), "no google.rpc.Status: {json}");
        (status, json["code"].as_i64().unwrap())
    }
}

pub const REDIRECT: &str = "http://127.0.0.1:1/oauth";

/// Grants scopes to the app in the user's name, as a browser would.
pub async fn grant(sandbox: &Sandbox, app: &App, user: &User, scopes: impl IntoIterator<Item = Scope>) -> TokenSet {
    let oauth = app.oauth(REDIRECT).unwrap();
    let (url, state) = oauth.permission_url(scopes);
    let url = url.as_str().strip_prefix(sandbox.url()).unwrap().to_owned();
    let form = [("user", user.name()), ("decision", "allow")];
    let response = Ask::new(sandbox, "POST", &url).form(&form).send().await;
    let to = response.headers()["location"].to_str().unwrap();
    let (_, query) = to.split_once('?').unwrap();
    let Callback::Granted(code) = oauth.callback(query, &state).unwrap() else { panic!("refused: {to}") };
    oauth.exchange(code).await.unwrap()
}
