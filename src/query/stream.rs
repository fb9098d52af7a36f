//! The answer of a query, batch by batch.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::task::{Context, Poll};
use std::thread;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::ScalarValue;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::execute_stream;
use futures::{Stream, StreamExt, TryStreamExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::error::{Error, Result};
use crate::providers::{QueryProgress, SkippedRows};
use crate::query::parameters;
use crate::query::runtime::QueryRuntime;
use crate::query::session::Sessions;
use crate::query::statement;

/// How many batches may wait for whoever reads the stream.
const BATCHES_IN_FLIGHT: usize = 2;

/// The answer of a query as a [`Stream`] of Arrow batches.
///
/// The query runs on the threads of its [`Db`](crate::Db), a few batches ahead of the reader; any
/// executor can read the stream. Dropping it ends the query. As long as it lives, the store keeps
/// the pages that the query may still read, so do not hold on to one that is not read.
pub struct QueryStream {
    schema: SchemaRef,
    batches: mpsc::Receiver<Result<RecordBatch>>,
    task: AbortHandle,
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
        self.batches.poll_recv(context)
    }
}

impl Drop for QueryStream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for QueryStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryStream").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// Runs a query on the runtime and hands its batches to the caller as they come.
pub(crate) async fn start(
    sessions: Arc<Sessions>,
    runtime: &QueryRuntime,
    sql: String,
    parameters: Vec<ScalarValue>,
) -> Result<QueryStream> {
    let (start_sender, started) = oneshot::channel();
    let (sender, batches) = mpsc::channel(BATCHES_IN_FLIGHT);
    let skipped = Arc::<SkippedRows>::default();
    let timeout = sessions.options().query_timeout;
    let (late_sender, counter) = (sender.clone(), Arc::clone(&skipped));
    // It closes when the task ends, however it does.
    let (running, ended) = std::sync::mpsc::channel::<()>();
    let task = runtime.spawn(async move {
        let _running = running;
        let (mut answer, progress) = match execute(&sessions, &sql, parameters, &counter).await {
            Ok(started) => started,
            Err(error) => {
                let _ = start_sender.send(Err(error));
                return;
            }
        };
        // A failed send means that the caller has dropped the stream, and with it the query.
        if start_sender.send(Ok((answer.schema(), progress))).is_err() {
            return;
        }
        while let Some(batch) = answer.next().await {
            if sender.send(batch.map_err(Error::from)).await.is_err() {
                return;
            }
        }
    })?;
    let task = task.abort_handle();
    let timed_out = Arc::<AtomicBool>::default();
    if let Some(timeout) = timeout {
        let (task, timed_out) = (task.clone(), Arc::clone(&timed_out));
        // A thread, because a query can keep all of the runtime's busy for long.
        let watch = move || {
            if ended.recv_timeout(timeout) == Err(RecvTimeoutError::Timeout) {
                timed_out.store(true, Ordering::SeqCst);
                task.abort();
                let _ = late_sender.blocking_send(Err(Error::TimedOut { after: timeout }));
            }
        };
        let watching = thread::Builder::new().name("netsky-timeout".to_owned()).spawn(watch);
        watching.map_err(|error| Error::QueryAborted {
            reason: format!("cannot start a thread for its timeout: {error}"),
        })?;
    }
    let (schema, progress) = started.await.map_err(|_| match timeout {
        Some(after) if timed_out.load(Ordering::SeqCst) => Error::TimedOut { after },
        _ => Error::QueryAborted {
            reason: "its thread panicked; the message is on stderr".to_owned(),
        },
    })??;
    Ok(QueryStream { schema, batches, task, skipped, progress })
}

/// Runs a query to its end.
pub(crate) async fn collect(
    sessions: Arc<Sessions>,
    sql: String,
) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let (answer, _) = execute(&sessions, &sql, Vec::new(), &Arc::default()).await?;
    let schema = answer.schema();
    Ok((schema, answer.try_collect().await?))
}

/// Starts a query over one snapshot of the store.
async fn execute(
    sessions: &Sessions,
    sql: &str,
    parameters: Vec<ScalarValue>,
    skipped: &Arc<SkippedRows>,
) -> Result<(SendableRecordBatchStream, QueryProgress)> {
    let snapshot = Arc::new(sessions.store().snapshot()?);
    let session = sessions.of_snapshot(&snapshot, skipped)?;
    let plan = parameters::bind(statement::plan(&session, sql).await?, parameters)?;
    let query = DataFrame::new(session.state(), plan);
    let context = query.task_ctx();
    let plan = query.create_physical_plan().await?;
    let progress = QueryProgress::of(&plan);
    Ok((execute_stream(plan, Arc::new(context))?, progress))
}
