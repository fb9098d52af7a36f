//! The one thread of a process that writes to a file.
//!
//! A caller that has something to write hands over a job and waits, blocking or not. The thread waits for
//! the file's write lock, takes all jobs that are in the queue by then, and commits them together: a
//! commit costs two syncs of the disk, however much it writes. While its job is in the queue a caller can
//! take it back, and then nothing of the job is written; afterwards it waits for the end, which comes as
//! soon as the disk is done.
//!
//! The lock is waited for on a thread because redb's wait has no end of its own. To ask for it again
//! and again without waiting would starve where many processes write.

use std::collections::VecDeque;
use std::mem;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use futures_channel::oneshot;
use futures_core::future::FusedFuture;
use futures_timer::Delay;
use redb::{CommitError, Database, WriteTransaction};

use crate::error::{Error, LockHolder, Result};
use crate::store::unwind::{Guarded, caught, damage_or, panicked};

/// What is to be done in a transaction. It may be done again: when another job of the transaction
/// fails, this one goes into the next.
type Work = Box<dyn FnMut(&WriteTransaction) -> Result<()> + Send>;

/// Writes to one file. When it is dropped, its thread has ended or waits for the file's lock.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    db: Guarded<Database>,
    /// The store's file, for errors.
    path: PathBuf,
    queue: Mutex<Queue>,
    /// Set when the disk fails, or redb panics: no further work can be done with the database.
    failed: AtomicBool,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// The number of the next job.
    next_number: u64,
    /// The thread that was started last. It ends when there are no jobs.
    thread: Option<JoinHandle<()>>,
    phase: Phase,
}

/// What the thread does.
#[derive(Debug, Default, PartialEq, Eq)]
enum Phase {
    /// It has ended, or is about to without another look at the queue.
    #[default]
    Ended,
    WaitsForLock,
    Writes,
}

struct Job {
    number: u64,
    work: Work,
    /// How long its caller waits for the lock, and until when.
    timeout: Duration,
    deadline: Option<Instant>,
    /// Where the caller waits. `None` once it has the result.
    done: Option<oneshot::Sender<Result<()>>>,
}

/// A job that was handed over, for its caller to wait for. If it is dropped, nothing of the job is
/// written, unless the job was taken before.
#[derive(Debug)]
pub(super) struct PendingJob {
    shared: Arc<Shared>,
    number: u64,
    timeout: Duration,
    /// `None` if there is none, or if it has passed and the job was taken before.
    deadline: Option<Instant>,
    done: oneshot::Receiver<Result<()>>,
    /// What wakes an asynchronous caller at the deadline.
    timer: Option<Delay>,
}

impl Writer {
    pub(super) fn new(db: Database, path: &Path) -> Self {
        Self {
            shared: Arc::new(Shared {
                db: Guarded::new(db),
                path: path.to_owned(),
                queue: Mutex::default(),
                failed: AtomicBool::new(false),
            }),
        }
    }

    pub(super) fn db(&self) -> &Database {
        &self.shared.db
    }

    /// Whether no further work can be done with it.
    pub(super) fn has_failed(&self) -> bool {
        self.shared.failed.load(Ordering::Relaxed)
    }

    /// Does the work in a transaction, together with others' work, and returns once it is durable.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if the lock was not to be had in time: then nothing has been done. The work's own
    /// errors; [`Error::Damaged`] if redb panicked, [`Error::Storage`]: nothing of the work is stored.
    /// [`Error::CommitUncertain`] if the commit itself failed.
    pub(super) fn write<T: Send + 'static>(
        &self,
        timeout: Duration,
        work: impl FnMut(&WriteTransaction) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (pending, answer) = self.submit(timeout, work);
        pending.wait()?;
        taken(&answer)
    }

    /// As [`write`](Self::write), without blocking. The job is handed over by the call.
    pub(super) fn write_async<T: Send + 'static>(
        &self,
        timeout: Duration,
        work: impl FnMut(&WriteTransaction) -> Result<T> + Send + 'static,
    ) -> impl Future<Output = Result<T>> + Send + 'static {
        let (pending, answer) = self.submit(timeout, work);
        async move {
            pending.await?;
            taken(&answer)
        }
    }

    /// Hands a job over. Its answer is there once the job is done without an error.
    fn submit<T: Send + 'static>(
        &self,
        timeout: Duration,
        mut work: impl FnMut(&WriteTransaction) -> Result<T> + Send + 'static,
    ) -> (PendingJob, Answer<T>) {
        let answer = Answer::<T>::default();
        let answered = Arc::clone(&answer);
        let work = Box::new(move |txn: &WriteTransaction| {
            let value = work(txn)?;
            *locked(&answered) = Some(value);
            Ok(())
        });
        (self.shared.enqueue(work, timeout), answer)
    }
}

