//! Processes of one add-on, which are killed and replaced.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// The name of a process, in its environment.
pub const NAME: &str = "KENAR_TEST_WORKER";

/// The start of each line that a process says, to tell it from the output of the test harness.
pub const MARK: &str = "> ";

/// The number of processes that run at the same time.
pub const PROCESSES: usize = 4;

pub enum Said {
    Line(String),
    Ended,
}

/// The name of a process, and its output.
type Line = (String, Said);

/// Processes that run one ignored test of this binary.
pub struct Children {
    test: &'static str,
    environment: Vec<(&'static str, String)>,
    running: Vec<Running>,
    started: usize,
    /// Processes that were killed or stopped.
    pub died: BTreeSet<String>,
    stopped: Vec<(Instant, u32)>,
    said: (Sender<Line>, Receiver<Line>),
}

struct Running {
    name: String,
    process: Child,
    /// `None` to end the process.
    input: Option<ChildStdin>,
}

impl Children {
    pub fn start(test: &'static str, environment: Vec<(&'static str, String)>) -> Self {
        let mut children = Self {
            test,
            environment,
            running: Vec::new(),
            started: 0,
            died: BTreeSet::new(),
            stopped: Vec::new(),
            said: channel(),
        };
        for _ in 0..PROCESSES {
            children.start_one();
        }
        children
    }

    fn start_one(&mut self) {
        self.started += 1;
        let name = format!("w{}", self.started);
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", self.test, "--ignored", "--nocapture"])
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env(NAME, &name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (output, said, of) = (process.stdout.take().unwrap(), self.said.0.clone(), name.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(line) = line.strip_prefix(MARK) {
                    let _ = said.send((of.clone(), Said::Line(line.to_owned())));
                }
            }
            let _ = said.send((of, Said::Ended));
        });
        let input = process.stdin.take();
        self.running.push(Running { name, process, input });
    }

    /// Kills a process as a crash would, and starts another one.
    pub fn kill(&mut self, index: usize) {
        let mut killed = self.running.swap_remove(index);
        killed.process.kill().unwrap();
        killed.process.wait().unwrap();
        self.died.insert(killed.name);
        self.start_one();
    }

    /// Stops a process without ending it, as a machine that is suspended.
    pub fn stop(&mut self, index: usize) {
        let process = &self.running[index];
        signal("-STOP", process.process.id());
        self.stopped.push((Instant::now(), process.process.id()));
        self.died.insert(process.name.clone());
    }

    /// Continues the processes that were stopped at least this long ago. Returns `false` if others are still stopped.
    pub fn resume(&mut self, after: Duration) -> bool {
        let alive: BTreeSet<u32> = self.running.iter().map(|process| process.process.id()).collect();
        self.stopped.retain(|(since, process)| {
            let resumes = since.elapsed() >= after;
            if resumes && alive.contains(process) {
                signal("-CONT", *process);
            }
            !resumes
        });
        self.stopped.is_empty()
    }

    /// Writes a line to a process, and returns the name of the process.
    pub fn tell(&mut self, index: usize, line: &str) -> String {
        let process = &mut self.running[index];
        // A process that has ended is found out by its output.
        let _ = writeln!(process.input.as_mut().unwrap(), "{line}");
        process.name.clone()
    }

    /// The next line of any process, with the name of the process.
    pub fn hear(&self, timeout: Duration) -> Option<(String, Said)> {
        self.said.1.recv_timeout(timeout).ok()
    }

    /// Closes the input of all processes, and waits until they end without a failure.
    pub fn end(&mut self) {
        for process in &mut self.running {
            process.input = None;
        }
        for process in &mut self.running {
            assert!(process.process.wait().unwrap().success(), "{} drains and ends", process.name);
        }
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for process in &mut self.running {
            let _ = process.process.kill();
            let _ = process.process.wait();
        }
    }
}

fn signal(signal: &str, process: u32) {
    assert!(Command::new("kill").args([signal, &process.to_string()]).status().unwrap().success());
}

/// The lines that a process is told.
pub fn lines_of_stdin() -> tokio::sync::mpsc::UnboundedReceiver<String> {
    let (sender, lines) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}
