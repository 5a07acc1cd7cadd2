//! Opening and setting up a connection.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use crate::Error;

/// The version of the tables. A greater one in the file was written by a newer crate.
const VERSION: i64 = 1;

/// The wait for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn open(path: &Path) -> Result<Connection, Error> {
    create_file(path).map_err(|error| Error::new("cannot create the SQLite database", error))?;
    set_up(path).map_err(|error| Error::new("cannot open the SQLite database", error))
}

/// Creates the file, readable for its owner only. SQLite gives its other files the same permissions.
fn create_file(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    options.open(path).map(drop).map_err(named)
}

fn set_up(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    set_wal(&connection)?;
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Sets the journal mode. SQLite does not wait here while another connection sets it: it reports a busy file.
fn set_wal(connection: &Connection) -> rusqlite::Result<()> {
    let begun = Instant::now();
    loop {
        // A query: it returns the mode.
        match connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())) {
            Err(error) if is_busy(&error) && begun.elapsed() < BUSY_TIMEOUT => {
                std::thread::sleep(Duration::from_millis(5));
            }
            outcome => return outcome,
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
}

pub(super) fn create_tables(connection: &mut Connection, schema: &[&str]) -> Result<(), Error> {
    let version = create(connection, schema).map_err(|error| Error::new("cannot create the SQLite tables", error))?;
    if version > VERSION {
        let found = format!("its tables have version {version}, and this version of kenar-store knows {VERSION}");
        return Err(Error::new("the SQLite database was written by a newer kenar-store", found));
    }
    Ok(())
}

/// Creates the tables, and returns their version.
fn create(connection: &mut Connection, schema: &[&str]) -> rusqlite::Result<i64> {
    // Several processes may start at once.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch("CREATE TABLE IF NOT EXISTS kenar_schema (version INTEGER NOT NULL) STRICT")?;
    let version = transaction.query_row("SELECT version FROM kenar_schema", [], |row| row.get(0)).optional()?;
    if let Some(version @ VERSION..) = version {
        if version > VERSION {
            return Ok(version);
        }
    } else {
        transaction.execute("INSERT INTO kenar_schema (version) VALUES (?1)", [VERSION])?;
    }
    for script in schema {
        transaction.execute_batch(script)?;
    }
    transaction.commit()?;
    Ok(VERSION)
}
