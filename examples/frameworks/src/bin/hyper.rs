//! hyper: an `http::Request` in, an `http::Response` out.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kenar::{Client, Verifier};
use kenar_frameworks::{Outcome, Scene, heard, opened};

async fn serve(verifier: &Verifier, client: &Client, request: Request<Incoming>) -> Response<Bytes> {
    // [glue]
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, 1 << 20).collect().await.map(|body| body.to_bytes()) else {
        return status(StatusCode::PAYLOAD_TOO_LARGE);
    };
    // [end]
    let response = match parts.uri.path() {
        "/open" => verifier.open_app(&parts.headers, &body).map(|app| opened(&app).into_http_response()),
        "/event" => verifier.event(&parts.headers, &body).map(|event| {
            heard(client, event);
            status(StatusCode::OK)
        }),
        _ => Ok(status(StatusCode::NOT_FOUND)),
    };
    // [glue]
    response.unwrap_or_else(|rejection| rejection.into_http_response())
    // [end]
}

fn status(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

#[tokio::main]
async fn main() -> Outcome {
    let scene = Scene::start().await?;
    let (verifier, client) = (scene.verifier(), scene.client());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", scene.port())).await?;
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let (verifier, client) = (verifier.clone(), client.clone());
            let service = service_fn(move |request| {
                let (verifier, client) = (verifier.clone(), client.clone());
                async move { Ok::<_, Infallible>(serve(&verifier, &client, request).await.map(Full::new)) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(connection), service));
        }
    });
    scene.play().await
}
