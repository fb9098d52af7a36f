//! Hooks of Claude Code, over HTTP.

use std::env;
use std::path::{Component, Path, PathBuf};

use netsky_ingest::Program;
use netsky_ingest::hooks::{Agent, HookPayload};
use netsky_server::{HookReceiver, HookRefusal};

use crate::commands::hook::recording;
use crate::store::StoreArgs;

/// Records what Claude Code tells, as `netsky hook claude-code` does.
#[derive(Debug)]
pub struct ClaudeHooks {
    store: StoreArgs,
    /// Where Claude Code has its transcripts.
    roots: Vec<PathBuf>,
    without_content: bool,
}

impl ClaudeHooks {
    pub fn new(store: StoreArgs, without_content: bool) -> Self {
        let roots = Program::Claude.roots(&|name: &str| env::var(name).ok());
        Self { store, roots, without_content }
    }

    /// Whether a path is one of Claude Code's, whether or not there is a file. Who may send must not make the server
    /// read others.
    fn is_own(&self, path: &Path) -> bool {
        let real_roots: Vec<PathBuf> =
            self.roots.iter().filter_map(|root| root.canonicalize().ok()).collect();
        let is_below =
            |path: &Path, roots: &[PathBuf]| roots.iter().any(|root| path.starts_with(root));
        path.components().all(|part| part != Component::ParentDir)
            && (is_below(path, &self.roots) || is_below(path, &real_roots))
            && path.canonicalize().map_or(true, |path| is_below(&path, &real_roots))
    }
}

impl HookReceiver for ClaudeHooks {
    fn receive(&self, payload: &[u8]) -> Result<(), HookRefusal> {
        let payload =
            HookPayload::parse(payload).map_err(|error| HookRefusal::Broken(error.to_string()))?;
        let task = payload.task();
        if let Some(path) = task.transcripts.iter().find(|path| !self.is_own(path)) {
            let roots: Vec<String> =
                self.roots.iter().map(|root| root.display().to_string()).collect();
            let (path, roots) = (path.display(), roots.join(" or "));
            return Err(HookRefusal::Broken(format!("{path} is not below {roots}")));
        }
        if task.is_empty() {
            return Ok(());
        }
        recording::run(&self.store, Agent::ClaudeCode, &task, self.without_content)
            .map_err(HookRefusal::Later)
    }
}
