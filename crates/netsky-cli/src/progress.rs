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
use netsky_db::{MaintenanceCounts, MaintenanceProgress, QueryProgress};

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

    /// The bar of a query: what its scans have read, and for how long the blocks that are left will do.
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
        Self::shown_by(bar, Arc::default(), move |bar| {
            let counts = query.counts();
            // Blocks that need not be read tell nothing of how long the others take.
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

    /// The bar of a check or a copy, which looks over the pages of a file first and then does to its rows
    /// what `doing` says.
    pub fn of_care(doing: &'static str, care: MaintenanceProgress) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let mut shown = None;
        Self::shown_by(bar, Arc::default(), move |bar| {
            let counts = care.counts();
            let stage = Stage::of(counts);
            if shown != Some(stage) {
                show_stage(bar, stage, doing, care.clone());
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

/// What is done for a store at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Pages,
    Rows,
    /// What follows the last row, as to bring a copy to the disk.
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

fn show_stage(bar: &ProgressBar, stage: Stage, doing: &str, care: MaintenanceProgress) {
    let read = move |out: &mut dyn Write| {
        let counts = care.counts();
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
    // How fast pages are read tells nothing of rows.
    bar.reset_eta();
}

fn rows_and_bytes(rows: u64, bytes: u64) -> String {
    format!("{} rows, {}", HumanCount(rows), HumanBytes(bytes))
}

/// Draws the bar by a template in which `{read}` is what was read and `{left}` the time that it will take,
/// or has taken if nobody knows.
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
        // It might show the bar after it is cleared.
        if let Some(shower) = self.shower.take() {
            let _ = shower.join();
        }
        self.bar.finish_and_clear();
    }
}
