//! Querying a store with SQL.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::prelude::SessionContext;

use crate::db::Db;
use crate::error::{Error, Result};
use crate::nearest::nearest;
use crate::query::{self, PreparedQuery, QueryOptions, QueryStream, Rewrite, SqlExtension};
use crate::table::Value;
use crate::view::View;

/// Querying. A query sees one snapshot of the store: everything that was committed when the query
/// began, in all tables. SQL only reads: it cannot change anything or access files.
///
/// Rows are stored in blocks of 1,024 ids, and each block has a checksum. A query that reads a whole
/// block verifies the checksum, and fails with [`Error::Damaged`] if bytes of the rows have changed in
/// the file or rows are missing. A query that reads only part of a block does not: one that reads rows
/// by their ids, up to a limit, or with the smallest or largest id. With
/// [`skip_corrupt`](QueryOptions::skip_corrupt), no checksum is verified.
///
/// Each query runs on its own threads. A statement has at most 16 MiB, 20,000 operators and operands in
/// one expression (lists can be longer, because commas separate expressions), and 2,000 queries, tables
/// and joins together. A larger statement fails with [`Error::Syntax`].
impl Db {
    /// Runs a query and returns the answer as an ASCII table.
    ///
    /// It blocks the calling thread, and can also be called inside an async runtime.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`], [`Error::ReadOnlySql`], [`Error::UnknownTable`] and [`Error::UnknownColumn`]
    /// if the SQL is wrong; [`Error::CorruptRow`] if the query reads a corrupt row; [`Error::Damaged`]
    /// if rows are not what was recorded; [`Error::Query`], [`Error::QueryAborted`] and
    /// [`Error::Storage`].
    pub fn query(&self, sql: &str) -> Result<String> {
        let (schema, batches) = query::collect(&self.queries, sql)?;
        query::format_table(&schema, &batches)
    }

    /// Runs a query and returns the answer as Arrow batches, all in memory. Times are timestamps;
    /// [`times_as_text`](crate::times_as_text) turns them into text.
    ///
    /// An answer without rows has no batches, and so no schema. If you need it,
    /// [`prepare`](Self::prepare) the query: [`PreparedQuery::schema`] returns it.
    ///
    /// # Errors
    ///
    /// Those of [`query`](Self::query).
    pub fn query_batches(&self, sql: &str) -> Result<Vec<RecordBatch>> {
        Ok(query::collect(&self.queries, sql)?.1)
    }

    /// Starts a query and returns the answer as a stream of Arrow batches, in bounded memory. It works
    /// on any executor.
    ///
    /// # Errors
    ///
    /// Those of [`query`](Self::query) that occur during planning. The stream returns the others.
    pub async fn query_stream(&self, sql: &str) -> Result<QueryStream> {
        self.query_stream_with(sql, &[]).await
    }

