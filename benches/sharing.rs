//! The number of rows per second that become durable, and the longest wait of a call, when threads
//! and processes record to one store at once. SQLite in WAL mode with `synchronous=FULL` is
//! measured in alternation.
//!
//! `cargo bench --bench sharing` runs 3 rounds of 2 seconds; `-- SECONDS ROUNDS` changes that.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use chrono::Utc;
use netsky_db::{Db, OpenOptions, TickRecord};
use rusqlite::{Connection, params};

const THREADS: usize = 16;
const PROCESSES: usize = 8;
const DETAIL: &str = r#"{"elapsed_s":300}"#;
/// The timeout is so long that no call fails: the wait is what is measured.
const PATIENCE: Duration = Duration::from_secs(120);
/// Set for a recording child process: the engine, the path, rows per transaction, and seconds.
const CHILD: &str = "NETSKY_BENCH_CHILD";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    Netsky,
    Sqlite,
}

/// The number of concurrent writers, and the rows per transaction.
struct Load {
    name: &'static str,
    threads: usize,
    processes: usize,
    rows: u64,
}

const LOADS: [Load; 4] = [
    Load { name: "1 thread, 1 row a call", threads: 1, processes: 0, rows: 1 },
    Load { name: "16 threads, 1 row a call", threads: THREADS, processes: 0, rows: 1 },
    Load { name: "8 processes, 1 row a call", threads: 0, processes: PROCESSES, rows: 1 },
    Load { name: "8 processes, 100 rows a call", threads: 0, processes: PROCESSES, rows: 100 },
];

/// The work of one writer, or the sum of several.
#[derive(Debug, Clone, Copy, Default)]
struct Done {
    rows: u64,
    worst: Duration,
}

impl Done {
    fn and(self, other: Self) -> Self {
        Self { rows: self.rows + other.rows, worst: self.worst.max(other.worst) }
    }
}

fn open(path: &Path) -> Db {
    OpenOptions::new().busy_timeout(PATIENCE).open(path).expect("a store")
}

fn connect(path: &Path) -> Connection {
    let connection = Connection::open(path).expect("a database");
    connection.busy_timeout(PATIENCE).expect("a timeout");
    connection
        .execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
             CREATE TABLE IF NOT EXISTS ticks (id INTEGER PRIMARY KEY, ts_utc TEXT NOT NULL,
                 source TEXT NOT NULL, detail_json TEXT NOT NULL);
             CREATE INDEX IF NOT EXISTS ticks_ts_utc ON ticks (ts_utc);",
        )
        .expect("a table");
    connection
}

/// Repeats calls for this long.
fn repeat(rows: u64, time: Duration, mut call: impl FnMut()) -> Done {
    let (began, mut done) = (Instant::now(), Done::default());
    while began.elapsed() < time {
        let called = Instant::now();
        call();
        done = done.and(Done { rows, worst: called.elapsed() });
    }
    done
}

fn record(db: &Db, rows: u64, time: Duration) -> Done {
    let tick = || TickRecord { ts_utc: Utc::now(), source: "bench", detail_json: DETAIL };
    repeat(rows, time, || match rows {
        1 => drop(db.record(&tick()).expect("a row")),
        many => drop(db.record_all((0..many).map(|_| tick())).expect("rows")),
    })
}

fn insert(connection: &mut Connection, rows: u64, time: Duration) -> Done {
    repeat(rows, time, || {
        // A transaction that begins with a read fails if another one writes first.
        let txn = connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .expect("a transaction");
        {
            let sql = "INSERT INTO ticks (ts_utc, source, detail_json) VALUES (?, ?, ?)";
            let mut insert = txn.prepare_cached(sql).expect("a statement");
            for _ in 0..rows {
                let ts_utc = Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
                insert.execute(params![ts_utc, "bench", DETAIL]).expect("a row");
            }
        }
        txn.commit().expect("committed");
    })
}

fn in_threads(engine: Engine, path: &Path, load: &Load, time: Duration) -> Done {
    let shared = (engine == Engine::Netsky).then(|| open(path));
    thread::scope(|scope| {
        let writers: Vec<_> = (0..load.threads)
            .map(|_| {
                let shared = &shared;
                scope.spawn(move || match shared {
                    Some(db) => record(db, load.rows, time),
                    None => insert(&mut connect(path), load.rows, time),
                })
            })
            .collect();
        let done = writers.into_iter().map(|writer| writer.join().expect("a writer"));
        done.fold(Done::default(), Done::and)
    })
}

