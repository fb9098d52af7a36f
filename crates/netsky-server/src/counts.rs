//! What the server counts, for its metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::failure::Failure;
use crate::prometheus::{head, line};

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

/// A query that has begun. If it is dropped before its end, it was cancelled, or has reached its deadline.
#[derive(Debug)]
pub(crate) struct Begun {
    counts: Arc<Counts>,
    at: Instant,
    deadline: Option<Instant>,
    outcome: Outcome,
}

impl Begun {
    pub(crate) fn end(mut self, outcome: Outcome) {
        (self.outcome, self.deadline) = (outcome, None);
    }

    pub(crate) fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let is_late = self.deadline.is_some_and(|deadline| deadline <= Instant::now());
        let ended = if is_late { Outcome::Timeout } else { self.outcome };
        let place = OUTCOMES.iter().position(|(outcome, _)| *outcome == ended);
        if let Some(count) = place.and_then(|place| self.counts.outcomes.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(self.at.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.counts.micros.fetch_add(micros, Ordering::Relaxed);
    }
}

impl Counts {
    pub(crate) fn begin(self: &Arc<Self>) -> Begun {
        let (counts, at) = (Arc::clone(self), Instant::now());
        Begun { counts, at, deadline: None, outcome: Outcome::Cancelled }
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

    /// Prints the counts for Prometheus.
    pub(crate) fn print(&self, out: &mut String) {
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
