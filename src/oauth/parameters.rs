//! Query and form parameters, each at most once (RFC 6749, sections 3.1 and 3.2).

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::model::query_of;

/// The reason why a request to the OAuth server is invalid.
///
/// It names the parameter and never repeats its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidOAuthRequest {
    /// A parameter is missing or empty (RFC 6749 treats the two alike).
    #[error("missing parameter: {0}")]
    Missing(&'static str),
    /// A parameter is repeated.
    #[error("repeated parameter: {0}")]
    Repeated(&'static str),
    /// A parameter has an invalid value.
    #[error("invalid parameter: {0} must be {rule}", rule = rule_of(.0))]
    Unusable(&'static str),
}

fn rule_of(parameter: &str) -> &'static str {
    match parameter {
        "response_type" => "code",
        "grant_type" => "authorization_code or refresh_token",
        "state" => "at least 8 printable ASCII characters",
        "scope" => r#"printable ASCII without " and \"#,
        _ => "printable ASCII without spaces around it",
    }
}

pub(super) struct Repeated(pub(super) &'static str);

impl From<Repeated> for InvalidOAuthRequest {
    fn from(Repeated(name): Repeated) -> Self {
        Self::Repeated(name)
    }
}

/// Undecoded parameters.
#[derive(Clone, Copy)]
pub(super) struct Parameters<'a>(&'a [u8]);

impl<'a> Parameters<'a> {
    pub(super) fn of_query(query: &'a str) -> Self {
        Self(query_of(query).as_bytes())
    }

    pub(super) fn of_form(form: &'a [u8]) -> Self {
        Self(form)
    }

    pub(super) fn once(self, name: &'static str) -> Result<Option<Cow<'a, str>>, Repeated> {
        let mut values = form_urlencoded::parse(self.0).filter(|(key, _)| key == name).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            _ => Err(Repeated(name)),
        }
    }

    pub(super) fn optional(self, name: &'static str) -> Result<Option<Cow<'a, str>>, Repeated> {
        Ok(self.once(name)?.filter(|value| !value.is_empty()))
    }

    pub(super) fn required(self, name: &'static str) -> Result<Cow<'a, str>, InvalidOAuthRequest> {
        self.optional(name)?.ok_or(InvalidOAuthRequest::Missing(name))
    }

    pub(super) fn required_as<T, E>(
        self,
        name: &'static str,
        make: impl FnOnce(Cow<'a, str>) -> Result<T, E>,
    ) -> Result<T, InvalidOAuthRequest> {
        make(self.required(name)?).map_err(|_| InvalidOAuthRequest::Unusable(name))
    }
}

/// The characters to encode in a query. A space becomes `%20`, since not every server decodes `+` as a space.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A query. Names are written as they are, values are encoded.
pub(super) fn query(parameters: &[(&str, &str)]) -> String {
    let mut query = String::new();
    for (name, value) in parameters {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(name);
        query.push('=');
        query.extend(utf8_percent_encode(value, ENCODED));
    }
    query
}
