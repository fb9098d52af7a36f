//! However transcripts are read, they give the rows of what happened.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use netsky_db::Db;
use netsky_ingest::{Batch, Chunk};
use proptest::prelude::*;

use super::history::{Chance, History, summaries};
use super::store::{Reading, Store, rows};

/// Writes the files that readers look at beside the transcripts.
fn write_facts(history: &History, dir: &Path) {
    for (file, line) in &history.lines {
        let path = dir.join(&history.files[*file]);
        if path.extension().is_some_and(|extension| extension == "json") {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, line).unwrap();
        }
    }
}

/// Returns the transcripts, each with its lines.
fn transcripts(history: &History) -> Vec<(usize, Vec<&[u8]>)> {
    let mut files: BTreeMap<usize, Vec<&[u8]>> = BTreeMap::new();
    for (file, line) in &history.lines {
        if history.files[*file].extension().is_some_and(|extension| extension == "jsonl") {
            files.entry(*file).or_default().push(line);
        }
    }
    files.into_iter().collect()
}

/// Checks that a store has the rows of a history, and no more.
pub fn check(db: &Db, history: &History) -> Result<(), TestCaseError> {
    let rows = summaries(&rows(db));
    for (table, expected) in &history.expected.rows {
        let rows = rows.get(table).cloned().unwrap_or_default();
        let lacks: Vec<_> = expected.iter().filter(|row| !rows.contains(row)).collect();
        let adds: Vec<_> = rows.iter().filter(|row| !expected.contains(row)).collect();
        prop_assert!(
            lacks.is_empty() && adds.is_empty(),
            "{table}\nlacks {lacks:#?}\nadds {adds:#?}"
        );
        prop_assert_eq!(&rows, expected, "{}", table);
    }
    let more: Vec<_> =
        rows.keys().filter(|table| !history.expected.rows.contains_key(*table)).collect();
    prop_assert!(more.is_empty(), "{more:?}");
    Ok(())
}

/// `PROPTEST_CASES` says how many cases a longer run has.
pub fn config(cases: u32) -> ProptestConfig {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let is_set = std::env::var_os("PROPTEST_CASES").is_some();
    ProptestConfig { cases: if is_set { config.cases } else { cases }, ..config }
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn a_history_read_at_once_gives_its_rows(seed in any::<u64>(), sessions in 1..4_usize, steps in 0..30_usize) {
        let history = History::new(seed, sessions, steps);
        let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
        write_facts(&history, dir.path());
        for (file, lines) in transcripts(&history) {
            Reading::new(dir.path().join(&history.files[file]), history.now()).read(&lines, &store);
        }
        for (_, request) in &history.telemetry {
            let chunks = vec![history.told(request)];
            store.committer.commit(Batch { chunks }, history.now()).unwrap();
        }
        check(store.committer.db(), &history)?;
    }

    #[test]
    fn sightings_in_any_order_give_the_rows(seed in any::<u64>(), steps in 0..30_usize) {
        let history = History::without_forks(seed, 2, steps);
        let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
        write_facts(&history, dir.path());
        let (mut sightings, mut sessions) = (Vec::new(), Vec::new());
        for (file, lines) in transcripts(&history) {
            let path = dir.path().join(&history.files[file]);
            let mut output = Reading::new(path, history.now()).output(&lines, false);
            sessions.extend(output.take_sessions());
            sightings.extend(output.sightings);
        }
        for (_, request) in &history.telemetry {
            let chunk = history.told(request);
            sightings.extend(chunk.sightings);
            sessions.extend(chunk.sessions);
        }
        let mut chance = Chance::new(seed);
        // Some are told twice.
        let again: Vec<_> = sightings.iter().filter(|_| chance.percent(20)).cloned().collect();
        sightings.extend(again);
        chance.shuffle(&mut sightings);
        chance.shuffle(&mut sessions);
        while !sightings.is_empty() || !sessions.is_empty() {
            let rest = sightings.split_off(chance.below(20).min(sightings.len()));
            let more = sessions.split_off(chance.below(2).min(sessions.len()));
            let chunk = Chunk {
                sightings: std::mem::replace(&mut sightings, rest),
                sessions: std::mem::replace(&mut sessions, more),
                progress: None,
            };
            store.committer.commit(Batch { chunks: vec![chunk] }, history.now()).unwrap();
        }
        check(store.committer.db(), &history)?;
    }

    #[test]
    fn growing_files_give_the_rows(seed in any::<u64>(), sessions in 1..3_usize, steps in 0..20_usize, reads in 1..12_usize) {
        let history = History::new(seed, sessions, steps);
        let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
        write_facts(&history, dir.path());
        let mut chance = Chance::new(seed ^ 1);
        let mut cuts: Vec<usize> = (0..reads).map(|_| chance.below(history.lines.len())).collect();
        cuts.sort_unstable();
        cuts.push(history.lines.len());
        let mut readings: BTreeMap<usize, Reading> = BTreeMap::new();
        let mut written = 0;
        let mut told = 0;
        for cut in cuts {
            // Long after, or right after.
            let now = if chance.percent(50) { history.now() } else { history.now_at(cut) };
            let mut added: BTreeMap<usize, Vec<&[u8]>> = readings.keys().map(|file| (*file, Vec::new())).collect();
            for (file, line) in &history.lines[written..cut] {
                if history.files[*file].extension().is_some_and(|extension| extension == "jsonl") {
                    added.entry(*file).or_default().push(line);
                }
            }
            written = cut;
            let requests = &history.telemetry[told..];
            let until = requests.partition_point(|(after, _)| *after <= cut);
            told += until;
            let chunks = requests[..until].iter().map(|(_, request)| history.told(request)).collect();
            store.committer.commit(Batch { chunks }, now).unwrap();
            for (file, lines) in added {
                let path = dir.path().join(&history.files[file]);
                let reading = readings.entry(file).or_insert_with(|| Reading::new(path, now));
                reading.now = now;
                reading.read_to(&lines, chance.percent(10), &store);
            }
        }
        for reading in readings.values_mut() {
            reading.now = history.now();
            reading.read(&[] as &[&[u8]], &store);
        }
        store.committer.close_sessions(history.now()).unwrap();
        check(store.committer.db(), &history)?;
    }
}
