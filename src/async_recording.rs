//! Recording from asynchronous code: calls return futures and never block the executor.

use std::ops::Range;

use std::future::ready;

use futures_core::future::BoxFuture;

use crate::appender::Appender;
use crate::db::Db;
use crate::error::Result;
use crate::row::{EncodedRow, RowSpool};
use crate::table::Record;

/// Recording from asynchronous code, in any executor.
///
/// The calls encode their rows at once; nothing else happens before the future is polled. Calls
/// that are awaited at the same time share commits, like calls of several threads. Dropping a
/// future before it is ready abandons the write: if it is still waiting for its turn, nothing is
/// stored; if its rows are being committed, they may be stored. Neither blocks the caller or other
/// calls.
impl Db {
    /// Like [`record`](Self::record), without blocking. The row is durable when the future is
    /// ready.
    ///
    /// ```
    /// use chrono::Utc;
    /// use futures::future::try_join_all;
    /// use netsky_db::{Db, TickRecord};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> netsky_db::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("meta.db");
    /// let db = Db::open_path(path)?;
    /// let tick = TickRecord { ts_utc: Utc::now(), source: "probe", detail_json: "{}" };
    /// let id = db.record_async(&tick).await?;
    /// assert_eq!(id, 1);
    /// // A hundred rows in a few commits.
    /// let ids = try_join_all((0..100).map(|_| db.record_async(&tick))).await?;
    /// assert_eq!(ids.len(), 100);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`record`](Self::record).
    pub fn record_async<R: Record>(&self, record: &R) -> BoxFuture<'static, Result<i64>> {
        let mut row = EncodedRow::default();
        let encoded =
            row.encode(R::TABLE, record.values()).map_err(|error| error.into_error(R::TABLE));
        match encoded.and_then(|()| self.store()) {
            Ok(store) => Box::pin(store.append_async(R::TABLE, move |rows| rows.push(&row))),
            Err(error) => Box::pin(ready(Err(error))),
        }
    }

    /// Like [`record_all`](Self::record_all), without blocking while the rows are stored. The
    /// records are encoded before the call returns.
    ///
    /// More than 50,000 rows or 8 MiB are stored by a thread that continues if the future is
    /// dropped.
    ///
    /// # Errors
    ///
    /// Those of [`record_all`](Self::record_all).
    pub fn record_all_async<R: Record>(
        &self,
        records: impl IntoIterator<Item = R>,
    ) -> BoxFuture<'static, Result<Range<i64>>> {
        match RowSpool::of(records).and_then(|rows| Ok((self.store()?, rows))) {
            Ok((store, rows)) => Box::pin(store.append_rows_async(R::TABLE, rows)),
            Err(error) => Box::pin(ready(Err(error))),
        }
    }
}

impl Appender {
    /// Like [`commit`](Self::commit), without blocking. More than 50,000 rows or 8 MiB are stored
    /// by a thread that continues if the future is dropped.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> netsky_db::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = netsky_db::Db::open_path(dir.path().join("meta.db"))?;
    /// let mut ticks = db.appender("ticks")?;
    /// ticks.push_json(r#"{"ts_utc": "2026-04-15T23:00:00Z", "source": "a", "detail_json": "{}"}"#)?;
    /// assert_eq!(ticks.commit_async().await?, 1..2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`commit`](Self::commit).
    pub fn commit_async(self) -> BoxFuture<'static, Result<Range<i64>>> {
        let (store, table, rows) = self.into_parts();
        Box::pin(store.append_rows_async(table, rows))
    }
}
