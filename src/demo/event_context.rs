//! When events happen in the fleet, and which agents they concern.

use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc};

use crate::demo::rng::DemoRng;
use crate::table::Record;

/// The fleet. The first agent coordinates the others.
pub(super) const AGENTS: [&str; 10] = [
    "agent0", "agent1", "agent2", "agent3", "agent4", "agent5", "agent6", "agent7", "agent8",
    "agent9",
];

/// The share of the work that each agent does.
const BUSY: [(u32, usize); 10] =
    [(22, 0), (18, 1), (14, 2), (12, 3), (9, 4), (8, 5), (6, 6), (5, 7), (4, 8), (2, 9)];

/// The agent that crashes in a loop, and loses its session in it.
pub(super) const LOOPING: usize = 5;
/// The agent that falls silent before the end.
pub(super) const SILENT: usize = 8;

/// The fleet's activity in each hour of a working day, in UTC.
const BUSY_HOURS: [u32; 24] =
    [3, 2, 2, 1, 1, 2, 4, 10, 22, 30, 34, 31, 20, 27, 35, 36, 32, 25, 16, 12, 10, 9, 7, 5];
const WEEKEND_FACTOR: f64 = 0.35;
const SLOT_MS: i64 = 5 * 60 * 1_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// The time range of a fleet's rows and how activity varies over it: days and nights, weekends, and
/// bursts of some minutes, which are the same in all tables.
pub(super) struct History {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    /// For each time slot, the share of the work done by its end.
    done: Vec<f64>,
    /// When `LOOPING` begins to crash.
    pub(super) loop_start: DateTime<Utc>,
    /// The time after which there are no rows of `SILENT`.
    pub(super) silent_from: DateTime<Utc>,
}

impl History {
    pub(super) fn new(days: i64, end: DateTime<Utc>, rng: &mut DemoRng) -> Self {
        let span = TimeDelta::milliseconds(days * DAY_MS);
        let start = end.checked_sub_signed(span).unwrap_or(DateTime::<Utc>::MIN_UTC);
        let mut total = 0.0;
        let work_by_slot = (0..days * DAY_MS / SLOT_MS).map(|slot| {
            total += work_at(add_ms(start, slot * SLOT_MS)) * (0.3 + 1.4 * rng.share());
            total
        });
        let done = work_by_slot.collect();
        let mut history = Self { start, end, done, loop_start: end, silent_from: end };
        history.loop_start = history.at(0.55);
        history.silent_from = history.at(0.9);
        history
    }

    /// Returns the time by which this share of the work, from 0 to 1, is done.
    pub(super) fn at(&self, share: f64) -> DateTime<Utc> {
        let work = share * self.done.last().copied().unwrap_or(0.0);
        let slot = self.done.partition_point(|&done| done <= work);
        let Some(&after) = self.done.get(slot) else { return self.end };
        let before = slot.checked_sub(1).map_or(0.0, |previous| self.done[previous]);
        let into_slot = (work - before) / (after - before) * SLOT_MS as f64;
        add_ms(self.start, slot as i64 * SLOT_MS + into_slot as i64)
    }
}

fn work_at(time: DateTime<Utc>) -> f64 {
    let work = f64::from(BUSY_HOURS[time.hour() as usize]);
    if time.weekday().num_days_from_monday() < 5 { work } else { work * WEEKEND_FACTOR }
}

pub(super) fn add_ms(time: DateTime<Utc>, ms: i64) -> DateTime<Utc> {
    time.checked_add_signed(TimeDelta::milliseconds(ms)).unwrap_or(time)
}

/// One event: its time, and the random numbers that determine it.
pub(super) struct EventContext<'h> {
    pub(super) at: DateTime<Utc>,
    pub(super) history: &'h History,
    pub(super) rng: DemoRng,
}

impl EventContext<'_> {
    /// Returns the time `ms` after the event, or `None` if the history is over by then: an
    /// operation that would end later has not ended.
    pub(super) fn after_ms(&self, ms: i64) -> Option<DateTime<Utc>> {
        Some(add_ms(self.at, ms)).filter(|&time| time <= self.history.end)
    }

    /// Picks an agent that is active at this time.
    pub(super) fn agent(&mut self) -> usize {
        match self.rng.weighted(&BUSY) {
            SILENT if self.at >= self.history.silent_from => 0,
            agent => agent,
        }
    }

    /// Returns the id of the agent's current session, which is the same in every table.
    pub(super) fn session_id(&self, agent: usize) -> String {
        const FOUR_HOURS_S: i64 = 4 * 60 * 60;
        let shift = self.at.timestamp().div_euclid(FOUR_HOURS_S) as u64;
        let mixed = (shift * 16 + agent as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        format!("{:08x}", mixed >> 32)
    }
}

/// Storage for the texts of a row while it is recorded.
pub(super) type Texts = [String; 6];

/// Moves a text to `place`, from which the row can borrow it.
pub(super) fn keep(place: &mut String, text: String) -> &str {
    *place = text;
    place
}

/// Generates the rows of one table.
pub(super) trait Generator {
    /// A row that borrows its texts.
    type Row<'t>: Record;

    /// Generates the row of an event. Events come in time order.
    fn row<'t>(&mut self, context: &mut EventContext<'_>, texts: &'t mut Texts) -> Self::Row<'t>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> History {
        let end = DateTime::parse_from_rfc3339("2026-04-30T18:00:00Z").unwrap().to_utc();
        History::new(14, end, &mut DemoRng::new(7, "test"))
    }

    #[test]
    fn the_history_spans_its_days_in_order() {
        let history = history();
        assert_eq!(history.at(0.0), history.start);
        assert_eq!(history.at(1.0), history.end);
        assert_eq!(history.end - history.start, TimeDelta::days(14));
        let times: Vec<_> = (0..=1_000).map(|i| history.at(f64::from(i) / 1_000.0)).collect();
        assert!(times.is_sorted());
    }

    #[test]
    fn afternoons_are_busier_than_nights() {
        let history = history();
        let hours = (0..1_000).map(|i| history.at(f64::from(i) / 1_000.0).hour());
        let (day, night): (Vec<_>, Vec<_>) = hours.partition(|hour| (8..20).contains(hour));
        assert!(day.len() > 4 * night.len(), "{} {}", day.len(), night.len());
    }

    #[test]
    fn extreme_end_times_do_not_panic() {
        for end in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            History::new(2, end, &mut DemoRng::new(7, "test"));
        }
    }
}
