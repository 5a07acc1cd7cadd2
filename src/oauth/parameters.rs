//! The parameters of a query or a form. RFC 6749 allows each at most once (sections 3.1 and 3.2).

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::model::query_of;

/// Why a request to the OAuth server is not a valid one: what a server, or a stand-in for it in a test, says of what it
/// received. Names the parameter and never repeats its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidOAuthRequest {
    /// A parameter is missing, or empty, which RFC 6749 holds for the same.
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
    /// A parameter is given more than once.
    #[error("the parameter {0} is given more than once")]
    Repeated(&'static str),
    /// A parameter has a value that it cannot have.
    #[error("the parameter {0} has a value that it cannot have")]
    Unusable(&'static str),
}

/// A parameter given more than once.
pub(super) struct Repeated(pub(super) &'static str);

impl From<Repeated> for InvalidOAuthRequest {
    fn from(Repeated(name): Repeated) -> Self {
        Self::Repeated(name)
    }
}

/// Parameters not decoded yet.
#[derive(Clone, Copy)]
pub(super) struct Parameters<'a>(&'a [u8]);

impl<'a> Parameters<'a> {
    /// Those of a query, or of the path or URL that it is in.
    pub(super) fn of_query(query: &'a str) -> Self {
        Self(query_of(query).as_bytes())
    }

    pub(super) fn of_form(form: &'a [u8]) -> Self {
        Self(form)
    }

    /// The value of a parameter, even an empty one.
    pub(super) fn once(self, name: &'static str) -> Result<Option<Cow<'a, str>>, Repeated> {
        let mut values = form_urlencoded::parse(self.0).filter(|(key, _)| key == name).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            _ => Err(Repeated(name)),
        }
    }

    /// The value of a parameter; an empty one counts as missing.
    pub(super) fn optional(self, name: &'static str) -> Result<Option<Cow<'a, str>>, Repeated> {
        Ok(self.once(name)?.filter(|value| !value.is_empty()))
    }

    pub(super) fn required(self, name: &'static str) -> Result<Cow<'a, str>, InvalidOAuthRequest> {
        self.optional(name)?.ok_or(InvalidOAuthRequest::Missing(name))
    }

    /// The value of a required parameter, made into what it stands for.
    pub(super) fn required_as<T, E>(
        self,
        name: &'static str,
        make: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, InvalidOAuthRequest> {
        make(&self.required(name)?).map_err(|_| InvalidOAuthRequest::Unusable(name))
    }
}

/// What stays as it is in a query. All else is percent-encoded, the space too, so that a reader who decodes a form
/// (where `+` is a space) and one who only undoes percent-encoding (where it is not) read the same.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A query of names, which are taken as they are, and values, which are encoded.
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
