//! The answer of a query, batch by batch.

use std::fmt;
use std::future::{self, Future};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::task::{Context, Poll, Wake, Waker, ready};
use std::thread::{self, Thread};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::ScalarValue;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::execute_stream;
use futures::{Stream, StreamExt, TryStreamExt};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

use crate::error::{Error, Result};
use crate::providers::{QueryProgress, SkippedRows};
use crate::query::cancellation::Cancellation;
use crate::query::interruptible::interruptible;
use crate::query::parameters;
use crate::query::runtime::QueryRuntime;
use crate::query::session::SessionFactory;
use crate::query::statement;

/// How many batches may wait for whoever reads the stream.
const BATCHES_IN_FLIGHT: usize = 2;

/// The answer of a query as a [`Stream`] of Arrow batches.
///
/// The query runs on threads of its own, a few batches ahead of the reader; any executor can read the
/// stream. Dropping it ends the query: its threads stop within about a second, or, if a single
/// function works on one batch for longer, after that. As long as it lives, the store keeps
/// the pages that the query may still read, so do not hold on to one that is not read.
pub struct QueryStream {
    schema: SchemaRef,
    parts: Parts,
    skipped: Arc<SkippedRows>,
    progress: QueryProgress,
}

impl QueryStream {
    /// The names and types of the answer's columns.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// How many corrupt rows have been left out so far; 0 unless the store was opened with
    /// [`skip_corrupt`](crate::OpenOptions::skip_corrupt).
    pub fn skipped_rows(&self) -> u64 {
        self.skipped.count()
    }

    /// How far the query has come, to ask while it runs and after.
    pub fn progress(&self) -> QueryProgress {
        self.progress.clone()
    }
}

impl Stream for QueryStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(match ready!(self.parts.poll(context)) {
            Ok(Part::Batch(batch)) => Some(Ok(batch)),
            Ok(Part::Started(..) | Part::End) => None,
            Err(error) => Some(Err(error)),
        })
    }
}

impl fmt::Debug for QueryStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryStream").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// What a running query says: that it has started, then batches, then that this was all. An answer
/// without the last is not whole, because a thread that panics says nothing.
#[derive(Debug)]
enum Part {
    Started(SchemaRef, QueryProgress),
    Batch(RecordBatch),
    End,
}

/// The receiving end. Dropping it ends the query.
struct Parts {
    receiver: mpsc::Receiver<Result<Part>>,
    task: JoinHandle<()>,
    cancellation: Cancellation,
    ended: bool,
}

impl Parts {
    /// The next part. After [`Part::End`] or an error there is nothing but `End`.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Part>> {
        if self.ended {
            return Poll::Ready(Ok(Part::End));
        }
        let part = match ready!(self.receiver.poll_recv(context)) {
            Some(part) => part,
            None => Err(aborted(ready!(Pin::new(&mut self.task).poll(context)))),
        };
        self.ended = !matches!(part, Ok(Part::Started(..) | Part::Batch(_)));
        Poll::Ready(part)
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.cancellation.cancel();
        self.task.abort();
    }
}

/// Why a task ended without saying that its answer is whole.
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

