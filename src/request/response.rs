//! Parsing of responses, for your own [`Operation::read`](crate::request::Operation::read).
//!
//! The status alone does not prove a success: for unknown paths, Divar's front ends send `200` with an HTML page.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Metadata;
use crate::error::{ApiError, BoxError, Error, OAuthError, RpcCode, RpcStatus};
use crate::model::RawJson;
use crate::model::json;
use crate::model::lenient::{self, Fields, FromScalar, ObjectSlot, Scalar};
use crate::model::wire::fields;
use crate::redact::Secrets;

/// The error for a success response that cannot be parsed.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct UnexpectedResponse {
    reason: BoxError,
    excerpt: String,
}

impl UnexpectedResponse {
    /// An error with this reason, which must not quote messages or secrets.
    pub fn new(reason: impl Into<BoxError>) -> Self {
        Self { reason: reason.into(), excerpt: String::new() }
    }

    pub(crate) fn into_error(self, operation: &Metadata, status: StatusCode) -> Error {
        Error::unexpected(operation.about(), status, self.excerpt, self.reason)
    }
}

/// Parses the JSON of a success response.
///
/// # Errors
///
/// [`UnexpectedResponse`], with the path to the value that does not fit.
pub fn json<T: DeserializeOwned>(response: &Response<Bytes>) -> Result<T, UnexpectedResponse> {
    read(response, Excerpt::Kept)
}

/// Like [`json`], for a response with secrets: the error quotes no part of it.
///
/// # Errors
///
/// As [`json`].
pub fn secret_json<T: DeserializeOwned>(response: &Response<Bytes>) -> Result<T, UnexpectedResponse> {
    read(response, Excerpt::Withheld)
}

/// Like [`json`], with the default for an empty body or `null`.
///
/// # Errors
///
/// As [`json`].
pub fn json_or_empty<T: DeserializeOwned + Default>(response: &Response<Bytes>) -> Result<T, UnexpectedResponse> {
    if is_empty(response) { Ok(T::default()) } else { read(response, Excerpt::Kept) }
}

/// Like [`json`], for the crate's own types. The code of `serde`'s traits would be compiled per type.
pub(crate) fn object<F: Fields + Default>(response: &Response<Bytes>, keep: Excerpt) -> Result<F, UnexpectedResponse> {
    let mut object = F::default();
    if fill(response, keep, &mut object)? {
        Ok(object)
    } else {
        Err(unexpected(response.body(), keep, &lenient::not_an_object(), None))
    }
}

pub(crate) fn object_or_empty<F: Fields + Default>(response: &Response<Bytes>) -> Result<F, UnexpectedResponse> {
    if is_empty(response) { Ok(F::default()) } else { object(response, Excerpt::Kept) }
}

/// Accepts any JSON, and an empty body.
pub(crate) fn any_or_empty(response: &Response<Bytes>) -> Result<(), UnexpectedResponse> {
    if is_empty(response) { Ok(()) } else { fill(response, Excerpt::Kept, &mut ErrorFields::default()).map(drop) }
}

pub(crate) fn success(operation: &Metadata, response: &Response<Bytes>) -> Result<(), Error> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let mut api = api_error(response.body());
    if operation.has_secret_response() {
        api = without_free_text(api);
    }
    let body_excerpt = match api {
        ApiError::Other if !operation.has_secret_response() => excerpt(response.body()),
        // The parts of a known form are kept instead.
        _ => String::new(),
    };
    Err(Error::api(operation.about(), status, api, retry_after(response.headers()), body_excerpt))
}

/// Keeps only an RFC 6749 error code or a gRPC code: other parts may contain new tokens.
fn without_free_text(api: ApiError) -> ApiError {
    match api {
        ApiError::OAuth(error) if is_error_code(&error.error) => ApiError::OAuth(error),
        ApiError::Rpc(RpcStatus { code: Some(code), .. }) => {
            ApiError::Rpc(RpcStatus { code: Some(code), message: String::new(), details: Vec::new() })
        }
        _ => ApiError::Other,
    }
}

