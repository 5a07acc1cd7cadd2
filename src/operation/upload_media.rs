use std::borrow::Cow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body::Frame;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::Media;
use crate::error::BoxError;
use crate::model::MediaToken;
use crate::model::wire::fields;
use crate::request::response::{self, Excerpt, UnexpectedResponse};
use crate::request::{
    ApiKeyPermission, Authentication, Body, Content, Credential, Host, IncomingRequest, InvalidRequest, Metadata,
    Operation, ParseOperation, PathParameters,
};
use crate::secret::UploadToken;

/// Requests an upload token, the credential of one upload.
///
/// Its lifetime is not documented, so request it right before the upload;
/// [`ChatApi::upload_media`](crate::ChatApi::upload_media) does both. The platform marks this call as experimental.
///
/// API-key permission: `CHAT_UPLOAD_MEDIA`. OAuth scope: none.
#[derive(Clone, Copy, Debug, Default)]
pub struct CreateUploadToken;

/// Uploads a file as `multipart/form-data`, and returns the media token to send in a message.
///
/// The request goes to the upload host, with the upload token instead of the API key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UploadMedia<'a> {
    /// The file.
    pub media: &'a Media,
    /// The upload token that authorises this request.
    pub token: Cow<'a, UploadToken>,
}

impl<'a> UploadMedia<'a> {
    /// An upload with the token that [`CreateUploadToken`] returned.
    #[must_use]
    pub fn new(media: &'a Media, token: &'a UploadToken) -> Self {
        Self { media, token: Cow::Borrowed(token) }
    }
}

impl Operation for CreateUploadToken {
    type Response = UploadToken;

    // Idempotent: an unused token has no effect.
    const METADATA: Metadata = Metadata::post("media.create_upload_token", "/experimental/open-platform/chat/upload")
        .with_permission(ApiKeyPermission::CHAT_UPLOAD_MEDIA)
        .idempotent();

    fn credential(&self) -> Credential<'_> {
        Credential::ApiKey
    }

    fn content(&self) -> Result<Content, InvalidRequest> {
        Ok(Content::new(HeaderValue::from_static("application/json"), Bytes::from_static(b"{}")))
    }

    fn read(&self, response: &Response<Bytes>) -> Result<UploadToken, UnexpectedResponse> {
        let token = response::object::<UploadFields>(response, Excerpt::Withheld)?.token;
        let token = token.ok_or_else(|| UnexpectedResponse::new("no `token`"))?;
        UploadToken::new(token).map_err(UnexpectedResponse::new)
    }
}

impl ParseOperation for CreateUploadToken {
    fn parse(_: &IncomingRequest<'_>) -> Result<Self, InvalidRequest> {
        Ok(Self)
    }
}

impl Operation for UploadMedia<'_> {
    type Response = MediaToken;

    const METADATA: Metadata = Metadata::post("media.upload", "/upload/{media_type}")
        .on(Host::Upload)
        .authenticated_by(Authentication::UploadToken);

    fn credential(&self) -> Credential<'_> {
        Credential::Upload(&self.token)
    }

    fn path_parameters(&self) -> PathParameters<'_> {
        [self.media.kind().as_str()].into()
    }

    fn content(&self) -> Result<Content, InvalidRequest> {
        let boundary = boundary().map_err(InvalidRequest::new)?;
        let content_type =
            HeaderValue::try_from(format!("multipart/form-data; boundary={boundary}")).map_err(InvalidRequest::new)?;
        let media = self.media.body().map_err(InvalidRequest::unreadable_body)?;
        let body = Multipart::of(self.media, media, &boundary);
        let content = Content::new(content_type, Body::stream(body.length(), body));
        Ok(content.with_header(header::ACCEPT, HeaderValue::from_static("*/*")))
    }

    fn read(&self, response: &Response<Bytes>) -> Result<MediaToken, UnexpectedResponse> {
        let UploadFields { id, status, .. } = response::object(response, Excerpt::Kept)?;
        match status {
            Some(status) if !status.eq_ignore_ascii_case("ok") => {
                let status = response::excerpt(status.as_bytes());
                Err(UnexpectedResponse::new(format!("upload failed: status {status:?} instead of \"ok\"")))
            }
            _ => id.ok_or_else(|| UnexpectedResponse::new("no `id`")),
        }
    }

    /// Two minutes: 50 MB over a slow connection.
    fn time_limit(&self) -> Option<Duration> {
        Some(Duration::from_secs(120))
    }
}

/// A boundary with 128 random bits, which no file contains by chance.
fn boundary() -> Result<String, getrandom::Error> {
    let mut random = [0; 16];
    getrandom::getrandom(&mut random)?;
    Ok(format!("kenar-{:032x}", u128::from_be_bytes(random)))
}

struct Multipart {
    head: Bytes,
    media: Body,
    tail: Bytes,
}

impl Multipart {
    fn of(media: &Media, body: Body, boundary: &str) -> Self {
        let head = format!(
            "--{boundary}\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\n\
             Content-Type: {}\r\n\
             \r\n",
            escape_file_name(media.file_name()),
            media.content_type(),
        );
        Self { head: head.into(), media: body, tail: format!("\r\n--{boundary}--\r\n").into() }
    }

    fn length(&self) -> u64 {
        self.media.length().saturating_add((self.head.len() + self.tail.len()) as u64)
    }
}

/// Percent-encodes quotation marks and line breaks as browsers do (HTML, "multipart form data").
///
/// Other control characters too, which headers must not contain.
fn escape_file_name(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for character in name.chars() {
        if character == '"' || character.is_ascii_control() {
            escaped.extend(utf8_percent_encode(character.encode_utf8(&mut [0; 4]), NON_ALPHANUMERIC));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

impl http_body::Body for Multipart {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if !self.head.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.head)))));
        }
        if let Some(frame) = ready!(Pin::new(&mut self.media).poll_frame(context)) {
            return Poll::Ready(Some(frame));
        }
        let tail = std::mem::take(&mut self.tail);
        Poll::Ready((!tail.is_empty()).then(|| Ok(Frame::data(tail))))
    }

    fn is_end_stream(&self) -> bool {
        self.tail.is_empty()
    }
}

fields! {
    struct UploadFields {
        id: Option<MediaToken>,
        status: Option<String>,
        token: Option<String>,
    }
}
