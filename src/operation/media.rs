use std::fmt;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
#[cfg(feature = "tokio")]
use http_body_util::BodyExt as _;

use crate::error::BoxError;
use crate::request::Body;

/// A file to upload, of a format and a size that Divar accepts.
///
/// The guide describes [the flow](crate::guide::media).
#[derive(Debug)]
pub struct Media {
    kind: MediaKind,
    file_name: String,
    content_type: &'static str,
    source: MediaSource,
}

/// A kind of media. Each has its own upload URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MediaKind {
    /// An image: PNG or JPEG, at most 5 MB.
    Image,
    /// A document: PDF, Word, Excel or PowerPoint, at most 5 MB.
    File,
    /// A voice recording: M4A or 3GP, at most 1.5 MB.
    Voice,
    /// A video: MP4, at most 50 MB.
    Video,
}

/// The reason why a file cannot be uploaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidMedia {
    /// The file extension is not one of the kind's formats.
    #[error("unsupported file format: {file_name:?} is not one of {}", .kind.extensions().join(", "))]
    #[non_exhaustive]
    Format {
        /// The requested kind.
        kind: MediaKind,
        /// The file name.
        file_name: String,
    },
    /// The file exceeds [`MediaKind::max_bytes`].
    #[error("file too large: {length} bytes, of at most {}", .kind.max_bytes())]
    #[non_exhaustive]
    TooLarge {
        /// The requested kind.
        kind: MediaKind,
        /// The length in bytes.
        length: u64,
    },
    /// The file is empty.
    #[error("file is empty")]
    Empty,
}

impl MediaKind {
    /// All kinds.
    pub const ALL: &[Self] = &[Self::Image, Self::File, Self::Voice, Self::Video];

    /// The name in the upload URL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::File => "file",
            Self::Voice => "voice",
            Self::Video => "video",
        }
    }

    /// The maximum length in bytes.
    ///
    /// The platform does not say which "MB" it means. This is the larger one, 2^20 bytes, so that nothing is refused here
    /// that Divar would accept.
    #[must_use]
    pub fn max_bytes(self) -> u64 {
        const MIB: u64 = 1 << 20;
        match self {
            Self::Image | Self::File => 5 * MIB,
            Self::Voice => MIB + MIB / 2,
            Self::Video => 50 * MIB,
        }
    }

    /// The file extensions that Divar accepts, in lower case.
    #[must_use]
    pub fn extensions(self) -> Vec<&'static str> {
        self.formats().iter().map(|(extension, _)| *extension).collect()
    }

    /// The content type for a file name, or `None` if its extension is not accepted.
    #[must_use]
    pub fn content_type(self, file_name: &str) -> Option<&'static str> {
        let (_, extension) = file_name.rsplit_once('.')?;
        self.formats()
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(extension))
            .map(|(_, content_type)| *content_type)
    }

    fn formats(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Image => &[("png", "image/png"), ("jpeg", "image/jpeg"), ("jpg", "image/jpeg")],
            Self::File => &[
                ("pdf", "application/pdf"),
                ("doc", "application/msword"),
                ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
                ("xls", "application/vnd.ms-excel"),
                ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
                ("ppt", "application/vnd.ms-powerpoint"),
                ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
            ],
            Self::Voice => &[("m4a", "audio/mp4"), ("3gp", "audio/3gpp")],
            Self::Video => &[("mp4", "video/mp4")],
        }
    }
}

impl fmt::Display for MediaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident $kind:ident)*) => {
        impl Media {$(
            $(#[$doc])*
            ///
            /// # Errors
            ///
            /// As [`new`](Self::new).
            pub fn $name(file_name: impl Into<String>, source: MediaSource) -> Result<Self, InvalidMedia> {
                Self::new(MediaKind::$kind, file_name, source)
            }
        )*}
    };
}

constructors! {
    /// An image: PNG or JPEG.
    image Image
    /// A document: PDF, Word, Excel or PowerPoint.
    file File
    /// A voice recording: M4A or 3GP.
    voice Voice
    /// A video: MP4.
    video Video
}

impl Media {
    /// A file of the given kind. The recipient sees its name.
    ///
    /// The extension of the name determines the format. Of a path, only the last component is used.
    ///
    /// # Errors
    ///
    /// [`InvalidMedia`] if the extension is not supported, or the source is empty or too large.
    pub fn new(kind: MediaKind, file_name: impl Into<String>, source: MediaSource) -> Result<Self, InvalidMedia> {
        let mut file_name = file_name.into();
        if let Some((_, name)) = file_name.rsplit_once(['/', '\\']) {
            file_name = name.to_owned();
        }
        let Some(content_type) = kind.content_type(&file_name) else {
            return Err(InvalidMedia::Format { kind, file_name });
        };
        match source.length {
            0 => Err(InvalidMedia::Empty),
            length if length > kind.max_bytes() => Err(InvalidMedia::TooLarge { kind, length }),
            _ => Ok(Self { kind, file_name, content_type, source }),
        }
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> MediaKind {
        self.kind
    }

    /// The file name.
    #[must_use]
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// The content type, by the extension.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        self.content_type
    }

