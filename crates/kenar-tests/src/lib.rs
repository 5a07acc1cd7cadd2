//! Helpers of this package's tests.

pub mod interleaving;
pub mod secrecy;
#[path = "../../../tests/it/support/mod.rs"]
pub mod support;

use proptest::test_runner::{Config, RngSeed};

/// The same cases on each run; `PROPTEST_CASES` asks for more of them.
#[must_use]
pub fn same_cases() -> Config {
    Config { rng_seed: RngSeed::Fixed(17), failure_persistence: None, ..Config::default() }
}
