//! It makes no difference for the rows where reading was interrupted, or how often a file was read.

use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use netsky_ingest::{ClaudeReader, FileEnd, Line, LineReader, Output, ReadOptions};
use proptest::prelude::*;
use serde_json::Value;

use crate::harness::{Store, data, lines, now, transcripts, unpacked};

/// An interruption after some lines.
#[derive(Debug, Clone, Copy)]
struct Pause {
    lines: usize,
    /// How long after the last record.
    after: TimeDelta,
    is_final: bool,
}

/// Reads a file with pauses, each followed by a new reader that goes on where the one before had something
/// unfinished.
fn read_with(store: &Store, path: &Path, bytes: &[u8], pauses: &[Pause]) {
    let lines = lines(bytes);
    let options = ReadOptions { host: "h".into(), ..ReadOptions::default() };
    let mut context: Option<Value> = None;
    let mut from = 0;
    let mut pauses: Vec<Pause> = pauses
        .iter()
        .map(|pause| Pause { lines: pause.lines % (lines.len() + 1), ..*pause })
        .collect();
    pauses.sort_by_key(|pause| pause.lines);
    let end = Pause { lines: lines.len(), after: TimeDelta::days(300), is_final: false };
    for pause in pauses.into_iter().chain([end]) {
        let mut reader = ClaudeReader::new(path, context.as_ref(), &options);
        let mut out = Output::default();
        for (offset, line) in &lines[from..pause.lines.max(from)] {
            let _ = reader.read(Line { bytes: line, offset: *offset }, &mut out);
        }
        let last = last_time(&lines[..pause.lines]) + pause.after;
        reader.end(FileEnd { now: last, is_final: pause.is_final }, &mut out);
        store.commit(out);
        // Through its text, as the store keeps it.
        context = Some(serde_json::from_str(&reader.context().to_string()).unwrap());
        from = match reader.unfinished() {
            Some(offset) => lines.partition_point(|(start, _)| *start < offset),
            None => pause.lines.max(from),
        };
    }
}

fn last_time(lines: &[(u64, &[u8])]) -> DateTime<Utc> {
    let times = lines.iter().rev().filter_map(|(_, line)| {
        let record: Value = serde_json::from_slice(line).ok()?;
        record["timestamp"].as_str()?.parse().ok()
    });
    times.take(1).next().unwrap_or_else(now)
}

/// Files, and the directory that is removed with them.
type Files = (Vec<(PathBuf, Vec<u8>)>, tempfile::TempDir);

/// Files with everything that reading may stumble over: subagents, calls without a result, several lines a
/// message, lines that are no JSON.
fn files() -> Option<Files> {
    let (dir, fixtures) = unpacked().zip(data("fixtures"))?;
    let mut paths = transcripts(dir.path());
    paths.sort_by_key(|path| path.metadata().unwrap().len());
    paths.truncate(20);
    paths.extend(transcripts(&fixtures.join("claude-2.1.330")));
    paths.extend(transcripts(&fixtures.join("claude-2.1.37")));
    let files = paths.into_iter().map(|path| {
        let bytes = std::fs::read(&path).unwrap();
        (path, bytes)
    });
    Some((files.collect(), dir))
}

/// Returns a description of the first difference between two stores.
fn difference(left: &Store, right: &Store) -> Option<String> {
    let (left, right) = (left.contents(), right.contents());
    left.iter().find_map(|(table, rows)| {
        let others = &right[table];
        let only = |rows: &[String], others: &[String]| {
            rows.iter().find(|row| !others.contains(row)).cloned().unwrap_or_default()
        };
        (rows != others).then(|| {
            let (one, other) = (only(rows, others), only(others, rows));
            format!("{table}: {} and {} rows\n{one}\n{other}", rows.len(), others.len())
        })
    })
}

fn pauses() -> impl Strategy<Value = Vec<Pause>> {
    let after = prop_oneof![
        Just(TimeDelta::zero()),
        Just(TimeDelta::minutes(11)),
        Just(TimeDelta::hours(25)),
    ];
    let pause = (any::<usize>(), after, prop::bool::weighted(0.2))
        .prop_map(|(lines, after, is_final)| Pause { lines, after, is_final });
    prop::collection::vec(pause, 0..8)
}

#[test]
fn pauses_anywhere_give_the_same_rows() {
    let Some((files, _dir)) = files() else { return };
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let strategy = (0..files.len(), pauses());
    runner
        .run(&strategy, |(file, pauses)| {
            let (path, bytes) = &files[file];
            let (once, paused) = (Store::new(), Store::new());
            read_with(&once, path, bytes, &[]);
            read_with(&paused, path, bytes, &pauses);
            prop_assert_eq!(difference(&once, &paused), None, "{}", path.display());
            Ok(())
        })
        .unwrap();
}

#[test]
fn line_by_line_gives_the_same_rows() {
    let Some((files, _dir)) = files() else { return };
    for (path, bytes) in files.iter().rev().take(12).chain(files.iter().take(2)) {
        for after in [TimeDelta::zero(), TimeDelta::hours(25)] {
            let count = lines(bytes).len();
            let pauses: Vec<_> =
                (0..=count).map(|lines| Pause { lines, after, is_final: false }).collect();
            let (once, paused) = (Store::new(), Store::new());
            read_with(&once, path, bytes, &[]);
            read_with(&paused, path, bytes, &pauses);
            assert_eq!(difference(&once, &paused), None, "{}", path.display());
        }
    }
}

#[test]
fn a_copy_under_another_name_gives_no_rows() {
    let Some((files, _dir)) = files() else { return };
    let store = Store::new();
    for (path, bytes) in &files {
        read_with(&store, path, bytes, &[]);
    }
    let contents = store.contents();
    for (_, bytes) in &files {
        read_with(&store, Path::new("/tmp/copy of it.jsonl"), bytes, &[]);
    }
    assert!(store.contents() == contents);
}
