//! Promise: all supported web frameworks accept and reject the same webhooks with the same responses, and read no more of a
//! body than needed.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use kenar::model::AppUrl;
use kenar::oauth::{CallbackError, CallbackQuery, OAuthApp, OAuthState};
use kenar::secret::{ClientSecret, IdentificationKey};
use kenar::tower::WebhookService;
use kenar::webhook::{
    DynamicAction, DynamicActionReply, Event, OpenApp, OpenAppReply, ReceivedEvent, Rejection, Verifier,
};
use tower_service::Service;

const KEY: &str = "placeholder-key";
const LIMIT: usize = 40;

fn verifier() -> Verifier {
    Verifier::new(IdentificationKey::new(KEY).unwrap()).max_body_bytes(LIMIT)
}

fn page() -> AppUrl {
    "https://addon.example/order".parse().unwrap()
}

/// A body in pieces, which counts those that were read and may fail at its end.
struct Pieces {
    left: std::vec::IntoIter<Bytes>,
    announced: Option<u64>,
    breaks: bool,
    read: Arc<AtomicUsize>,
}

/// A request: a path, headers and the pieces of a body.
#[derive(Clone)]
struct Call {
    path: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    pieces: Vec<&'static str>,
    announced: bool,
    breaks: bool,
}

#[derive(Debug, PartialEq)]
struct Observed {
    status: u16,
    content_type: String,
    body: String,
    pieces_read: usize,
}

