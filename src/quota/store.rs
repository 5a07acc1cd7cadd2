//! What a quota needs of the place where its calls are counted.

use std::time::Duration;

use super::QuotaLimits;
use crate::error::StoreError;
use crate::shared::shared;

shared! {
    /// A count of calls, shared by all processes of an app, for a [`Quota`](super::Quota).
    ///
    /// The crate has [`MemoryQuota`](super::MemoryQuota), for one process; `kenar-store` has SQLite and Redis. Test a
    /// store of your own with `kenar_store::conformance::check_quota`.
    ///
    /// Each method is one atomic step for the quota `name`, by the store's own clock.
    pub trait QuotaStore: Debug + Send + Sync + 'static {
        /// Reserves the next call that [`QuotaLimits::next_call`] permits, if that is at most `max_wait` from now.
        ///
        /// A `max_wait` of more than [`QuotaLimits::MAX_WAIT`] counts as that.
        async fn reserve(&self, name: &str, limits: &QuotaLimits, max_wait: Duration) -> Result<Reservation, StoreError>;

        /// Permits no call for this long, [`QuotaLimits::MAX_PAUSE`] at most. Never shortens a pause.
        async fn pause(&self, name: &str, pause: Duration) -> Result<(), StoreError>;
    }
}

/// What came of asking for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// The call is counted, and may be made after this long.
    Granted(Duration),
    /// The call is not counted; one is possible after this long.
    Refused(Duration),
}
