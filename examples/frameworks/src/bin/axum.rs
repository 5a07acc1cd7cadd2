//! axum: the extractors of the feature `axum`.

use axum::extract::State;
use axum::{Router, routing::post};
use kenar::axum::AppState;
use kenar::webhook::OpenAppReply;
use kenar::{Client, Event, OpenApp};
use kenar_frameworks::{Outcome, Scene};

async fn open(opened: OpenApp) -> OpenAppReply {
    kenar_frameworks::opened(&opened)
}

async fn event(State(client): State<Client>, event: Event) {
    kenar_frameworks::heard(&client, event);
}

#[tokio::main]
async fn main() -> Outcome {
    let scene = Scene::start().await?;
    // [glue]
    let state = AppState { verifier: scene.verifier(), client: scene.client() };
    let app = Router::new().route("/open", post(open)).route("/event", post(event)).with_state(state);
    // [end]
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", scene.port())).await?;
    tokio::spawn(async { axum::serve(listener, app).await });
    scene.play().await
}
