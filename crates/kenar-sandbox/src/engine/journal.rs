//! The journal of requests and responses.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use kenar::model::{AppSlug, Timestamp};

use super::note::Note;

/// One request and its response, in the journal.
///
/// It has no headers, and no secrets in its bodies except tokens that the sandbox generated. `Display` prints a few
/// readable lines.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Exchange {
    /// The number in the journal, from 1.
    pub number: u64,
    /// The time of the request.
    pub at: Timestamp,
    /// The response time.
    pub took: Duration,
    /// The direction of the request.
    pub direction: Direction,
    /// The operation, such as `conversation.send_message` or `webhook.event`, or `unknown`.
    ///
    /// It is the [`name`](kenar::request::Metadata::name) of an API operation, the name of a [`Webhook`](crate::Webhook), or
    /// one of the sandbox's own, such as `oauth.decide_consent`.
    pub operation: &'static str,
    /// The app that made or received the request, if known.
    pub app: Option<AppSlug>,
    /// The method, and a path of the sandbox or a URL of the add-on.
    pub target: String,
    /// The request body without keys, truncated to [`Exchange::MAX_BODY`] bytes.
    pub request: String,
    /// The HTTP status of the response, if there was one.
    pub status: Option<u16>,
    /// The response body, truncated likewise.
    pub response: String,
    /// Notes of the sandbox: reasons for errors, guesses, faults.
    pub notes: Vec<Note>,
    /// The number of exchanges that had ended when this one began.
    pub(crate) began_after: u64,
}

/// The direction of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Direction {
    /// From an add-on or a browser to the sandbox.
    ToKenar,
    /// From the sandbox to an add-on.
    ToAddOn,
}

impl Exchange {
    /// The maximum size of a body in the journal, in bytes.
    pub const MAX_BODY: usize = 128 * 1024;
    /// The maximum length of a body that is not JSON in `Display`, in characters.
    const MAX_SHOWN: usize = 200;

    /// A one-line summary without the bodies.
    #[must_use]
    pub fn headline(&self) -> String {
        let arrow = match self.direction {
            Direction::ToKenar => "→ kenar ",
            Direction::ToAddOn => "→ add-on",
        };
        let status = self.status.map_or_else(|| "no response".to_owned(), |status| status.to_string());
        format!("#{} {arrow} {} ⇒ {status}", self.number, self.operation)
    }

    /// Returns `true` if an injected fault affected it.
    #[must_use]
    pub fn is_faulty(&self) -> bool {
        self.notes.iter().any(|note| matches!(note, Note::Fault(_)))
    }

    fn size(&self) -> usize {
        self.request.len().saturating_add(self.response.len())
    }

    /// Returns `true` if the status is 2xx or 3xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status.is_some_and(|status| (200..400).contains(&status))
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.at, self.headline(), self.target)?;
        if self.took > Duration::ZERO {
            write!(f, " after {:.1?}", self.took)?;
        }
        for (mark, text) in [('>', &self.request), ('<', &self.response)] {
            if !text.is_empty() {
                write!(f, "\n     {mark} {}", shown(text))?;
            }
        }
        self.notes.iter().try_for_each(|note| write!(f, "\n     ! {note}"))
    }
}

/// A body for `Display`: JSON in full, anything else (such as a debug page) truncated.
fn shown(body: &str) -> Cow<'_, str> {
    let is_json = || serde_json::from_str::<serde::de::IgnoredAny>(body).is_ok();
    match body.char_indices().nth(Exchange::MAX_SHOWN) {
        Some((end, _)) if !is_json() => {
            format!("{}… ({} bytes in total)", body.get(..end).unwrap_or_default(), body.len()).into()
        }
        _ => body.into(),
    }
}

/// The last exchanges.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    exchanges: VecDeque<Exchange>,
    count: u64,
    /// The total size of the bodies.
    bytes: usize,
}

impl Journal {
    /// The maximum number of exchanges, since a sandbox may run for days.
    const MAX: usize = 10_000;
    /// The maximum total size of the bodies.
    const MAX_BYTES: usize = 64 << 20;

    pub(crate) fn record(&mut self, mut exchange: Exchange) {
        self.count += 1;
        exchange.number = self.count;
        self.bytes = self.bytes.saturating_add(exchange.size());
        self.exchanges.push_back(exchange);
        while self.exchanges.len() > Self::MAX || (self.bytes > Self::MAX_BYTES && self.exchanges.len() > 1) {
            let oldest = self.exchanges.pop_front().map_or(0, |oldest| oldest.size());
            self.bytes = self.bytes.saturating_sub(oldest);
        }
    }

    /// The number of exchanges, including dropped ones.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn exchanges(&self) -> impl DoubleEndedIterator<Item = &Exchange> {
        self.exchanges.iter()
    }
}

/// A body as text, truncated to [`Exchange::MAX_BODY`].
pub(crate) fn readable(body: &[u8]) -> String {
    match std::str::from_utf8(body) {
        Ok(text) if text.len() <= Exchange::MAX_BODY => text.to_owned(),
        Ok(text) => {
            let cut = (0..=Exchange::MAX_BODY).rev().find_map(|end| text.get(..end)).unwrap_or_default();
            format!("{cut}… ({} bytes in total)", text.len())
        }
        Err(_) => format!("({} bytes, not UTF-8)", body.len()),
    }
}
