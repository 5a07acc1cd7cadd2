//! Promise: a recorded session has no secrets, and its replay shows changes in an add-on.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::support::{TestResult, grant};
use bytes::Bytes;
use http::{Request, Response};
use kenar::model::MessageContent;
use kenar::operation::{Media, MediaSource};
use kenar::webhook::{DynamicActionReply, Event, OpenAppReply};
use kenar::{BotMessage, Button, ChatApi as _, Scope};
use kenar_sandbox::{App, Difference, Recording, RecordingError, Sandbox, StartFrom, Webhook, WebhookFault};
use serde_json::{Value, json};

/// A chatbot that counts messages, with options to behave differently.
#[derive(Clone, Copy, Default)]
struct Moods {
    rude: bool,
    silent: bool,
    talkative: bool,
    broken: bool,
}

static VISITS: AtomicU64 = AtomicU64::new(0);

fn bot(app: &App, moods: Moods) {
    let (verifier, client) = (app.verifier(), app.client());
    let response = move |request: Request<Bytes>| {
        let (verifier, client) = (verifier.clone(), client.clone());
        async move {
            let (headers, body) = (request.headers(), request.body());
            match request.uri().path() {
                "/open" => {
                    verifier.open_app(headers, body).unwrap();
                    // A new id each time, as in a real add-on.
                    let id = format!("visit-{:016x}", VISITS.fetch_add(1, Ordering::Relaxed));
                    let page = format!("https://addon.example/visits/{id}?secret=hunter2");
                    OpenAppReply::to(page.parse().unwrap()).into_http_response()
                }
                "/pressed" => {
                    verifier.dynamic_action(headers, body).unwrap();
                    DynamicActionReply::toast(if moods.rude { "نه" } else { "بله" }).into_http_response()
                }
                _ => {
                    if moods.broken {
                        return Response::builder().status(500).body(Bytes::new()).unwrap();
                    }
                    let Event::ChatbotMessage(message) = verifier.event(headers, body).unwrap() else { panic!() };
                    let text = format!("{}!", message.text().unwrap_or("؟"));
                    // Sent after the response to the webhook, as in a real add-on.
                    tokio::spawn(async move {
                        let id = &message.conversation.id;
                        let button = Button::dynamic_action("این", json!({ "text": text }));
                        let times = if moods.silent { 0 } else { 1 + usize::from(moods.talkative) };
                        for _ in 0..times {
                            let message = BotMessage::text(&*text).buttons([[button.clone()]]);
                            client.send_bot_message(id, &message).await.unwrap();
                        }
                    });
                    Response::default()
                }
            }
        }
    };
    let url = app.set_handler(response);
    app.set_open_app_url(url.join(["open"]))
        .set_events_url(url.join(["events"]))
        .set_dynamic_action_url(url.join(["pressed"]));
}

/// A session with a message to the bot, an opened app and a pressed button.
async fn session(seed: u64) -> Result<(Sandbox, Recording), Box<dyn std::error::Error>> {
    let sandbox = Sandbox::builder().seed(seed).manual_clock().in_process().await;
    let app = sandbox.app("bot");
    bot(&app, Moods::default());
    let (sara, ali) = (sandbox.user("sara"), sandbox.user("ali"));
    let post = sandbox.add_post(&sara);
    let chat = sara.start_bot(&app, StartFrom::MyPost(&post)).await?;
    chat.next_message().await?;
    sara.write(&chat, "سلام").await?;
    let message = chat.next_message().await?;
    sara.press(&message, "این").await?;
    ali.open_app(&post.conversation_with(&ali), &app).await?;
    sandbox.inject(WebhookFault::WrongKey).on_webhook(Webhook::OpenApp);
    assert!(ali.open_app(&post.conversation_with(&ali), &app).await.is_err());
    let recording = sandbox.recording();
    Ok((sandbox, recording))
}

async fn replay(recording: &Recording, moods: Moods) -> Result<Vec<Difference>, Box<dyn std::error::Error>> {
    // With another seed, the ids are still those of the recording.
    let sandbox = Sandbox::builder().seed(99).in_process().await;
    let app = sandbox.app("bot");
    bot(&app, moods);
    Ok(sandbox.replay(recording, &app).await?)
}

