//! Redaction of secrets in texts from a server or an HTTP stack.
//!
//! All forms that a server may echo are found: escaped for JSON or HTML, percent-encoded, or truncated.

use std::error::Error as StdError;
use std::fmt::Write as _;

use serde_json::Value;

const REDACTED: &str = "[redacted]";

/// The minimum length of a truncated secret, and of one within a word. Shorter ones match too many texts.
const MIN_LEN: usize = 4;

/// The secrets to redact, longest first: one may contain another.
pub(crate) struct Secrets<'a>(Vec<&'a str>);

impl<'a> Secrets<'a> {
    pub(crate) fn new(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut sorted = Self(Vec::new());
        secrets.into_iter().for_each(|secret| sorted.add(secret));
        sorted
    }

    fn add(&mut self, secret: &'a str) {
        if !secret.is_empty() {
            let place = self.0.partition_point(|longer| longer.len() > secret.len());
            self.0.insert(place, secret);
        }
    }

    pub(crate) fn scrub(&self, text: &mut String) {
        for secret in &self.0 {
            *text = without(text, secret, false);
        }
    }

    /// Redacts the start of a text, which may end within a secret, and cuts it to `max_len` bytes.
    pub(crate) fn scrub_beginning(&self, text: &mut String, max_len: usize) {
        for secret in &self.0 {
            *text = without(text, secret, true);
        }
        // The placeholder is longer than a short secret.
        while text.len() > max_len {
            text.pop();
        }
    }

    pub(crate) fn scrub_json(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.scrub(text),
            Value::Number(number) => {
                let mut text = number.to_string();
                self.scrub(&mut text);
                if text != number.to_string() {
                    *value = Value::String(text);
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.scrub_json(value)),
            Value::Object(entries) => {
                for (mut key, mut value) in std::mem::take(entries) {
                    self.scrub(&mut key);
                    self.scrub_json(&mut value);
                    entries.insert(key, value);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// The redacted messages of an error and its sources; `None` if they contain no secret.
    pub(crate) fn scrubbed_chain(&self, error: &(dyn StdError + 'static)) -> Option<String> {
        let (mut display, mut debug) = (error.to_string(), format!("{error:?}"));
        let mut next = error.source();
        while let Some(error) = next {
            // Writing to a `String` cannot fail.
            let _ = write!(display, ": {error}");
            let _ = write!(debug, " {error:?}");
            next = error.source();
        }
        let (mut scrubbed, mut scrubbed_debug) = (display.clone(), debug.clone());
        self.scrub(&mut scrubbed);
        self.scrub(&mut scrubbed_debug);
        (scrubbed != display || scrubbed_debug != debug).then_some(scrubbed)
    }
}

/// `text` with `secret` redacted in every form.
fn without(text: &str, secret: &str, may_be_cut: bool) -> String {
    let mut scrubbed = String::new();
    let mut rest = text.chars();
    loop {
        let after = strip_secret(rest.as_str(), secret, may_be_cut).filter(|after| {
            let is_part = scrubbed.ends_with(char::is_alphanumeric) || after.starts_with(char::is_alphanumeric);
            secret.len() >= MIN_LEN || !is_part
        });
        if let Some(after) = after {
            scrubbed.push_str(REDACTED);
            rest = after.chars();
        } else if let Some(first) = rest.next() {
            scrubbed.push(first);
        } else {
            return scrubbed;
        }
    }
}

fn strip_secret<'a>(text: &'a str, secret: &str, may_be_cut: bool) -> Option<&'a str> {
    // A backslash of the secret itself looks like an escape.
    if let Some(after) = text.strip_prefix(secret) {
        return Some(after);
    }
    let mut rest = text;
    for (index, character) in secret.chars().enumerate() {
        rest = match strip_character(rest, character) {
            Some(after) => after,
            None if may_be_cut && index >= MIN_LEN && ends_within_character(rest) => return Some(""),
            None => return None,
        };
    }
    Some(rest)
}

fn strip_character(text: &str, character: char) -> Option<&str> {
    let form = || text.strip_prefix('+').filter(|_| character == ' ');
    let code = |digits: &str, radix| u32::from_str_radix(digits, radix).ok() == Some(u32::from(character));
    let json = || {
        let escaped = text.strip_prefix('\\')?;
        let coded = || escaped.strip_prefix('u')?.split_at_checked(4).filter(|(digits, _)| code(digits, 16));
        escaped.strip_prefix(character).or_else(|| Some(coded()?.1))
    };
    let url = || Some(text.strip_prefix('%')?.split_at_checked(2).filter(|(digits, _)| code(digits, 16))?.1);
    let html = || {
        let (name, after) = text.strip_prefix('&')?.split_once(';')?;
        let is_it = match (name, character) {
            ("amp", '&') | ("lt", '<') | ("gt", '>') | ("quot", '"') | ("apos", '\'') => true,
            _ => {
                let digits = name.strip_prefix('#')?;
                digits.strip_prefix(['x', 'X']).map_or_else(|| code(digits, 10), |digits| code(digits, 16))
            }
        };
        is_it.then_some(after)
    };
    form().or_else(json).or_else(url).or_else(html).or_else(|| text.strip_prefix(character))
}

/// Returns `true` if nothing or only part of an escape remains.
fn ends_within_character(rest: &str) -> bool {
    rest.is_empty() || rest.len() < "&quot;".len() && rest.starts_with(['\\', '%', '&'])
}

#[cfg(test)]
mod tests;