fn in_processes(engine: Engine, path: &Path, load: &Load, time: Duration) -> Done {
    let start = || {
        let told = format!("{engine:?}\n{}\n{}\n{}", path.display(), load.rows, time.as_secs_f64());
        Command::new(env::current_exe().expect("this program"))
            .env(CHILD, told)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process")
    };
    let mut processes: Vec<Child> = (0..load.processes).map(|_| start()).collect();
    let mut said: Vec<_> = processes
        .iter_mut()
        .map(|process| BufReader::new(process.stdout.take().expect("its output")).lines())
        .collect();
    let mut next =
        |index: usize| -> String { said[index].next().expect("a line").expect("a line") };
    // All have opened the store before any begins.
    (0..load.processes).for_each(|index| assert_eq!(next(index), "ready"));
    for process in &mut processes {
        writeln!(process.stdin.as_mut().expect("its input")).expect("it listens");
    }
    let done = (0..load.processes).map(|index| {
        let line = next(index);
        let (rows, worst) = line.split_once(' ').expect("two numbers");
        let worst = Duration::from_micros(worst.parse().expect("a number"));
        Done { rows: rows.parse().expect("a number"), worst }
    });
    let done = done.fold(Done::default(), Done::and);
    processes.iter_mut().for_each(|process| drop(process.wait()));
    done
}

fn child(told: &str) {
    let mut told = told.lines();
    let mut next = || told.next().expect("four lines");
    let (engine, path) = (next().to_owned(), PathBuf::from(next()));
    let rows = next().parse().expect("a number");
    let time = Duration::from_secs_f64(next().parse().expect("a number"));
    let begin = || {
        println!("ready");
        let _ = std::io::stdin().read_line(&mut String::new());
    };
    let done = if engine == "Netsky" {
        let db = open(&path);
        begin();
        record(&db, rows, time)
    } else {
        let mut connection = connect(&path);
        begin();
        insert(&mut connection, rows, time)
    };
    println!("{} {}", done.rows, done.worst.as_micros());
}

/// Runs a load on a new file, and checks that the acknowledged rows are stored.
fn run(engine: Engine, load: &Load, time: Duration) -> Done {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("bench.db");
    match engine {
        Engine::Netsky => drop(open(&path)),
        Engine::Sqlite => drop(connect(&path)),
    }
    let done = if load.processes == 0 {
        in_threads(engine, &path, load, time)
    } else {
        in_processes(engine, &path, load, time)
    };
    let sql = "SELECT count(*) FROM ticks";
    let stored = match engine {
        Engine::Netsky => open(&path).query(sql).expect("a count"),
        Engine::Sqlite => {
            let count = connect(&path).query_row(sql, [], |row| row.get::<_, i64>(0));
            count.expect("a count").to_string()
        }
    };
    assert!(stored.contains(&done.rows.to_string()), "{} acknowledged: {stored}", done.rows);
    done
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    if let Ok(told) = env::var(CHILD) {
        return child(&told);
    }
    let numbers: Vec<f64> = env::args().filter_map(|argument| argument.parse().ok()).collect();
    let time = Duration::from_secs_f64(numbers.first().copied().unwrap_or(2.0));
    let rounds = numbers.get(1).map_or(3, |rounds| *rounds as usize);
    println!("Medians of {rounds} rounds of {time:?}; the worst wait is that of all rounds.\n");
    println!("| | netsky rows/s | worst wait ms | SQLite rows/s | worst wait ms |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    for load in &LOADS {
        let mut of_engine = [(Vec::new(), Duration::ZERO), (Vec::new(), Duration::ZERO)];
        for _ in 0..rounds {
            for (engine, (rates, worst)) in
                [Engine::Netsky, Engine::Sqlite].into_iter().zip(&mut of_engine)
            {
                let done = run(engine, load, time);
                rates.push(done.rows as f64 / time.as_secs_f64());
                *worst = done.worst.max(*worst);
            }
        }
        print!("| {} |", load.name);
        for (rates, worst) in of_engine {
            print!(" {:.0} | {:.0} |", median(rates), worst.as_secs_f64() * 1e3);
        }
        println!();
    }
}
