//! Takes secrets out of what a server or an HTTP stack says.
//!
//! A server that repeats a secret may do so in another writing: escaped for JSON or HTML, percent-encoded, or cut off.
//! Each of them is found.

use std::error::Error as StdError;
use std::fmt::Write as _;

use serde_json::Value;

const REDACTED: &str = "[redacted]";

/// From how many characters on the beginning of a secret counts as one. Fewer give nothing away, and end many a text.
const MIN_CUT: usize = 4;

/// What the escapes of JSON, URLs and HTML begin with.
const ESCAPES: [char; 3] = ['\\', '%', '&'];

/// What must not be told, longest first: a secret may be a part of another one.
pub(crate) struct Secrets<'a>(Vec<&'a str>);

impl<'a> Secrets<'a> {
    pub(crate) fn new(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut secrets: Vec<_> = secrets.into_iter().filter(|secret| !secret.is_empty()).collect();
        secrets.sort_unstable_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self(secrets)
    }

    /// Takes them out of a whole text.
    pub(crate) fn scrub(&self, text: &mut String) {
        self.take_out(text, false);
    }

    /// Takes them out of the beginning of a text, at the end of which one may have been cut in two. It then measures
    /// `max_len` at most.
    pub(crate) fn scrub_beginning(&self, text: &mut String, max_len: usize) {
        self.take_out(text, true);
        // What stands in for a short secret is longer than the secret.
        while text.len() > max_len {
            text.pop();
        }
    }

    fn take_out(&self, text: &mut String, may_be_cut: bool) {
        for secret in &self.0 {
            if text.contains(secret) {
                *text = text.replace(secret, REDACTED);
            }
        }
        if !may_be_cut && !text.contains(ESCAPES) && !text.contains('+') {
            return;
        }
        for secret in &self.0 {
            if let Some(scrubbed) = without(text, secret, may_be_cut) {
                *text = scrubbed;
            }
        }
    }

