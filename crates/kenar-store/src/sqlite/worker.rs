//! A thread with a connection, which runs the jobs of a queue.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::Error;

/// The most jobs in the queue. Further callers wait for room.
const QUEUE: usize = 1024;

/// The most writes that are committed together.
const BATCH: usize = 128;

const FAILED: &str = "SQLite failed";

/// The sending half of a thread's queue. When it is dropped, the thread finishes the jobs and ends.
pub(super) struct Worker(mpsc::Sender<Job>);

/// A job in two halves: the first runs in the transaction, the second reports whether that was committed.
type Job = Box<dyn FnOnce(Result<&Connection, NotCommitted>) -> Report + Send>;
type Report = Box<dyn FnOnce(Result<(), NotCommitted>) + Send>;

/// The reason why a transaction had no effect, for all jobs of its batch.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
struct NotCommitted(Arc<rusqlite::Error>);

#[derive(Debug, thiserror::Error)]
#[error("the transaction was rolled back by SQLite")]
struct RolledBack;

#[derive(Debug, thiserror::Error)]
#[error("the job panicked")]
struct Panicked;

impl Worker {
    /// Runs each job in a savepoint, and jobs that wait at the same time in one transaction.
    pub(super) fn writer(connection: Connection) -> std::io::Result<Self> {
        Self::start("kenar-sqlite-write", move |mut jobs| {
            let mut batch = Vec::new();
            while let Some(first) = jobs.blocking_recv() {
                batch.push(first);
                while batch.len() < BATCH {
                    let Ok(next) = jobs.try_recv() else { break };
                    batch.push(next);
                }
                run_batch(&connection, &mut batch);
            }
        })
    }

    /// Runs each job outside a transaction.
    pub(super) fn reader(connection: Connection) -> std::io::Result<Self> {
        Self::start("kenar-sqlite-read", move |mut jobs| {
            while let Some(job) = jobs.blocking_recv() {
                job(Ok(&connection))(Ok(()));
            }
        })
    }

    fn start(name: &str, body: impl FnOnce(mpsc::Receiver<Job>) + Send + 'static) -> std::io::Result<Self> {
        let (sender, jobs) = mpsc::channel(QUEUE);
        thread::Builder::new().name(name.to_owned()).spawn(move || body(jobs))?;
        Ok(Self(sender))
    }

    pub(super) async fn run<T, F>(&self, job: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (sender, outcome) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            if sender.is_closed() {
                return Box::new(|_| {});
            }
            let result =
                connection.map_err(|why| Error::new(FAILED, why)).and_then(|connection| in_savepoint(connection, job));
            Box::new(move |committed| {
                let result = result.and_then(|value| committed.map(|()| value).map_err(|why| Error::new(FAILED, why)));
                // Fails if the caller is gone.
                let _ = sender.send(result);
            })
        });
        let ended = "the thread of the SQLite database has ended";
        self.0.send(job).await.map_err(|error| Error::new(ended, error.to_string()))?;
        outcome.await.map_err(|error| Error::new(ended, error))?
    }
}

/// Undoes what a job has written if it fails or panics.
fn in_savepoint<T>(connection: &Connection, job: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
    let failed = |error| Error::new(FAILED, error);
    // On the reading connection it begins a transaction, so that a job reads one state.
    connection.execute_batch("SAVEPOINT kenar_job").map_err(failed)?;
    let result = match catch_unwind(AssertUnwindSafe(|| job(connection))) {
        Ok(result) => result.map_err(failed),
        Err(_) => Err(Error::new(FAILED, Panicked)),
    };
    // SQLite rolls back by itself if the disk is full or fails.
    if connection.is_autocommit() {
        return result.and(Err(Error::new(FAILED, RolledBack)));
    }
    if result.is_err() {
        connection.execute_batch("ROLLBACK TO kenar_job").map_err(failed)?;
    }
    connection.execute_batch("RELEASE kenar_job").map_err(failed)?;
    result
}

fn run_batch(connection: &Connection, batch: &mut Vec<Job>) {
    let outcome = begin(connection);
    let mut reports = Vec::with_capacity(batch.len());
    for job in batch.drain(..) {
        let within = match &outcome {
            Err(why) => Err(why.clone()),
            Ok(()) => Ok(connection),
        };
        reports.push(job(within));
    }
    let outcome = outcome.and_then(|()| execute(connection, "COMMIT"));
    for report in reports {
        report(outcome.clone());
    }
}

/// Begins as a writer: a transaction that reads first cannot write later while another process writes.
fn begin(connection: &Connection) -> Result<(), NotCommitted> {
    if !connection.is_autocommit() {
        execute(connection, "ROLLBACK")?;
    }
    execute(connection, "BEGIN IMMEDIATE")
}

fn execute(connection: &Connection, sql: &str) -> Result<(), NotCommitted> {
    connection.execute_batch(sql).map_err(|error| NotCommitted(Arc::new(error)))
}