/// What the work of a job returned.
type Answer<T> = Arc<Mutex<Option<T>>>;

fn taken<T>(answer: &Answer<T>) -> Result<T> {
    let answer = locked(answer).take();
    answer.ok_or_else(|| Error::Storage("the writing thread lost an answer".into()))
}

impl Drop for Writer {
    fn drop(&mut self) {
        let mut queue = locked(&self.shared.queue);
        // A thread that waits for another process's lock ends when it gets it.
        let thread = queue.thread.take();
        if let Some(thread) = thread.filter(|_| queue.phase != Phase::WaitsForLock) {
            drop(queue);
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn enqueue(self: &Arc<Self>, work: Work, timeout: Duration) -> PendingJob {
        let (sender, done) = oneshot::channel();
        let deadline = Instant::now().checked_add(timeout);
        let mut queue = locked(&self.queue);
        let number = queue.next_number;
        queue.next_number += 1;
        queue.jobs.push_back(Job { number, work, timeout, deadline, done: Some(sender) });
        if queue.phase == Phase::Ended {
            if let Some(ended) = queue.thread.take() {
                let _ = ended.join();
            }
            let shared = Arc::clone(self);
            let spawned =
                thread::Builder::new().name("netsky-writer".to_owned()).spawn(move || shared.run());
            match spawned {
                Ok(thread) => {
                    queue.thread = Some(thread);
                    queue.phase = Phase::Writes;
                }
                Err(error) => {
                    let error = Error::io("start the writer thread in", ".")(error);
                    self.fail(queue.jobs.drain(..), error);
                }
            }
        }
        PendingJob { shared: Arc::clone(self), number, timeout, deadline, done, timer: None }
    }

    /// Takes a job back, if it still waits for the lock.
    fn withdraw(&self, number: u64) -> Option<Job> {
        let mut queue = locked(&self.queue);
        let place = queue.jobs.iter().position(|job| job.number == number)?;
        queue.jobs.remove(place)
    }

    /// What a caller is told who has waited for so long.
    fn busy(&self, waited: Duration) -> Error {
        // While it writes, the writing thread has the lock, for other callers.
        let holder = match locked(&self.queue).phase {
            Phase::Writes => LockHolder::ThisProcess,
            Phase::WaitsForLock | Phase::Ended => LockHolder::OtherProcess,
        };
        Error::Busy { path: self.path.clone(), waited, holder }
    }

    /// What the thread does. However it ends, nobody waits for it any more.
    fn run(&self) {
        if let Err(panic) = caught(|| self.write_all()) {
            self.failed.store(true, Ordering::Relaxed);
            let mut queue = locked(&self.queue);
            queue.phase = Phase::Ended;
            let jobs: Vec<Job> = queue.jobs.drain(..).collect();
            drop(queue);
            self.fail(jobs, panicked(&self.path, &panic));
        }
    }

    /// Writes until there is nothing to write.
    fn write_all(&self) {
        loop {
            {
                let mut queue = locked(&self.queue);
                if queue.jobs.is_empty() {
                    queue.phase = Phase::Ended;
                    return;
                }
                queue.phase = Phase::WaitsForLock;
            }
            let begun = caught(|| {
                let mut txn = self.db.begin_write()?;
                // A file that is shared is written so anyway. One that this process has for itself
                // would else have to be read through after a crash.
                txn.set_quick_repair(true);
                Ok(txn)
            });
            locked(&self.queue).phase = Phase::Writes;
            match self.flattened(begun) {
                Ok(txn) => self.write_waiting(txn),
                Err(error) => {
                    self.failed.store(true, Ordering::Relaxed);
                    let jobs: Vec<Job> = locked(&self.queue).jobs.drain(..).collect();
                    self.fail(jobs, error);
                }
            }
        }
    }

    /// Writes the jobs that wait. If one fails, it alone does: the others go back into the queue.
    fn write_waiting(&self, txn: WriteTransaction) {
        let mut jobs = mem::take(&mut locked(&self.queue).jobs);
        for index in 0..jobs.len() {
            let done = caught(|| (jobs[index].work)(&txn));
            if done.is_err() {
                // What redb keeps in memory may be half changed.
                self.failed.store(true, Ordering::Relaxed);
            }
            if let Err(error) = self.flattened(done) {
                if is_of_disk(&error) {
                    // redb does nothing more with a file of which an operation has failed.
                    self.failed.store(true, Ordering::Relaxed);
                }
                let undone = caught(|| txn.abort().map_err(Error::from));
                if let Some(mut failed) = jobs.remove(index) {
                    failed.finish(Err(error));
                }
                match self.flattened(undone) {
                    Ok(()) => self.put_back(jobs),
                    // Nothing of the transaction is stored.
                    Err(error) => {
                        self.failed.store(true, Ordering::Relaxed);
                        self.fail(jobs, error);
                    }
                }
                return;
            }
        }
        if jobs.is_empty() {
            // Dropping a transaction aborts it.
            if caught(|| drop(txn)).is_err() {
                self.failed.store(true, Ordering::Relaxed);
            }
            return;
        }
        let failure: Arc<dyn std::error::Error + Send + Sync> = match caught(|| txn.commit()) {
            Ok(Ok(())) => return jobs.iter_mut().for_each(|job| job.finish(Ok(()))),
            Ok(Err(CommitError::Storage(error))) => Arc::new(error),
            // Rolled back, for a reason that the work should have told.
            Ok(Err(error)) => return self.fail(jobs, error.into()),
            Err(panic) => Arc::new(panicked(&self.path, &panic)),
        };
        self.failed.store(true, Ordering::Relaxed);
        for mut job in jobs {
            job.finish(Err(Error::CommitUncertain(Box::new(Arc::clone(&failure)))));
        }
    }

    /// What a call into redb came to.
    fn flattened<T>(&self, called: Result<Result<T>, String>) -> Result<T> {
        match called {
            Ok(result) => result.map_err(|error| damage_or(&self.path, error)),
            Err(panic) => Err(panicked(&self.path, &panic)),
        }
    }

    /// Tells the callers of all these jobs of one error.
    fn fail(&self, jobs: impl IntoIterator<Item = Job>, error: Error) {
        let error = Arc::new(damage_or(&self.path, error));
        for mut job in jobs {
            let error = match &*error {
                Error::Damaged { path, reason } => {
                    Error::Damaged { path: path.clone(), reason: reason.clone() }
                }
                _ => Error::Storage(Box::new(SharedError(Arc::clone(&error)))),
            };
            job.finish(Err(error));
        }
    }

    /// Puts jobs back into the queue, before those that came later. A caller whose time was up while its
    /// job was taken does not wait for another turn.
    fn put_back(&self, jobs: VecDeque<Job>) {
        let late = {
            let mut queue = locked(&self.queue);
            // Under the lock: a caller that did not find its job in the queue is late by now.
            let now = Instant::now();
            let is_late = |job: &Job| job.deadline.is_some_and(|deadline| deadline <= now);
            let (late, waiting): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(is_late);
            for job in waiting.into_iter().rev() {
                queue.jobs.push_front(job);
            }
            late
        };
        for mut job in late {
            job.finish(Err(self.busy(job.timeout)));
        }
    }
}

impl Job {
    /// Ends the wait of its caller, who may have given up meanwhile. What was told before stands.
    fn finish(&mut self, result: Result<()>) {
        if let Some(done) = self.done.take() {
            let _ = done.send(result);
        }
    }
}

impl PendingJob {
    /// Blocks until the job is done, or was not taken before the deadline.
    ///
    /// The thread parks, because an executor's way to block panics in another executor, and callers may
    /// be in one.
    fn wait(mut self) -> Result<()> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(result) = self.poll_done(&mut context) {
                return result;
            }
            let left = self.deadline.map(|at| at.saturating_duration_since(Instant::now()));
            match left {
                Some(Duration::ZERO) => self.give_up()?,
                Some(left) => thread::park_timeout(left),
                None => thread::park(),
            }
        }
    }

