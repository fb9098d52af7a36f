//! Six weeks of a real fleet of coding agents, imported and queried.
//!
//! The answers to operators' questions in SQL are computed a second time here, with plain loops
//! over the imported lines. After that come the queries of users who wrote SQL when times were
//! text, and finally every value of every row is read back. Without the data directory beside the
//! project, all tests are skipped, or fail if `NETSKY_REQUIRE` includes `fleet`.

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use chrono::{DateTime, Datelike, SecondsFormat, TimeDelta, Timelike, Utc};
use flate2::read::GzDecoder;
use netsky_db::{Db, TABLES};
use netsky_testing::{has_data, rows, value};
use serde_json::{Value, json};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/fleet");
const QUESTIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/queries/operators.sql");

/// The row counts that the data's README states.
const ROWS: [(&str, usize); 14] = [
    ("ticks", 30_485),
    ("mcp_tool_calls", 18_826),
    ("token_usage", 17_719),
    ("messages", 11_465),
    ("cli_invocations", 5_572),
    ("watchdog_events", 2_422),
    ("owner_directives", 2_068),
    ("harvest_events", 693),
    ("git_operations", 613),
    ("sessions", 546),
    ("clone_dispatches", 215),
    ("workspaces", 25),
    ("crashes", 2),
    ("communication_events", 0),
];

/// The value of `now()` in checked answers. The last clone has been running for half an hour.
const NOW: &str = "2026-02-08T12:00:00.000Z";

static FLEET: LazyLock<Option<Fleet>> = LazyLock::new(|| {
    let is_there = [DATA, QUESTIONS].into_iter().all(|path| has_data("fleet", Path::new(path)));
    is_there.then(Fleet::import)
});

/// Returns a new directory. Statics are never dropped, so a later run removes it.
fn directory() -> PathBuf {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fleet");
    fs::create_dir_all(&all).unwrap();
    for left in fs::read_dir(&all).unwrap().flatten() {
        let age = left.metadata().and_then(|left| left.modified()).map(|time| time.elapsed());
        if matches!(age, Ok(Ok(age)) if age > Duration::from_secs(3_600)) {
            let _ = fs::remove_dir_all(left.path());
        }
    }
    tempfile::tempdir_in(all).unwrap().keep()
}

struct Fleet {
    db: Db,
    /// The imported lines, by table.
    lines: BTreeMap<&'static str, Vec<Value>>,
    /// The SQL of the questions, by title.
    questions: BTreeMap<String, String>,
}

impl Fleet {
    fn import() -> Self {
        let db = Db::open_path(directory().join("meta.db")).unwrap();
        let lines = ROWS.into_iter().map(|(table, _)| (table, import(&db, table))).collect();
        Self { db, lines, questions: questions() }
    }

    fn lines(&self, table: &str) -> &[Value] {
        &self.lines[table]
    }

    fn question(&self, number: &str) -> String {
        let found = self.questions.iter().find(|(title, _)| title.starts_with(number));
        found.expect(number).1.replace("now()", &format!("to_timestamp('{NOW}')"))
    }

    fn ask(&self, sql: &str) -> Vec<Value> {
        rows(&self.db, sql).into_iter().map(Value::Object).collect()
    }

    /// Checks that the answer has the expected rows in that order, compared on the columns of the
    /// expected rows, up to the SQL's limit. `-` before a column name means descending. The order
    /// of ties, and which of them a limit selects, is not checked.
    fn check(&self, sql: &str, order: &[&str], mut expected: Vec<Value>) {
        let answer = self.ask(sql);
        expected.sort_by(|a, b| compare_rows(order, a, b));
        let limit = sql.split_once("LIMIT ").map(|(_, limit)| limit.trim_end_matches([';', '\n']));
        let limit = limit.map_or(usize::MAX, |limit| limit.parse().unwrap());
        assert_eq!(answer.len(), limit.min(expected.len()), "rows of\n{sql}");
        for (row, expected) in answer.iter().zip(&expected) {
            for column in order.iter().map(|column| column.trim_start_matches('-')) {
                assert!(same(&row[column], &expected[column]), "{row}, not {expected}, in\n{sql}");
            }
        }
        let mut left = VecDeque::from(expected);
        for row in answer {
            let found = left.iter().position(|expected| agrees(&row, expected));
            left.remove(found.unwrap_or_else(|| panic!("{row} among {left:#?} in\n{sql}")));
        }
    }
}

