//! Threads for blocking work, such as reading the store's file.
//!
//! Tokio has such a pool, too. But if the system refuses it a thread, it queues the work for one of
//! the runtime's existing threads. These include the runtime's own workers, which never end: with a
//! limit of three tasks, a query waited for ever. Here the refusal is an error.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use futures::channel::oneshot;

use crate::error::Error;
use crate::store::caught;

/// The stack size of each thread that runs a query. The trees of the parser and planner are
/// traversed and freed by recursion, and tokio's 2 MiB are enough for only some 1,800 operators in
/// a row, at 1.2 KB each in a release build. What `statement_size.rs` accepts needs 12 MiB in a
/// release build, and up to ten times that in one without optimization. Stack pages take no memory
/// until they are used, but count against `ulimit -v`.
pub(crate) const STACK_BYTES: usize = if cfg!(debug_assertions) { 256 << 20 } else { 32 << 20 };

/// How long a thread waits for more work. Starting a thread takes 50 µs.
const IDLE_TIME: Duration = Duration::from_secs(10);

static POOL: Pool = Pool::new();

/// Runs `work` on another thread.
///
/// # Errors
///
/// [`Error::NoThread`]; [`Error::QueryAborted`] if the work panics; and those of the work.
pub(crate) fn run_blocking<T, E>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> impl Future<Output = Result<T, E>> + Send + 'static
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    // Sending fails if the caller has dropped the future.
    let spawned = spawn(move || drop(sender.send(caught(work))));
    async move {
        spawned.map_err(|error| Error::NoThread { reason: error.to_string() })?;
        match receiver.await {
            Ok(Ok(done)) => done,
            Ok(Err(panic)) => Err(aborted(&panic).into()),
            Err(oneshot::Canceled) => Err(aborted("a thread ended without a result").into()),
        }
    }
}

/// Runs a job that must not panic on another thread.
///
/// # Errors
///
/// The system's error if it refuses a thread.
pub(crate) fn spawn(job: impl FnOnce() + Send + 'static) -> io::Result<()> {
    POOL.spawn(Box::new(job))
}

fn aborted(reason: &str) -> Error {
    Error::QueryAborted { reason: reason.to_owned() }
}

type Job = Box<dyn FnOnce() + Send>;

/// A pool with one thread per concurrent job. Jobs may wait for each other, as the two sides of a
/// merge join do, so no job may wait for a thread.
struct Pool {
    state: Mutex<State>,
    job_added: Condvar,
}

struct State {
    jobs: VecDeque<Job>,
    /// The number of threads waiting for a job. There are never more queued jobs than that.
    idle: usize,
}

impl Pool {
    const fn new() -> Self {
        let state = State { jobs: VecDeque::new(), idle: 0 };
        Self { state: Mutex::new(state), job_added: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(&'static self, job: Job) -> io::Result<()> {
        let mut state = self.state();
        if state.jobs.len() < state.idle {
            state.jobs.push_back(job);
            self.job_added.notify_one();
            return Ok(());
        }
        drop(state);
        let builder = thread::Builder::new().name("netsky-reader".to_owned());
        builder.stack_size(STACK_BYTES).spawn(move || self.work(job)).map(drop)
    }

    fn work(&self, mut job: Job) {
        loop {
            job();
            let mut state = self.state();
            state.idle += 1;
            let none = |state: &mut State| state.jobs.is_empty();
            (state, _) = self
                .job_added
                .wait_timeout_while(state, IDLE_TIME, none)
                .unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
            match state.jobs.pop_front() {
                Some(next) => job = next,
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};

    use futures::executor::block_on;
    use futures::future::try_join_all;

    use super::*;

    #[test]
    fn jobs_may_wait_for_each_other() {
        for _ in 0..20 {
            let barrier = Arc::new(Barrier::new(30));
            let jobs = (0..30).map(|number| {
                let barrier = Arc::clone(&barrier);
                run_blocking(move || {
                    barrier.wait();
                    Ok::<_, Error>(number)
                })
            });
            let jobs: Vec<_> = jobs.collect();
            assert_eq!(block_on(try_join_all(jobs)).unwrap(), (0..30).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_panic_is_an_error() {
        let error =
            block_on(run_blocking(|| -> crate::Result<()> { panic!("injected") })).unwrap_err();
        assert!(error.to_string().contains("injected"), "{error}");
        assert_eq!(block_on(run_blocking(|| Ok::<_, Error>(1))).unwrap(), 1);
    }

    #[test]
    fn work_starts_before_it_is_awaited() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let done = run_blocking(move || {
            sender.send(()).unwrap();
            Ok::<_, Error>(())
        });
        receiver.recv().unwrap();
        drop(done);
    }
}
