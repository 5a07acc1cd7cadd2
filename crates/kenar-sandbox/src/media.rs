//! The media files behind the links in messages.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::engine::response;

/// The maximum total size. The oldest files are dropped first.
const MAX_BYTES: usize = 256 << 20;

/// The content types that are safe to show in a browser. All others are served as attachments.
const SHOWN: [&str; 15] = [
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "video/mp4",
    "video/webm",
    "audio/mp4",
    "audio/x-m4a",
    "audio/aac",
    "audio/3gpp",
    "audio/mpeg",
    "audio/ogg",
    "audio/webm",
    "audio/wav",
    "audio/x-wav",
];

#[derive(Debug, Default)]
pub(crate) struct MediaStore {
    media: Mutex<VecDeque<Medium>>,
    sent: AtomicU64,
}

#[derive(Clone, Debug)]
pub(crate) struct Medium {
    /// The last segment of the link.
    pub(crate) id: String,
    pub(crate) content_type: String,
    pub(crate) file_name: String,
    pub(crate) bytes: Bytes,
}

impl MediaStore {
    pub(crate) fn keep(&self, medium: Medium) {
        let mut media = self.media();
        media.push_back(medium);
        let mut size: usize = media.iter().map(|medium| medium.bytes.len()).sum();
        while size > MAX_BYTES {
            let Some(oldest) = media.pop_front() else { break };
            size = size.saturating_sub(oldest.bytes.len());
        }
    }

    /// A new id for a person's media file.
    pub(crate) fn next_id(&self) -> String {
        format!("sent-{}", self.sent.fetch_add(1, Ordering::Relaxed).saturating_add(1))
    }

    fn get(&self, id: &str) -> Option<Medium> {
        self.media().iter().find(|medium| medium.id == id).cloned()
    }

    fn media(&self) -> MutexGuard<'_, VecDeque<Medium>> {
        self.media.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `GET /media/{id}`.
    pub(crate) fn respond(&self, id: &str, headers: &HeaderMap) -> Response<Bytes> {
        let Some(medium) = self.get(id) else {
            return response(StatusCode::NOT_FOUND, "text/plain", "media file not found, or dropped since");
        };
        let shown = shown_as(&medium.content_type);
        let mut response = part(&medium.bytes, headers);
        let headers = response.headers_mut();
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(shown.unwrap_or("application/octet-stream")));
        let place = if shown.is_some() { "inline" } else { "attachment" };
        let name = utf8_percent_encode(&medium.file_name, NON_ALPHANUMERIC);
        if let Ok(disposition) = HeaderValue::try_from(format!("{place}; filename*=UTF-8''{name}")) {
            headers.insert(header::CONTENT_DISPOSITION, disposition);
        }
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; media-src 'self'; sandbox"),
        );
        response
    }
}

/// The content type without parameters, if it is safe to show.
pub(crate) fn shown_as(content_type: &str) -> Option<&'static str> {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    SHOWN.into_iter().find(|shown| shown.eq_ignore_ascii_case(essence))
}

/// The whole file, or the requested range, which media players need.
fn part(bytes: &Bytes, headers: &HeaderMap) -> Response<Bytes> {
    let asked = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let Some(range) = asked.and_then(|range| range_of(range, bytes.len())) else {
        return response(StatusCode::OK, "application/octet-stream", bytes.clone());
    };
    let described = format!("bytes {}-{}/{}", range.start(), range.end(), bytes.len());
    let mut response = response(StatusCode::PARTIAL_CONTENT, "application/octet-stream", bytes.slice(range));
    if let Ok(described) = HeaderValue::try_from(described) {
        response.headers_mut().insert(header::CONTENT_RANGE, described);
    }
    response
}

/// The range of a `Range` header with a single range.
///
/// Unsatisfiable ranges are ignored, as RFC 9110 permits. A suffix longer than the file is the whole file, which the
/// `http-range-header` crate refuses.
fn range_of(range: &str, length: usize) -> Option<RangeInclusive<usize>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let end = length.checked_sub(1)?;
    let (first, last) = match (first, last) {
        ("", last) => (length.saturating_sub(last.parse().ok()?), end),
        (first, "") => (first.parse().ok()?, end),
        (first, last) => (first.parse().ok()?, last.parse::<usize>().ok()?.min(end)),
    };
    (first <= last).then_some(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_single_satisfiable_range_is_read() {
        for (range, part) in [
            ("bytes=0-", Some(0..=9)),
            ("bytes=2-4", Some(2..=4)),
            ("bytes=2-99", Some(2..=9)),
            ("bytes=-3", Some(7..=9)),
            ("bytes=-99", Some(0..=9)),
            ("bytes=10-", None),
            ("bytes=4-2", None),
            ("bytes=-0", None),
            ("bytes=0-1,4-5", None),
            ("bytes=a-", None),
            ("bytes=18446744073709551616-", None),
            ("items=0-1", None),
        ] {
            assert_eq!(range_of(range, 10), part, "{range}");
        }
        assert_eq!(range_of("bytes=0-", 0), None);
    }

    #[test]
    fn active_content_is_never_shown() {
        for content_type in ["text/html", "image/svg+xml", "application/pdf", "", "text/javascript"] {
            assert_eq!(shown_as(content_type), None, "{content_type}");
        }
        assert_eq!(shown_as("audio/webm;codecs=opus"), Some("audio/webm"));
    }

    #[test]
    fn oldest_file_is_dropped_over_the_limit() {
        let store = MediaStore::default();
        let third = Bytes::from(vec![0; MAX_BYTES / 3]);
        for id in ["a", "b", "c", "d"] {
            let (content_type, file_name) = (String::new(), String::new());
            store.keep(Medium { id: id.to_owned(), content_type, file_name, bytes: third.clone() });
        }
        assert!(store.get("a").is_none() && store.get("b").is_some() && store.get("d").is_some());
    }
}
