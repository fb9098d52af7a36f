//! Imports that take many transactions: other processes record meanwhile, and every reader sees all
//! of an import or nothing, however the importing process ends.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use netsky_db::{Db, OpenOptions};
use netsky_testing::{rows, store, tick, value};
use serde_json::json;

/// More than fit into one transaction.
const ROWS: usize = 60_000;

/// Imports `count` rows with the given source, and returns the first id.
fn import(db: &Db, source: &str, count: usize) -> i64 {
    let ids = db.record_all((0..count).map(|_| tick(source))).unwrap();
    assert_eq!(ids.end - ids.start, count as i64);
    ids.start
}

#[test]
fn others_record_while_a_large_import_runs() {
    let store = store();
    let impatient = OpenOptions::new().busy_timeout(Duration::from_secs(2));
    let child = Importer::start(&store.path);
    let ended = AtomicBool::new(false);
    let (recorded, longest) = thread::scope(|scope| {
        let recorder = scope.spawn(|| {
            let db = impatient.open(&store.path).unwrap();
            let (mut recorded, mut longest) = (0, Duration::ZERO);
            while !ended.load(Ordering::Relaxed) {
                let begun = Instant::now();
                db.record(&tick("small")).unwrap();
                longest = longest.max(begun.elapsed());
                recorded += 1;
                thread::sleep(Duration::from_millis(2));
            }
            (recorded, longest)
        });
        for name in ["one", "two"] {
            import(&store.db, name, 2 * ROWS);
        }
        ended.store(true, Ordering::Relaxed);
        recorder.join().unwrap()
    });
    child.kill();
    println!("{recorded} rows beside three large imports, the longest wait {longest:?}");
    let sql = "SELECT source, count(*) AS n FROM ticks WHERE source IN ('one', 'two', 'small') \
               GROUP BY source ORDER BY source";
    let counts: Vec<_> = rows(&store.db, sql).iter().map(|row| row["n"].clone()).collect();
    assert_eq!(counts, [json!(2 * ROWS), json!(recorded), json!(2 * ROWS)]);
}

/// From one point in time on, every reader sees all rows of an import, through every kind of query.
#[test]
fn readers_see_imports_atomically() {
    let store = store();
    import(&store.db, "before", 1_500);
    let reader = Db::open_read_only(&store.path).unwrap();
    let ended = AtomicBool::new(false);
    let (all, during) = ((1_500 + ROWS) as i64, AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            import(&store.db, "large", ROWS);
            ended.store(true, Ordering::Relaxed);
        });
        loop {
            let last = ended.load(Ordering::Relaxed);
            let sums = &rows(
                &reader,
                "SELECT count(*) AS n, sum(id) AS sum, max(id) AS high, min(ts_utc) < max(ts_utc) AS t, \
                 count(*) FILTER (WHERE source = 'large') AS large FROM ticks",
            )[0];
            let n = sums["n"].as_i64().unwrap();
            assert!(n == 1_500 || n == all, "{n} rows");
            assert_eq!(sums["sum"], json!(n * (n + 1) / 2));
            assert_eq!(sums["high"], json!(n));
            assert_eq!(sums["large"], json!(n - 1_500));
            for sql in [
                format!("SELECT id FROM ticks WHERE id >= {} ORDER BY id", n - 2),
                format!(
                    "SELECT id FROM (SELECT id FROM ticks WHERE id <= {n} ORDER BY id DESC LIMIT 3) ORDER BY id"
                ),
            ] {
                let ids: Vec<_> = rows(&reader, &sql).iter().map(|row| row["id"].clone()).collect();
                // The import may have been published between two queries.
                assert_eq!(ids[..3], [json!(n - 2), json!(n - 1), json!(n)], "{sql}");
            }
            if n == all {
                during.fetch_or(!last, Ordering::Relaxed);
                for id in [1_500, 1_501, 31_234, all] {
                    let sql = format!("SELECT count(*) FROM ticks WHERE id = {id}");
                    assert_eq!(value(&reader, &sql), 1);
                }
            }
            if last {
                break;
            }
        }
    });
    assert_eq!(value(&reader, "SELECT count(*) FROM ticks"), all);
    println!("read while rows were moved: {}", during.into_inner());
    assert!(store.db.check().unwrap().is_clean());
}