fn import(db: &Db, table: &str) -> Vec<Value> {
    let path = Path::new(DATA).join(format!("{table}.ndjson.gz"));
    let mut text = String::new();
    // A table without rows has no file.
    if path.exists() {
        GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    }
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(db.import(table, text.as_bytes()).unwrap(), 1..lines.len() as i64 + 1, "{table}");
    lines
}

fn questions() -> BTreeMap<String, String> {
    let (mut questions, mut title) = (BTreeMap::<String, String>::new(), None);
    for line in fs::read_to_string(QUESTIONS).unwrap().lines() {
        match line.strip_prefix("-- ") {
            Some(words) if words.starts_with(|c: char| c.is_ascii_digit()) => title = Some(words),
            Some(_) => {}
            None => {
                let title = title.expect("SQL comes after its title").to_owned();
                *questions.entry(title).or_default() += &format!("{line}\n");
            }
        }
    }
    questions.values_mut().for_each(|sql| sql.truncate(sql.trim_end().len()));
    questions
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) if x.is_f64() && y.is_f64() => {
            let (x, y) = (x.as_f64().unwrap(), y.as_f64().unwrap());
            (x - y).abs() <= 1e-9 * x.abs().max(y.abs())
        }
        _ => a == b,
    }
}

/// Whether the row has every expected value.
fn agrees(row: &Value, expected: &Value) -> bool {
    let mut columns = expected.as_object().unwrap().iter();
    columns.all(|(name, value)| row.get(name).is_some_and(|found| same(found, value)))
}

fn compare_rows(order: &[&str], a: &Value, b: &Value) -> Ordering {
    let by = |column: &&str| match column.strip_prefix('-') {
        Some(column) => compare(&b[column], &a[column]),
        None => compare(&a[*column], &b[*column]),
    };
    order.iter().map(by).find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
}

/// Compares like SQL: null is greater than any other value.
fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()).unwrap(),
        _ => a.is_null().cmp(&b.is_null()),
    }
}

/// `SELECT key, aggregate FROM rows GROUP BY key`, where key and aggregate are objects of columns.
fn grouped<'a>(
    rows: impl IntoIterator<Item = &'a Value>,
    key: impl Fn(&Value) -> Value,
    aggregate: impl Fn(&[&Value]) -> Value,
) -> Vec<Value> {
    let mut groups = BTreeMap::<String, Vec<&Value>>::new();
    for row in rows {
        groups.entry(key(row).to_string()).or_default().push(row);
    }
    groups.into_values().map(|rows| joined(key(rows[0]), aggregate(&rows))).collect()
}

/// Returns a key function for [`grouped`] that selects these columns.
fn by(columns: &[&str]) -> impl Fn(&Value) -> Value {
    |row| pick(row, columns)
}

fn pick(row: &Value, columns: &[&str]) -> Value {
    columns.iter().map(|&column| (column.to_owned(), row[column].clone())).collect()
}

fn joined(mut row: Value, mut more: Value) -> Value {
    row.as_object_mut().unwrap().append(more.as_object_mut().unwrap());
    row
}

fn ints(rows: &[&Value], column: &str) -> Vec<i64> {
    rows.iter().filter_map(|row| row[column].as_i64()).collect()
}

fn count(rows: &[&Value]) -> Value {
    json!({ "n": rows.len() })
}

fn sum(rows: &[&Value], column: &str) -> i64 {
    ints(rows, column).iter().sum()
}

fn text<'a>(row: &'a Value, column: &str) -> &'a str {
    row[column].as_str().unwrap_or_else(|| panic!("no text {column} in {row}"))
}

fn time(row: &Value, column: &str) -> DateTime<Utc> {
    text(row, column).parse().unwrap()
}

