//! Checks of responses and of uploads.

use std::error::Error as _;
use std::fmt::Write as _;

use bytes::Bytes;
use http::{Response, StatusCode};
use kenar::client::Retry;
use kenar::error::{ApiError, ErrorKind};
use kenar::model::{ConversationId, PostToken, Timestamp, UserId};
use kenar::oauth::{OAuthApp, StoredTokens};
use kenar::operation::{
    CreateUploadToken, GetConversation, GetConversationResponse, GetUser, GetUserResponse, Media, MediaKind,
    MediaSource, SendBotMessage, SendBotMessageResponse, SendBotMessageToUser, SendMessage, SendMessageResponse,
    Subscribe, Subscription, UploadMedia,
};
use kenar::request::{BaseUrls, Operation};
use kenar::secret::{AccessToken, ApiKey, AuthorizationCode, ClientSecret, RefreshToken, UploadToken};
use kenar::transport::MockTransport;
use kenar::{BotMessage, Client, ConversationMessage, Error};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::input;

/// Parses a status line, header lines, an empty line and a body; without the empty line, all is body.
fn parse(data: &[u8]) -> Response<Bytes> {
    let (head, body) = input::head_and_body(data);
    let mut lines = input::lines(head);
    let status = lines.next().and_then(|line| StatusCode::from_bytes(line).ok()).unwrap_or(StatusCode::OK);
    let mut response = Response::new(Bytes::copy_from_slice(body));
    *response.status_mut() = status;
    *response.headers_mut() = input::headers(lines);
    response
}

pub fn response(data: &[u8]) {
    let response = parse(data);
    let by = AccessToken::new("placeholder").expect("a token");
    let to = ConversationId::new("c-1");
    let text = ConversationMessage::text("سلام");
    let bot_text = BotMessage::text("سلام");
    let subscription = Subscription::to_messages_on(&PostToken::new("QYabcdef"));
    let media = Media::image("a.png", MediaSource::bytes("a")).expect("a medium");
    let token = UploadToken::new("placeholder").expect("a token");

    assert_round_trip::<SendMessageResponse>(read(&SendMessage::new(&to, &text, &by), &response));
    assert_round_trip::<SendBotMessageResponse>(read(&SendBotMessage::new(&to, &bot_text), &response));
    let user = UserId::new("u-1");
    assert_round_trip::<SendBotMessageResponse>(read(&SendBotMessageToUser::new(&user, &bot_text, &by), &response));
    assert_round_trip::<GetConversationResponse>(read(&GetConversation::new(&to, &by), &response));
    assert_round_trip::<GetUserResponse>(read(&GetUser::new(&by), &response));
    read(&Subscribe::new(&subscription, &by), &response);
    read(&CreateUploadToken, &response);
    read(&UploadMedia::new(&media, &token), &response);
    if let Some(tokens) = read(&exchange(&app("placeholder"), "placeholder"), &response) {
        let stored = serde_json::to_string(&tokens.expose_for_storage()).expect("tokens can be stored");
        let restored: StoredTokens = serde_json::from_str(&stored).expect("stored tokens can be parsed");
        assert_eq!(restored.into_tokens(), tokens);
        let _ = (tokens.is_expired(Timestamp::now()), tokens.needs_refresh(Timestamp::now()));
    }
    let refresh =
        app("placeholder").refresh_request_with(RefreshToken::new("placeholder").expect("a token"), Timestamp::now());
    if let Some(tokens) = read(&refresh, &response) {
        assert!(tokens.refresh_token.is_some(), "the refresh token is missing");
    }
}

fn app(secret: &str) -> OAuthApp {
    OAuthApp::new("app", ClientSecret::new(secret).expect("a secret"), "https://addon.example/").expect("a URI")
}

fn exchange(app: &OAuthApp, code: &str) -> kenar::oauth::ExchangeCode {
    app.exchange_request(AuthorizationCode::new(code).expect("a code"), Timestamp::now())
}

/// Parses a response, and checks the error.
fn read<O: Operation>(operation: &O, response: &Response<Bytes>) -> Option<O::Response> {
    let status = response.status();
    let error = match operation.response(response.clone()) {
        Ok(value) => {
            assert!(status.is_success(), "{}: success with {status}", O::METADATA.name());
            return Some(value);
        }
        Err(error) => error,
    };
    assert_eq!((error.operation(), error.status()), (O::METADATA.name(), Some(status)));
    let kind = if status.is_success() { ErrorKind::UnexpectedResponse } else { ErrorKind::Api };
    assert_eq!(error.kind(), kind, "{error}");
    assert_eq!(error.api_error().is_some(), kind == ErrorKind::Api, "{error}");
    let is_unknown = status.is_success() || status.is_server_error() || status == StatusCode::SEE_OTHER;
    // A gRPC code may leave the outcome unknown, too.
    if is_unknown || error.rpc_code().is_none() {
        assert_eq!(error.may_have_been_processed(), is_unknown, "{error}");
    }
    assert!(error.body_excerpt().len() <= Error::MAX_EXCERPT_BYTES);
    assert!(!(error.is_recipient_restricted() && error.is_rate_limited()) || error.rpc_code().is_some(), "{error}");
    let _ = (texts_of(&error), error.retry_after(), error.needs_new_permission());
    None
}

fn assert_round_trip<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: Option<T>) {
    let Some(value) = value else { return };
    let written = serde_json::to_string(&value).expect("a parsed value can be serialised");
    match serde_json::from_str::<T>(&written) {
        Ok(again) => assert_eq!(again, value, "from {written}"),
        Err(error) => panic!("cannot parse {written}, the JSON of {value:?}: {error}"),
    }
}

