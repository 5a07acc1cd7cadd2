//! Promise: a permission survives whatever happens between two calls, and is refreshed once for all who use it.

mod faults;
mod fleet;
mod grants;
mod refreshes;
mod scene;
