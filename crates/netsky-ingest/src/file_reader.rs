//! Reads a file from where it was left, in chunks that can be stored one by one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::batch::{Chunk, Progress};
use crate::error::{Error, Result};
use crate::file_state::{FileState, Fingerprint, unix_ns};
use crate::key::key;
use crate::lines::{Lines, MAX_LINE_BYTES};
use crate::reader::{FileEnd, Line, LineReader, Output, SkippedLine};
use crate::skipped::Skipped;

/// A chunk ends after this many rows,
const CHUNK_ROWS: usize = 1_000;
/// or after this much of the file.
const CHUNK_BYTES: u64 = 8 << 20;
/// The number of bytes at the start of a file, and before the offset, by which it is recognized.
const HEAD_BYTES: u64 = 1_024;
const TAIL_BYTES: u64 = 64;
/// A last line without a line break is whole if the file has not changed for this long.
const QUIET_MS: i64 = 10_000;
/// Something unfinished counts as finished this long after the last record: a message, and a call without a
/// result.
const DUE_MS: i64 = 600_000;

/// A file to be read.
#[derive(Debug, Clone)]
pub(crate) struct ReadRequest {
    pub(crate) path: PathBuf,
    /// When it was created, or last changed if that is unknown.
    pub(crate) created: SystemTime,
    /// How far it has been read.
    pub(crate) before: Option<FileState>,
    pub(crate) now: DateTime<Utc>,
    /// Whether its session has ended, so that nothing is unfinished.
    pub(crate) is_final: bool,
    /// Whether how far it has been read is to be stored.
    pub(crate) keeps_progress: bool,
}

/// What reading a file has come to.
#[derive(Debug, Default)]
pub(crate) struct FileReport {
    /// Whether there was nothing new.
    pub(crate) is_unchanged: bool,
    /// The number of lines that had not been read before.
    pub(crate) lines: u64,
    pub(crate) skipped: Skipped,
    /// The lines that were left out first: their numbers, and why.
    pub(crate) first_skipped: Vec<(u64, SkippedLine)>,
    /// The number of records of unknown types.
    pub(crate) unknown: BTreeMap<String, u64>,
}

/// Makes a reader of the right kind from the context of the one before; `None` for the start of the file.
pub(crate) type MakeReader<'a> = dyn FnMut(Option<&Value>) -> Box<dyn LineReader> + 'a;

/// Takes a chunk and the number of bytes of the file that it was read from. Returns whether to go on.
pub(crate) type EmitChunk<'a> = dyn FnMut(Chunk, u64) -> bool + 'a;

/// Reads a file and passes its chunks to `emit`, until that returns false.
pub(crate) fn read_file(
    request: &ReadRequest,
    make: &mut MakeReader<'_>,
    emit: &mut EmitChunk<'_>,
) -> Result<FileReport> {
    let path = &request.path;
    let mut report = FileReport::default();
    let now_ms = request.now.timestamp_millis();
    let metadata = path.metadata().map_err(Error::io(path))?;
    let modified_ns = metadata.modified().map_or(0, unix_ns);
    let size = metadata.len();
    let before = request.before.as_ref();
    if before.is_some_and(|before| before.is_current(size, modified_ns, now_ms))
        && !request.is_final
    {
        report.is_unchanged = true;
        return Ok(report);
    }
    let mut file = File::open(path).map_err(Error::io(path))?;
    let known = match before {
        Some(before) if is_same(&mut file, before).map_err(Error::io(path))? => Some(before),
        _ => None,
    };
    let head = fingerprint(&mut file, 0, size.min(HEAD_BYTES)).map_err(Error::io(path))?;
    let (offset, first_line) = known.map_or((0, 0), |known| (known.offset, known.lines));
    let mut reading = Reading {
        request,
        state: FileState { size, modified_ns, head, ..FileState::default() },
        stored: request.before.clone(),
        reader: make(known.map(|known| &known.context)),
        output: Output::default(),
        starts: vec![(offset, first_line)],
        last_ms: None,
    };
    let counted = known.map_or(0, |known| known.seen);
    let mut line_number = first_line;
    let mut end = offset;
    file.seek(SeekFrom::Start(offset)).map_err(Error::io(path))?;
    // What is appended meanwhile is read the next time.
    let mut lines = Lines::new(file.take(size.saturating_sub(offset)), offset);
    let mut chunk_start = offset;
    let mut is_open_ended = false;
    while let Some(line) = lines.next().map_err(Error::io(path))? {
        let is_quiet = modified_ns / 1_000_000 < now_ms.saturating_sub(QUIET_MS);
        let read = match line.bytes {
            Some([]) => Ok(()),
            Some(bytes) => {
                reading.reader.read(Line { bytes, offset: line.offset }, &mut reading.output)
            }
            None => Err(SkippedLine::TooLong),
        };
        if !line.is_whole && (read.is_err() || !is_quiet) {
            // More of the line may come. If it was read, its rows are found again by their keys.
            is_open_ended = true;
            break;
        }
        line_number += 1;
        end = line.end;
        if line.offset >= counted {
            report.lines += 1;
            if let Err(reason) = read {
                if report.lines == 1 && line.offset == 0 && is_document(path, size) {
                    let reason = "it is one JSON document, not one record a line";
                    return Err(Error::NotATranscript { path: path.clone(), reason });
                }
                report.skipped.count(reason);
                if report.first_skipped.len() < 10 {
                    report.first_skipped.push((line_number, reason));
                }
            }
        }
        reading.starts.push((end, line_number));
        let is_full = reading.output.sightings.len() >= CHUNK_ROWS;
        if is_full || end - chunk_start >= CHUNK_BYTES {
            if reading.unfinished(end).saturating_add(CHUNK_BYTES) < end {
                // Reading it all again each time would cost too much. What comes later amends the rows.
                reading.end(true);
            }
            let bytes = end - chunk_start;
            chunk_start = end;
            if !emit(reading.chunk(end, counted).map_err(Error::io(path))?, bytes) {
                return Ok(report);
            }
        }
    }
    reading.end(request.is_final && !is_open_ended);
    emit(reading.chunk(end, counted).map_err(Error::io(path))?, end - chunk_start);
    report.unknown = reading.output.unknown;
    Ok(report)
}

