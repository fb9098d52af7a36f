//! Each view against a model in plain Rust, over small random histories.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use netsky_db::{
    CloneDispatchRecord, CrashRecord, McpToolCallRecord, SessionEvent, SessionRecord, TickRecord,
    TokenUsageRecord,
};
use netsky_testing::{rows, store};
use proptest::prelude::*;
use serde_json::{Value, json};

fn time(second: i64) -> DateTime<Utc> {
    let start = DateTime::parse_from_rfc3339("2026-04-03T23:50:00Z").unwrap().to_utc();
    start + TimeDelta::seconds(second)
}

fn text(time: DateTime<Utc>) -> Value {
    json!(time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
}

const AGENTS: [&str; 3] = ["agent0", "agent1", "owner"];

fn agent() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&AGENTS[..])
}

fn event() -> impl Strategy<Value = SessionEvent> {
    prop_oneof![Just(SessionEvent::Up), Just(SessionEvent::Down), Just(SessionEvent::Note)]
}

/// Sorts the rows, for comparing answers without an order.
fn sorted(mut rows: Vec<Value>) -> Vec<Value> {
    rows.sort_by_key(Value::to_string);
    rows
}

fn answer(db: &netsky_db::Db, sql: &str) -> Vec<Value> {
    sorted(rows(db, sql).into_iter().map(Value::Object).collect())
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn sessions_end_at_the_next_down(
        events in prop::collection::vec((agent(), 1..3_i64, event(), 0..40_i64), 0..30)
    ) {
        let store = store();
        let records = events.iter().map(|&(agent, session_num, event, second)| SessionRecord {
            ts_utc: time(second), agent, session_num, event,
        });
        store.db.record_all(records).unwrap();

        let mut spans = Vec::new();
        for (index, &(agent, num, event, second)) in events.iter().enumerate() {
            if event != SessionEvent::Up {
                continue;
            }
            let later = events.iter().enumerate().filter(|(other, row)| {
                (row.0, row.1) == (agent, num)
                    && row.2 != SessionEvent::Note
                    && (row.3, *other) > (second, index)
            });
            let next = later.min_by_key(|(other, row)| (row.3, *other)).map(|(_, row)| row);
            let end = next.filter(|row| row.2 == SessionEvent::Down).map(|row| row.3);
            spans.push(json!({
                "id": index + 1,
                "agent": agent,
                "session_num": num,
                "ts_utc_start": text(time(second)),
                "ts_utc_end": end.map(|end| text(time(end))),
                "duration_ms": end.map(|end| (end - second) * 1_000),
                "state": match next {
                    None => "open",
                    Some(row) if row.2 == SessionEvent::Down => "ended",
                    Some(_) => "lost",
                },
            }));
        }
        prop_assert_eq!(answer(&store.db, "SELECT * FROM v_session_spans"), sorted(spans.clone()));

        let open: BTreeSet<String> = spans
            .iter()
            .filter(|span| span["state"] == "open")
            .map(|span| span["id"].to_string())
            .collect();
        let found = rows(&store.db, "SELECT id, age_ms FROM v_open_sessions");
        prop_assert!(found.iter().all(|row| row["age_ms"].as_i64().unwrap() > 0));
        let found: BTreeSet<String> = found.iter().map(|row| row["id"].to_string()).collect();
        prop_assert_eq!(found, open);
    }

    #[test]
    fn crash_loops_match_the_model(
        crashes in prop::collection::vec((agent(), prop::sample::select(vec!["oom", "panic"]), 0..80_i64), 0..25)
    ) {
        let store = store();
        // In minutes, so that many are exactly ten apart.
        let records = crashes.iter().map(|&(agent, kind, minute)| CrashRecord {
            ts_utc: time(minute * 60), kind, agent, detail_json: "{}",
        });
        store.db.record_all(records).unwrap();

        let mut loops = Vec::new();
        for agent in AGENTS {
            let mut mine: Vec<_> = crashes.iter().filter(|crash| crash.0 == agent).collect();
            mine.sort_by_key(|crash| crash.2);
            for run in mine.chunk_by(|one, next| next.2 - one.2 <= 10) {
                if run.windows(3).any(|three| three[2].2 - three[0].2 <= 10) {
                    let (first, last) = (run[0].2, run[run.len() - 1].2);
                    let kinds: BTreeSet<&str> = run.iter().map(|crash| crash.1).collect();
                    loops.push(json!({
                        "agent": agent,
                        "ts_utc_start": text(time(first * 60)),
                        "ts_utc_end": text(time(last * 60)),
                        "duration_ms": (last - first) * 60_000,
                        "crashes": run.len(),
                        "kinds": kinds.into_iter().collect::<Vec<_>>().join(", "),
                    }));
                }
            }
        }
        prop_assert_eq!(answer(&store.db, "SELECT * FROM v_crash_loops"), sorted(loops));
    }

    #[test]
    fn daily_costs_match_the_model(
        calls in prop::collection::vec(
            (0..3_000_i64, prop::option::of(agent()), prop::option::of(Just("opus")),
             prop::option::of(0..5_000_i64), prop::option::of(0..2_000_000_i64)),
            0..30,
        )
    ) {
        let store = store();
        let records = calls.iter().map(|&(second, agent, model, tokens, cost)| TokenUsageRecord {
            ts_utc: time(second), session_id: None, agent, model, input_tokens: tokens,
            output_tokens: tokens.map(|tokens| tokens / 2), cached_input_tokens: None,
            cost_usd_micros: cost, detail_json: None,
        });
        store.db.record_all(records).unwrap();

        let mut days = BTreeMap::<_, Vec<_>>::new();
        for &(second, agent, model, tokens, cost) in &calls {
            let day = time(second).date_naive().to_string();
            days.entry((day, agent, model)).or_default().push((tokens, cost));
        }
        let sum = |values: &mut dyn Iterator<Item = i64>| values.reduce(|sum, value| sum + value);
        let expected = days.iter().map(|((day, agent, model), calls)| json!({
            "day": day, "agent": agent, "model": model, "calls": calls.len(),
            "unpriced": calls.iter().filter(|call| call.1.is_none()).count(),
            "input_tokens": sum(&mut calls.iter().filter_map(|call| call.0)),
            "output_tokens": sum(&mut calls.iter().filter_map(|call| call.0.map(|t| t / 2))),
            "cached_input_tokens": null,
            "usd": sum(&mut calls.iter().filter_map(|call| call.1)).map(|sum| sum as f64 / 1e6),
        }));
        prop_assert_eq!(answer(&store.db, "SELECT * FROM v_cost_daily"), sorted(expected.collect()));
    }

    #[test]
    fn tool_latencies_match_the_model(
        calls in prop::collection::vec(
            (0..3_000_i64, prop::sample::select(vec!["grep", "edit"]), prop::option::of(0..9_000_i64),
             any::<bool>(), any::<bool>()),
            0..30,
        )
    ) {
        let store = store();
        let records = calls.iter().map(|&(second, tool, took, success, told)| McpToolCallRecord {
            ts_utc_start: time(second),
            ts_utc_end: took.map(|took| time(second) + TimeDelta::milliseconds(took)),
            source: "builtin", tool, agent: None,
            // Otherwise it is derived from the two times.
            duration_ms: took.filter(|_| told), success, error: None, timeout_race: false,
            request_json: None, response_json: None,
        });
        store.db.record_all(records).unwrap();

        let mut days = BTreeMap::<_, Vec<_>>::new();
        for &(second, tool, took, success, _) in &calls {
            let day = time(second).date_naive().to_string();
            days.entry((day, tool)).or_default().push((took, success));
        }
        let mut found = rows(&store.db, "SELECT * FROM v_tool_latency ORDER BY day, tool");
        prop_assert_eq!(found.len(), days.len());
        for (found, ((day, tool), calls)) in found.iter_mut().zip(&days) {
            let mut took: Vec<i64> = calls.iter().filter_map(|call| call.0).collect();
            took.sort_unstable();
            for (name, part) in [("p50_ms", 0.5), ("p95_ms", 0.95)] {
                let place = part * (took.len().max(1) - 1) as f64;
                let at = |place: f64| took.get(place as usize).map(|&ms| ms as f64);
                let between = at(place.floor()).zip(at(place.ceil()));
                let exact = between.map(|(low, high)| low + (high - low) * place.fract());
                let told = found.remove(name).unwrap().as_i64();
                // To the millisecond; DataFusion computes the position between two values to a
                // millionth.
                let near = |(told, exact): (i64, f64)| (told as f64 - exact).abs() <= 0.51;
                prop_assert!(told.is_some() == exact.is_some() && told.zip(exact).is_none_or(near),
                    "{} of {:?}: {:?}", name, took, told);
            }
            let ended = |call: &&(Option<i64>, bool)| call.0.is_some();
            prop_assert_eq!(Value::Object(found.clone()), json!({
                "day": day, "source": "builtin", "tool": tool, "calls": calls.len(),
                "unended": calls.iter().filter(|call| call.0.is_none() && !call.1).count(),
                "errors": calls.iter().filter(ended).filter(|call| !call.1).count(),
                "max_ms": took.last(),
            }));
        }
    }

    #[test]
    fn silence_counts_from_the_last_tick(
        ticks in prop::collection::vec((agent(), 0..9_000_i64), 0..30)
    ) {
        let store = store();
        let records = ticks.iter().map(|&(source, second)| TickRecord {
            ts_utc: time(second), source, detail_json: "{}",
        });
        store.db.record_all(records).unwrap();

        let mut last = BTreeMap::<_, (i64, i64)>::new();
        for &(source, second) in &ticks {
            let (latest, count) = last.entry(source).or_insert((second, 0));
            (*latest, *count) = ((*latest).max(second), *count + 1);
        }
        let expected = last.iter().map(|(source, (second, count))| json!({
            "source": source, "ts_utc": text(time(*second)), "ticks": count,
        }));
        let sql = "SELECT source, ts_utc, ticks FROM v_last_tick";
        prop_assert_eq!(answer(&store.db, sql), sorted(expected.collect()));
        let before = Utc::now();
        for row in rows(&store.db, "SELECT source, silent_ms FROM v_last_tick") {
            let (second, _) = last[row["source"].as_str().unwrap()];
            let silent = TimeDelta::milliseconds(row["silent_ms"].as_i64().unwrap());
            let now = time(second) + silent + TimeDelta::milliseconds(1);
            prop_assert!(before <= now && now <= Utc::now() + TimeDelta::milliseconds(1));
        }
    }

    #[test]
    fn clone_starts_and_ends_are_one_row(
        rows in prop::collection::vec(
            (agent(), 0..4_i64, prop::option::of(0..500_i64), prop::option::of(prop::sample::select(vec!["running", "completed"]))),
            0..20,
        )
    ) {
        let store = store();
        let records = rows.iter().map(|&(agent_id, second, took, status)| CloneDispatchRecord {
            ts_utc_start: time(second), ts_utc_end: took.map(|took| time(second + took)), agent_id,
            runtime: Some("claude"), brief_path: None, brief: None, workspace: None, branch: None,
            status, exit_code: None, detail_json: None,
        });
        store.db.record_all(records).unwrap();

        let mut clones = BTreeMap::<_, Vec<_>>::new();
        for (index, &(agent, second, took, status)) in rows.iter().enumerate() {
            clones.entry((agent, second)).or_default().push((index + 1, took, status));
        }
        let expected = clones.iter().map(|((agent, second), rows)| {
            let took = rows.iter().filter_map(|row| row.1).max();
            json!({
                "id": rows[rows.len() - 1].0, "agent_id": agent, "runtime": "claude",
                "workspace": null, "branch": null, "exit_code": null,
                "status": rows.iter().filter_map(|row| row.2).next_back(),
                "ts_utc_start": text(time(*second)),
                "ts_utc_end": took.map(|took| text(time(second + took))),
                "duration_ms": took.map(|took| took * 1_000),
            })
        });
        let expected = sorted(expected.collect());
        prop_assert_eq!(answer(&store.db, "SELECT * FROM clone_lifetimes"), expected);
    }

    #[test]
    fn the_timeline_has_each_event_once(
        events in prop::collection::vec((0..11_usize, prop::option::of(agent()), prop::option::of(agent()), 0..500_i64), 0..25)
    ) {
        let store = store();
        let mut ids = BTreeMap::<&str, i64>::new();
        let mut expected = Vec::new();
        for &(table, agent, other, second) in &events {
            let ts = text(time(second));
            let name = agent.unwrap_or("nobody");
            let (table, row, of) = match table {
                0 | 1 => (
                    "messages",
                    json!({"ts_utc": ts, "source": "x", "direction": "inbound", "from_agent": agent, "to_agent": other}),
                    vec![("sent", agent), ("received", other)],
                ),
                2 => (
                    "mcp_tool_calls",
                    json!({"ts_utc_start": ts, "source": "x", "tool": "t", "agent": agent, "success": true, "timeout_race": false}),
                    vec![("tool", agent)],
                ),
                3 => ("token_usage", json!({"ts_utc": ts, "agent": agent}), vec![("model", agent)]),
                4 => (
                    "sessions",
                    json!({"ts_utc": ts, "agent": name, "session_num": 1, "event": "note"}),
                    vec![("session", Some(name))],
                ),
                5 => (
                    "crashes",
                    json!({"ts_utc": ts, "kind": "oom", "agent": name, "detail_json": "{}"}),
                    vec![("crash", Some(name))],
                ),
                6 => ("watchdog_events", json!({"ts_utc": ts, "event": "x", "agent": agent}), vec![("watchdog", agent)]),
                7 => (
                    "owner_directives",
                    json!({"ts_utc": ts, "source": "x", "raw_text": "do\r\n\tit", "agent": agent}),
                    vec![("directive", agent)],
                ),
                8 => (
                    "communication_events",
                    json!({"ts_utc": ts, "source": "x", "direction": "inbound", "agent": agent}),
                    vec![("communication", agent)],
                ),
                9 => ("clone_dispatches", json!({"ts_utc_start": ts, "agent_id": name}), vec![("clone", Some(name))]),
                _ => ("ticks", json!({"ts_utc": ts, "source": name, "detail_json": "{}"}), vec![]),
            };
            let id = store.db.import(table, row.to_string().as_bytes()).unwrap().start;
            ids.insert(table, id);
            for (kind, agent) in of.into_iter().filter(|(_, agent)| agent.is_some()) {
                expected.push(json!({
                    "ts_utc": ts, "agent": agent, "kind": kind, "table_name": table, "id": id,
                }));
            }
        }
        let sql = "SELECT * EXCLUDE (what) FROM v_timeline";
        prop_assert_eq!(answer(&store.db, sql), sorted(expected));
        for row in rows(&store.db, "SELECT what FROM v_timeline") {
            let what = row["what"].as_str().unwrap();
            prop_assert!(!what.is_empty() && !what.contains(char::is_control), "{:?}", what);
        }
    }
}
