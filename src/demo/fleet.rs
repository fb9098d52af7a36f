//! The whole fleet: how many rows each table gets, and recording them.

use chrono::{DateTime, Utc};

use crate::db::Db;
use crate::demo::calls::{CliInvocations, TokenUsage, ToolCalls};
use crate::demo::code::{CloneDispatches, GitOperations, HarvestEvents, Workspaces};
use crate::demo::conversations::{CommunicationEvents, Messages, OwnerDirectives};
use crate::demo::event_context::{DEFAULT_END, EventContext, Generator, History, Texts};
use crate::demo::health::{Crashes, Sessions, Ticks, WatchdogEvents};
use crate::demo::live::LiveFleet;
use crate::demo::rng::DemoRng;
use crate::error::Result;
use crate::table::Record;

/// The number of rows recorded per transaction: enough to make its cost small, few enough to fit
/// into memory.
const ROWS_AT_ONCE: u64 = 10_000;

/// The proportions of the tables' rows, in the order of the catalogue. They are those of the
/// histories of real fleets.
pub(super) const WEIGHTS: [u64; 14] = [125, 60, 1, 330, 1, 6, 3, 8, 16, 205, 9, 20, 190, 26];

/// A synthetic fleet: ten agents and their owner, over several days of work.
///
/// Most of the work succeeds. At the end, one agent has crashed in a loop and one has fallen silent, a
/// clone and a tool call are stuck, and the others are at work. [`live`](Self::live) lets them go on.
///
/// ```
/// use netsky_db::Db;
/// use netsky_db::demo::Fleet;
///
/// # fn main() -> netsky_db::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("meta.db");
/// let db = Db::open_path(path)?;
/// assert_eq!(Fleet::new(1_000).record(&db)?, 1_000);
/// let answer = db.query("SELECT count(DISTINCT agent) AS agents FROM mcp_tool_calls")?;
/// assert!(answer.contains("| 10     |"), "{answer}");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fleet {
    /// The number of rows in the history, over all fourteen tables.
    pub rows: u64,
    /// The seed of the random numbers. Another seed gives another history.
    pub seed: u64,
    /// The end of the history, 2026-04-30T18:00:00Z unless it is changed. Whatever the end, the history
    /// is the same, and all of its times are as much earlier. Its length depends on `rows`: two weeks for
    /// 100,000, six for a million.
    pub end: DateTime<Utc>,
}

impl Fleet {
    /// Creates a fleet whose history has `rows` rows, with the default seed and end.
    pub fn new(rows: u64) -> Self {
        Self { rows, seed: 19, end: DEFAULT_END }
    }

    /// Records the whole history and returns the number of rows. With 14 rows or more, every table
    /// has some.
    ///
    /// Rows are generated as they are recorded, 10,000 per transaction. If recording fails, the
    /// transactions before stay in the store.
    ///
    /// # Errors
    ///
    /// Those of [`Db::record_all`].
    pub fn record(&self, db: &Db) -> Result<u64> {
        let [
            messages,
            cli_invocations,
            crashes,
            ticks,
            workspaces,
            sessions,
            clone_dispatches,
            harvest_events,
            communication_events,
            tool_calls,
            git_operations,
            owner_directives,
            token_usage,
            watchdog_events,
        ] = split(self.rows);
        let history = self.history();
        self.record_table(db, &history, messages, Messages)?;
        self.record_table(db, &history, cli_invocations, CliInvocations)?;
        self.record_table(db, &history, crashes, Crashes::new(crashes))?;
        self.record_table(db, &history, ticks, Ticks::default())?;
        self.record_table(db, &history, workspaces, Workspaces)?;
        self.record_table(db, &history, sessions, Sessions::new(sessions))?;
        self.record_table(db, &history, clone_dispatches, CloneDispatches::default())?;
        self.record_table(db, &history, harvest_events, HarvestEvents)?;
        self.record_table(db, &history, communication_events, CommunicationEvents)?;
        let tools = ToolCalls::new(tool_calls, token_usage);
        self.record_table(db, &history, tool_calls, tools)?;
        self.record_table(db, &history, git_operations, GitOperations::default())?;
        self.record_table(db, &history, owner_directives, OwnerDirectives)?;
        self.record_table(db, &history, token_usage, TokenUsage::default())?;
        self.record_table(db, &history, watchdog_events, WatchdogEvents::default())?;
        Ok(self.rows)
    }

