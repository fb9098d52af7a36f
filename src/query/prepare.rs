//! Queries that are planned once and run often.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::ScalarValue;
use futures::TryStreamExt;

use crate::error::Result;
use crate::query::extension::Rewrite;
use crate::query::parameters;
use crate::query::planned::{DropOnPoolThread, Planned};
use crate::query::queries::Queries;
use crate::query::stream::{self, QueryStream, Source};
use crate::query::task::{Task, block_on};
use crate::table::Value;

/// A query that is parsed, checked and planned, and can be run any number of times.
/// [`Db::prepare`](crate::Db::prepare) creates it.
///
/// It holds no snapshot: each run sees the store as it is when the run begins, and `now()` is the time
/// of the run. A plan depends only on the columns of the tables, which do not change during the life of
/// a [`Db`](crate::Db). Each run optimizes the plan for its parameters and its snapshot.
///
/// The options of the [`Db`](crate::Db) that prepared the query apply: the timeout and the memory limit
/// to each run, and the timeout to the preparation as well.
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
    planned: Arc<DropOnPoolThread>,
    schema: SchemaRef,
    values: Vec<ScalarValue>,
}

impl PreparedQuery {
    pub(crate) async fn new(
        queries: &Queries,
        sql: &str,
        rewrite: Option<Rewrite>,
    ) -> Result<Self> {
        let sql = sql.to_owned();
        let sessions = Arc::clone(&queries.sessions);
        let task = Task::start(&queries.runtime, queries.options.timeout, |output| async move {
            let session = sessions.for_planning()?;
            let planned = Planned::new(&session, &sql, rewrite.as_ref()).await?;
            let schema = planned.schema(&session)?;
            Ok(output.send((DropOnPoolThread(planned), schema)).await)
        })?;
        let (planned, schema) = task.only().await?;
        let planned = Arc::new(planned);
        Ok(Self { queries: queries.clone(), planned, schema, values: Vec::new() })
    }

    /// The names and types of the answer's columns, even if the answer has no rows.
    ///
    /// If a column has the type of a parameter, and the query does not determine that type, the type is
    /// `Null` here. The stream's schema has the type of the value.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The names of the parameters without their `$`, in the order in which [`bind`](Self::bind) takes
    /// their values: numbers from 1 to the highest in the query, then names in alphabetical order.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = netsky_db::Db::open_path(dir.path().join("meta.db"))?;
    /// let query = db.prepare("SELECT id FROM ticks WHERE ts_utc >= $since AND source = $1")?;
    /// assert_eq!(query.parameter_names(), ["1", "since"]);
    /// # Ok::<(), netsky_db::Error>(())
    /// ```
    pub fn parameter_names(&self) -> &[String] {
        self.planned.0.parameters.names()
    }

    /// The types of the parameters, in the order of [`parameter_names`](Self::parameter_names). A
    /// parameter next to a column has the column's type. `None` if the query accepts a value of any
    /// type.
    pub fn parameter_types(&self) -> &[Option<DataType>] {
        self.planned.0.parameters.types()
    }

    /// Returns the same query with these values for its parameters, instead of any bound before, in the
    /// order of [`parameter_names`](Self::parameter_names). The query is not planned again.
    ///
    /// A parameter is a value and never parsed as SQL. It is cast to the type that the query requires,
    /// so text is accepted for a time or a number if it has the form of SQL.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterCount`](crate::Error::ParameterCount) and
    /// [`Error::InvalidParameter`](crate::Error::InvalidParameter) if the values do not fit the query.
    pub fn bind(&self, values: &[Value<'_>]) -> Result<Self> {
        self.bind_scalars(values.iter().map(parameters::scalar).collect())
    }

    /// As [`bind`](Self::bind), with values of any type.
    #[doc(hidden)]
    pub fn bind_scalars(&self, values: Vec<ScalarValue>) -> Result<Self> {
        let values = self.planned.0.parameters.cast(values)?;
        Ok(Self { values, ..self.clone() })
    }

    /// Runs the query and returns the answer as a stream of Arrow batches, in bounded memory. It works
    /// on any executor.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterCount`](crate::Error::ParameterCount) if the query has parameters and none were
    /// bound, and those of [`Db::query_stream`](crate::Db::query_stream).
    pub async fn stream(&self) -> Result<QueryStream> {
        let planned = Source::Prepared(Arc::clone(&self.planned));
        stream::start(&self.queries, planned, self.values.clone()).await
    }

    /// Runs the query and returns the answer as Arrow batches, all in memory. It blocks the calling
    /// thread, and can also be called inside an async runtime.
    ///
    /// # Errors
    ///
    /// Those of [`stream`](Self::stream), and those that occur while rows are read.
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