    fn poll_done(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        let done = ready!(Pin::new(&mut self.done).poll(context));
        // A job ends its caller's wait even if it is lost.
        Poll::Ready(done.unwrap_or_else(|oneshot::Canceled| Err(lost())))
    }

    /// The deadline has passed. If the job was taken before, its end is waited for: it comes as soon as the
    /// disk is done.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if it was not taken, and never will be.
    fn give_up(&mut self) -> Result<()> {
        self.deadline = None;
        match self.shared.withdraw(self.number) {
            Some(_) => Err(self.shared.busy(self.timeout)),
            None => Ok(()),
        }
    }
}

impl Future for PendingJob {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        if let Poll::Ready(result) = self.poll_done(context) {
            return Poll::Ready(result);
        }
        let Some(deadline) = self.deadline else { return Poll::Pending };
        let left = deadline.saturating_duration_since(Instant::now());
        let timer = self.timer.get_or_insert_with(|| Delay::new(left));
        ready!(Pin::new(timer).poll(context));
        match self.give_up() {
            Ok(()) => Poll::Pending,
            Err(busy) => Poll::Ready(Err(busy)),
        }
    }
}

impl Drop for PendingJob {
    fn drop(&mut self) {
        if !self.done.is_terminated() {
            drop(self.shared.withdraw(self.number));
        }
    }
}

