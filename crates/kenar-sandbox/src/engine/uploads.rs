//! Uploaded media, without their bytes.

use std::collections::BTreeMap;
use std::time::Duration;

use kenar::model::{AppSlug, File, Image, MediaToken, MessageContent, Timestamp, Video, Voice};
use kenar::operation::MediaKind;

use super::api_error::ApiError;
use super::ids::Ids;

const MEDIA: &str = "uploading media";

/// The lifetime of an upload token, a guess.
///
/// The platform documents neither its lifetime nor whether it works twice. The sandbox is strict, so that add-ons do not
/// depend on more.
const TOKEN_LIFE: Duration = Duration::from_secs(10 * 60);

#[derive(Debug, Default)]
pub(crate) struct Uploads {
    tokens: BTreeMap<String, (AppSlug, Timestamp)>,
    media: BTreeMap<MediaToken, Medium>,
}

#[derive(Debug)]
struct Medium {
    app: AppSlug,
    kind: MediaKind,
    file_name: String,
    size: u64,
}

/// A part of an upload, without its bytes.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: Option<String>,
    pub(crate) file_name: Option<String>,
    pub(crate) size: u64,
}

impl Uploads {
    pub(crate) fn create_token(&mut self, ids: &mut Ids, app: AppSlug, now: Timestamp) -> String {
        let token = ids.upload_token();
        self.tokens.insert(token.clone(), (app, now.saturating_add(TOKEN_LIFE)));
        token
    }

    /// Checks an upload token, and returns its app.
    pub(crate) fn check_token(&self, token: &str, now: Timestamp) -> Result<&AppSlug, ApiError> {
        match self.tokens.get(token) {
            Some((app, expires_at)) if *expires_at > now => Ok(app),
            Some(_) => Err(ApiError::unauthenticated("the upload token expired").see(MEDIA)),
            None => Err(ApiError::unauthenticated("unknown or already used upload token").see(MEDIA)),
        }
    }

    /// Completes an upload. The token is used up only on success.
    pub(crate) fn finish(
        &mut self,
        ids: &mut Ids,
        token: &str,
        kind: MediaKind,
        parts: &[Part],
        now: Timestamp,
    ) -> Result<MediaToken, ApiError> {
        let app = self.check_token(token, now)?.clone();
        let [part] = parts else {
            return Err(
                ApiError::invalid(format!("expected one part named `file`, got {} parts", parts.len())).see(MEDIA)
            );
        };
        if part.name.as_deref() != Some("file") {
            return Err(ApiError::invalid("the part must be named `file`").see(MEDIA));
        }
        let Some(file_name) = part.file_name.as_deref().filter(|name| !name.is_empty()) else {
            return Err(ApiError::invalid("the part must have a file name").see(MEDIA));
        };
        if kind.content_type(file_name).is_none() {
            let formats = kind.extensions().join(", ");
            return Err(
                ApiError::invalid(format!("unsupported {kind} format {file_name:?}: expected {formats}")).see(MEDIA)
            );
        }
        if part.size == 0 {
            return Err(ApiError::invalid("the file is empty"));
        }
        check_size(kind, part.size)?;
        self.tokens.remove(token);
        let medium = Medium { app, kind, file_name: file_name.to_owned(), size: part.size };
        let token = MediaToken::new(ids.token("media-token"));
        self.media.insert(token.clone(), medium);
        Ok(token)
    }

    /// The message content for an upload. `None` if the upload is not the app's.
    pub(crate) fn content(&self, token: &MediaToken, app: &AppSlug, origin: &str) -> Option<MessageContent> {
        let own = self.media.get(token).filter(|medium| medium.app == *app)?;
        Some(medium(own.kind, format!("{origin}/media/{token}"), Some(own.file_name.clone()), own.size))
    }
}

/// The message content for a media file.
pub(crate) fn medium(kind: MediaKind, link: String, name: Option<String>, size: u64) -> MessageContent {
    match kind {
        MediaKind::Image => MessageContent::Image(Image::new(link).size_bytes(size)),
        MediaKind::Voice => MessageContent::Voice(Voice::new(link).size_bytes(size)),
        MediaKind::Video => MessageContent::Video(Video::new(link).size_bytes(size)),
        // `MediaKind` is non-exhaustive: an unknown kind is sent as a file.
        _ => {
            let file = File::new(link).size_bytes(size);
            MessageContent::File(match name {
                Some(name) => file.name(name),
                None => file,
            })
        }
    }
}

/// Checks the size. The documents do not say which "MB" they mean, so the limit is the larger one.
fn check_size(kind: MediaKind, size: u64) -> Result<(), ApiError> {
    if size > kind.max_bytes() { Err(ApiError::file_too_large(kind)) } else { Ok(()) }
}

impl ApiError {
    pub(crate) fn file_too_large(kind: MediaKind) -> Self {
        Self::too_large(format!("the file is too large: at most {} bytes for {kind}", kind.max_bytes())).see(MEDIA)
    }
}