impl Call {
    fn new(path: &'static str, pieces: &[&'static str]) -> Self {
        let headers = vec![("authorization", KEY)];
        Self { path, headers, pieces: pieces.to_vec(), announced: true, breaks: false }
    }

    fn length(&self) -> usize {
        self.pieces.iter().map(|piece| piece.len()).sum()
    }

    fn body(&self) -> Pieces {
        let pieces: Vec<_> = self.pieces.iter().map(|piece| Bytes::from(*piece)).collect();
        Pieces {
            left: pieces.into_iter(),
            announced: self.announced.then_some(self.length() as u64),
            breaks: self.breaks,
            read: Arc::default(),
        }
    }

    fn request(&self) -> (Request<Pieces>, Arc<AtomicUsize>) {
        let body = self.body();
        let read = body.read.clone();
        let mut request = Request::post(self.path);
        for (name, value) in &self.headers {
            request = request.header(*name, *value);
        }
        (request.body(body).unwrap(), read)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the caller went away")]
struct Gone;

impl Pieces {
    fn next(&mut self) -> Option<Result<Bytes, Gone>> {
        match self.left.next() {
            Some(piece) => {
                self.read.fetch_add(1, Ordering::SeqCst);
                Some(Ok(piece))
            }
            None if std::mem::take(&mut self.breaks) => Some(Err(Gone)),
            None => None,
        }
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Gone;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Gone>>> {
        Poll::Ready(self.next().map(|piece| piece.map(http_body::Frame::data)))
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.announced.map_or_else(http_body::SizeHint::default, http_body::SizeHint::with_exact)
    }
}

async fn observed<B>(response: Response<B>, read: &AtomicUsize) -> Observed
where
    B: http_body::Body<Error: std::fmt::Debug>,
{
    let (parts, body) = response.into_parts();
    Observed {
        status: parts.status.as_u16(),
        content_type: content_type(&parts.headers),
        body: String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap(),
        pieces_read: read.load(Ordering::SeqCst),
    }
}

fn content_type(headers: &HeaderMap) -> String {
    headers.get("content-type").map_or(String::new(), |value| value.to_str().unwrap().to_owned())
}

mod in_axum {
    use super::*;
    use axum::extract::FromRef;
    use axum::routing::{get, post};

    /// A state that contains the verifier.
    #[derive(Clone)]
    struct State(Verifier);

    impl FromRef<State> for Verifier {
        fn from_ref(state: &State) -> Self {
            state.0.clone()
        }
    }

    async fn open(opened: OpenApp) -> OpenAppReply {
        opened.reply(page())
    }

    async fn event(event: Event) -> String {
        format!("{:?}", event.kind())
    }

    async fn received(event: ReceivedEvent) -> Bytes {
        event.body().clone()
    }

    async fn action(pressed: DynamicAction) -> Result<DynamicActionReply, Rejection> {
        Ok(DynamicActionReply::toast(pressed.data::<String>()?))
    }

    async fn callback(query: CallbackQuery) -> Result<String, CallbackError> {
        super::read_callback(&query)
    }

    pub async fn send(call: &Call) -> Observed {
        let mut router = axum::Router::new()
            .route("/open", post(open))
            .route("/event", post(event))
            .route("/received", post(received))
            .route("/action", post(action))
            .route("/callback", get(callback))
            .with_state(State(verifier()));
        let (mut request, read) = call.request();
        if call.path.starts_with("/callback") {
            *request.method_mut() = http::Method::GET;
        }
        observed(router.call(request).await.unwrap(), &read).await
    }
}

mod in_tower {
    use super::*;

    pub async fn send(call: &Call) -> Observed {
        let mut service = service();
        let (request, read) = call.request();
        observed(service.call(request).await.unwrap(), &read).await
    }

    pub fn service() -> WebhookService {
        WebhookService::new(verifier())
            .on_open_app(|opened| async move { Ok(opened.reply(page())) })
            .on_event(|event| async move {
                if event.kind().is_none() { Err(StatusCode::SERVICE_UNAVAILABLE) } else { Ok(()) }
            })
            .on_dynamic_action(|pressed| async move { Ok(DynamicActionReply::toast(pressed.data::<String>()?)) })
    }
}

mod in_actix {
    use super::*;
    use actix_web::dev::{Payload, Service as _};
    use actix_web::error::PayloadError;
    use actix_web::{App, test, web};

    async fn open(opened: OpenApp) -> OpenAppReply {
        opened.reply(page())
    }

    async fn event(event: Event) -> String {
        format!("{:?}", event.kind())
    }

    async fn received(event: ReceivedEvent) -> Bytes {
        event.body().clone()
    }

    async fn action(pressed: DynamicAction) -> Result<DynamicActionReply, Rejection> {
        Ok(DynamicActionReply::toast(pressed.data::<String>()?))
    }

    async fn callback(query: CallbackQuery) -> Result<String, CallbackError> {
        super::read_callback(&query)
    }

    impl futures_core::Stream for Pieces {
        type Item = Result<Bytes, PayloadError>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            Poll::Ready(self.next().map(|piece| piece.map_err(|gone| PayloadError::Io(std::io::Error::other(gone)))))
        }
    }

    pub fn send(call: &Call, shared: bool) -> Observed {
        actix_web::rt::System::new().block_on(async {
            let app =
                if shared { App::new().app_data(web::Data::new(verifier())) } else { App::new().app_data(verifier()) };
            let app = app
                .route("/open", web::post().to(open))
                .route("/event", web::post().to(event))
                .route("/received", web::post().to(received))
                .route("/action", web::post().to(action))
                .route("/callback", web::get().to(callback));
            let app = test::init_service(app).await;
            let mut request =
                if call.path.starts_with("/callback") { test::TestRequest::get() } else { test::TestRequest::post() };
            request = request.uri(call.path);
            for (name, value) in &call.headers {
                request = request.append_header((*name, *value));
            }
            if call.announced {
                request = request.insert_header(("content-length", call.length()));
            }
            let body = call.body();
            let read = body.read.clone();
            let payload: Pin<Box<dyn futures_core::Stream<Item = Result<Bytes, PayloadError>>>> = Box::pin(body);
            let (request, _) = request.to_request().replace_payload(Payload::from(payload));
            let response = app.call(request).await.expect("a response");
            let status = response.status().as_u16();
            let content_type = response.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
            let body = String::from_utf8(test::read_body(response).await.to_vec()).unwrap();
            let pieces_read = read.load(Ordering::SeqCst);
            Observed { status, content_type: content_type.unwrap_or_default(), body, pieces_read }
        })
    }

    pub fn without_verifier() -> u16 {
        actix_web::rt::System::new().block_on(async {
            let app = test::init_service(App::new().route("/event", web::post().to(event))).await;
            let request = test::TestRequest::post().uri("/event").append_header(("authorization", KEY)).to_request();
            app.call(request).await.expect("a response").status().as_u16()
        })
    }
}

const STATE: &str = "state-placeholder-1";

fn read_callback(query: &CallbackQuery) -> Result<String, CallbackError> {
    let secret = ClientSecret::new("placeholder").unwrap();
    let app = OAuthApp::new("app", secret, "https://addon.example/oauth").unwrap();
    let callback = app.callback(query, &OAuthState::restore(STATE).unwrap())?;
    Ok(callback.granted().map_or_else(|denial| denial.to_string(), |code| code.expose_secret().to_owned()))
}

fn expect(status: u16, content_type: &str, body: &str, pieces_read: usize) -> Observed {
    Observed { status, content_type: content_type.to_owned(), body: body.to_owned(), pieces_read }
}

/// Sends the request to all frameworks; to tower's service only if it handles it like the extractors.
async fn check(call: Call, expected: Observed) {
    assert_eq!(in_axum::send(&call).await, expected, "axum");
    if matches!(call.path, "/open" | "/action") || expected.status != 200 && call.path == "/event" {
        assert_eq!(in_tower::send(&call).await, expected, "tower");
    }
    for shared in [false, true] {
        let call = call.clone();
        let observed = std::thread::spawn(move || in_actix::send(&call, shared)).join().unwrap();
        assert_eq!(observed, expected, "actix-web");
    }
}

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

#[tokio::test]
async fn authentic_webhooks_are_extracted() {
    let opens = r#"{"url":"https://addon.example/order"}"#;
    check(Call::new("/open", &["{", "}"]), expect(200, JSON, opens, 2)).await;

    // The version header is read too.
    let opens = r#"{"status":"200","message":"success","url":"https://addon.example/order"}"#;
    for name in ["api-version", "api_version"] {
        let mut call = Call::new("/open", &["{}"]);
        call.headers.push((name, "1"));
        check(call, expect(200, JSON, opens, 1)).await;
    }
    let pressed = Call::new("/action", &[r#"{"extra_data":"#, r#""باشد"}"#]);
    check(pressed, expect(200, JSON, r#"{"text_message":"باشد"}"#, 2)).await;
    let event = Call::new("/event", &[r#"{"type":"NEW_MESSAGE"}"#]);
    check(event.clone(), expect(200, TEXT, "Some(NewMessage)", 1)).await;
    assert_eq!(in_tower::send(&event).await, expect(200, "", "", 1));
}

#[tokio::test]
async fn received_event_keeps_its_bytes() {
    let call = Call::new("/received", &["{ ", "\"a\":1}"]);
    check(call, expect(200, "application/octet-stream", "{ \"a\":1}", 2)).await;
}

#[tokio::test]
async fn wrong_key_is_rejected_before_the_body_is_read() {
    for values in [&[][..], &["other"], &[KEY, KEY], &["\u{e9}"]] {
        for path in ["/open", "/event", "/action"] {
            let mut call = Call::new(path, &["{}"]);
            call.headers = values.iter().map(|value| ("authorization", *value)).collect();
            check(call, expect(401, "", "", 0)).await;
        }
    }
}

#[tokio::test]
async fn large_body_is_rejected_before_it_is_in_memory() {
    let too_large = "body too large: more than 40 bytes";
    for path in ["/open", "/event", "/action"] {
        let mut call = Call::new(path, &["{          ", "          }", "          ", "          ", "          "]);
        check(call.clone(), expect(413, TEXT, too_large, 0)).await;
        call.announced = false;
        check(call, expect(413, TEXT, too_large, 4)).await;
        let exact = ["{}        ", "          ", "          ", "          "];
        let mut call = Call::new(path, &exact);
        call.announced = false;
        assert_eq!(in_axum::send(&call).await.status, if path == "/action" { 400 } else { 200 });
    }
}

#[tokio::test]
async fn limit_is_the_verifiers_not_the_frameworks() {
    use axum::routing::post;
    let big = Verifier::new(IdentificationKey::new(KEY).unwrap()).max_body_bytes(3 * 1024 * 1024);
    let mut router = axum::Router::new().route("/", post(|_: Event| async {})).with_state(big);
    let body = format!("{{}}{}", " ".repeat(3 * 1024 * 1024 - 2));
    let request = Request::post("/").header("authorization", KEY).body(axum::body::Body::from(body)).unwrap();
    assert_eq!(router.call(request).await.unwrap().status(), 200);
}

#[tokio::test]
async fn non_object_body_is_rejected_with_the_reason() {
    for path in ["/open", "/event", "/action"] {
        check(Call::new(path, &["[]"]), expect(400, TEXT, "invalid body: JSON, but not an object", 1)).await;
        let why = "invalid JSON: EOF while parsing an object at line 1 column 1";
        check(Call::new(path, &["{"]), expect(400, TEXT, why, 1)).await;
        let mut broken = Call::new(path, &["{"]);
        (broken.announced, broken.breaks) = (false, true);
        let observed = in_axum::send(&broken).await;
        assert_eq!((observed.status, observed.body.as_str()), (400, "cannot read the body: the caller went away"));
        assert_eq!(in_tower::send(&broken).await, observed);
        let observed = std::thread::spawn(move || in_actix::send(&broken, true)).join().unwrap();
        assert_eq!(observed.status, 400);
        assert!(observed.body.starts_with("cannot read the body: "), "{observed:?}");
    }
    let why = "missing button data";
    let call = Call::new("/action", &["{}"]);
    assert_eq!(in_axum::send(&call).await, expect(400, TEXT, why, 1));
    assert_eq!(in_tower::send(&call).await, expect(400, "", "", 1));
}

#[tokio::test]
async fn callback_is_extracted_and_checked() {
    for (query, status, body) in [
        ("/callback?code=a%2Fb&state=state-placeholder-1", 200, "a/b"),
        ("/callback?error=access_denied&state=state-placeholder-1", 200, "permission not granted: access_denied"),
        ("/callback?code=a&state=state-placeholder-2", 400, "callback state mismatch: not the state that was sent"),
        ("/callback", 400, "callback has no state"),
    ] {
        check(Call::new(query, &[]), expect(status, TEXT, body, 0)).await;
    }
    let query = CallbackQuery::new("code=secret-code&state=secret-state");
    assert!(!format!("{query:?}").contains("secret"));
}

#[tokio::test]
async fn service_responds_404_to_other_paths() {
    for (path, status) in [
        ("/open", 200),
        ("/kenar/open/", 200),
        ("/kenar/event", 503),
        ("/", 404),
        ("/opened", 404),
        ("/open/other", 404),
    ] {
        assert_eq!(in_tower::send(&Call::new(path, &["{}"])).await.status, status, "{path}");
    }
    let (mut request, read) = Call::new("/open", &["{}"]).request();
    *request.method_mut() = http::Method::GET;
    let response = in_tower::service().call(request).await.unwrap();
    assert_eq!(
        (response.status(), &response.headers()["allow"]),
        (StatusCode::METHOD_NOT_ALLOWED, &"POST".parse().unwrap())
    );
    assert_eq!(read.load(Ordering::SeqCst), 0);

    // A service without handlers.
    let mut bare = WebhookService::new(verifier());
    for (path, status) in [("/open", 404), ("/action", 404), ("/event", 200)] {
        let (request, _) = Call::new(path, &["{}"]).request();
        assert_eq!(bare.call(request).await.unwrap().status(), status, "{path}");
    }
    let (request, _) = Call::new("/event", &["["]).request();
    assert_eq!(bare.call(request).await.unwrap().status(), 400);
}

#[tokio::test]
async fn service_is_mounted_in_a_router() {
    let mut router = axum::Router::new().nest_service("/kenar", in_tower::service());
    let (mut request, read) = Call::new("/open", &["{}"]).request();
    *request.uri_mut() = "/kenar/open".parse().unwrap();
    let response: Result<_, Infallible> = router.call(request).await;
    assert_eq!(observed(response.unwrap(), &read).await.status, 200);
}

#[test]
fn missing_verifier_responds_500() {
    assert_eq!(in_actix::without_verifier(), 500);
}