/// Wakes a thread that waits for a job.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("jobs", &self.jobs.len()).finish_non_exhaustive()
    }
}

/// A job that is lost must not leave its caller waiting.
impl Drop for Job {
    fn drop(&mut self) {
        self.finish(Err(lost()));
    }
}

fn lost() -> Error {
    Error::Storage("the writing thread ended without an answer".into())
}

/// One error that several callers get.
#[derive(Debug)]
struct SharedError(Arc<Error>);

impl std::fmt::Display for SharedError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &*self.0 {
            // It becomes the inside of such an error again.
            Error::Storage(inner) => inner.fmt(f),
            error => error.fmt(f),
        }
    }
}

impl std::error::Error for SharedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// Whether an operation of the disk has failed, as when a file cannot grow.
fn is_of_disk(error: &Error) -> bool {
    let Error::Storage(inner) = error else { return false };
    let redb_error = inner.downcast_ref::<redb::Error>();
    matches!(redb_error, Some(redb::Error::Io(_) | redb::Error::PreviousIo))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic left half done is only ever a job of its own.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Barrier;
    use std::sync::mpsc;

    use futures::executor::block_on;
    use futures::future::join_all;
    use redb::{Builder, ConcurrencyMode, ReadableDatabase, ReadableTable, TableDefinition};
    use tempfile::TempDir;

    use super::*;

    const ROWS: TableDefinition<'_, u64, u64> = TableDefinition::new("rows");
    const LONG: Duration = Duration::from_secs(60);

    fn open(path: &Path) -> Database {
        let mut builder = Builder::new();
        builder.set_concurrency_mode(ConcurrencyMode::MultiWriter).create(path).unwrap()
    }

    fn writer() -> (TempDir, Writer) {
        let dir = tempfile::tempdir().unwrap();
        let db = open(&dir.path().join("db"));
        let txn = db.begin_write().unwrap();
        txn.open_table(ROWS).unwrap();
        txn.commit().unwrap();
        (dir, Writer::new(db, Path::new("db")))
    }

    fn rows(db: &Database) -> Vec<u64> {
        let rows = db.begin_read().unwrap().open_table(ROWS).unwrap();
        rows.iter().unwrap().map(|row| row.unwrap().0.value()).collect()
    }

    fn insert(txn: &WriteTransaction, key: u64) -> Result<()> {
        txn.open_table(ROWS)?.insert(key, 0)?;
        Ok(())
    }

    /// Holds the file's write lock as another process would, until it is told to let go.
    fn while_another_writes<T>(dir: &TempDir, then: impl FnOnce(mpsc::Sender<()>) -> T) -> T {
        let other = open(&dir.path().join("db"));
        let (let_go, told) = mpsc::channel();
        thread::scope(|scope| {
            let txn = other.begin_write().unwrap();
            let held = scope.spawn(move || {
                let _ = told.recv();
                txn.abort().unwrap();
            });
            let value = then(let_go);
            held.join().unwrap();
            value
        })
    }

    /// Waits until so many jobs are queued.
    fn until_queued(writer: &Writer, jobs: usize) {
        while locked(&writer.shared.queue).jobs.len() < jobs {
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn jobs_that_wait_together_are_committed_together() {
        let (dir, writer) = writer();
        while_another_writes(&dir, |let_go| {
            thread::scope(|scope| {
                for key in 0..16 {
                    let shared = Arc::clone(&writer.shared);
                    let writer = &writer;
                    scope.spawn(move || {
                        let committed = writer.write(LONG, move |txn| {
                            insert(txn, key)?;
                            Ok(rows(&shared.db).len())
                        });
                        assert_eq!(committed.unwrap(), 0, "another was committed before");
                    });
                }
                until_queued(&writer, 16);
                drop(let_go);
            });
        });
        assert_eq!(rows(writer.db()), (0..16).collect::<Vec<_>>());
    }

    #[test]
    fn a_job_that_fails_or_panics_fails_alone_and_leaves_nothing() {
        let (dir, writer) = writer();
        while_another_writes(&dir, |let_go| {
            thread::scope(|scope| {
                for key in 0..9_u64 {
                    let writer = &writer;
                    scope.spawn(move || {
                        let written = writer.write(LONG, move |txn| {
                            insert(txn, key)?;
                            match key {
                                3 => Err(Error::HomeDirMissing),
                                5 => panic!("on purpose"),
                                _ => Ok(key),
                            }
                        });
                        match (key, written) {
                            (3, Err(Error::HomeDirMissing)) | (5, Err(Error::Damaged { .. })) => {}
                            (_, written) => assert_eq!(written.unwrap(), key),
                        }
                    });
                }
                until_queued(&writer, 9);
                drop(let_go);
            });
        });
        assert_eq!(rows(writer.db()), [0, 1, 2, 4, 6, 7, 8]);
    }

    #[test]
    fn a_caller_that_gives_up_has_nothing_written() {
        let (dir, writer) = writer();
        while_another_writes(&dir, |let_go| {
            let given_up = writer.write(Duration::from_millis(20), |txn| insert(txn, 1));
            let other = LockHolder::OtherProcess;
            assert!(matches!(given_up, Err(Error::Busy { holder, .. }) if holder == other));
            drop(let_go);
        });
        writer.write(LONG, |txn| insert(txn, 2)).unwrap();
        assert_eq!(rows(writer.db()), [2]);
    }

    #[test]
    fn a_caller_whose_job_is_taken_waits_for_its_end() {
        let (_dir, writer) = writer();
        let begun = Arc::new(Barrier::new(2));
        thread::scope(|scope| {
            let (at_work, writer) = (Arc::clone(&begun), &writer);
            let slow = scope.spawn(move || {
                writer.write(Duration::from_millis(50), move |txn| {
                    at_work.wait();
                    thread::sleep(Duration::from_millis(200));
                    insert(txn, 1)
                })
            });
            begun.wait();
            let given_up = writer.write(Duration::from_millis(20), |txn| insert(txn, 2));
            let own = LockHolder::ThisProcess;
            assert!(matches!(given_up, Err(Error::Busy { holder, .. }) if holder == own));
            slow.join().unwrap().unwrap();
        });
        assert_eq!(rows(writer.db()), [1]);
    }

    #[test]
    fn a_writer_that_is_dropped_has_let_go_of_the_file() {
        let (dir, writer) = writer();
        for key in 0..50 {
            writer.write(LONG, move |txn| insert(txn, key)).unwrap();
        }
        drop(writer);
        // Another mode does not share the file with a handle that is open.
        let path = dir.path().join("db");
        assert_eq!(rows(&Builder::new().open(path).unwrap()).len(), 50);
    }

    /// Polls a future once, which leaves it waiting.
    fn polled<T>(
        future: impl Future<Output = T> + Send + 'static,
    ) -> Pin<Box<dyn Future<Output = T> + Send>> {
        let mut future: Pin<Box<dyn Future<Output = T> + Send>> = Box::pin(future);
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        future
    }

    #[test]
    fn futures_that_wait_together_are_committed_together() {
        let (dir, writer) = writer();
        while_another_writes(&dir, |let_go| {
            let jobs = (0..100).map(|key| {
                let shared = Arc::clone(&writer.shared);
                polled(writer.write_async(LONG, move |txn| {
                    insert(txn, key)?;
                    Ok(rows(&shared.db).len())
                }))
            });
            let jobs: Vec<_> = jobs.collect();
            drop(let_go);
            for committed in block_on(join_all(jobs)) {
                assert_eq!(committed.unwrap(), 0, "another was committed before");
            }
        });
        assert_eq!(rows(writer.db()), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_future_dropped_while_it_waits_writes_nothing() {
        let (dir, writer) = writer();
        while_another_writes(&dir, |let_go| {
            let dropped = polled(writer.write_async(LONG, |txn| insert(txn, 1)));
            let kept = polled(writer.write_async(LONG, |txn| insert(txn, 2)));
            drop(dropped);
            until_queued(&writer, 1);
            drop(let_go);
            block_on(kept).unwrap();
        });
        assert_eq!(rows(writer.db()), [2]);
    }

    #[test]
    fn a_future_dropped_while_it_is_written_harms_nobody() {
        let (_dir, writer) = writer();
        let (begun, go_on) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
        let of_work = (Arc::clone(&begun), Arc::clone(&go_on));
        let written = polled(writer.write_async(LONG, move |txn| {
            of_work.0.wait();
            of_work.1.wait();
            insert(txn, 1)
        }));
        begun.wait();
        drop(written);
        let next = polled(writer.write_async(LONG, |txn| insert(txn, 2)));
        go_on.wait();
        block_on(next).unwrap();
        assert_eq!(rows(writer.db()), [1, 2]);
    }

    #[test]
    fn a_future_waits_no_longer_than_its_timeout() {
        let (dir, writer) = writer();
        while_another_writes(&dir, |let_go| {
            let timeout = Duration::from_millis(20);
            let given_up = block_on(writer.write_async(timeout, |txn| insert(txn, 1)));
            let other = LockHolder::OtherProcess;
            assert!(matches!(given_up, Err(Error::Busy { holder, .. }) if holder == other));
            drop(let_go);
        });
        block_on(writer.write_async(LONG, |txn| insert(txn, 2))).unwrap();
        assert_eq!(rows(writer.db()), [2]);
    }

    #[test]
    fn a_job_whose_time_is_up_gets_no_second_turn() {
        let (dir, writer) = writer();
        while_another_writes(&dir, |let_go| {
            let timeout = Duration::from_millis(500);
            let deadline = Instant::now() + timeout;
            let late = polled(writer.write_async(timeout, |txn| insert(txn, 1)));
            let fails = polled(writer.write_async(LONG, move |_| -> Result<()> {
                // By then the other is taken, and its time is up.
                thread::sleep(deadline.saturating_duration_since(Instant::now()));
                Err(Error::HomeDirMissing)
            }));
            drop(let_go);
            assert!(matches!(block_on(fails), Err(Error::HomeDirMissing)));
            assert!(matches!(block_on(late), Err(Error::Busy { .. })));
        });
        assert_eq!(rows(writer.db()), [0_u64; 0]);
    }
}
