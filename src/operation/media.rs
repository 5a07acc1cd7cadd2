use std::fmt;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use crate::error::BoxError;
use crate::request::Body;

/// A medium to upload, checked to be of a format and a size that Divar takes. The guide has
/// [the flow](crate::guide::media).
///
/// ```
/// use kenar::operation::{InvalidMedia, Media, MediaSource};
///
/// let photo = Media::image("photo.png", MediaSource::bytes(vec![0; 1024]))?;
/// assert!(matches!(Media::image("photo.gif", MediaSource::bytes(vec![0; 1024])), Err(InvalidMedia::Format { .. })));
/// # Ok::<(), InvalidMedia>(())
/// ```
#[derive(Debug)]
pub struct Media {
    kind: MediaKind,
    file_name: String,
    content_type: &'static str,
    source: MediaSource,
}

/// The kinds of media, each with an address of its own to upload to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MediaKind {
    /// A picture: PNG or JPEG, at most 5 MB.
    Image,
    /// A document: PDF, Word, Excel or PowerPoint, at most 5 MB.
    File,
    /// A voice recording: M4A or 3GP, at most 1.5 MB.
    Voice,
    /// A video: MP4, at most 50 MB.
    Video,
}

/// Why something cannot be uploaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidMedia {
    /// The file name does not end in one of the formats of its kind.
    #[error("{file_name:?} is not one of {}", .kind.extensions().join(", "))]
    #[non_exhaustive]
    Format {
        /// The kind asked for.
        kind: MediaKind,
        /// The file name given.
        file_name: String,
    },
    /// It is larger than Divar takes.
    #[error("{length} bytes are more than the {} that Divar takes", .kind.max_bytes())]
    #[non_exhaustive]
    TooLarge {
        /// The kind asked for.
        kind: MediaKind,
        /// The length in bytes.
        length: u64,
    },
    /// There is nothing in it.
    #[error("there is nothing in it")]
    Empty,
}

impl MediaKind {
    /// All the kinds.
    pub const ALL: &[Self] = &[Self::Image, Self::File, Self::Voice, Self::Video];

    /// The name in the upload address.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::File => "file",
            Self::Voice => "voice",
            Self::Video => "video",
        }
    }

    /// The greatest length in bytes. The platform says "MB" and not which; this is the larger meaning, 2^20 bytes, so
    /// that nothing is refused here that Divar would take.
    #[must_use]
    pub fn max_bytes(self) -> u64 {
        const MIB: u64 = 1 << 20;
        match self {
            Self::Image | Self::File => 5 * MIB,
            Self::Voice => MIB + MIB / 2,
            Self::Video => 50 * MIB,
        }
    }

    /// The file name extensions of the formats that Divar takes, in lower case.
    #[must_use]
    pub fn extensions(self) -> Vec<&'static str> {
        self.formats().iter().map(|(extension, _)| *extension).collect()
    }

    /// The content type of a file name's format, `None` where Divar does not take it.
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

impl Media {
    /// A picture.
    ///
    /// # Errors
    ///
    /// [`InvalidMedia`], where the file name ends in another format or the source is empty or too large.
    pub fn image(file_name: impl Into<String>, source: MediaSource) -> Result<Self, InvalidMedia> {
        Self::new(MediaKind::Image, file_name, source)
    }

    /// A document.
    ///
    /// # Errors
    ///
    /// [`InvalidMedia`], where the file name ends in another format or the source is empty or too large.
    pub fn file(file_name: impl Into<String>, source: MediaSource) -> Result<Self, InvalidMedia> {
        Self::new(MediaKind::File, file_name, source)
    }

    /// A voice recording.
    ///
    /// # Errors
    ///
    /// [`InvalidMedia`], where the file name ends in another format or the source is empty or too large.
    pub fn voice(file_name: impl Into<String>, source: MediaSource) -> Result<Self, InvalidMedia> {
        Self::new(MediaKind::Voice, file_name, source)
    }

    /// A video.
    ///
    /// # Errors
    ///
    /// [`InvalidMedia`], where the file name ends in another format or the source is empty or too large.
    pub fn video(file_name: impl Into<String>, source: MediaSource) -> Result<Self, InvalidMedia> {
        Self::new(MediaKind::Video, file_name, source)
    }

    /// A medium of a kind. The file name is what the other side sees, and its ending says the format; of a path, only its
    /// last part is taken.
    ///
    /// # Errors
    ///
    /// [`InvalidMedia`], where the file name ends in another format or the source is empty or too large.
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

