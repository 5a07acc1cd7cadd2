//! What is answered to a call, and what a call sends of a file's name.

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

/// A line with the status, lines of headers, an empty line, and the body. Without the empty line, it is all body.
fn answer(data: &[u8]) -> Response<Bytes> {
    let (head, body) = input::head_and_body(data);
    let mut lines = input::lines(head);
    let status = lines.next().and_then(|line| StatusCode::from_bytes(line).ok()).unwrap_or(StatusCode::OK);
    let mut response = Response::new(Bytes::copy_from_slice(body));
    *response.status_mut() = status;
    *response.headers_mut() = input::headers(lines);
    response
}

pub fn response(data: &[u8]) {
    let answer = answer(data);
    let by = AccessToken::new("placeholder").expect("a token");
    let to = ConversationId::new("c-1");
    let text = ConversationMessage::text("سلام");
    let bot_text = BotMessage::text("سلام");
    let subscription = Subscription::to_messages_on(&PostToken::new("QYabcdef"));
    let media = Media::image("a.png", MediaSource::bytes("a")).expect("a medium");
    let token = UploadToken::new("placeholder").expect("a token");

    comes_back::<SendMessageResponse>(read(&SendMessage::new(&to, &text, &by), &answer));
    comes_back::<SendBotMessageResponse>(read(&SendBotMessage::new(&to, &bot_text), &answer));
    let user = UserId::new("u-1");
    comes_back::<SendBotMessageResponse>(read(&SendBotMessageToUser::new(&user, &bot_text, &by), &answer));
    comes_back::<GetConversationResponse>(read(&GetConversation::new(&to, &by), &answer));
    comes_back::<GetUserResponse>(read(&GetUser::new(&by), &answer));
    read(&Subscribe::new(&subscription, &by), &answer);
    read(&CreateUploadToken, &answer);
    read(&UploadMedia::new(&media, &token), &answer);
    if let Some(tokens) = read(&exchange(&app("placeholder"), "placeholder"), &answer) {
        let stored = serde_json::to_string(&tokens.expose_for_storage()).expect("tokens can be stored");
        let restored: StoredTokens = serde_json::from_str(&stored).expect("stored tokens are read");
        assert_eq!(restored.into_tokens(), tokens);
        let _ = (tokens.is_expired(Timestamp::now()), tokens.needs_refresh(Timestamp::now()));
    }
    let refresh =
        app("placeholder").refresh_request_with(RefreshToken::new("placeholder").expect("a token"), Timestamp::now());
    if let Some(tokens) = read(&refresh, &answer) {
        assert!(tokens.refresh_token.is_some(), "the refresh token was lost");
    }
}

fn app(secret: &str) -> OAuthApp {
    OAuthApp::new("app", ClientSecret::new(secret).expect("a secret"), "https://addon.example/").expect("a URI")
}

fn exchange(app: &OAuthApp, code: &str) -> kenar::oauth::ExchangeCode {
    app.exchange_request(AuthorizationCode::new(code).expect("a code"), Timestamp::now())
}

/// What an operation makes of an answer, and whether its error says no more and no less than it should.
fn read<O: Operation>(operation: &O, answer: &Response<Bytes>) -> Option<O::Response> {
    let status = answer.status();
    let error = match operation.response(answer.clone()) {
        Ok(value) => {
            assert!(status.is_success(), "{}: {status} was taken for a success", O::METADATA.name());
            return Some(value);
        }
        Err(error) => error,
    };
    assert_eq!((error.operation(), error.status()), (O::METADATA.name(), Some(status)));
    let kind = if status.is_success() { ErrorKind::UnexpectedResponse } else { ErrorKind::Api };
    assert_eq!(error.kind(), kind, "{error}");
    assert_eq!(error.api_error().is_some(), kind == ErrorKind::Api, "{error}");
    let leaves_open = status.is_success() || status.is_server_error() || status == StatusCode::SEE_OTHER;
    // A code may leave it open, too.
    if leaves_open || error.rpc_code().is_none() {
        assert_eq!(error.may_have_been_processed(), leaves_open, "{error}");
    }
    assert!(error.body_excerpt().len() <= Error::MAX_EXCERPT_BYTES);
    assert!(!(error.is_recipient_restricted() && error.is_rate_limited()) || error.rpc_code().is_some(), "{error}");
    let _ = (told_by(&error), error.retry_after(), error.needs_new_permission());
    None
}

