//! Writes to a file on one thread per process.
//!
//! A caller queues a job and waits for it, blocking or not. The thread waits for the file's write
//! lock, takes all jobs that are queued by then, and commits them together: a commit costs two disk
//! syncs, however much it writes. While its job is queued, a caller can withdraw it, and nothing of
//! the job is written. After the thread has taken the job, the caller waits until the disk has
//! finished.
//!
//! A thread waits for the lock because redb waits without a timeout. Polling for the lock instead
//! would starve if many processes write.

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

/// The work of a job in a transaction. It may run more than once: if another job of the transaction
/// fails, this one runs again in the next.
type Work = Box<dyn FnMut(&WriteTransaction) -> Result<()> + Send>;

/// Writes to one file. After it is dropped, its thread has ended or is waiting for the file's lock.
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
    /// Set when the disk fails or redb panics: the database cannot be used any more.
    failed: AtomicBool,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// The number of the next job.
    next_number: u64,
    /// The last thread that was started. It ends when there are no jobs.
    thread: Option<JoinHandle<()>>,
    phase: Phase,
}

/// The state of the thread.
#[derive(Debug, Default, PartialEq, Eq)]
enum Phase {
    /// It has ended, or will end without looking at the queue again.
    #[default]
    Ended,
    WaitsForLock,
    Writes,
}

struct Job {
    number: u64,
    work: Work,
    /// How long the caller waits for the lock, and its deadline.
    timeout: Duration,
    deadline: Option<Instant>,
    /// Sends the result to the caller. `None` once it is sent.
    done: Option<oneshot::Sender<Result<()>>>,
}

/// A queued job that its caller waits for. Dropping it withdraws the job, unless the thread has
/// already taken it.
#[derive(Debug)]
pub(super) struct PendingJob {
    shared: Arc<Shared>,
    number: u64,
    timeout: Duration,
    /// `None` if there is no deadline, or if it has passed and the thread had already taken the
    /// job.
    deadline: Option<Instant>,
    done: oneshot::Receiver<Result<()>>,
    /// Wakes an asynchronous caller at the deadline.
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

    /// Whether the writer cannot be used any more.
    pub(super) fn has_failed(&self) -> bool {
        self.shared.failed.load(Ordering::Relaxed)
    }

    /// Does the work in a transaction, which other callers may share, and returns once it is
    /// durable.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if the lock was not acquired in time; nothing has been done then. The work's
    /// own errors, [`Error::Damaged`] if redb panicked, and [`Error::Storage`]; nothing of the work
    /// is stored then. [`Error::CommitUncertain`] if the commit itself failed.
    pub(super) fn write<T: Send + 'static>(
        &self,
        timeout: Duration,
        work: impl FnMut(&WriteTransaction) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (pending, answer) = self.submit(timeout, work);
        pending.wait()?;
        take_answer(&answer)
    }

    /// Like [`write`](Self::write), without blocking. The call itself queues the job.
    pub(super) fn write_async<T: Send + 'static>(
        &self,
        timeout: Duration,
        work: impl FnMut(&WriteTransaction) -> Result<T> + Send + 'static,
    ) -> impl Future<Output = Result<T>> + Send + 'static {
        let (pending, answer) = self.submit(timeout, work);
        async move {
            pending.await?;
            take_answer(&answer)
        }
    }

    /// Queues a job. Its answer is set once the job has succeeded.
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

/// The value that a job's work returned.
type Answer<T> = Arc<Mutex<Option<T>>>;

fn take_answer<T>(answer: &Answer<T>) -> Result<T> {
    let answer = locked(answer).take();
    answer.ok_or_else(|| Error::Storage("the writer thread lost a result".into()))
}

