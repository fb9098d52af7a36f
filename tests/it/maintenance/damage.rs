//! Single changed bytes of the file: no byte causes a panic, and the check finds every change that
//! affects an answer.
//!
//! `NETSKY_LONG_TESTS=1` changes thousands of bytes instead of hundreds.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use netsky_db::demo::Fleet;
use netsky_db::{Db, Error};
use netsky_testing::{Dice, at, change, everything, store, used_pages};

const QUERY: &str = "SELECT (SELECT count(source) FROM ticks) AS ticks, \
                     (SELECT count(body) FROM messages) AS messages, \
                     (SELECT count(kind) FROM crashes) AS crashes";

/// Returns what a reader sees of the store.
fn answer(path: &Path) -> Result<(String, bool), Error> {
    let db = Db::open_read_only(path)?;
    let sound = db.check()?.is_clean();
    Ok((db.query(QUERY)?, sound))
}

#[test]
fn changed_bytes_never_panic() {
    let store = store();
    Fleet::new(6_000).record(&store.db).unwrap();
    let path: PathBuf = store.path.clone();
    drop(store.db);
    let sound = fs::read(&path).unwrap();
    let (pages, expected, rows) = (used_pages(&sound), answer(&path).unwrap(), everything(&path));
    let changes = if env::var_os("NETSKY_LONG_TESTS").is_some() { 2_000 } else { 60 };
    let mut dice = Dice(9);
    let (mut refused, mut found, mut unnoticed) = (0, 0, 0);
    for _ in 0..changes {
        let (place, byte) = change(&mut dice, &sound, &pages);
        let mut bytes = sound.clone();
        bytes[place] = byte;
        fs::write(&path, &bytes).unwrap();
        match answer(&path) {
            Err(_) => refused += 1,
            Ok((_, false)) => found += 1,
            Ok((answer, true)) => {
                unnoticed += 1;
                assert_eq!(answer, expected.0, "byte {place} set to {byte}");
            }
        }
        // A writer may fail, but must neither panic nor hang.
        if let Ok(db) = Db::open_path(&path) {
            let _ = db.record_tick(at(0), "after", "{}");
        }
    }
    println!("{refused} refused, {found} found, {unnoticed} changed nothing");
    assert!(found > 0 && refused > 0);
    fs::write(&path, &sound).unwrap();
    assert!(everything(&path) == rows);
}
