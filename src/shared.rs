//! Traits that an `Arc` implements for what it holds.

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