/// Set for an importing child process, to the store's path.
const CHILD: &str = "NETSKY_TEST_IMPORTER";

/// Not a test itself: the tests run it as a child process. It imports repeatedly, each time under
/// another source name, and prints the name once the import is acknowledged.
#[test]
fn child_that_imports() {
    let Some(path) = env::var_os(CHILD) else { return };
    let db = Db::open_path(&path).unwrap();
    eprintln!("ready .");
    for number in 0.. {
        let name = format!("{}-{number}", std::process::id());
        let first = import(&db, &name, ROWS);
        eprintln!("ack {name} {first} .");
    }
}

struct Importer {
    process: Child,
    listener: thread::JoinHandle<BTreeMap<String, i64>>,
}

impl Importer {
    /// Starts a process that imports, and returns once it has opened the store.
    fn start(path: &Path) -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .args(["--exact", "large_imports::child_that_imports", "--nocapture"])
            .env(CHILD, path)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready .");
        let listener = thread::spawn(move || {
            let mut acknowledged = BTreeMap::new();
            for line in lines.map_while(Result::ok) {
                match line.split(' ').collect::<Vec<_>>()[..] {
                    ["ack", name, first, "."] => {
                        acknowledged.insert(name.to_owned(), first.parse().unwrap());
                    }
                    _ => assert!("ack".starts_with(&line[..line.len().min(3)]), "{line}"),
                }
            }
            acknowledged
        });
        Self { process, listener }
    }

    /// Kills the process, and returns the imports that were acknowledged.
    fn kill(mut self) -> BTreeMap<String, i64> {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.listener.join().unwrap()
    }
}

#[test]
fn killed_imports_are_atomic() {
    let kills = if env::var_os("NETSKY_LONG_TESTS").is_some() { 60 } else { 5 };
    let store = store();
    let impatient = OpenOptions::new().busy_timeout(Duration::from_secs(2));
    let ended = AtomicBool::new(false);
    let mut rng = fastrand::Rng::with_seed(7);
    let mut acknowledged = BTreeMap::new();
    let small = thread::scope(|scope| {
        let recorder = scope.spawn(|| {
            let db = impatient.open(&store.path).unwrap();
            let mut ids = Vec::new();
            while !ended.load(Ordering::Relaxed) {
                ids.push(db.record(&tick("small")).unwrap());
                thread::sleep(Duration::from_millis(1));
            }
            ids
        });
        for _ in 0..kills {
            let importer = Importer::start(&store.path);
            thread::sleep(Duration::from_millis(rng.u64(300..2_500)));
            acknowledged.append(&mut importer.kill());
        }
        ended.store(true, Ordering::Relaxed);
        recorder.join().unwrap()
    });
    assert!(small.is_sorted());
    let sql = "SELECT source, count(*) AS n, min(id) AS low, max(id) AS high FROM ticks \
               WHERE source <> 'small' GROUP BY source";
    let compare = |db: &Db| {
        let found: BTreeMap<String, i64> = rows(db, sql)
            .iter()
            .map(|row| {
                let [n, low, high] = ["n", "low", "high"].map(|name| row[name].as_i64().unwrap());
                assert_eq!((n, high - low + 1), (ROWS as i64, ROWS as i64), "{row:?}");
                (row["source"].as_str().unwrap().to_owned(), low)
            })
            .collect();
        assert!(acknowledged.iter().all(|(name, first)| found.get(name) == Some(first)));
        let all = (found.len() * ROWS + small.len()) as i64;
        let sums = &rows(db, "SELECT count(*) AS n, sum(id) AS sum FROM ticks")[0];
        assert_eq!((&sums["n"], &sums["sum"]), (&json!(all), &json!(all * (all + 1) / 2)));
        found.len()
    };
    let published = compare(&store.db);
    println!("{kills} kills, {published} imports stored, {} acknowledged", acknowledged.len());
    // Whatever was left half done, the store is intact, and a repair completes it.
    assert!(store.db.check().unwrap().is_clean());
    store.db.repair().unwrap();
    assert!(store.db.check().unwrap().is_clean());
    assert_eq!(compare(&store.db), published);
}
