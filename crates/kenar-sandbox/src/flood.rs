//! Load tests with many events at once.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::chats::Chat;
use crate::engine::{DeliveryError, success};
use crate::error::SandboxError;
use crate::people::User;
use kenar::model::MessageContent;

/// The response times and failures of a [flood](User::flood) of events.
#[derive(Clone, Debug)]
pub struct LoadReport {
    /// The response times, fastest first.
    took: Vec<Duration>,
    failed: usize,
}

impl User {
    /// The maximum number of messages in one flood.
    pub const MAX_FLOOD: usize = 10_000;
    /// The number of concurrent events in a flood.
    const AT_ONCE: usize = 64;

    /// Sends many numbered texts, and delivers their events concurrently.
    ///
    /// Up to 64 events are in progress at a time, in any order.
    ///
    /// Divar may suspend an add-on whose 99th-percentile response time exceeds two seconds:
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use kenar_sandbox::Sandbox;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = Sandbox::in_process().await;
    /// # let app = sandbox.app("bot");
    /// # app.set_events_url(app.set_handler(|_| async { http::Response::default() }));
    /// let sara = sandbox.user("sara");
    /// let flood = sara.flood(&sara.chat_with_bot(&app), 200).await?;
    /// assert_eq!((flood.events(), flood.failed()), (200, 0), "{flood}");
    /// assert!(flood.percentile(99) < Duration::from_secs(2), "{flood}");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// There are more than [`MAX_FLOOD`](Self::MAX_FLOOD) messages, or the person is not in the conversation.
    #[doc(alias = "load test")]
    pub async fn flood(&self, chat: &Chat, messages: usize) -> Result<LoadReport, SandboxError> {
        if messages > Self::MAX_FLOOD {
            let why = format!("too many messages in a flood: {messages}, at most {}", Self::MAX_FLOOD);
            return Err(self.shared.platform.error(why, Some(chat.id())));
        }
        let mut deliveries = Vec::new();
        for number in 1..=messages {
            let text = MessageContent::Text(number.to_string());
            let written =
                self.shared.platform.change(|engine, now| engine.user_writes(self.name(), chat.id(), text, now));
            deliveries.extend(written.map_err(|why| self.shared.platform.error(why, Some(chat.id())))?.1);
        }
        let mut flood = LoadReport { took: Vec::new(), failed: 0 };
        let mut under_way = JoinSet::new();
        let mut waiting = deliveries.into_iter();
        loop {
            while under_way.len() < Self::AT_ONCE {
                let Some(delivery) = waiting.next() else { break };
                let shared = Arc::clone(&self.shared);
                under_way.spawn(async move {
                    let began = Instant::now();
                    let result = shared.outbox.deliver(delivery).await;
                    (result, began.elapsed())
                });
            }
            let Some(done) = under_way.join_next().await else { break };
            match done {
                Ok((Ok(response), took)) if success(&response).is_ok() => flood.took.push(took),
                // An injected fault, not a failure of the add-on.
                Ok((Err(DeliveryError::ByFault(_)), took)) => flood.took.push(took),
                _ => flood.failed = flood.failed.saturating_add(1),
            }
        }
        flood.took.sort_unstable();
        Ok(flood)
    }
}

impl LoadReport {
    /// The number of delivered events.
    #[must_use]
    pub fn events(&self) -> usize {
        self.took.len().saturating_add(self.failed)
    }

    /// The number of events without a 2xx response.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.failed
    }

    /// A percentile of the response times, without failures.
    #[must_use]
    pub fn percentile(&self, percent: u8) -> Duration {
        let rank = self.took.len().saturating_mul(usize::from(percent.min(100))).div_ceil(100);
        self.took.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, high, slowest] = [50, 99, 100].map(|percent| self.percentile(percent));
        let (events, failed) = (self.events(), self.failed);
        write!(
            f,
            "{events} events, {failed} failed; median {median:.1?}, 99th percentile {high:.1?}, maximum {slowest:.1?}"
        )
    }
}
