//! What went over the wire, kept for reading.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use kenar::model::{AppSlug, Timestamp};

use super::note::Note;

/// One request and its response, as the sandbox saw them.
///
/// Headers are not kept, nor the secrets in bodies that are not the sandbox's own; `Display` prints a few readable
/// lines.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Exchange {
    /// Its number in the journal, from 1.
    pub number: u64,
    /// When the request was made.
    pub at: Timestamp,
    /// How long the response took.
    pub took: Duration,
    /// Who asked whom.
    pub direction: Direction,
    /// The operation: the [`name`](kenar::request::Metadata::name) of one of the API's, `oauth.ask_consent`,
    /// `oauth.decide_consent`, `webhook.open_app`, `webhook.event`, `webhook.dynamic_action`, or `unknown`.
    pub operation: &'static str,
    /// The app that asked or was asked, where it is known.
    pub app: Option<AppSlug>,
    /// The method and where to: a path of the sandbox's, or an address of the add-on's.
    pub target: String,
    /// The body of the request, without keys, cut to [`Exchange::MAX_BODY`] bytes.
    pub request: String,
    /// The HTTP status of the response; none where no response came.
    pub status: Option<u16>,
    /// The body of the response, cut likewise.
    pub response: String,
    /// What the sandbox has to say about it: why it refused, what it guesses, what the platform would not accept.
    pub notes: Vec<Note>,
    /// How many exchanges were at an end when it began.
    pub(crate) began_after: u64,
}

/// Who asked whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Direction {
    /// An add-on or a browser called the sandbox.
    ToKenar,
    /// The sandbox called a webhook of the add-on's.
    ToAddOn,
}

impl Exchange {
    /// How much of a body is kept, in bytes.
    pub const MAX_BODY: usize = 128 * 1024;
    /// How much of a body that is not JSON `Display` prints, in characters.
    const MAX_SHOWN: usize = 200;

    /// It in one line, without the bodies.
    #[must_use]
    pub fn headline(&self) -> String {
        let arrow = match self.direction {
            Direction::ToKenar => "→ kenar ",
            Direction::ToAddOn => "→ add-on",
        };
        let answer = self.status.map_or_else(|| "no response".to_owned(), |status| status.to_string());
        format!("#{} {arrow} {} ⇒ {answer}", self.number, self.operation)
    }

    /// Whether a fault had to do with it.
    #[must_use]
    pub fn is_faulty(&self) -> bool {
        self.notes.iter().any(|note| matches!(note, Note::Fault(_)))
    }

    fn size(&self) -> usize {
        self.request.len().saturating_add(self.response.len())
    }

    /// Whether the response was a success.
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

/// A body for a message: JSON whole, anything else cut short. One debug page of a web framework is longer than all the
/// rest.
fn shown(body: &str) -> Cow<'_, str> {
    let is_json = || serde_json::from_str::<serde::de::IgnoredAny>(body).is_ok();
    match body.char_indices().nth(Exchange::MAX_SHOWN) {
        Some((end, _)) if !is_json() => {
            format!("{}… ({} bytes in all)", body.get(..end).unwrap_or_default(), body.len()).into()
        }
        _ => body.into(),
    }
}

/// The last exchanges.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    exchanges: VecDeque<Exchange>,
    count: u64,
    /// The size of the bodies that are kept.
    bytes: usize,
}

impl Journal {
    /// A sandbox that runs for days keeps this many.
    const MAX: usize = 10_000;
    /// And this many bytes of bodies.
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

    /// How many there were, those included that are no longer kept.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn exchanges(&self) -> impl DoubleEndedIterator<Item = &Exchange> {
        self.exchanges.iter()
    }
}

/// A body as text for the journal.
pub(crate) fn readable(body: &[u8]) -> String {
    match std::str::from_utf8(body) {
        Ok(text) if text.len() <= Exchange::MAX_BODY => text.to_owned(),
        Ok(text) => {
            let cut = (0..=Exchange::MAX_BODY).rev().find_map(|end| text.get(..end)).unwrap_or_default();
            format!("{cut}… ({} bytes in all)", text.len())
        }
        Err(_) => format!("({} bytes that are not text)", body.len()),
    }
}
