//! Promise: uploads arrive unchanged, as an independent multipart parser shows; invalid media are not sent.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart};
use bytes::Bytes;
use http::Request;
use http_body::Frame;
use kenar::ChatApi as _;
use kenar::error::ErrorKind;
use kenar::model::MediaToken;
use kenar::operation::{InvalidMedia, Media, MediaKind, MediaSource, UploadMedia};
use kenar::secret::UploadToken;
use kenar::transport::MockTransport;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use crate::support::calls::{client, only_request};
use crate::support::loopback::{Server, json};

fn token() -> UploadToken {
    UploadToken::new("upload-token-of-the-test").unwrap()
}

/// A part of an upload, as parsed.
#[derive(Debug, PartialEq)]
struct Parsed {
    name: String,
    file_name: String,
    content_type: String,
    bytes: Bytes,
}

/// Parses the multipart form of a request.
async fn parse(request: Request<Bytes>) -> Vec<Parsed> {
    let mut request = request.map(axum::body::Body::from);
    DefaultBodyLimit::disable().apply(&mut request);
    let mut form = Multipart::from_request(request, &()).await.unwrap();
    let mut parts = Vec::new();
    while let Some(field) = form.next_field().await.unwrap() {
        parts.push(Parsed {
            name: field.name().unwrap().to_owned(),
            file_name: field.file_name().unwrap().to_owned(),
            content_type: field.content_type().unwrap().to_owned(),
            bytes: field.bytes().await.unwrap(),
        });
    }
    parts
}

/// Uploads to a mock and parses the request.
async fn upload(media: &Media) -> Parsed {
    let mock = MockTransport::new();
    mock.respond_json(200, &json!({ "id": "medium", "status": "ok" }));
    client(mock.clone()).execute(&UploadMedia::new(media, &token())).await.unwrap();
    let request = only_request(&mock);
    assert_eq!(request.uri().path(), format!("/upload/{}", media.kind()));
    let mut parts = parse(request).await;
    assert_eq!(parts.len(), 1, "parts");
    parts.remove(0)
}

/// Bytes of every value, with boundaries and line breaks.
fn awkward() -> Bytes {
    let mut bytes: Vec<u8> = (0..=255).cycle().take(200_000).collect();
    bytes.extend_from_slice(b"\r\n--kenar-00000000000000000000000000000000--\r\n--\r\n\r\n");
    bytes.into()
}

/// A stream of these frames.
struct Frames(std::vec::IntoIter<Bytes>);

