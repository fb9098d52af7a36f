//! Progress bars of long commands on a terminal.

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
use netsky_db::{MaintenanceCounts, MaintenanceProgress, QueryProgress};

/// Shorter work shows no bar.
const DELAY: Duration = Duration::from_millis(500);
const REDRAW: Duration = Duration::from_millis(200);
/// The done part, its end, and the rest.
const CHARS: &str = "█▌ ";

/// A bar on standard error, shown if that is a terminal and half a second has passed. Dropping it removes
/// the bar.
pub struct Progress {
    bar: ProgressBar,
    rows: Arc<AtomicU64>,
    /// Dropped to stop the thread that draws the bar.
    working: Option<Sender<()>>,
    drawer: Option<JoinHandle<()>>,
}

impl Progress {
    /// A bar for a number of bytes, if that is known.
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

    /// A bar for a number of rows.
    pub fn of_rows(what: impl Into<Cow<'static, str>>, total: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        Self::new(bar.with_prefix(what), "{prefix} {bar:24} {human_pos}/{human_len} rows {eta}")
    }

    /// The bar of a query: what its scans have read, and an estimate from the remaining blocks.
    pub fn of_query(query: QueryProgress) -> Self {
        let counts = query.clone();
        let read = move |out: &mut dyn Write| {
            let counts = counts.counts();
            match counts.rows_read {
                0 => Ok(()),
                _ => write!(out, "{}, ", rows_and_bytes(counts.rows_read, counts.bytes_scanned)),
            }
        };
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        set_style(&bar, "{spinner} {read}{left}", read.clone());
        let mut is_known = false;
        Self::refreshed_by(bar, Arc::default(), move |bar| {
            let counts = query.counts();
            // Pruned blocks take no time, so they would distort the estimate.
            let blocks = counts.blocks_total.saturating_sub(counts.blocks_pruned);
            if blocks > 0 {
                if !is_known {
                    set_style(bar, "{bar:24} {read}{left}", read.clone());
                    is_known = true;
                }
                bar.set_length(blocks);
                bar.set_position(counts.blocks_read + counts.blocks_counted);
            }
        })
    }

    /// The bar of a check or a copy, which first verifies the pages of a file and then processes its
    /// rows. `doing` names that second step.
    pub fn of_care(doing: &'static str, progress: MaintenanceProgress) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let mut shown = None;
        Self::refreshed_by(bar, Arc::default(), move |bar| {
            let counts = progress.counts();
            let stage = Stage::of(counts);
            if shown != Some(stage) {
                show_stage(bar, stage, doing, progress.clone());
                shown = Some(stage);
            }
            match stage {
                Stage::Pages => {
                    bar.set_length(counts.file_bytes);
                    bar.set_position(counts.page_bytes.min(counts.file_bytes));
                }
                Stage::Rows => {
                    bar.set_length(counts.rows_total);
                    bar.set_position(counts.rows);
                }
                Stage::End => bar.unset_length(),
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
        Self::refreshed_by(bar, rows, |_| {})
    }

    /// `refresh` updates the bar before it is drawn.
    fn refreshed_by(
        bar: ProgressBar,
        rows: Arc<AtomicU64>,
        mut refresh: impl FnMut(&ProgressBar) + Send + 'static,
    ) -> Self {
        let (working, done) = mpsc::channel();
        let shown = bar.clone();
        // On another thread, because the work may be inside a call that reports nothing for a long
        // time.
        let draw = move || {
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
        // If the thread cannot be started, there is no bar, and the work continues.
        let drawer = thread::Builder::new().name("netsky-progress".to_owned()).spawn(draw).ok();
        Self { bar, rows, working: Some(working), drawer }
    }

    /// Counts what is read from a reader.
    pub fn read<R: Read>(&self, from: R) -> impl Read + use<R> {
        self.bar.wrap_read(from)
    }

    /// How much of the work is done.
    pub fn position(&self) -> u64 {
        self.bar.position()
    }

    /// Sets how much of the work is done.
    pub fn set(&self, position: u64) {
        self.bar.set_position(position);
    }

    /// Adds to how much of the work is done.
    pub fn add(&self, amount: u64) {
        self.bar.inc(amount);
    }

    /// Adds to the number of rows.
    pub fn add_rows(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }

    /// Hides the bar while something is printed.
    pub fn suspend(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }
}

/// The current step of a check or a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Pages,
    Rows,
    /// After the last row, for example syncing a copy.
    End,
}

impl Stage {
    fn of(counts: MaintenanceCounts) -> Self {
        match counts.rows_total {
            0 => Self::Pages,
            total if counts.rows < total => Self::Rows,
            _ => Self::End,
        }
    }
}

fn show_stage(bar: &ProgressBar, stage: Stage, doing: &str, progress: MaintenanceProgress) {
    let read = move |out: &mut dyn Write| {
        let counts = progress.counts();
        match stage {
            Stage::Pages => {
                let (read, all) = (HumanBytes(counts.page_bytes), HumanBytes(counts.file_bytes));
                write!(out, "{read} of {all}, ")
            }
            Stage::Rows | Stage::End => {
                write!(out, "{}, ", rows_and_bytes(counts.rows, counts.row_bytes))
            }
        }
    };
    let (doing, template) = match stage {
        Stage::Pages => ("checking pages".to_owned(), "{prefix} {bar:24} {read}{left}"),
        Stage::Rows => (format!("{doing} rows"), "{prefix} {bar:24} {read}{left}"),
        Stage::End => ("finishing".to_owned(), "{prefix} {spinner} {read}{left}"),
    };
    bar.set_prefix(doing);
    set_style(bar, template, read);
    // The speed of reading pages does not predict that of reading rows.
    bar.reset_eta();
}

fn rows_and_bytes(rows: u64, bytes: u64) -> String {
    format!("{} rows, {}", HumanCount(rows), HumanBytes(bytes))
}

/// Sets the bar's template. `{read}` is what was read, and `{left}` the estimated remaining time, or
/// the elapsed time if the total is unknown.
fn set_style(
    bar: &ProgressBar,
    template: &str,
    read: impl Fn(&mut dyn Write) -> std::fmt::Result + Clone + Send + Sync + 'static,
) {
    let read = move |_: &ProgressState, out: &mut dyn Write| {
        let _ = read(out);
    };
    let left = |state: &ProgressState, out: &mut dyn Write| {
        let _ = match state.len() {
            Some(_) => write!(out, "{:#} left", HumanDuration(state.eta())),
            None => write!(out, "{:#}", HumanDuration(state.elapsed())),
        };
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars(CHARS).with_key("read", read).with_key("left", left));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.working.take());
        // Otherwise it could draw the bar after it is cleared.
        if let Some(drawer) = self.drawer.take() {
            let _ = drawer.join();
        }
        self.bar.finish_and_clear();
    }
}
