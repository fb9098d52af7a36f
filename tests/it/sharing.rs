//! Many threads and many processes on one store: nothing that was acknowledged is lost, nothing is
//! stored twice, and nobody waits for ever.
//!
//! With `NETSKY_LONG_TESTS=1` the storm of killed processes lasts for hundreds of kills.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use chrono::Utc;
use netsky_db::{Db, Error, OpenOptions, TickRecord};
use serde_json::json;

use crate::support::{open_past_the_crate, rows, store, stored_rows, value};

fn impatient() -> OpenOptions {
    OpenOptions::new().busy_timeout(Duration::from_millis(100))
}

fn tick(source: &str) -> TickRecord<'_> {
    TickRecord { ts_utc: Utc::now(), source, detail_json: "{}" }
}

#[test]
fn a_call_that_waits_in_vain_says_so_and_stores_nothing() {
    let store = store();
    let db = impatient().open(&store.path).unwrap();
    let other = open_past_the_crate(&store.path);
    let txn = other.begin_write().unwrap();

    let error = db.record(&tick("in vain")).unwrap_err();
    assert!(matches!(&error, Error::Busy { path, .. } if *path == store.path), "{error}");
    assert!(error.to_string().contains("busy"), "{error}");
    let error = db.record_all([tick("in"), tick("vain")]).unwrap_err();
    assert!(matches!(error, Error::Busy { .. }), "{error}");
    // Queries go on.
    assert_eq!(value(&db, "SELECT count(*) FROM ticks"), 0);

    txn.abort().unwrap();
    assert_eq!(db.record(&tick("in time")).unwrap(), 1);
    assert_eq!(
        rows(&db, "SELECT id, source FROM ticks"),
        [json!({"id": 1, "source": "in time"}).as_object().unwrap().clone()]
    );
}

#[test]
fn who_would_not_wait_at_all_records_where_nobody_else_writes() {
    let store = store();
    drop(store.db);
    let db = OpenOptions::new().busy_timeout(Duration::ZERO).open(&store.path).unwrap();
    assert_eq!(db.record(&tick("at once")).unwrap(), 1);
}

#[test]
fn opening_waits_no_longer_than_told_and_holds_up_no_other_store() {
    let (held, free) = (store(), store());
    drop(held.db);
    let other = open_past_the_crate(&held.path);
    let txn = other.begin_write().unwrap();
    thread::scope(|scope| {
        let patient = scope.spawn(|| OpenOptions::new().open(&held.path).unwrap());
        let error = impatient().open(&held.path).unwrap_err();
        assert!(matches!(error, Error::Busy { .. }), "{error}");
        impatient().open(&free.path).unwrap().record(&tick("free")).unwrap();
        assert_eq!(value(&impatient().open_read_only(&held.path).unwrap(), "SELECT 1"), 1);
        txn.abort().unwrap();
        patient.join().unwrap().record(&tick("patient")).unwrap();
    });
}

#[test]
fn many_threads_record_at_once_without_gaps() {
    let store = store();
    thread::scope(|scope| {
        for thread in 0..8 {
            let db = &store.db;
            scope.spawn(move || {
                for row in 0..20 {
                    let source = format!("{thread}-{row}");
                    let id = db.record(&tick(&source)).unwrap();
                    let found = format!("SELECT source FROM ticks WHERE id = {id}");
                    assert_eq!(value(db, &found), source.as_str());
                }
            });
        }
    });
    let sql = "SELECT count(*), max(id), count(DISTINCT source) FROM ticks";
    let found = rows(&store.db, sql);
    assert!(found[0].values().all(|value| *value == 160), "{found:?}");
}

/// Set for a process that is to record, with the store's path.
const CHILD: &str = "NETSKY_TEST_CHILD";

