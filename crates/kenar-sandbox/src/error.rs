use std::fmt;

/// An error of the sandbox, with a transcript.
///
/// `Debug` prints the same text as `Display`, so a test that returns the error prints it readably.
#[derive(Clone)]
pub struct SandboxError {
    message: String,
    transcript: String,
}

impl SandboxError {
    pub(crate) fn new(message: impl Into<String>, transcript: String) -> Self {
        Self { message: message.into(), transcript }
    }

    /// The message without the transcript.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The conversation, or all of them, and the last requests.
    #[must_use]
    pub fn transcript(&self) -> &str {
        &self.transcript
    }
}

impl fmt::Display for SandboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n\n{}", self.message, self.transcript)
    }
}

impl fmt::Debug for SandboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for SandboxError {}