/// All texts of an error.
fn texts_of(error: &Error) -> String {
    let mut texts = format!("{error}\n{error:?}\n{error:#?}\n{}\n", error.body_excerpt());
    match error.api_error() {
        Some(ApiError::Rpc(status)) => {
            let details = serde_json::to_string(&status.details).expect("JSON can be written");
            writeln!(texts, "{}\n{details}", status.message).expect("writing to a `String` succeeds");
        }
        Some(ApiError::OAuth(error)) => {
            writeln!(texts, "{}\n{:?}", error.error, error.description).expect("writing to a `String` succeeds");
        }
        _ => {}
    }
    let mut source = error.source();
    while let Some(error) = source {
        writeln!(texts, "{error}\n{error:?}").expect("writing to a `String` succeeds");
        source = error.source();
    }
    texts
}

/// Secrets with all characters that need escapes. No backslash begins a valid escape of JSON, which would be another text.
const SECRETS: [&str; 2] = [r#"Kq/+="7\&<'%2Fz key~1"#, r#"Tw%5C"9+\&/=Xtoken{}#?"#];

/// The encodings of a secret: none, JSON, forms and URLs.
fn encodings(secret: &str) -> [String; 5] {
    let json = serde_json::Value::from(secret).to_string();
    let json = json[1..json.len() - 1].to_owned();
    [
        secret.to_owned(),
        json.replace('/', "\\/"),
        json,
        form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string(),
    ]
}

/// Checks a response in which each byte from 1 to 10, except tab and line break, is replaced by an encoding of a secret.
pub fn redaction(data: &[u8]) {
    let encoded: Vec<String> = SECRETS.into_iter().flat_map(encodings).collect();
    let (head, body) = input::head_and_body(data);
    let mut with_secrets = if body.len() == data.len() { Vec::new() } else { [head, b"\n\n"].concat() };
    for byte in body {
        match (*byte, usize::from(*byte).checked_sub(1).and_then(|index| encoded.get(index))) {
            (b'\t' | b'\n', _) | (_, None) => with_secrets.push(*byte),
            (_, Some(encoding)) => with_secrets.extend_from_slice(encoding.as_bytes()),
        }
    }
    let mock = MockTransport::new();
    for _ in 0..4 {
        mock.respond(parse(&with_secrets));
    }
    let [key, token] = SECRETS;
    let api_key = ApiKey::new(key).expect("a key");
    let client = Client::builder(api_key).transport(mock).retry(Retry::never()).build().expect("a client");
    let by = AccessToken::new(token).expect("a token");
    let upload_token = UploadToken::new(token).expect("a token");
    let media = Media::image("a.png", MediaSource::bytes("a")).expect("a medium");
    let errors = block_on(async {
        [
            client.execute(&GetUser::new(&by)).await.err(),
            client.execute(&UploadMedia::new(&media, &upload_token)).await.err(),
            client.execute(&CreateUploadToken).await.err(),
            client.execute(&exchange(&app(key), token)).await.err(),
        ]
    });
    // The third call sends only the key; the token is not its secret.
    let sent = [&encoded[..], &encoded[..], &encoded[..5], &encoded[..]];
    for (error, sent) in errors.into_iter().zip(sent) {
        let Some(error) = error else { continue };
        let texts = texts_of(&error);
        for encoding in sent {
            assert!(!texts.contains(encoding), "{encoding} is in {texts}");
        }
    }
}

/// Checks an upload: the file name without its extension, a zero byte, and the file's bytes.
pub fn upload(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let bytes = Bytes::copy_from_slice(data.get(end + 1..).unwrap_or_default());
    let Ok(stem) = std::str::from_utf8(&data[..end]) else { return };
    for (kind, ending) in [(MediaKind::Image, "png"), (MediaKind::File, "PDF"), (MediaKind::Video, "mp4")] {
        let name = format!("{stem}.{ending}");
        let Ok(media) = Media::new(kind, &name, MediaSource::bytes(bytes.clone())) else {
            assert!(bytes.is_empty(), "{name:?} was rejected");
            continue;
        };
        let token = UploadToken::new("placeholder").expect("a token");
        let request = UploadMedia::new(&media, &token).request(&BaseUrls::default()).expect("a request");
        let content_type = request.headers()["content-type"].to_str().expect("ASCII").to_owned();
        let form = block_on(request.into_body().collect()).expect("bytes in memory");

        let boundary = multer::parse_boundary(&content_type).expect("a boundary");
        let (parsed, more) = block_on(async {
            let mut parts = multer::Multipart::with_reader(&form[..], boundary);
            let part = parts.next_field().await.expect("a form").expect("a part");
            let about = [part.name(), part.file_name()].map(|text| text.map(str::to_owned));
            let content_type = part.content_type().map(ToString::to_string);
            let bytes = part.bytes().await.expect("the whole part");
            ((about, content_type, bytes), parts.next_field().await.expect("the end of the form").is_some())
        });
        let ([field, file_name], content_type, arrived) = parsed;
        assert!(!more, "{name:?}: a second part");
        assert_eq!((field.as_deref(), content_type.as_deref()), (Some("file"), Some(media.content_type())), "{name:?}");
        assert!(arrived == bytes, "{name:?}: the bytes differ");
        let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
        assert_eq!(media.file_name(), last, "{name:?}");
        assert_eq!(file_name.as_deref(), Some(&*escaped_name(last)), "{name:?}");
    }
}

/// The file name with its escapes, which the parser does not decode.
fn escaped_name(name: &str) -> String {
    let escaped = name.chars().map(|character| match character {
        '"' => "%22".to_owned(),
        control if control.is_ascii_control() => format!("%{:02X}", u32::from(control)),
        other => other.to_string(),
    });
    escaped.collect()
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    }
    RUNTIME.with(|runtime| runtime.block_on(work))
}
