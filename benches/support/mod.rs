//! Shared by the measurements: rounds, clocks and a table.
#![allow(missing_docs)]

pub mod message;
pub mod plain;
pub mod stub;

use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// A piece of code to compare, which repeats its work as often as it is told.
pub struct Contestant<'a> {
    pub name: &'static str,
    pub work: Box<dyn FnMut(u64) + 'a>,
}

impl<'a> Contestant<'a> {
    pub fn new(name: &'static str, work: impl FnMut(u64) + 'a) -> Self {
        Self { name, work: Box::new(work) }
    }
}

/// The length of a measurement.
#[derive(Clone, Copy)]
pub struct Effort {
    pub rounds: usize,
    /// The time that one contestant works in one round.
    pub turn: Duration,
}

impl Effort {
    /// The effort that the command line asks for: `cargo bench` measures, `--rounds N` sets the rounds. Without `--bench`,
    /// one short round only shows that the program runs.
    pub fn of_command_line(rounds: usize, turn: Duration) -> Self {
        if !is_bench() {
            return Self { rounds: 1, turn: Duration::from_millis(1) };
        }
        Self { rounds: argument("--rounds").and_then(|rounds| rounds.parse().ok()).unwrap_or(rounds), turn }
    }
}

pub fn is_bench() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// The value after a name on the command line.
pub fn argument(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

/// The times of one contestant, round by round, in nanoseconds per piece of work.
pub struct Times {
    pub name: &'static str,
    /// Processor time of this process.
    pub cpu: Vec<f64>,
    pub wall: Vec<f64>,
}

/// Measures the contestants in turns, so that a slow phase of the machine affects all of them; each round starts with another.
/// `clock` returns the processor time spent on the measured code.
pub fn measure(effort: Effort, clock: fn() -> Duration, mut contestants: Vec<Contestant<'_>>) -> Vec<Times> {
    let iterations: Vec<u64> =
        contestants.iter_mut().map(|contestant| calibrate(&mut contestant.work, clock, effort.turn)).collect();
    let mut times: Vec<Times> = contestants
        .iter()
        .map(|contestant| Times { name: contestant.name, cpu: Vec::new(), wall: Vec::new() })
        .collect();
    for round in 0..effort.rounds {
        for turn in 0..contestants.len() {
            let index = (round + turn) % contestants.len();
            let (wall, cpu) = (Instant::now(), clock());
            (contestants[index].work)(iterations[index]);
            let (wall, cpu) = (wall.elapsed(), clock().saturating_sub(cpu));
            let each = |time: Duration| time.as_nanos() as f64 / iterations[index] as f64;
            times[index].cpu.push(each(cpu));
            times[index].wall.push(each(wall));
        }
    }
    times
}

/// Returns the repetitions that fill a turn, and warms up.
fn calibrate(work: &mut dyn FnMut(u64), clock: fn() -> Duration, turn: Duration) -> u64 {
    let mut iterations = 1;
    loop {
        let begun = clock();
        work(iterations);
        let took = clock().saturating_sub(begun);
        if took * 2 >= turn {
            return iterations;
        }
        iterations *= 2;
    }
}

/// Processor time of this process, all threads together.
pub fn cpu_time() -> Duration {
    clock(ClockId::ProcessCPUTime)
}

/// Processor time of this process, except this thread's.
pub fn cpu_time_of_other_threads() -> Duration {
    cpu_time().saturating_sub(clock(ClockId::ThreadCPUTime))
}

fn clock(id: ClockId) -> Duration {
    let time = clock_gettime(id);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Keeps this process and its children on one core. Waking another core costs more than the measured code, and its cost varies.
pub fn stay_on_one_core() {
    let Ok(allowed) = sched_getaffinity(None) else { return };
    // The first core handles the machine's interrupts.
    let Some(core) = (0..CpuSet::MAX_CPU).rev().find(|core| allowed.is_set(*core)) else { return };
    let mut one = CpuSet::new();
    one.set(core);
    sched_setaffinity(None, &one).expect("a process may choose its core");
}

/// A line of `/proc/self/status` in KiB: `VmRSS` or `VmHWM`.
pub fn memory_kib(name: &str) -> u64 {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let line = status.lines().find(|line| line.starts_with(name))?;
            line.split_ascii_whitespace().nth(1)?.parse().ok()
        })
        .unwrap_or(0)
}

pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

/// The median and the quartiles of the ratios, round by round.
pub fn ratio(values: &[f64], base: &[f64]) -> (f64, f64, f64) {
    let mut ratios: Vec<f64> = values.iter().zip(base).map(|(value, base)| value / base).collect();
    ratios.sort_by(f64::total_cmp);
    (median(&ratios), ratios[ratios.len() / 4], ratios[ratios.len() * 3 / 4])
}

/// Prints each contestant's times, and its ratio of processor time to the contestant named `base`.
pub fn print_table(title: &str, base: &str, times: &[Times], notes: impl Fn(&str) -> String) {
    let base = times.iter().find(|times| times.name == base).expect("the base is a contestant");
    println!("\n{title} ({} rounds)", base.cpu.len());
    println!("{:<34} {:>12} {:>12}   x {}", "", "CPU", "wall", base.name);
    for times in times {
        let (middle, low, high) = ratio(&times.cpu, &base.cpu);
        println!(
            "{:<34} {:>12} {:>12}   {middle:.2} [{low:.2}..{high:.2}]  {}",
            times.name,
            human(median(&times.cpu)),
            human(median(&times.wall)),
            notes(times.name),
        );
    }
}

pub fn human(nanos: f64) -> String {
    if nanos < 10_000.0 {
        format!("{nanos:.0} ns")
    } else if nanos < 10_000_000.0 {
        format!("{:.1} µs", nanos / 1e3)
    } else {
        format!("{:.1} ms", nanos / 1e6)
    }
}
