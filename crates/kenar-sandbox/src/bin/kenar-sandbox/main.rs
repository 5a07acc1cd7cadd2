//! `kenar-sandbox`: a local sandbox of Kenar for add-ons in any language.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)
)]

mod options;
mod report;
mod settings;
mod setup;
mod signal;
mod value;

use std::error::Error;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;

use self::options::Command;
use self::settings::Settings;

/// The exit code for an invalid command line or configuration.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let outcome = match options::read(std::env::args_os().skip(1), |name| std::env::var_os(name)) {
        Ok(Command::Print(text)) => print(&text),
        Ok(Command::Run(settings)) => run(*settings),
        Err(why) => {
            print_error(&format!("{why}\nrun `kenar-sandbox --help` for the options"));
            return USAGE.into();
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            print_error(&why.to_string());
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(settings: Settings) -> Result<(), Box<dyn Error>> {
    // Before the first output: a reader may send a signal as soon as it sees it.
    let stop = signal::stop()?;
    let (json, save) = (settings.json, settings.save.clone());
    if let Some(path) = &save {
        check_writable(path).map_err(|why| format!("cannot write {}: {why}", path.display()))?;
    }
    let started = setup::start(settings).await?;
    print(&if json { report::json(&started)? } else { report::text(&started) })?;
    stop.await;
    let session = started.sandbox.recording();
    started.sandbox.shutdown().await;
    let saved = match &save {
        Some(path) => session.save(path).map_err(|why| {
            let cause = why.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            format!("cannot write {}: {why}{cause}", path.display()).into()
        }),
        None => Ok(()),
    };
    // Printed even if it cannot be saved, and saved even if the terminal is closed, so it is not lost.
    let text = if json { report::json_line(&serde_json::json!({ "session": session }))? } else { "\n".to_owned() };
    let printed = print(&text);
    saved.and(printed)
}

/// Checks that the session can be saved to this file at the end, which replaces it by a new file where the folder permits.
fn check_writable(path: &Path) -> io::Result<()> {
    let is_new = !path.exists();
    OpenOptions::new().append(true).create(true).open(path)?;
    if is_new {
        return std::fs::remove_file(path);
    }
    let path = path.canonicalize()?;
    if path.is_file() {
        let beside = path.with_extension(format!("{}.tmp", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&beside) {
            Ok(_) => std::fs::remove_file(beside)?,
            // The file is written in place then.
            Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes to standard output. A closed pipe is not an error.
fn print(text: &str) -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// Writes an error to standard error, which may be closed.
fn print_error(why: &str) {
    let _ = writeln!(io::stderr(), "kenar-sandbox: {why}");
}
