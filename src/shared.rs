//! Traits that an `Arc` implements for what it holds, and the time limit of a store call.

#[cfg(feature = "tokio")]
use {
    crate::error::StoreError,
    std::future::{Future, poll_fn},
    std::pin::Pin,
    std::task::Poll,
    std::time::Duration,
};

macro_rules! shared {
    (
        $(#[$trait_meta:meta])*
        pub trait $trait:ident: Debug + Send + Sync $(+ $lifetime:lifetime)? {
            $(
                $(#[$meta:meta])*
                async fn $method:ident(&self $(, $argument:ident: $type:ty)* $(,)?) -> $output:ty;
            )*
        }
    ) => {
        $(#[$trait_meta])*
        #[async_trait::async_trait]
        pub trait $trait: std::fmt::Debug + Send + Sync $(+ $lifetime)? {
            $(
                $(#[$meta])*
                async fn $method(&self $(, $argument: $type)*) -> $output;
            )*
        }

        #[async_trait::async_trait]
        impl<T: $trait + ?Sized> $trait for std::sync::Arc<T> {
            $(
                async fn $method(&self $(, $argument: $type)*) -> $output {
                    (**self).$method($($argument),*).await
                }
            )*
        }
    };
}

pub(crate) use shared;

#[cfg(feature = "tokio")]
pub(crate) type Work<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Limits a call of a store by an alarm that sounds after `limit`.
#[cfg(feature = "tokio")]
pub(crate) fn bounded<T>(
    store: &'static str,
    mut call: Work<'_, Result<T, StoreError>>,
    mut alarm: Work<'_, ()>,
    limit: Duration,
) -> impl Future<Output = Result<T, StoreError>> {
    poll_fn(move |context| match call.as_mut().poll(context) {
        Poll::Pending => alarm.as_mut().poll(context).map(|()| Err(timed_out(store, limit))),
        done => done,
    })
}

#[cfg(feature = "tokio")]
fn timed_out(store: &str, limit: Duration) -> StoreError {
    let what = format!("timed out after {limit:?}: no response from the {store} store");
    std::io::Error::new(std::io::ErrorKind::TimedOut, what).into()
}
