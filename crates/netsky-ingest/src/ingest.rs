//! Reads transcripts and stores what they tell: while one thread stores a batch, another reads the next.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use chrono::{DateTime, Utc};
use netsky_db::Db;

use crate::batch::{Batch, Chunk};
use crate::claude::ClaudeReader;
use crate::codex::CodexReader;
use crate::commit::{Committed, Committer};
use crate::discovery::{Program, Transcript};
use crate::error::{Error, Result};
use crate::file_reader::{EmitChunk, FileReport, ReadRequest, read_file};
use crate::file_state::FileState;
use crate::imported::Imported;
use crate::reader::{LineReader, ReadOptions, SkippedLine};
use crate::session::{SessionState, SessionUpdate};
use crate::sighting::SessionRef;
use crate::skipped::Skipped;
use crate::state;
use crate::via::Via;

/// A batch is stored when it has this many rows,
const BATCH_ROWS: usize = 3_000;
/// or was read from this many bytes.
const BATCH_BYTES: u64 = 8 << 20;
/// The number of times that a file is read anew because another process has stored some of it.
const TRIES: usize = 5;

/// Reads transcripts into a store.
#[derive(Debug, Clone)]
pub struct Ingest {
    committer: Committer,
    options: ReadOptions,
}

/// What an ingest has read and stored.
#[derive(Debug, Default)]
pub struct Summary {
    /// The number of files that were looked at.
    pub files: u64,
    /// The number of files with nothing new.
    pub unchanged: u64,
    /// The number of lines that had not been read before.
    pub lines: u64,
    /// The number of bytes of the files that were read.
    pub bytes: u64,
    /// The lines that were left out.
    pub skipped: Skipped,
    /// The number of files with lines that were left out.
    pub files_with_skipped: u64,
    /// The lines that were left out first, at most ten.
    pub first_skipped: Vec<SkippedLineAt>,
    /// The number of records of types that netsky does not know.
    pub unknown: BTreeMap<String, u64>,
    /// What was stored.
    pub committed: Committed,
    /// The number of rows that were left out because what they tell of a session was imported.
    pub imported: u64,
    /// The files that could not be read.
    pub problems: Vec<Error>,
    /// Whether it was stopped before all files were read.
    pub was_stopped: bool,
}

/// A line that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedLineAt {
    /// The file.
    pub path: PathBuf,
    /// The number of the line, from 1.
    pub line: u64,
    /// Why.
    pub reason: SkippedLine,
}

/// What an ingest tells its caller while it runs.
pub trait Observer: Sync {
    /// This many bytes of all files have been read. Files with nothing new count as read.
    fn bytes_read(&self, bytes: u64);

    /// Whether to stop after the current batch.
    fn stops(&self) -> bool {
        false
    }
}

impl Observer for () {
    fn bytes_read(&self, _: u64) {}
}

/// What the reading thread passes to the storing one.
#[derive(Default)]
struct Read {
    batch: Batch,
    rows: usize,
    bytes: u64,
    /// The files whose last chunk is in the batch.
    files: Vec<FileRead>,
}

struct FileRead {
    transcript: Transcript,
    report: Result<FileReport>,
}

impl Read {
    fn add(&mut self, chunk: Chunk, bytes: u64) {
        self.rows += chunk.sightings.len();
        self.bytes += bytes;
        self.batch.chunks.push(chunk);
    }

    fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES
    }
}

impl Ingest {
    /// Creates one.
    pub fn new(committer: Committer, options: ReadOptions) -> Self {
        Self { committer, options }
    }

    /// The store.
    pub fn db(&self) -> &Db {
        self.committer.db()
    }

    /// Reads what is new of transcripts, in order.
    ///
    /// A file that cannot be read does not stop the others; it is one of the summary's problems.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the store refuses the rows. What was stored before stays, and the next ingest goes on
    /// there.
    pub fn run(
        &self,
        transcripts: &[Transcript],
        now: DateTime<Utc>,
        observer: &dyn Observer,
    ) -> Result<Summary> {
        let mut summary = Summary::default();
        let mut left = transcripts.to_vec();
        for _ in 0..TRIES {
            let conflicts = self.run_once(&left, now, false, observer, &mut summary)?;
            left.retain(|transcript| conflicts.contains(&transcript.path));
            if left.is_empty() || summary.was_stopped {
                break;
            }
        }
        summary.files = transcripts.len() as u64;
        summary.committed.add(self.committer.close_sessions(now)?);
        Ok(summary)
    }

    /// Reads what is new of one transcript. `is_final` means that its session has ended: nothing more is to come
    /// for a while, so what is unfinished is stored as it is.
    ///
    /// # Errors
    ///
    /// Those of [`run`](Self::run), and [`Error::Io`] if the file cannot be read.
    pub fn run_file(
        &self,
        transcript: &Transcript,
        now: DateTime<Utc>,
        is_final: bool,
    ) -> Result<Summary> {
        let mut summary = Summary::default();
        for _ in 0..TRIES {
            let files = std::slice::from_ref(transcript);
            if self.run_once(files, now, is_final, &(), &mut summary)?.is_empty() {
                break;
            }
        }
        match summary.problems.pop() {
            Some(problem) => Err(problem),
            None => Ok(summary),
        }
    }

