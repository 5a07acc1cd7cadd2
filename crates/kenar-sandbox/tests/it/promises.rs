//! Checks that the tests in the list of promises exist.

use std::collections::BTreeSet;
use std::path::Path;

const LIST: &str = include_str!("promises.md");

#[test]
fn each_promise_has_an_existing_test() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let rows: Vec<_> = LIST.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    let mut promises = BTreeSet::new();
    for row in &rows {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [promise, place, test] = cells[..] else { panic!("not three cells: {row}") };
        assert!(!promise.is_empty() && !place.is_empty(), "{row}");
        assert!(promises.insert(promise), "duplicate: {promise}");
        let (file, name) = test.trim_matches('`').split_once("::").unwrap_or_else(|| panic!("no test in: {row}"));
        let source = std::fs::read_to_string(tests.join(format!("{file}.rs"))).unwrap_or_else(|_| panic!("{file}"));
        let place = source.find(&format!("fn {name}() ")).unwrap_or_else(|| panic!("test not found: {name} in {file}"));
        let before = source[..place].trim_end_matches("async ").trim_end();
        let attribute = before.lines().next_back().unwrap_or_default();
        assert!(["#[test", "#[tokio::test"].iter().any(|test| attribute.starts_with(test)), "not a test: {name}");
    }
    assert!(rows.len() > 40, "the list is too short: {}", rows.len());
}
