use std::time::Duration;

use super::QuotaLimits;
use crate::error::StoreError;
use crate::shared::shared;

shared! {
    /// A call counter that all processes of an app share, for a [`Quota`](super::Quota).
    ///
    /// Implemented by [`MemoryQuota`](super::MemoryQuota) for one process and, in `kenar-store`, for SQLite and Redis.
    /// Test your own store with `kenar_store::conformance::check_quota` (feature `conformance`, default features off).
    ///
    /// Each method is one atomic step for the quota `name`, by the store's clock.
    pub trait QuotaStore: Debug + Send + Sync + 'static {
        /// Reserves the next call that [`QuotaLimits::next_call`] permits, if that is at most `max_wait` from now.
        ///
        /// A `max_wait` above [`QuotaLimits::MAX_WAIT`] counts as that.
        async fn reserve(
            &self,
            name: &str,
            limits: &QuotaLimits,
            max_wait: Duration,
        ) -> Result<Reservation, StoreError>;

        /// Permits no call for a time, at most [`QuotaLimits::MAX_PAUSE`]. Never shortens a pause.
        async fn pause(&self, name: &str, pause: Duration) -> Result<(), StoreError>;
    }
}

/// The outcome of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// The call is counted, and may be made after this time.
    Granted(Duration),
    /// The call is not counted; one may be made after this time.
    Refused(Duration),
}
