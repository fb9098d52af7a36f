//! The threads that queries run on.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::error::{Error, Result};

/// A tokio runtime of its own, started by the first query and kept.
///
/// With it a query runs the same whether its caller is plain code or lives in an async runtime of
/// either flavour: a caller's own runtime cannot be blocked on from within.
#[derive(Debug, Default)]
pub(crate) struct QueryRuntime {
    runtime: OnceLock<Runtime>,
}

impl QueryRuntime {
    /// Runs `work` on the runtime's threads.
    pub(crate) fn spawn<F>(&self, work: F) -> Result<JoinHandle<F::Output>>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Ok(self.get()?.spawn(work))
    }

    /// Runs `work` on the runtime's threads and blocks the calling thread until it is done, or until
    /// time is up.
    pub(crate) fn block_on<T, F>(&self, timeout: Option<Duration>, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        // A channel of the standard library blocks anywhere; tokio's refuse to inside a runtime.
        let (sender, receiver) = mpsc::sync_channel(1);
        let task = self.get()?.spawn(async move {
            // Nobody waits any more if time was up.
            let _ = sender.send(work.await);
        });
        let answer = match timeout {
            Some(timeout) => receiver.recv_timeout(timeout),
            None => receiver.recv().map_err(RecvTimeoutError::from),
        };
        answer.unwrap_or_else(|error| match (error, timeout) {
            (RecvTimeoutError::Timeout, Some(after)) => {
                task.abort();
                Err(Error::TimedOut { after })
            }
            _ => Err(Error::QueryAborted {
                reason: "its thread panicked; the message is on stderr".to_owned(),
            }),
        })
    }

    fn get(&self) -> Result<&Runtime> {
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime);
        }
        let started =
            Builder::new_multi_thread().thread_name("netsky-query").enable_all().build().map_err(
                |error| Error::QueryAborted {
                    reason: format!("cannot start threads for it: {error}"),
                },
            )?;
        // Of two threads that were here at once, one has started a runtime for nothing.
        if let Err(superfluous) = self.runtime.set(started) {
            superfluous.shutdown_background();
        }
        self.get()
    }
}

impl Drop for QueryRuntime {
    /// To drop a runtime waits for its tasks, which panics inside another runtime. Nobody waits for
    /// what still runs, so it need not be waited for.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
