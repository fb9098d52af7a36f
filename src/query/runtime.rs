//! The threads on which queries run.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::error::{Error, Result};
use crate::store::caught;
use crate::thread_pool::{self, STACK_BYTES};

/// The number of idle runtimes that are kept. Starting a runtime takes 0.1 ms.
const IDLE_RUNTIMES: usize = 2;

/// Tokio runtimes of our own, one per running query.
///
/// With its own runtime, a query runs the same way whether its caller is synchronous or in an async
/// runtime of either flavour, which must not be blocked from within. A single shared runtime would
/// be enough for that. But planning and joins can occupy its threads for a long time, and a
/// cancelled query does not release them at once; with a runtime each, no query waits for another.
#[derive(Debug, Default)]
pub(crate) struct QueryRuntime {
    idle: Arc<Idle>,
}

#[derive(Debug, Default)]
struct Idle(Mutex<Vec<Runtime>>);

/// The runtime of one query. Dropping it does not wait for its threads: they end when they notice
/// the cancellation, and hold nothing that another query needs.
#[derive(Debug)]
pub(super) struct QueryThreads {
    runtime: Option<Runtime>,
    idle: Weak<Idle>,
}

impl QueryRuntime {
    /// Runs `work` on threads of its own.
    pub(super) fn spawn<F>(&self, work: impl FnOnce(QueryThreads) -> F) -> Result<JoinHandle<()>>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let idle = self.idle.runtimes().pop();
        let runtime = idle.map_or_else(start, Ok)?;
        let handle = runtime.handle().clone();
        let idle = Arc::downgrade(&self.idle);
        Ok(handle.spawn(work(QueryThreads { runtime: Some(runtime), idle })))
    }
}

/// The timeout for starting a runtime. It takes less than a millisecond or for ever: if tokio
/// cannot start all of its threads it panics, and the panic waits for those already started.
const START_TIME: Duration = Duration::from_secs(10);

fn start() -> Result<Runtime> {
    let build = || {
        Builder::new_multi_thread()
            .thread_name("netsky-query")
            .thread_stack_size(STACK_BYTES)
            .enable_all()
            .build()
            .map_err(|error| cannot_start(&error.to_string()))
    };
    let (sender, started) = std::sync::mpsc::channel();
    // On another thread, which is abandoned if it hangs.
    thread_pool::spawn(move || drop(sender.send(caught(build))))
        .map_err(|error| cannot_start(&error.to_string()))?;
    match started.recv_timeout(START_TIME) {
        Ok(Ok(started)) => started,
        Ok(Err(panic)) => Err(cannot_start(&panic)),
        Err(_) => Err(cannot_start("the system allows fewer threads than there are cores")),
    }
}

fn cannot_start(reason: &str) -> Error {
    Error::NoThread { reason: reason.to_owned() }
}

impl QueryThreads {
    /// Keeps the threads for another query, because this one has ended and computes no more.
    pub(super) fn keep(mut self) {
        let Some(idle) = self.idle.upgrade() else { return };
        let mut runtimes = idle.runtimes();
        if runtimes.len() < IDLE_RUNTIMES {
            runtimes.extend(self.runtime.take());
        }
    }
}

impl Drop for QueryThreads {
    fn drop(&mut self) {
        shut_down(self.runtime.take());
    }
}

impl Idle {
    fn runtimes(&self) -> MutexGuard<'_, Vec<Runtime>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        shut_down(self.runtimes().drain(..));
    }
}

/// Dropping a runtime waits for its threads, and panics inside another runtime.
fn shut_down(runtimes: impl IntoIterator<Item = Runtime>) {
    for runtime in runtimes {
        runtime.shutdown_background();
    }
}
