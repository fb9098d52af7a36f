//! The thread that seals segments.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::table::Table;

/// Seals the segments of a store in the background. Dropping it stops the thread and waits for it. The
/// thread stores the segments that it has encoded, and the next process to complete a segment seals the
/// others.
#[derive(Debug, Default)]
pub(super) struct Sealer {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    stops: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// The tables that have had segments completed since they were last looked at.
    tables: Vec<&'static Table>,
    /// The thread that was started last.
    thread: Option<JoinHandle<()>>,
    is_running: bool,
}

impl Sealer {
    /// Calls `seal` for the table on a thread, with a function that says when to stop. If no
    /// thread can be started, nothing is sealed now.
    pub(super) fn start(
        &self,
        table: &'static Table,
        seal: impl Fn(&'static Table, &dyn Fn() -> bool) + Send + 'static,
    ) {
        let mut state = self.shared.lock();
        if !state.tables.contains(&table) {
            state.tables.push(table);
        }
        if state.is_running {
            return;
        }
        if let Some(ended) = state.thread.take() {
            let _ = ended.join();
        }
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name("netsky-sealer".to_owned());
        if let Ok(thread) = thread.spawn(move || shared.run(seal)) {
            state.is_running = true;
            state.thread = Some(thread);
        }
    }

    /// Waits until the thread has sealed what it was started for.
    pub(super) fn wait(&self) {
        let thread = self.shared.lock().thread.take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Sealer {
    fn drop(&mut self) {
        self.shared.stops.store(true, Ordering::Relaxed);
        self.wait();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, seal: impl Fn(&'static Table, &dyn Fn() -> bool)) {
        let stops = || self.stops.load(Ordering::Relaxed);
        loop {
            let tables = {
                let mut state = self.lock();
                if state.tables.is_empty() {
                    state.is_running = false;
                    return;
                }
                mem::take(&mut state.tables)
            };
            tables.into_iter().for_each(|table| seal(table, &stops));
        }
    }
}
