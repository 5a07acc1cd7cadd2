//! Rocket: its headers have their own type, so the verifier takes the values of `Authorization`. The body tells the version
//! of the request that opens the app.

use kenar::webhook::{Rejection, WebhookHeaders};
use kenar::{Client, Verifier};
use kenar_frameworks::{Outcome, Scene, heard, opened};
use rocket::http::Status;
use rocket::request::{FromRequest, Outcome as Guard, Request};
use rocket::response::content::RawJson;
use rocket::{State, post, routes};

// [glue]
struct Headers<'r>(WebhookHeaders<'r>);
#[rocket::async_trait]
impl<'r> FromRequest<'r> for Headers<'r> {
    type Error = ();
    async fn from_request(request: &'r Request<'_>) -> Guard<Self, ()> {
        Guard::Success(Self(WebhookHeaders::new(request.headers().get("authorization"))))
    }
}
// [end]

fn status(rejection: Rejection) -> Status {
    Status::new(rejection.status().as_u16())
}

#[post("/open", data = "<body>")]
fn open(headers: Headers<'_>, body: &[u8], verifier: &State<Verifier>) -> Result<RawJson<Vec<u8>>, Status> {
    let app = verifier.open_app(headers.0, body).map_err(status)?;
    Ok(RawJson(opened(&app).body().to_vec()))
}

#[post("/event", data = "<body>")]
fn event(headers: Headers<'_>, body: &[u8], verifier: &State<Verifier>, client: &State<Client>) -> Result<(), Status> {
    heard(client, verifier.event(headers.0, body).map_err(status)?);
    Ok(())
}

#[rocket::main]
async fn main() -> Outcome {
    let scene = Scene::start().await?;
    let config = rocket::Config { port: scene.port(), log_level: rocket::config::LogLevel::Off, ..Default::default() };
    let server = rocket::custom(config).manage(scene.verifier()).manage(scene.client());
    rocket::tokio::spawn(server.mount("/", routes![open, event]).launch());
    scene.play().await
}
