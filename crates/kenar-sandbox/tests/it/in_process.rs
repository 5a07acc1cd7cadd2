//! Promise: the same sandbox tests an add-on without any socket.

use std::future::Future;
use std::sync::Arc;

use crate::support::TestResult;
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use kenar::model::AppUrl;
use kenar::oauth::Callback;
use kenar::operation::{Media, MediaSource};
use kenar::transport::HttpTransport as _;
use kenar::webhook::{COMPLETION_URL, DynamicActionReply, Event, Verifier};
use kenar::{BotMessage, Button, ChatApi as _, Client, ConversationMessage, OAuthClient, Scope};
use kenar_sandbox::{App, Sandbox};

/// Runs on a runtime without I/O, on which opening a socket panics.
fn without_sockets(test: impl Future<Output = TestResult>) -> TestResult {
    tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(test)
}

struct Delivery {
    verifier: Verifier,
    client: Client,
    oauth: OAuthClient,
    visit: std::sync::Mutex<Option<(kenar::model::ConversationId, kenar::oauth::OAuthState)>>,
}

impl Delivery {
    async fn response(&self, request: Request<Bytes>) -> Response<Bytes> {
        assert_eq!(request.headers()[header::HOST], "add-on-1.invalid");
        assert_eq!(request.uri().authority(), None, "a server receives only the path");
        match request.uri().path() {
            "/open" => {
                let opened = self.verifier.open_app(request.headers(), request.body()).unwrap();
                let conversation = opened.conversation_id().unwrap().clone();
                let (url, state) = self.oauth.permission_url([Scope::conversation_send_message(&conversation)]);
                *self.visit.lock().unwrap() = Some((conversation, state));
                opened.reply(url.as_str().parse().unwrap()).into_http_response()
            }
            "/oauth" => {
                let (conversation, state) = self.visit.lock().unwrap().clone().unwrap();
                let query = request.uri().query().unwrap();
                let Callback::Granted(code) = self.oauth.callback(query, &state).unwrap() else { panic!("{query}") };
                let tokens = self.oauth.exchange(code).await.unwrap();
                let message = ConversationMessage::text("ثبت شد")
                    .receiver_buttons([[Button::dynamic_action("تأیید", serde_json::json!({}))]]);
                self.client.send_message(&conversation, &message, &tokens.access_token).await.unwrap();
                let back = Response::builder().status(StatusCode::SEE_OTHER).header(header::LOCATION, COMPLETION_URL);
                back.body(Bytes::new()).unwrap()
            }
            "/pressed" => {
                self.verifier.dynamic_action(request.headers(), request.body()).unwrap();
                DynamicActionReply::toast("تأیید شد").into_http_response()
            }
            path => panic!("nobody asks for {path}"),
        }
    }

    fn of(app: &App) -> AppUrl {
        let delivery = Arc::new(Self {
            verifier: app.verifier(),
            client: app.client(),
            oauth: app.oauth("https://add-on-1.invalid/oauth").unwrap(),
            visit: std::sync::Mutex::default(),
        });
        let url = app.set_handler(move |request| {
            let delivery = Arc::clone(&delivery);
            async move { delivery.response(request).await }
        });
        app.set_open_app_url(url.join(["open"])).set_dynamic_action_url(url.join(["pressed"]));
        url
    }
}

#[test]
fn whole_flow_runs_without_a_socket() -> TestResult {
    without_sockets(async {
        let sandbox = Sandbox::in_process().await;
        let app = sandbox.app("delivery");
        Delivery::of(&app);
        let (sara, ali) = (sandbox.user("sara"), sandbox.user("ali"));
        let chat = sandbox.add_post(&sara).conversation_with(&ali);

        let visit = ali.open_app(&chat, &app).await?;
        assert!(visit.asks_permission(), "{visit:?}");
        assert!(visit.allow().await?.has_returned());
        let message = chat.next_message().await?;
        let pressed = sara.press(&message, "تأیید").await?;

        assert_eq!((message.text(), pressed.toast.as_deref()), (Some("ثبت شد"), Some("تأیید شد")));
        sandbox.shutdown().await;
        Ok(())
    })
}

#[test]
fn media_are_uploaded_without_a_socket() -> TestResult {
    without_sockets(async {
        let sandbox = Sandbox::in_process().await;
        let app = sandbox.app("bot");
        let chat = sandbox.user("sara").chat_with_bot(&app);
        let client = app.client();
        let photo = Media::image("photo.png", MediaSource::bytes(vec![7; 100_000]))?;
        let photo = client.upload_media(photo).await?;
        client.send_bot_message(chat.id(), &BotMessage::media(photo)).await?;
        let message = chat.next_message().await?;
        assert!(
            matches!(&message.message.content, kenar::model::MessageContent::Image(image) if image.size_bytes == Some(100_000))
        );
        Ok(())
    })
}

#[test]
fn custom_client_reaches_the_sandbox() -> TestResult {
    without_sockets(async {
        let sandbox = Sandbox::in_process().await;
        let app = sandbox.app("bot");
        let client = Client::builder(app.api_key())
            .base_urls(sandbox.base_urls().clone())
            .transport(sandbox.transport())
            .build()?;
        let chat = sandbox.user("sara").chat_with_bot(&app);
        client.send_bot_message(chat.id(), &BotMessage::text("سلام")).await?;
        assert_eq!(chat.next_message().await?.text(), Some("سلام"));
        Ok(())
    })
}

#[test]
fn panicking_add_on_is_a_failed_response() -> TestResult {
    without_sockets(async {
        let sandbox = Sandbox::in_process().await;
        let app = sandbox.app("bot");
        let verifier = app.verifier();
        let url = app.set_handler(move |request| {
            let event = verifier.event(request.headers(), request.body());
            async move {
                let Ok(Event::ChatbotMessage(message)) = event else { panic!("{event:?}") };
                assert_ne!(message.text(), Some("بد"));
                Response::default()
            }
        });
        app.set_events_url(url.clone());
        let sara = sandbox.user("sara");
        let chat = sara.chat_with_bot(&app);

        let error = sara.write(&chat, "بد").await.unwrap_err().to_string();
        assert!(error.contains("panicked") && error.contains("sara: بد"), "{error}");
        sara.write(&chat, "خوب").await?;
        Ok(())
    })
}

#[test]
fn stopped_sandbox_refuses_requests() -> TestResult {
    without_sockets(async {
        let sandbox = Sandbox::in_process().await;
        let app = sandbox.app("bot");
        let chat = sandbox.user("sara").chat_with_bot(&app);
        let (client, transport) = (app.client(), sandbox.transport());
        drop(sandbox);
        let error = client.send_bot_message(chat.id(), &BotMessage::text("سلام")).await.unwrap_err();
        assert_eq!(error.kind(), kenar::error::ErrorKind::Connect);
        let request =
            Request::get("https://kenar.invalid/v1/open-platform/users").body(kenar::request::Body::empty())?;
        assert!(transport.send(request).await.is_err());
        Ok(())
    })
}
