//! The state that the handles of one sandbox share.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, Uri};
use kenar::request::Body;
use kenar::transport::HttpTransport as _;
use tokio::sync::mpsc;

use crate::add_ons::AddOns;
use crate::loopback::Loopback;
use crate::outbox::Outbox;
use crate::platform::Platform;
use crate::queue::{Queue, Queued};
use crate::transport::SandboxTransport;

pub(crate) struct Shared {
    pub(crate) platform: Arc<Platform>,
    pub(crate) outbox: Outbox,
    pub(crate) add_ons: Arc<AddOns>,
    pub(crate) transport: SandboxTransport,
    pub(crate) queue: Queue,
    loopback: Loopback,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("platform", &self.platform).finish_non_exhaustive()
    }
}

impl Shared {
    /// The shared state, and the receiver of queued deliveries for [`Outbox::run`].
    pub(crate) fn new(platform: Platform, loopback: Loopback) -> (Self, mpsc::UnboundedReceiver<Queued>) {
        let (queue, queued) = Queue::new();
        let (platform, add_ons) = (Arc::new(platform), Arc::<AddOns>::default());
        let outbox = Outbox::new(Arc::clone(&platform), queue.clone(), Arc::clone(&add_ons), loopback.clone());
        let transport = SandboxTransport::new(Arc::clone(&platform), queue.clone(), loopback.clone());
        (Self { platform, outbox, add_ons, transport, queue, loopback }, queued)
    }

    /// Returns `true` for URLs of the sandbox, of an add-on in this process, or on this machine.
    pub(crate) fn reaches(&self, uri: &Uri) -> bool {
        self.transport.is_in_process(uri) || self.add_ons.at(uri).is_some() || self.loopback.reaches(uri)
    }

    /// Sends a request of the browser.
    pub(crate) async fn browse(&self, request: Request<Body>) -> Result<Response<Bytes>, String> {
        let address = request.uri().clone();
        let sent = async {
            match self.add_ons.at(&address) {
                Some(handler) => handler.call(request).await,
                None => self.transport.send(request).await,
            }
        };
        self.platform.within_time_limit(&address, sent).await
    }
}