/// Starts a query on threads of its own, which hand its batches to the caller as they come.
pub(crate) async fn start(
    sessions: Arc<SessionFactory>,
    runtime: &QueryRuntime,
    sql: String,
    parameters: Vec<ScalarValue>,
) -> Result<QueryStream> {
    let (sender, receiver) = mpsc::channel(BATCHES_IN_FLIGHT);
    let skipped = Arc::<SkippedRows>::default();
    let timeout = sessions.options().query_timeout;
    let query = Query {
        sessions,
        sql,
        parameters,
        skipped: Arc::clone(&skipped),
        cancellation: Cancellation::default(),
    };
    let cancellation = query.cancellation.clone();
    let late_sender = sender.clone();
    // It closes when the task ends, however it does.
    let (running, ended) = std::sync::mpsc::channel::<()>();
    let task = runtime.spawn(|threads| async move {
        let _running = running;
        // Until here the statement and its plans are freed, which needs this thread's stack.
        if query.run(&sender).await {
            // Nothing is waited for between the two: once the threads are kept, another query may
            // take them, end them, and this task with them.
            if let Ok(last) = sender.reserve().await {
                threads.keep();
                last.send(Ok(Part::End));
            }
        }
    })?;
    let abort = task.abort_handle();
    let mut parts = Parts { receiver, task, cancellation, ended: false };
    if let Some(timeout) = timeout {
        let cancellation = parts.cancellation.clone();
        watch(timeout, ended, move || {
            cancellation.cancel();
            abort.abort();
            let _ = late_sender.blocking_send(Err(Error::TimedOut { after: timeout }));
        })?;
    } else {
        drop(late_sender);
    }
    match future::poll_fn(|context| parts.poll(context)).await? {
        Part::Started(schema, progress) => Ok(QueryStream { schema, parts, skipped, progress }),
        Part::Batch(_) | Part::End => Err(aborted(Ok(()))),
    }
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

/// Runs a query to its end and blocks the calling thread, which may belong to a runtime.
pub(crate) fn collect(
    sessions: Arc<SessionFactory>,
    runtime: &QueryRuntime,
    sql: String,
) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    block_on(async {
        let answer = start(sessions, runtime, sql, Vec::new()).await?;
        let schema = answer.schema();
        Ok((schema, answer.try_collect().await?))
    })
}

