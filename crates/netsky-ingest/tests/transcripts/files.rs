//! The same with files: cut anywhere, copied, read by several processes, and by one that is killed.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use netsky_db::{Db, TickRecord};
use netsky_ingest::prices::Prices;
use netsky_ingest::{
    Batch, Chunk, Committer, Detail, FileState, Found, Ingest, Program, Progress, ReadOptions, Row,
    Sighting, Summary, Transcript, Via,
};
use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;

use super::exactly_once::{check, config};
use super::history::{Chance, History};
use super::rollout::{Rollout, meta};
use super::store::Store;

/// A directory with the transcripts of a history as far as they are written, and a store.
struct Disk<'a> {
    history: &'a History,
    dir: TempDir,
    db: Db,
    files: BTreeMap<usize, File>,
    /// What of the history is not written yet: the file of each byte.
    rest: Vec<(usize, Vec<u8>)>,
    /// How many bytes of the next line are written.
    cut: usize,
    written: usize,
}

impl<'a> Disk<'a> {
    fn new(history: &'a History) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open_path(store(dir.path())).unwrap();
        let mut rest: Vec<(usize, Vec<u8>)> = history.lines.clone();
        for (_, line) in &mut rest {
            line.push(b'\n');
        }
        Self { history, dir, db, files: BTreeMap::new(), rest, cut: 0, written: 0 }
    }

    /// Writes what was written before a line, and some bytes of that line.
    fn write_to(&mut self, line: usize, bytes: usize) {
        while self.written < line {
            self.write_line(usize::MAX);
        }
        if self.written == line && line < self.rest.len() {
            self.write_line(bytes);
        }
    }

    fn write_line(&mut self, bytes: usize) {
        let (file, line) = &self.rest[self.written];
        let path = self.dir.path().join(&self.history.files[*file]);
        let until = bytes.min(line.len());
        let file = self.files.entry(*file).or_insert_with(|| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            // The times of files have steps of some milliseconds.
            std::thread::sleep(Duration::from_millis(10));
            OpenOptions::new().append(true).create(true).open(&path).unwrap()
        });
        if until > self.cut {
            file.write_all(&line[self.cut..until]).unwrap();
        }
        if until == line.len() {
            self.written += 1;
            self.cut = 0;
        } else {
            self.cut = self.cut.max(until);
        }
    }

    fn ingest(&self, now: DateTime<Utc>) -> Summary {
        ingest(self.db.clone(), self.dir.path(), now)
    }

    /// Tells what telemetry has told after so many lines.
    fn tell(&self, told: &mut usize, lines: usize, now: DateTime<Utc>) {
        let committer = committer(self.db.clone());
        let requests = &self.history.telemetry[*told..];
        let until = requests.partition_point(|(after, _)| *after <= lines);
        *told += until;
        for (_, request) in &requests[..until] {
            let chunks = vec![self.history.told(request)];
            committer.commit(netsky_ingest::Batch { chunks }, now).unwrap();
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        check(&self.db, self.history)
    }
}

fn store(dir: &Path) -> PathBuf {
    dir.join("netsky.redb")
}

fn committer(db: Db) -> Committer {
    Committer::new(db, Arc::new(Prices::load(None).unwrap()))
}

fn transcripts(dir: &Path) -> Vec<Transcript> {
    let mut found = Found::default();
    found.add_root(&dir.join("claude/projects"), Program::Claude);
    found.add_root(&dir.join("codex/sessions"), Program::Codex);
    found.finish();
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    found.transcripts
}

fn ingest(db: Db, dir: &Path, now: DateTime<Utc>) -> Summary {
    let options = ReadOptions { host: "box".to_owned(), ..ReadOptions::default() };
    let ingest = Ingest::new(committer(db), options);
    let summary = ingest.run(&transcripts(dir), now, &()).unwrap();
    assert!(summary.problems.is_empty(), "{:?}", summary.problems);
    summary
}

proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn files_cut_anywhere_give_the_rows(
        seed in any::<u64>(), sessions in 1..3_usize, steps in 0..25_usize,
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..400_usize), 0..10),
    ) {
        let history = History::new(seed, sessions, steps);
        let mut disk = Disk::new(&history);
        let (mut chance, mut told) = (Chance::new(seed ^ 2), 0);
        let mut cuts: Vec<(usize, usize)> =
            cuts.iter().map(|(line, bytes)| (line.index(history.lines.len()), *bytes)).collect();
        cuts.sort_unstable();
        for (line, bytes) in cuts {
            disk.write_to(line, bytes);
            let now = if chance.percent(50) { history.now() } else { history.now_at(line) };
            disk.tell(&mut told, line, now);
            disk.ingest(now);
        }
        disk.write_to(history.lines.len(), 0);
        disk.tell(&mut told, usize::MAX, history.now());
        disk.ingest(history.now());
        disk.check()?;
        // Nothing is new.
        let again = disk.ingest(history.now());
        prop_assert_eq!(again.committed.rows(), 0);
        prop_assert_eq!(again.committed.amended, 0);
        prop_assert_eq!(again.unchanged, again.files);
        disk.check()?;
    }

    #[test]
    fn copies_under_other_names_add_nothing(seed in any::<u64>(), steps in 0..25_usize) {
        let history = History::new(seed, 2, steps);
        let mut disk = Disk::new(&history);
        disk.write_to(history.lines.len(), 0);
        disk.tell(&mut 0, usize::MAX, history.now());
        disk.ingest(history.now());
        for (place, file) in history.files.iter().enumerate() {
            let path = disk.dir.path().join(file);
            // The files of subagents have their names from them.
            if path.extension().is_some_and(|it| it == "jsonl") && !path.to_string_lossy().contains("subagents") {
                fs::copy(&path, path.with_file_name(format!("copy-{place}.jsonl"))).unwrap();
            }
        }
        let again = disk.ingest(history.now());
        prop_assert_eq!(again.committed.rows(), 0);
        disk.check()?;
    }
}

