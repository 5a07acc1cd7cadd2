//! Helpers for tests of webhooks.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// The root of the workspace, from any of its packages.
pub fn root() -> PathBuf {
    let package = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let is_root = |directory: &&std::path::Path| directory.join("tests/fixtures").is_dir();
    package.ancestors().find(is_root).expect("tests/fixtures exists").to_owned()
}

pub fn folder(name: &str) -> PathBuf {
    root().join("tests/fixtures").join(name)
}

pub fn fixture(folder_name: &str, file: &str) -> Vec<u8> {
    let path = folder(folder_name).join(file);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn files(folder_name: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(folder(folder_name)).expect("the fixtures are readable");
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Parses each fixture of a folder, and reports all differences from the table at once. Each fixture must have a row and
/// each row a fixture.
pub fn check_folder(folder_name: &str, table: &[(&str, &str)], read: impl Fn(&[u8]) -> String) {
    let rows: BTreeSet<String> = table.iter().map(|(file, _)| (*file).to_owned()).collect();
    assert_eq!(rows.len(), table.len(), "{folder_name}: a fixture has two rows");
    let files = files(folder_name);
    let without_row: Vec<_> = files.difference(&rows).collect();
    assert!(without_row.is_empty(), "{folder_name}: fixtures without a row: {without_row:?}");

    let mut wrong = String::new();
    for (file, expected) in table {
        let actual = read(&fixture(folder_name, file));
        if actual != *expected {
            wrong += &format!("\n{folder_name}/{file}\n  expected: {expected}\n  actual:   {actual}");
        }
    }
    assert!(wrong.is_empty(), "unexpected results:{wrong}");
}

/// A summary as `name value` pairs.
#[derive(Default)]
pub struct Summary(Vec<String>);

impl Summary {
    pub fn of(what: impl ToString) -> Self {
        Self(vec![what.to_string()])
    }

    pub fn with(mut self, name: &str, value: Option<impl ToString>) -> Self {
        self.0.extend(value.map(|value| format!("{name} {}", value.to_string())));
        self
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}
