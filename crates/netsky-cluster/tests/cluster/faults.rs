//! Processes of a cluster that are killed.

use std::fs;
use std::iter::zip;
use std::thread;
use std::time::{Duration, Instant};

use netsky_db::Error;
use netsky_testing::{Row, rows, value};
use serde_json::{Value, json};

use super::lake_with_ticks;
use super::processes::{PATIENCE, Process, Processes, until};

/// Takes some seconds, in several tasks.
const LONG: &str = "SELECT sum(n) AS n FROM (SELECT a.source, count(*) AS n FROM ticks a JOIN ticks b \
                    ON a.id % 97 <> b.id % 89 GROUP BY a.source)";

/// Executors have ended their own tasks after this time, and those of one that is lost are not repeated yet.
const IDLE: Duration = Duration::from_secs(15);

/// Its last stage takes some seconds.
const PAIRS: &str = "SELECT a.id AS a, b.id AS b FROM ticks a JOIN ticks b ON a.id % 97 <> b.id % 89 \
                     AND a.id * b.id % 1000003 = 1 AND a.id * 7 % 1009 <> b.id * 3 % 1013";

#[test]
fn an_executor_that_is_killed_costs_time_and_not_the_answer() {
    let directory = lake_with_ticks(12_000);
    for sql in [LONG, PAIRS] {
        let expected = sorted(rows(&directory.local(), sql));
        let mut processes = Processes::start(2);
        let cluster = processes.ready(&directory.lake());
        let mut killed = processes.executors.pop().unwrap();
        let before = killed.busy();
        let answer = thread::spawn(move || sorted(rows(&cluster, sql)));
        until("the executor works", || killed.busy() > before + Duration::from_millis(500));
        assert!(!answer.is_finished());
        killed.kill();
        let started = Instant::now();
        assert_eq!(answer.join().unwrap(), expected, "{sql}");
        assert!(started.elapsed() < 2 * PATIENCE);
    }
}

#[test]
fn two_executors_that_are_killed_cost_time_and_not_the_answer() {
    let directory = lake_with_ticks(18_000);
    let expected = sorted(rows(&directory.local(), LONG));
    let mut processes = Processes::start(3);
    let cluster = processes.ready(&directory.lake());
    let answer = thread::spawn(move || sorted(rows(&cluster, LONG)));
    for idle in [IDLE, Duration::ZERO] {
        let busy = |processes: &Processes| -> Vec<_> {
            processes.executors.iter().map(Process::busy).collect()
        };
        let before = busy(&processes);
        let works = |processes: &Processes| {
            let work = zip(busy(processes), &before).map(|(now, before)| now - *before);
            work.into_iter().position(|time| time > Duration::from_millis(500))
        };
        until("an executor works", || works(&processes).is_some() || answer.is_finished());
        assert!(!answer.is_finished());
        let killed = works(&processes).unwrap();
        processes.executors.remove(killed).kill();
        thread::sleep(idle);
    }
    assert_eq!(answer.join().unwrap(), expected);
}

fn sorted(rows: Vec<Row>) -> Vec<String> {
    let mut rows: Vec<_> = rows.into_iter().map(|row| Value::Object(row).to_string()).collect();
    rows.sort();
    rows
}

#[test]
fn a_scheduler_that_is_killed_is_an_error_and_a_new_one_answers() {
    let directory = lake_with_ticks(12_000);
    let mut processes = Processes::start(1);
    let cluster = processes.ready(&directory.lake());
    let before = processes.executors[0].busy();
    let asked = cluster.clone();
    let answer = thread::spawn(move || asked.query(LONG));
    until("the query runs", || processes.executors[0].busy() > before + Duration::from_millis(500));
    processes.scheduler.kill();
    let error = answer.join().unwrap().unwrap_err().to_string();
    assert!(error.contains(&format!("127.0.0.1:{}", processes.port)), "{error}");
    // The executor finds the new scheduler by itself.
    processes.restart_scheduler();
    let cluster = processes.ready(&directory.lake());
    assert_eq!(value(&cluster, "SELECT count(*) FROM ticks"), json!(12_000));
}

#[test]
fn a_damaged_file_is_an_error_that_names_it() {
    let directory = lake_with_ticks(1_000);
    let processes = Processes::start(1);
    let cluster = processes.ready(&directory.lake());
    let file = directory.file();
    let mut content = fs::read(&file).unwrap();
    content[100] ^= 1;
    fs::write(&file, content).unwrap();
    for db in [cluster, directory.local()] {
        let error = db.query("SELECT source, count(*) FROM ticks GROUP BY source").unwrap_err();
        assert!(matches!(error, Error::TableSource(_)), "{error:?}");
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(error.to_string().contains(&format!("{name} is damaged: ")), "{error}");
    }
}

#[test]
fn executors_that_are_all_killed_are_an_error() {
    let directory = lake_with_ticks(12_000);
    let mut processes = Processes::start(1);
    let cluster = processes.ready(&directory.lake());
    let before = processes.executors[0].busy();
    let asked = cluster.clone();
    let answer = thread::spawn(move || asked.query(LONG));
    until("the query runs", || processes.executors[0].busy() > before + Duration::from_millis(500));
    processes.executors.clear();
    let error = answer.join().unwrap().unwrap_err().to_string();
    assert!(error.contains("executor"), "{error}");
    processes.add_executor();
    let cluster = processes.ready(&directory.lake());
    assert_eq!(value(&cluster, "SELECT count(*) FROM ticks"), json!(12_000));
}