    /// Takes them out of every text in a JSON value.
    pub(crate) fn scrub_json(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.scrub(text),
            Value::Number(number) => {
                let mut text = number.to_string();
                self.scrub(&mut text);
                if text.contains(REDACTED) {
                    *value = Value::String(text);
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.scrub_json(value)),
            Value::Object(entries) => {
                *entries = std::mem::take(entries)
                    .into_iter()
                    .map(|(mut key, mut value)| {
                        self.scrub(&mut key);
                        self.scrub_json(&mut value);
                        (key, value)
                    })
                    .collect();
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// What an error and its sources say, without the secrets; `None` where they tell none.
    pub(crate) fn scrubbed_chain(&self, error: &(dyn StdError + 'static)) -> Option<String> {
        let (mut said, mut debug) = (error.to_string(), format!("{error:?}"));
        let mut next = error.source();
        while let Some(error) = next {
            // Writing to a text does not fail.
            let _ = write!(said, ": {error}");
            let _ = write!(debug, " {error:?}");
            next = error.source();
        }
        let (mut scrubbed, mut scrubbed_debug) = (said.clone(), debug.clone());
        self.scrub(&mut scrubbed);
        self.scrub(&mut scrubbed_debug);
        (scrubbed != said || scrubbed_debug != debug).then_some(scrubbed)
    }
}

/// `text` without `secret` in whatever writing; `None` where it is not in there.
fn without(text: &str, secret: &str, may_be_cut: bool) -> Option<String> {
    let mut scrubbed = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match written(rest, secret, may_be_cut) {
            Some(after) => {
                scrubbed.push_str(REDACTED);
                rest = after;
            }
            None => {
                scrubbed.push(first);
                rest = rest.strip_prefix(first)?;
            }
        }
    }
    (scrubbed != text).then_some(scrubbed)
}

/// What comes after `secret`, where `text` begins with a writing of it.
fn written<'a>(text: &'a str, secret: &str, may_be_cut: bool) -> Option<&'a str> {
    let mut rest = text;
    for (index, character) in secret.chars().enumerate() {
        rest = match after_character(rest, character) {
            Some(after) => after,
            None if may_be_cut && index >= MIN_CUT && ends_within_a_character(rest) => return Some(""),
            None => return None,
        };
    }
    Some(rest)
}

/// What comes after `character`, where `text` begins with a writing of it.
fn after_character(text: &str, character: char) -> Option<&str> {
    let first = text.chars().next()?;
    if (first, character) == ('+', ' ') {
        // A space in a form.
        return text.strip_prefix('+');
    }
    if !ESCAPES.contains(&first) {
        return text.strip_prefix(character);
    }
    let code = |digits: &str, radix| u32::from_str_radix(digits, radix).ok() == Some(u32::from(character));
    let json = || {
        let escaped = text.strip_prefix('\\')?;
        let coded = || escaped.strip_prefix('u')?.split_at_checked(4).filter(|(digits, _)| code(digits, 16));
        escaped.strip_prefix(character).or_else(|| Some(coded()?.1))
    };
    let url = || Some(text.strip_prefix('%')?.split_at_checked(2).filter(|(digits, _)| code(digits, 16))?.1);
    let html = || {
        let (name, after) = text.strip_prefix('&')?.split_once(';')?;
        let is_it = match name {
            "amp" => character == '&',
            "lt" => character == '<',
            "gt" => character == '>',
            "quot" => character == '"',
            "apos" => character == '\'',
            _ => {
                let digits = name.strip_prefix('#')?;
                digits.strip_prefix(['x', 'X']).map_or_else(|| code(digits, 10), |digits| code(digits, 16))
            }
        };
        is_it.then_some(after)
    };
    json().or_else(url).or_else(html).or_else(|| text.strip_prefix(character))
}

/// Whether a text is over, or in the middle of an escape.
fn ends_within_a_character(rest: &str) -> bool {
    rest.is_empty() || rest.len() < "&quot;".len() && rest.starts_with(ESCAPES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrubbed(secrets: &[&str], text: &str) -> String {
        let mut text = text.to_owned();
        Secrets::new(secrets.iter().copied()).scrub(&mut text);
        text
    }

    #[test]
    fn secret_within_another_does_not_save_the_rest_of_it() {
        assert_eq!(scrubbed(&["abc", "abcdef"], "abcdef abc"), "[redacted] [redacted]");
        assert_eq!(scrubbed(&["", "abc"], "ab"), "ab");
    }

    #[test]
    fn secret_is_found_in_every_writing() {
        let secret = r#"a/+="\&<'%z"#;
        for writing in [
            secret,
            r#"a\/+=\"\\&<'%z"#,
            r#"a/+=\"\\\u0026\u003c\u0027%z"#,
            "a%2F%2B%3D%22%5C%26%3C%27%25z",
            "a%2f%2b%3d%22%5c%26%3c%27%25z",
            "a/&#43;&#61;&quot;\\&amp;&lt;&apos;%z",
            "a&#x2F;+=&#34;&#92;&amp;&lt;&#39;%z",
        ] {
            assert_eq!(scrubbed(&[secret], &format!("ا{writing}.{writing}")), "ا[redacted].[redacted]", "{writing}");
        }
        assert_eq!(scrubbed(&["a b+c"], "a+b+c a+b%2Bc a b+c"), "[redacted] [redacted] [redacted]");
        for other in ["a/+=", "A/+=\"\\&<'%z", "a%2", "&", "&#;", "\\", "\\u00", "%zz", "%ا"] {
            assert_eq!(scrubbed(&[secret], other), other);
        }
    }

    #[test]
    fn secret_that_was_cut_off_is_found_at_the_end() {
        for (text, left) in [
            ("said: placeho", "said: [redacted]"),
            ("said: placeholder/", "said: [redacted]"),
            ("said: placeholder%2", "said: [redacted]"),
            ("said: placeholder&#4", "said: [redacted]"),
            ("said: pla", "said: pla"),
            ("placeho, it said", "placeho, it said"),
        ] {
            let mut text = text.to_owned();
            Secrets::new(["placeholder/secret"]).scrub_beginning(&mut text, 100);
            assert_eq!(text, left);
        }
        let mut grown = "a".repeat(10);
        Secrets::new(["a"]).scrub_beginning(&mut grown, 10);
        assert_eq!(grown.len(), 10);
    }

    #[test]
    fn json_is_searched_everywhere() {
        let mut value = serde_json::json!({ "12345": [{ "a": "12345" }, 12345, 1_123_450, 7, null] });
        Secrets::new(["12345"]).scrub_json(&mut value);
        assert_eq!(
            value,
            serde_json::json!({ "[redacted]": [{ "a": "[redacted]" }, "[redacted]", "1[redacted]0", 7, null] })
        );
    }
}