fn comes_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: Option<T>) {
    let Some(value) = value else { return };
    let written = serde_json::to_string(&value).expect("what was read can be written");
    match serde_json::from_str::<T>(&written) {
        Ok(again) => assert_eq!(again, value, "written as {written}"),
        Err(error) => panic!("{value:?} is written as {written}, which is not read: {error}"),
    }
}

/// All that can be read off an error.
fn told_by(error: &Error) -> String {
    let mut told = format!("{error}\n{error:?}\n{error:#?}\n{}\n", error.body_excerpt());
    match error.api_error() {
        Some(ApiError::Rpc(status)) => {
            let details = serde_json::to_string(&status.details).expect("JSON can be written");
            writeln!(told, "{}\n{details}", status.message).expect("a text can be written to");
        }
        Some(ApiError::OAuth(error)) => {
            writeln!(told, "{}\n{:?}", error.error, error.description).expect("a text can be written to");
        }
        _ => {}
    }
    let mut source = error.source();
    while let Some(error) = source {
        writeln!(told, "{error}\n{error:?}").expect("a text can be written to");
        source = error.source();
    }
    told
}

/// Secrets with every character that is escaped somewhere. No backslash is the beginning of an escape of JSON: read as one,
/// it would be another text.
const SECRETS: [&str; 2] = [r#"Kq/+="7\&<'%2Fz key~1"#, r#"Tw%5C"9+\&/=Xtoken{}#?"#];

/// A secret as it is, and as JSON, forms and URLs write it.
fn spellings(secret: &str) -> [String; 5] {
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

/// An answer in which each of the bytes 1 to 10, tab and line break aside, stands for a spelling of a secret.
pub fn redaction(data: &[u8]) {
    let spelled: Vec<String> = SECRETS.into_iter().flat_map(spellings).collect();
    let (head, body) = input::head_and_body(data);
    let mut with_secrets = if body.len() == data.len() { Vec::new() } else { [head, b"\n\n"].concat() };
    for byte in body {
        match (*byte, usize::from(*byte).checked_sub(1).and_then(|index| spelled.get(index))) {
            (b'\t' | b'\n', _) | (_, None) => with_secrets.push(*byte),
            (_, Some(spelling)) => with_secrets.extend_from_slice(spelling.as_bytes()),
        }
    }
    let mock = MockTransport::new();
    for _ in 0..4 {
        mock.respond(answer(&with_secrets));
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
    // The third call shows only the key; what else it is told is not its secret.
    let shown = [&spelled[..], &spelled[..], &spelled[..5], &spelled[..]];
    for (error, shown) in errors.into_iter().zip(shown) {
        let Some(error) = error else { continue };
        let told = told_by(&error);
        for spelling in shown {
            assert!(!told.contains(spelling), "{spelling} is told in {told}");
        }
    }
}

/// A line with the file's name without its ending, and the file's bytes.
pub fn upload(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let bytes = Bytes::copy_from_slice(data.get(end + 1..).unwrap_or_default());
    let Ok(stem) = std::str::from_utf8(&data[..end]) else { return };
    for (kind, ending) in [(MediaKind::Image, "png"), (MediaKind::File, "PDF"), (MediaKind::Video, "mp4")] {
        let name = format!("{stem}.{ending}");
        let Ok(media) = Media::new(kind, &name, MediaSource::bytes(bytes.clone())) else {
            assert!(bytes.is_empty(), "{name:?} was refused");
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
        assert!(!more, "{name:?} makes a second part");
        assert_eq!((field.as_deref(), content_type.as_deref()), (Some("file"), Some(media.content_type())), "{name:?}");
        assert!(arrived == bytes, "{name:?}: other bytes arrived");
        let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
        assert_eq!(media.file_name(), last, "{name:?}");
        assert_eq!(file_name.as_deref(), Some(&*arriving_name(last)), "{name:?}");
    }
}

/// A file's name, as a parser gives it that does not undo the escapes.
fn arriving_name(name: &str) -> String {
    let arriving = name.chars().map(|character| match character {
        '"' => "%22".to_owned(),
        control if control.is_ascii_control() => format!("%{:02X}", u32::from(control)),
        other => other.to_string(),
    });
    arriving.collect()
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    }
    RUNTIME.with(|runtime| runtime.block_on(work))
}
