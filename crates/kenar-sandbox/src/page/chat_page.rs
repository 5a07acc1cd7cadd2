use std::fmt;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::guard::Guard;
use crate::shared::Shared;

/// The path of the chat page.
pub(crate) const PATH: &str = "/chat/";

pub(crate) struct ChatPage {
    pub(super) shared: Arc<Shared>,
    pub(super) guard: Guard,
    pub(super) origin: String,
    /// Locked while a session is replayed.
    pub(super) playing: Mutex<()>,
}

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
