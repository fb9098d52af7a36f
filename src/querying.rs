//! Querying a store with SQL.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::prelude::SessionContext;

use crate::db::Db;
use crate::error::{Error, Result};
use crate::nearest::nearest;
use crate::query::{self, PreparedQuery, QueryOptions, QueryStream};
use crate::table::Value;
use crate::view::View;

/// Querying. A query sees one snapshot of the store: what was committed when it began, in all of
/// its tables. SQL only reads: it can change nothing and reach no file.
///
/// Rows lie in blocks of 1,024 ids, and each block has a checksum. A query that reads a whole block
/// compares it, and fails with [`Error::Damaged`] if bytes of the rows have changed in the file, or if rows
/// are missing. It does not compare it if it reads only part of the block: rows by their ids, up to a
/// limit, or the smallest and the largest id. With
/// [`skip_corrupt`](QueryOptions::skip_corrupt) no checksum is compared.
///
/// Each query runs on threads of its own. A statement has at most 16 MiB, 20,000 operators and
/// operands in one expression (lists are longer: commas do not count), and 2,000 queries, tables and
/// joins together; a larger one fails with [`Error::Syntax`].
impl Db {
    /// Runs a query and returns the answer as an ASCII table.
    ///
    /// Call it from anywhere: plain code, or inside an async runtime, whose thread it blocks.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`], [`Error::ReadOnlySql`], [`Error::UnknownTable`] and
    /// [`Error::UnknownColumn`] if the SQL is at fault; [`Error::CorruptRow`] if the query meets one;
    /// [`Error::Damaged`] if rows are not what was recorded; [`Error::Query`], [`Error::QueryAborted`] and [`Error::Storage`].
    pub fn query(&self, sql: &str) -> Result<String> {
        let (schema, batches) = query::collect(&self.queries, sql)?;
        query::format_table(&schema, &batches)
    }

    /// Runs a query and returns the answer as Arrow batches, all in memory. Times are timestamps;
    /// [`times_as_text`](crate::times_as_text) turns them into text.
    ///
    /// An answer without rows has no batches, so it does not tell its columns. If you need them,
    /// [`prepare`](Self::prepare) the query: [`PreparedQuery::schema`] has them.
    ///
    /// # Errors
    ///
    /// Those of [`query`](Self::query).
    pub fn query_batches(&self, sql: &str) -> Result<Vec<RecordBatch>> {
        Ok(query::collect(&self.queries, sql)?.1)
    }

    /// Starts a query and returns the answer as a stream of Arrow batches, in bounded memory. It
    /// works on any executor.
    ///
    /// # Errors
    ///
    /// Those of [`query`](Self::query) that planning finds; the stream gives the others.
    pub async fn query_stream(&self, sql: &str) -> Result<QueryStream> {
        self.query_stream_with(sql, &[]).await
    }

    /// Starts a query with parameters: `$1` in it stands for the first, `$2` for the second, and so on.
    ///
    /// A parameter is a value, and never read as SQL. It is taken for the type of what it is compared
    /// with, so that a text will do for a time or a number, in the form that SQL has it.
    ///
    /// ```
    /// # use chrono::Utc;
    /// use futures::executor::block_on_stream;
    /// use netsky_db::Value;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> netsky_db::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = netsky_db::Db::open_path(dir.path().join("meta.db"))?;
    /// # db.record_tick(Utc::now(), "it's cron", "{}")?;
    /// let sql = "SELECT id FROM ticks WHERE source = $1 AND ts_utc >= $2";
    /// let parameters = [Value::Text("it's cron".into()), Value::Text("2026-04-15".into())];
    /// let answer = db.query_stream_with(sql, &parameters).await?;
    /// let rows: usize = block_on_stream(answer).map(|batch| batch.unwrap().num_rows()).sum();
    /// assert_eq!(rows, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::ParameterCount`], [`Error::InvalidParameter`] and [`Error::ParameterName`] if the parameters do not
    /// fit the query; and those of [`query_stream`](Self::query_stream).
    pub async fn query_stream_with(
        &self,
        sql: &str,
        parameters: &[Value<'_>],
    ) -> Result<QueryStream> {
        query::run(&self.queries, sql, parameters).await
    }

    /// Parses, checks and plans a query, to run it any number of times with any parameters. It also
    /// describes a query before it runs: its columns, and the types of its parameters.
    ///
    /// Call it from anywhere: plain code, or inside an async runtime, whose thread it blocks for some
    /// milliseconds.
    ///
    /// # Errors
    ///
    /// Those of [`query`](Self::query) that planning finds, and [`Error::ParameterName`].
    pub fn prepare(&self, sql: &str) -> Result<PreparedQuery> {
        query::block_on(self.prepare_async(sql))
    }

    /// As [`prepare`](Self::prepare), without blocking the calling thread. It works on any executor.
    ///
    /// # Errors
    ///
    /// Those of `prepare`.
    pub async fn prepare_async(&self, sql: &str) -> Result<PreparedQuery> {
        PreparedQuery::new(&self.queries, sql).await
    }

    /// A handle on the same store, whose queries have these options instead. It is cheap: a server can
    /// make one for each request.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use netsky_db::QueryOptions;
    /// # fn main() -> netsky_db::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = netsky_db::Db::open_path(dir.path().join("meta.db"))?;
    /// let options = db.query_options().clone().timeout(Duration::from_secs(5));
    /// let answer = db.with_query_options(options).query("SELECT count(*) FROM ticks")?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_query_options(&self, options: QueryOptions) -> Self {
        let mut db = self.clone();
        db.queries = db.queries.with_options(options);
        db
    }

