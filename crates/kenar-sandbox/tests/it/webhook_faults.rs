//! Promise: an add-on built on the SDK handles late, duplicate, forged and differently written webhooks.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{TestResult, grant};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use kenar::model::{Contact, Location, MessageContent, SenderKind, Side};
use kenar::operation::Subscription;
use kenar::webhook::{
    ApiVersion, DynamicAction, DynamicActionReply, Event, MessageEvent, OpenApp, OpenAppReply, PaymentTransaction,
    PostUpdateKind, Rejection, Source, TransactionState, Verifier,
};
use kenar::{BotMessage, Button, ChatApi as _, Scope};
use kenar_sandbox::{App, Chat, Dialect, EventFault, Post, Sandbox, TimeForm, User, Webhook, WebhookFault};

/// A webhook as the add-on read it.
#[derive(Clone, Debug, PartialEq)]
enum Read {
    Opened(Box<OpenApp>),
    Event(Box<Event>),
    Pressed(DynamicAction),
}

/// An add-on in this process that records webhooks and refuses invalid ones.
#[derive(Clone)]
struct AddOn {
    verifier: Verifier,
    read: Arc<Mutex<Vec<Read>>>,
    headers: Arc<Mutex<Option<HeaderMap>>>,
}

impl AddOn {
    fn of(app: &App) -> Self {
        let addon = Self { verifier: app.verifier(), read: Arc::default(), headers: Arc::default() };
        let handler = addon.clone();
        let url = app.set_handler(move |request| {
            let response = handler.response(&request).unwrap_or_else(Rejection::into_http_response);
            async move { response }
        });
        app.set_open_app_url(url.join(["open"]))
            .set_events_url(url.join(["events"]))
            .set_dynamic_action_url(url.join(["pressed"]));
        addon
    }

