//! An import whose store is deleted or replaced before it reads its rows.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use netsky_db::Db;
use netsky_testing::stored_rows;

use crate::cli::{Home, ran};

const TICK: &str = r#"{"ts_utc":"2026-04-15T23:00:00Z","source":"a","detail_json":"{}"}"#;

fn record(db: &Db) -> i64 {
    db.record_json("ticks", TICK).unwrap()
}

fn ticks_at(path: &Path) -> usize {
    stored_rows(path, "ticks").len()
}

/// Runs an import that has the store open and waits for its input, does `meanwhile`, and gives it a row.
fn import_during(home: &Home, meanwhile: impl FnOnce()) {
    let mut command =
        home.command(&["--db", "meta.db", "import", "--allow-duplicates", "ticks", "-"]);
    command.current_dir(home.path(".")).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    thread::sleep(Duration::from_millis(300));
    meanwhile();
    child.stdin.take().unwrap().write_all(TICK.as_bytes()).unwrap();
    let ran = ran(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.err);
}

#[test]
fn an_import_that_waited_is_in_the_store_at_the_path() {
    let home = Home::new();
    let (path, other) = (home.path("meta.db"), home.path("other.db"));
    record(&Db::open_path(&path).unwrap());
    import_during(&home, || fs::remove_file(&path).unwrap());
    assert_eq!(ticks_at(&path), 1);

    let made = Db::open_path(&other).unwrap();
    (0..3).for_each(|_| assert!(record(&made) > 0));
    drop(made);
    import_during(&home, || fs::rename(&other, &path).unwrap());
    assert_eq!(ticks_at(&path), 4);

    // A restore refuses a store that is in use, or the import finds the restored one.
    let backup = home.path("backup.db");
    Db::open_read_only(&path).unwrap().backup(&backup).unwrap();
    import_during(&home, || {
        let args = ["--db", "meta.db", "restore", "backup.db", "--force"];
        home.command(&args).current_dir(home.path(".")).output().unwrap();
    });
    assert_eq!(ticks_at(&path), 5);
}