fn frames(frames: impl IntoIterator<Item = Bytes>) -> Frames {
    Frames(frames.into_iter().collect::<Vec<_>>().into_iter())
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.0.next().map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[tokio::test]
async fn every_source_arrives_unchanged() {
    let bytes = awkward();
    let length = bytes.len() as u64;
    let path = std::env::temp_dir().join(format!("kenar-upload-{}.png", std::process::id()));
    std::fs::write(&path, &bytes).unwrap();
    let (mut writer, reader) = tokio::io::duplex(1000);
    let written = bytes.clone();
    tokio::spawn(async move { writer.write_all(&written).await.unwrap() });
    let with_empty_frames = [Bytes::new(), bytes.slice(..7), Bytes::new(), bytes.slice(7..), Bytes::new()];

    for (what, source) in [
        ("bytes", MediaSource::bytes(bytes.clone())),
        ("a reader", MediaSource::reader(length, std::io::Cursor::new(bytes.clone()))),
        ("a reader of small pieces", MediaSource::reader(length, reader)),
        ("a file", MediaSource::file(&path).await.unwrap()),
        ("a stream", MediaSource::stream(length, frames(bytes.chunks(4096).map(Bytes::copy_from_slice)))),
        ("a stream with empty frames", MediaSource::stream(length, frames(with_empty_frames))),
    ] {
        assert_eq!(source.length(), length, "{what}");
        let media = Media::image("photo.png", source).unwrap();
        assert_eq!(media.length(), length, "{what}");
        let parsed = upload(&media).await;
        assert_eq!((parsed.name.as_str(), parsed.file_name.as_str()), ("file", "photo.png"), "{what}");
        assert_eq!(parsed.content_type, "image/png", "{what}");
        assert!(parsed.bytes == bytes, "{what}: the bytes differ");
    }
    std::fs::remove_file(&path).unwrap();
    assert!(MediaSource::file(&path).await.is_err(), "a missing file");
}

#[tokio::test]
async fn file_name_is_escaped() {
    for (name, arrives) in [
        ("photo.png", "photo.png"),
        ("عکس خانه.png", "عکس خانه.png"),
        ("🚚.png", "🚚.png"),
        ("a\"b.png", "a%22b.png"),
        ("a\r\nX-FaultHandle: 1\r\n\r\n.png", "a%0D%0AX-FaultHandle: 1%0D%0A%0D%0A.png"),
        ("a\"; name=\"other.png", "a%22; name=%22other.png"),
        ("a;b=c.png", "a;b=c.png"),
        ("../../a/b.png", "b.png"),
        ("C:\\photos\\b.png", "b.png"),
        ("%22.png", "%22.png"),
    ] {
        let media = Media::image(name, MediaSource::bytes("image")).unwrap();
        assert!(name.ends_with(media.file_name()), "{name:?} became {:?}", media.file_name());
        let parsed = upload(&media).await;
        assert_eq!((parsed.name.as_str(), parsed.file_name.as_str()), ("file", arrives), "{name:?}");
        assert_eq!(parsed.bytes, "image", "{name:?}");
    }
}

#[tokio::test]
async fn each_format_has_its_path_and_content_type() {
    for (kind, endings) in [
        (MediaKind::Image, &[("png", "image/png"), ("jpg", "image/jpeg"), ("jpeg", "image/jpeg")][..]),
        (
            MediaKind::File,
            &[
                ("pdf", "application/pdf"),
                ("doc", "application/msword"),
                ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
                ("xls", "application/vnd.ms-excel"),
                ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
                ("ppt", "application/vnd.ms-powerpoint"),
                ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
            ],
        ),
        (MediaKind::Voice, &[("m4a", "audio/mp4"), ("3gp", "audio/3gpp")]),
        (MediaKind::Video, &[("mp4", "video/mp4")]),
    ] {
        assert_eq!(kind.extensions().len(), endings.len(), "{kind}");
        for (ending, content_type) in endings {
            for name in [format!("a.{ending}"), format!("a.gif.{}", ending.to_uppercase())] {
                let media = Media::new(kind, &*name, MediaSource::bytes("a")).unwrap();
                assert_eq!(media.content_type(), *content_type, "{name}");
                assert_eq!(upload(&media).await.content_type, *content_type, "{name}");
            }
        }
    }
}

#[tokio::test]
async fn unsupported_media_is_rejected() {
    let one = || MediaSource::bytes("a");
    for (kind, name) in [
        (MediaKind::Image, "a.gif"),
        (MediaKind::Image, "a.mp4"),
        (MediaKind::Image, "png"),
        (MediaKind::Image, "a.png "),
        (MediaKind::Image, ""),
        (MediaKind::File, "a.txt"),
        (MediaKind::Voice, "a.ogg"),
        (MediaKind::Video, "a.3gp"),
    ] {
        let error = Media::new(kind, name, one()).expect_err(name);
        let InvalidMedia::Format { kind: actual, file_name, .. } = &error else { panic!("{name}: {error:?}") };
        assert_eq!((*actual, file_name.as_str()), (kind, name));
        assert!(error.to_string().contains(kind.extensions()[0]), "names no supported format: {error}");
    }

    const MIB: u64 = 1024 * 1024;
    for (kind, name, max) in [
        (MediaKind::Image, "a.png", 5 * MIB),
        (MediaKind::File, "a.pdf", 5 * MIB),
        (MediaKind::Voice, "a.m4a", MIB + MIB / 2),
        (MediaKind::Video, "a.mp4", 50 * MIB),
    ] {
        let of = |length| Media::new(kind, name, MediaSource::reader(length, tokio::io::empty()));
        assert!(of(max).is_ok() && of(1).is_ok(), "{kind}");
        assert_eq!(of(0).unwrap_err(), InvalidMedia::Empty, "{kind}");
        for too_long in [max + 1, u64::MAX] {
            let error = of(too_long).unwrap_err();
            assert!(matches!(error, InvalidMedia::TooLarge { length, .. } if length == too_long), "{error:?}");
        }
    }
    assert_eq!(Media::image("a.png", MediaSource::bytes("")).unwrap_err(), InvalidMedia::Empty);
}

#[tokio::test]
async fn stream_of_wrong_length_fails_without_retry() {
    for (what, declared, frames) in [
        ("short", 10, frames(["12345".into()])),
        ("empty", 10, frames([])),
        ("long in one frame", 4, frames(["12345".into()])),
        ("long by a frame", 5, frames(["12345".into(), "6".into()])),
    ] {
        let media = Media::video("a.mp4", MediaSource::stream(declared, frames)).unwrap();
        let mock = MockTransport::new();
        mock.respond_json(200, &json!({ "id": "medium" }));
        let error = client(mock.clone()).execute(&UploadMedia::new(&media, &token())).await.expect_err(what);
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::RequestBody, 1), "{what}");
        assert!(!error.may_have_been_processed(), "{what}");
        assert!(mock.requests().is_empty(), "{what}: a complete request was sent");
    }
}

