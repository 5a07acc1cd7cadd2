//! The state of the platform.

use super::delivery::Delivery;
use super::faults::Faults;
use super::grants::Grants;
use super::journal::Journal;
use super::limits::Limits;
use super::uploads::Uploads;
use super::world::World;

/// The platform.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(super) world: World,
    pub(super) grants: Grants,
    pub(super) uploads: Uploads,
    pub(super) limits: Limits,
    pub(super) faults: Faults,
    /// Events that a fault holds back.
    pub(super) held: Vec<Delivery>,
    pub(super) journal: Journal,
    /// Where it can be reached; links to media begin with it.
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
