//! Files of a lake that are not what was written.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta};
use netsky_db::{Db, Record, TickRecord};
use netsky_formats::{Answer, Format};
use netsky_lake::{Lake, LakeChecked};
use netsky_testing::Dice;

use super::{Directory, open, push};

/// All columns, and what DataFusion reads of the metadata alone.
const QUESTIONS: [&str; 4] = [
    "SELECT * FROM ticks ORDER BY id",
    "SELECT count(*), min(ts_utc), max(id) FROM ticks",
    "SELECT source, count(*) FROM ticks GROUP BY source ORDER BY source",
    "SELECT id FROM ticks WHERE ts_utc >= '1970-01-01T00:10:00Z' AND id % 7 = 1 ORDER BY ts_utc DESC LIMIT 5",
];

fn record(db: &Db, ticks: i64) {
    let mut dice = Dice(3);
    let details: Vec<String> = (0..ticks)
        .map(|_| format!("{{\"n\":\"{:x}{:x}\"}}", dice.below(u64::MAX), dice.below(u64::MAX)))
        .collect();
    let tick = |nth: i64| TickRecord {
        ts_utc: DateTime::UNIX_EPOCH + TimeDelta::seconds(6 * nth),
        source: ["cron", "hook", "agent"][nth as usize % 3],
        detail_json: &details[nth as usize],
    };
    db.record_all((0..ticks).map(tick)).unwrap();
}

#[test]
fn a_wrong_byte_is_an_error_that_names_the_file_or_changes_no_answer() {
    // One is read as a whole, one in parts.
    for (ticks, places) in [(40, 300), (30_000, 40)] {
        let directory = Directory::new();
        let store = directory.store("a");
        record(&store, ticks);
        push(&store, &directory.lake(), "m");
        let lake = open(&directory.lake());
        let expected = QUESTIONS.map(|sql| lake.query(sql).unwrap());
        let name = directory.files().remove(0);
        let file = directory.path("lake").join(&name);
        let mut content = fs::read(&file).unwrap();
        let mut dice = Dice(1);
        let (mut errors, places) = (0, content.len().min(places));
        for nth in 0..places {
            let place = nth * content.len() / places;
            let wrong = 1 << dice.below(8);
            content[place] ^= wrong;
            fs::write(&file, &content).unwrap();
            for (sql, expected) in QUESTIONS.iter().zip(&expected) {
                match lake.query(sql) {
                    Ok(found) => assert_eq!(found, *expected, "byte {place}: {sql}"),
                    Err(error) => {
                        let error = error.to_string();
                        assert!(error.contains(&name), "byte {place}: {error}");
                        errors += 1;
                    }
                }
            }
            content[place] ^= wrong;
        }
        assert!(errors > places, "{errors} errors of {places} wrong bytes");
    }
}

#[test]
fn a_file_that_is_cut_or_overwritten_is_an_error_that_names_it() {
    let directory = Directory::new();
    let store = directory.store("a");
    record(&store, 1_000);
    push(&store, &directory.lake(), "m");
    let lake = open(&directory.lake());
    let name = directory.files().remove(0);
    let file = directory.path("lake").join(&name);
    let content = fs::read(&file).unwrap();
    let zeroes = |from: usize, to: usize| {
        let mut content = content.clone();
        content[from..to].fill(0);
        content
    };
    let (half, end) = (content.len() / 2, content.len());
    for damaged in [
        Vec::new(),
        b"PAR1".to_vec(),
        content[..half].to_vec(),
        content[..end - 1].to_vec(),
        content[half..].to_vec(),
        [&content[..], b"\n"].concat(),
        zeroes(0, half),
        zeroes(half, half + 64),
        zeroes(end - 600, end - 100),
        zeroes(end - 12, end),
    ] {
        fs::write(&file, damaged).unwrap();
        let error = lake.query(QUESTIONS[0]).unwrap_err().to_string();
        assert!(error.contains(&format!("{name} is damaged: ")), "{error}");
    }
}

#[test]
fn a_check_lists_the_damaged_files() {
    let directory = Directory::new();
    let store = directory.store("a");
    record(&store, 35_000);
    push(&store, &directory.lake(), "m");
    push(&directory.store("b"), &directory.lake(), "other");
    let lake = Lake::open(&directory.lake()).unwrap();
    let read = AtomicU64::new(0);
    let count = |bytes| {
        read.fetch_add(bytes, Ordering::Relaxed);
    };
    let sound = lake.check(count).unwrap();
    let names = directory.files();
    assert_eq!((sound.files, sound.damaged.len()), (names.len() as u64, 0));
    assert_eq!((sound.without_checksums, sound.bytes), (0, read.into_inner()));
    // In the middle of the rows, in the metadata, and one that another program has written.
    for (name, at) in [(&names[0], 2), (&names[1], 1_000_000_000)] {
        let file = directory.path("lake").join(name);
        let mut content = fs::read(&file).unwrap();
        let place = content.len() - content.len() / at - 9;
        content[place] ^= 4;
        fs::write(file, content).unwrap();
    }
    let answer = Answer { schema: TickRecord::TABLE.schema(), batches: std::iter::empty() };
    let mut content = Vec::new();
    Format::Parquet.write(answer, &mut content).unwrap();
    fs::write(directory.path("lake").join(&names[2]), content).unwrap();
    let found = lake.check(|_| ()).unwrap();
    let damaged: Vec<_> = found.damaged.iter().map(|file| &file.file).collect();
    assert_eq!(damaged, [&names[0], &names[1]]);
    assert_eq!(found.without_checksums, 1);
    let others = lake.of_machines(["other"]).unwrap();
    assert_eq!(others.check(|_| ()).unwrap(), LakeChecked::default());
}
