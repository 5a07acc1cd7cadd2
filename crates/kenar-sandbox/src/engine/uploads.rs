//! Media: what was uploaded, without its bytes.

use std::collections::BTreeMap;
use std::time::Duration;

use kenar::model::{AppSlug, File, Image, MediaToken, MessageContent, Timestamp, Video, Voice};
use kenar::operation::MediaKind;

use super::api_error::ApiError;
use super::ids::Ids;

const MEDIA: &str = "uploading media";

/// The platform does not say how long a token for an upload lives, nor whether it can be used twice. The sandbox takes
/// the narrow view, so that nothing is built on the wide one.
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

/// The one part of an upload, after its bytes have gone by.
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

    /// Whether an upload may begin.
    pub(crate) fn check_token(&self, token: &str, now: Timestamp) -> Result<&AppSlug, ApiError> {
        match self.tokens.get(token) {
            Some((app, expires_at)) if *expires_at > now => Ok(app),
            Some(_) => Err(ApiError::unauthenticated("the upload token is expired").see(MEDIA)),
            None => Err(ApiError::unauthenticated("the upload token is not known, or was used before").see(MEDIA)),
        }
    }

    /// Ends an upload. The token is used up only by a success.
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
                ApiError::invalid(format!("expected one part named `file`, not {} parts", parts.len())).see(MEDIA)
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
                ApiError::invalid(format!("{file_name:?} is not one of the formats of {kind}: {formats}")).see(MEDIA)
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

    /// What a message shows of a medium, if it is one of the app's.
    pub(crate) fn content(&self, token: &MediaToken, app: &AppSlug, origin: &str) -> Option<MessageContent> {
        let own = self.media.get(token).filter(|medium| medium.app == *app)?;
        Some(medium(own.kind, format!("{origin}/media/{token}"), Some(own.file_name.clone()), own.size))
    }
}

/// A medium, as a message shows it.
pub(crate) fn medium(kind: MediaKind, link: String, name: Option<String>, size: u64) -> MessageContent {
    match kind {
        MediaKind::Image => MessageContent::Image(Image::new(link).size_bytes(size)),
        MediaKind::Voice => MessageContent::Voice(Voice::new(link).size_bytes(size)),
        MediaKind::Video => MessageContent::Video(Video::new(link).size_bytes(size)),
        // A kind that is added later is a file until it is known here.
        _ => {
            let file = File::new(link).size_bytes(size);
            MessageContent::File(match name {
                Some(name) => file.name(name),
                None => file,
            })
        }
    }
}

/// "MB" is documented without saying which: above the greater one it is certainly too much.
fn check_size(kind: MediaKind, size: u64) -> Result<(), ApiError> {
    let most = kind.max_bytes();
    if size > most {
        return Err(ApiError::too_large(format!("the file is larger than the {most} bytes of {kind}")).see(MEDIA));
    }
    Ok(())
}
