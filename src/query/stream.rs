//! The answer of a query as a stream of batches.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::common::ScalarValue;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::execute_stream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{Stream, StreamExt, TryStreamExt};

use crate::error::{Error, Result};
use crate::providers::{QueryProgress, SkippedRows};
use crate::query::cancellation::Cancellation;
use crate::query::interruptible::interruptible;
use crate::query::options::QueryOptions;
use crate::query::parameters;
use crate::query::planned::{DropOnPoolThread, Planned};
use crate::query::queries::Queries;
use crate::query::session::SessionFactory;
use crate::query::syntax::ColumnNames;
use crate::query::task::{Task, block_on};
use crate::table::Value;

/// The answer of a query as a [`Stream`] of Arrow batches.
///
/// The query runs on its own threads, a few batches ahead of the reader. Any executor can read the
/// stream. Dropping the stream ends the query: its threads stop within about a second or, if a single
/// function works on one batch for longer, after that. While the stream exists, the store keeps the
/// pages that the query may still read, so drop a stream that you do not read to its end.
pub struct QueryStream {
    schema: SchemaRef,
    task: Task<Part>,
    skipped: Arc<SkippedRows>,
    progress: QueryProgress,
}

impl QueryStream {
    /// The names and types of the answer's columns.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The number of corrupt rows skipped so far. It is 0 without
    /// [`skip_corrupt`](crate::QueryOptions::skip_corrupt).
    pub fn skipped_rows(&self) -> u64 {
        self.skipped.count()
    }

    /// The progress of the query, which can be read during and after it.
    pub fn progress(&self) -> QueryProgress {
        self.progress.clone()
    }
}

impl Stream for QueryStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(match ready!(self.task.poll(context)) {
            Some(Ok(Part::Batch(batch))) => Some(Ok(batch)),
            Some(Ok(Part::Started(..))) | None => None,
            Some(Err(error)) => Some(Err(error)),
        })
    }
}

impl fmt::Debug for QueryStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryStream").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// A message from a running query: first its start, then batches.
enum Part {
    Started(SchemaRef, QueryProgress),
    Batch(RecordBatch),
}

/// The source of a query.
pub(super) enum Source {
    Sql(String),
    Prepared(Arc<DropOnPoolThread>),
}

/// Starts a query on its own threads, which send batches to the caller as they are ready.
pub(super) async fn start(
    queries: &Queries,
    source: Source,
    values: Vec<ScalarValue>,
) -> Result<QueryStream> {
    let skipped = Arc::<SkippedRows>::default();
    let run = Run {
        sessions: Arc::clone(&queries.sessions),
        options: queries.options.clone(),
        source,
        values,
        skipped: Arc::clone(&skipped),
    };
    let timeout = queries.options.timeout;
    let mut task = Task::start(&queries.runtime, timeout, |output| async move {
        let (mut answer, progress) = run.execute(output.cancellation()).await?;
        let mut wanted = output.send(Part::Started(answer.schema(), progress)).await;
        while wanted && let Some(batch) = answer.next().await {
            wanted = output.send(Part::Batch(batch?)).await;
        }
        Ok(wanted)
    })?;
    match task.next().await? {
        Part::Started(schema, progress) => Ok(QueryStream { schema, task, skipped, progress }),
        Part::Batch(_) => {
            Err(Error::QueryAborted { reason: "it did not report its columns".to_owned() })
        }
    }
}

/// Starts a query from SQL.
pub(crate) async fn run(queries: &Queries, sql: &str, values: &[Value<'_>]) -> Result<QueryStream> {
    let values = values.iter().map(parameters::scalar).collect();
    start(queries, Source::Sql(sql.to_owned()), values).await
}

/// Runs a query to its end. Blocks the calling thread, which may belong to an async runtime.
pub(crate) fn collect(queries: &Queries, sql: &str) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    block_on(async {
        let answer = run(queries, sql, &[]).await?;
        let schema = answer.schema();
        Ok((schema, answer.try_collect().await?))
    })
}

/// A query and what it needs to run.
struct Run {
    sessions: Arc<SessionFactory>,
    options: QueryOptions,
    source: Source,
    values: Vec<ScalarValue>,
    skipped: Arc<SkippedRows>,
}

