//! Promise: uploads accept the documented formats and sizes, and messages refer to them by token.

use crate::support::{Ask, TestResult};
use kenar::model::{MessageContent, MessageKind};
use kenar::operation::{Media, MediaKind, MediaSource};
use kenar::{BotMessage, ChatApi as _};
use kenar_sandbox::{App, Sandbox};

async fn token(app: &App) -> String {
    let token = app.client().execute(&kenar::operation::CreateUploadToken).await.unwrap();
    token.expose_secret().to_owned()
}

/// Sends a handwritten, possibly invalid part.
async fn upload(
    sandbox: &Sandbox,
    kind: &str,
    token: &str,
    disposition: &str,
    size: usize,
) -> (u16, serde_json::Value) {
    let body = format!(
        "--x\r\nContent-Disposition: form-data; {disposition}\r\nContent-Type: text/plain\r\n\r\n{}\r\n--x--\r\n",
        "a".repeat(size)
    );
    Ask::new(sandbox, "POST", &format!("/upload/{kind}"))
        .bearer(token)
        .header("content-type", "multipart/form-data; boundary=x")
        .body(body)
        .json_response()
        .await
}

#[tokio::test]
async fn each_kind_is_uploaded_and_sent() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("bot");
    let client = app.client();
    let chat = sandbox.user("sara").chat_with_bot(&app);
    for (kind, name, shown) in [
        (MediaKind::Image, "photo.JPG", MessageKind::Image),
        (MediaKind::File, "قرارداد.pdf", MessageKind::File),
        (MediaKind::Voice, "voice.m4a", MessageKind::Voice),
        (MediaKind::Video, "unboxing.mp4", MessageKind::Video),
    ] {
        let media = client.upload_media(Media::new(kind, name, MediaSource::bytes(vec![7; 1000]))?).await?;
        client.send_bot_message(chat.id(), &BotMessage::media(media)).await?;
        let message = chat.next_message().await?;
        assert_eq!(message.message.content.kind(), Some(shown));
        if let MessageContent::File(file) = &message.message.content {
            assert_eq!((file.name.as_deref(), file.size_bytes), (Some("قرارداد.pdf"), Some(1000)));
        }
    }
    Ok(())
}

#[tokio::test]
async fn video_of_maximum_size_is_accepted() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let source = MediaSource::bytes(vec![0; usize::try_from(MediaKind::Video.max_bytes())?]);
    sandbox.app("bot").client().upload_media(Media::video("long.mp4", source)?).await?;
    let exchange = sandbox.journal().pop().unwrap();
    assert_eq!((exchange.operation, exchange.request.as_str()), ("media.upload", "(52428800 bytes of video)"));
    Ok(())
}

