//! A timing test of the header check: does its duration depend on how much of a guess is right?
//!
//! The method is dudect's (Reparaz, Balasch and Verbauwhede, "Dude, is my code constant time?", 2017). Wrong guesses of two
//! classes are checked in random order, and Welch's t-test compares their durations. In one class only the last character is
//! wrong; the other is random. A leaky comparison is tested as well, since a test that misses it proves nothing.
//!
//! `cargo bench -p kenar-benches --bench header_timing` prints each t, and fails if the check leaks or the leaky comparison is not
//! caught. dudect treats a t above 10 as a certain leak.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use kenar::secret::IdentificationKey;
use kenar::webhook::Verifier;

/// The t above which the two classes certainly differ.
const LEAK: f64 = 10.0;
const MEASUREMENTS: usize = 600_000;
/// Checks timed at once, since one is shorter than the clock's resolution.
const CHECKS: u32 = 32;
const GUESSES: usize = 512;
const KEY: &str = "placeholder-of-64-characters-as-a-long-random-key-would-have-all";

/// The class of a guess.
#[derive(Clone, Copy, PartialEq)]
enum Class {
    AlmostRight,
    Random,
}

/// splitmix64, by Steele, Lea and Flood: the same guesses in the same order on each run.
struct Generator(u64);

impl Generator {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn class(&mut self) -> Class {
        if self.next() & 1 == 0 { Class::AlmostRight } else { Class::Random }
    }

    fn character(&mut self) -> char {
        char::from(b'!' + (self.next() % 94) as u8)
    }

    /// A guess of a class. Both classes are made by the same steps.
    fn guess(&mut self, class: Class) -> String {
        let random: String = std::iter::repeat_with(|| self.character()).take(KEY.len()).collect();
        let text = match class {
            Class::AlmostRight => format!("{}~", &KEY[..KEY.len() - 1]),
            Class::Random => random,
        };
        assert_ne!(text, KEY);
        text
    }
}

/// The duration of each check, in nanoseconds.
fn measure(check: impl Fn(&HeaderMap) -> bool) -> Vec<(Class, f64)> {
    let mut generator = Generator(17);
    let guesses: Vec<_> = (0..GUESSES)
        .map(|_| {
            let class = generator.class();
            (class, generator.guess(class))
        })
        .collect();
    let mut times = Vec::with_capacity(MEASUREMENTS);
    for _ in 0..MEASUREMENTS {
        let (class, guess) = &guesses[generator.next() as usize % GUESSES];
        // A copy, so that guesses do not differ by their place in memory.
        let guess = &HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(guess).expect("a header"))]);
        let begun = Instant::now();
        for _ in 0..CHECKS {
            black_box(check(black_box(guess)));
        }
        times.push((*class, begun.elapsed().as_nanos() as f64 / f64::from(CHECKS)));
    }
    // The first ones warm the caches.
    times.split_off(MEASUREMENTS / 20)
}

/// A running mean and variance (Welford's algorithm).
#[derive(Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let off = value - self.mean;
        self.mean += off / self.count;
        self.squares += off * (value - self.mean);
    }

    fn variance_of_mean(&self) -> f64 {
        self.squares / (self.count - 1.0) / self.count
    }
}

/// Welch's t of the times up to `limit`, or `None` if a class has too few of them.
fn welch(times: &[(Class, f64)], limit: f64) -> Option<f64> {
    let (mut almost_right, mut random) = (Moments::default(), Moments::default());
    for (class, time) in times.iter().filter(|(_, time)| *time <= limit) {
        match class {
            Class::AlmostRight => almost_right.add(*time),
            Class::Random => random.add(*time),
        }
    }
    let t = (almost_right.mean - random.mean) / (almost_right.variance_of_mean() + random.variance_of_mean()).sqrt();
    (almost_right.count.min(random.count) > 1000.0 && t.is_finite()).then_some(t)
}

/// The greatest t, over all times and over those below some percentiles. Interrupted measurements are long, and hide a leak.
fn greatest_t(times: &[(Class, f64)]) -> f64 {
    let mut sorted: Vec<f64> = times.iter().map(|(_, time)| *time).collect();
    sorted.sort_by(f64::total_cmp);
    let limits = [50, 75, 90, 95, 99, 100].map(|percent| sorted[(sorted.len() - 1) * percent / 100]);
    let all = limits.into_iter().filter_map(|limit| welch(times, limit));
    all.max_by(|one, other| one.abs().total_cmp(&other.abs())).unwrap_or(f64::NAN)
}

fn report(what: &str, check: impl Fn(&HeaderMap) -> bool) -> f64 {
    let begun = Instant::now();
    let times = measure(check);
    let t = greatest_t(&times);
    let mean = |wanted| {
        let mut moments = Moments::default();
        times.iter().filter(|(class, _)| *class == wanted).for_each(|(_, time)| moments.add(*time));
        moments.mean
    };
    let (almost_right, random) = (mean(Class::AlmostRight), mean(Class::Random));
    let took = Duration::from_secs(begun.elapsed().as_secs());
    println!("{what:<24} t = {t:9.2}   almost right {almost_right:7.2} ns, random {random:7.2} ns   ({took:?})");
    t
}

/// A leaky comparison: it ends at the first character that differs.
fn leaky(guess: &HeaderMap) -> bool {
    let shown = guess[AUTHORIZATION].as_bytes();
    shown.len() == KEY.len() && shown.iter().zip(KEY.as_bytes()).all(|(one, other)| black_box(one) == other)
}

fn main() -> ExitCode {
    let verifier = Verifier::new(IdentificationKey::new(KEY).expect("a key"));
    let two_keys = verifier.clone().also_accept(IdentificationKey::new(KEY.to_uppercase()).expect("a key"));

    let constant = report("Verifier::verify", |guess| verifier.verify(guess).is_ok());
    let rotating = report("the same with two keys", |guess| two_keys.verify(guess).is_ok());
    let caught = report("a leaky comparison", leaky);

    if caught.abs() <= LEAK {
        println!("inconclusive: the leaky comparison was not caught");
        return ExitCode::FAILURE;
    }
    if constant.abs().max(rotating.abs()) > LEAK {
        println!("leak: the duration of the check depends on the key");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
