//! Promise: no input from outside causes a panic or breaks a promise.
//!
//! The fuzz targets run the same checks. Here they run on all fixtures, on earlier findings, and on mutations of both.

mod checks;

use std::collections::BTreeMap;
use std::fs;
use std::panic;
use std::path::PathBuf;

use kenar_tests::support::webhook::root;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

/// The fixture folders of each check, in addition to its own folders.
const FIXTURES: &[(&str, &[&str])] = &[
    ("open_app", &["open_app"]),
    ("event", &["event"]),
    ("dynamic_action", &["dynamic_action"]),
    ("direct_link", &["direct_link"]),
    ("callback", &["oauth"]),
    ("permission_request", &["oauth"]),
    ("response", &["api", "error", "oauth"]),
    ("redaction", &["api", "error"]),
    ("wire_types", &["event", "open_app", "dynamic_action", "api", "oauth"]),
];

/// The parents of each check's own folders: inputs written by hand and found by fuzzing.
const OWN: [&str; 2] = ["crates/kenar-tests/tests/it/any_bytes/seeds", "tests/fixtures/found"];

/// The inputs of a check by path.
fn inputs(check: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let folders = FIXTURES.iter().find(|(name, _)| *name == check).map_or(&[][..], |(_, folders)| folders);
    let own = OWN.map(|folder| root().join(folder).join(check));
    let folders = folders.iter().map(|folder| root().join("tests/fixtures").join(folder)).chain(own);
    let files = folders.filter_map(|folder| fs::read_dir(folder).ok()).flatten().map(|entry| entry.unwrap().path());
    files.filter(|path| path.is_file()).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[track_caller]
fn run(name: &str, check: checks::Check, input: &[u8], what: &dyn std::fmt::Display) {
    if panic::catch_unwind(|| check(input)).is_err() {
        panic!("{name} fails for {what}: {:?}", String::from_utf8_lossy(input));
    }
}

#[test]
fn every_input_passes_its_check() {
    for (name, check) in checks::ALL {
        let inputs = inputs(name);
        assert!(!inputs.is_empty(), "{name} has no inputs");
        for (path, input) in inputs {
            run(name, *check, &input, &path.display());
        }
    }
}

#[test]
fn every_input_belongs_to_a_check() {
    for folder in OWN.map(|folder| root().join(folder)) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_one = |check: &&str| path.ends_with(check);
            assert!(path.is_file() || checks::ALL.iter().any(|(check, _)| is_one(check)), "{}", path.display());
        }
    }
}

#[test]
fn mutated_inputs_pass_their_checks() {
    let mut random = Random(17);
    for (name, check) in checks::ALL {
        let inputs: Vec<_> = inputs(name).into_iter().collect();
        for round in 0..300 {
            let (path, input) = &inputs[random.below(inputs.len())];
            let (_, other) = &inputs[random.below(inputs.len())];
            let mutated = random.mutate(input, other);
            run(name, *check, &mutated, &format_args!("{}, mutated in round {round}", path.display()));
        }
    }
}

fn check(name: &str) -> checks::Check {
    checks::ALL.iter().find(|(check, _)| *check == name).expect("the check exists").1
}

proptest! {
    #![proptest_config(Config { rng_seed: RngSeed::Fixed(17), failure_persistence: None, ..Config::default() })]

    #[test]
    fn any_file_name_can_be_uploaded(name in any::<String>(), bytes in vec(any::<u8>(), 0..2000)) {
        check("upload")(&[name.replace('\0', "").as_bytes(), b"\0", &bytes].concat());
    }

    #[test]
    fn any_text_passes_the_text_checks(text in any::<String>(), ascii in "[ -~]{0,40}", start in "/start[ \t](CHAT|MY_POST|\\PC{0,8})\\PC{0,20}") {
        for text in [text, ascii, start] {
            for name in ["start_command", "timestamp", "retry_after", "scope", "callback", "permission_request", "direct_link"] {
                check(name)(text.as_bytes());
            }
        }
    }
}

/// A deterministic random number generator (Marsaglia's xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap()
    }

    /// Makes one to four changes: another byte, a removal, a repetition, or a part of another input.
    fn mutate(&mut self, input: &[u8], other: &[u8]) -> Vec<u8> {
        let mut mutated = input.to_vec();
        for _ in 0..=self.below(4) {
            let (from, to) = (self.below(mutated.len() + 1), self.below(mutated.len() + 1));
            let piece = from.min(to)..from.max(to);
            match self.below(5) {
                0 if from < mutated.len() => mutated[from] = self.next().to_be_bytes()[0],
                1 if from < mutated.len() => mutated[from] ^= 1 << self.below(8),
                2 => drop(mutated.drain(piece)),
                3 => {
                    let piece = mutated[piece].to_vec();
                    mutated.splice(from..from, piece);
                }
                _ => {
                    let (begin, end) = (self.below(other.len() + 1), self.below(other.len() + 1));
                    mutated.splice(from..from, other[begin.min(end)..begin.max(end)].to_vec());
                }
            }
        }
        mutated
    }
}
