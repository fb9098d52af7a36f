//! Finds the transcript of a session by its id.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::lookup::{FoundSession, SessionLookup};
use crate::discovery::Program;
use crate::lines::Lines;
use crate::project::project;

/// How much of a transcript is read to find the working directory. It stands in one of the first records, but
/// these may hold instructions for the model.
const READ_BYTES: u64 = 1 << 20;

/// The transcripts below some directories.
///
/// ```
/// use netsky_ingest::Program;
/// use netsky_ingest::otlp::{SessionLookup, Transcripts};
///
/// let transcripts = Transcripts::new(&|name: &str| std::env::var(name).ok());
/// assert_eq!(transcripts.find("claude", "no such session"), None);
/// ```
#[derive(Debug, Clone)]
pub struct Transcripts {
    roots: Vec<(PathBuf, Program)>,
}

impl Transcripts {
    /// Those in the directories that the programs write to, from the environment's variables.
    pub fn new(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let roots =
            |program: Program| program.roots(variable).into_iter().map(move |root| (root, program));
        Self { roots: Program::ALL.into_iter().flat_map(roots).collect() }
    }

    fn path(&self, runtime: &str, id: &str) -> Option<PathBuf> {
        self.roots.iter().filter(|(_, program)| program.name() == runtime).find_map(
            |(root, program)| match program {
                Program::Claude => in_projects(root, &format!("{id}.jsonl")),
                Program::Codex => in_days(root, &format!("-{id}.jsonl"), 3),
            },
        )
    }
}

impl SessionLookup for Transcripts {
    fn find(&self, runtime: &str, session_id: &str) -> Option<FoundSession> {
        // An id becomes part of a path.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if session_id.is_empty() || !session_id.bytes().all(is_plain) {
            return None;
        }
        let cwd = working_directory(&self.path(runtime, session_id)?)?;
        Some(FoundSession { agent: project(&cwd).map(str::to_owned), cwd: Some(cwd) })
    }
}

/// Finds `ROOT/PROJECT/NAME`.
fn in_projects(root: &Path, name: &str) -> Option<PathBuf> {
    let projects = fs::read_dir(root).ok()?.flatten();
    projects.map(|project| project.path().join(name)).find(|path| path.is_file())
}

/// Finds `ROOT/YEAR/MONTH/DAY/rollout-TIME-ID.jsonl`, or one right in the directory, from the newest day to the
/// oldest.
fn in_days(dir: &Path, suffix: &str, depth: u8) -> Option<PathBuf> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let is_it = |path: &Path| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.ends_with(suffix))
    };
    entries.into_iter().rev().find_map(|path| match path.is_dir() {
        true if depth > 0 => in_days(&path, suffix, depth - 1),
        true => None,
        false => is_it(&path).then_some(path),
    })
}

/// Returns the first working directory in a transcript.
fn working_directory(path: &Path) -> Option<String> {
    let mut lines = Lines::new(File::open(path).ok()?.take(READ_BYTES), 0);
    while let Ok(Some(line)) = lines.next() {
        let Some(record) = line.bytes.and_then(|it| serde_json::from_slice::<Value>(it).ok())
        else {
            continue;
        };
        let cwd = record.get("cwd").or_else(|| record.get("payload")?.get("cwd"));
        if let Some(cwd) = cwd.and_then(Value::as_str).filter(|cwd| !cwd.is_empty()) {
            return Some(cwd.to_owned());
        }
    }
    None
}