#[tokio::test]
async fn content_length_is_exact_on_the_wire() {
    let bytes = awkward();
    let source = MediaSource::reader(bytes.len() as u64, std::io::Cursor::new(bytes.clone()));
    let media = Media::video("v.mp4", source).unwrap();
    let server = Server::start().await;
    let client = server.client();
    // The server reads exactly the declared length; any other bytes would begin a second request.
    let (outcome, received) = tokio::join!(client.upload_media(media), async {
        let mut connection = server.accept().await;
        connection.request().await.unwrap();
        connection.write(&json(r#"{"token":"upload-token-of-the-test"}"#)).await;
        let upload = connection.request().await.unwrap();
        connection.write(&json(r#"{"id":"medium","status":"ok"}"#)).await;
        upload
    });
    assert_eq!(outcome.unwrap(), MediaToken::new("medium"));

    assert!(received.head.starts_with("POST /upload/video HTTP/1.1\r\n"), "{}", received.head);
    assert_eq!(received.headers("content-length"), [received.body.len().to_string()]);
    assert_eq!(received.headers("authorization"), ["Bearer upload-token-of-the-test"]);
    assert!(received.headers("x-api-key").is_empty(), "the API key was sent to the upload host");
    let content_type = received.headers("content-type")[0].to_owned();
    let request = Request::post("/").header("content-type", content_type).body(received.body.into()).unwrap();
    let parts = parse(request).await;
    assert_eq!(parts.len(), 1);
    assert!(parts[0].bytes == bytes, "the bytes differ");
}

#[tokio::test]
async fn stream_of_wrong_length_is_never_a_complete_request() {
    for (what, declared, frames) in [
        ("short", 10, frames(["12345".into()])),
        ("long", 4, frames(["12345".into()])),
        ("long by a frame", 5, frames(["12345".into(), "6".into()])),
    ] {
        let media = Media::video("a.mp4", MediaSource::stream(declared, frames)).unwrap();
        let server = Server::start().await;
        let client = server.client();
        let token = token();
        let upload = UploadMedia::new(&media, &token);
        let (outcome, received) =
            tokio::join!(client.execute(&upload), async { server.accept().await.request().await });
        let error = outcome.expect_err(what);
        assert_eq!((error.kind(), error.may_have_been_processed()), (ErrorKind::RequestBody, false), "{what}");
        assert!(received.is_none(), "{what}: the server received a complete request");
    }
}

#[tokio::test]
async fn failed_reader_is_in_the_error() {
    struct Broken;
    impl tokio::io::AsyncRead for Broken {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut tokio::io::ReadBuf<'_>,
        ) -> Poll<std::io::Result<()>> {
            Poll::Ready(Err(std::io::Error::other("disk failure")))
        }
    }
    let media = Media::video("a.mp4", MediaSource::reader(10, Broken)).unwrap();
    let server = Server::start().await;
    let client = server.client();
    let token = token();
    let upload = UploadMedia::new(&media, &token);
    let (outcome, _) = tokio::join!(client.execute(&upload), async { server.accept().await.request().await });
    let error = outcome.unwrap_err();
    assert_eq!((error.kind(), error.may_have_been_processed()), (ErrorKind::RequestBody, false), "{error:?}");
    assert!(chain(&error).contains("disk failure"), "{}", chain(&error));
}

/// The messages of an error and its sources.
fn chain(error: &dyn std::error::Error) -> String {
    let errors = std::iter::successors(Some(error), |error| error.source());
    errors.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// A temporary directory of one test.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("kenar-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, bytes: &[u8]) -> std::path::PathBuf {
        let path = self.0.join("a.mp4");
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn source_that_is_not_a_file_is_rejected() {
    let folder = Folder::new("not-a-file");
    let missing = folder.0.join("missing");
    for path in [folder.0.as_path(), std::path::Path::new("/dev/null"), &missing] {
        let error = MediaSource::file(path).await.unwrap_err();
        assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
    }
}

#[tokio::test]
async fn file_changed_before_upload_is_not_sent() {
    let folder = Folder::new("changed-before");
    for change in ["removed", "shrunk", "grown", "a directory"] {
        let path = folder.file(&[7; 100]);
        let media = Media::video("a.mp4", MediaSource::file(&path).await.unwrap()).unwrap();
        match change {
            "removed" => std::fs::remove_file(&path).unwrap(),
            "shrunk" => std::fs::write(&path, [7; 99]).unwrap(),
            "grown" => std::fs::write(&path, [7; 101]).unwrap(),
            _ => {
                std::fs::remove_file(&path).unwrap();
                std::fs::create_dir(&path).unwrap();
            }
        }
        let mock = MockTransport::new();
        let error = client(mock.clone()).execute(&UploadMedia::new(&media, &token())).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::RequestBody, 0), "{change}");
        assert!(!error.may_have_been_processed(), "{change}");
        assert!(chain(&error).contains(&path.display().to_string()), "{change}: {}", chain(&error));
        assert!(mock.requests().is_empty(), "{change}");
        let _ = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir(&path));
    }
}

/// Exceeds the socket buffers of both sides, so that the client reads the file while the server reads the request.
const LARGE: usize = 40 << 20;

#[tokio::test]
async fn file_changed_during_upload_is_never_a_complete_request() {
    let folder = Folder::new("changed-during");
    for change in [LARGE - 1, LARGE + 1] {
        let path = folder.file(&vec![7; LARGE]);
        let media = Media::video("a.mp4", MediaSource::file(&path).await.unwrap()).unwrap();
        let server = Server::start().await;
        let (client, token) = (server.client(), token());
        let upload = UploadMedia::new(&media, &token);
        let (outcome, received) = tokio::join!(client.execute(&upload), async {
            let mut connection = server.accept().await;
            // Waits until the upload has begun.
            connection.peek().await;
            std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(change as u64).unwrap();
            connection.request().await
        });
        let error = outcome.unwrap_err();
        assert_eq!((error.kind(), error.may_have_been_processed()), (ErrorKind::RequestBody, false), "{error:?}");
        assert!(chain(&error).contains(&path.display().to_string()), "{}", chain(&error));
        assert!(received.is_none(), "the server received a complete request");
    }
}

#[tokio::test]
async fn interrupted_upload_was_not_processed() {
    let server = Server::start().await;
    let (client, token) = (server.client(), token());
    let (_writer, reader) = tokio::io::duplex(1000);
    let media = Media::video("a.mp4", MediaSource::reader(1000, reader)).unwrap();
    let upload = UploadMedia::new(&media, &token);
    let (outcome, ()) = tokio::join!(client.execute(&upload), async {
        // Closes the connection once the upload has begun.
        server.accept().await.peek().await;
    });
    let error = outcome.unwrap_err();
    assert_eq!((error.kind(), error.may_have_been_processed()), (ErrorKind::Interrupted, false), "{error:?}");

    // The same for a timeout.
    let client = client.with_time_limit(std::time::Duration::from_millis(200));
    let (_writer, reader) = tokio::io::duplex(1000);
    let media = Media::video("a.mp4", MediaSource::reader(1000, reader)).unwrap();
    let upload = UploadMedia::new(&media, &token);
    let (outcome, _) = tokio::join!(client.execute(&upload), async { server.accept().await.request().await });
    let error = outcome.unwrap_err();
    assert_eq!((error.kind(), error.may_have_been_processed()), (ErrorKind::Timeout, false), "{error:?}");
}

#[tokio::test]
async fn long_stream_is_never_a_complete_request() {
    let body = || kenar::request::Body::stream(5, frames(["12345".into(), "6".into()]));
    body().collect().await.unwrap_err();
    let exact = kenar::request::Body::stream(5, frames(["123".into(), "45".into()]));
    assert_eq!(exact.collect().await.unwrap(), "12345");

    let server = Server::start().await;
    let transport = kenar::transport::HyperTransport::builder().no_proxy().build().unwrap();
    let request = Request::post(format!("http://{}/", server.address())).body(body()).unwrap();
    let (outcome, received) = tokio::join!(kenar::transport::HttpTransport::send(&transport, request), async {
        server.accept().await.request().await
    });
    outcome.unwrap_err();
    assert!(received.is_none(), "the server received a complete request");
}

#[tokio::test]
async fn boundaries_are_unique() {
    let mock = MockTransport::new();
    let media = Media::image("a.png", MediaSource::bytes("a")).unwrap();
    for _ in 0..2 {
        mock.respond_json(200, &json!({ "id": "medium" }));
        client(mock.clone()).execute(&UploadMedia::new(&media, &token())).await.unwrap();
    }
    let requests = mock.requests();
    assert_ne!(requests[0].headers()["content-type"], requests[1].headers()["content-type"]);
}