proptest! {
    #![proptest_config(config(6))]

    #[test]
    fn two_at_once_give_the_rows(seed in any::<u64>(), steps in 10..60_usize) {
        let history = History::without_forks(seed, 4, steps);
        let mut disk = Disk::new(&history);
        let mut chance = Chance::new(seed ^ 3);
        for _ in 0..3 {
            let more = disk.written + chance.below(history.lines.len() - disk.written + 1);
            disk.write_to(more, chance.below(300));
            let (db, dir, now) = (&disk.db, disk.dir.path(), history.now());
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(move || ingest(db.clone(), dir, now));
                }
            });
        }
        disk.write_to(history.lines.len(), 0);
        disk.tell(&mut 0, usize::MAX, history.now());
        disk.ingest(history.now());
        disk.check()?;
    }

    #[test]
    fn processes_that_are_killed_lose_and_repeat_nothing(seed in any::<u64>(), steps in 30..90_usize) {
        let history = History::without_forks(seed, 6, steps);
        let mut disk = Disk::new(&history);
        let mut chance = Chance::new(seed ^ 4);
        disk.write_to(history.lines.len(), 0);
        for _ in 0..4 {
            let mut process = Command::new(std::env::current_exe().unwrap())
                .args(["files::a_process", "--exact", "--ignored", "--nocapture"])
                .env(DIR, disk.dir.path())
                .env(NOW, history.now().to_rfc3339())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(chance.below(400) as u64));
            process.kill().unwrap();
            process.wait().unwrap();
        }
        disk.tell(&mut 0, usize::MAX, history.now());
        disk.ingest(history.now());
        disk.check()?;
    }
}

#[test]
fn an_open_call_goes_out_after_ten_minutes_though_its_file_stays() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open_path(store(dir.path())).unwrap();
    let mut rollout = Rollout::old(meta("t1"));
    rollout.turn("1", "gpt-5").call("a", "exec_command", serde_json::json!({"cmd": "sleep 9"}));
    let folder = dir.path().join("codex/sessions");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("rollout-t1.jsonl"), rollout.lines.join("\n") + "\n").unwrap();
    let calls = |now: &str| {
        ingest(db.clone(), dir.path(), super::store::utc(now));
        super::store::rows(&db).get("mcp_tool_calls").map_or(0, Vec::len)
    };
    assert_eq!(calls("2026-03-01T10:01:00Z"), 0);
    assert_eq!(calls("2026-03-01T10:09:00Z"), 0);
    assert_eq!(calls("2026-03-01T10:11:00Z"), 1);
    assert_eq!(calls("2026-03-02T10:01:00Z"), 1);
}

#[test]
fn a_transcript_that_begins_with_an_image_is_recognized() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("named.jsonl");
    let image = json!({"type": "image", "source": {"data": "A".repeat(9 << 20)}});
    let record = json!({
        "type": "user", "uuid": "1", "sessionId": "s", "timestamp": "2026-03-01T10:00:00Z",
        "message": {"role": "user", "content": [image, {"type": "text", "text": "look"}]},
    });
    fs::write(&path, format!("{record}\n")).unwrap();
    let mut found = Found::default();
    found.add_path(&path);
    let programs: Vec<Program> = found.transcripts.iter().map(|found| found.program).collect();
    assert_eq!(programs, [Program::Claude]);
}

const DIR: &str = "NETSKY_TEST_DIR";
const NOW: &str = "NETSKY_TEST_NOW";

/// Ingests what a test has written, in a process of its own, which the test kills.
#[test]
#[ignore = "a process of another test"]
fn a_process() {
    let (Ok(dir), Ok(now)) = (std::env::var(DIR), std::env::var(NOW)) else { return };
    let db = Db::open_path(store(Path::new(&dir))).unwrap();
    ingest(db, Path::new(&dir), super::store::utc(&now));
}

#[test]
fn a_chunk_that_began_at_an_old_state_is_not_stored() {
    let store = Store::new();
    let now = DateTime::from_timestamp(1_780_000_000, 0).unwrap();
    let path = PathBuf::from("/nowhere/s.jsonl");
    let commit = |source: &str, before: Option<FileState>, offset: u64| {
        let record = TickRecord { ts_utc: now, source, detail_json: "{}" };
        let row = Row::new(&record, Detail::default());
        let after = FileState { offset, ..FileState::default() };
        let chunk = Chunk {
            sightings: vec![Sighting::new(Via::Transcript, row, [])],
            sessions: Vec::new(),
            progress: Some(Progress { path: path.clone(), before, after }),
        };
        store.committer.commit(Batch { chunks: vec![chunk] }, now).unwrap().conflicts
    };
    assert!(commit("first", None, 100).is_empty());
    // Another process began before the first had stored what it read.
    assert_eq!(commit("late", None, 50), std::slice::from_ref(&path));
    let state = FileState { offset: 100, ..FileState::default() };
    assert!(commit("next", Some(state), 200).is_empty());
    let rows = store.rows();
    let sources: Vec<_> = rows["ticks"].iter().map(|row| row["source"].as_str().unwrap()).collect();
    assert_eq!(sources, ["first", "next"]);
}
