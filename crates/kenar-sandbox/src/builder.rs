use std::net::IpAddr;
use std::time::Duration;

use kenar::model::Timestamp;

use crate::clock::{self, Clock};

/// The settings of a new sandbox, from [`Sandbox::builder`](crate::Sandbox::builder).
#[derive(Clone, Debug)]
#[must_use]
pub struct SandboxBuilder {
    pub(crate) seed: Option<u64>,
    pub(crate) port: u16,
    pub(crate) listen_on: Option<IpAddr>,
    pub(crate) host_names: Vec<String>,
    pub(crate) add_on_hosts: Vec<String>,
    pub(crate) time_limit: Duration,
    pub(crate) clock: Clock,
    pub(crate) chat_page: bool,
}

impl Default for SandboxBuilder {
    fn default() -> Self {
        Self {
            seed: None,
            port: 0,
            listen_on: None,
            host_names: Vec::new(),
            add_on_hosts: Vec::new(),
            time_limit: Duration::from_secs(5),
            clock: Clock::default(),
            chat_page: false,
        }
    }
}

impl SandboxBuilder {
    /// Sets the seed of all identifiers, keys and tokens. They are random by default.
    ///
    /// The same seed and sequence of events give the same values, except message ids, which contain the time. Anyone who
    /// knows the seed knows the keys.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets the port. By default, any free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets the IP address to listen on, such as `0.0.0.0` in a container. Loopback by default.
    ///
    /// Anyone who can reach the address can act as anyone in the sandbox. The `Host` of a request must be a loopback name,
    /// this address or a [`host_name`](Self::host_name).
    pub fn listen_on(mut self, address: IpAddr) -> Self {
        self.listen_on = Some(address);
        self
    }

    /// Accepts a further `Host`, such as the name of a Compose service.
    ///
    /// Without a port, the name means the port that the sandbox listens on. Links to media use the first name. Your add-on
    /// connects with [`BaseUrls::insecure`](kenar::request::BaseUrls::insecure).
    pub fn host_name(mut self, name: impl Into<String>) -> Self {
        self.host_names.push(name.into());
        self
    }

    /// Allows webhooks over plain `http` to a host beyond loopback, such as a Compose service.
    ///
    /// Create the app's URLs with [`AppUrl::insecure`](kenar::model::AppUrl::insecure).
    pub fn add_on_host(mut self, name: impl Into<String>) -> Self {
        self.add_on_hosts.push(name.into());
        self
    }

    /// Sets the timeout of all waiting: for add-on responses and for messages. Five seconds by default.
    #[doc(alias = "timeout")]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Uses a manual clock that starts at 2025-01-01T00:00:00Z and moves only through
    /// [`advance`](crate::Sandbox::advance).
    pub fn manual_clock(mut self) -> Self {
        self.clock = clock::still();
        self
    }

    /// Uses this clock instead of the system clock.
    pub fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    /// Serves the [chat page](crate#chat-page) at [`Sandbox::chat_page_url`](crate::Sandbox::chat_page_url). Off by default.
    ///
    /// It is for a browser on this machine: it accepts only the sandbox's own host names, and acts only on requests from
    /// its own origin.
    pub fn chat_page(mut self, served: bool) -> Self {
        self.chat_page = served;
        self
    }
}