    /// The length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.source.length
    }

    /// The request body that reads the file.
    ///
    /// # Errors
    ///
    /// If a stream was already read, or a file is missing or its length has changed.
    pub fn body(&self) -> std::io::Result<Body> {
        match &self.source.inner {
            Inner::Bytes(bytes) => Ok(bytes.clone().into()),
            Inner::Stream(stream) => {
                let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
                stream.take().ok_or_else(|| std::io::Error::other("the stream was already read"))
            }
            #[cfg(feature = "tokio")]
            Inner::File(path) => {
                let (path, length) = (path.clone(), self.source.length);
                // The inner body detects a changed length, and the outer one names the file.
                let body = Body::stream(length, file::open(&path, length)?);
                let named = move |why| file::error(&path, std::io::ErrorKind::InvalidData, why);
                Ok(Body::stream(length, body.map_err(named)))
            }
        }
    }
}

/// The content of a file to upload, of a known length.
///
/// A stream, a reader or a file is read in chunks while it is sent, and never as a whole. A stream or a reader can be read
/// only once. Divar requires the length before the first byte.
pub struct MediaSource {
    length: u64,
    inner: Inner,
}

enum Inner {
    Bytes(Bytes),
    Stream(Mutex<Option<Body>>),
    #[cfg(feature = "tokio")]
    File(std::path::PathBuf),
}

impl MediaSource {
    /// Bytes in memory.
    #[must_use]
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { length: bytes.len() as u64, inner: Inner::Bytes(bytes) }
    }

    /// A stream of exactly `length` bytes. Any other length fails while it is sent.
    #[must_use]
    pub fn stream<B>(length: u64, stream: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self { length, inner: Inner::Stream(Mutex::new(Some(Body::stream(length, stream)))) }
    }

    /// A reader of exactly `length` bytes.
    #[cfg(feature = "tokio")]
    #[must_use]
    pub fn reader(length: u64, reader: impl tokio::io::AsyncRead + Send + 'static) -> Self {
        Self::stream(length, reader::ReaderBody::new(reader))
    }

    /// A file with its current length. Each attempt to upload it opens it again.
    ///
    /// # Errors
    ///
    /// If the path cannot be opened or is not a regular file. The error names the path. If the file's length changes or it
    /// cannot be read later, the upload fails with [`ErrorKind::RequestBody`](crate::error::ErrorKind::RequestBody).
    #[cfg(feature = "tokio")]
    pub async fn file(path: impl Into<std::path::PathBuf>) -> std::io::Result<Self> {
        let path = path.into();
        let length = file::length(&path).await?;
        Ok(Self { length, inner: Inner::File(path) })
    }

    /// The length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }
}

impl fmt::Debug for MediaSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MediaSource({} bytes)", self.length)
    }
}

#[cfg(feature = "tokio")]
mod reader {
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};

    use http_body::Frame;
    use tokio::io::{AsyncRead, ReadBuf};

    use super::Bytes;

    /// Large, since each read of a file switches threads; small enough for many concurrent uploads.
    const CHUNK: usize = 64 * 1024;

    pub(super) struct ReaderBody {
        reader: Pin<Box<dyn AsyncRead + Send>>,
        chunk: Box<[u8]>,
    }

    impl ReaderBody {
        pub(super) fn new(reader: impl AsyncRead + Send + 'static) -> Self {
            Self { reader: Box::pin(reader), chunk: vec![0; CHUNK].into() }
        }
    }

    impl http_body::Body for ReaderBody {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
            let Self { reader, chunk } = &mut *self;
            let mut buffer = ReadBuf::new(chunk);
            Poll::Ready(match ready!(reader.as_mut().poll_read(context, &mut buffer)) {
                Err(error) => Some(Err(error)),
                Ok(()) if buffer.filled().is_empty() => None,
                Ok(()) => Some(Ok(Frame::data(Bytes::copy_from_slice(buffer.filled())))),
            })
        }
    }
}

#[cfg(feature = "tokio")]
mod file {
    use std::fmt;
    use std::io::{Error, ErrorKind};
    use std::path::Path;

    use super::reader::ReaderBody;

    pub(super) fn error(path: &Path, kind: ErrorKind, why: impl fmt::Display) -> Error {
        Error::new(kind, format!("{}: {why}", path.display()))
    }

    /// The length of a regular file. A pipe has none, and opening it could block forever.
    pub(super) async fn length(path: &Path) -> Result<u64, Error> {
        let named = |why: Error| error(path, why.kind(), why);
        let metadata = tokio::fs::metadata(path).await.map_err(named)?;
        if !metadata.is_file() {
            let what = if metadata.is_dir() { "a directory" } else { "not a regular file" };
            return Err(error(path, ErrorKind::InvalidInput, what));
        }
        tokio::fs::File::open(path).await.map_err(named)?;
        Ok(metadata.len())
    }

    /// Opens a file that was `length` bytes long. Opening is fast, so it needs no thread.
    pub(super) fn open(path: &Path, length: u64) -> Result<ReaderBody, Error> {
        let named = |why: Error| error(path, why.kind(), why);
        let metadata = std::fs::metadata(path).map_err(named)?;
        if !metadata.is_file() || metadata.len() != length {
            return Err(error(path, ErrorKind::InvalidData, format_args!("file changed: it was {length} bytes long")));
        }
        Ok(ReaderBody::new(tokio::fs::File::from_std(std::fs::File::open(path).map_err(named)?)))
    }
}
