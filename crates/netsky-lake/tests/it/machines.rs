//! Machines whose agents have the same names.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use netsky_db::{CloneDispatchRecord, Db, SessionEvent, VIEWS};
use netsky_lake::Lake;
use netsky_testing::{rows, value};
use serde_json::json;

use super::{Directory, open, push, sorted, view};

fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_776_211_200, 0).unwrap() + TimeDelta::minutes(minutes)
}

/// The same agents, sessions and clones on every machine, at other times: what belongs together on one machine
/// would fit what happened on another.
fn record(db: &Db, minutes: i64) {
    for (offset, event) in [(0, SessionEvent::Up), (60, SessionEvent::Down), (90, SessionEvent::Up)]
    {
        db.record_session(at(offset + minutes), "agent0", 1, event).unwrap();
    }
    for offset in [0, 9] {
        db.record_crash(at(offset + minutes), "panic", "agent0", "{}").unwrap();
    }
    db.record_tick(at(minutes), "watchdog", "{}").unwrap();
    for status in [None, Some("done")] {
        let mut clone = CloneDispatchRecord::new(at(0), "clone1");
        clone.status = status;
        clone.ts_utc_end = status.map(|_| at(20 + minutes));
        db.record_clone_dispatch(clone).unwrap();
    }
    let call = |offset: i64, ended: bool| {
        json!({
            "ts_utc_start": at(offset).to_rfc3339(), "source": "fs", "tool": "read", "agent": "agent0",
            "success": ended, "timeout_race": false,
        })
    };
    // The other machine's call of the same time has ended.
    db.record_json("mcp_tool_calls", &call(100, minutes > 0).to_string()).unwrap();
}

#[test]
fn views_answer_for_each_machine_as_its_store() {
    let directory = Directory::new();
    let stores = [("a", 0), ("b", 4)].map(|(name, minutes)| {
        let store = directory.store(name);
        record(&store, minutes);
        push(&store, &directory.lake(), name);
        (name, store)
    });
    let lake = open(&directory.lake());
    for name in VIEWS.iter().map(|view| view.name()) {
        let sql = view(name);
        let mut expected: Vec<String> =
            stores.iter().flat_map(|(_, store)| sorted(store, &sql)).collect();
        expected.sort();
        assert_eq!(sorted(&lake, &sql), expected, "{name}");
        for (machine, store) in &stores {
            let of_machine = format!("{sql} WHERE machine = '{machine}'");
            assert_eq!(sorted(&lake, &of_machine), sorted(store, &sql), "{name} of {machine}");
        }
    }
    // Four crashes within ten minutes, but two on each machine.
    assert_eq!(rows(&lake, "SELECT * FROM v_crash_loops").len(), 0);
}

#[test]
fn ids_are_unique_only_with_the_machine() {
    let directory = Directory::new();
    for name in ["a", "b", "c"] {
        let store = directory.store(name);
        for i in 0..5 {
            store.record_tick(at(i), name, "{}").unwrap();
        }
        push(&store, &directory.lake(), name);
    }
    let lake = open(&directory.lake());
    let found = rows(&lake, "SELECT id, source FROM ticks ORDER BY id, source DESC LIMIT 4");
    let found: Vec<_> =
        found.iter().map(|row| (row["id"].clone(), row["source"].clone())).collect();
    let expected = [(1, "c"), (1, "b"), (1, "a"), (2, "c")];
    assert_eq!(found, expected.map(|(id, source)| (json!(id), json!(source))));
    assert_eq!(value(&lake, "SELECT count(DISTINCT machine || id::text) FROM ticks"), json!(15));
    assert_eq!(value(&lake, "SELECT count(*) FROM ticks WHERE machine = source"), json!(15));
}

#[test]
fn machines_can_be_chosen() {
    let directory = Directory::new();
    for name in ["a", "b", "c"] {
        let store = directory.store(name);
        store.record_tick(at(0), name, "{}").unwrap();
        push(&store, &directory.lake(), name);
    }
    let machines = |lake: Lake, sql: &str| -> BTreeSet<String> {
        rows(&lake.db(), sql)
            .iter()
            .map(|row| row["machine"].as_str().unwrap().to_owned())
            .collect()
    };
    let lake = || Lake::open(&directory.lake()).unwrap();
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let all = "SELECT machine FROM ticks";
    assert_eq!(machines(lake(), all), set(&["a", "b", "c"]));
    assert_eq!(machines(lake().of_machines(["a", "c"]).unwrap(), all), set(&["a", "c"]));
    assert_eq!(machines(lake().of_machines(["none"]).unwrap(), all), set(&[]));
    for (condition, expected) in [
        ("machine = 'b'", &["b"][..]),
        ("machine IN ('a', 'b', 'x')", &["a", "b"]),
        ("machine = 'b' OR machine = 'c'", &["b", "c"]),
        ("machine <> 'b'", &["a", "c"]),
        ("machine LIKE 'a%'", &["a"]),
        ("machine = 'b' AND machine = 'c'", &[]),
        ("machine = source", &["a", "b", "c"]),
        ("upper(machine) = 'C'", &["c"]),
    ] {
        let sql = format!("SELECT machine FROM ticks WHERE {condition}");
        assert_eq!(machines(lake(), &sql), set(expected), "{condition}");
    }
    let condition = "SELECT machine FROM ticks WHERE machine = 'b'";
    assert_eq!(machines(lake().of_machines(["a"]).unwrap(), condition), set(&[]));
}