/// Returns the difference in seconds as `date_part('epoch', ..)` does, as a float.
fn seconds(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    let epoch = |time: DateTime<Utc>| time.timestamp_micros() as f64 / 1e6;
    epoch(to) - epoch(from)
}

/// Returns `now()` minus the time, formatted as Arrow formats durations.
fn age(time: &str) -> String {
    let [now, time] = [NOW, time].map(|text| text.parse::<DateTime<Utc>>().unwrap());
    let seconds = (now - time).num_milliseconds() as f64 / 1e3;
    format!("{}PT{}S", if seconds < 0.0 { "-" } else { "" }, seconds.abs())
}

fn aged(row: &Value, columns: &[&str], time: &str) -> Value {
    joined(pick(row, columns), json!({ "age": age(text(row, time)) }))
}

/// Returns the start of the interval that contains the row. Intervals have this many seconds,
/// counted from 1970.
fn span_start(row: &Value, seconds: i64) -> String {
    let second = time(row, "ts_utc").timestamp();
    let start = DateTime::from_timestamp(second - second % seconds, 0).unwrap();
    start.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[test]
fn an_import_finds_every_row_of_the_history() {
    let Some(fleet) = &*FLEET else { return };
    assert_eq!(TABLES.len(), ROWS.len());
    for (table, rows) in ROWS {
        assert_eq!(value(&fleet.db, &format!("SELECT count(*) FROM {table}")), rows, "{table}");
    }
    let summaries = fleet.db.summaries().unwrap();
    assert_eq!(summaries.iter().map(|summary| summary.rows).sum::<u64>(), 90_651);
}

#[test]
fn every_question_of_an_operator_runs() {
    let Some(fleet) = &*FLEET else { return };
    assert_eq!(fleet.questions.len(), 20);
    for (title, sql) in &fleet.questions {
        assert!(sql.ends_with(';'), "{title}: {sql}");
        fleet.db.query(sql).unwrap_or_else(|error| panic!("{title}: {error}"));
    }
}

#[test]
fn token_usage_adds_up() {
    let Some(fleet) = &*FLEET else { return };
    let rows = fleet.lines("token_usage");

    let by_day = |row: &Value| json!({ "day": span_start(row, 86_400), "model": row["model"] });
    let expected = grouped(rows, by_day, |rows| {
        json!({
            "calls": rows.len(),
            "input": sum(rows, "input_tokens"),
            "output": sum(rows, "output_tokens"),
            "cached": sum(rows, "cached_input_tokens"),
            "usd": sum(rows, "cost_usd_micros") as f64 / 1e6,
        })
    });
    fleet.check(&fleet.question("01"), &["-day", "-input"], expected);

    let expected = grouped(rows, by(&["model"]), |rows| {
        let cached = sum(rows, "cached_input_tokens") as f64;
        let ratio = cached / (cached + sum(rows, "input_tokens") as f64);
        json!({ "hit_ratio": (ratio * 1e4).round() / 1e4 })
    });
    fleet.check(&fleet.question("03"), &["hit_ratio"], expected);

    let by_bucket = |row: &Value| json!({ "bucket": span_start(row, 600) });
    let output =
        |rows: &[&Value]| json!({ "calls": rows.len(), "output": sum(rows, "output_tokens") });
    fleet.check(&fleet.question("04"), &["-output"], grouped(rows, by_bucket, output));

    let columns = ["session_id", "ts_utc", "model", "input_tokens", "output_tokens"];
    let mut expected = grouped(rows, by(&columns), count);
    expected.retain(|row| row["n"] != 1);
    fleet.check(&fleet.question("06"), &["-n"], expected);

    let by_hour = |row: &Value| {
        let time = time(row, "ts_utc");
        json!({ "dow": time.weekday().num_days_from_sunday(), "hour": time.hour() })
    };
    fleet.check(&fleet.question("30"), &["dow", "hour"], grouped(rows, by_hour, count));
}

#[test]
fn tool_calls_are_grouped_and_averaged() {
    let Some(fleet) = &*FLEET else { return };
    let rows = fleet.lines("mcp_tool_calls");

    let timed = rows.iter().filter(|row| !row["duration_ms"].is_null());
    let longest = |rows: &[&Value]| json!({ "max_ms": ints(rows, "duration_ms").iter().max() });
    let counted = |rows: &[&Value]| joined(count(rows), longest(rows));
    let mut expected = grouped(timed, by(&["source", "tool"]), counted);
    expected.retain(|row| row["n"].as_u64() >= Some(20));
    let sql = fleet.question("07");
    fleet.check(&sql, &[], expected);
    assert!(fleet.ask(&sql).is_sorted_by(|a, b| compare_rows(&["-p95"], a, b).is_le()));

    let late = rows.iter().filter(|row| row["timeout_race"] == true);
    let expected = grouped(late, by(&["source", "tool", "success"]), |rows| {
        let timed = ints(rows, "duration_ms").len();
        json!({ "n": rows.len(), "avg_ms": sum(rows, "duration_ms") as f64 / timed as f64 })
    });
    fleet.check(&fleet.question("09"), &["-n"], expected);

    let stuck = rows.iter().filter(|row| row["ts_utc_end"].is_null());
    let expected = stuck.map(|row| aged(row, &["agent", "tool", "ts_utc_start"], "ts_utc_start"));
    fleet.check(&fleet.question("10"), &["ts_utc_start"], expected.collect());
}

#[test]
fn sessions_are_joined_with_their_ends() {
    let Some(fleet) = &*FLEET else { return };
    let rows = fleet.lines("sessions");
    let ups = || rows.iter().filter(|row| row["event"] == "up");
    let downs_of = |up: &Value| {
        let key = [up["agent"].clone(), up["session_num"].clone(), json!("down")];
        let same = move |row: &&Value| {
            [&row["agent"], &row["session_num"], &row["event"]] == key.each_ref()
        };
        rows.iter().filter(same).map(|row| text(row, "ts_utc")).collect::<Vec<_>>()
    };

    let up_at = |end: &str| {
        let open = ups().filter(|up| !downs_of(up).iter().any(|&down| down < end));
        let row = |up| aged(up, &["agent", "session_num"], "ts_utc");
        open.map(|up| joined(row(up), json!({ "up_since": up["ts_utc"] }))).collect::<Vec<_>>()
    };
    let sql = fleet.question("12");
    fleet.check(&sql, &["up_since"], up_at("9999"));
    // At the end every session is down, so also query an earlier time.
    let sql = sql.replace("= 'down'", "= 'down' AND d.ts_utc < '2026-02-01T00:00:00Z'");
    let expected = up_at("2026-02-01");
    assert!(expected.len() > 100);
    fleet.check(&sql, &["up_since"], expected);

    let expected = grouped(ups(), by(&["agent"]), |ups| {
        let length = |up, down: &str| seconds(time(up, "ts_utc"), down.parse().unwrap());
        let lengths =
            ups.iter().flat_map(|up| downs_of(up).into_iter().map(|down| length(up, down)));
        let mut lengths: Vec<f64> = lengths.collect();
        lengths.sort_by(f64::total_cmp);
        let n = lengths.len();
        json!({ "n": n, "median_s": (lengths[(n - 1) / 2] + lengths[n / 2]) / 2.0 })
    });
    fleet.check(&fleet.question("13"), &["-n"], expected);
}

#[test]
fn crashes_are_joined_with_nearby_events() {
    let Some(fleet) = &*FLEET else { return };
    let timed = |table: &str| {
        let rows = fleet.lines(table).iter();
        rows.map(|row| (row, time(row, "ts_utc"))).collect::<Vec<_>>()
    };
    type Timed<'a> = (&'a Value, DateTime<Utc>);
    let near = |a: Timed<'_>, b: Timed<'_>, before: i64, after: i64| {
        let span = TimeDelta::minutes(-before)..=TimeDelta::minutes(after);
        a.0["agent"] == b.0["agent"] && span.contains(&(b.1 - a.1))
    };
    let loops = |table: &str, kind: &str| {
        let rows = timed(table);
        let with_count = |&row: &Timed<'_>| {
            let n = rows.iter().filter(|&&other| near(row, other, 10, 0)).count();
            joined(pick(row.0, &["agent", kind, "ts_utc"]), json!({ "n": n }))
        };
        rows.iter().map(with_count).filter(|row| row["n"].as_u64() >= Some(3)).collect::<Vec<_>>()
    };
    let sql = fleet.question("15");
    fleet.check(&sql, &[], loops("crashes", "kind"));
    // Two crashes are not a loop, so count watchdog events as well.
    let sql = sql.replace("crashes", "watchdog_events").replace("kind", "event");
    let expected = loops("watchdog_events", "event");
    assert!(expected.len() > 100);
    fleet.check(&sql, &[], expected);

    let columns = ["agent", "ts_utc", "event", "severity"];
    let (events, mut expected) = (timed("watchdog_events"), Vec::new());
    for crash in timed("crashes") {
        let events = events.iter().filter(|&&event| near(crash, event, 5, 5));
        let at = json!({ "crash": crash.0["ts_utc"] });
        expected.extend(events.map(|event| joined(pick(event.0, &columns), at.clone())));
    }
    assert!(!expected.is_empty());
    fleet.check(&fleet.question("23"), &["crash", "ts_utc"], expected);
}

