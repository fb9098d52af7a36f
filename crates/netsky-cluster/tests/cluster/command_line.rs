//! `netsky --cluster`, of a program that is built with clusters.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use netsky_testing::skip;

use super::cancellation::{ENDLESS, assert_freed};
use super::lake_with_ticks;
use super::processes::{Processes, until};

/// `None` if the program is not there, or was built without clusters.
fn netsky(lake: &str) -> Option<PathBuf> {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_netsky-cluster")).with_file_name("netsky");
    let probe = Command::new(&program)
        .args(["query", "--lake", lake, "--cluster", "df://127.0.0.1", "SELECT 1 AS one"])
        .output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        skip("netsky", "netsky is not built with clusters; build it with --features cluster");
        return None;
    }
    Some(program)
}

fn query(program: &PathBuf, lake: &str, processes: &Processes, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(["query", "--lake", lake, "--cluster", &processes.url()]).args(args);
    command.stdin(Stdio::null());
    command
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_query_on_a_cluster_prints_its_answer_or_what_is_wrong() {
    let directory = lake_with_ticks(100);
    let Some(program) = netsky(&directory.lake()) else { return };
    let processes = Processes::start(1);
    processes.ready(&directory.lake());
    let asked = query(
        &program,
        &directory.lake(),
        &processes,
        &["--format", "csv", "SELECT count(*) AS n FROM ticks"],
    );
    let output = { asked }.output().unwrap();
    assert_eq!(texts(&output), ("n\n100\n".to_owned(), String::new()));
    let no_lake =
        Command::new(&program).args(["query", "--cluster", "df://x", "SELECT 1"]).output();
    let no_lake = no_lake.unwrap();
    assert_eq!(no_lake.status.code(), Some(2));
    assert!(texts(&no_lake).1.contains("name it with --lake"), "{:?}", texts(&no_lake));
    let failed =
        query(&program, &directory.lake(), &processes, &["SELECT 1 / (id - 1) FROM ticks"]);
    let failed = { failed }.output().unwrap();
    assert_eq!(failed.status.code(), Some(1));
    assert!(texts(&failed).1.contains("Divide by zero"), "{:?}", texts(&failed));
}

#[test]
fn a_query_that_is_interrupted_or_too_late_frees_its_executors() {
    let directory = lake_with_ticks(12_000);
    let Some(program) = netsky(&directory.lake()) else { return };
    let processes = Processes::start(1);
    let db = processes.ready(&directory.lake());
    for (args, signal, code) in [
        (&[ENDLESS][..], Some("-INT"), 130),
        (&[ENDLESS], Some("-TERM"), 143),
        (&["--timeout", "3s", ENDLESS], None, 124),
    ] {
        let before = processes.executors[0].busy();
        let mut running = query(&program, &directory.lake(), &processes, args);
        let mut running = running.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        if let Some(signal) = signal {
            let works = || processes.executors[0].busy() > before + Duration::from_secs(1);
            until("the query runs", works);
            let id = running.id().to_string();
            assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        }
        assert_eq!(running.wait().unwrap().code(), Some(code));
        assert_freed(&processes, &db);
    }
}
