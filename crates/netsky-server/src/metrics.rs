//! `/metrics`: the store and the queries, for Prometheus.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::failure::Failure;
use crate::state::{ReadState, answering};

/// The sizes of tables need a walk over the store's pages, so they are measured this often at most.
const STORE_AGE: Duration = Duration::from_secs(5);

/// How a query has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    /// The request was wrong.
    Invalid,
    /// There was no place.
    Refused,
    Timeout,
    /// The client went away.
    Cancelled,
    Failed,
}

const OUTCOMES: [(Outcome, &str); 6] = [
    (Outcome::Ok, "ok"),
    (Outcome::Invalid, "invalid"),
    (Outcome::Refused, "refused"),
    (Outcome::Timeout, "timeout"),
    (Outcome::Cancelled, "cancelled"),
    (Outcome::Failed, "failed"),
];

impl Outcome {
    pub(crate) fn of(failure: &Failure) -> Self {
        match failure.status() {
            429 => Self::Refused,
            504 => Self::Timeout,
            400..500 => Self::Invalid,
            _ => Self::Failed,
        }
    }
}

/// What the server has done.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    outcomes: [AtomicU64; OUTCOMES.len()],
    micros: AtomicU64,
    children: AtomicU64,
    followers: AtomicU64,
}

/// Counts one until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted(Arc<Counts>, fn(&Counts) -> &AtomicU64);

impl Drop for Counted {
    fn drop(&mut self) {
        (self.1)(&self.0).fetch_sub(1, Ordering::Relaxed);
    }
}

/// A query that has begun. If it is dropped before its end, it was cancelled.
#[derive(Debug)]
pub(crate) struct Begun {
    counts: Arc<Counts>,
    at: Instant,
    outcome: Outcome,
}

impl Begun {
    pub(crate) fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let place = OUTCOMES.iter().position(|(outcome, _)| *outcome == self.outcome);
        if let Some(count) = place.and_then(|place| self.counts.outcomes.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(self.at.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.counts.micros.fetch_add(micros, Ordering::Relaxed);
    }
}

impl Counts {
    pub(crate) fn begin(self: &Arc<Self>) -> Begun {
        Begun { counts: Arc::clone(self), at: Instant::now(), outcome: Outcome::Cancelled }
    }

    pub(crate) fn child(self: &Arc<Self>) -> Counted {
        self.count(|counts| &counts.children)
    }

    pub(crate) fn follower(self: &Arc<Self>) -> Counted {
        self.count(|counts| &counts.followers)
    }

    /// How many followers there are.
    pub(crate) fn followers(&self) -> u64 {
        self.followers.load(Ordering::Relaxed)
    }

    fn count(self: &Arc<Self>, which: fn(&Counts) -> &AtomicU64) -> Counted {
        which(self).fetch_add(1, Ordering::Relaxed);
        Counted(Arc::clone(self), which)
    }

    fn print(&self, out: &mut String) {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        head(out, "netsky_queries_total", "counter", "Queries by outcome");
        for ((_, name), count) in OUTCOMES.iter().zip(&self.outcomes) {
            line(out, "netsky_queries_total", &[("outcome", name)], load(count) as f64);
        }
        head(out, "netsky_query_seconds", "summary", "The time of queries");
        line(out, "netsky_query_seconds_sum", &[], load(&self.micros) as f64 / 1e6);
        let all: u64 = self.outcomes.iter().map(load).sum();
        line(out, "netsky_query_seconds_count", &[], all as f64);
        head(out, "netsky_child_processes", "gauge", "Running child processes");
        line(out, "netsky_child_processes", &[], load(&self.children) as f64);
        head(out, "netsky_followers", "gauge", "Open streams of /events");
        line(out, "netsky_followers", &[], load(&self.followers) as f64);
    }
}

/// The metrics of the store, and when they were measured.
#[derive(Debug, Default)]
pub(crate) struct StoreMetrics(Mutex<Option<(Instant, String)>>);

pub(crate) async fn metrics(
    State(state): State<Arc<ReadState>>,
    request: axum::extract::Request,
) -> Response {
    let _answering = answering(request.extensions());
    let mut text = String::new();
    state.counts.print(&mut text);
    // Others wait for the same measurement.
    let mut measured = state.store_metrics.0.lock().await;
    let known = measured.as_ref().filter(|(at, _)| at.elapsed() < STORE_AGE);
    match known {
        Some((_, store)) => text += store,
        None => {
            let here = Arc::clone(&state);
            let store = spawn_blocking(move || store_metrics(&here)).await.unwrap_or_default();
            text += &store;
            *measured = Some((Instant::now(), store));
        }
    }
    let media_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(CONTENT_TYPE, media_type)], text).into_response()
}

fn store_metrics(state: &ReadState) -> String {
    let stats = state.open().and_then(|db| db.stats());
    let mut out = String::new();
    head(&mut out, "netsky_store_up", "gauge", "Whether the store can be read");
    line(&mut out, "netsky_store_up", &[], f64::from(u8::from(stats.is_ok())));
    let Ok(stats) = stats else { return out };
    head(&mut out, "netsky_store_bytes", "gauge", "The size of the store's file");
    line(&mut out, "netsky_store_bytes", &[], stats.file_bytes as f64);
    let now = netsky_db::internal::now();
    type Measure = fn(&netsky_db::TableStats) -> u64;
    let measures: [(&str, &str, Measure); 2] = [
        ("netsky_table_rows", "The rows of a table", |table| table.rows),
        ("netsky_table_bytes", "The size of a table's pages", |table| {
            table.page_bytes + table.column_bytes
        }),
    ];
    for (name, help, measure) in measures {
        head(&mut out, name, "gauge", help);
        for table in &stats.tables {
            line(&mut out, name, &[("table", table.table.name())], measure(table) as f64);
        }
    }
    let name = "netsky_table_newest_row_age_seconds";
    head(&mut out, name, "gauge", "The age of a table's newest row, by its time");
    for table in &stats.tables {
        if let Some((_, newest)) = table.span {
            let age = (now - newest).num_milliseconds() as f64 / 1e3;
            line(&mut out, name, &[("table", table.table.name())], age);
        }
    }
    out
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}.\n# TYPE {name} {kind}");
}

/// Names of tables and outcomes need no escapes.
fn line(out: &mut String, name: &str, labels: &[(&str, &str)], value: f64) {
    let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    let labels =
        if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    let _ = writeln!(out, "{name}{labels} {value}");
}