    /// Records that a session has ended, because it was told so and nothing is to come for a while. Does nothing
    /// if the session is not known. It may be resumed later.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the store refuses the rows.
    pub fn end_session(&self, session_id: &str, now: DateTime<Utc>) -> Result<Committed> {
        let state: Option<SessionState> =
            state::parsed(self.db().state(&SessionState::name(session_id))?);
        let Some(state) = state else { return Ok(Committed::default()) };
        let mut spans = state.spans;
        spans.end();
        let update = SessionUpdate {
            session: Arc::new(SessionRef { id: session_id.to_owned(), agent: state.agent }),
            via: Via::Hook,
            spans,
            cwd: None,
            transcript: None,
            created_ns: None,
        };
        let chunk = Chunk { sessions: vec![update], ..Chunk::default() };
        Ok(self.committer.commit(Batch { chunks: vec![chunk] }, now)?)
    }

    /// Reads files once. Returns those that another process has stored some of in the meantime.
    fn run_once(
        &self,
        transcripts: &[Transcript],
        now: DateTime<Utc>,
        is_final: bool,
        observer: &dyn Observer,
        summary: &mut Summary,
    ) -> Result<Vec<PathBuf>> {
        thread::scope(|scope| {
            // Nothing waits in the channel, so that there are two batches in memory.
            let (sender, receiver) = sync_channel(0);
            let reading = thread::Builder::new()
                .name("netsky-reader".to_owned())
                .spawn_scoped(scope, move || {
                    self.read_all(transcripts, now, is_final, observer, &sender);
                })
                .map_err(|error| netsky_db::Error::NoThread { reason: error.to_string() })?;
            // Dropping the receiver ends the thread.
            let stored = self.store_all(receiver, now, observer, summary);
            if reading.join().is_err() {
                return Err(netsky_db::Error::Storage("the reading thread panicked".into()).into());
            }
            stored
        })
    }

    fn read_all(
        &self,
        transcripts: &[Transcript],
        now: DateTime<Utc>,
        is_final: bool,
        observer: &dyn Observer,
        sender: &SyncSender<Read>,
    ) {
        let mut read = Read::default();
        let mut is_refused = false;
        for transcript in transcripts {
            if observer.stops() || is_refused {
                break;
            }
            let report = self.read_one(transcript, now, is_final, &mut |chunk, bytes| {
                read.add(chunk, bytes);
                is_refused = read.is_full() && sender.send(std::mem::take(&mut read)).is_err();
                !is_refused
            });
            read.files.push(FileRead { transcript: transcript.clone(), report });
        }
        // If it is refused, the store has failed, and its error is the one to tell.
        let _ = sender.send(read);
    }

    fn read_one(
        &self,
        transcript: &Transcript,
        now: DateTime<Utc>,
        is_final: bool,
        emit: &mut EmitChunk<'_>,
    ) -> Result<FileReport> {
        let path = &transcript.path;
        let stored = self.db().state(&FileState::name(path))?;
        let request = ReadRequest {
            path: path.clone(),
            created: transcript.created,
            before: state::parsed(stored),
            now,
            is_final,
            keeps_progress: self.options.since.is_none(),
        };
        let mut make = |context: Option<&serde_json::Value>| -> Box<dyn LineReader> {
            reader_of(transcript.program, path, context, &self.options)
        };
        read_file(&request, &mut make, emit)
    }

    fn store_all(
        &self,
        receiver: Receiver<Read>,
        now: DateTime<Utc>,
        observer: &dyn Observer,
        summary: &mut Summary,
    ) -> Result<Vec<PathBuf>> {
        let imported = Imported::of(self.db())?;
        let mut conflicts = Vec::new();
        for Read { mut batch, files, .. } in receiver {
            for chunk in &mut batch.chunks {
                summary.imported += imported.take_out(chunk);
            }
            if !batch.chunks.is_empty() {
                let mut committed = self.committer.commit(batch, now)?;
                conflicts.append(&mut committed.conflicts);
                summary.committed.add(committed);
            }
            for file in files {
                summary.add_file(file, observer);
            }
        }
        summary.was_stopped |= observer.stops();
        Ok(conflicts)
    }
}

impl Summary {
    fn add_file(&mut self, file: FileRead, observer: &dyn Observer) {
        let FileRead { transcript, report } = file;
        self.bytes = self.bytes.saturating_add(transcript.size);
        observer.bytes_read(self.bytes);
        let report = match report {
            Ok(report) => report,
            Err(problem) => return self.problems.push(problem),
        };
        self.unchanged += u64::from(report.is_unchanged);
        self.lines += report.lines;
        self.skipped.add(report.skipped);
        self.files_with_skipped += u64::from(report.skipped.total() > 0);
        for (line, reason) in report.first_skipped {
            if self.first_skipped.len() < 10 {
                self.first_skipped.push(SkippedLineAt {
                    path: transcript.path.clone(),
                    line,
                    reason,
                });
            }
        }
        for (name, count) in report.unknown {
            *self.unknown.entry(name).or_default() += count;
        }
    }
}

fn reader_of(
    program: Program,
    path: &Path,
    context: Option<&serde_json::Value>,
    options: &ReadOptions,
) -> Box<dyn LineReader> {
    match program {
        Program::Claude => Box::new(ClaudeReader::new(path, context, options)),
        Program::Codex => Box::new(CodexReader::new(path, context, options)),
    }
}
