//! Uploads, and the media that came of them. Their bytes are not held here.

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

/// What the path of a medium begins with.
pub(crate) const MEDIA_PATH: &str = "/media/";
/// The name in the journal of a request for a medium.
pub(super) const MEDIA_FETCH: &str = "media.fetch";

/// An upload that has been let in.
#[derive(Debug)]
pub(crate) struct Upload {
    kind: MediaKind,
    token: String,
}

impl Engine {
    /// The link to a medium.
    pub(crate) fn media_link(&self, id: &str) -> String {
        format!("{}{MEDIA_PATH}{id}", self.origin)
    }

    /// Which kind of medium a path is for, if it is for uploads.
    pub(crate) fn upload_kind(path: &str) -> Option<MediaKind> {
        call::upload_kind(path)
    }

    /// Lets an upload in, before its bytes.
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

    /// Answers an upload, after its bytes. Gives the token under which they are to be kept, if they are.
    pub(crate) fn end_upload(
        &mut self,
        asked: Received<'_>,
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
                Err(refusal) => refusal.into(),
            }
        });
        self.record(asked, UploadMedia::METADATA.name(), &done, now, took);
        (done, token)
    }

    /// Answers a request for a medium, as the shell has it.
    pub(crate) fn fetched(
        &mut self,
        asked: Received<'_>,
        response: Response<Bytes>,
        fault: Option<Fault>,
        now: Timestamp,
    ) -> Reply {
        let done = faulty(fault, || Reply::new(response));
        self.record(asked, MEDIA_FETCH, &done, now, Duration::ZERO);
        done
    }
}