/// Not a test in itself: it is what the storm's processes run. It records rows with names of its own
/// for ever, and says of each, once it is acknowledged, which id it got.
#[test]
fn child_that_records() {
    let Some(path) = env::var_os(CHILD) else { return };
    let db = Db::open_path(&path).unwrap();
    for number in 0_u64.. {
        let name = |part: u64| format!("{}-{number}-{part}", std::process::id());
        let first = if number % 3 == 0 {
            let names: Vec<String> = (0..20).map(name).collect();
            let ids = db.record_all(names.iter().map(|name| tick(name))).unwrap();
            assert_eq!(ids.end - ids.start, 20);
            ids.start
        } else {
            db.record(&tick(&name(0))).unwrap()
        };
        for part in 0..if number % 3 == 0 { 20 } else { 1 } {
            // The full stop tells a whole line from one that was cut short by a kill.
            eprintln!("ack {} {} .", name(part), first + part as i64);
        }
    }
}

type Acknowledged = Arc<Mutex<BTreeMap<String, i64>>>;

struct Recorder {
    process: Child,
    listener: JoinHandle<()>,
}

impl Recorder {
    fn start(path: &Path, acknowledged: &Acknowledged) -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .args(["--exact", "sharing::child_that_records", "--nocapture"])
            .env(CHILD, path)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let acknowledged = Arc::clone(acknowledged);
        let listener = thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                match line.split(' ').collect::<Vec<_>>()[..] {
                    ["ack", name, id, "."] => {
                        let id = id.parse().unwrap();
                        acknowledged.lock().unwrap().insert(name.to_owned(), id);
                    }
                    _ => assert!("ack".starts_with(&line[..line.len().min(3)]), "{line}"),
                }
            }
        });
        Self { process, listener }
    }

    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.listener.join().unwrap();
    }
}

#[test]
fn what_was_acknowledged_outlives_processes_that_are_killed() {
    let (recorders, kills) = match env::var_os("NETSKY_LONG_TESTS") {
        Some(_) => (8, 400),
        None => (4, 12),
    };
    let store = store();
    let acknowledged = Acknowledged::default();
    let mut rng = fastrand::Rng::with_seed(1);
    let start = || Recorder::start(&store.path, &acknowledged);
    let mut running: Vec<Recorder> = (0..recorders).map(|_| start()).collect();
    for _ in 0..kills {
        thread::sleep(Duration::from_millis(rng.u64(20..150)));
        running.swap_remove(rng.usize(..recorders)).kill();
        running.push(start());
        // A reader sees a whole prefix at any moment.
        let seen = rows(&store.db, "SELECT count(*) AS n, coalesce(max(id), 0) AS last FROM ticks");
        assert_eq!(seen[0]["n"], seen[0]["last"]);
    }
    running.into_iter().for_each(Recorder::kill);
    // The last commit of a process that was killed within it may be finished by the next that writes.
    // So one writes first.
    let last = Db::open_path(&store.path).unwrap().record(&tick("after")).unwrap();

    let found: BTreeMap<i64, String> = rows(&store.db, "SELECT id, source FROM ticks")
        .into_iter()
        .map(|row| (row["id"].as_i64().unwrap(), row["source"].as_str().unwrap().to_owned()))
        .collect();
    let acknowledged = acknowledged.lock().unwrap();
    assert!(acknowledged.len() > 20, "{} rows are too few to tell", acknowledged.len());
    println!("{kills} kills, {} rows acknowledged, {} found", acknowledged.len(), found.len());
    for (name, id) in &*acknowledged {
        assert_eq!(found.get(id), Some(name), "row {id}");
    }
    let mut names: Vec<&String> = found.values().collect();
    names.sort();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "a row is stored twice");
    assert_eq!(
        found.keys().copied().collect::<Vec<_>>(),
        (1..=found.len() as i64).collect::<Vec<_>>()
    );

    assert_eq!(found.get(&last).map(String::as_str), Some("after"));
    assert_eq!(last, found.len() as i64);

    // Zones count and date the rows as they are.
    let times: Vec<String> = stored_rows(&store.path, "ticks")
        .iter()
        .map(|(_, row)| row.split('"').nth(5).unwrap().to_owned())
        .collect();
    let ends =
        rows(&store.db, "SELECT count(*) AS n, min(ts_utc) AS low, max(ts_utc) AS high FROM ticks");
    assert_eq!(ends[0]["n"], times.len());
    assert_eq!(ends[0]["low"], times.iter().min().unwrap().as_str());
    assert_eq!(ends[0]["high"], times.iter().max().unwrap().as_str());
    let report = store.db.check().unwrap();
    assert!(report.is_clean(), "{report:?}");
}
