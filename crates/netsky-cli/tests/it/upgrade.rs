//! Commands on a store of netsky-db 0.1.6, and upgrades that are killed or have too little space.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use netsky_db::{Db, Error};
use netsky_testing::{Old, names_in, old_store, write_old};

use crate::cli::{Home, Ran, ran};

/// Runs `netsky migrate`, kills it some time after its first file is there, and says how long it ran
/// from then on.
#[cfg(unix)]
fn migrate_until(old: &Old, patience: Duration) -> Duration {
    let mut command = Home::new().command(&["--db", old.path.to_str().unwrap(), "migrate"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while names_in(old.dir.path()).len() == 1 && child.try_wait().unwrap().is_none() {}
    let begun = Instant::now();
    while begun.elapsed() < patience && child.try_wait().unwrap().is_none() {}
    let ran = begun.elapsed();
    let _ = child.kill();
    child.wait().unwrap();
    ran
}

#[cfg(unix)]
#[test]
fn an_upgrade_that_is_killed_at_any_moment_loses_nothing() {
    let whole = migrate_until(&old_store(), Duration::MAX);
    for moment in 0..16 {
        let old = old_store();
        migrate_until(&old, whole * moment / 16);
        drop(Db::open_path(&old.path).unwrap());
        old.assert_upgraded();
    }
}

/// Runs `netsky migrate` where no file may grow beyond a number of blocks of 512 bytes.
#[cfg(unix)]
fn migrate_with_space(old: &Old, blocks: usize) -> Ran {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" --db \"$1\" migrate");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_netsky")]).arg(&old.path);
    ran(command.output().unwrap())
}

#[cfg(unix)]
#[test]
fn an_upgrade_without_the_space_for_it_leaves_the_store_as_it_was() {
    let old = old_store();
    let failed = migrate_with_space(&old, old.bytes.len() / 1024);
    assert_eq!((failed.code, failed.out.as_str()), (3, ""), "{}", failed.err);
    assert!(failed.err.contains("cannot copy the store to"), "{}", failed.err);
    old.assert_untouched();

    // Nor is there a copy where something else lies.
    let in_the_way = old.dir.path().join("meta.redb-v3.tmp");
    fs::create_dir(&in_the_way).unwrap();
    assert!(matches!(Db::open_path(&old.path), Err(Error::Io { .. })));
    fs::remove_dir(&in_the_way).unwrap();
    old.assert_untouched();
    drop(Db::open_path(&old.path).unwrap());
    old.assert_upgraded();
}

#[test]
fn processes_that_open_an_old_store_at_once_upgrade_it_once() {
    let old = old_store();
    let home = Home::new();
    let tick = r#"{"source":"cron","detail_json":"{}"}"#;
    let children: Vec<_> = (0..6)
        .map(|_| {
            let mut command =
                home.command(&["--db", old.path.to_str().unwrap(), "record", "ticks", tick]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut ids = Vec::new();
    let mut told = 0;
    for child in children {
        let ran = ran(child.wait_with_output().unwrap());
        assert_eq!(ran.code, 0, "{}", ran.err);
        told += ran.err.lines().filter(|line| line.contains("upgraded")).count();
        ids.push(ran.out.trim().parse::<i64>().unwrap());
    }
    ids.sort_unstable();
    assert_eq!((ids, told), ((6..12).collect(), 1));
    assert_eq!(old.backups().len(), 1);
    assert!(fs::read(&old.backups()[0]).unwrap() == old.bytes);
}

#[test]
fn the_command_line_refuses_to_read_an_old_store_and_upgrades_it_with_a_line_that_says_so() {
    let home = Home::new();
    fs::create_dir(home.path(".netsky")).unwrap();
    let store = home.path(".netsky/meta.db");
    drop(write_old(&store));
    let bytes = fs::read(&store).unwrap();
    for args in [&["query", "SELECT 1"][..], &["tables"]] {
        let error = home.fails(3, args);
        assert!(error.contains(&store.display().to_string()), "{error}");
        assert!(error.contains("`netsky migrate`") && error.lines().count() == 1, "{error}");
    }
    assert!(fs::read(&store).unwrap() == bytes);
    assert_eq!(names_in(&home.path(".netsky")), ["meta.db"]);

    let migrated = home.run(&["migrate"]);
    let said = format!("{} is up to date: schema version 2\n", store.display());
    assert_eq!((migrated.code, &migrated.out), (0, &said), "{}", migrated.err);
    assert_eq!(migrated.err.lines().count(), 1, "{}", migrated.err);
    let backup = migrated.err.trim_end().rsplit(' ').next().unwrap();
    assert!(migrated.err.contains("upgraded") && backup.contains("meta.redb-v2-"), "{backup}");
    assert!(fs::read(backup).unwrap() == bytes);

    assert_eq!(home.ok(&["migrate"]), said);
    let count = home.ok(&["query", "--format", "csv", "SELECT count(*) AS n FROM messages"]);
    assert_eq!(count, "n\n2500\n");
}

#[test]
fn recording_upgrades_an_old_store_by_itself() {
    let home = Home::new();
    let store = home.path("meta.db");
    drop(write_old(&store));
    let tick = r#"{"source":"cron","detail_json":"{}"}"#;
    let recorded = home.run(&["--db", store.to_str().unwrap(), "record", "ticks", tick]);
    assert_eq!((recorded.code, recorded.out.as_str()), (0, "6\n"), "{}", recorded.err);
    assert!(recorded.err.contains("upgraded the store of netsky-db 0.1.6"), "{}", recorded.err);
}

#[test]
fn migrate_makes_no_store_and_moves_no_file() {
    let home = Home::new();
    let error = home.fails(3, &["migrate"]);
    assert!(error.starts_with("netsky: no store at "), "{error}");
    assert_eq!(names_in(&home.path("")), Vec::<String>::new());
    let sqlite = home.file("sqlite.db", b"SQLite format 3\0rest");
    assert!(home.fails(3, &["--db", &sqlite, "migrate"]).contains("SQLite"));
    assert_eq!(names_in(&home.path("")), ["sqlite.db"]);
}
