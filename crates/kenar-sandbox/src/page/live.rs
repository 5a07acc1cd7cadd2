//! Server-sent events about changes, after which the page reloads its data.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::response::IntoResponse as _;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream;
use http::Response;
use tokio::sync::watch;

/// The interval of keep-alive comments, which detect closed connections.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

struct Watched {
    changes: watch::Receiver<u64>,
    stopped: watch::Receiver<bool>,
}

/// A stream with an event for each change or batch of changes. It ends when the sandbox stops.
pub(super) fn live(mut changes: watch::Receiver<u64>, stopped: watch::Receiver<bool>) -> Response<Body> {
    // The first event is immediate: a page that reconnects may have missed changes.
    changes.mark_changed();
    let events = stream::unfold(Watched { changes, stopped }, async |mut watched| {
        let version = watched.changed().await?;
        Some((Ok::<_, Infallible>(Event::default().data(version.to_string())), watched))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

impl Watched {
    /// Waits for the next change and returns its version. `None` when the sandbox stops.
    async fn changed(&mut self) -> Option<u64> {
        tokio::select! {
            // First, so that a busy sandbox stops too.
            biased;
            _ = self.stopped.wait_for(|stopped| *stopped) => return None,
            changed = self.changes.changed() => changed.ok()?,
        }
        Some(*self.changes.borrow_and_update())
    }
}
