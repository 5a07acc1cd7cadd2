use std::fmt;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::guard::Guard;
use crate::shared::Shared;

/// Where it is.
pub(crate) const PATH: &str = "/chat/";

pub(crate) struct ChatPage {
    pub(super) shared: Arc<Shared>,
    pub(super) guard: Guard,
    pub(super) origin: String,
    /// Held while a session is played again.
    pub(super) playing: Mutex<()>,
}

/// Without the media, which are many bytes.
impl fmt::Debug for ChatPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatPage").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl ChatPage {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let origin = shared.platform.base_urls.api().as_str().to_owned();
        Self { guard: Guard::new(shared.platform.names.clone()), shared, origin, playing: Mutex::new(()) }
    }
}
