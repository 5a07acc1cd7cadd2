//! Parsing of inputs into requests and responses. Inputs are text, so that they can be written by hand.

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// The parts before and after the first empty line; without one, all is body.
pub fn head_and_body(data: &[u8]) -> (&[u8], &[u8]) {
    match data.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&data[..at], &data[at + 2..]),
        None => (&[], data),
    }
}

pub fn lines(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    data.split(|byte| *byte == b'\n')
}

/// Parses lines of `name: value`, and ignores invalid ones.
pub fn headers<'a>(lines: impl Iterator<Item = &'a [u8]>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

/// The query in a query, a path or a URL.
pub fn query_of(text: &str) -> &str {
    let text = text.split('#').next().unwrap_or_default();
    let end = text.find(['=', '&', '?']).unwrap_or(text.len());
    if !text[..end].contains('/') && !text[end..].starts_with('?') {
        return text;
    }
    text.find('?').map_or("", |at| &text[at + 1..])
}
