use std::net::IpAddr;
use std::time::Duration;

use kenar::model::Timestamp;

use crate::clock::{self, Clock};

/// The settings of a sandbox that is about to start, from [`Sandbox::builder`](crate::Sandbox::builder).
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
    /// Sets the seed of all identifiers, keys and tokens, which are random by default.
    ///
    /// The same seed and the same course of events give the same ones, apart from the ids of messages, which hold the
    /// time. Keys that follow from a seed are known to whoever knows the seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets the port; any free one by default.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets the address to listen on, in place of loopback: `0.0.0.0` in a container, for instance.
    ///
    /// Whoever reaches that address can act as anyone in the sandbox. It still answers only to requests whose `Host` is
    /// a loopback name, this address or a [`host_name`](Self::host_name).
    pub fn listen_on(mut self, address: IpAddr) -> Self {
        self.listen_on = Some(address);
        self
    }

    /// Adds a name that it answers to beside the loopback names, such as that of a compose service.
    ///
    /// A name without a port stands for the port that the sandbox listens on. The links to media begin with the first.
    /// Your add-on reaches it with [`BaseUrls::insecure`](kenar::request::BaseUrls::insecure).
    pub fn host_name(mut self, name: impl Into<String>) -> Self {
        self.host_names.push(name.into());
        self
    }

    /// Adds a host beyond loopback that it calls add-ons on, over plain `http`, such as a compose service.
    ///
    /// The addresses of the panel on such a host are made by [`AppUrl::insecure`](kenar::model::AppUrl::insecure).
    pub fn add_on_host(mut self, name: impl Into<String>) -> Self {
        self.add_on_hosts.push(name.into());
        self
    }

    /// Sets how long anything is waited for: the response of an add-on, a message to appear. Five seconds by default.
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

    /// Uses this clock in place of the system's.
    pub fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    /// Serves the chat page if `true`: Divar's side as a chat client in the browser, at
    /// [`Sandbox::chat_page_url`](crate::Sandbox::chat_page_url). Not unless said so.
    ///
    /// It is for a browser on this machine. It answers only to the names `127.0.0.1` and `localhost`, and only its own
    /// pages can drive it.
    pub fn chat_page(mut self, served: bool) -> Self {
        self.chat_page = served;
        self
    }
}