#[tokio::test]
async fn same_add_on_has_no_differences() -> TestResult {
    let (_kenar, recording) = session(1).await?;
    let read = Recording::from_json(&recording.to_json()?)?;
    assert_eq!(read, recording);
    assert_eq!(replay(&read, Moods::default()).await?, []);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn changed_behaviour_is_a_difference() -> TestResult {
    let (_kenar, recording) = session(1).await?;

    let [difference] = &replay(&recording, Moods { rude: true, ..Moods::default() }).await?[..] else { panic!() };
    assert_eq!(difference.what, "the response to webhook.dynamic_action");
    assert_eq!(difference.expected, Some(json!({ "status": 200, "body": { "text_message": "بله" } })));
    assert_eq!(difference.found, Some(json!({ "status": 200, "body": { "text_message": "نه" } })));
    assert!(difference.to_string().contains("found {"), "{difference}");

    let silent = replay(&recording, Moods { silent: true, ..Moods::default() }).await?;
    assert_eq!(silent.len(), 2, "{silent:?}");
    assert!(silent.iter().all(|missing| missing.what == "the call bot.send_message" && missing.found.is_none()));

    let talkative = replay(&recording, Moods { talkative: true, ..Moods::default() }).await?;
    assert!(talkative.iter().any(|extra| extra.expected.is_none()), "{talkative:?}");

    let broken = replay(&recording, Moods { broken: true, ..Moods::default() }).await?;
    let statuses = broken.iter().filter(|difference| difference.what == "the response to webhook.event");
    assert_eq!(statuses.count(), 2, "{broken:?}");
    Ok(())
}

#[tokio::test]
async fn restore_brings_back_people_and_messages() -> TestResult {
    let (before, recording) = session(1).await?;
    let sandbox = Sandbox::builder().seed(5).in_process().await;
    let app = sandbox.app("bot");
    bot(&app, Moods::default());
    assert_eq!(sandbox.replay(&recording, &app).await?, []);
    let said = |sandbox: &Sandbox| {
        let chat = sandbox.user("sara").chat_with_bot(&sandbox.app("bot"));
        let said: Vec<_> = chat.messages().iter().map(ToString::to_string).collect();
        (chat.id().clone(), sandbox.user("sara").id_for(&sandbox.app("bot")), said)
    };
    assert_eq!(said(&sandbox), said(&before));
    Ok(())
}

#[tokio::test]
async fn recording_has_no_secrets() -> TestResult {
    let (sandbox, _) = session(1).await?;
    let app = sandbox.app("bot");
    let sara = sandbox.user("sara");
    let tokens = grant(&sandbox, &app, &sara, [Scope::chat_bot_user_message_send(), Scope::offline_access()]).await;
    let media = app.client().upload_media(Media::image("a.png", MediaSource::bytes("a"))?).await?;
    let to = sara.id_for(&app);
    app.client().send_bot_message_to_user(&to, &BotMessage::media(media), &tokens.access_token).await?;

    let photo = sara.chat_with_bot(&app).messages().pop().unwrap();
    assert!(matches!(&photo.message.content, MessageContent::Image(image) if image.link.is_some()), "{photo}");

    let json = sandbox.recording().to_json()?;
    assert!(json.contains("bot.send_message_to_user"), "{json}");
    for secret in ["sandbox-", "hunter2", "visit-", "redacted", "identification"] {
        assert!(!json.contains(secret), "{secret:?} in {json}");
    }
    Ok(())
}

#[tokio::test]
async fn recording_file_has_a_version() -> TestResult {
    let (_kenar, recording) = session(1).await?;
    let path = std::env::temp_dir().join(format!("kenar-recording-{}.json", std::process::id()));
    recording.save(&path)?;
    assert_eq!(Recording::load(&path)?, recording);
    std::fs::remove_file(&path)?;
    assert!(matches!(Recording::load(&path), Err(RecordingError::Io(_))));

    let mut newer: Value = serde_json::from_str(&recording.to_json()?)?;
    assert_eq!(newer["version"], json!(Recording::VERSION));
    newer["version"] = json!(Recording::VERSION + 1);
    assert!(matches!(Recording::from_json(&newer.to_string()), Err(RecordingError::Version(2))));
    for broken in ["", "{}", "[]", r#"{"version":1}"#, r#"{"version":"1"}"#] {
        assert!(matches!(Recording::from_json(broken), Err(RecordingError::Json(_))), "{broken}");
    }
    Ok(())
}

#[tokio::test]
async fn dangling_references_are_errors() -> TestResult {
    let (_kenar, recording) = session(1).await?;
    let json: Value = serde_json::from_str(&recording.to_json()?)?;
    let of = |kind: &str| {
        let conversations = json["conversations"].as_object().unwrap();
        conversations.iter().find(|(_, one)| one["parties"]["kind"] == kind).unwrap().0.clone()
    };
    let (chat, bot) = (of("post"), of("bot"));
    let post = json["conversations"][&chat]["parties"]["post"].as_str().unwrap();
    for (pointer, value, expected) in [
        ("/posts".to_owned(), json!({}), format!("conversation {chat} is about post {post}, which is missing")),
        ("/people".to_owned(), json!(["ali"]), format!("the owner `sara` of post {post} is not among its people")),
        (
            "/people".to_owned(),
            json!(["sara"]),
            format!("conversation {chat} is with `ali`, who is not among its people"),
        ),
        (
            format!("/conversations/{chat}/parties/seller"),
            json!("ali"),
            format!("conversation {chat} has the seller `ali`, but {post} is `sara`'s"),
        ),
        (
            format!("/conversations/{chat}/parties/buyer"),
            json!("sara"),
            format!("conversation {chat} has the same seller and buyer"),
        ),
        (
            format!("/conversations/{bot}/parties/user"),
            json!("reza"),
            format!("conversation {bot} is with `reza`, who is not among its people"),
        ),
        (
            format!("/conversations/{bot}/parties/app"),
            json!("other"),
            format!("conversation {bot} has a message by the chatbot of bot, which takes no part in it"),
        ),
        (
            format!("/conversations/{bot}/said/0/by"),
            json!({ "user": "ali" }),
            format!("conversation {bot} has a message by `ali`, who takes no part in it"),
        ),
        (
            format!("/conversations/{bot}/said/0/message/conversation/id"),
            json!("another"),
            format!("conversation {bot} has a message of conversation another"),
        ),
    ] {
        let mut broken = json.clone();
        *broken.pointer_mut(&pointer).unwrap_or_else(|| panic!("{pointer}: {json:#}")) = value;
        let error = Recording::from_json(&broken.to_string()).unwrap_err();
        assert!(matches!(error, RecordingError::Incomplete(_)), "{error}");
        assert_eq!(error.to_string(), format!("invalid recording: {expected}"));
    }
    for (field, value, expected) in [
        ("post_titles", json!({ "none": "title" }), "the title of post none has no post"),
        ("user_ids", json!({ "bot": { "reza": "1" } }), "the user id 1 in app bot is for `reza`, who is not among"),
        ("user_ids", json!({ "bot": { "ali": "1", "sara": "1" } }), "the user id 1 in app bot is for both `ali` and"),
    ] {
        let mut broken = json.clone();
        broken[field] = value;
        let error = Recording::from_json(&broken.to_string()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("invalid recording: {expected}")), "{error}");
    }
    let mut broken = json.clone();
    broken["conversations"][&chat]["blocked_by"] = json!(["reza"]);
    let error = Recording::from_json(&broken.to_string()).unwrap_err().to_string();
    assert!(error.contains(&format!("conversation {chat} is blocked by `reza`")), "{error}");
    Ok(())
}

