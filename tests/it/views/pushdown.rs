//! What a query of a view reads from the tables, by the metrics that `EXPLAIN ANALYZE` shows.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta};
use netsky_db::VIEWS;
use netsky_testing::{TestStore, store, value};
use serde_json::json;

const ROWS: i64 = 5_000;
/// The rows of a block, and a few more, because the metrics are rounded to thousands.
const BLOCK: u64 = 1_030;

/// Returns a store with three and a half days of each table, a row a minute, of two agents in turn.
fn history() -> TestStore {
    let store = store();
    let start = DateTime::parse_from_rfc3339("2026-04-03T00:00:00Z").unwrap().to_utc();
    for table in netsky_db::TABLES {
        let mut lines = String::new();
        for minute in 0..ROWS {
            let ts = (start + TimeDelta::minutes(minute)).to_rfc3339();
            let agent = ["dev1", "dev2"][(minute % 2) as usize];
            let mut row = serde_json::Map::new();
            for column in table.columns() {
                let value = match (column.name, column.ty) {
                    (name, _) if Some(name) == table.time_column().map(|c| c.name) => json!(ts),
                    ("event", _) if table.name() == "sessions" => json!("note"),
                    ("direction", _) => json!("inbound"),
                    ("source", _) if table.name() == "ticks" => json!(agent),
                    ("agent" | "agent_id" | "from_agent", _) => json!(agent),
                    (_, _) if column.nullable => continue,
                    (_, netsky_db::ColumnType::Int) => json!(1),
                    (_, netsky_db::ColumnType::Bool) => json!(true),
                    _ if column.is_json() => json!("{}"),
                    _ => json!("x"),
                };
                row.insert(column.name.to_owned(), value);
            }
            lines += &format!("{}\n", serde_json::Value::Object(row));
        }
        store.db.import(table.name(), lines.as_bytes()).unwrap();
    }
    store
}

/// Returns the rows that the scans of each table read, and those that they returned.
fn read(store: &TestStore, sql: &str) -> BTreeMap<String, (u64, u64)> {
    let plan = store.db.query(&format!("EXPLAIN ANALYZE {sql}")).unwrap();
    let mut found = BTreeMap::<String, (u64, u64)>::new();
    for scan in plan.lines().filter_map(|line| line.split("DataSourceExec: table=").nth(1)) {
        let figure = |name: &str| {
            let after = scan.split(&format!("{name}=")).nth(1).unwrap();
            let figure = after.split([',', ']', ' ']).next().unwrap();
            let thousands = after[figure.len()..].starts_with(" K");
            (figure.parse::<f64>().unwrap() * if thousands { 1_000.0 } else { 1.0 }) as u64
        };
        let table = scan.split(',').next().unwrap().to_owned();
        let of_table = found.entry(table).or_default();
        of_table.0 += figure("rows_read");
        of_table.1 += figure("output_rows");
    }
    assert!(!found.is_empty(), "no scan: {sql}\n{plan}");
    found
}

#[test]
fn view_conditions_filter_base_tables() {
    let store = history();
    // By view: a condition, the maximum number of rows read of a table, and the maximum returned by
    // a scan.
    let all = ROWS as u64;
    let cases = [
        ("v_cost_daily", "day >= '2026-04-06'", 2 * BLOCK, 680),
        ("v_cost_daily", "day = '2026-04-04' AND agent = 'dev1'", 3 * BLOCK, 720),
        ("v_cost_daily", "day > now() - INTERVAL '1 day'", 0, 0),
        ("v_tool_latency", "day >= '2026-04-06'", 2 * BLOCK, 680),
        ("v_tool_latency", "day < '2026-04-04' AND tool = 'y'", 2 * BLOCK, 0),
        ("v_session_spans", "agent = 'dev1' AND session_num = 7", all, 0),
        ("v_open_sessions", "agent = 'nobody'", all, 0),
        ("v_agents", "agent = 'nobody'", all, 0),
        // Its columns are computed from the details.
        ("v_agent_sessions", "agent = 'nobody'", all, all),
        // Of sessions, nothing is filtered.
        ("v_open_calls", "ts_utc_start >= '2026-04-06T11:00:00Z'", all, all),
        ("v_last_tick", "source = 'dev1'", all, 2_500),
        ("v_crash_loops", "agent = 'dev1'", all, 2_500),
        // Messages are read for their senders and for their recipients.
        ("v_timeline", "agent = 'dev1' AND ts_utc >= '2026-04-06T11:00:00Z'", 2 * BLOCK, 10),
        ("v_timeline", "ts_utc > now() - INTERVAL '1 hour'", 0, 0),
        ("clone_lifetimes", "ts_utc_start >= '2026-04-06T11:00:00Z'", BLOCK, 20),
        ("clone_lifetimes", "agent_id = 'dev1'", all, 2_500),
    ];
    for (view, condition, most, kept) in cases {
        let sql = format!("SELECT * FROM {view} WHERE {condition}");
        for (table, (rows, output)) in read(&store, &sql) {
            assert!(rows <= most && output <= kept, "{table} {rows} {output}: {sql}");
        }
    }
    for view in VIEWS {
        assert!(cases.iter().any(|case| case.0 == view.name()), "{}", view.name());
    }
}

#[test]
fn open_calls_of_a_day_read_the_blocks_of_the_day() {
    let sql = "SELECT * FROM v_open_calls WHERE ts_utc_start >= '2026-04-06T11:00:00Z'";
    let (rows, kept) = read(&history(), sql)["mcp_tool_calls"];
    assert!(rows <= BLOCK && kept <= 20, "{rows} {kept}");
}

#[test]
fn newest_timeline_events_read_the_newest_blocks() {
    let store = history();
    for condition in ["true", "agent = 'dev1'"] {
        let sql =
            format!("SELECT * FROM v_timeline WHERE {condition} ORDER BY ts_utc DESC LIMIT 20");
        for (table, (rows, _)) in read(&store, &sql) {
            // Messages are scanned twice. The block of the highest ids is not full.
            assert!(rows <= 4 * BLOCK, "{table} {rows}: {sql}");
        }
    }
    let newest =
        "SELECT max(ts_utc) FROM (SELECT ts_utc FROM v_timeline ORDER BY ts_utc DESC LIMIT 3)";
    assert_eq!(value(&store.db, newest), "2026-04-06T11:19:00.000Z");
    let oldest = "SELECT min(ts_utc) FROM (SELECT ts_utc FROM v_timeline ORDER BY ts_utc LIMIT 3)";
    assert_eq!(value(&store.db, oldest), "2026-04-03T00:00:00.000Z");
}

#[test]
fn unprojected_view_columns_are_not_decoded() {
    let store = history();
    let plan = store.db.query("EXPLAIN SELECT id FROM v_timeline WHERE kind = 'model'").unwrap();
    let scans: Vec<&str> = plan.lines().filter(|line| line.contains("DataSourceExec:")).collect();
    assert!(scans.len() == 1 && scans[0].contains("table=token_usage, columns=[id]"), "{plan}");
}