    /// Records `rows` messages spread over the time of the history and nothing else, for
    /// measurements of one large table. Returns the number of rows.
    ///
    /// # Errors
    ///
    /// Those of [`Db::record_all`].
    pub fn record_messages(&self, db: &Db) -> Result<u64> {
        self.record_table(db, &self.history(), self.rows, Messages)?;
        Ok(self.rows)
    }

    /// Returns what goes on after the history.
    pub fn live(&self) -> LiveFleet {
        let [.., token_usage, _] = split(self.rows);
        LiveFleet::new(self.seed, self.history(), token_usage)
    }

    fn history(&self) -> History {
        History::new(days(self.rows), self.end, &mut DemoRng::new(self.seed, "history"))
    }

    fn record_table<G: Generator>(
        &self,
        db: &Db,
        history: &History,
        count: u64,
        mut generator: G,
    ) -> Result<()> {
        let rng = DemoRng::new(self.seed, G::Row::TABLE.name());
        let mut context = EventContext { at: self.end, history, rng, seed: self.seed };
        let mut texts = vec![Texts::default(); count.min(ROWS_AT_ONCE) as usize];
        let mut begun = 0;
        while begun < count {
            let until = count.min(begun + ROWS_AT_ONCE);
            db.record_all((begun..until).zip(&mut texts).map(|(number, texts)| {
                // Each row has its own interval of the work, so times never decrease.
                context.at = history.at((number as f64 + context.rng.share()) / count as f64);
                generator.row(&mut context, texts)
            }))?;
            begun = until;
        }
        Ok(())
    }
}

/// Returns the number of days in the history. It is the square root of the rows, so that a larger
/// fleet has a history that is both longer and denser.
fn days(rows: u64) -> i64 {
    const MAX_DAYS: u64 = 2 * 365;
    (rows.isqrt() / 22).clamp(1, MAX_DAYS) as i64
}

/// Splits `rows` over the tables by weight. Rows left over by rounding down go to the tables with
/// the largest remainders. If there are enough rows, every table gets at least one.
fn split(rows: u64) -> [u64; WEIGHTS.len()] {
    let least = u64::from(rows >= WEIGHTS.len() as u64);
    let by_weight = u128::from(rows - least * WEIGHTS.len() as u64);
    let total = u128::from(WEIGHTS.iter().sum::<u64>());
    let parts = WEIGHTS.map(|weight| by_weight * u128::from(weight));
    let mut counts = parts.map(|part| least + (part / total) as u64);

    let left_over = rows - counts.iter().sum::<u64>();
    let mut by_loss: Vec<usize> = (0..WEIGHTS.len()).collect();
    by_loss.sort_by_key(|&table| std::cmp::Reverse(parts[table] % total));
    for table in by_loss.into_iter().take(left_over as usize) {
        counts[table] += 1;
    }
    counts
}

#[cfg(all(test, feature = "sql"))]
mod tests {
    use arrow::array::AsArray;

    use super::*;
    use crate::demo::QUESTIONS;
    use crate::schema::TABLES;

    fn empty_store() -> (tempfile::TempDir, Db) {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open_path(dir.path().join("meta.db")).unwrap();
        (dir, db)
    }

    fn rows_by_table(db: &Db) -> Vec<u64> {
        db.summaries().unwrap().iter().map(|table| table.rows).collect()
    }

    fn all_rows(fleet: Fleet) -> Vec<String> {
        let (_dir, db) = empty_store();
        fleet.record(&db).unwrap();
        let everything = |name| db.query(&format!("SELECT * FROM {name} ORDER BY id")).unwrap();
        TABLES.iter().map(|table| everything(table.name())).collect()
    }