#[test]
fn saved_file_is_replaced_as_a_whole() -> TestResult {
    let folder = std::env::temp_dir().join(format!("kenar-recording-{}-replaced", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("session.json");
    std::fs::write(&path, "old")?;
    let target = if cfg!(unix) { folder.join("link.json") } else { path.clone() };
    #[cfg(unix)]
    {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        symlink(&path, &target)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640))?;
    }
    let before = std::fs::File::open(&path)?;
    let recording =
        Recording::from_json(r#"{"version":1,"seed":1,"people":[],"posts":{},"conversations":{},"steps":[]}"#)?;
    recording.save(&target)?;
    assert_eq!(Recording::load(&path)?, recording);
    // The old file was not written to: whoever has it open still reads the old content.
    assert_eq!(std::io::read_to_string(before)?, "old");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert!(std::fs::symlink_metadata(&target)?.is_symlink());
        assert_eq!(std::fs::metadata(&path)?.permissions().mode() & 0o777, 0o640);
        std::fs::remove_file(&target)?;
    }
    let names: Vec<_> = std::fs::read_dir(&folder)?.map(|entry| entry.map(|entry| entry.file_name())).collect();
    assert_eq!(names.len(), 1, "{names:?}");
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

#[tokio::test]
async fn recording_of_another_app_has_no_differences() -> TestResult {
    let (_kenar, recording) = session(1).await?;
    let sandbox = Sandbox::in_process().await;
    let app = sandbox.app("another");
    assert_eq!(sandbox.replay(&recording, &app).await?, []);
    Ok(())
}

#[tokio::test]
async fn webhook_without_a_response_is_an_error() -> TestResult {
    let (_kenar, recording) = session(1).await?;
    let sandbox = Sandbox::in_process().await;
    let error = sandbox.replay(&recording, &sandbox.app("bot")).await.unwrap_err().to_string();
    assert!(error.contains("no URL for webhook.event"), "{error}");
    Ok(())
}

#[tokio::test]
async fn restored_session_continues() -> TestResult {
    let (before, _) = session(1).await?;
    let chat = before.user("sara").chat_with_bot(&before.app("bot"));
    before.user("sara").block(&chat)?;
    let recording = Recording::from_json(&before.recording().to_json()?)?;

    let after = Sandbox::builder().seed(8).in_process().await;
    after.restore(&recording);
    let app = after.app("bot");
    bot(&app, Moods::default());
    let sara = after.user("sara");
    let again = sara.chat_with_bot(&app);
    assert_eq!((again.id(), again.messages()), (chat.id(), chat.messages()));
    assert_eq!(sara.id_for(&app), before.user("sara").id_for(&before.app("bot")));
    assert!(sara.write(&again, "سلام").await.is_err(), "she blocked it");

    sara.unblock(&again)?;
    let asked = again.messages().pop().unwrap();
    assert_eq!(sara.press(&asked, "این").await?.toast.as_deref(), Some("بله"));
    sara.write(&again, "باز هم").await?;
    assert_eq!(again.next_message().await?.text(), Some("باز هم!"));
    Ok(())
}