/// Returns `true` for the syntax of all registered error codes. RFC 6749, section 5.2, also permits that of a token.
fn is_error_code(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Excerpt {
    Kept,
    Withheld,
}

fn is_empty(response: &Response<Bytes>) -> bool {
    matches!(lenient::without_bom(response.body()).trim_ascii(), b"" | b"null")
}

fn read<T: DeserializeOwned>(response: &Response<Bytes>, keep: Excerpt) -> Result<T, UnexpectedResponse> {
    let body = lenient::without_bom(response.body());
    json::from_slice(body).map_err(|error| {
        let misfit = if keep == Excerpt::Kept { json::misfit::<T>(body) } else { None };
        unexpected(body, keep, &error, misfit.map(|misfit| misfit.to_string()))
    })
}

/// Returns `false` for JSON that is not an object.
fn fill(response: &Response<Bytes>, keep: Excerpt, object: &mut dyn ObjectSlot) -> Result<bool, UnexpectedResponse> {
    lenient::read(response.body(), object).map_err(|error| unexpected(response.body(), keep, &error, None))
}

fn unexpected(body: &[u8], keep: Excerpt, error: &serde_json::Error, misfit: Option<String>) -> UnexpectedResponse {
    let (excerpt, reason) = match keep {
        Excerpt::Kept => (excerpt_of_page(body), excerpt(misfit.unwrap_or_else(|| error.to_string()).as_bytes())),
        // An error of serde may quote a value.
        Excerpt::Withheld => {
            (String::new(), format!("not the expected JSON (line {}, column {})", error.line(), error.column()))
        }
    };
    UnexpectedResponse { reason: reason.into(), excerpt }
}

/// The start of a body that is not JSON. JSON may contain messages and phone numbers, which do not belong in a log.
fn excerpt_of_page(body: &[u8]) -> String {
    match lenient::without_bom(body).trim_ascii_start().first() {
        Some(b'{' | b'[') => String::new(),
        _ => excerpt(body),
    }
}

pub(crate) fn excerpt(body: &[u8]) -> String {
    let cut = body.get(..Error::MAX_EXCERPT_BYTES).unwrap_or(body);
    // Drops a character that was cut in two.
    let whole = match std::str::from_utf8(cut) {
        Err(error) if error.error_len().is_none() => cut.get(..error.valid_up_to()).unwrap_or(cut),
        _ => cut,
    };
    let mut text = String::from_utf8_lossy(whole).into_owned();
    while text.len() > Error::MAX_EXCERPT_BYTES {
        text.pop();
    }
    text
}

fields! {
    struct ErrorFields {
        code: Option<Code>,
        message: Option<String>,
        details: Option<RawJson>,
        error: Option<String>,
        error_description: Option<String>,
        access_token: Option<String>,
        refresh_token: Option<String>,
        id_token: Option<String>,
    }
}

struct Code(RpcCode);

impl FromScalar for Code {
    fn from_text(text: &str) -> Option<Self> {
        Self::from_scalar(Scalar::Text(text))
    }

    fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
        let code = i32::from_scalar(scalar).map(RpcCode);
        code.or_else(|| RpcCode::from_name(scalar.text(&mut String::new())?)).map(Self)
    }
}

fn details(json: RawJson) -> Option<Vec<Value>> {
    const MAX_BYTES: usize = 16 * Error::MAX_EXCERPT_BYTES;
    if json.get().len() > MAX_BYTES {
        return None;
    }
    match json.parse() {
        Ok(Value::Array(details)) => Some(details),
        _ => None,
    }
}

fn api_error(body: &[u8]) -> ApiError {
    let mut fields = ErrorFields::default();
    if lenient::read(body, &mut fields).is_err() {
        return ApiError::Other;
    }
    // An error response may contain the rejected tokens, or new ones.
    let tokens = [&fields.access_token, &fields.refresh_token, &fields.id_token];
    let tokens = Secrets::new(tokens.into_iter().flatten().map(String::as_str));
    let redacted = |text: &str| {
        let mut text = excerpt(text.as_bytes());
        tokens.scrub_beginning(&mut text, Error::MAX_EXCERPT_BYTES);
        text
    };
    match &fields {
        ErrorFields { error: Some(error), error_description, code: None, .. } => ApiError::OAuth(OAuthError {
            error: redacted(error),
            description: error_description.as_deref().map(redacted),
        }),
        ErrorFields { code, message, .. } if code.is_some() || message.is_some() => {
            let mut details = fields.details.and_then(details).unwrap_or_default();
            details.iter_mut().for_each(|detail| tokens.scrub_json(detail));
            ApiError::Rpc(RpcStatus {
                code: fields.code.map(|code| code.0),
                message: redacted(fields.message.as_deref().unwrap_or_default()),
                details,
            })
        }
        _ => ApiError::Other,
    }
}

/// The pause that a `Retry-After` header asks for.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    // `SystemTime::now` panics on `wasm32-unknown-unknown`.
    let has_clock = !cfg!(all(target_family = "wasm", target_os = "unknown"));
    retry_after_at(headers, || has_clock.then(SystemTime::now))
}

/// Parses seconds or an HTTP date (RFC 9110, section 10.2.3).
fn retry_after_at(headers: &HeaderMap, now: impl FnOnce() -> Option<SystemTime>) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now()?).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests;
