//! Poem: it uses the headers of `http`, which the verifier takes.

use kenar::webhook::Rejection;
use kenar::{Client, Verifier};
use kenar_frameworks::{Outcome, Scene, heard, opened};
use poem::http::HeaderMap;
use poem::listener::TcpListener;
use poem::web::Data;
use poem::{Body, EndpointExt as _, IntoResponse as _, Response, Route, Server, handler, post};

// [glue]
/// Converts the SDK's response to Poem's.
fn answer(response: Result<http::Response<bytes::Bytes>, Rejection>) -> Response {
    let (parts, body) = response.unwrap_or_else(Rejection::into_http_response).into_parts();
    let response = Response::builder().status(parts.status).body(body);
    parts.headers.iter().fold(response, |response, (name, value)| response.with_header(name, value).into_response())
}
// [end]

#[handler]
async fn open(headers: &HeaderMap, body: Body, verifier: Data<&Verifier>) -> poem::Result<Response> {
    let body = body.into_bytes_limit(1 << 20).await?;
    Ok(answer(verifier.open_app(headers, &body).map(|app| opened(&app).into_http_response())))
}

#[handler]
async fn event(
    headers: &HeaderMap,
    body: Body,
    verifier: Data<&Verifier>,
    client: Data<&Client>,
) -> poem::Result<Response> {
    let body = body.into_bytes_limit(1 << 20).await?;
    Ok(answer(verifier.event(headers, &body).map(|told| {
        heard(&client, told);
        http::Response::new(bytes::Bytes::new())
    })))
}

#[tokio::main]
async fn main() -> Outcome {
    let scene = Scene::start().await?;
    let app = Route::new().at("/open", post(open)).at("/event", post(event));
    let app = app.data(scene.verifier()).data(scene.client());
    let server = Server::new(TcpListener::bind(("127.0.0.1", scene.port())));
    tokio::spawn(server.run(app));
    scene.play().await
}
