//! Promise: no bytes that arrive from outside make the crate panic or break its word. The checks are those that the
//! fuzz targets run; here they run over every fixture, over what fuzzing has found before, and over damaged forms of both.

mod checks;

use std::collections::BTreeMap;
use std::fs;
use std::panic;
use std::path::PathBuf;

use kenar_tests::support::webhook::root;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

/// Which folders of the fixtures a check's inputs are in, beside those of its own.
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

/// Where each check has a folder of inputs: those written for it, and those that fuzzing found.
const OWN: [&str; 2] = ["crates/kenar-tests/tests/it/any_bytes/seeds", "tests/fixtures/found"];

/// The inputs of a check, by where they are.
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
        panic!("{name} breaks with {what}: {:?}", String::from_utf8_lossy(input));
    }
}

#[test]
fn every_input_that_was_written_or_found_keeps_the_promises() {
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
fn no_damage_to_an_input_breaks_a_promise() {
    let mut random = Random(17);
    for (name, check) in checks::ALL {
        let inputs: Vec<_> = inputs(name).into_iter().collect();
        for round in 0..300 {
            let (path, input) = &inputs[random.below(inputs.len())];
            let (_, other) = &inputs[random.below(inputs.len())];
            let damaged = random.damage(input, other);
            run(name, *check, &damaged, &format_args!("{}, damaged in round {round}", path.display()));
        }
    }
}

fn check(name: &str) -> checks::Check {
    checks::ALL.iter().find(|(check, _)| *check == name).expect("there is such a check").1
}

proptest! {
    #![proptest_config(Config { rng_seed: RngSeed::Fixed(17), failure_persistence: None, ..Config::default() })]

    #[test]
    fn any_file_arrives_under_any_name(name in any::<String>(), bytes in vec(any::<u8>(), 0..2000)) {
        check("upload")(&[name.replace('\0', "").as_bytes(), b"\0", &bytes].concat());
    }

    #[test]
    fn any_text_is_a_text(text in any::<String>(), ascii in "[ -~]{0,40}", start in "/start[ \t](CHAT|MY_POST|\\PC{0,8})\\PC{0,20}") {
        for text in [text, ascii, start] {
            for name in ["start_command", "timestamp", "retry_after", "scope", "callback", "permission_request", "direct_link"] {
                check(name)(text.as_bytes());
            }
        }
    }
}

/// A generator of random numbers (Marsaglia's xorshift): the same ones on each run.
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

    /// One to four changes: a byte, a cut, a piece twice, a piece of another input.
    fn damage(&mut self, input: &[u8], other: &[u8]) -> Vec<u8> {
        let mut damaged = input.to_vec();
        for _ in 0..=self.below(4) {
            let (from, to) = (self.below(damaged.len() + 1), self.below(damaged.len() + 1));
            let piece = from.min(to)..from.max(to);
            match self.below(5) {
                0 if from < damaged.len() => damaged[from] = self.next().to_be_bytes()[0],
                1 if from < damaged.len() => damaged[from] ^= 1 << self.below(8),
                2 => drop(damaged.drain(piece)),
                3 => {
                    let piece = damaged[piece].to_vec();
                    damaged.splice(from..from, piece);
                }
                _ => {
                    let (begin, end) = (self.below(other.len() + 1), self.below(other.len() + 1));
                    damaged.splice(from..from, other[begin.min(end)..begin.max(end)].to_vec());
                }
            }
        }
        damaged
    }
}