#[tokio::test]
async fn invalid_upload_keeps_its_token_valid() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("bot");
    let token = token(&app).await;
    let voice = usize::try_from(MediaKind::Voice.max_bytes())?;
    for (kind, disposition, size, status) in [
        ("image", r#"name="file"; filename="a.gif""#, 10, 400),
        ("image", r#"name="file"; filename="png""#, 10, 400),
        ("image", r#"name="file""#, 10, 400),
        ("image", r#"name="media"; filename="a.png""#, 10, 400),
        ("image", r#"name="file"; filename="a.png""#, 0, 400),
        ("video", r#"name="file"; filename="a.png""#, 10, 400),
        ("voice", r#"name="file"; filename="a.m4a""#, voice + 1, 413),
        ("voice", r#"name="file"; filename="a.m4a""#, voice, 200),
    ] {
        let (got, response) = upload(&sandbox, kind, &token, disposition, size).await;
        assert_eq!(got, status, "{kind} {disposition} {size}: {response}");
        assert_eq!(response["status"] == "ok", status == 200, "{response}");
    }
    let not_multipart =
        Ask::new(&sandbox, "POST", "/upload/image").bearer(&token).json(serde_json::json!({})).refusal().await;
    assert_eq!(not_multipart, (401, 16), "the successful upload used the token");
    Ok(())
}

#[tokio::test]
async fn upload_needs_an_upload_token() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("bot");
    let good = r#"name="file"; filename="a.png""#;
    let key = app.api_key();
    for wrong in ["placeholder", key.expose_secret()] {
        assert_eq!(upload(&sandbox, "image", wrong, good, 10).await.0, 401);
    }
    assert_eq!(Ask::new(&sandbox, "POST", "/upload/image").refusal().await, (401, 16));
    let token = token(&app).await;
    assert_eq!(Ask::new(&sandbox, "POST", "/upload/image").bearer(&token).body("x").refusal().await, (400, 3));
    assert_eq!(Ask::new(&sandbox, "GET", "/upload/image").bearer(&token).refusal().await, (404, 5));
    assert_eq!(Ask::new(&sandbox, "POST", "/upload/music").bearer(&token).refusal().await, (404, 5));
    Ok(())
}

#[tokio::test]
async fn media_belong_to_the_uploading_app() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let (one, two) = (sandbox.app("one"), sandbox.app("two"));
    let media = one.client().upload_media(Media::image("a.png", MediaSource::bytes("a"))?).await?;
    let chat = sandbox.user("sara").chat_with_bot(&two);
    let error = two.client().send_bot_message(chat.id(), &BotMessage::media(media)).await.unwrap_err();
    assert_eq!(error.status().unwrap(), 400);
    Ok(())
}

#[tokio::test]
async fn link_in_a_message_serves_the_file() -> TestResult {
    for sandbox in [Sandbox::in_process().await, Sandbox::start().await?] {
        let app = sandbox.app("bot");
        app.set_events_url(app.set_handler(|_| async { http::Response::default() }));
        let client = app.client();
        let sara = sandbox.user("sara");
        let chat = sara.chat_with_bot(&app);
        let photo: Vec<u8> = (0..=255).cycle().take(100_000).collect();

        let sent = sara.send_photo(&chat, photo.clone()).await?;
        let token = client.upload_media(Media::image("a.png", MediaSource::bytes(photo.clone()))?).await?;
        client.send_bot_message(chat.id(), &BotMessage::media(token)).await?;
        let received = chat.next_message().await?;
        for (message, content_type) in [(&sent, "image/jpeg"), (&received, "image/png")] {
            let MessageContent::Image(image) = &message.message.content else { panic!("{message}") };
            assert_eq!(image.size_bytes, Some(100_000));
            let link = image.link.as_deref().unwrap();
            let path = link.strip_prefix(sandbox.url()).unwrap();
            let response = Ask::new(&sandbox, "GET", path).send().await;
            assert_eq!(
                (response.status().as_u16(), &response.headers()["content-type"]),
                (200, &content_type.parse()?)
            );
            assert!(*response.body() == photo, "{} bytes", response.body().len());
        }
        let last = sandbox.journal().pop().unwrap();
        assert_eq!((last.operation, last.response.as_str()), ("media.fetch", "(100000 bytes, not UTF-8)"));
        assert_eq!(Ask::new(&sandbox, "GET", "/media/nothing").send().await.status(), 404);
    }
    Ok(())
}

#[tokio::test]
async fn people_send_every_kind_of_content() -> TestResult {
    let sandbox = Sandbox::in_process().await;
    let app = sandbox.app("bot");
    app.set_events_url(app.set_handler(|_| async { http::Response::default() }));
    let sara = sandbox.user("sara");
    let chat = sara.chat_with_bot(&app);
    sara.send_media(&chat, MediaKind::Voice, "voice.ogg", "a").await?;
    sara.send_media(&chat, MediaKind::Video, "video.mp4", "a").await?;
    sara.send_media(&chat, MediaKind::File, "file.pdf", "a").await?;
    sara.send_location(&chat, kenar::model::Location { latitude: 35.7, longitude: 51.4 }).await?;
    sara.send_contact(&chat, "علی", "+989990000001").await?;
    let kinds: Vec<_> = chat.messages().iter().map(|message| message.message.content.kind().unwrap()).collect();
    use MessageKind::{Contact, File, Location, Video, Voice};
    assert_eq!(kinds, [Voice, Video, File, Location, Contact]);
    Ok(())
}