#[test]
fn clones_are_listed_and_counted() {
    let Some(fleet) = &*FLEET else { return };
    let rows = fleet.lines("clone_dispatches");

    let stuck = rows.iter().filter(|row| {
        row["ts_utc_end"].is_null() && text(row, "ts_utc_start") < "2026-02-08T11:00:00.000Z"
    });
    let columns = ["agent_id", "runtime", "workspace", "branch", "status"];
    let expected = stuck.map(|row| aged(row, &columns, "ts_utc_start"));
    // The lines are sorted by age.
    assert_eq!(fleet.ask(&fleet.question("17")), expected.collect::<Vec<_>>());

    let expected = grouped(rows, by(&["runtime", "status"]), |rows| {
        let ended = rows.iter().filter(|row| !row["ts_utc_end"].is_null());
        let lengths = ended.map(|row| seconds(time(row, "ts_utc_start"), time(row, "ts_utc_end")));
        let hours = lengths.reduce(|a, b| a + b).map(|seconds| seconds / 3600.0);
        json!({ "n": rows.len(), "hours": hours })
    });
    fleet.check(&fleet.question("18"), &["-n"], expected);
}

#[test]
fn missing_ticks_reveal_silent_sources() {
    let Some(fleet) = &*FLEET else { return };
    let rows = fleet.lines("ticks");

    let expected = grouped(rows, by(&["source"]), |rows| {
        let last = rows.iter().map(|row| text(row, "ts_utc")).max().unwrap();
        json!({ "last_tick": last, "silent_for": age(last), "n": rows.len() })
    });
    fleet.check(&fleet.question("20"), &["last_tick"], expected);

    let mut expected = grouped(rows, by(&["source"]), |rows| {
        let times: Vec<_> = rows.iter().map(|row| time(row, "ts_utc")).collect();
        let lengths = times.windows(2).map(|pair| seconds(pair[0], pair[1]));
        let gaps: Vec<f64> = lengths.filter(|&length| length > 300.0).collect();
        json!({ "gaps": gaps.len(), "worst_s": gaps.into_iter().reduce(f64::max) })
    });
    expected.retain(|row| row["gaps"] != 0);
    fleet.check(&fleet.question("21"), &["-gaps"], expected);

    let detail = |row: &Value| serde_json::from_str::<Value>(text(row, "detail_json")).unwrap();
    let without_hook = rows.iter().filter(|row| !detail(row)["hook"].is_string());
    let expected = grouped(without_hook, by(&["source"]), |rows| {
        let longest = rows.iter().filter_map(|row| detail(row)["elapsed_s"].as_i64()).max();
        json!({ "longest_s": longest })
    });
    fleet.check(&fleet.question("28"), &["-longest_s"], expected);
}