impl Run {
    /// Starts the query on one snapshot of the store.
    async fn execute(
        self,
        cancellation: &Cancellation,
    ) -> Result<(SendableRecordBatchStream, QueryProgress)> {
        let Self { sessions, options, source, values, skipped } = self;
        let skipped = options.skip_corrupt.then_some(skipped);
        let scans = sessions.origin().scan_context(skipped)?;
        let (plan, names) = match source {
            Source::Sql(sql) => {
                let planned = Planned::new(&sessions.for_planning()?, &sql, None).await?;
                let names = planned.names.clone();
                (planned.bind(values)?, names)
            }
            Source::Prepared(planned) => (planned.bind(values)?, planned.names()),
        };
        cancellation.check()?;
        let session = sessions.for_scans(scans, &options)?;
        let query = DataFrame::new(session.state(), plan);
        let context = query.task_ctx();
        let plan = query.create_physical_plan().await?;
        cancellation.check()?;
        let progress = QueryProgress::of(&plan);
        let plan = interruptible(plan, cancellation)?;
        let answer = execute_stream(plan, Arc::new(context))?;
        Ok((renamed(answer, &names), progress))
    }
}

/// Returns the same batches with other names of columns.
fn renamed(answer: SendableRecordBatchStream, names: &ColumnNames) -> SendableRecordBatchStream {
    let schema = names.apply(&answer.schema());
    let renamed = Arc::clone(&schema);
    let batches = answer.map(move |batch| {
        let (_, columns, rows) = batch?.into_parts();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&renamed), columns, &options)?)
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use chrono::Utc;
    use datafusion::arrow::datatypes::DataType;
    use datafusion::execution::FunctionRegistry;
    use datafusion::logical_expr::{ColumnarValue, Volatility, create_udf};

    use super::*;
    use crate::options::OpenOptions;
    use crate::query::origin::Origin;
    use crate::query::session::base_state;
    use crate::schema::{TABLES, TickRecord};
    use crate::store::Store;

    /// Queries over a table of 20,000 rows, with a function `panics(id)` that panics at row 10,000.
    fn queries(directory: &tempfile::TempDir, options: QueryOptions) -> Queries {
        let path = directory.path().join("meta.db");
        let db = OpenOptions::new().open(&path).unwrap();
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
        let store = Store::open_read_only(&path, &OpenOptions::new()).unwrap();
        let mut base = base_state(None).unwrap();
        base.register_udf(Arc::new(panics)).unwrap();
        let sessions = SessionFactory::new(Origin::Store(store), TABLES.to_vec(), Vec::new());
        Queries::new(sessions.with_base_state(base)).with_options(options)
    }

    /// The same sessions with separate threads.
    fn with_own_threads(queries: &Queries) -> Queries {
        Queries { runtime: Arc::default(), ..queries.clone() }
    }

    #[test]
    fn answers_stay_complete_when_others_are_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let queries = queries(&directory, QueryOptions::new());
        // Some of these cannot send the end of the answer until the first batches are read.
        for rows in [8_000, 16_000, 20_000] {
            let queries = with_own_threads(&queries);
            let ask = |sql: &str| block_on(run(&queries, sql, &[]));
            let answers: Vec<_> = (0..4)
                .map(|_| ask(&format!("SELECT id FROM ticks WHERE id <= {rows}")).unwrap())
                .collect();
            thread::sleep(Duration::from_millis(300));
            for _ in 0..4 {
                drop(ask("SELECT sum(a.id) FROM ticks a, ticks b"));
            }
            drop(queries);
            for answer in answers {
                let batches: Vec<RecordBatch> = block_on(answer.try_collect()).unwrap();
                assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), rows);
            }
        }
    }

    #[test]
    fn a_panic_fails_only_its_own_query() {
        let directory = tempfile::tempdir().unwrap();
        let timeout = Duration::from_secs(600);
        for options in [QueryOptions::new(), QueryOptions::new().timeout(timeout)] {
            let queries = queries(&directory, options);
            for sql in [
                "SELECT panics(id) FROM ticks",
                "SELECT sum(panics(id)) FROM ticks",
                "SELECT id FROM ticks ORDER BY panics(id) DESC",
                "SELECT count(*) FROM ticks GROUP BY panics(id)",
                "SELECT id FROM ticks WHERE panics(id) > 0",
                "SELECT panics(10000)",
            ] {
                let error = collect(&queries, sql).unwrap_err();
                assert!(error.to_string().contains("injected"), "{sql}: {error}");
                let answer: Result<Vec<RecordBatch>> =
                    block_on(async { run(&queries, sql, &[]).await?.try_collect().await });
                let error = answer.unwrap_err();
                assert!(error.to_string().contains("injected"), "{sql}: {error}");
            }
            // A panic does not affect the next query.
            assert_eq!(collect(&queries, "SELECT count(*) FROM ticks").unwrap().1[0].num_rows(), 1);
        }
    }
}
