//! Uploads and downloads of media. The engine never holds their bytes.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response};
use kenar::model::{MediaToken, Timestamp};
use kenar::operation::{MediaKind, UploadMedia};
use kenar::request::Operation as _;

use super::api_error::ApiError;
use super::faults::{Fault, faulty};
use super::record::Received;
use super::reply::Reply;
use super::state::Engine;
use super::uploads::Part;
use super::{call, rest};

/// The path prefix of media.
pub(crate) const MEDIA_PATH: &str = "/media/";
/// The name in the journal of a media download.
pub(super) const MEDIA_FETCH: &str = "media.fetch";

/// An upload with a valid token.
#[derive(Debug)]
pub(crate) struct Upload {
    kind: MediaKind,
    token: String,
}

impl Engine {
    /// The link to a media file.
    pub(crate) fn media_link(&self, id: &str) -> String {
        format!("{}{MEDIA_PATH}{id}", self.origin)
    }

    /// The media kind of an upload path. `None` for other paths.
    pub(crate) fn upload_kind(path: &str) -> Option<MediaKind> {
        call::upload_kind(path)
    }

    /// Authenticates an upload, before its bytes.
    pub(crate) fn begin_upload(
        &self,
        kind: MediaKind,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Upload, ApiError> {
        let token = rest::bearer(headers)?;
        self.uploads.check_token(&token, now)?;
        Ok(Upload { kind, token })
    }

    /// Responds to an upload, after its bytes. Returns the token under which to store them, on success.
    pub(crate) fn end_upload(
        &mut self,
        received: Received<'_>,
        outcome: Result<(Upload, Vec<Part>), ApiError>,
        fault: Option<Fault>,
        now: Timestamp,
        took: Duration,
    ) -> (Reply, Option<MediaToken>) {
        let mut token = None;
        let done = faulty(fault, || {
            let outcome = outcome.and_then(|(upload, parts)| {
                self.uploads.finish(&mut self.world.ids, &upload.token, upload.kind, &parts, now)
            });
            match outcome {
                Ok(id) => {
                    let done = Reply::ok(&serde_json::json!({ "id": id, "status": "ok" }));
                    token = Some(id);
                    done
                }
                Err(error) => error.into(),
            }
        });
        self.record(received, UploadMedia::METADATA.name(), &done, now, took);
        (done, token)
    }

    /// Records a media download with its response.
    pub(crate) fn fetched(
        &mut self,
        received: Received<'_>,
        response: Response<Bytes>,
        fault: Option<Fault>,
        now: Timestamp,
    ) -> Reply {
        let done = faulty(fault, || Reply::new(response));
        self.record(received, MEDIA_FETCH, &done, now, Duration::ZERO);
        done
    }
}
