//! What the measurements share: rounds in turn, clocks, and a table. Each of them uses a part of it.
#![allow(missing_docs)]

pub mod message;
pub mod plain;
pub mod stub;

use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// One of those compared: does its work so many times.
pub struct Contestant<'a> {
    pub name: &'static str,
    pub work: Box<dyn FnMut(u64) + 'a>,
}

impl<'a> Contestant<'a> {
    pub fn new(name: &'static str, work: impl FnMut(u64) + 'a) -> Self {
        Self { name, work: Box::new(work) }
    }
}

/// How long to measure.
#[derive(Clone, Copy)]
pub struct Effort {
    pub rounds: usize,
    /// How long one contestant works in one round.
    pub turn: Duration,
}

impl Effort {
    /// What the command line says: `cargo bench` measures; any other way of running only shows that it runs.
    /// `--rounds N` measures longer.
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

/// What one contestant took, in nanoseconds for one piece of work, round by round.
pub struct Times {
    pub name: &'static str,
    /// Of the processor, by this process.
    pub cpu: Vec<f64>,
    pub wall: Vec<f64>,
}

/// Lets the contestants work in turn, so that a slow phase of the machine meets them all; who begins changes from
/// round to round. `clock` says how much processor time has been spent on what is measured.
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

/// How often the work is done in one turn. It warms up on the way.
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

/// Processor time of this process without that of this thread.
pub fn cpu_time_of_other_threads() -> Duration {
    cpu_time().saturating_sub(clock(ClockId::ThreadCPUTime))
}

fn clock(id: ClockId) -> Duration {
    let time = clock_gettime(id);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Keeps this process, and those it starts, on one core: then nothing waits for another core to wake up, which costs
/// more than what is measured and differs from run to run.
pub fn stay_on_one_core() {
    let Ok(allowed) = sched_getaffinity(None) else { return };
    // Not the first one, where a machine's interrupts are handled.
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

/// The median of the ratios round by round, and between which of them half of the rounds lie.
pub fn ratio(values: &[f64], base: &[f64]) -> (f64, f64, f64) {
    let mut ratios: Vec<f64> = values.iter().zip(base).map(|(value, base)| value / base).collect();
    ratios.sort_by(f64::total_cmp);
    (median(&ratios), ratios[ratios.len() / 4], ratios[ratios.len() * 3 / 4])
}

/// Prints what each contestant took, and the ratio of processor time to that of the contestant named `base`.
pub fn print_table(title: &str, base: &str, times: &[Times], notes: impl Fn(&str) -> String) {
    let base = times.iter().find(|times| times.name == base).expect("the base is one of those measured");
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