    #[test]
    fn the_same_fleet_has_the_same_rows() {
        let fleet = Fleet::new(700);
        let rows = all_rows(fleet);
        assert_eq!(rows, all_rows(fleet));
        for (table, other) in rows.iter().zip(all_rows(Fleet { seed: 20, ..fleet })) {
            assert_ne!(*table, other);
        }
    }

    #[test]
    fn the_requested_number_of_rows_is_recorded() {
        for rows in [0, 1, 13, 14, 1_000] {
            let (_dir, db) = empty_store();
            assert_eq!(Fleet::new(rows).record(&db).unwrap(), rows);
            let counts = rows_by_table(&db);
            assert_eq!(counts.iter().sum::<u64>(), rows, "{counts:?}");
            assert!(rows < 14 || counts.iter().all(|&count| count > 0), "{counts:?}");
        }
    }

    #[test]
    fn every_split_adds_up() {
        for rows in (0..3_000).chain([u64::MAX - 1, u64::MAX]) {
            let counts = split(rows);
            assert_eq!(counts.iter().map(|&count| u128::from(count)).sum::<u128>(), rows.into());
            assert!(rows < 14 || counts.iter().all(|&count| count > 0), "{counts:?}");
        }
    }

    #[test]
    fn weights_are_in_the_order_of_the_catalogue() {
        let (_dir, db) = empty_store();
        Fleet::new(1_000).record(&db).unwrap();
        assert_eq!(rows_by_table(&db), split(1_000));
    }

    #[test]
    fn messages_can_be_recorded_alone() {
        let (_dir, db) = empty_store();
        assert_eq!(Fleet::new(300).record_messages(&db).unwrap(), 300);
        for table in db.summaries().unwrap() {
            assert_eq!(table.rows, if table.table.name() == "messages" { 300 } else { 0 });
        }
    }

    #[test]
    fn json_columns_hold_valid_json() {
        let (_dir, db) = empty_store();
        Fleet::new(6_000).record(&db).unwrap();
        for table in TABLES {
            let columns = table.columns().iter().map(|column| column.name);
            for column in columns.filter(|name| name.ends_with("_json") || *name == "conflicts") {
                let name = table.name();
                let sql = format!("SELECT {column} FROM {name} WHERE {column} IS NOT NULL");
                let mut texts = 0;
                for batch in db.query_batches(&sql).unwrap() {
                    for text in batch.column(0).as_string_view().iter().flatten() {
                        serde_json::from_str::<serde_json::Value>(text).unwrap();
                        texts += 1;
                    }
                }
                assert!(texts > 0, "{name}.{column}");
            }
        }
    }

    #[test]
    fn times_never_decrease_with_ids() {
        let (_dir, db) = empty_store();
        let fleet = Fleet::new(20_000);
        fleet.record(&db).unwrap();
        for table in TABLES {
            let (name, time) = (table.name(), table.time_column().unwrap().name);
            let falling = format!(
                "SELECT id FROM (SELECT id, {time} AS t, lag({time}) OVER (ORDER BY id) AS before \
                 FROM {name}) WHERE t < before OR t > TIMESTAMP '{}'",
                fleet.end.to_rfc3339()
            );
            assert_eq!(db.query_batches(&falling).unwrap().len(), 0, "{name}");
        }
    }

    #[test]
    fn every_question_has_an_answer() {
        let (_dir, db) = empty_store();
        Fleet::new(20_000).record(&db).unwrap();
        for question in QUESTIONS {
            let answer = db.query(question.sql).unwrap();
            let lines: Vec<&str> = answer.lines().collect();
            assert!((5..=16).contains(&lines.len()), "{}\n{answer}", question.title);
            let longest = question.sql.lines().chain([lines[0]]).map(str::len).max();
            assert!(longest <= Some(80), "{}\n{}\n{answer}", question.title, question.sql);
        }
    }

