use std::time::Duration;

#[derive(Debug)]
pub(super) struct Settings {
    pub(super) max_response_bytes: usize,
    pub(super) connect_timeout: Duration,
    pub(super) use_proxy: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_response_bytes: super::MAX_RESPONSE_BYTES, connect_timeout: Duration::from_secs(5), use_proxy: true }
    }
}

macro_rules! builder {
    ($builder:ident of $transport:ident) => {
        #[doc = concat!("A builder of [`", stringify!($transport), "`].")]
        #[derive(Debug)]
        #[must_use]
        pub struct $builder($crate::transport::settings::Settings);

        impl $transport {
            /// Creates a transport with the default settings.
            ///
            /// # Errors
            ///
            #[doc = concat!("Those of [`", stringify!($builder), "::build`].")]
            pub fn new() -> Result<Self, $crate::transport::TransportSetupError> {
                Self::builder().build()
            }

            /// Returns a builder with the default settings.
            pub fn builder() -> $builder {
                $builder($crate::transport::settings::Settings::default())
            }
        }

        impl $builder {
            /// Sets the maximum size of a response in bytes.
            ///
            /// The default is 16 MiB, about 40,000 messages of a conversation.
            pub fn max_response_bytes(mut self, bytes: usize) -> Self {
                self.0.max_response_bytes = bytes;
                self
            }

            /// Sets the time limit of a connection, from DNS to the TLS handshake; 5 seconds by default.
            ///
            /// A client waits [less](crate::Client#time-limits-and-retries) where the call's own limit is shorter.
            pub fn connect_timeout(mut self, limit: std::time::Duration) -> Self {
                self.0.connect_timeout = limit;
                self
            }

            /// Connects directly and ignores all proxy settings.
            pub fn no_proxy(mut self) -> Self {
                self.0.use_proxy = false;
                self
            }
        }
    };
}

pub(super) use builder;