/// Waits for a future that needs no runtime. Tokio's `block_on` and that of `futures` refuse to inside
/// another of their kind.
fn block_on<T>(future: impl Future<Output = T>) -> T {
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

/// A query that runs.
struct Query {
    sessions: Arc<SessionFactory>,
    sql: String,
    parameters: Vec<ScalarValue>,
    skipped: Arc<SkippedRows>,
    cancellation: Cancellation,
}

impl Query {
    /// Sends the answer and tells whether it is whole.
    async fn run(self, sender: &mpsc::Sender<Result<Part>>) -> bool {
        let cancellation = self.cancellation.clone();
        // A failed send means that the caller has dropped the stream.
        let answered = match self.execute().await {
            Ok((mut answer, progress)) => {
                let mut part = Ok(Part::Started(answer.schema(), progress));
                loop {
                    let failed = part.is_err();
                    // Of a query that was cancelled, the error is that of whoever cancelled it.
                    if (failed && cancellation.is_cancelled()) || sender.send(part).await.is_err() {
                        break false;
                    }
                    part = match answer.next().await {
                        Some(batch) => batch.map(Part::Batch).map_err(Error::from),
                        None => break !failed,
                    };
                }
            }
            Err(error) => {
                if !cancellation.is_cancelled() {
                    let _ = sender.send(Err(error)).await;
                }
                false
            }
        };
        // What a limit left unread stops as well.
        cancellation.cancel();
        answered
    }

    /// Starts over one snapshot of the store.
    async fn execute(self) -> Result<(SendableRecordBatchStream, QueryProgress)> {
        let Self { sessions, sql, parameters, skipped, cancellation } = self;
        let snapshot = Arc::new(sessions.store().snapshot()?);
        let session = sessions.of_snapshot(&snapshot, &skipped)?;
        let plan = parameters::bind(statement::plan(&session, &sql).await?, parameters)?;
        cancellation.check()?;
        let query = DataFrame::new(session.state(), plan);
        let context = query.task_ctx();
        let plan = query.create_physical_plan().await?;
        cancellation.check()?;
        let progress = QueryProgress::of(&plan);
        let plan = interruptible(plan, &cancellation)?;
        Ok((execute_stream(plan, Arc::new(context))?, progress))
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use datafusion::arrow::datatypes::DataType;
    use datafusion::execution::FunctionRegistry;
    use datafusion::logical_expr::{ColumnarValue, Volatility, create_udf};

    use super::*;
    use crate::options::OpenOptions;
    use crate::query::session::base_state;
    use crate::schema::{TABLES, TickRecord};
    use crate::store::Store;

    /// Sessions over a table of 20,000 rows, with a function `panics(id)` that panics at row 10,000.
    fn sessions(directory: &tempfile::TempDir, options: OpenOptions) -> Arc<SessionFactory> {
        let path = directory.path().join("meta.db");
        let db = options.open(&path).unwrap();
        let tick = TickRecord { ts_utc: Utc::now(), source: "x", detail_json: "{}" };
        db.record_all(std::iter::repeat_n(tick, 20_000)).unwrap();
        let panics = |arguments: &[ColumnarValue]| {
            let ids = ColumnarValue::values_to_arrays(arguments)?.remove(0);
            let ids = arrow::array::AsArray::as_primitive::<arrow::datatypes::Int64Type>(&ids);
            assert!(!ids.values().contains(&10_000), "injected");
            Ok(arguments[0].clone())
        };
        let int = DataType::Int64;
        let panics =
            create_udf("panics", vec![int.clone()], int, Volatility::Volatile, Arc::new(panics));
        let store = Store::open_read_only(&path, &options).unwrap();
        Arc::new(SessionFactory::new(store, TABLES.to_vec(), options).with_base_state(|memory| {
            let mut bare = base_state(memory)?;
            bare.register_udf(Arc::new(panics))?;
            Ok(bare)
        }))
    }

    #[test]
    fn an_answer_is_whole_whatever_becomes_of_others() {
        let directory = tempfile::tempdir().unwrap();
        let sessions = sessions(&directory, OpenOptions::new());
        // Some of these wait with the end of the answer until the first batches are read.
        for rows in [8_000, 16_000, 20_000] {
            let runtime = QueryRuntime::default();
            let ask =
                |sql: String| block_on(start(Arc::clone(&sessions), &runtime, sql, Vec::new()));
            let answers: Vec<_> = (0..4)
                .map(|_| ask(format!("SELECT id FROM ticks WHERE id <= {rows}")).unwrap())
                .collect();
            thread::sleep(Duration::from_millis(300));
            for _ in 0..4 {
                drop(ask("SELECT sum(a.id) FROM ticks a, ticks b".to_owned()));
            }
            drop(runtime);
            for answer in answers {
                let batches: Vec<RecordBatch> = block_on(answer.try_collect()).unwrap();
                assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), rows);
            }
        }
    }

    #[test]
    fn a_panic_is_an_error_and_not_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let timeout = std::time::Duration::from_secs(600);
        for options in [OpenOptions::new(), OpenOptions::new().query_timeout(timeout)] {
            let sessions = sessions(&directory, options);
            let runtime = QueryRuntime::default();
            for sql in [
                "SELECT panics(id) FROM ticks",
                "SELECT sum(panics(id)) FROM ticks",
                "SELECT id FROM ticks ORDER BY panics(id) DESC",
                "SELECT count(*) FROM ticks GROUP BY panics(id)",
                "SELECT id FROM ticks WHERE panics(id) > 0",
                "SELECT panics(10000)",
            ] {
                let error = collect(Arc::clone(&sessions), &runtime, sql.to_owned()).unwrap_err();
                assert!(error.to_string().contains("injected"), "{sql}: {error}");
                let answer: Result<Vec<RecordBatch>> = block_on(async {
                    let sessions = Arc::clone(&sessions);
                    start(sessions, &runtime, sql.to_owned(), Vec::new()).await?.try_collect().await
                });
                let error = answer.unwrap_err();
                assert!(error.to_string().contains("injected"), "{sql}: {error}");
            }
            // What panicked has taken nothing from the next.
            let sql = "SELECT count(*) FROM ticks".to_owned();
            assert_eq!(collect(sessions, &runtime, sql).unwrap().1[0].num_rows(), 1);
        }
    }
}
