//! Salvo: it uses the headers of `http`, which the verifier takes.

use kenar::webhook::Rejection;
use kenar::{Client, Verifier};
use kenar_frameworks::{Outcome, Scene, heard, opened};
use salvo::conn::TcpListener;
use salvo::{Depot, Listener as _, Request, Response, Router, Server, affix_state, handler};

// [glue]
/// Writes the SDK's response into Salvo's.
fn answer(to: &mut Response, response: Result<http::Response<bytes::Bytes>, Rejection>) {
    let (parts, body) = response.unwrap_or_else(Rejection::into_http_response).into_parts();
    to.status_code(parts.status);
    to.headers_mut().extend(parts.headers);
    let _ = to.write_body(body);
}
// [end]

#[handler]
async fn open(request: &mut Request, depot: &mut Depot, response: &mut Response) {
    let body = request.payload().await.cloned().unwrap_or_default();
    let verifier = depot.obtain::<Verifier>().expect("the state has one");
    answer(response, verifier.open_app(request.headers(), &body).map(|app| opened(&app).into_http_response()));
}

#[handler]
async fn event(request: &mut Request, depot: &mut Depot, response: &mut Response) {
    let body = request.payload().await.cloned().unwrap_or_default();
    let verifier = depot.obtain::<Verifier>().expect("the state has one");
    let client = depot.obtain::<Client>().expect("the state has one");
    answer(
        response,
        verifier.event(request.headers(), &body).map(|told| {
            heard(client, told);
            http::Response::new(bytes::Bytes::new())
        }),
    );
}

#[tokio::main]
async fn main() -> Outcome {
    let scene = Scene::start().await?;
    let router = Router::new()
        .hoop(affix_state::inject(scene.verifier()).inject(scene.client()))
        .push(Router::with_path("open").post(open))
        .push(Router::with_path("event").post(event));
    let listener = TcpListener::new(("127.0.0.1", scene.port())).bind().await;
    tokio::spawn(Server::new(listener).serve(router));
    scene.play().await
}
