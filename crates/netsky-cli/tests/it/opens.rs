//! How often a command opens the store's file, counted by strace.

use std::fs;
use std::process::Command;

use netsky_testing::{has_program, skip};

use crate::cli::Home;

/// The opens of the file and the syncs that the command makes. `None` if nothing can be traced.
fn traced(home: &Home, args: &[&str]) -> Option<(usize, usize)> {
    if !cfg!(target_os = "linux") || !has_program("strace") {
        return None;
    }
    let log = home.path("strace.log");
    let netsky = home.command(args);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-e", "trace=open,openat,fsync,fdatasync", "-o"]).arg(&log);
    strace.arg(netsky.get_program()).args(netsky.get_args());
    for (name, value) in netsky.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    let ran = strace.output().unwrap();
    let lines = fs::read_to_string(&log).unwrap_or_default();
    if lines.is_empty() {
        skip("strace", "strace may not trace here");
        return None;
    }
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let count = |is: &dyn Fn(&str) -> bool| lines.lines().filter(|line| is(line)).count();
    let opens = count(&|line| line.contains("open") && line.contains("/meta.db\""));
    Some((opens, count(&|line| line.contains("sync(") && !line.contains("resumed"))))
}

#[test]
fn a_command_opens_its_store_once() {
    let home = Home::new();
    let row = r#"{"source":"cron","detail_json":"{}"}"#;
    home.ok(&["record", "ticks", row]);
    let dir = home.path("exported");
    let backup = home.path("backup.db");
    let export = ["export", dir.to_str().unwrap()];
    for args in [
        &["query", "SELECT count(*) FROM ticks"][..],
        &["query", "EXPLAIN ANALYZE SELECT source, count(*) FROM ticks GROUP BY source"],
        &["record", "ticks", row],
        &["prune", "--before", "1d"],
        &["migrate"],
        &["tables"],
        &["tail", "ticks"],
        &["stats"],
        &["check"],
        &["check", "--repair"],
        &["backup", backup.to_str().unwrap()],
        &export,
    ] {
        let Some((opens, _)) = traced(&home, args) else { return };
        assert_eq!(opens, 1, "{args:?}");
    }
}

#[test]
fn recording_syncs_what_redb_needs() {
    let home = Home::new();
    let row = r#"{"source":"cron","detail_json":"{}"}"#;
    home.ok(&["record", "ticks", row]);
    for _ in 0..3 {
        let Some((_, syncs)) = traced(&home, &["record", "ticks", row]) else { return };
        // One marks the file as open, two commit the row, and four close the file: redb trims it in a
        // commit of its own and marks it as closed, so that readers without the right to write can open
        // it. A file that grows is synced once more.
        assert!((7..=8).contains(&syncs), "{syncs}");
    }
    let Some((_, syncs)) = traced(&home, &["query", "SELECT count(*) FROM ticks"]) else { return };
    assert_eq!(syncs, 0);
}
