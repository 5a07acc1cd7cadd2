//! Redaction of secrets in the journal.
//!
//! Tokens that the sandbox generated stay, since they help in debugging. Keys are redacted, and so are all other tokens,
//! which may be real.

use std::iter;

const REDACTED: &str = "[redacted]";

/// The fields of JSON, forms and queries that contain a key.
const KEYS: [&str; 4] = ["identification_key", "client_secret", "api_key", "x-api-key"];

/// The fields that contain a token.
const TOKENS: [&str; 3] = ["access_token", "refresh_token", "x-access-token"];

/// The prefix of the sandbox's tokens.
const OWN: &str = "sandbox-";

/// The text without these keys, also where they are escaped for JSON or percent-encoded.
pub(super) fn without<'a>(text: &str, keys: impl Iterator<Item = &'a str>) -> String {
    // A short key could match ordinary text.
    let redact = |text: String, key: &str| redacted(&text, key).unwrap_or(text);
    keys.filter(|key| key.len() >= 8).fold(text.to_owned(), redact)
}

/// `None` if the text does not contain the key.
fn redacted(text: &str, key: &str) -> Option<String> {
    if !text.contains(key) && !text.contains(['\\', '%', '+']) {
        return None;
    }
    let (mut kept, mut rest, mut found) = (String::new(), text, false);
    while let Some(first) = rest.chars().next() {
        if let Some(after) = after_key(rest, key) {
            kept.push_str(REDACTED);
            (rest, found) = (after, true);
        } else {
            kept.push(first);
            rest = rest.get(first.len_utf8()..)?;
        }
    }
    found.then_some(kept)
}

/// The text after the key at its start.
fn after_key<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    // JSON within JSON doubles backslashes again, so any run of them matches any other.
    let is_again = |(before, character): &(char, char)| (*before, *character) == ('\\', '\\');
    let characters = iter::once('\0').chain(key.chars()).zip(key.chars()).filter(|pair| !is_again(pair));
    characters.map(|(_, character)| character).try_fold(text, |text, character| match character {
        '\\' => Some(after_backslashes(text)).filter(|after| after.len() < text.len()),
        ' ' if text.starts_with('+') => text.strip_prefix('+'),
        _ => (text.trim_start_matches('\\').strip_prefix(character))
            .or_else(|| after_code(text.strip_prefix('%')?, 2, character))
            .or_else(|| after_code(text.strip_prefix("\\u")?, 4, character)),
    })
}

fn after_backslashes(text: &str) -> &str {
    let mut rest = text;
    while let Some(after) = rest.strip_prefix('\\').or_else(|| after_code(rest.strip_prefix('%')?, 2, '\\')) {
        rest = after;
    }
    rest
}

/// The text after the hexadecimal digits of the character.
fn after_code(text: &str, digits: usize, character: char) -> Option<&str> {
    let (code, after) = text.split_at_checked(digits)?;
    (u32::from_str_radix(code, 16).ok()? == u32::from(character)).then_some(after)
}

/// The text without the values of secret fields.
pub(super) fn without_fields(text: &str) -> String {
    fields_of_forms(&fields_of_json(text))
}

fn is_secret(name: &str, value: &str) -> bool {
    let is = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    !value.is_empty() && (is(&KEYS) || (is(&TOKENS) && !value.starts_with(OWN)))
}

/// Redacts `"name": "value"`, even in invalid JSON.
fn fields_of_json(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, name, after)) = next_string(rest) {
        let (head, tail) = rest.split_at(rest.len().saturating_sub(after.len()));
        kept.push_str(head);
        rest = tail;
        let gap = tail.len().saturating_sub(tail.trim_start_matches([' ', '\t', '\r', '\n', ':']).len());
        let (colon, value) = tail.split_at(gap);
        if !colon.contains(':') || !value.starts_with('"') {
            continue;
        }
        if let Some((_, value, after)) = next_string(value) {
            if is_secret(name, value) {
                kept.push_str(colon);
                kept.push_str(&format!("\"{REDACTED}\""));
                rest = after;
            }
        }
        let _ = before;
    }
    kept + rest
}

/// The text before the next string literal, its raw content, and the text after it.
fn next_string(text: &str) -> Option<(&str, &str, &str)> {
    let (before, from) = text.split_once('"')?;
    let mut escaped = false;
    let end = from.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    Some((before, from.get(..end)?, from.get(end.saturating_add(1)..)?))
}

fn fields_of_forms(text: &str) -> String {
    let field = |piece: &str| {
        let Some((name, value)) = piece.split_once('=') else { return piece.to_owned() };
        let end = value.find(['?', '&', '#', '"', '\'', '<', ' ', '\n']).unwrap_or(value.len());
        let (value, after) = value.split_at(end);
        let name_alone = name.trim_start_matches(|symbol: char| !symbol.is_ascii_alphanumeric());
        if is_secret(name_alone, value) { format!("{name}={REDACTED}{after}") } else { piece.to_owned() }
    };
    text.split_inclusive(['?', '&']).map(field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_foreign_tokens_go_and_own_tokens_stay() {
        for (text, kept) in [
            (r#"{"identification_key":"x","post":"y"}"#, r#"{"identification_key":"[redacted]","post":"y"}"#),
            (
                r#"{"a": [{ "client_secret" : "x\"y" }, "api_key"]}"#,
                r#"{"a": [{ "client_secret" : "[redacted]" }, "api_key"]}"#,
            ),
            (
                r#"{"refresh_token":"real","access_token":"sandbox-access-token-1-0"}"#,
                r#"{"refresh_token":"[redacted]","access_token":"sandbox-access-token-1-0"}"#,
            ),
            ("a=b&client_secret=x&refresh_token=real#c", "a=b&client_secret=[redacted]&refresh_token=[redacted]#c"),
            ("refresh_token=sandbox-refresh-token-1-0", "refresh_token=sandbox-refresh-token-1-0"),
            ("POST /a?identification_key=x HTTP", "POST /a?identification_key=[redacted] HTTP"),
            (r#"{"identification_key":"unfinished"#, r#"{"identification_key":"unfinished"#),
            (r#"{"identification_key":"","access_token":null}"#, r#"{"identification_key":"","access_token":null}"#),
            ("سلام \" \\", "سلام \" \\"),
            ("", ""),
        ] {
            assert_eq!(without_fields(text), kept);
        }
    }

    #[test]
    fn known_key_is_redacted_anywhere_in_a_text() {
        let keys = ["a-real-identification-key", "short"];
        assert_eq!(without("x a-real-identification-key, short", keys.into_iter()), "x [redacted], short");
    }

    #[test]
    fn known_key_is_redacted_in_every_encoding() {
        let key = r#"ab/c+d==e"f\g\\h i"#;
        let json = serde_json::to_string(key).unwrap();
        let nested = serde_json::to_string(&json).unwrap();
        let php = json.replace('/', r"\/");
        let form: String = form_urlencoded::byte_serialize(key.as_bytes()).collect();
        let lower = form.to_ascii_lowercase();
        let coded = json.replace('+', r"\u002b");
        for text in [json, nested, php, form, lower, coded] {
            let cleaned = without(&format!("x={text}&y"), [key].into_iter());
            assert_eq!(cleaned.replace(['"', '\\'], ""), "x=[redacted]&y", "{text}");
        }
        assert_eq!(without(r"100% \ a\/b", [key].into_iter()), r"100% \ a\/b");
    }
}