    #[test]
    fn questions_run_on_an_empty_store() {
        let (_dir, db) = empty_store();
        for question in QUESTIONS {
            db.query(question.sql).unwrap();
        }
    }

    #[test]
    fn the_same_history_ends_at_any_time() {
        let mut other = Fleet::new(3_000);
        other.end = "2027-01-03T03:33:33Z".parse().unwrap();
        let ages = |fleet: Fleet| -> Vec<String> {
            let (_dir, db) = empty_store();
            fleet.record(&db).unwrap();
            let end = fleet.end.to_rfc3339();
            let age = |table: &&crate::table::Table| {
                let (name, time) = (table.name(), table.time_column().unwrap().name);
                let sql =
                    format!("SELECT id, TIMESTAMP '{end}' - {time} AS age FROM {name} ORDER BY id");
                db.query(&sql).unwrap()
            };
            TABLES
                .iter()
                .map(age)
                .chain([db.query("SELECT * EXCLUDE (ts_utc) FROM token_usage").unwrap()])
                .collect()
        };
        assert_eq!(ages(Fleet::new(3_000)), ages(other));
    }

    #[test]
    fn every_agent_but_one_has_a_session_at_the_end() {
        for rows in [3_000, 20_000, 100_000] {
            let (_dir, db) = empty_store();
            Fleet::new(rows).record(&db).unwrap();
            let answer = db.query("SELECT agent FROM v_open_sessions ORDER BY agent").unwrap();
            let agents: Vec<&str> = answer.split("| ").skip(2).map(|cell| &cell[..6]).collect();
            let expected: Vec<String> = (0..9).map(|agent| format!("agent{agent}")).collect();
            assert_eq!(agents, expected, "{answer}");
        }
    }

    #[test]
    fn one_call_is_stuck_and_some_run_at_the_end() {
        let (_dir, db) = empty_store();
        let fleet = Fleet::new(20_000);
        fleet.record(&db).unwrap();
        let of_last_hour = format!(
            "SELECT agent, TIMESTAMP '{0}' - ts_utc_start > INTERVAL '10 minutes' AS stuck FROM v_open_calls \
             WHERE ts_utc_start > TIMESTAMP '{0}' - INTERVAL '1 hour' ORDER BY ts_utc_start",
            fleet.end.to_rfc3339()
        );
        let answer = db.query(&of_last_hour).unwrap();
        assert_eq!(answer.matches("| true ").count(), 1, "{answer}");
        assert!(answer.contains("| agent2 | true") && answer.contains("| false "), "{answer}");
    }

    #[test]
    fn a_fleet_goes_on_after_its_history() {
        let (_dir, db) = empty_store();
        let fleet = Fleet::new(1_000);
        fleet.record(&db).unwrap();
        let mut live = fleet.live();
        let mut recorded = 0;
        for second in 0..400 {
            recorded += live.record(&db, fleet.end + chrono::TimeDelta::seconds(second)).unwrap();
        }
        assert!((200..1_000).contains(&recorded), "{recorded}");
        assert_eq!(rows_by_table(&db).iter().sum::<u64>(), 1_000 + recorded);
        let after = format!("ts_utc > TIMESTAMP '{}'", fleet.end.to_rfc3339());
        for table in ["messages", "ticks", "token_usage"] {
            let sql = format!("SELECT 1 FROM {table} WHERE {after} LIMIT 1");
            assert_eq!(db.query_batches(&sql).unwrap().len(), 1, "{table}");
        }
        let sql = format!("SELECT 1 FROM watchdog_events WHERE event = 'crash_loop' AND {after}");
        assert_eq!(db.query_batches(&sql).unwrap().len(), 0, "the crash loop was reported before");
        // Nothing ends in the future.
        let end = fleet.end + chrono::TimeDelta::seconds(400);
        let sql = format!(
            "SELECT 1 FROM mcp_tool_calls WHERE ts_utc_end > TIMESTAMP '{}'",
            end.to_rfc3339()
        );
        assert_eq!(db.query_batches(&sql).unwrap().len(), 0);
    }
}
