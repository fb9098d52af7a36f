//! When a session was at work: the spans of its records.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A pause of an hour between two records ends a span.
const PAUSE_MS: i64 = 3_600_000;

/// The times of a session's records, as spans without a long pause. They are the same in whatever order and
/// however often the times are added.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spans {
    /// The first and the last time of each span in milliseconds since 1970, in order.
    spans: Vec<(i64, i64)>,
    /// The times of the records after which the session was told to have ended.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    ends: BTreeSet<i64>,
}

impl Spans {
    /// Adds the time of a record.
    pub fn add(&mut self, time: DateTime<Utc>) {
        let time = time.timestamp_millis();
        // Nearly always, it is one of the last span or right after it.
        if self.ends.is_empty()
            && let Some((first, last)) = self.spans.last_mut()
            && *first <= time
            && time < last.saturating_add(PAUSE_MS)
        {
            *last = time.max(*last);
            return;
        }
        self.spans.push((time, time));
        self.join();
    }

    /// Adds the end of a session: its last record so far was its last for now.
    pub fn end(&mut self) {
        if let Some((_, last)) = self.spans.last() {
            self.ends.insert(*last);
        }
    }

    /// Adds all that is in other spans of the session.
    pub fn merge(&mut self, other: &Self) {
        self.spans.extend(&other.spans);
        self.ends.extend(&other.ends);
        self.join();
    }

    /// Removes the times up to `last`, in milliseconds.
    pub(crate) fn retain_after(&mut self, last: i64) {
        self.spans.retain(|span| span.1 > last);
        if let Some(span) = self.spans.first_mut() {
            span.0 = span.0.max(last.saturating_add(1));
        }
        self.ends.retain(|end| *end > last);
    }

    /// Whether there is no time.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Returns the first and the last time in milliseconds.
    pub fn range(&self) -> Option<(i64, i64)> {
        Some((self.spans.first()?.0, self.spans.last()?.1))
    }

    /// Returns the start of each span, and its end if it has ended at `now`, in milliseconds.
    pub fn at(&self, now: DateTime<Utc>) -> impl Iterator<Item = (i64, Option<i64>)> {
        let now = now.timestamp_millis();
        self.spans.iter().enumerate().map(move |(place, (first, last))| {
            let has_ended = place + 1 < self.spans.len()
                || self.ends.contains(last)
                || last.saturating_add(PAUSE_MS) <= now;
            (*first, has_ended.then_some(*last))
        })
    }

    fn join(&mut self) {
        self.spans.sort_unstable();
        let mut joined: Vec<(i64, i64)> = Vec::with_capacity(self.spans.len());
        for (first, last) in self.spans.drain(..) {
            match joined.last_mut() {
                Some((_, before))
                    if first <= *before
                        || (first < before.saturating_add(PAUSE_MS)
                            && self.ends.range(*before..first).next().is_none()) =>
                {
                    *before = last.max(*before);
                }
                _ => joined.push((first, last)),
            }
        }
        self.spans = joined;
    }
}
