//! The promises that the fuzz targets ask for: those of the crate's own tests.

#[path = "../crates/kenar-tests/tests/it/any_bytes/checks/mod.rs"]
pub mod checks;

/// The check of this name.
pub fn check(name: &str) -> checks::Check {
    let found = checks::ALL.iter().find(|(check, _)| *check == name);
    found.unwrap_or_else(|| panic!("there is no check of the name {name}")).1
}