    /// The content type, told from the file name.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        self.content_type
    }

    /// The length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.source.length
    }

    /// What to read it from.
    ///
    /// # Errors
    ///
    /// Where a stream has been taken before, or a file is missing or changed its length.
    pub fn body(&self) -> std::io::Result<Body> {
        match &self.source.inner {
            Inner::Bytes(bytes) => Ok(bytes.clone().into()),
            Inner::Stream(stream) => {
                let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
                stream.take().ok_or_else(|| std::io::Error::other("the medium's stream was read before"))
            }
            #[cfg(feature = "tokio")]
            Inner::File(path) => Ok(Body::stream(self.source.length, file::open(path, self.source.length)?)),
        }
    }
}

/// Where the bytes of a medium come from.
///
/// A source other than bytes in memory is read once, in pieces, while it is sent: the medium is never in memory as a
/// whole. Its length must be known, since Divar wants it before the first byte.
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

    /// A stream of exactly `length` bytes. One that turns out longer or shorter fails while it is sent.
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

    /// A file, as long as it is now. It is opened again for each attempt to upload it.
    ///
    /// # Errors
    ///
    /// If the path cannot be opened, or is not a regular file. The error names the path. If the file changes or cannot be
    /// read later, the upload fails with [`ErrorKind::RequestBody`](crate::error::ErrorKind::RequestBody).
    #[cfg(feature = "tokio")]
    pub async fn file(path: impl Into<std::path::PathBuf>) -> std::io::Result<Self> {
        let path = path.into();
        let length = file::length(&path).await?;
        Ok(Self { length, inner: Inner::File(path) })
    }

    /// How many bytes there are.
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

    /// Large enough that a file's reads, each a trip to a thread, cost little; small enough to be held many times.
    const CHUNK: usize = 64 * 1024;

    /// A reader as a stream of chunks.
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
    use std::io::{Error, ErrorKind};
    use std::path::{Path, PathBuf};
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};

    use http_body::{Body, Frame};

    use super::Bytes;
    use super::reader::ReaderBody;

    fn error(path: &Path, error: &Error) -> Error {
        Error::new(error.kind(), format!("{}: {error}", path.display()))
    }

    fn changed(path: &Path, before: u64) -> Error {
        let why = format!("{}: the file is not {before} bytes long any more", path.display());
        Error::new(ErrorKind::InvalidData, why)
    }

    /// The length of a file that can be uploaded. A pipe or a device has none, and opening a pipe may wait for ever.
    pub(super) async fn length(path: &Path) -> Result<u64, Error> {
        let metadata = tokio::fs::metadata(path).await.map_err(|why| error(path, &why))?;
        if !metadata.is_file() {
            let what = if metadata.is_dir() { "a directory" } else { "not a regular file" };
            return Err(Error::new(ErrorKind::InvalidInput, format!("{}: {what}", path.display())));
        }
        tokio::fs::File::open(path).await.map_err(|why| error(path, &why))?;
        Ok(metadata.len())
    }

    /// Opens a file that was `length` bytes long. Opening takes no time worth a thread, as reading does.
    pub(super) fn open(path: &Path, length: u64) -> Result<FileBody, Error> {
        let metadata = std::fs::metadata(path).map_err(|why| error(path, &why))?;
        if !metadata.is_file() || metadata.len() != length {
            return Err(changed(path, length));
        }
        let file = std::fs::File::open(path).map_err(|why| error(path, &why))?;
        let body = ReaderBody::new(tokio::fs::File::from_std(file));
        Ok(FileBody { path: path.to_owned(), length, read: 0, body })
    }

    /// A file whose errors name it.
    pub(super) struct FileBody {
        path: PathBuf,
        length: u64,
        read: u64,
        body: ReaderBody,
    }

    impl Body for FileBody {
        type Data = Bytes;
        type Error = Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Err(why)) => return Poll::Ready(Some(Err(error(&self.path, &why)))),
                Some(Ok(frame)) => Some(frame),
                None => None,
            };
            let length = frame.as_ref().and_then(Frame::data_ref).map_or(0, |data| data.len() as u64);
            self.read = self.read.saturating_add(length);
            let is_as_long = if frame.is_some() { self.read <= self.length } else { self.read == self.length };
            if !is_as_long {
                return Poll::Ready(Some(Err(changed(&self.path, self.length))));
            }
            Poll::Ready(frame.map(Ok))
        }
    }
}
