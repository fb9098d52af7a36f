//! Where transcripts are looked for.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use netsky_ingest::{Found, Program};

use crate::commands::ingest::args::IngestArgs;
use crate::failure::Failure;

/// The places that a command line names.
#[derive(Debug)]
pub struct Sources {
    /// Directories of a program, which may be missing.
    roots: Vec<(PathBuf, Program)>,
    /// Files and directories of any program.
    paths: Vec<PathBuf>,
    since: Option<SystemTime>,
}

impl Sources {
    pub fn of(args: &IngestArgs) -> Result<Self, Failure> {
        let mut programs = Vec::new();
        let mut paths = Vec::new();
        for source in &args.sources {
            match source.to_str() {
                // The only source of version 0.2.0.
                Some("claude" | "claude-sessions") => programs.push(Program::Claude),
                Some("codex") => programs.push(Program::Codex),
                _ if source.exists() => paths.push(source.clone()),
                _ if is_name(source) => {
                    let name = source.display();
                    let text =
                        format!("'{name}' is neither claude nor codex, nor a file or directory");
                    return Err(Failure::usage(text));
                }
                _ => {
                    let missing = std::io::ErrorKind::NotFound.into();
                    return Err(Failure::unreadable(source, &missing));
                }
            }
        }
        if programs.is_empty() && paths.is_empty() {
            programs.extend(Program::ALL);
        }
        let variable = |name: &str| std::env::var(name).ok();
        let mut roots = Vec::new();
        for program in programs {
            match &args.root {
                Some(root) if program == Program::Claude => roots.push((root.clone(), program)),
                _ if !paths.is_empty() => {}
                _ => roots.extend(program.roots(&variable).into_iter().map(|root| (root, program))),
            }
        }
        Ok(Self { roots, paths, since: args.since.map(SystemTime::from) })
    }

    /// Finds the transcripts.
    pub fn find(&self) -> Found {
        let mut found = Found::default();
        for (root, program) in &self.roots {
            found.add_root(root, *program);
        }
        for path in &self.paths {
            found.add_path(path);
        }
        found.finish();
        if let Some(since) = self.since {
            found.transcripts.retain(|transcript| transcript.modified >= since);
        }
        found
    }

    /// Fails if nothing was found.
    pub fn refuse_none(&self, found: &Found) -> Result<(), Failure> {
        if !found.transcripts.is_empty() || !found.problems.is_empty() {
            return Ok(());
        }
        let roots = self.roots.iter().map(|(root, _)| root.clone());
        Err(nothing_found(&roots.chain(self.paths.clone()).collect::<Vec<_>>()))
    }
}

/// Whether a word looks like a name rather than a path.
fn is_name(word: &Path) -> bool {
    word.components().count() == 1 && word.extension().is_none()
}

/// Returns the failure of a command that has found no transcripts.
fn nothing_found(places: &[PathBuf]) -> Failure {
    let places: Vec<_> = places.iter().map(|place| place.display().to_string()).collect();
    let places = places.join(", ");
    Failure::found(format!("no transcripts of Claude Code or Codex: looked in {places}"))
}
