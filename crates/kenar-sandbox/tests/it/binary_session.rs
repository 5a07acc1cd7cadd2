//! Promise: the program saves its session however it ends, and restores only what is whole.

#[cfg(unix)]
use std::process::{Command, Output};

#[cfg(unix)]
use serde_json::Value;

#[cfg(unix)]
use crate::binary::{PROGRAM, Running, isolated};
use crate::binary::{Scratch, failed};

/// The program with the default of `SIGHUP`: it inherits another one from tests that run under `nohup`.
#[cfg(unix)]
fn hearing_hang_ups() -> Command {
    let script = "import os, signal, sys\n\
                  signal.signal(signal.SIGHUP, signal.SIG_DFL)\n\
                  os.execv(sys.argv[1], sys.argv[1:])\n";
    let mut command = isolated("python3");
    command.env("KENAR_SANDBOX_PORT", "0").args(["-c", script, PROGRAM]);
    command
}

#[cfg(unix)]
#[test]
fn signal_stops_it_and_prints_the_session() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        let saved = Scratch::new(&format!("saved{signal}.json"), "");
        let mut command = hearing_hang_ups();
        command.args(["--person", "سارا", "--save", saved.path()]);
        let (code, rest) = Running::start(command).stop(signal);
        assert_eq!(code, Some(0), "{signal}: {rest}");
        let state: Value = serde_json::from_str(&rest).unwrap();
        assert_eq!(state["session"]["people"][0], "سارا");
        let session: Value = serde_json::from_str(&std::fs::read_to_string(&saved.0).unwrap()).unwrap();
        assert_eq!(session, state["session"]);

        let mut command = hearing_hang_ups();
        command.args(["--restore", saved.path()]);
        let (_, rest) = Running::start(command).stop(signal);
        assert_eq!(serde_json::from_str::<Value>(&rest).unwrap()["session"]["people"], session["people"]);
    }
}

/// A full disk or a crash in the middle of writing, by a limit on the size of files.
#[cfg(unix)]
#[test]
fn failed_save_keeps_the_previous_file() {
    for (name, trap) in [("full", "trap '' XFSZ; "), ("killed", "")] {
        let folder = std::env::temp_dir().join(format!("kenar-sandbox-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let saved = folder.join("session.json");
        std::fs::write(&saved, "old").unwrap();
        let mut command = isolated("sh");
        command.env("KENAR_SANDBOX_PORT", "0").env("KENAR_SANDBOX_SAVE", &saved);
        command.args(["-c", &format!("{trap}ulimit -f 0; exec \"$0\" \"$@\""), PROGRAM]);
        let (code, _) = Running::start(command).stop("-TERM");
        // A signal ends the second one.
        assert_eq!(code, if trap.is_empty() { None } else { Some(1) }, "{name}");
        assert_eq!(std::fs::read_to_string(&saved).unwrap(), "old", "{name}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn dangling_reference_is_named_with_the_file() {
    let session = |people: &str, parties: &str| {
        format!(
            r#"{{"version":1,"seed":1,"people":{people},"posts":{{}},
            "conversations":{{"chat-1":{{"parties":{parties},"said":[]}}}},"steps":[]}}"#
        )
    };
    for (name, text, expected) in [
        (
            "post",
            session(r#"["a","b"]"#, r#"{"kind":"post","post":"gone","seller":"a","buyer":"b"}"#),
            "invalid recording: conversation chat-1 is about post gone, which is missing",
        ),
        (
            "app",
            session(r#"["a"]"#, r#"{"kind":"bot","app":"other","user":"a"}"#),
            "conversation chat-1 is with the app `other`, which is not set up: add `--app other`",
        ),
    ] {
        let file = Scratch::new(&format!("dangling-{name}.json"), &text);
        let why = failed(&["--restore", file.path()]);
        assert_eq!(why, format!("kenar-sandbox: cannot restore {}: {expected}\n", file.path()));
    }
}

#[cfg(unix)]
#[test]
fn closed_terminal_saves_the_session() {
    let saved = Scratch::new("hung-up.json", "");
    // Closing the other end of the terminal sends `SIGHUP`, and makes every later write fail.
    let script = "import os, pty, signal, sys\n\
                  signal.signal(signal.SIGHUP, signal.SIG_DFL)\n\
                  child, terminal = pty.fork()\n\
                  if child == 0: os.execv(sys.argv[1], sys.argv[1:])\n\
                  seen = b''\n\
                  while b'Ctrl-C stops' not in seen: seen += os.read(terminal, 4096)\n\
                  os.close(terminal)\n\
                  os.waitpid(child, 0)\n";
    let mut command = isolated("python3");
    command.env("KENAR_SANDBOX_PORT", "0").args(["-c", script, PROGRAM, "--person", "سارا", "--save", saved.path()]);
    let Output { status, stderr, .. } = command.output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    let session: Value = serde_json::from_str(&std::fs::read_to_string(&saved.0).unwrap()).unwrap();
    assert_eq!(session["people"][0], "سارا");
}

#[cfg(target_os = "linux")]
#[test]
fn nohup_keeps_it_running_without_its_terminal() {
    let mut command = isolated("sh");
    command.env("KENAR_SANDBOX_PORT", "0").args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", PROGRAM]);
    let running = Running::start(command);
    let sent = std::process::Command::new("kill").args(["-HUP", &running.child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    assert!(crate::binary::upload_token_status(&running, "unknown-key").contains(" 401 "));
    assert_eq!(running.stop("-TERM").0, Some(0));
}

#[test]
fn save_file_that_cannot_be_written_is_refused_at_start() {
    let why = failed(&["--save", "/nonexistent/session.json"]);
    assert!(why.contains("cannot write /nonexistent/session.json: "), "{why}");
    let folder = std::env::temp_dir();
    let why = failed(&["--save", folder.to_str().unwrap()]);
    assert!(why.contains("cannot write "), "{why}");
}