#[test]
fn commands_and_merges_are_counted() {
    let Some(fleet) = &*FLEET else { return };
    let rows = fleet.lines("cli_invocations");
    let mut expected = grouped(rows, by(&["bin", "argv_json"]), |rows| {
        let failed = ints(rows, "exit_code").into_iter().filter(|&code| code != 0).count();
        json!({ "n": rows.len(), "failed": failed })
    });
    expected.retain(|row| row["n"].as_u64() > Some(10));
    fleet.check(&fleet.question("24"), &["-failed"], expected);

    let rows = fleet.lines("harvest_events");
    let expected = grouped(rows, by(&["target_branch", "status"]), |rows| {
        let with_conflicts = rows.iter().filter(|row| !row["conflicts"].is_null()).count();
        json!({ "n": rows.len(), "with_conflicts": with_conflicts })
    });
    fleet.check(&fleet.question("26"), &["-n"], expected);
}

#[test]
fn a_timeline_unions_four_tables_of_events() {
    let Some(fleet) = &*FLEET else { return };
    let sources: [(&str, &str, &str, &str, &[&str]); 4] = [
        ("messages", "ts_utc", "message", "direction", &["from_agent", "to_agent"]),
        ("mcp_tool_calls", "ts_utc_start", "tool", "tool", &["agent"]),
        ("watchdog_events", "ts_utc", "watchdog", "event", &["agent"]),
        ("sessions", "ts_utc", "session", "event", &["agent"]),
    ];
    let mut expected = Vec::new();
    for (table, time, kind, what, agents) in sources {
        let mut lines = fleet.lines(table).to_vec();
        lines.retain(|row| agents.iter().any(|&agent| row[agent] == "dev1"));
        let event = |row: &Value| json!({ "ts_utc": row[time], "kind": kind, "what": row[what] });
        expected.extend(lines.iter().map(event));
    }
    let sql = fleet.question("29");
    fleet.check(&sql, &["-ts_utc"], expected.clone());
    fleet.check(&sql.replace("LIMIT 50", ""), &["-ts_utc"], expected);
}

