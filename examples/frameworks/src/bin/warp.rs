//! warp: it uses the headers of `http`, which the verifier takes.

use bytes::Bytes;
use http::{HeaderMap, Response};
use kenar::webhook::Rejection;
use kenar_frameworks::{Outcome, Scene, heard, opened};
use warp::Filter as _;
use warp::hyper::body::Bytes as WarpBytes;

#[tokio::main]
async fn main() -> Outcome {
    let scene = Scene::start().await?;
    let (verifier, client) = (scene.verifier(), scene.client());
    // [glue]
    let post = warp::post().and(warp::header::headers_cloned());
    let post = post.and(warp::body::content_length_limit(1 << 20)).and(warp::body::bytes());
    let respond = |response: Result<Response<Bytes>, Rejection>| {
        response.unwrap_or_else(Rejection::into_http_response).map(|body| body.to_vec())
    };
    // [end]
    let open = {
        let verifier = verifier.clone();
        warp::path("open").and(post.clone()).map(move |headers: HeaderMap, body: WarpBytes| {
            respond(verifier.open_app(&headers, &body).map(|app| opened(&app).into_http_response()))
        })
    };
    let event = warp::path("event").and(post).map(move |headers: HeaderMap, body: WarpBytes| {
        respond(verifier.event(&headers, &body).map(|event| {
            heard(&client, event);
            Response::new(Bytes::new())
        }))
    });
    let server = warp::serve(open.or(event)).run(([127, 0, 0, 1], scene.port()));
    tokio::spawn(server);
    scene.play().await
}
