//! Finds transcripts.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::{Error, Result};
use crate::lines::{Lines, MAX_LINE_BYTES};

/// How much of a file is read to recognize its kind: its first lines, of which one may be as long as can be.
const RECOGNIZED_BYTES: u64 = MAX_LINE_BYTES as u64 + (8 << 20);
const RECOGNIZED_LINES: usize = 1_000;

/// A program that writes transcripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Program {
    /// Claude Code.
    Claude,
    /// Codex.
    Codex,
}

impl Program {
    /// All programs.
    pub const ALL: [Self; 2] = [Self::Claude, Self::Codex];

    /// The name, as in `detail_json.runtime`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
        }
    }

    /// Returns the directories in which the program writes its transcripts, whether they exist or not, from
    /// the environment's variables.
    pub fn roots(self, variable: &dyn Fn(&str) -> Option<String>) -> Vec<PathBuf> {
        let home = variable("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let in_home = |path: &str| home.as_ref().map(|home| home.join(path));
        match self {
            Self::Claude => {
                match variable("CLAUDE_CONFIG_DIR").filter(|dirs| !dirs.trim().is_empty()) {
                    Some(dirs) => {
                        let dirs = dirs.split(',').map(str::trim).filter(|dir| !dir.is_empty());
                        let projects = |dir: &str| match Path::new(dir) {
                            dir if dir.ends_with("projects") => dir.to_owned(),
                            dir => dir.join("projects"),
                        };
                        dirs.map(projects).collect()
                    }
                    None => [".config/claude/projects", ".claude/projects"]
                        .into_iter()
                        .filter_map(in_home)
                        .collect(),
                }
            }
            Self::Codex => {
                let dir = variable("CODEX_HOME").filter(|dir| !dir.trim().is_empty());
                let dir = dir.map(PathBuf::from).or_else(|| in_home(".codex"));
                ["sessions", "archived_sessions"]
                    .into_iter()
                    .filter_map(|name| Some(dir.as_ref()?.join(name)))
                    .collect()
            }
        }
    }
}

/// A transcript that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Transcript {
    /// When it was created, or last changed if that is unknown: the original of a fork comes before the copy.
    pub(crate) created: SystemTime,
    /// Its path.
    pub path: PathBuf,
    /// The program that wrote it.
    pub program: Program,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last changed.
    pub modified: SystemTime,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// The transcripts, the oldest first.
    pub transcripts: Vec<Transcript>,
    /// What cannot be read, and files that were given and are no transcripts.
    pub problems: Vec<Error>,
}

impl Found {
    /// Finds the transcripts of a program below a directory, which may be missing.
    pub fn add_root(&mut self, root: &Path, program: Program) {
        if root.exists() {
            self.walk(root, Some(program), &mut BTreeSet::new());
        }
    }

    /// Finds the transcripts below a directory, or adds a file. Their kind is recognized from what they contain.
    pub fn add_path(&mut self, path: &Path) {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.walk(path, None, &mut BTreeSet::new()),
            Ok(_) => self.add_file(path, None, true),
            Err(error) => self.problems.push(Error::io(path)(error)),
        }
    }

    /// Adds a transcript of a program, which need not have any record yet.
    pub fn add_file_of(&mut self, path: &Path, program: Program) {
        self.add_file(path, Some(program), true);
    }

    /// Puts the transcripts in order, each once.
    pub fn finish(&mut self) {
        self.transcripts.sort();
        let mut known = BTreeSet::new();
        self.transcripts.retain(|transcript| known.insert(transcript.path.clone()));
        // Codex moves a session to the archive. If it is in both places, it is being moved.
        let below = |path: &Path, dir: &str| {
            let mut parts = path.iter();
            parts.by_ref().find(|part| *part == dir).map(|_| parts.as_path().to_owned())
        };
        let current: BTreeSet<PathBuf> = self
            .transcripts
            .iter()
            .filter_map(|transcript| below(&transcript.path, "sessions"))
            .collect();
        self.transcripts.retain(|transcript| {
            below(&transcript.path, "archived_sessions").is_none_or(|path| !current.contains(&path))
        });
    }

    fn walk(&mut self, dir: &Path, program: Option<Program>, visited: &mut BTreeSet<PathBuf>) {
        let entries = fs::canonicalize(dir).and_then(|real| {
            // A link may lead back to a directory above it.
            if visited.insert(real) { fs::read_dir(dir).map(Some) } else { Ok(None) }
        });
        let entries = match entries {
            Ok(Some(entries)) => entries,
            Ok(None) => return,
            Err(error) => return self.problems.push(Error::io(dir)(error)),
        };
        for entry in entries {
            let path = match entry {
                Ok(entry) => entry.path(),
                Err(error) => {
                    self.problems.push(Error::io(dir)(error));
                    continue;
                }
            };
            if path.is_dir() {
                self.walk(&path, program, visited);
            } else if path.extension().is_some_and(|extension| extension == "jsonl") {
                self.add_file(&path, program, false);
            }
        }
    }

    fn add_file(&mut self, path: &Path, program: Option<Program>, is_given: bool) {
        match self.transcript(path, program) {
            Ok(Some(transcript)) => self.transcripts.push(transcript),
            Ok(None) if is_given => self.problems.push(Error::NotATranscript {
                path: path.to_owned(),
                reason: "none of its first lines is a record of them",
            }),
            Ok(None) => {}
            Err(error) => self.problems.push(error),
        }
    }

    fn transcript(&self, path: &Path, program: Option<Program>) -> Result<Option<Transcript>> {
        // One file has one state, however its path is spelled.
        let path = fs::canonicalize(path).map_err(Error::io(path))?;
        let metadata = path.metadata().map_err(Error::io(&path))?;
        // Opening a pipe would wait for its writer.
        if !metadata.is_file() {
            return Ok(None);
        }
        let program = match program {
            Some(program) => Some(program),
            None => recognize(&path)?,
        };
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let created = metadata.created().unwrap_or(modified);
        let size = metadata.len();
        Ok(program.map(|program| Transcript { created, path, program, size, modified }))
    }
}

/// Returns the program that wrote a file.
fn recognize(path: &Path) -> Result<Option<Program>> {
    let file = File::open(path).map_err(Error::io(path))?;
    let mut lines = Lines::new(file.take(RECOGNIZED_BYTES), 0);
    // The first lines may be broken.
    for _ in 0..RECOGNIZED_LINES {
        let Some(line) = lines.next().map_err(Error::io(path))? else { break };
        let Some(bytes) = line.bytes else { continue };
        let Ok(serde_json::Value::Object(object)) = serde_json::from_slice(bytes) else { continue };
        let has = |key: &str| object.contains_key(key);
        if !has("type") {
            continue;
        }
        if has("payload") {
            return Ok(Some(Program::Codex));
        }
        if ["sessionId", "uuid", "leafUuid", "messageId"].into_iter().any(has) {
            return Ok(Some(Program::Claude));
        }
    }
    Ok(None)
}
