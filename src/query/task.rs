//! Work on threads of a query's own, and what it sends from there.

use std::future::{self, Future};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::task::{Context, Poll, Wake, Waker, ready};
use std::thread::{self, Thread};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

use crate::error::{Error, Result};
use crate::query::cancellation::Cancellation;
use crate::query::runtime::QueryRuntime;

/// How many items may wait for whoever reads them.
const ITEMS_IN_FLIGHT: usize = 2;

/// Work that runs, and its items as they come. Dropping it ends the work.
///
/// `Ok(None)` says that all items have come. Without it the answer is not complete, because a thread that
/// panics says nothing.
pub(super) struct Task<T> {
    receiver: mpsc::Receiver<Result<Option<T>>>,
    handle: JoinHandle<()>,
    cancellation: Cancellation,
    ended: bool,
}

/// What the work sends its items with.
pub(super) struct Output<T> {
    sender: mpsc::Sender<Result<Option<T>>>,
    cancellation: Cancellation,
}

impl<T> Output<T> {
    pub(super) fn cancellation(&self) -> &Cancellation {
        &self.cancellation
    }

    /// Sends an item and tells whether somebody still wants more.
    pub(super) async fn send(&self, item: T) -> bool {
        self.sender.send(Ok(Some(item))).await.is_ok()
    }

    /// The error of work that was cancelled is that of whoever cancelled it.
    async fn fail(&self, error: Error) {
        if !self.cancellation.is_cancelled() {
            let _ = self.sender.send(Err(error)).await;
        }
    }
}

impl<T: Send + 'static> Task<T> {
    /// Starts the work, which returns whether all of its items were wanted. `timeout` ends it.
    pub(super) fn start<F>(
        runtime: &QueryRuntime,
        timeout: Option<Duration>,
        work: impl FnOnce(Arc<Output<T>>) -> F,
    ) -> Result<Self>
    where
        F: Future<Output = Result<bool>> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(ITEMS_IN_FLIGHT);
        let cancellation = Cancellation::default();
        let late_sender = sender.clone();
        // It closes when the task ends, however it does.
        let (running, ended) = std::sync::mpsc::channel::<()>();
        let output = Arc::new(Output { sender, cancellation: cancellation.clone() });
        let handle = runtime.spawn(|threads| {
            let work = work(Arc::clone(&output));
            async move {
                let _running = running;
                // When this returns, the statement and its plans are freed, which needs this thread's
                // stack.
                let done = work.await;
                let is_complete = matches!(done, Ok(true));
                if let Err(error) = done {
                    output.fail(error).await;
                }
                // What a limit left unread stops as well.
                output.cancellation.cancel();
                // Nothing is waited for between the two: once the threads are kept, another query may
                // take them, end them, and this task with them.
                if is_complete && let Ok(last) = output.sender.reserve().await {
                    threads.keep();
                    last.send(Ok(None));
                }
            }
        })?;
        let abort = handle.abort_handle();
        let task = Self { receiver, handle, cancellation, ended: false };
        if let Some(timeout) = timeout {
            let cancellation = task.cancellation.clone();
            watch(timeout, ended, move || {
                cancellation.cancel();
                abort.abort();
                let _ = late_sender.blocking_send(Err(Error::TimedOut { after: timeout }));
            })?;
        }
        Ok(task)
    }

    /// The next item; `None` after the last and after an error.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let item = match ready!(self.receiver.poll_recv(context)) {
            Some(item) => item.transpose(),
            None => Some(Err(aborted(ready!(Pin::new(&mut self.handle).poll(context))))),
        };
        self.ended = !matches!(item, Some(Ok(_)));
        Poll::Ready(item)
    }

    /// As [`poll`](Self::poll), for an item that must come.
    pub(super) async fn next(&mut self) -> Result<T> {
        let item = future::poll_fn(|context| self.poll(context)).await;
        item.unwrap_or_else(|| Err(aborted(Ok(()))))
    }

    /// The only item, when the work is done and its threads are free for the next.
    pub(super) async fn only(mut self) -> Result<T> {
        let item = self.next().await?;
        match future::poll_fn(|context| self.poll(context)).await {
            Some(Err(error)) => Err(error),
            _ => Ok(item),
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.cancellation.cancel();
        self.handle.abort();
    }
}

/// Why a task ended without saying that its answer is complete.
fn aborted(task: std::result::Result<(), JoinError>) -> Error {
    let reason = match task.map_err(JoinError::try_into_panic) {
        Err(Ok(panic)) => {
            let message = panic.downcast_ref::<String>().map(String::as_str);
            let message = message.or_else(|| panic.downcast_ref::<&str>().copied());
            format!("its thread panicked: {}", message.unwrap_or("the message is on stderr"))
        }
        _ => "its thread was stopped".to_owned(),
    };
    Error::QueryAborted { reason }
}

/// Calls `time_up` unless `ended` closes before. On a thread, because a query can keep all of its
/// runtime's busy for long.
fn watch(
    timeout: Duration,
    ended: std::sync::mpsc::Receiver<()>,
    time_up: impl FnOnce() + Send + 'static,
) -> Result<()> {
    let watch = move || {
        if ended.recv_timeout(timeout) == Err(RecvTimeoutError::Timeout) {
            time_up();
        }
    };
    let watching = thread::Builder::new().name("netsky-timeout".to_owned()).spawn(watch);
    watching.map(drop).map_err(|error| Error::NoThread { reason: error.to_string() })
}

/// Waits for a future that needs no runtime. Tokio's `block_on` and that of `futures` refuse to inside
/// another of their kind.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        thread::park();
    }
}