    /// The options of this handle's queries.
    pub fn query_options(&self) -> &QueryOptions {
        self.queries.options()
    }

    /// The same store with more views than the catalogue's. A view can name tables of
    /// [`with_tables`](Self::with_tables), and views that come before it.
    ///
    /// Each view is planned once, to compare its columns with the declared ones.
    ///
    /// # Errors
    ///
    /// [`Error::TableExists`] if a table or view of the name is known, and [`Error::InvalidView`] if its
    /// SQL is not a query that can be planned, has parameters, or gives other columns than it declares.
    pub fn with_views(&self, views: &[&'static View]) -> Result<Self> {
        let mut db = self.clone();
        for &view in views {
            let is_table = db.tables().iter().any(|table| table.name() == view.name());
            if is_table || db.views().iter().any(|known| known.name() == view.name()) {
                return Err(Error::TableExists { name: view.name().to_owned() });
            }
            // Planned without itself and those after it, so that no view can lead back to itself.
            let invalid = |reason| Error::InvalidView { view: view.name().to_owned(), reason };
            let planned = db.prepare(view.sql()).map_err(|error| invalid(error.to_string()))?;
            query::compare_columns(view, &planned).map_err(invalid)?;
            let mut all = db.views().to_vec();
            all.push(view);
            db.queries = db.queries.with_views(all);
        }
        Ok(db)
    }

    /// The views that can be queried.
    pub fn views(&self) -> &[&'static View] {
        self.queries.sessions().views()
    }

    /// The known view of that name.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTable`], with the nearest names of tables and views.
    pub fn find_view(&self, name: &str) -> Result<&'static View> {
        let found = self.views().iter().copied().find(|view| view.name() == name);
        found.ok_or_else(|| {
            let tables = self.tables().iter().map(|table| table.name());
            let names = tables.chain(self.views().iter().map(|view| view.name()));
            Error::UnknownTable { name: name.to_owned(), nearest: nearest(name, names) }
        })
    }

    /// A DataFusion session that has every table and view registered, for analysis of your own. Unlike
    /// [`query`](Self::query) it is not limited to reading, and each scan in it sees what is
    /// committed when it is planned.
    ///
    /// It is DataFusion's own session: queries run on the caller's threads, without a timeout, and
    /// nothing bounds the size of a statement. Its queries together have the memory limit of this
    /// handle's [`query_options`](Self::query_options). Some thousand operators in a row overflow a stack of
    /// 2 MiB, which ends the process, so do not hand it SQL of others.
    ///
    /// # Errors
    ///
    /// [`Error::Query`] if DataFusion does not take a table.
    pub fn session(&self) -> Result<SessionContext> {
        self.queries.sessions().for_user(self.query_options())
    }

    /// The provider of a table, to register in a session of your own. Each scan sees what is
    /// committed when it is planned.
    ///
    /// Your session plans queries by its own rules. Those of [`session`](Self::session) avoid faults of
    /// DataFusion that change answers; without them, a table answers as one in memory does. A scan
    /// evaluates conditions itself, and reads no further than a limit needs if rows are sorted by the id
    /// or the time. But `min` and `max` of these read all rows, as does a limited sort above a union or
    /// above computed columns, and a join does not look up the keys of its other side.
    ///
    /// ```
    /// # use datafusion::prelude::SessionContext;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> netsky_db::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = netsky_db::Db::open_path(dir.path().join("meta.db"))?;
    /// let ctx = SessionContext::new();
    /// ctx.register_table("messages", db.table("messages")?)?;
    /// let rows = ctx.sql("SELECT * FROM messages").await?.count().await?;
    /// assert_eq!(rows, 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTable`].
    pub fn table(&self, name: &str) -> Result<Arc<dyn TableProvider>> {
        let table = self.find_table(name)?;
        let provider = self.queries.sessions().table(table, self.query_options());
        Ok(Arc::new(provider.for_any_session()))
    }
}
