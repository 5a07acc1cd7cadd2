//! How an inbox works: its limits and times.

use std::time::Duration;

/// The settings of an [`Inbox`](super::Inbox).
///
/// ```
/// use std::time::Duration;
/// use kenar::{Error, Event};
/// use kenar::inbox::{Inbox, InboxSettings, MemoryInbox};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let settings = InboxSettings::default().concurrency(64).remember(Duration::from_secs(86_400));
/// let inbox = Inbox::with_settings(MemoryInbox::new(), settings, |event: Event| async move {
///     println!("{event:?}");
///     Ok::<_, Error>(())
/// });
/// # inbox.drain().await;
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InboxSettings {
    pub(super) concurrency: usize,
    pub(super) accept_timeout: Duration,
    pub(super) handler_timeout: Duration,
    pub(super) lease: Duration,
    pub(super) poll_interval: Duration,
    pub(super) max_attempts: u32,
    pub(super) first_delay: Duration,
    pub(super) max_delay: Duration,
    pub(super) remember: Duration,
    pub(super) content_window: Duration,
}

impl Default for InboxSettings {
    fn default() -> Self {
        Self {
            concurrency: 16,
            accept_timeout: Duration::from_secs(1),
            handler_timeout: Duration::from_secs(300),
            lease: Duration::from_secs(30),
            poll_interval: Duration::from_millis(500),
            max_attempts: 15,
            first_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(600),
            remember: Duration::from_secs(7 * 86_400),
            content_window: Duration::from_secs(60),
        }
    }
}

impl InboxSettings {
    /// Limits how many events this process handles at a time. Default: 16.
    #[must_use]
    pub fn concurrency(mut self, events: usize) -> Self {
        self.concurrency = events.clamp(1, tokio::sync::Semaphore::MAX_PERMITS);
        self
    }

    /// Limits how long [`accept`](super::Inbox::accept) waits for the store. Default: 1 s.
    ///
    /// Divar may suspend an add-on whose 99th-percentile response time exceeds 2 s.
    #[must_use]
    pub fn accept_timeout(mut self, limit: Duration) -> Self {
        self.accept_timeout = limit;
        self
    }

    /// Limits how long one attempt of the handler takes; a longer one is stopped and failed. Default: 5 minutes.
    #[must_use]
    pub fn handler_timeout(mut self, limit: Duration) -> Self {
        self.handler_timeout = limit;
        self
    }

    /// How long the events of a process that died wait for another process. Default: 30 s.
    ///
    /// A handler may take longer: the lease is renewed three times in its duration. Choose a lease longer than any pause
    /// of the process or outage of the store; after a longer one, an event may be handled by two processes at a time.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.max(Duration::from_millis(10));
        self
    }

    /// How often to look for events that another process accepted or left behind. Default: 0.5 s.
    #[must_use]
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval.max(Duration::from_millis(1));
        self
    }

    /// How many attempts an event has before it becomes a dead letter. Default: 15, about an hour.
    ///
    /// An attempt during which the process died counts.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// The delay after the first failure, and the longest one. Each failure doubles it. Default: 1 s and 10 minutes.
    ///
    /// The later events of the conversation wait meanwhile.
    #[must_use]
    pub fn retry_delay(mut self, first: Duration, longest: Duration) -> Self {
        self.first_delay = first.min(longest);
        self.max_delay = longest;
        self
    }

    /// How long the message id of a handled event is kept, to recognise a duplicate. Default: 7 days.
    ///
    /// The event itself is deleted when it is handled.
    #[must_use]
    pub fn remember(mut self, duration: Duration) -> Self {
        self.remember = duration;
        self
    }

    /// How long after an event without a message id an identical one counts as its duplicate. Default: 1 minute.
    ///
    /// Revocations, post updates and payments have no id. A post that is retired, published and retired again sends two
    /// identical events, so choose a short window; a duplicate that comes later is handled twice.
    #[must_use]
    pub fn content_window(mut self, duration: Duration) -> Self {
        self.content_window = duration;
        self
    }

    /// The delay after this many attempts.
    pub(super) fn delay_after(&self, attempts: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first_delay.saturating_mul(factor).min(self.max_delay)
    }
}

#[cfg(test)]
mod tests;
