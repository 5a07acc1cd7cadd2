//! SQLite: one file, with a thread that writes and a thread that reads.

mod connection;
mod inbox;
mod permissions;
mod quota;
#[cfg(test)]
mod tests;
mod worker;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

use crate::Error;
use worker::Worker;

/// A script for the tables of each part. It can run again.
const SCHEMA: &[&str] = &[inbox::SCHEMA, permissions::SCHEMA, quota::SCHEMA];

/// A store in one SQLite file, for all processes of one machine. Cheap to clone; clones share their threads.
///
/// One file holds everything that `kenar` stores. It can be your own database: the names of the tables begin with `kenar_`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("addon.db");
/// let store = kenar_store::Sqlite::open(path).await?;
/// # Ok(()) }
/// ```
///
/// # Durability
///
/// The file is in WAL mode with `synchronous = FULL`: a write that has returned survives a crash of the process and of the
/// machine. Keep the file on a local disk, because SQLite's locks do not work on network file systems. While the disk is
/// full, writes fail and nothing is lost.
///
/// # Threads
///
/// Calls of SQLite block, so the store has a thread that writes and one that reads. Writes that wait at the same time are
/// committed together, each in its own savepoint, so they share one `fsync`. A write waits up to 5 seconds for another
/// process to finish writing.
#[derive(Clone)]
pub struct Sqlite(Arc<Inner>);

struct Inner {
    path: PathBuf,
    writer: Worker,
    reader: Worker,
}

impl Sqlite {
    /// Opens a database file; creates it and its tables if they are missing.
    ///
    /// # Errors
    ///
    /// If the file cannot be created or opened, is not a database, or was written by a newer version of this crate.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        let (writer, reader) = {
            let path = path.clone();
            let opened = tokio::task::spawn_blocking(move || {
                let mut writer = connection::open(&path)?;
                connection::create_tables(&mut writer, SCHEMA)?;
                Ok::<_, Error>((writer, connection::open(&path)?))
            });
            opened.await.map_err(|error| Error::new("cannot open the SQLite database", error))??
        };
        let failed = |error| Error::new("cannot start a thread for SQLite", error);
        Ok(Self(Arc::new(Inner {
            path,
            writer: Worker::writer(writer).map_err(failed)?,
            reader: Worker::reader(reader).map_err(failed)?,
        })))
    }

    /// Runs a job that writes, in a transaction that is committed when this returns `Ok`.
    ///
    /// Jobs run in the order in which they were queued. A job is skipped if its caller is gone.
    pub(crate) async fn write<T, F>(&self, job: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.0.writer.run(job).await
    }

    /// Runs a job that only reads. It sees all writes that have returned.
    pub(crate) async fn read<T, F>(&self, job: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.0.reader.run(job).await
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sqlite").field(&self.0.path).finish()
    }
}