    fn response(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, Rejection> {
        let (headers, body) = (request.headers(), request.body());
        *self.headers.lock().unwrap() = Some(headers.clone());
        match request.uri().path() {
            "/open" => {
                let opened = self.verifier.open_app(headers, body)?;
                self.keep(Read::Opened(Box::new(opened)));
                Ok(OpenAppReply::to("https://addon.example/page".parse().unwrap()).into_http_response())
            }
            "/pressed" => {
                let pressed = self.verifier.dynamic_action(headers, body)?;
                self.keep(Read::Pressed(pressed));
                Ok(DynamicActionReply::toast("باشد").into_http_response())
            }
            _ => {
                let event = self.verifier.event(headers, body)?;
                self.keep(Read::Event(Box::new(event)));
                Ok(Response::default())
            }
        }
    }

    fn keep(&self, read: Read) {
        self.read.lock().unwrap().push(read);
    }

    fn take(&self) -> Vec<Read> {
        std::mem::take(&mut *self.read.lock().unwrap())
    }

    /// The only recorded webhook.
    fn one(&self) -> Read {
        let mut all = self.take();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    fn texts(&self) -> Vec<String> {
        let read = self.take();
        let texts = read.iter().map(|read| match read {
            Read::Event(event) => match &**event {
                Event::ChatbotMessage(message) => message.text().unwrap().to_owned(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        });
        texts.collect()
    }
}

struct Scene {
    sandbox: Sandbox,
    app: App,
    addon: AddOn,
    sara: User,
    ali: User,
    post: Post,
    chat: Chat,
    bot: Chat,
}

async fn scene() -> Scene {
    let sandbox = Sandbox::builder().seed(1).manual_clock().in_process().await;
    let app = sandbox.app("app");
    let addon = AddOn::of(&app);
    let (sara, ali) = (sandbox.user("sara"), sandbox.user("ali"));
    let post = sandbox.add_post(&sara);
    let chat = post.conversation_with(&ali);
    let bot = sara.chat_with_bot(&app);
    let scopes = [Scope::supplier_all_conversations_read(), Scope::user_posts_get()];
    let tokens = grant(&sandbox, &app, &sara, scopes).await;
    let metadata = serde_json::json!({ "for": "sara", "count": 3 });
    for subscription in [Subscription::to_messages_on_all_posts(), Subscription::to_updates_of(post.token())] {
        app.client().subscribe(&subscription.metadata(&metadata), &tokens.access_token).await.unwrap();
    }
    Scene { sandbox, app, addon, sara, ali, post, chat, bot }
}

#[tokio::test]
async fn duplicate_event_is_the_same_message() -> TestResult {
    let Scene { sandbox, addon, sara, bot, .. } = scene().await;
    sandbox.inject(WebhookFault::Duplicate).on_webhook(Webhook::Event);
    sara.write(&bot, "سلام").await?;
    let read = addon.take();
    assert_eq!(read.len(), 2);
    assert_eq!(read[0], read[1]);
    sara.write(&bot, "سلام").await?;
    assert_eq!(addon.take().len(), 1);
    Ok(())
}

#[tokio::test]
async fn dynamic_action_can_be_duplicated() -> TestResult {
    let Scene { sandbox, app, addon, sara, bot, .. } = scene().await;
    let message = BotMessage::text("؟").buttons([[Button::dynamic_action("این", serde_json::json!({ "x": "1" }))]]);
    app.client().send_bot_message(bot.id(), &message).await?;
    sandbox.inject(WebhookFault::Duplicate).on_webhook(Webhook::DynamicAction);
    let pressed = sara.press(&bot.next_message().await?, "این").await?;
    assert_eq!(pressed.toast.as_deref(), Some("باشد"));
    assert_eq!(addon.take().len(), 2);
    Ok(())
}

#[tokio::test]
async fn held_back_event_follows_the_next_one() -> TestResult {
    let Scene { sandbox, addon, sara, bot, .. } = scene().await;
    sandbox.inject(EventFault::OutOfOrder).times(2).on_events();
    for text in ["یک", "دو", "سه", "چهار"] {
        sara.write(&bot, text).await?;
    }
    assert_eq!(addon.texts(), ["سه", "یک", "دو", "چهار"], "{}", sandbox.transcript());
    Ok(())
}

#[tokio::test]
async fn lost_webhook_is_only_in_the_journal() -> TestResult {
    let Scene { sandbox, app, addon, sara, bot, chat, .. } = scene().await;
    sandbox.inject(WebhookFault::Lost).on_webhook(Webhook::Event);
    sara.write(&bot, "سلام").await?;
    assert_eq!(addon.take(), []);
    let last = sandbox.journal().pop().unwrap();
    assert_eq!((last.operation, last.status), ("webhook.event", None));
    assert!(last.notes.iter().any(|note| note.to_string().contains("not sent")), "{last}");

    sandbox.inject(WebhookFault::Lost).on_webhook(Webhook::OpenApp);
    let error = sara.open_app(&chat, &app).await.unwrap_err().to_string();
    assert!(error.starts_with("an injected fault held the webhook back"), "{error}");
    Ok(())
}

#[tokio::test]
async fn refused_invalid_webhook_is_not_an_error() -> TestResult {
    let Scene { sandbox, app, addon, sara, bot, chat, .. } = scene().await;
    for (fault, status) in [(WebhookFault::WrongKey, 401), (WebhookFault::NoKey, 401), (WebhookFault::Garbled, 400)] {
        sandbox.inject(fault.clone()).on_webhook(Webhook::Event);
        sara.write(&bot, "سلام").await?;
        let last = sandbox.journal().pop().unwrap();
        assert_eq!((last.operation, last.status), ("webhook.event", Some(status)), "{last}");
        sandbox.inject(fault).on_webhook(Webhook::OpenApp);
        let error = sara.open_app(&chat, &app).await.unwrap_err().to_string();
        assert!(error.contains("as it must"), "{error}");
        assert_eq!(addon.take(), []);
    }
    Ok(())
}

#[tokio::test]
async fn accepted_invalid_webhook_is_an_error() -> TestResult {
    let sandbox = Sandbox::in_process().await;
    let app = sandbox.app("careless");
    app.set_events_url(app.set_handler(|_| async { Response::default() }));
    let sara = sandbox.user("sara");
    let chat = sara.chat_with_bot(&app);
    for (fault, what) in [
        (WebhookFault::WrongKey, "wrong key"),
        (WebhookFault::NoKey, "missing key"),
        (WebhookFault::Garbled, "truncated body"),
    ] {
        sandbox.inject(fault).on_webhook(Webhook::Event);
        let error = sara.write(&chat, "سلام").await.unwrap_err().to_string();
        assert!(error.contains(&format!("accepted a webhook with a {what}: status 200 OK instead of 4xx")), "{error}");
        assert!(error.contains("sara: سلام"), "no transcript: {error}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn delayed_events_stay_in_order() -> TestResult {
    let Scene { sandbox, addon, sara, ali, bot, chat, .. } = scene().await;
    sandbox.inject(WebhookFault::Delay(Duration::from_secs(30))).on_webhook(Webhook::Event);
    let began = tokio::time::Instant::now();
    let (first, second) = tokio::join!(sara.write(&bot, "یک"), ali.write(&chat, "دو"));
    first?;
    second?;
    assert!(began.elapsed() >= Duration::from_secs(30), "{:?}", began.elapsed());
    assert_eq!(addon.take().len(), 2);
    Ok(())
}

#[tokio::test]
async fn unknown_event_type_gets_a_response() -> TestResult {
    let Scene { sandbox, addon, sara, bot, .. } = scene().await;
    sandbox.inject(EventFault::UnknownKind).on_events();
    sara.write(&bot, "سلام").await?;
    let Read::Event(event) = addon.one() else { panic!() };
    let Event::Unknown(event) = *event else { panic!("{event:?}") };
    assert_eq!(event.kind.as_deref(), Some("NEWER_THAN_EVERY_CRATE"));
    assert!(event.raw.get().contains("سلام"));
    Ok(())
}

#[tokio::test]
async fn removed_fault_never_triggers() -> TestResult {
    let Scene { sandbox, addon, sara, bot, .. } = scene().await;
    let twice = sandbox.inject(WebhookFault::Duplicate).always().on_webhook(Webhook::Event);
    for _ in 0..3 {
        sara.write(&bot, "سلام").await?;
    }
    twice.remove();
    sara.write(&bot, "سلام").await?;
    assert_eq!((addon.take().len(), twice.times_triggered()), (7, 3));
    Ok(())
}

fn contact() -> MessageContent {
    MessageContent::Contact(Contact::new("+989990000001").name("سارا"))
}

/// Sends every kind of webhook, and returns them as the add-on read them.
async fn tell_all(scene: &Scene, dialect: Option<Dialect>) -> Result<Vec<Read>, Box<dyn std::error::Error>> {
    let Scene { sandbox, app, addon, sara, ali, post, chat, bot } = scene;
    let mut injected = Vec::new();
    if let Some(dialect) = dialect {
        injected.extend(Webhook::ALL.iter().map(|webhook| sandbox.inject(dialect).always().on_webhook(*webhook)));
    }
    let place = Location { latitude: 35.6892, longitude: 51.389 };
    sara.write(bot, "سلام").await?;
    ali.write(chat, "هنوز هست؟").await?;
    ali.send(chat, contact()).await?;
    let here = ali.send(chat, MessageContent::Location(Some(place))).await?;
    post.change(PostUpdateKind::Publish).await?;
    post.change(PostUpdateKind::Retire).await?;
    let mut payment = PaymentTransaction::new("t-1", TransactionState::Completed);
    payment.cost_rials = Some(100_000);
    app.send_payment_event(payment).await?;
    sara.open_app(chat, app).await?;
    ali.open_app_on_post(post, app).await?;
    let data = serde_json::json!({ "order": "17" });
    let message =
        BotMessage::text("؟").buttons([[Button::server_link("باز", &data), Button::dynamic_action("این", &data)]]);
    app.client().send_bot_message(bot.id(), &message).await?;
    let message = bot.next_message().await?;
    sara.press(&message, "باز").await?;
    sara.press(&message, "این").await?;
    app.set_open_app_version(ApiVersion::V1);
    ali.open_app_on(&here, app).await?;
    app.set_open_app_version(ApiVersion::V2);
    injected.iter().for_each(kenar_sandbox::FaultHandle::remove);
    Ok(addon.take())
}

fn message(read: &Read) -> Option<&MessageEvent> {
    match read {
        Read::Event(event) => match &**event {
            Event::NewMessage(message) | Event::ChatbotMessage(message) => Some(message),
            _ => None,
        },
        _ => None,
    }
}

/// The fields that are equal in every wire form: conversation, user and the app's data.
fn essence(read: &Read) -> String {
    match read {
        Read::Opened(opened) => format!(
            "opened {:?} {:?} {:?} {:?}",
            opened.post_token(),
            opened.conversation_id(),
            opened.user_id(),
            opened.data_json().map(|json| json.parse::<serde_json::Value>().unwrap())
        ),
        Read::Pressed(pressed) => {
            format!("pressed {:?} {:?} {:?}", pressed.post_token(), pressed.conversation_id(), pressed.user_id())
        }
        Read::Event(event) => match &**event {
            Event::NewMessage(message) | Event::ChatbotMessage(message) => {
                format!("message {:?} {:?}", message.conversation.id, message.conversation.post_token)
            }
            Event::PostUpdate(update) => format!("post {:?}", update.post.token),
            Event::PaymentTransaction(payment) => format!("payment {:?} {:?}", payment.id, payment.cost_rials),
            other => panic!("{other:?}"),
        },
    }
}

#[tokio::test]
async fn every_dialect_of_every_webhook_is_read() -> TestResult {
    let plain = tell_all(&scene().await, None).await?;
    for dialect in Dialect::ALL.iter().copied() {
        let told = tell_all(&scene().await, Some(dialect)).await.map_err(|error| format!("{dialect:?}: {error}"))?;
        assert_eq!(told.len(), plain.len(), "{dialect:?}");
        for (told, plain) in told.iter().zip(&plain) {
            assert_eq!(essence(told), essence(plain), "{dialect:?}");
            if let (Some(told), Some(plain)) = (message(told), message(plain)) {
                compare(dialect, told, plain);
            } else if !matches!(dialect, Dialect::UnknownValues | Dialect::SentAt(_)) {
                let returned = matches!(dialect, Dialect::ReturnUrl | Dialect::CompletionUrl);
                assert!(returned || told == plain, "{dialect:?}: {told:?} for {plain:?}");
            }
        }
    }
    Ok(())
}

fn compare(dialect: Dialect, told: &MessageEvent, plain: &MessageEvent) {
    let name = format!("{dialect:?}: {told:?}");
    match dialect {
        Dialect::SentAt(TimeForm::Null | TimeForm::Missing) => assert_eq!(told.sent_at, None, "{name}"),
        Dialect::SentAt(TimeForm::Seconds | TimeForm::Millis) => {
            // With a manual clock, simultaneous messages are a microsecond apart.
            let apart = plain.sent_at.unwrap().saturating_since(told.sent_at.unwrap());
            assert!(apart < Duration::from_millis(1), "{name}");
        }
        Dialect::SenderSideAsType if plain.sender.side.is_some() => {
            assert_eq!((&told.sender.side, &told.sender.kind), (&plain.sender.side, &None), "{name}");
        }
        Dialect::NoText => assert_eq!(told.text().unwrap_or_default(), "", "{name}"),
        Dialect::UnknownValues => {
            assert!(matches!(told.sender.kind, Some(SenderKind::Unknown(_))), "{name}");
            assert!(matches!(told.content, MessageContent::Unknown(_)), "{name}");
        }
        _ => {
            assert_eq!(told.message, plain.message, "{name}");
            assert_eq!(told.metadata, plain.metadata, "{name}");
        }
    }
}

#[tokio::test]
async fn each_dialect_changes_something() -> TestResult {
    let mut plain = BTreeSet::new();
    let scene = scene().await;
    tell_all(&scene, None).await?;
    plain.extend(bodies(&scene.sandbox));
    for dialect in Dialect::ALL.iter().copied() {
        // These affect only responses or headers.
        if matches!(
            dialect,
            Dialect::PhoneNumbers | Dialect::EmptyResponse | Dialect::UnderscoreHeader | Dialect::NoVersionHeader
        ) {
            continue;
        }
        let scene = self::scene().await;
        tell_all(&scene, Some(dialect)).await?;
        let changed = bodies(&scene.sandbox).filter(|body| !plain.contains(body)).count();
        assert!(changed > 0, "{dialect:?} changed nothing");
    }
    Ok(())
}

/// The requests to the add-on.
fn bodies(sandbox: &Sandbox) -> impl Iterator<Item = String> {
    let journal = sandbox.journal().into_iter();
    journal.filter(|exchange| exchange.operation.starts_with("webhook.")).map(|exchange| exchange.request)
}

#[tokio::test]
async fn version_header_has_two_spellings_or_is_missing() -> TestResult {
    let Scene { sandbox, app, addon, sara, chat, .. } = scene().await;
    let seen = |name: &str| {
        addon.headers.lock().unwrap().as_ref().unwrap().get(name).map(|value| value.to_str().unwrap().to_owned())
    };
    for (dialect, hyphen, underscore) in [
        (None, Some("2"), None),
        (Some(Dialect::UnderscoreHeader), None, Some("2")),
        (Some(Dialect::NoVersionHeader), None, None),
    ] {
        if let Some(dialect) = dialect {
            sandbox.inject(dialect).on_webhook(Webhook::OpenApp);
        }
        sara.open_app(&chat, &app).await?;
        assert_eq!(
            (seen("api-version").as_deref(), seen("api_version").as_deref()),
            (hyphen, underscore),
            "{dialect:?}"
        );
        let Read::Opened(opened) = addon.one() else { panic!() };
        assert_eq!((opened.version(), opened.user_side()), (ApiVersion::V2, Some(&Side::Supply)));
    }
    Ok(())
}

#[tokio::test]
async fn version_1_has_both_sides_and_the_location() -> TestResult {
    let Scene { sandbox: _kenar, app, addon, sara, ali, chat, post, bot } = scene().await;
    app.set_open_app_version(ApiVersion::V1);
    let place = Location { latitude: 35.7, longitude: 51.4 };
    let here = sara.send(&chat, MessageContent::Location(Some(place))).await?;
    addon.take();

    ali.open_app(&chat, &app).await?;
    let Read::Opened(opened) = addon.one() else { panic!() };
    assert_eq!((opened.version(), opened.source(), opened.location()), (ApiVersion::V1, None, None));
    assert_eq!(opened.user_id(), Some(&ali.id_for(&app)));
    assert_eq!((opened.peer_id(), opened.supplier_id()), (Some(&sara.id_for(&app)), Some(&sara.id_for(&app))));
    assert_eq!((opened.demand_id(), opened.user_side()), (Some(&ali.id_for(&app)), Some(&Side::Demand)));
    assert_eq!(opened.post_token(), Some(post.token()));
    assert_eq!(opened.given_return_url(), Some(kenar::webhook::COMPLETION_URL));

    ali.open_app_on(&here, &app).await?;
    let Read::Opened(opened) = addon.one() else { panic!() };
    assert_eq!(opened.location(), Some(place));
    let text = sara.write(&chat, "سلام").await?;
    assert!(ali.open_app_on(&text, &app).await.is_err());

    addon.take();
    sara.open_app(&bot, &app).await?;
    let Read::Opened(opened) = addon.one() else { panic!() };
    assert_eq!((opened.version(), opened.peer_id(), opened.user_side()), (ApiVersion::V1, None, None));
    Ok(())
}

#[tokio::test]
async fn app_is_opened_from_a_post_page() -> TestResult {
    let Scene { sandbox: _kenar, app, addon, sara, ali, post, .. } = scene().await;
    for (user, side) in [(&sara, Side::Supply), (&ali, Side::Demand)] {
        user.open_app_on_post(&post, &app).await?;
        let Read::Opened(opened) = addon.one() else { panic!() };
        assert_eq!((opened.source(), opened.user_side()), (Some(&Source::PostAddon), Some(&side)));
        assert_eq!((opened.post_token(), opened.conversation_id()), (Some(post.token()), None));
    }
    Ok(())
}

#[tokio::test]
async fn subscriber_to_all_posts_gets_no_retired_posts() -> TestResult {
    let sandbox = Sandbox::in_process().await;
    let (one, all) = (sandbox.app("one"), sandbox.app("all"));
    let (addon_of_one, addon_of_all) = (AddOn::of(&one), AddOn::of(&all));
    let sara = sandbox.user("sara");
    let (post, other) = (sandbox.add_post(&sara), sandbox.add_post(&sara));
    for (app, subscription) in
        [(&one, Subscription::to_updates_of(post.token())), (&all, Subscription::to_updates_of_all_posts())]
    {
        let tokens = grant(&sandbox, app, &sara, [Scope::user_posts_get()]).await;
        app.client().subscribe(&subscription, &tokens.access_token).await?;
    }
    let kinds = [PostUpdateKind::Publish, PostUpdateKind::Ongoing, PostUpdateKind::Retire, PostUpdateKind::Archive];
    for kind in &kinds {
        post.change(kind.clone()).await?;
    }
    other.change(PostUpdateKind::Publish).await?;

    let told = |addon: &AddOn| {
        let read = addon.take().into_iter().map(|read| match read {
            Read::Event(event) => match *event {
                Event::PostUpdate(update) => (update.kind.unwrap(), update.post.chat_enabled.is_some()),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        });
        read.collect::<Vec<_>>()
    };
    let [publish, ongoing, retire, archive] = kinds;
    let expected = [(publish.clone(), true), (ongoing.clone(), true), (retire, false), (archive, false)];
    assert_eq!(told(&addon_of_one), expected, "a removed post has only its token");
    assert_eq!(told(&addon_of_all), [(publish.clone(), true), (ongoing, true), (publish, true)]);
    Ok(())
}
