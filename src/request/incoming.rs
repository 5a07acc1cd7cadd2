use std::borrow::Cow;

use http::{HeaderMap, header};
use serde::de::DeserializeOwned;

use super::{InvalidRequest, Metadata, Operation};
use crate::secret::AccessToken;

/// A request for an operation, as received by a test server.
///
/// ```
/// use kenar::operation::SendBotMessage;
/// use kenar::request::{BaseUrls, IncomingRequest, Operation, ParseOperation};
/// use kenar::BotMessage;
/// use kenar::model::ConversationId;
///
/// let (conversation, message) = (ConversationId::new("c/1"), BotMessage::text("سلام"));
/// let request = SendBotMessage::new(&conversation, &message).request(&BaseUrls::default())?;
///
/// let incoming = IncomingRequest::of(
///     &SendBotMessage::METADATA, request.method(), request.uri().path(), request.headers(), request.body().as_bytes().unwrap(),
/// );
/// let read = SendBotMessage::parse(&incoming.unwrap())?;
/// assert_eq!(read.conversation.as_str(), "c/1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct IncomingRequest<'a> {
    path_parameters: Vec<Cow<'a, str>>,
    headers: &'a HeaderMap,
    body: &'a [u8],
}

/// An operation that can be parsed from a request.
pub trait ParseOperation: Operation + Sized {
    /// Parses a request.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`] if the request does not match this operation.
    fn parse(request: &IncomingRequest<'_>) -> Result<Self, InvalidRequest>;
}

impl<'a> IncomingRequest<'a> {
    /// A request, if its method and path match the operation.
    #[must_use]
    pub fn of(
        operation: &Metadata,
        method: &http::Method,
        path: &'a str,
        headers: &'a HeaderMap,
        body: &'a [u8],
    ) -> Option<Self> {
        let path_parameters = operation.matches(path).filter(|_| method == operation.method())?;
        Some(Self { path_parameters, headers, body })
    }

    /// The same request with another body.
    #[must_use]
    pub fn with_body<'b>(&'b self, body: &'b [u8]) -> IncomingRequest<'b> {
        IncomingRequest { path_parameters: self.path_parameters.clone(), headers: self.headers, body }
    }

    /// A decoded path parameter, by index.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`] if the path has fewer parameters.
    pub fn path_parameter(&self, index: usize) -> Result<&str, InvalidRequest> {
        let value = self.path_parameters.get(index);
        value.map(|value| &**value).ok_or_else(|| InvalidRequest::new("missing path parameter"))
    }

    /// The user's access token.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`] if the header is missing or malformed.
    pub fn access_token(&self) -> Result<AccessToken, InvalidRequest> {
        AccessToken::new(self.bearer_token()?).map_err(InvalidRequest::new)
    }

    /// The token in `Authorization: Bearer` (RFC 6750, section 2.1).
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`] if the header is missing or malformed.
    pub fn bearer_token(&self) -> Result<&'a str, InvalidRequest> {
        let missing = || InvalidRequest::new("missing Authorization header");
        let value = self.headers.get(header::AUTHORIZATION).ok_or_else(missing)?;
        let token = value.to_str().ok().and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token)
        });
        token.ok_or_else(|| InvalidRequest::new("invalid Authorization header: expected a Bearer token"))
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The body, parsed as JSON.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`] if the body is not the expected JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, InvalidRequest> {
        serde_json::from_slice(self.body).map_err(InvalidRequest::new)
    }
}