    /// Starts a query with parameters: `$1` stands for the first, `$2` for the second, and so on. For
    /// named parameters, such as `$since`, [`prepare`](Self::prepare) the query.
    ///
    /// A parameter is a value and never parsed as SQL. It is cast to the type of the expression that it
    /// is compared with, so text is accepted for a time or a number if it has the form of SQL.
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
    /// [`Error::ParameterCount`], [`Error::InvalidParameter`] and [`Error::ParameterName`] if the
    /// parameters do not fit the query, and those of [`query_stream`](Self::query_stream).
    pub async fn query_stream_with(
        &self,
        sql: &str,
        parameters: &[Value<'_>],
    ) -> Result<QueryStream> {
        query::run(&self.queries, sql, parameters).await
    }

    /// Parses, checks and plans a query, which can then run any number of times with different
    /// parameters. It also describes a query before it runs: its columns, and the types of its
    /// parameters.
    ///
    /// It blocks the calling thread for some milliseconds, and can also be called inside an async
    /// runtime.
    ///
    /// # Errors
    ///
    /// Those of [`query`](Self::query) that occur during planning, and [`Error::ParameterName`].
    pub fn prepare(&self, sql: &str) -> Result<PreparedQuery> {
        query::block_on(self.prepare_async(sql))
    }

    /// Like [`prepare`](Self::prepare), but does not block the calling thread. It works on any
    /// executor.
    ///
    /// # Errors
    ///
    /// Those of `prepare`.
    pub async fn prepare_async(&self, sql: &str) -> Result<PreparedQuery> {
        PreparedQuery::new(&self.queries, sql, None).await
    }

    /// As [`prepare`](Self::prepare), with a change of the statement between the parser and the planner.
    #[doc(hidden)]
    pub fn prepare_rewritten(&self, sql: &str, rewrite: Rewrite) -> Result<PreparedQuery> {
        query::block_on(PreparedQuery::new(&self.queries, sql, Some(rewrite)))
    }

    /// Returns a handle to the same store whose queries can use the extension, but not the tables and views that
    /// are added to it later.
    #[doc(hidden)]
    #[must_use]
    pub fn with_extension(&self, extension: SqlExtension) -> Self {
        let mut db = self.clone();
        db.queries = db.queries.with_extension(extension);
        db
    }

    /// Returns a handle to the same store whose queries have these options. It is cheap, so a server
    /// can create one per request.
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

    /// Returns the same store with additional views. A view can use tables of
    /// [`with_tables`](Self::with_tables) and views before it.
    ///
    /// Each view is planned once, to compare its columns with the declared ones.
    ///
    /// # Errors
    ///
    /// [`Error::TableExists`] if there is already a table or view with the name. [`Error::InvalidView`]
    /// if the view's SQL is not a query that can be planned, has parameters, or returns other columns
    /// than declared.
    pub fn with_views(&self, views: &[&'static View]) -> Result<Self> {
        let mut db = self.clone();
        for &view in views {
            let is_table = db.tables().iter().any(|table| table.name() == view.name());
            if is_table || db.views().iter().any(|known| known.name() == view.name()) {
                return Err(Error::TableExists { name: view.name().to_owned() });
            }
            // Planned without itself and the views after it, so that no view can depend on itself.
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

    /// Returns the view with the name.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTable`], with the nearest names of tables and views.
    pub fn find_view(&self, name: &str) -> Result<&'static View> {
        let found = self.views().iter().copied().find(|view| view.name() == name);
        found.ok_or_else(|| {
            let tables = self.tables().iter().map(|table| table.name());
            let names = tables.chain(self.views().iter().map(|view| view.name()));
            Error::UnknownTable {
                name: name.to_owned(),
                nearest: nearest(name, names),
                position: None,
            }
        })
    }

    /// Returns a DataFusion session with every table and view, for your own analysis. Unlike
    /// [`query`](Self::query), it is not limited to reading, and each scan in it sees what is committed
    /// when it is planned.
    ///
    /// Queries in it run on the caller's threads without a timeout, and the size of a statement is not
    /// limited. All its queries share the memory limit of this handle's
    /// [`query_options`](Self::query_options). Some thousand operators in a row overflow a stack of 2
    /// MiB, which ends the process, so do not run untrusted SQL in it.
    ///
    /// # Errors
    ///
    /// [`Error::Query`] if DataFusion rejects a table.
    pub fn session(&self) -> Result<SessionContext> {
        self.queries.sessions().for_user(self.query_options())
    }

    /// Returns the provider of a table, to register in your own session. Each scan sees what is
    /// committed when it is planned.
    ///
    /// Your session plans queries with its own rules. Those of [`session`](Self::session) avoid bugs of
    /// DataFusion that change answers; without them, a table gives the same answers as a table in
    /// memory. A scan evaluates filters itself, and reads no further than a limit needs if rows are
    /// sorted by id or time. But `min` and `max` of these columns read all rows, as does a limited sort
    /// above a union or above computed columns, and a join does not look up the keys of its other side.
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
        Ok(self.queries.sessions().table(table, self.query_options()))
    }
}
