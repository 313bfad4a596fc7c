//! The database on a thread of its own, since SQLite blocks.

use crate::db::{Db, DbError};
use std::path::Path;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

/// Questions that may wait for the database; who asks beyond that waits, too.
const QUEUE: usize = 256;

type Job = Box<dyn FnOnce(&mut Db) + Send>;

/// A handle to the database. The thread ends when the last one is dropped.
#[derive(Clone)]
pub struct Store(mpsc::Sender<Job>);

/// Why the store did not answer.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database said no.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Its thread has ended; only a panic does that.
    #[error("the database is gone")]
    Gone,
}

impl Store {
    /// Opens the database and starts its thread.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self, DbError> {
        let mut db = Db::open(path)?;
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE);
        std::thread::spawn(move || {
            while let Some(job) = queue.blocking_recv() {
                job(&mut db);
            }
        });
        Ok(Self(jobs))
    }

    /// Asks the database something.
    ///
    /// # Errors
    /// What the question's own error says, or that the database is gone.
    pub async fn ask<T, F>(&self, question: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Db) -> Result<T, DbError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |db| {
            // Whoever asked may have gone away meanwhile.
            let _ = answer.send(question(db));
        });
        self.0.send(job).await.map_err(|_| StoreError::Gone)?;
        Ok(answered.await.map_err(|_| StoreError::Gone)??)
    }
}
