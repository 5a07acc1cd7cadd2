use std::fmt;

/// What went wrong in a sandbox, with a transcript of what happened.
///
/// `Debug` prints the same as `Display`, so that a test that returns it prints it readably.
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

    /// What was said, and what went over the wire.
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
