use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

/// A way to wait, for a [`Client`](crate::Client) on a runtime of yours.
///
/// The crate itself runs on no runtime. With the feature `tokio`, clients use `TokioTimer` unless told otherwise.
pub trait Timer: Debug + Send + Sync + 'static {
    /// Becomes ready once `duration` has passed.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// The clock that `sleep` goes by.
    fn now(&self) -> Instant {
        Instant::now()
    }
}

/// Waits on tokio's clock, the paused one of its tests too.
///
/// # Panics
///
/// `sleep` panics outside a tokio runtime, as tokio's own does: on another runtime, give the client
/// [another timer](crate::client::ClientBuilder::timer).
#[cfg(feature = "tokio")]
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioTimer;

#[cfg(feature = "tokio")]
impl Timer for TokioTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}
