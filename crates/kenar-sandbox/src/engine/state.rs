//! The state of the platform.

use super::delivery::Delivery;
use super::faults::Faults;
use super::grants::Grants;
use super::journal::Journal;
use super::limits::Limits;
use super::uploads::Uploads;
use super::world::World;

/// The platform, with all of its state.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(super) world: World,
    pub(super) grants: Grants,
    pub(super) uploads: Uploads,
    pub(super) limits: Limits,
    pub(super) faults: Faults,
    /// Events held back by a fault.
    pub(super) held: Vec<Delivery>,
    pub(super) journal: Journal,
    /// The base URL in links to media.
    pub(super) origin: String,
}

impl Engine {
    pub(crate) fn new(seed: Option<u64>, origin: String) -> Self {
        Self {
            world: World::new(seed),
            grants: Grants::default(),
            uploads: Uploads::default(),
            limits: Limits::default(),
            faults: Faults::default(),
            held: Vec::new(),
            journal: Journal::default(),
            origin,
        }
    }
}
