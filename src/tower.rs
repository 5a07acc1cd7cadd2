//! All webhooks as one [`tower::Service`](https://docs.rs/tower-service).

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use tower_service::Service;

use crate::error::BoxError;
use crate::request::Body;
use crate::webhook::{
    DynamicAction, DynamicActionReply, OpenApp, OpenAppReply, ReceivedEvent, Verifier, WebhookHeaders,
};

/// All three webhooks as one service.
///
/// It accepts POST on paths that end in `/open`, `/event` and `/action`, and responds 404 elsewhere. Without a handler, it
/// responds 200 to events, and 404 to the other two. It verifies the key, then reads the body up to
/// [`Verifier::max_body_bytes`].
///
/// ```
/// use kenar::tower::WebhookService;
/// use kenar::webhook::DynamicActionReply;
///
/// # let verifier = kenar::Verifier::new(kenar::secret::IdentificationKey::new("placeholder").unwrap());
/// let webhooks = WebhookService::new(verifier)
///     .on_open_app(|opened| async move { Ok(opened.reply("https://addon.example/order".parse().unwrap())) })
///     .on_event(|event| async move { Ok(println!("{:?}", event.kind())) })
///     .on_dynamic_action(|pressed| async move { Ok(DynamicActionReply::toast(pressed.data::<String>()?)) });
///
/// let routes: axum::Router = axum::Router::new().nest_service("/kenar", webhooks);
/// ```
#[derive(Clone)]
pub struct WebhookService {
    verifier: Verifier,
    open_app: Option<Handler<OpenApp>>,
    event: Option<Handler<ReceivedEvent>>,
    dynamic_action: Option<Handler<DynamicAction>>,
}

type Handler<T> = Arc<dyn Fn(T) -> Pin<Box<dyn Future<Output = Response<Bytes>> + Send>> + Send + Sync>;

impl WebhookService {
    /// A service with this verifier, without handlers.
    #[must_use]
    pub fn new(verifier: Verifier) -> Self {
        Self { verifier, open_app: None, event: None, dynamic_action: None }
    }

    /// Sets the handler of requests to open the app. An error is the status of the response.
    #[must_use]
    pub fn on_open_app<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(OpenApp) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<OpenAppReply, StatusCode>> + Send + 'static,
    {
        self.open_app = Some(boxed(handler, OpenAppReply::into_http_response));
        self
    }

    /// Sets the handler of events. An error is the status of the response, after which Divar may deliver again.
    #[must_use]
    pub fn on_event<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(ReceivedEvent) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), StatusCode>> + Send + 'static,
    {
        self.event = Some(boxed(handler, |()| Response::default()));
        self
    }

    /// Sets the handler of dynamic-action buttons. An error is the status of the response.
    #[must_use]
    pub fn on_dynamic_action<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(DynamicAction) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<DynamicActionReply, StatusCode>> + Send + 'static,
    {
        self.dynamic_action = Some(boxed(handler, DynamicActionReply::into_http_response));
        self
    }

    async fn respond<B>(self, request: Request<B>) -> Response<Bytes>
    where
        B: http_body::Body<Error: Into<BoxError>>,
    {
        let (parts, body) = request.into_parts();
        let is = |name: &str| parts.uri.path().trim_end_matches('/').rsplit('/').next() == Some(name);
        let webhook = match () {
            () if is("open") => self.open_app.map(Webhook::OpenApp),
            () if is("event") => Some(Webhook::Event(self.event)),
            () if is("action") => self.dynamic_action.map(Webhook::DynamicAction),
            () => None,
        };
        let Some(webhook) = webhook else { return with_status(StatusCode::NOT_FOUND) };
        if parts.method != Method::POST {
            let mut response = with_status(StatusCode::METHOD_NOT_ALLOWED);
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
            return response;
        }
        let headers = WebhookHeaders::from(&parts.headers);
        let body = match self.verifier.receive(headers, body).await {
            Ok(body) => body,
            Err(rejection) => return rejection.into_http_response(),
        };
        let handled = match webhook {
            Webhook::OpenApp(handler) => OpenApp::from_unverified_body(headers, &body).map(|opened| handler(opened)),
            Webhook::DynamicAction(handler) => {
                DynamicAction::from_unverified_body(&body).map(|pressed| handler(pressed))
            }
            Webhook::Event(handler) => match (ReceivedEvent::from_unverified_body(body), handler) {
                (Ok(event), Some(handler)) => Ok(handler(event)),
                (Ok(_), None) => return Response::default(),
                (Err(rejection), _) => Err(rejection),
            },
        };
        match handled {
            Ok(response) => response.await,
            Err(rejection) => rejection.into_http_response(),
        }
    }
}

enum Webhook {
    OpenApp(Handler<OpenApp>),
    Event(Option<Handler<ReceivedEvent>>),
    DynamicAction(Handler<DynamicAction>),
}

fn boxed<T, R: 'static, F, Fut>(handler: F, into_response: fn(R) -> Response<Bytes>) -> Handler<T>
where
    F: Fn(T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, StatusCode>> + Send + 'static,
{
    Arc::new(move |webhook| {
        let reply = handler(webhook);
        Box::pin(async move { reply.await.map_or_else(with_status, into_response) })
    })
}

fn with_status(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

impl<B> Service<Request<B>> for WebhookService
where
    B: http_body::Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.respond(request).await.map(Body::from)) })
    }
}

impl fmt::Debug for WebhookService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookService").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}
