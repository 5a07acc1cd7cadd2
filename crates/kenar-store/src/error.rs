use std::error::Error as StdError;
use std::fmt;

/// The error of a store. Its source is the client library's error.
#[derive(Debug)]
pub struct Error {
    /// The store and the operation that failed.
    at: &'static str,
    source: Box<dyn StdError + Send + Sync>,
}

impl Error {
    pub(crate) fn new(at: &'static str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { at, source: source.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.at)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.source)
    }
}
