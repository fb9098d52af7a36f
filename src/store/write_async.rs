//! Writes that do not block: the caller awaits the commit.

use std::future::Future;
use std::ops::Range;
use std::thread;
use std::time::Instant;

use futures_channel::oneshot;
use redb::WriteTransaction;

use crate::error::{Error, Result};
use crate::row::RowSpool;
use crate::store::append::{Completed, TableAppender, append};
use crate::store::staging::{append_spool, with_follow_up};
use crate::store::{Store, Work};
use crate::table::Table;

impl Store {
    /// Like [`append`](Self::append), without blocking. Nothing happens before the future is
    /// polled.
    pub(crate) fn append_async<T: Send + 'static>(
        &self,
        table: &'static Table,
        mut fill: impl FnMut(&mut TableAppender<'_>) -> Result<T> + Send + 'static,
    ) -> impl Future<Output = Result<T>> + Send + 'static {
        let store = self.clone();
        let work = move |txn: &WriteTransaction, completed: &mut Completed| {
            append(txn, table, completed, &mut fill)
        };
        async move { store.write_and_help_async(work).await }
    }

    /// Like [`append_rows`](Self::append_rows), without blocking. Nothing happens before the future
    /// is polled.
    pub(crate) fn append_rows_async(
        &self,
        table: &'static Table,
        mut rows: RowSpool,
    ) -> impl Future<Output = Result<Range<i64>>> + Send + 'static {
        let store = self.clone();
        async move {
            if Self::is_staged(&rows) {
                return on_thread(move || store.append_rows(table, rows)).await;
            }
            let work = move |txn: &WriteTransaction, completed: &mut Completed| {
                append_spool(txn, table, completed, &mut rows)
            };
            store.write_and_help_async(work).await
        }
    }

    async fn write_and_help_async<T: Send + 'static>(
        self,
        work: impl FnMut(&WriteTransaction, &mut Completed) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (value, follow_up) = self.write_async(with_follow_up(work)).await?;
        follow_up.completed.iter().for_each(|table| self.start_sealing(table));
        if follow_up.import_is_abandoned {
            // The caller's rows are stored, so it need not wait while rows of others are moved.
            let helping = thread::Builder::new().name("netsky-helper".to_owned());
            let _ = helping.spawn(move || self.help_abandoned_import());
        }
        Ok(value)
    }

    /// Like [`write`](Self::write), without blocking.
    async fn write_async<T: Send + 'static>(
        &self,
        work: impl FnMut(&WriteTransaction) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let timeout = self.connection.options().busy_timeout;
        let deadline = Instant::now().checked_add(timeout);
        let work = Work::new(work);
        // Nearly always, the handle is ready.
        if let Some(handle) = self.connection.ready_handle()
            && let Some(writer) = handle.writer()
        {
            let id = handle.file_id();
            let written = writer.write_async(timeout, self.work_on(id, &work)).await;
            if let Some(result) = self.result(written, id, deadline) {
                return result;
            }
        }
        // Opening a file blocks.
        let store = self.clone();
        on_thread(move || store.write_until(deadline, move |txn| work.run(txn))).await
    }
}

/// Runs a blocking call on its own thread. The call continues even if the future is dropped.
async fn on_thread<T: Send + 'static>(
    call: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (sender, receiver) = oneshot::channel();
    let spawned = thread::Builder::new()
        .name("netsky-opener".to_owned())
        // A failed send means that the caller has dropped the future.
        .spawn(move || drop(sender.send(call())));
    spawned.map_err(|error| Error::NoThread { reason: error.to_string() })?;
    let lost = |oneshot::Canceled| Error::Storage("a thread ended without a result".into());
    receiver.await.unwrap_or_else(|canceled| Err(lost(canceled)))
}
