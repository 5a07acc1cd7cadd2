//! Promise: a permission survives all faults, and is refreshed once for all callers.

mod faults;
mod fleet;
mod grants;
mod refreshes;
mod scene;
