//! Server-sent events: the page is told that something changed, and asks for what it shows.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::response::IntoResponse as _;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream;
use http::Response;
use tokio::sync::watch;

/// A connection whose other end is gone is found out by writing to it.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

struct Watched {
    changes: watch::Receiver<u64>,
    stopped: watch::Receiver<bool>,
}

/// One event for each change, or for many at once; ends with the sandbox.
pub(super) fn live(mut changes: watch::Receiver<u64>, stopped: watch::Receiver<bool>) -> Response<Body> {
    // The first event comes at once, for a page that connects again and does not know what it missed.
    changes.mark_changed();
    let events = stream::unfold(Watched { changes, stopped }, async |mut watched| {
        let version = watched.changed().await?;
        Some((Ok::<_, Infallible>(Event::default().data(version.to_string())), watched))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
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
