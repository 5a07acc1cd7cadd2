//! SQLite: one file, one thread that writes and one that reads.

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

/// The tables, one script a part. Each script can be run again.
const SCHEMA: &[&str] = &[inbox::SCHEMA, permissions::SCHEMA, quota::SCHEMA];

/// A store in one SQLite file, for all processes of one machine. Cheap to clone; clones share their threads.
///
/// Everything that `kenar` stores fits into one file, which can be your own database: the tables' names begin with
/// `kenar_`.
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
/// The file is in WAL mode with `synchronous = FULL`: what a call has stored survives a crash of the process and of the
/// machine. Keep the file on a local disk; SQLite's locks do not work on network file systems.
///
/// # Threads
///
/// SQLite blocks, so its calls run on two threads of the store's own: one writes and one reads. Writes that wait at the
/// same time are committed together, each within a savepoint of its own, so that they share one `fsync`. A write waits up
/// to 5 seconds for another process to finish its own.
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
    /// If the file cannot be created or opened, is no database, or was written by a newer version of this crate.
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

    /// Runs a job that writes, in a transaction that is committed when this returns `Ok`. Jobs run in the order in which
    /// they were queued. A job whose caller is gone before its turn is not run.
    pub(crate) async fn write<T, F>(&self, job: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.0.writer.run(job).await
    }

    /// Runs a job that only reads. It sees every write that has returned.
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