impl Drop for Writer {
    fn drop(&mut self) {
        let mut queue = locked(&self.shared.queue);
        // A thread that waits for another process to release the lock is not joined. It ends when
        // it gets the lock.
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
                    let error = Error::NoThread { reason: error.to_string() };
                    self.fail(queue.jobs.drain(..), error);
                }
            }
        }
        PendingJob { shared: Arc::clone(self), number, timeout, deadline, done, timer: None }
    }

    /// Removes a job from the queue, if the thread has not taken it.
    fn withdraw(&self, number: u64) -> Option<Job> {
        let mut queue = locked(&self.queue);
        let place = queue.jobs.iter().position(|job| job.number == number)?;
        queue.jobs.remove(place)
    }

    /// Returns the error for a caller that has waited this long.
    fn busy(&self, waited: Duration) -> Error {
        // While the thread writes, it holds the lock for other callers of this process.
        let holder = match locked(&self.queue).phase {
            Phase::Writes => LockHolder::ThisProcess,
            Phase::WaitsForLock | Phase::Ended => LockHolder::OtherProcess,
        };
        Error::Busy { path: self.path.clone(), waited, holder }
    }

    /// Runs the thread. However it ends, no caller keeps waiting for it.
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

    /// Writes until the queue is empty.
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
                // redb always does this for a shared file. Without it, a file that is open
                // exclusively would have to be read completely after a crash.
                txn.set_quick_repair(true);
                Ok(txn)
            });
            locked(&self.queue).phase = Phase::Writes;
            match self.flatten(begun) {
                Ok(txn) => self.write_queued(txn),
                Err(error) => {
                    self.failed.store(true, Ordering::Relaxed);
                    let jobs: Vec<Job> = locked(&self.queue).jobs.drain(..).collect();
                    self.fail(jobs, error);
                }
            }
        }
    }

    /// Writes the queued jobs. If one fails, only its caller gets the error: the others go back
    /// into the queue.
    fn write_queued(&self, txn: WriteTransaction) {
        let mut jobs = mem::take(&mut locked(&self.queue).jobs);
        for index in 0..jobs.len() {
            let done = caught(|| (jobs[index].work)(&txn));
            if done.is_err() {
                // redb's data in memory may be half changed.
                self.failed.store(true, Ordering::Relaxed);
            }
            if let Err(error) = self.flatten(done) {
                if is_disk_error(&error) {
                    // redb refuses all further work with a file after an operation on it has
                    // failed.
                    self.failed.store(true, Ordering::Relaxed);
                }
                let undone = caught(|| txn.abort().map_err(Error::from));
                if let Some(mut failed) = jobs.remove(index) {
                    failed.finish(Err(error));
                }
                match self.flatten(undone) {
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
            // redb rolled back for a reason that the work should have reported.
            Ok(Err(error)) => return self.fail(jobs, error.into()),
            Err(panic) => Arc::new(panicked(&self.path, &panic)),
        };
        self.failed.store(true, Ordering::Relaxed);
        for mut job in jobs {
            job.finish(Err(Error::CommitUncertain(Box::new(Arc::clone(&failure)))));
        }
    }

    /// Returns the result of a call into redb that may have panicked.
    fn flatten<T>(&self, called: Result<Result<T>, String>) -> Result<T> {
        match called {
            Ok(result) => result.map_err(|error| damage_or(&self.path, error)),
            Err(panic) => Err(panicked(&self.path, &panic)),
        }
    }

    /// Ends all of these jobs with one error.
    fn fail(&self, jobs: impl IntoIterator<Item = Job>, error: Error) {
        let error = Arc::new(damage_or(&self.path, error));
        for mut job in jobs {
            let error = match &*error {
                Error::Damaged { path, reason } => {
                    Error::Damaged { path: path.clone(), reason: reason.clone() }
                }
                Error::NoThread { reason } => Error::NoThread { reason: reason.clone() },
                _ => Error::Storage(Box::new(SharedError(Arc::clone(&error)))),
            };
            job.finish(Err(error));
        }
    }

    /// Puts jobs back at the front of the queue. A job whose deadline passed after the thread had
    /// taken it is not retried: its caller gets [`Error::Busy`].
    fn put_back(&self, jobs: VecDeque<Job>) {
        let late = {
            let mut queue = locked(&self.queue);
            // Read the clock under the lock: if a caller timed out and did not find its job in the
            // queue, its deadline has passed by now.
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
    /// Sends the result to the caller, which may not be waiting any more. Only the first result
    /// counts.
    fn finish(&mut self, result: Result<()>) {
        if let Some(done) = self.done.take() {
            let _ = done.send(result);
        }
    }
}

impl PendingJob {
    /// Blocks until the job is done, or until the deadline if the thread has not taken the job by
    /// then.
    ///
    /// Parks the thread, because an executor's `block_on` panics inside another executor, and
    /// callers may be in one.
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
        // If the job was dropped without a result, its caller must not wait for ever.
        Poll::Ready(done.unwrap_or_else(|oneshot::Canceled| Err(lost())))
    }

    /// Handles a passed deadline. If the thread has already taken the job, the caller waits for its
    /// end, which comes as soon as the disk has finished.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if the job was still queued. It is withdrawn and never runs.
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

/// If a job is lost, its caller must not wait for ever.
impl Drop for Job {
    fn drop(&mut self) {
        self.finish(Err(lost()));
    }
}

fn lost() -> Error {
    Error::Storage("the writer thread ended without a result".into())
}

/// An error that several callers share.
#[derive(Debug)]
struct SharedError(Arc<Error>);

impl std::fmt::Display for SharedError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &*self.0 {
            // The text becomes part of another `Error::Storage`.
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

/// Whether a disk operation has failed, for example because a file cannot grow.
fn is_disk_error(error: &Error) -> bool {
    let Error::Storage(inner) = error else { return false };
    let redb_error = inner.downcast_ref::<redb::Error>();
    matches!(redb_error, Some(redb::Error::Io(_) | redb::Error::PreviousIo))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic can only leave its own job half done.
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

    /// Holds the file's write lock like another process until `then` drops the sender.
    fn while_another_writes<T>(dir: &TempDir, then: impl FnOnce(mpsc::Sender<()>) -> T) -> T {
        let other = open(&dir.path().join("db"));
        let (release, released) = mpsc::channel();
        thread::scope(|scope| {
            let txn = other.begin_write().unwrap();
            let held = scope.spawn(move || {
                let _ = released.recv();
                txn.abort().unwrap();
            });
            let value = then(release);
            held.join().unwrap();
            value
        })
    }

    /// Waits until this many jobs are queued.
    fn wait_until_queued(writer: &Writer, jobs: usize) {
        while locked(&writer.shared.queue).jobs.len() < jobs {
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn queued_jobs_share_one_commit() {
        let (dir, writer) = writer();
        while_another_writes(&dir, |release| {
            thread::scope(|scope| {
                for key in 0..16 {
                    let shared = Arc::clone(&writer.shared);
                    let writer = &writer;
                    scope.spawn(move || {
                        let committed = writer.write(LONG, move |txn| {
                            insert(txn, key)?;
                            Ok(rows(&shared.db).len())
                        });
                        assert_eq!(committed.unwrap(), 0, "another job was committed before");
                    });
                }
                wait_until_queued(&writer, 16);
                drop(release);
            });
        });
        assert_eq!(rows(writer.db()), (0..16).collect::<Vec<_>>());
    }

    #[test]
    fn failed_jobs_do_not_affect_others() {
        let (dir, writer) = writer();
        while_another_writes(&dir, |release| {
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
                wait_until_queued(&writer, 9);
                drop(release);
            });
        });
        assert_eq!(rows(writer.db()), [0, 1, 2, 4, 6, 7, 8]);
    }

    #[test]
    fn timed_out_jobs_write_nothing() {
        let (dir, writer) = writer();
        while_another_writes(&dir, |release| {
            let given_up = writer.write(Duration::from_millis(20), |txn| insert(txn, 1));
            let other = LockHolder::OtherProcess;
            assert!(matches!(given_up, Err(Error::Busy { holder, .. }) if holder == other));
            drop(release);
        });
        writer.write(LONG, |txn| insert(txn, 2)).unwrap();
        assert_eq!(rows(writer.db()), [2]);
    }

    #[test]
    fn callers_wait_for_running_jobs() {
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
    fn dropping_the_writer_releases_the_file() {
        let (dir, writer) = writer();
        for key in 0..50 {
            writer.write(LONG, move |txn| insert(txn, key)).unwrap();
        }
        drop(writer);
        // The default mode fails to open a file that another handle has open.
        let path = dir.path().join("db");
        assert_eq!(rows(&Builder::new().open(path).unwrap()).len(), 50);
    }

    /// Polls a future once, and checks that it is still pending.
    fn polled<T>(
        future: impl Future<Output = T> + Send + 'static,
    ) -> Pin<Box<dyn Future<Output = T> + Send>> {
        let mut future: Pin<Box<dyn Future<Output = T> + Send>> = Box::pin(future);
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        future
    }

    #[test]
    fn queued_futures_share_one_commit() {
        let (dir, writer) = writer();
        while_another_writes(&dir, |release| {
            let jobs = (0..100).map(|key| {
                let shared = Arc::clone(&writer.shared);
                polled(writer.write_async(LONG, move |txn| {
                    insert(txn, key)?;
                    Ok(rows(&shared.db).len())
                }))
            });
            let jobs: Vec<_> = jobs.collect();
            drop(release);
            for committed in block_on(join_all(jobs)) {
                assert_eq!(committed.unwrap(), 0, "another job was committed before");
            }
        });
        assert_eq!(rows(writer.db()), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn dropped_queued_futures_write_nothing() {
        let (dir, writer) = writer();
        while_another_writes(&dir, |release| {
            let dropped = polled(writer.write_async(LONG, |txn| insert(txn, 1)));
            let kept = polled(writer.write_async(LONG, |txn| insert(txn, 2)));
            drop(dropped);
            wait_until_queued(&writer, 1);
            drop(release);
            block_on(kept).unwrap();
        });
        assert_eq!(rows(writer.db()), [2]);
    }

    #[test]
    fn dropped_running_futures_do_not_affect_others() {
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
    fn futures_wait_at_most_their_timeout() {
        let (dir, writer) = writer();
        while_another_writes(&dir, |release| {
            let timeout = Duration::from_millis(20);
            let given_up = block_on(writer.write_async(timeout, |txn| insert(txn, 1)));
            let other = LockHolder::OtherProcess;
            assert!(matches!(given_up, Err(Error::Busy { holder, .. }) if holder == other));
            drop(release);
        });
        block_on(writer.write_async(LONG, |txn| insert(txn, 2))).unwrap();
        assert_eq!(rows(writer.db()), [2]);
    }

    #[test]
    fn expired_jobs_are_not_retried() {
        let (dir, writer) = writer();
        while_another_writes(&dir, |release| {
            let timeout = Duration::from_millis(500);
            let deadline = Instant::now() + timeout;
            let late = polled(writer.write_async(timeout, |txn| insert(txn, 1)));
            let fails = polled(writer.write_async(LONG, move |_| -> Result<()> {
                // By then the thread has taken the other job, and its deadline has passed.
                thread::sleep(deadline.saturating_duration_since(Instant::now()));
                Err(Error::HomeDirMissing)
            }));
            drop(release);
            assert!(matches!(block_on(fails), Err(Error::HomeDirMissing)));
            assert!(matches!(block_on(late), Err(Error::Busy { .. })));
        });
        assert_eq!(rows(writer.db()), [0_u64; 0]);
    }
}
