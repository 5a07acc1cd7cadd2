//! How the bytes of an input become a request or an answer: as text, so that an input can be read and written by hand.

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// What comes before the first empty line, and what comes after it; without one, all of it comes after.
pub fn head_and_body(data: &[u8]) -> (&[u8], &[u8]) {
    match data.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&data[..at], &data[at + 2..]),
        None => (&[], data),
    }
}

pub fn lines(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    data.split(|byte| *byte == b'\n')
}

/// Lines of `name: value`. What can be no header is passed over.
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

/// The query in a text: all of it, unless it is a path or a URL.
pub fn query_of(text: &str) -> &str {
    let text = text.split('#').next().unwrap_or_default();
    let end = text.find(['=', '&', '?']).unwrap_or(text.len());
    if !text[..end].contains('/') && !text[end..].starts_with('?') {
        return text;
    }
    text.find('?').map_or("", |at| &text[at + 1..])
}
