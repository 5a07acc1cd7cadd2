//! Many events at once.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::chats::Chat;
use crate::engine::{DeliveryError, success};
use crate::error::SandboxError;
use crate::people::User;
use kenar::model::MessageContent;

/// How an add-on bore a [flood](User::flood) of events.
#[derive(Clone, Debug)]
pub struct LoadReport {
    /// How long the responses took, from the quickest.
    took: Vec<Duration>,
    failed: usize,
}

impl User {
    /// The most messages that one flood has.
    pub const MAX_FLOOD: usize = 10_000;
    /// How many events of a flood are under way at a time.
    const AT_ONCE: usize = 64;

    /// Writes so many numbered texts, and has all the events that follow delivered at once, 64 at a time and in any
    /// order.
    ///
    /// The platform takes an add-on down that does not answer its users within two seconds at the 99th percentile:
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
    /// Where there are more than [`MAX_FLOOD`](Self::MAX_FLOOD), or the person is not in the conversation.
    pub async fn flood(&self, chat: &Chat, messages: usize) -> Result<LoadReport, SandboxError> {
        if messages > Self::MAX_FLOOD {
            let why = format!("a flood of {messages} messages is more than {}", Self::MAX_FLOOD);
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
                    let answer = shared.outbox.deliver(delivery).await;
                    (answer, began.elapsed())
                });
            }
            let Some(done) = under_way.join_next().await else { break };
            match done {
                Ok((Ok(answer), took)) if success(&answer).is_ok() => flood.took.push(took),
                // No fault of the add-on's.
                Ok((Err(DeliveryError::ByFault(_)), took)) => flood.took.push(took),
                _ => flood.failed = flood.failed.saturating_add(1),
            }
        }
        flood.took.sort_unstable();
        Ok(flood)
    }
}

impl LoadReport {
    /// How many events were delivered.
    #[must_use]
    pub fn events(&self) -> usize {
        self.took.len().saturating_add(self.failed)
    }

    /// How many were not answered with a success.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.failed
    }

    /// How long the responses took of which so many percent took no longer, failures left out.
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
            "{events} events, {failed} failed; {median:.1?} in the median, 99 % in {high:.1?}, all in {slowest:.1?}"
        )
    }
}
