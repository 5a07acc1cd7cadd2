//! The checks of the fuzz targets, shared with the crate's tests.

#[path = "../crates/kenar-tests/tests/it/any_bytes/checks/mod.rs"]
pub mod checks;

/// The check of this name.
pub fn check(name: &str) -> checks::Check {
    let found = checks::ALL.iter().find(|(check, _)| *check == name);
    found.unwrap_or_else(|| panic!("no check named {name}")).1
}
