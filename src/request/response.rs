//! How an answer of Divar's is read: errors first, then the JSON of a success.
//!
//! A success is not believed for its status alone: Divar's front ends answer paths they do not know with `200` and an
//! HTML page.
//!
//! For the [`read`](crate::request::Operation::read) of an operation outside this crate:
//!
//! ```
//! use kenar::model::UserId;
//! use kenar::request::response::{self, UnexpectedResponse};
//!
//! #[derive(serde::Deserialize)]
//! struct Found { user_id: UserId }
//!
//! fn found(response: &http::Response<bytes::Bytes>) -> Result<UserId, UnexpectedResponse> {
//!     response::json::<Found>(response).map(|found| found.user_id)
//! }
//!
//! let response = http::Response::new(r#"{ "user_id": "u-1" }"#.into());
//! assert_eq!(found(&response).unwrap(), UserId::new("u-1"));
//!
//! // A front end's page, with status 200.
//! assert!(found(&http::Response::new("<!doctype html>".into())).is_err());
//! ```

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Metadata;
use crate::error::{ApiError, BoxError, Error, OAuthError, RpcCode, RpcStatus};
use crate::model::RawJson;
use crate::model::json;
use crate::model::lenient::{self, FromScalar, Scalar};
use crate::model::wire::fields;
use crate::redact::Secrets;

/// A success that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct UnexpectedResponse {
    why: BoxError,
    excerpt: String,
}

impl UnexpectedResponse {
    /// A reason, which must not quote what people wrote or any secret.
    pub fn new(why: impl Into<BoxError>) -> Self {
        Self { why: why.into(), excerpt: String::new() }
    }

    pub(crate) fn into_error(self, operation: &Metadata, status: StatusCode) -> Error {
        Error::unexpected(operation.about(), status, self.excerpt, self.why)
    }
}

/// The JSON of a success.
///
/// # Errors
///
/// [`UnexpectedResponse`], where the body is not the JSON expected. It says where in the JSON reading stopped.
pub fn json<T: DeserializeOwned>(response: &Response<Bytes>) -> Result<T, UnexpectedResponse> {
    read(response, Excerpt::Kept)
}

/// As [`json`], for a response that holds secrets: the error repeats nothing of it.
///
/// # Errors
///
/// As [`json`].
pub fn secret_json<T: DeserializeOwned>(response: &Response<Bytes>) -> Result<T, UnexpectedResponse> {
    read(response, Excerpt::Withheld)
}

/// As [`json`], for a call whose response needs to hold nothing: one that says nothing, empty or `null`, is the default.
///
/// # Errors
///
/// As [`json`].
pub fn json_or_empty<T: DeserializeOwned + Default>(response: &Response<Bytes>) -> Result<T, UnexpectedResponse> {
    if matches!(lenient::without_bom(response.body()).trim_ascii(), b"" | b"null") {
        return Ok(T::default());
    }
    read(response, Excerpt::Kept)
}

/// Whether the response is a success at all.
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
        // A known form is kept part by part.
        _ => String::new(),
    };
    Err(Error::api(operation.about(), status, api, retry_after(response.headers()), body_excerpt))
}

/// What RFC 6749 defines of an error, and a code: an error response may hold new tokens.
fn without_free_text(api: ApiError) -> ApiError {
    match api {
        ApiError::OAuth(error) if is_error_code(&error.error) => ApiError::OAuth(error),
        // The code is a number, which holds no token.
        ApiError::Rpc(RpcStatus { code: Some(code), .. }) => {
            ApiError::Rpc(RpcStatus { code: Some(code), message: String::new(), details: Vec::new() })
        }
        _ => ApiError::Other,
    }
}

/// Whether a text is written as all registered error codes are. RFC 6749, section 5.2, allows more, a token too.
fn is_error_code(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[derive(Clone, Copy, PartialEq)]
enum Excerpt {
    Kept,
    Withheld,
}

fn read<T: DeserializeOwned>(response: &Response<Bytes>, keep: Excerpt) -> Result<T, UnexpectedResponse> {
    let body = lenient::without_bom(response.body());
    json::from_slice(body).map_err(|error: serde_json::Error| {
        let (excerpt, why) = match keep {
            Excerpt::Kept => {
                let why = json::misfit::<T>(body).map_or_else(|| error.to_string(), |misfit| misfit.to_string());
                (excerpt_of_page(body), excerpt(why.as_bytes()))
            }
            // What serde says may quote a value.
            Excerpt::Withheld => {
                (String::new(), format!("not the JSON expected (line {}, column {})", error.line(), error.column()))
            }
        };
        UnexpectedResponse { why: why.into(), excerpt }
    })
}

/// The beginning of what is no JSON. Of JSON, the place where reading stopped says enough; what people wrote, and their
/// telephone numbers, are not for a log.
fn excerpt_of_page(body: &[u8]) -> String {
    match lenient::without_bom(body).trim_ascii_start().first() {
        Some(b'{' | b'[') => String::new(),
        _ => excerpt(body),
    }
}

fn excerpt(body: &[u8]) -> String {
    let cut = body.get(..Error::MAX_EXCERPT_BYTES).unwrap_or(body);
    // A character that was cut in two is left out.
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
        text.parse().ok().map(RpcCode).or_else(|| RpcCode::from_name(text)).map(Self)
    }

    fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
        match scalar {
            Scalar::Integer(number) => number.try_into().ok().map(RpcCode).map(Self),
            scalar => Self::from_text(&scalar.text()?),
        }
    }
}

/// Of reasonable length, or not at all: an error is not the place for megabytes.
fn details(json: RawJson) -> Option<Vec<Value>> {
    const MAX_BYTES: usize = 16 * Error::MAX_EXCERPT_BYTES;
    if json.get().len() > MAX_BYTES { None } else { json.parse().ok() }
}

fn api_error(body: &[u8]) -> ApiError {
    let Ok(Some(fields)) = lenient::from_slice::<ErrorFields>(body) else {
        return ApiError::Other;
    };
    // A server that refuses may name the tokens that it refuses, or those that it made all the same.
    let tokens = [&fields.access_token, &fields.refresh_token, &fields.id_token];
    let tokens = Secrets::new(tokens.into_iter().flatten().map(String::as_str));
    let said = |text: &str| {
        let mut text = excerpt(text.as_bytes());
        tokens.scrub_beginning(&mut text, Error::MAX_EXCERPT_BYTES);
        text
    };
    match &fields {
        ErrorFields { error: Some(error), error_description, code: None, .. } => {
            ApiError::OAuth(OAuthError { error: said(error), description: error_description.as_deref().map(said) })
        }
        ErrorFields { code, message, .. } if code.is_some() || message.is_some() => {
            let mut details = fields.details.and_then(details).unwrap_or_default();
            details.iter_mut().for_each(|detail| tokens.scrub_json(detail));
            ApiError::Rpc(RpcStatus {
                code: fields.code.map(|code| code.0),
                message: said(fields.message.as_deref().unwrap_or_default()),
                details,
            })
        }
        _ => ApiError::Other,
    }
}

/// How long the answer asks to wait, by its `Retry-After` header.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    // WebAssembly without an operating system has no clock, and asking for it panics.
    let has_clock = !cfg!(all(target_family = "wasm", target_os = "unknown"));
    retry_after_at(headers, || has_clock.then(SystemTime::now))
}

/// `Retry-After` is a number of seconds, or an HTTP date (RFC 9110, section 10.2.3).
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