#[test]
fn times_are_compared_with_texts() {
    let Some(fleet) = &*FLEET else { return };
    let check = |predicate: &str, holds: &dyn Fn(&str) -> bool| {
        let rows = fleet.lines("messages").iter();
        let expected = rows.filter(|row| holds(text(row, "ts_utc"))).count();
        assert!(expected > 0, "{predicate}");
        let sql = format!("SELECT count(*) FROM messages WHERE {predicate}");
        assert_eq!(value(&fleet.db, &sql), expected, "{predicate}");
    };
    let first = "2026-01-05T12:17:31.459Z";
    check(&format!("ts_utc = '{first}'"), &|ts| ts == first);
    check(&format!("ts_utc <> '{first}'"), &|ts| ts != first);
    check("ts_utc < '2026-02-01T00:00:00Z'", &|ts| ts < "2026-02-01");
    check("ts_utc >= '2026-02-01T00:00:00Z'", &|ts| ts >= "2026-02-01");
    check("ts_utc LIKE '2026-02-03%'", &|ts| ts.starts_with("2026-02-03"));
    check("ts_utc NOT LIKE '2026-02-03%'", &|ts| !ts.starts_with("2026-02-03"));
    check("length(ts_utc) = 24", &|ts| ts.len() == 24);
    let span = "2026-01-20T08:30:00.000Z"..="2026-01-22T17:45:00.500Z";
    let between = format!("ts_utc BETWEEN '{}' AND '{}'", span.start(), span.end());
    check(&between, &|ts| span.contains(&ts));
}

#[test]
fn times_work_with_text_functions() {
    let Some(fleet) = &*FLEET else { return };
    let rows = fleet.lines("messages");
    for (sql, chars) in [("left(ts_utc, 7)", 7), ("substr(ts_utc, 1, 10)", 10)] {
        let by_part = |row: &Value| json!({ "part": text(row, "ts_utc")[..chars] });
        let sql =
            format!("SELECT {sql} AS part, count(*) AS n FROM messages GROUP BY 1 ORDER BY 1");
        fleet.check(&sql, &["part"], grouped(rows, by_part, count));
    }
    let joined = value(&fleet.db, "SELECT ts_utc || ' ' || source FROM messages WHERE id = 1");
    assert_eq!(joined, "2026-01-05T12:17:31.459Z claude-code");
}

