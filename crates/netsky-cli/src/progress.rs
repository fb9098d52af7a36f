//! Progress bars of long commands on a terminal.

use std::borrow::Cow;
use std::fmt::{self, Write};
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
/// The width of a bar.
const CELLS: usize = 24;
/// Shown in turn where the amount of work is not known.
const SPINNER: [char; 8] = ['⠁', '⠂', '⠄', '⡀', '⢀', '⠠', '⠐', '⠈'];

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
    /// A bar for a number of bytes to import, if that is known.
    pub fn of_bytes(what: impl Into<Cow<'static, str>>, total: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        let rows = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&rows);
        set_line(&bar, "{prefix} ", "storing, ", move |state, out| {
            write!(out, "{}", HumanBytes(state.pos()))?;
            if let Some(total) = state.len() {
                write!(out, "/{}", HumanBytes(total))?;
            }
            match counted.load(Ordering::Relaxed) {
                0 => write!(out, ", "),
                rows => write!(out, ", {} rows, ", HumanCount(rows)),
            }
        });
        Self::refreshed_by(bar.with_prefix(what), rows, |_| {})
    }

    /// A bar for a number of rows.
    pub fn of_rows(what: impl Into<Cow<'static, str>>, total: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        set_line(&bar, "{prefix} ", "finishing, ", |state, out| {
            let (done, total) = (HumanCount(state.pos()), HumanCount(state.len().unwrap_or(0)));
            write!(out, "{done}/{total} rows, ")
        });
        Self::refreshed_by(bar.with_prefix(what), Arc::default(), |_| {})
    }

    /// The bar of a query: what its scans have read, and an estimate from the remaining blocks.
    pub fn of_query(query: QueryProgress) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let counts = query.clone();
        set_line(&bar, "", "computing, ", move |_, out| {
            let counts = counts.counts();
            match counts.rows_read {
                0 => Ok(()),
                _ => write!(out, "{}, ", rows_and_bytes(counts.rows_read, counts.bytes_scanned)),
            }
        });
        Self::refreshed_by(bar, Arc::default(), move |bar| {
            let counts = query.counts();
            // Pruned blocks take no time, so they would distort the estimate.
            let blocks = counts.blocks_total.saturating_sub(counts.blocks_pruned);
            if blocks > 0 {
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
    bar.set_prefix(match stage {
        Stage::Pages => "checking pages".to_owned(),
        Stage::Rows => format!("{doing} rows"),
        Stage::End => "finishing".to_owned(),
    });
    set_line(bar, "{prefix} ", "", move |_, out| {
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
    });
    // The speed of reading pages does not predict that of reading rows.
    bar.reset_eta();
}

fn rows_and_bytes(rows: u64, bytes: u64) -> String {
    format!("{} rows, {}", HumanCount(rows), HumanBytes(bytes))
}

/// Sets the line of a bar: the gauge, what is done (`done`), and the remaining time. `then` names the work
/// after all of the input is read.
fn set_line(
    bar: &ProgressBar,
    before: &str,
    then: &'static str,
    done: impl Fn(&ProgressState, &mut dyn Write) -> fmt::Result + Clone + Send + Sync + 'static,
) {
    let gauge = |state: &ProgressState, out: &mut dyn Write| {
        let _ = out.write_str(&gauge(state.pos(), state.len(), state.elapsed()));
    };
    let done = move |state: &ProgressState, out: &mut dyn Write| {
        let _ = done(state, out);
    };
    let left = move |state: &ProgressState, out: &mut dyn Write| {
        let time = left(state.pos(), state.len(), state.eta(), state.elapsed());
        let then = if is_full(state.pos(), state.len()) { then } else { "" };
        let _ = write!(out, "{then}{time}");
    };
    if let Ok(style) = ProgressStyle::with_template(&format!("{before}{{gauge}} {{done}}{{left}}"))
    {
        bar.set_style(style.with_key("gauge", gauge).with_key("done", done).with_key("left", left));
    }
}

fn is_full(position: u64, length: Option<u64>) -> bool {
    length.is_some_and(|length| position >= length)
}

/// A bar, or a spinner if the amount is not known or all is read: a full bar would promise the end.
fn gauge(position: u64, length: Option<u64>, elapsed: Duration) -> String {
    match length {
        Some(length) if position < length => {
            let halves = (2.0 * CELLS as f64 * position as f64 / length as f64) as usize;
            let bar = "█".repeat(halves / 2) + if halves % 2 == 1 { "▌" } else { "" };
            format!("{bar:<CELLS$}")
        }
        _ => {
            SPINNER[(elapsed.as_millis() / REDRAW.as_millis()) as usize % SPINNER.len()].to_string()
        }
    }
}

/// The remaining time. It is the elapsed time if the amount is not known, or if the rest takes less than
/// a second: work that stops there would show "0s left" all the while.
fn left(position: u64, length: Option<u64>, eta: Duration, elapsed: Duration) -> String {
    const SECOND: Duration = Duration::from_secs(1);
    match length {
        Some(length) if position < length && eta >= SECOND => {
            format!("{:#} left", HumanDuration(eta))
        }
        _ => format!("{:#}", HumanDuration(elapsed)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_says_that_no_time_is_left() {
        let left = |position, length, eta: u64| {
            left(position, length, Duration::from_millis(eta), Duration::from_secs(7))
        };
        assert_eq!(left(5, Some(10), 3_000), "3s left");
        for (position, length, eta) in
            [(9, Some(10), 400), (9, Some(10), 0), (10, Some(10), 0), (5, None, 0), (0, Some(0), 0)]
        {
            assert_eq!(left(position, length, eta), "7s");
        }
    }

    #[test]
    fn a_full_bar_becomes_a_spinner() {
        let gauge = |position, length| gauge(position, length, Duration::ZERO);
        assert_eq!(gauge(0, Some(48)), " ".repeat(CELLS));
        assert_eq!(gauge(3, Some(48)).trim_end(), "█▌");
        assert_eq!(gauge(47, Some(48)).trim_end(), "█".repeat(23) + "▌");
        for full in [gauge(48, Some(48)), gauge(60, Some(48)), gauge(5, None), gauge(0, Some(0))] {
            assert_eq!(full, "⠁");
        }
    }
}
