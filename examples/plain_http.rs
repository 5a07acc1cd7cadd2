//! Webhooks without a web framework: an `http::Request` in, an `http::Response` out.
//!
//! `cargo run --example plain_http`

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use kenar::model::AppUrl;
use kenar::secret::IdentificationKey;
use kenar::webhook::{DynamicActionReply, Event, Rejection, Verifier};

/// The three webhooks of an add-on, for any HTTP server.
struct Webhooks {
    verifier: Verifier,
    base: AppUrl,
}

impl Webhooks {
    fn handle(&self, request: &Request<Bytes>) -> Response<Bytes> {
        self.route(request).unwrap_or_else(|rejection| {
            eprintln!("refused: {rejection}");
            rejection.into_http_response()
        })
    }

    fn route(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, Rejection> {
        let (headers, body) = (request.headers(), request.body());
        match request.uri().path() {
            "/kenar/open" => {
                // [anywhere]
                let opened = self.verifier.open_app(headers, body)?;
                Ok(opened.reply(self.base.join(["hello"])).into_http_response())
                // [end]
            }
            "/kenar/event" => {
                if let Event::ChatbotMessage(message) = self.verifier.event(headers, body)? {
                    println!("message: {:?} in {}", message.text(), message.conversation.id);
                }
                Ok(Response::new(Bytes::new()))
            }
            "/kenar/action" => {
                let pressed = self.verifier.dynamic_action(headers, body)?;
                println!("pressed: {:?}", pressed.data_json());
                Ok(DynamicActionReply::toast("انجام شد").into_http_response())
            }
            _ => {
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = StatusCode::NOT_FOUND;
                Ok(response)
            }
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let webhooks = Webhooks {
        verifier: Verifier::new(IdentificationKey::new("example-identification-key")?),
        base: "https://addon.example".parse()?,
    };
    let requests = [
        ("/kenar/open", r#"{ "source": "CHAT", "conversation_id": "c-1", "user_side": "DEMAND" }"#),
        (
            "/kenar/event",
            r#"{ "type": "NEW_CHATBOT_MESSAGE", "new_chatbot_message": {
                "conversation": { "id": "c-2", "type": "BOT" }, "type": "TEXT", "text": "سلام" } }"#,
        ),
        ("/kenar/event", r#"{ "type": "NEWER_THAN_THIS_CRATE" }"#),
        ("/kenar/action", r#"{ "touchpoint": "CHAT", "extra_data": { "position": "3" } }"#),
        ("/kenar/open", "not JSON"),
    ];
    for (path, body) in requests {
        let request = Request::post(path).header("authorization", "example-identification-key").body(body.into())?;
        show(path, &webhooks.handle(&request));
    }
    let forged = Request::post("/kenar/open").header("authorization", "a guess").body("{}".into())?;
    show("/kenar/open, forged", &webhooks.handle(&forged));
    Ok(())
}

fn show(what: &str, response: &Response<Bytes>) {
    println!("{what}: {} {}", response.status(), String::from_utf8_lossy(response.body()));
}
