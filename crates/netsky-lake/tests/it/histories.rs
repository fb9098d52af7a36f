//! Random histories of machines and their lake, against a model of it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use netsky_db::{Db, TickRecord};
use netsky_lake::{Lake, Push};
use netsky_testing::rows;
use proptest::prelude::*;

use super::{Directory, open};

const MACHINES: [&str; 2] = ["a", "b"];

#[derive(Debug, Clone)]
enum Step {
    /// Rows at these numbers of minutes.
    Record(usize, Vec<i64>),
    Push(usize),
    PushUntil(usize, i64),
    Compact(i64),
    PruneLake(i64),
    PruneMachine(usize),
    PruneStore(usize, i64),
}

fn step() -> impl Strategy<Value = Step> {
    // Mostly one, which so gets many files.
    let machine = || prop_oneof![3 => Just(0), 1 => Just(1)];
    // Few days, so that a day has several files, and times at their edges.
    let minute = || prop_oneof![0..2 * 1_440_i64, (0..3_i64).prop_map(|day| day * 1_440)];
    prop_oneof![
        6 => (machine(), prop::collection::vec(minute(), 1..4)).prop_map(|(m, rows)| Step::Record(m, rows)),
        8 => machine().prop_map(Step::Push),
        1 => (machine(), minute()).prop_map(|(m, until)| Step::PushUntil(m, until)),
        1 => minute().prop_map(Step::Compact),
        2 => Just(Step::Compact(3 * 1_440)),
        1 => minute().prop_map(Step::PruneLake),
        1 => machine().prop_map(Step::PruneMachine),
        1 => (machine(), minute()).prop_map(|(m, before)| Step::PruneStore(m, before)),
    ]
}

fn at(minute: i64) -> DateTime<Utc> {
    NaiveDate::from_ymd_opt(2026, 4, 1).unwrap().and_hms_opt(0, 0, 0).unwrap().and_utc()
        + TimeDelta::minutes(minute)
}

/// What a machine has recorded and pushed.
#[derive(Default)]
struct Machine {
    store: BTreeMap<i64, DateTime<Utc>>,
    last_id: i64,
    pushed: i64,
}

type Rows = BTreeSet<(String, i64, DateTime<Utc>)>;

fn rows_of(lake: &Db) -> Vec<(String, i64, DateTime<Utc>)> {
    let found = rows(lake, "SELECT machine, id, ts_utc FROM ticks ORDER BY machine, id");
    let row = |row: &netsky_testing::Row| {
        let time = row["ts_utc"].as_str().unwrap().parse().unwrap();
        (row["machine"].as_str().unwrap().to_owned(), row["id"].as_i64().unwrap(), time)
    };
    found.iter().map(row).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_lake_has_each_row_that_was_pushed_once(steps in prop::collection::vec(step(), 10..40)) {
        let directory = Directory::new();
        let stores = MACHINES.map(|name| directory.store(name));
        let mut machines = MACHINES.map(|_| Machine::default());
        let mut expected = Rows::new();
        // With one push, so that there is a lake.
        Push::new(&stores[0], &directory.lake(), MACHINES[0]).unwrap().run().unwrap();
        for step in steps {
            let lake = || Lake::open(&directory.lake()).unwrap();
            match &step {
                Step::Record(m, minutes) => {
                    let tick = |minute: &i64| TickRecord { ts_utc: at(*minute), source: "x", detail_json: "{}" };
                    stores[*m].record_all(minutes.iter().map(tick)).unwrap();
                    for minute in minutes {
                        machines[*m].last_id += 1;
                        let id = machines[*m].last_id;
                        machines[*m].store.insert(id, at(*minute));
                    }
                }
                Step::Push(m) | Step::PushUntil(m, _) => {
                    let push = Push::new(&stores[*m], &directory.lake(), MACHINES[*m]).unwrap();
                    let machine = &mut machines[*m];
                    let (push, last) = match &step {
                        Step::PushUntil(_, until) => {
                            let later = machine.store.range(machine.pushed + 1..).find(|(_, time)| **time >= at(*until));
                            (push.until(at(*until)), later.map_or(machine.last_id, |(id, _)| id - 1))
                        }
                        _ => (push, machine.last_id),
                    };
                    push.run().unwrap();
                    for (id, time) in machine.store.range(machine.pushed + 1..) {
                        if *id <= last {
                            expected.insert((MACHINES[*m].to_owned(), *id, *time));
                        }
                    }
                    machine.pushed = last.max(machine.pushed);
                }
                Step::Compact(before) => drop(lake().compact(at(*before)).unwrap()),
                Step::PruneLake(before) => {
                    lake().prune(Some(at(*before)), false).unwrap();
                    expected.retain(|(_, _, time)| time.date_naive() >= at(*before).date_naive());
                }
                Step::PruneMachine(m) => {
                    lake().of_machines([MACHINES[*m]]).unwrap().prune(None, false).unwrap();
                    expected.retain(|(machine, _, _)| machine != MACHINES[*m]);
                    machines[*m].pushed = 0;
                }
                Step::PruneStore(m, before) => {
                    stores[*m].prune(at(*before), Some("ticks")).unwrap();
                    machines[*m].store.retain(|_, time| *time >= at(*before));
                }
            }
            let found = rows_of(&open(&directory.lake()));
            let expected: Vec<_> = expected.iter().cloned().collect();
            prop_assert_eq!(found, expected, "after {:?}", step);
        }
    }
}
