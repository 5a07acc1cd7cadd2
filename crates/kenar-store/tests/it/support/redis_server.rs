//! A `redis-server` process on a free loopback port.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The time that a server may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// A server that syncs every change to the disk before it responds. It ends when dropped.
pub struct RedisServer {
    process: Option<Child>,
    port: u16,
    directory: TempDir,
}

impl RedisServer {
    /// Starts a server without data.
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        // Another process can take the port before the server does.
        for _ in 0..10 {
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
            if let Some(process) = spawn(port, &directory) {
                return Self { process: Some(process), port, directory };
            }
        }
        panic!("redis-server does not start: is Debian's package redis-server installed?");
    }

    /// The URL to connect to.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills the server, as a crash of its machine would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts a killed server on the same port, with its data.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "the server is running");
        self.process = Some(spawn(self.port, &self.directory).expect("the server starts again on its port"));
    }

    /// Closes the connections of all clients.
    pub fn cut_connections(&self) {
        let reply = self.command("CLIENT KILL TYPE normal SKIPME yes");
        assert!(reply.starts_with(':'), "{reply}");
    }

    /// Sends an inline command on a new connection, and returns the first line of the reply.
    pub fn command(&self, command: &str) -> String {
        ask(self.port, command).unwrap()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Returns `None` if the server ends at once, such as on a port that was taken.
fn spawn(port: u16, directory: &TempDir) -> Option<Child> {
    let mut process = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
        .args(["--appendonly", "yes", "--appendfsync", "always"])
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server is needed: apt-get install redis-server");
    let deadline = Instant::now() + START_TIMEOUT;
    while Instant::now() < deadline {
        // Until its data is loaded, the server replies with an error.
        if ask(port, "PING").is_ok_and(|reply| reply == "+PONG") {
            return process.try_wait().unwrap().is_none().then_some(process);
        }
        if process.try_wait().unwrap().is_some() {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    panic!("redis-server did not start within {START_TIMEOUT:?}");
}

fn ask(port: u16, command: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(format!("{command}\r\n").as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}
