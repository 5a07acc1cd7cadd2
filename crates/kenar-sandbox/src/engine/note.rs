//! What the sandbox has to say about an exchange.

use std::fmt;

/// A remark of the sandbox on an [`Exchange`](crate::Exchange).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// An injected fault had to do with it.
    Fault(String),
    /// The platform's documents on this topic say why it was refused.
    Documents(&'static str),
    /// The platform does not document this part of the response.
    Guess(&'static str),
    /// Something about the request or its delivery: why it was refused or failed, what the platform would not accept.
    Remark(String),
}

impl Note {
    pub(crate) fn fault(what: impl Into<String>) -> Self {
        Self::Fault(what.into())
    }

    pub(crate) fn remark(what: impl Into<String>) -> Self {
        Self::Remark(what.into())
    }

    /// The note with its text changed.
    pub(crate) fn map(self, change: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Fault(text) => Self::Fault(change(text)),
            Self::Remark(text) => Self::Remark(change(text)),
            fixed => fixed,
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(what) => write!(f, "fault: {what}"),
            Self::Documents(topic) => write!(f, "the platform's documents on {topic} say so"),
            Self::Guess(what) => f.write_str(what),
            Self::Remark(what) => f.write_str(what),
        }
    }
}