/// A file that is being read.
struct Reading<'a> {
    request: &'a ReadRequest,
    state: FileState,
    /// The state that is stored once the chunks so far are.
    stored: Option<FileState>,
    reader: Box<dyn LineReader>,
    output: Output,
    /// The start and the number of lines that reading may go on at.
    starts: Vec<(u64, u64)>,
    /// The time of the last record.
    last_ms: Option<i64>,
}

impl Reading<'_> {
    fn unfinished(&self, end: u64) -> u64 {
        self.reader.unfinished().unwrap_or(end).min(end)
    }

    fn end(&mut self, is_final: bool) {
        self.reader.end(FileEnd { now: self.request.now, is_final }, &mut self.output);
    }

    /// Returns what was read since the last chunk.
    fn chunk(&mut self, end: u64, counted: u64) -> std::io::Result<Chunk> {
        let offset = self.unfinished(end);
        let place = self.starts.partition_point(|(start, _)| *start <= offset);
        // Lines before the offset are not needed any more.
        self.starts.drain(..place.saturating_sub(1));
        let (offset, lines) = self.starts.first().copied().unwrap_or((offset, 0));
        let created_ns = unix_ns(self.request.created);
        let mut sessions = self.output.take_sessions();
        for update in &mut sessions {
            update.created_ns = update.transcript.is_some().then_some(created_ns);
            let last = update.spans.range().map(|(_, last)| last);
            self.last_ms = self.last_ms.max(last);
        }
        let now_ms = self.request.now.timestamp_millis();
        let due_ms = self.last_ms.unwrap_or(now_ms).saturating_add(DUE_MS);
        self.state = FileState {
            offset,
            lines,
            seen: end.max(counted),
            tail: {
                let mut file = File::open(&self.request.path)?;
                let length = offset.min(TAIL_BYTES);
                fingerprint(&mut file, offset - length, length)?
            },
            due_ms: (due_ms > now_ms && self.reader.unfinished().is_some()).then_some(due_ms),
            context: self.reader.context(),
            ..self.state.clone()
        };
        let progress = self.request.keeps_progress.then(|| Progress {
            path: self.request.path.clone(),
            before: self.stored.replace(self.state.clone()),
            after: self.state.clone(),
        });
        let sightings = std::mem::take(&mut self.output.sightings);
        Ok(Chunk { sightings, sessions, progress })
    }
}

/// Whether a file is the one that was read before, up to the offset.
fn is_same(file: &mut File, before: &FileState) -> std::io::Result<bool> {
    let (head, tail) = (before.head, before.tail);
    Ok(fingerprint(file, 0, head.length)? == head
        && fingerprint(file, before.offset.saturating_sub(tail.length), tail.length)? == tail)
}

/// Returns the fingerprint of a part of a file; of less, if the file ends before.
fn fingerprint(file: &mut File, offset: u64, length: u64) -> std::io::Result<Fingerprint> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset))?;
    file.take(length).read_to_end(&mut bytes)?;
    let hash = u128::from_le_bytes(key("fingerprint", &[&bytes.escape_ascii().to_string()]));
    let hash = u64::try_from(hash & u128::from(u64::MAX)).unwrap_or_default();
    Ok(Fingerprint { length: bytes.len() as u64, hash })
}

/// Whether a file is one JSON document over several lines.
fn is_document(path: &Path, size: u64) -> bool {
    size <= MAX_LINE_BYTES as u64
        && std::fs::read(path)
            .is_ok_and(|bytes| serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok())
}
