//! Many processes on one store, some of them killed: no acknowledged row is lost and none is stored twice.
//!
//! With `NETSKY_LONG_TESTS=1` hundreds of processes are killed instead of a dozen.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::ops::Bound;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use netsky_db::{Db, Error};
use netsky_testing::{rows, stored_rows, tick};
use redb::StorageBackend;
use redb::backends::FileBackend;

use crate::cli::{Home, ran};

const TICK: &str = r#"{"source":"cron","detail_json":"{}"}"#;

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

/// Every command that opens the store, as it can be called beside others. None of them changes ticks.
const COMMANDS: [&[&str]; 24] = [
    &["query", "SELECT count(*) FROM ticks", "--format", "csv"],
    &["shell"],
    &["tables"],
    &["views"],
    &["schema", "ticks"],
    &["top"],
    &["tail", "ticks"],
    &["timeline", "a"],
    &["cost"],
    &["record", "crashes", r#"{"kind":"k","agent":"a","detail_json":"{}"}"#],
    &["import", "--allow-duplicates", "crashes", "crashes.ndjson"],
    &["export", "ticks", "ticks.parquet", "--force"],
    &["export", "crashes", "crashes.csv", "--force"],
    &["stats"],
    &["check"],
    &["check", "--repair"],
    &["doctor"],
    &["prune", "--before", "2000-01-01"],
    &["prune", "--before", "2000-01-01", "--dry-run"],
    &["backup", "backup.db", "--force"],
    &["restore", "backup.db", "--force"],
    &["compact"],
    &["migrate"],
    &["query", "SELECT source, count(*) FROM ticks GROUP BY source", "--output", "a.csv"],
];

/// Runs commands on the store until it is told to end, kills every third, and says what went wrong with
/// the others.
fn run_commands(path: &Path, seed: u64, ended: &AtomicBool) -> (usize, Vec<String>) {
    let home = Home::new();
    home.file(
        "crashes.ndjson",
        r#"{"kind":"k","agent":"a","detail_json":"{}","ts_utc":"2026-01-01T00:00:00Z"}"#,
    );
    let mut rng = fastrand::Rng::with_seed(seed);
    let (mut runs, mut wrong) = (0, Vec::new());
    while !ended.load(Ordering::Relaxed) {
        let args = COMMANDS[rng.usize(..COMMANDS.len())];
        // To restore over the store would take back what was acknowledged.
        let db = if args[0] == "restore" { Path::new("restored.db") } else { path };
        let mut command = home.command(&["--db", db.to_str().unwrap(), "--busy-timeout", "60s"]);
        command.args(args).current_dir(home.path("."));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        runs += 1;
        if rng.u8(..3) == 0 {
            thread::sleep(Duration::from_micros(rng.u64(..100_000)));
            child.kill().unwrap();
            child.wait().unwrap();
            continue;
        }
        let ran = ran(child.wait_with_output().unwrap());
        // There may be no store or no backup yet, and what wants the store for itself does not get it.
        let refused = ["no store at", "is in use", "cannot open"];
        let is_refused = ran.code == 3 && refused.iter().any(|text| ran.err.contains(text));
        if (ran.code != 0 && !is_refused) || ran.err.contains("panicked") {
            wrong.push(format!("{args:?}: {} {}{}", ran.code, ran.out, ran.err));
        }
    }
    (runs, wrong)
}

#[test]
fn what_was_acknowledged_outlives_processes_that_are_killed() {
    let (recorders, kills) = match env::var_os("NETSKY_LONG_TESTS") {
        Some(_) => (8, 400),
        None => (4, 12),
    };
    let dir = tempfile::tempdir().unwrap();
    // There is no store yet: the first processes make it, and are killed while they do.
    let path = dir.path().join("meta.db");
    let acknowledged = Acknowledged::default();
    let mut rng = fastrand::Rng::with_seed(1);
    let start = || Recorder::start(&path, &acknowledged);
    let mut running: Vec<Recorder> = (0..recorders).map(|_| start()).collect();
    let ended = Arc::new(AtomicBool::new(false));
    let commands = {
        let (path, ended) = (path.clone(), Arc::clone(&ended));
        thread::spawn(move || run_commands(&path, 2, &ended))
    };
    for _ in 0..kills {
        let is_begun = acknowledged.lock().unwrap().len() > 100;
        thread::sleep(Duration::from_millis(rng.u64(if is_begun { 20..150 } else { 2..60 })));
        running.swap_remove(rng.usize(..recorders)).kill();
        running.push(start());
        // A reader sees a whole prefix at any moment.
        match Db::open_read_only(&path) {
            Ok(db) => {
                let sql = "SELECT count(*) AS n, coalesce(max(id), 0) AS last FROM ticks";
                let seen = rows(&db, sql);
                assert_eq!(seen[0]["n"], seen[0]["last"]);
            }
            Err(Error::StoreNotFound { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    // Slow machines have not recorded much yet.
    while acknowledged.lock().unwrap().len() <= 20 {
        thread::sleep(Duration::from_millis(20));
    }
    running.into_iter().for_each(Recorder::kill);
    ended.store(true, Ordering::Relaxed);
    let (runs, wrong) = commands.join().unwrap();
    assert!(wrong.is_empty(), "{} of {runs} commands: {}", wrong.len(), wrong.join("\n"));
    // The last commit of a process that was killed within it may be finished by the next that writes.
    // So one writes first.
    let db = Db::open_path(&path).unwrap();
    let last = db.record(&tick("after")).unwrap();

    let found: BTreeMap<i64, String> = rows(&db, "SELECT id, source FROM ticks")
        .into_iter()
        .map(|row| (row["id"].as_i64().unwrap(), row["source"].as_str().unwrap().to_owned()))
        .collect();
    let acknowledged = acknowledged.lock().unwrap();
    assert!(acknowledged.len() > 20, "{} rows are too few to tell", acknowledged.len());
    println!(
        "{kills} kills beside {runs} commands, {} rows acknowledged, {} found",
        acknowledged.len(),
        found.len()
    );
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
    let times: Vec<String> = stored_rows(&path, "ticks")
        .iter()
        .map(|(_, row)| row.split('"').nth(5).unwrap().to_owned())
        .collect();
    let ends =
        rows(&db, "SELECT count(*) AS n, min(ts_utc) AS low, max(ts_utc) AS high FROM ticks");
    assert_eq!(ends[0]["n"], times.len());
    assert_eq!(ends[0]["low"], times.iter().min().unwrap().as_str());
    assert_eq!(ends[0]["high"], times.iter().max().unwrap().as_str());
    let report = db.check().unwrap();
    assert!(report.is_clean(), "{report:?}");
}

/// Makes a store with the command line, and kills it a number of microseconds after its file is there.
fn make_until_killed(home: &Home, path: &Path, micros: u64) {
    let args = ["--db", path.to_str().unwrap(), "record", "ticks", TICK];
    let mut command = home.command(&args);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !path.exists() && child.try_wait().unwrap().is_none() {}
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_micros(micros) {}
    let _ = child.kill();
    child.wait().unwrap();
}

#[test]
fn a_store_killed_while_it_is_made_is_made_again() {
    let kills = if env::var_os("NETSKY_LONG_TESTS").is_some() { 300 } else { 40 };
    let home = Home::new();
    let mut unfinished = 0;
    for kill in 0..kills {
        let path = home.path(&format!("{kill}.db"));
        // The first milliseconds are those in which redb writes its first pages.
        make_until_killed(&home, &path, 150 * (kill % 40));
        let left = fs::read(&path).unwrap_or_default();
        unfinished += usize::from(left.starts_with(&[0; 9]));
        let db = ["--db", path.to_str().unwrap()];
        let read = home.run(&[&db[..], &["query", "SELECT count(*) FROM ticks"]].concat());
        assert!(read.code == 0 || read.err.contains("no store at"), "{}", read.err);
        let id = home.ok(&[&db[..], &["record", "ticks", TICK]].concat());
        assert!(matches!(id.as_str(), "1\n" | "2\n"), "{id}");
        assert!(home.ok(&[&db[..], &["check"]].concat()).contains("0 faults"));
        fs::remove_file(&path).unwrap();
    }
    println!("{kills} kills, {unfinished} of them before the magic number was written");
}

#[test]
fn processes_that_find_an_unfinished_store_make_it_once() {
    let home = Home::new();
    let path = home.path("meta.db");
    for unfinished in [0, 73_728] {
        fs::write(&path, vec![0; unfinished]).unwrap();
        let args = ["--db", path.to_str().unwrap(), "record", "ticks", TICK];
        let read = home.fails(3, &["--db", path.to_str().unwrap(), "tables"]);
        assert!(read.contains("no store at"), "{read}");
        let children: Vec<Child> =
            (0..8).map(|_| home.command(&args).stdout(Stdio::piped()).spawn().unwrap()).collect();
        let mut ids: Vec<String> = children
            .into_iter()
            .map(|child| String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap())
            .collect();
        ids.sort();
        assert_eq!(ids, (1..=8).map(|id| format!("{id}\n")).collect::<Vec<_>>());
    }
}

#[test]
fn a_record_waits_while_a_restore_has_the_store() {
    let home = Home::new();
    let path = home.path("meta.db");
    let db = path.to_str().unwrap();
    home.ok(&["--db", db, "record", "ticks", TICK]);
    // What a restore does until the copy stands in its place.
    let file = fs::File::options().read(true).write(true).open(&path).unwrap();
    let claim = FileBackend::new(file).unwrap();
    assert!(claim.try_lock_range(Bound::Unbounded, Bound::Unbounded).unwrap());
    let record = |timeout: &str| {
        let mut command =
            home.command(&["--db", db, "--busy-timeout", timeout, "record", "ticks", TICK]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let in_vain = ran(record("300ms").wait_with_output().unwrap());
    let said = ["locked", "busy"].iter().any(|word| in_vain.err.contains(word));
    assert!(in_vain.code == 3 && said, "{}", in_vain.err);
    let patient = record("60s");
    thread::sleep(Duration::from_millis(300));
    claim.close().unwrap();
    let patient = ran(patient.wait_with_output().unwrap());
    assert_eq!((patient.code, patient.out.as_str()), (0, "2\n"), "{}", patient.err);
}