#[test]
fn times_print_in_stored_form() {
    let Some(fleet) = &*FLEET else { return };
    let stored: Vec<&str> = fleet.lines("messages").iter().map(|row| text(row, "ts_utc")).collect();

    let sql = "SELECT ts_utc, CAST(ts_utc AS VARCHAR) AS text FROM messages ORDER BY id";
    let expected: Vec<_> = stored.iter().map(|ts| json!({ "ts_utc": ts, "text": ts })).collect();
    assert!(fleet.ask(sql) == expected);

    let table = fleet.db.query("SELECT ts_utc FROM messages ORDER BY id").unwrap();
    let cells = table.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    assert!(cells.skip(1).eq(stored));
}

#[test]
fn every_imported_value_is_returned() {
    let Some(fleet) = &*FLEET else { return };
    for table in TABLES {
        let (name, lines) = (table.name(), fleet.lines(table.name()));
        let columns: Vec<&str> = table.columns().iter().map(|column| column.name).collect();
        let rows = fleet.ask(&format!("SELECT id, {} FROM {name} ORDER BY id", columns.join(", ")));
        assert_eq!(rows.len(), lines.len(), "{name}");
        for (row, line) in rows.iter().zip(lines) {
            assert_eq!(row, line, "{name}");
        }
    }
}

#[test]
fn views_agree_with_the_imported_rows() {
    let Some(fleet) = &*FLEET else { return };
    let one = |sql: &str| value(&fleet.db, sql);
    let number = |row: &Value, column: &str| row[column].as_i64();

    let usage = fleet.lines("token_usage");
    let micros: i64 = usage.iter().filter_map(|row| number(row, "cost_usd_micros")).sum();
    assert_eq!(one("SELECT round(sum(usd) * 1e6)::bigint FROM v_cost_daily"), micros);
    assert_eq!(one("SELECT sum(calls) FROM v_cost_daily"), usage.len());

    let calls = fleet.lines("mcp_tool_calls");
    let failed = calls.iter().filter(|row| row["success"] == false).count();
    assert_eq!(one("SELECT sum(errors) FROM v_tool_latency"), failed);
    // Every call without an end has an error.
    assert_eq!(one("SELECT sum(unended) FROM v_tool_latency"), 0);
    assert_eq!(one("SELECT count(*) FROM v_open_calls"), 0);
    let longest = calls.iter().filter_map(|row| number(row, "duration_ms")).max();
    assert_eq!(one("SELECT max(max_ms) FROM v_tool_latency"), json!(longest));

    // Each session consists of one up and one down.
    let sessions = fleet.lines("sessions").len() / 2;
    assert_eq!(one("SELECT count(*) FROM v_session_spans WHERE state = 'ended'"), sessions);
    assert_eq!(one("SELECT count(*) FROM v_open_sessions"), 0);
    assert_eq!(one("SELECT count(*) FROM v_crash_loops"), 0);
    assert_eq!(one("SELECT sum(ticks) FROM v_last_tick"), fleet.lines("ticks").len());

    let clones = fleet.lines("clone_dispatches");
    assert_eq!(one("SELECT count(*) FROM clone_lifetimes"), clones.len());
    let at_work = clones.iter().filter(|row| row["ts_utc_end"].is_null()).count();
    assert_eq!(one("SELECT count(*) FROM clone_lifetimes WHERE ts_utc_end IS NULL"), at_work);

    for (kind, table, column) in [
        ("sent", "messages", "from_agent"),
        ("received", "messages", "to_agent"),
        ("tool", "mcp_tool_calls", "agent"),
        ("model", "token_usage", "agent"),
        ("session", "sessions", "agent"),
        ("watchdog", "watchdog_events", "agent"),
        ("directive", "owner_directives", "agent"),
        ("clone", "clone_dispatches", "agent_id"),
    ] {
        let of_dev1 = fleet.lines(table).iter().filter(|row| row[column] == "dev1").count();
        let sql =
            format!("SELECT count(*) FROM v_timeline WHERE agent = 'dev1' AND kind = '{kind}'");
        assert_eq!(one(&sql), of_dev1, "{kind}");
    }
}
