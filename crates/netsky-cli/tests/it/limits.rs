//! Limits of time, memory, files and threads, as the command line sets and reports them.

use std::path::Path;
use std::process::{Command, Stdio};

use chrono::Utc;
use netsky_db::TickRecord;
use netsky_testing::{skip, store, store_past_the_crate, with_large_texts, with_ticks};

use crate::cli::{Home, Ran};

/// It takes minutes.
const ENDLESS: &str = "SELECT sum(a.id * b.id % c.id) FROM ticks a, ticks b, ticks c, ticks d";

fn netsky(store: &Path, args: &[&str]) -> Ran {
    Home::new().run(&[&["--db", store.to_str().unwrap()], args].concat())
}

#[test]
fn the_command_line_says_124_when_time_is_up() {
    let store = with_ticks(3_000);
    let ran = netsky(&store.path, &["query", "--timeout", "300ms", ENDLESS]);
    assert_eq!(ran.code, 124);
    assert_eq!(
        ran.err,
        "netsky: the query was cancelled after 0.3 s\n  query less, for example a shorter time range, or allow more time with --timeout\n"
    );
}

/// Few other programs run as these users. Root is not limited, and another user's limit counts everything
/// that runs as them.
#[cfg(target_os = "linux")]
const UNUSED_USERS: std::ops::Range<u32> = 61_000..61_008;

#[cfg(target_os = "linux")]
#[test]
fn too_few_threads_end_a_query() {
    let store = with_ticks(20_000);
    let directory = store.path.parent().unwrap();
    let allow_all = |path: &Path, mode| {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    allow_all(directory, 0o777);
    allow_all(&store.path, 0o666);
    let sql = "SELECT sum(length(detail_json)) FROM ticks WHERE source = 'x'";
    let mut running = Vec::new();
    for (user, threads) in UNUSED_USERS.zip(1..) {
        let mut command = Command::new("setpriv");
        command.arg(format!("--reuid={user}")).args(["--clear-groups", "prlimit"]);
        command.arg(format!("--nproc={threads}")).arg(env!("CARGO_BIN_EXE_netsky"));
        command.arg("--db").arg(&store.path).args(["query", sql]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        match command.spawn() {
            Ok(child) => running.push(child),
            Err(error) => return skip("setpriv", &format!("setpriv cannot be run: {error}")),
        }
    }
    let mut answers = 0;
    for child in running {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        if text.contains("setpriv: ") {
            return skip("setpriv", text.trim_end());
        }
        match output.status.code() {
            Some(0) => answers += 1,
            code => assert!(code.is_some() && text.contains("thread"), "{code:?}: {text}"),
        }
    }
    assert!(answers > 0);
}

#[test]
fn a_query_from_standard_input_can_have_a_memory_limit() {
    use std::io::Write;
    let store = with_ticks(3);
    let mut query = Command::new(env!("CARGO_BIN_EXE_netsky"))
        .arg("--db")
        .arg(&store.path)
        .args(["query", "--memory-limit", "64MiB", "--format", "csv", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    query.stdin.take().unwrap().write_all(b"SELECT count(*) AS n FROM ticks").unwrap();
    assert_eq!(String::from_utf8_lossy(&query.wait_with_output().unwrap().stdout), "n\n3\n");
}

#[cfg(unix)]
#[test]
fn a_sort_may_open_many_files_and_says_where_it_cannot_have_them() {
    let store = with_large_texts(100_000);
    let sort = |limits: &str, directory: &str| {
        let program = env!("CARGO_BIN_EXE_netsky");
        let mut command = Command::new("sh");
        command.env("TMPDIR", directory).args(["-c", &format!("{limits} exec \"$@\""), "sh"]);
        command.args([program, "--db"]).arg(&store.path);
        command.args(["query", "--format", "csv", "--memory-limit", "4MiB"]);
        command.arg("SELECT detail_json FROM ticks ORDER BY detail_json").output().unwrap()
    };
    let directory = store.path.parent().unwrap().to_str().unwrap();
    let sorted = sort("ulimit -S -n 24;", directory);
    assert!(sorted.status.success(), "{}", String::from_utf8_lossy(&sorted.stderr));
    assert_eq!(sorted.stdout.iter().filter(|byte| **byte == b'\n').count(), 100_001);
    for (limits, directory) in [("ulimit -n 24;", directory), ("", "/no/such/directory")] {
        let refused = sort(limits, directory);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("$TMPDIR") && said.contains("ulimit -n"), "{said}");
    }
}

/// With `NETSKY_LONG_TESTS=1` of five million rows under 64 MiB.
#[cfg(target_os = "linux")]
#[test]
fn a_sort_under_a_memory_limit_takes_little_more_memory_than_that() {
    let (rows, limit, more) = match std::env::var_os("NETSKY_LONG_TESTS") {
        // With the program's own pages, some 54 MiB, it is 100 MB more.
        Some(_) => (5_000_000, 64 << 20, 40 << 20),
        // What the allocator keeps by itself is 20 MiB more.
        None => (200_000, 16 << 20, 16 << 20),
    };
    let store = store();
    let text = |index: usize| format!("{:0>200}", index * 7_919 % rows);
    for start in (0..rows).step_by(100_000) {
        let texts: Vec<String> = (start..rows.min(start + 100_000)).map(text).collect();
        let tick = |text| TickRecord { ts_utc: Utc::now(), source: "x", detail_json: text };
        store.db.record_all(texts.iter().map(|text| tick(text))).unwrap();
    }
    let mut query = Command::new(env!("CARGO_BIN_EXE_netsky"));
    query
        .arg("--db")
        .arg(&store.path)
        .args(["query", "--format", "csv", "--memory-limit", &limit.to_string()])
        .arg("SELECT * FROM ticks ORDER BY detail_json");
    // Without the pages of the program itself.
    let peak = netsky_testing::peak_memory(query, "RssAnon:");
    eprintln!("{peak} bytes at the peak with a limit of {limit}");
    assert!(peak < limit + more, "{peak} bytes with a limit of {limit}");
}

#[test]
fn the_command_line_names_the_memory_limit_that_was_too_low() {
    let store = with_large_texts(20_000);
    let sql = "SELECT a.id FROM ticks a JOIN ticks b ON a.detail_json = b.detail_json";
    let ran = netsky(&store.path, &["query", "--memory-limit", "1MiB", sql]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("--memory-limit"), "{}", ran.err);
}

#[test]
fn the_command_line_counts_the_corrupt_rows_it_left_out() {
    let store = with_ticks(4);
    store_past_the_crate(&store.path, "ticks", 2, b"{\"ts_utc\":\"2026-04-03T00:00:00.000Z\",");
    store_past_the_crate(&store.path, "ticks", 5, b"not JSON");
    // The time of this row can be decoded and its source cannot.
    let row = r#"{"id":6,"ts_utc":"2026-04-03T00:00:00.000Z","source":7,"detail_json":"{}"}"#;
    store_past_the_crate(&store.path, "ticks", 6, row.as_bytes());
    let sql = "SELECT id, source FROM ticks";
    let ran = netsky(&store.path, &["query", "--skip-corrupt", "--format", "csv", sql]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "id,source\n1,x\n3,x\n4,x\n"));
    assert_eq!(ran.err, "netsky: skipped 3 rows that cannot be decoded\n");
}
