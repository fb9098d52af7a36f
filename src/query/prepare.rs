//! Queries that are planned once and run often.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::ScalarValue;
use futures::TryStreamExt;

use crate::error::Result;
use crate::query::parameters;
use crate::query::planned::{FreedElsewhere, Planned};
use crate::query::queries::Queries;
use crate::query::stream::{self, QueryStream, Source};
use crate::query::task::{Task, block_on};
use crate::table::Value;

/// A query that has been parsed, checked and planned, to run any number of times.
/// [`Db::prepare`](crate::Db::prepare) makes one.
///
/// It holds no snapshot: each run sees the store as it is when the run begins, and `now()` is the time of
/// the run. A plan depends on the tables' columns alone, which do not change while a
/// [`Db`](crate::Db) lives. Each run optimizes the plan for its parameters and its snapshot.
///
/// The options of the [`Db`](crate::Db) that prepared it apply: the timeout and the memory limit to each
/// run by itself, and the timeout to the preparation as well.
///
/// ```
/// # use chrono::Utc;
/// use arrow::datatypes::DataType;
/// use netsky_db::Value;
///
/// # fn main() -> netsky_db::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let db = netsky_db::Db::open_path(dir.path().join("meta.db"))?;
/// let query = db.prepare("SELECT id FROM ticks WHERE source = $1")?;
/// assert_eq!(query.parameter_types(), [Some(DataType::Utf8View)]);
/// assert_eq!(query.schema().field(0).name(), "id");
/// for source in ["cron", "watchdog"] {
///     db.record_tick(Utc::now(), source, "{}")?;
///     let batches = query.bind(&[Value::Text(source.into())])?.batches()?;
///     assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 1);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PreparedQuery {
    queries: Queries,
    planned: Arc<FreedElsewhere>,
    schema: SchemaRef,
    values: Vec<ScalarValue>,
}

impl PreparedQuery {
    pub(crate) async fn new(queries: &Queries, sql: &str) -> Result<Self> {
        let sql = sql.to_owned();
        let sessions = Arc::clone(&queries.sessions);
        let task = Task::start(&queries.runtime, queries.options.timeout, |output| async move {
            let session = sessions.for_planning()?;
            let planned = Planned::new(&session, &sql).await?;
            let schema = planned.schema(&session)?;
            Ok(output.send((FreedElsewhere(planned), schema)).await)
        })?;
        let (planned, schema) = task.only().await?;
        let planned = Arc::new(planned);
        Ok(Self { queries: queries.clone(), planned, schema, values: Vec::new() })
    }

    /// The names and types of the answer's columns, also of an answer without rows.
    ///
    /// A column that has the type of a parameter, when the query does not say which one that is, is of
    /// the type `Null` here. The stream's schema has the type of the value.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The types of the parameters: first that of `$1`, and so on. A parameter that stands beside a column
    /// has the column's type; `None` if the query takes a value of any type.
    pub fn parameter_types(&self) -> &[Option<DataType>] {
        self.planned.0.parameters.types()
    }

    /// The same query with values for its parameters, in the place of those that it has. It is not
    /// planned again.
    ///
    /// A parameter is a value, and never read as SQL. It is cast to the type that the query asks for, so
    /// a text will do for a time or a number, in the form that SQL has it.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterCount`](crate::Error::ParameterCount) and
    /// [`Error::InvalidParameter`](crate::Error::InvalidParameter) if the values do not fit the query.
    pub fn bind(&self, values: &[Value<'_>]) -> Result<Self> {
        let values = values.iter().map(parameters::scalar).collect();
        let values = self.planned.0.parameters.cast(values)?;
        Ok(Self { values, ..self.clone() })
    }

    /// Runs the query and returns the answer as a stream of Arrow batches, in bounded memory. It works on
    /// any executor.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterCount`](crate::Error::ParameterCount) if the query has parameters and none were
    /// bound, and those of [`Db::query_stream`](crate::Db::query_stream).
    pub async fn stream(&self) -> Result<QueryStream> {
        let planned = Source::Prepared(Arc::clone(&self.planned));
        stream::start(&self.queries, planned, self.values.clone()).await
    }

    /// Runs the query and returns the answer as Arrow batches, all in memory. Call it from anywhere: plain
    /// code, or inside an async runtime, whose thread it blocks.
    ///
    /// # Errors
    ///
    /// Those of [`stream`](Self::stream), and those of the rows.
    pub fn batches(&self) -> Result<Vec<RecordBatch>> {
        block_on(async { self.stream().await?.try_collect().await })
    }
}

impl fmt::Debug for PreparedQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedQuery")
            .field("schema", &self.schema)
            .field("parameter_types", &self.parameter_types())
            .finish_non_exhaustive()
    }
}
