//! Notes in the journal.

use std::fmt;

/// A note of the sandbox on an [`Exchange`](crate::Exchange).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The effect of an injected fault.
    Fault(String),
    /// The topic in the platform's documents that explains the error.
    Documents(&'static str),
    /// An undocumented part of the response, which the sandbox guesses.
    Guess(&'static str),
    /// Any other note, such as the reason for an error or a deprecated field.
    Remark(String),
}

impl Note {
    pub(crate) fn fault(text: impl Into<String>) -> Self {
        Self::Fault(text.into())
    }

    pub(crate) fn remark(text: impl Into<String>) -> Self {
        Self::Remark(text.into())
    }

    /// Maps the text of the note, if it is not a constant.
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
            Self::Fault(text) => write!(f, "fault: {text}"),
            Self::Documents(topic) => write!(f, "documented under \"{topic}\" at kenar.divar.dev"),
            Self::Guess(text) => write!(f, "guess: {text}"),
            Self::Remark(text) => f.write_str(text),
        }
    }
}
