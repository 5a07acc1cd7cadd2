//! Server-sent events: the page is told that something changed, and asks for what it shows.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::sync::watch;

/// A connection whose other end is gone is found out by writing to it.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// One event for each change, or for many at once; ends with the sandbox.
pub(super) struct Live {
    next: Pin<Box<Next>>,
}

/// The next event, and what to wait for after it.
type Next = dyn Future<Output = Option<(Bytes, Watched)>> + Send;

struct Watched {
    changes: watch::Receiver<u64>,
    stopped: watch::Receiver<bool>,
}

impl Live {
    pub(super) fn new(mut changes: watch::Receiver<u64>, stopped: watch::Receiver<bool>) -> Self {
        // The first event comes at once, for a page that connects again and does not know what it missed.
        changes.mark_changed();
        Self { next: Box::pin(next(Watched { changes, stopped })) }
    }
}

async fn next(mut watched: Watched) -> Option<(Bytes, Watched)> {
    let changed = tokio::time::timeout(KEEP_ALIVE, watched.changed()).await;
    let event = match changed {
        Ok(version) => format!("data: {}\n\n", version?),
        Err(_) => ":\n\n".to_owned(),
    };
    Some((event.into(), watched))
}

impl Watched {
    /// The version after the next change; none when the sandbox stops.
    async fn changed(&mut self) -> Option<u64> {
        tokio::select! {
            // First, so that a sandbox that is busy stops as well.
            biased;
            _ = self.stopped.wait_for(|stopped| *stopped) => return None,
            changed = self.changes.changed() => changed.ok()?,
        }
        Some(*self.changes.borrow_and_update())
    }
}

impl Body for Live {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.next.as_mut().poll(context).map(|event| {
            let (event, watched) = event?;
            self.next = Box::pin(next(watched));
            Some(Ok(Frame::data(event)))
        })
    }
}
