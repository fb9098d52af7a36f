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

/// The agent of which a tool call is stuck.
pub(super) const STUCK: usize = 2;
/// The agent that crashes in a loop, and does nothing after it.
pub(super) const LOOPING: usize = 5;
/// The agent that falls silent before the end.
pub(super) const SILENT: usize = 8;
/// The agent that has no session at the end.
pub(super) const RESTING: usize = 9;

/// 2026-04-30T18:00:00Z, a Thursday, while the fleet is at work.
pub(super) const DEFAULT_END: DateTime<Utc> =
    DateTime::from_timestamp_nanos(1_777_572_000_000_000_000);

/// How long before the end the last hours begin to be as they always are. Every agent but `RESTING` has a
/// session from then on.
const SESSIONS_OPEN_MS: i64 = 5 * 60 * 60 * 1_000;
const SILENT_MS: i64 = 4 * 60 * 60 * 1_000;
const CLONE_STUCK_MS: i64 = 3 * 60 * 60 * 1_000;
const CALL_STUCK_MS: i64 = 35 * 60 * 1_000;
const LOOP_BEGAN_MS: i64 = 25 * 60 * 1_000;

/// The fleet's activity in each hour of a working day, in UTC.
const BUSY_HOURS: [u32; 24] =
    [3, 2, 2, 1, 1, 2, 4, 10, 22, 30, 34, 31, 20, 27, 35, 36, 32, 25, 16, 12, 10, 9, 7, 5];
const WEEKEND_FACTOR: f64 = 0.35;
const SLOT_MS: i64 = 5 * 60 * 1_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// The time range of a fleet's rows and how activity varies over it: days and nights, weekends, and
/// bursts of some minutes, which are the same in all tables.
#[derive(Debug, Clone)]
pub(super) struct History {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    /// How much later the history is than one with the default end. Its days begin that much later, so
    /// that the fleet is at work at every end.
    shift: TimeDelta,
    /// For each time slot, the share of the work done by its end.
    done: Vec<f64>,
    /// From when on sessions are open until the end.
    pub(super) sessions_open: DateTime<Utc>,
    /// The time after which there are no rows of `SILENT`.
    pub(super) silent_from: DateTime<Utc>,
    /// The first clone from then on is stuck.
    pub(super) clone_stuck: DateTime<Utc>,
    /// The first tool call from then on is stuck.
    pub(super) call_stuck: DateTime<Utc>,
    /// When `LOOPING` begins to crash.
    pub(super) loop_start: DateTime<Utc>,
}

impl History {
    pub(super) fn new(days: i64, end: DateTime<Utc>, rng: &mut DemoRng) -> Self {
        let span = TimeDelta::milliseconds(days * DAY_MS);
        let start = end.checked_sub_signed(span).unwrap_or(DateTime::<Utc>::MIN_UTC);
        let before_end = |ms: i64| add_ms(end, -ms).max(start);
        let mut history = Self {
            start,
            end,
            shift: end.signed_duration_since(DEFAULT_END),
            done: Vec::new(),
            sessions_open: before_end(SESSIONS_OPEN_MS),
            silent_from: before_end(SILENT_MS),
            clone_stuck: before_end(CLONE_STUCK_MS),
            call_stuck: before_end(CALL_STUCK_MS),
            loop_start: before_end(LOOP_BEGAN_MS),
        };
        let mut total = 0.0;
        let work_by_slot = (0..days * DAY_MS / SLOT_MS).map(|slot| {
            let time = history.unshifted(add_ms(start, slot * SLOT_MS));
            total += work_at(time) * (0.3 + 1.4 * rng.share());
            total
        });
        history.done = work_by_slot.collect();
        history
    }

    /// Returns the history for rows that come after its end: everything ends in it.
    pub(super) fn without_end(self) -> Self {
        Self { end: DateTime::<Utc>::MAX_UTC, ..self }
    }

    /// Returns the time in a history with the default end.
    fn unshifted(&self, time: DateTime<Utc>) -> DateTime<Utc> {
        time.checked_sub_signed(self.shift).unwrap_or(time)
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
    pub(super) seed: u64,
}

impl EventContext<'_> {
    /// Returns the time `ms` after the event, or `None` if the history is over by then: an
    /// operation that would end later has not ended.
    pub(super) fn after_ms(&self, ms: i64) -> Option<DateTime<Utc>> {
        Some(add_ms(self.at, ms)).filter(|&time| time <= self.history.end)
    }

    /// Picks an agent that is active at this time.
    pub(super) fn agent(&mut self) -> usize {
        let agent = self.rng.weighted(&BUSY);
        self.if_active(agent)
    }

    /// Returns the agent that makes a request to a model, and the tool calls of it.
    pub(super) fn agent_of_request(&self, request: u64) -> usize {
        let mut rng = DemoRng::new(self.seed ^ request.rotate_left(32), "request");
        self.if_active(rng.weighted(&BUSY))
    }

    /// The agent, or the coordinator in place of one that does nothing at this time.
    fn if_active(&self, agent: usize) -> usize {
        match agent {
            RESTING if self.at >= self.history.sessions_open => 0,
            SILENT if self.at >= self.history.silent_from => 0,
            LOOPING if self.at >= self.history.loop_start => 0,
            agent => agent,
        }
    }

    /// Returns the id of the agent's current session, which is the same in every table.
    pub(super) fn session_id(&self, agent: usize) -> String {
        const FOUR_HOURS_S: i64 = 4 * 60 * 60;
        let time = self.history.unshifted(self.at);
        let shift = time.timestamp().div_euclid(FOUR_HOURS_S) as u64;
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

    /// Moves a row that was generated as the beginning of something so that it is the end of it, at this
    /// time. Other rows stay as they are.
    fn end_at(_row: &mut Self::Row<'_>, _time: DateTime<Utc>) {}
}

/// Moves a start and an end so that the end is at a time.
pub(super) fn move_end(
    start: &mut DateTime<Utc>,
    end: &mut Option<DateTime<Utc>>,
    to: DateTime<Utc>,
) {
    if let Some(end) = end {
        let took = end.signed_duration_since(*start);
        *start = to.checked_sub_signed(took).unwrap_or(to);
        *end = to;
    }
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
    fn the_fleet_is_at_work_at_every_end() {
        let work = |end: &str| {
            let end = end.parse::<DateTime<Utc>>().unwrap();
            let history = History::new(14, end, &mut DemoRng::new(7, "test"));
            (0..100).map(|i| history.end - history.at(f64::from(i) / 100.0)).collect::<Vec<_>>()
        };
        assert_eq!(work("2026-04-30T18:00:00Z"), work("2027-01-03T03:33:33Z"));
    }

    #[test]
    fn extreme_end_times_do_not_panic() {
        for end in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            History::new(2, end, &mut DemoRng::new(7, "test"));
        }
    }
}
