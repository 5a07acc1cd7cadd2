//! actix-web: the extractors of the feature `actix`.

use actix_web::{App, HttpServer, web};
use kenar::webhook::OpenAppReply;
use kenar::{Client, Event, OpenApp};
use kenar_frameworks::{Outcome, Scene};

async fn open(opened: OpenApp) -> OpenAppReply {
    kenar_frameworks::opened(&opened)
}

async fn event(client: web::Data<Client>, event: Event) -> &'static str {
    kenar_frameworks::heard(&client, event);
    ""
}

#[actix_web::main]
async fn main() -> Outcome {
    let scene = Scene::start().await?;
    // [glue]
    let (verifier, client) = (web::Data::new(scene.verifier()), web::Data::new(scene.client()));
    let app = move || {
        let app = App::new().app_data(verifier.clone()).app_data(client.clone());
        app.route("/open", web::post().to(open)).route("/event", web::post().to(event))
    };
    // [end]
    let server = HttpServer::new(app).workers(1).bind(("127.0.0.1", scene.port()))?.run();
    actix_web::rt::spawn(server);
    scene.play().await
}
