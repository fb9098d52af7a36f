//! How far a long command is: a bar on a terminal, and nothing elsewhere.

use std::borrow::Cow;
use std::fmt::Write;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{
    HumanBytes, HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState,
    ProgressStyle,
};
use netsky_db::QueryProgress;

/// What takes less time needs no bar.
const DELAY: Duration = Duration::from_millis(500);
const REDRAW: Duration = Duration::from_millis(200);
/// What is done, where it ends, and what is not.
const CHARS: &str = "█▌ ";

/// A bar on standard error, if that is a terminal and half a second has passed. It is gone when this is
/// dropped.
pub struct Progress {
    bar: ProgressBar,
    rows: Arc<AtomicU64>,
    /// Closed, it tells the thread that shows the bar that there is no need any more.
    working: Option<Sender<()>>,
    shower: Option<JoinHandle<()>>,
}

impl Progress {
    /// The bar of a work on so many bytes, where that is known.
    pub fn of_bytes(what: impl Into<Cow<'static, str>>, total: Option<u64>) -> Self {
        match total {
            Some(total) => {
                let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
                Self::new(
                    bar.with_prefix(what),
                    "{prefix} {bar:24} {bytes}/{total_bytes}{rows} {eta}",
                )
            }
            None => {
                let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
                Self::new(bar.with_prefix(what), "{prefix} {spinner} {bytes}{rows} {elapsed}")
            }
        }
    }

    /// The bar of a work on so many rows.
    pub fn of_rows(what: impl Into<Cow<'static, str>>, total: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        Self::new(bar.with_prefix(what), "{prefix} {bar:24} {human_pos}/{human_len} rows {eta}")
    }

    /// Of a work that does not tell how far it is: for how long it has gone on.
    pub fn of_time(what: impl Into<Cow<'static, str>>) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        Self::new(bar.with_prefix(what), "{prefix} {spinner} {elapsed}")
    }

    /// The bar of a query: what its scans have read, and for how long the blocks that are left will do.
    pub fn of_query(query: QueryProgress) -> Self {
        let counts = query.clone();
        let read = move |_: &ProgressState, out: &mut dyn Write| {
            let counts = counts.counts();
            let bytes = HumanBytes(counts.json_bytes);
            let _ = match counts.rows_read {
                0 => Ok(()),
                rows => write!(out, "{} rows, {bytes}, ", HumanCount(rows)),
            };
        };
        let left = |state: &ProgressState, out: &mut dyn Write| {
            let _ = match state.len() {
                Some(_) => write!(out, "{:#} left", HumanDuration(state.eta())),
                None => write!(out, "{:#}", HumanDuration(state.elapsed())),
            };
        };
        let style = move |template: &str| {
            let style = ProgressStyle::with_template(template).ok()?.progress_chars(CHARS);
            Some(style.with_key("read", read.clone()).with_key("left", left))
        };
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        style("{spinner} {read}{left}").into_iter().for_each(|style| bar.set_style(style));
        let mut with_bar = style("{bar:24} {read}{left}");
        Self::shown_by(bar, Arc::default(), move |bar| {
            let counts = query.counts();
            // Blocks that need not be read tell nothing of how long the others take.
            let blocks = counts.blocks_total.saturating_sub(counts.blocks_skipped);
            if blocks > 0 {
                with_bar.take().into_iter().for_each(|style| bar.set_style(style));
                bar.set_length(blocks);
                bar.set_position(counts.blocks_read + counts.blocks_counted);
            }
        })
    }

    fn new(bar: ProgressBar, template: &str) -> Self {
        let rows = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&rows);
        if let Ok(style) = ProgressStyle::with_template(template) {
            let rows = move |_: &ProgressState, out: &mut dyn Write| {
                let rows = counted.load(Ordering::Relaxed);
                if rows > 0 {
                    let _ = write!(out, ", {} rows", HumanCount(rows));
                }
            };
            bar.set_style(style.progress_chars(CHARS).with_key("rows", rows));
        }
        Self::shown_by(bar, rows, |_| {})
    }

    /// `refresh` brings the bar up to date before it is drawn.
    fn shown_by(
        bar: ProgressBar,
        rows: Arc<AtomicU64>,
        mut refresh: impl FnMut(&ProgressBar) + Send + 'static,
    ) -> Self {
        let (working, done) = mpsc::channel();
        let shown = bar.clone();
        // A thread, because the work may be in a call that says nothing for long.
        let show = move || {
            let mut wait = DELAY;
            while done.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                if wait == DELAY {
                    shown.set_draw_target(ProgressDrawTarget::stderr());
                    wait = REDRAW;
                }
                refresh(&shown);
                shown.tick();
            }
        };
        // Without a thread there is no bar, and the work goes on.
        let shower = thread::Builder::new().name("netsky-progress".to_owned()).spawn(show).ok();
        Self { bar, rows, working: Some(working), shower }
    }

    /// Counts what is read.
    pub fn read<R: Read>(&self, from: R) -> impl Read + use<R> {
        self.bar.wrap_read(from)
    }

    /// So much of the work is done.
    pub fn set(&self, position: u64) {
        self.bar.set_position(position);
    }

    /// So much more of the work is done.
    pub fn add(&self, amount: u64) {
        self.bar.inc(amount);
    }

    /// So many more rows came of it.
    pub fn add_rows(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }

    /// Prints something, with the bar out of its way.
    pub fn suspend(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.working.take());
        // It might show the bar after it is cleared.
        if let Some(shower) = self.shower.take() {
            let _ = shower.join();
        }
        self.bar.finish_and_clear();
    }
}
