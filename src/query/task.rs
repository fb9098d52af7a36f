//! Work on a query's own threads, and the items that it sends.

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

/// The maximum number of items that wait for the reader.
const ITEMS_IN_FLIGHT: usize = 2;

/// Running work, which sends items. Dropping the task ends the work.
///
/// `Ok(None)` means that all items have been sent. Without it, the answer is incomplete, because a
/// thread that panics sends nothing.
pub(super) struct Task<T> {
    receiver: mpsc::Receiver<Result<Option<T>>>,
    handle: JoinHandle<()>,
    cancellation: Cancellation,
    ended: bool,
}

/// The sender of the work's items.
pub(super) struct Output<T> {
    sender: mpsc::Sender<Result<Option<T>>>,
    cancellation: Cancellation,
}

impl<T> Output<T> {
    pub(super) fn cancellation(&self) -> &Cancellation {
        &self.cancellation
    }

    /// Sends an item. Returns whether the reader wants more.
    pub(super) async fn send(&self, item: T) -> bool {
        self.sender.send(Ok(Some(item))).await.is_ok()
    }

    /// Sends an error, unless the work was cancelled. Whoever cancels the work reports the reason.
    async fn fail(&self, error: Error) {
        if !self.cancellation.is_cancelled() {
            let _ = self.sender.send(Err(error)).await;
        }
    }
}

impl<T: Send + 'static> Task<T> {
    /// Starts the work, which returns whether all of its items were wanted. It is ended after
    /// `timeout`.
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
        // The channel closes when the task ends, however it ends.
        let (running, ended) = std::sync::mpsc::channel::<()>();
        let output = Arc::new(Output { sender, cancellation: cancellation.clone() });
        let handle = runtime.spawn(|threads| {
            let work = work(Arc::clone(&output));
            async move {
                let _running = running;
                // The statement and its plans are freed inside this await, because freeing them needs
                // this thread's large stack.
                let done = work.await;
                let is_complete = matches!(done, Ok(true));
                if let Err(error) = done {
                    output.fail(error).await;
                }
                // Also stops parts of the plan that a limit left unread.
                output.cancellation.cancel();
                // There must be no await between `keep` and `send`: once the threads are kept, another
                // query may take and end them, and with them this task.
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

    /// Returns the next item; `None` after the last item or an error.
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

    /// As [`poll`](Self::poll), but it is an error if there is no next item.
    pub(super) async fn next(&mut self) -> Result<T> {
        let item = future::poll_fn(|context| self.poll(context)).await;
        item.unwrap_or_else(|| Err(aborted(Ok(()))))
    }

    /// Returns the only item, after the work has finished and its threads are free for the next query.
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

/// Returns why a task ended before its answer was complete.
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

/// Calls `time_up` after `timeout` unless `ended` closes first. It waits on a separate thread, because
/// a query can keep all threads of its runtime busy for a long time.
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

/// Waits for a future that needs no runtime. `block_on` of tokio and of `futures` panic inside another
/// runtime or executor of their own kind.
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
