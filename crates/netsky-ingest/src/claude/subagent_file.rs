//! The file of a subagent: `SESSION/subagents/agent-ID.jsonl`, with `agent-ID.meta.json` beside it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::Deserialize;

use super::lenient::Maybe;
use super::parse::parse;
use super::record::{Record, Text};

/// More of these files is not looked at.
const MAX_META_BYTES: u64 = 1 << 20;
const MAX_HEAD_BYTES: u64 = 1 << 20;

/// What is known of the subagent of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SubagentFile {
    pub(super) agent_id: String,
    pub(super) agent_type: Option<String>,
    /// The call that dispatched it.
    pub(super) tool_use_id: Option<String>,
    /// Whether it has ended.
    pub(super) has_finished: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Meta<'a> {
    #[serde(borrow)]
    agent_type: Text<'a>,
    #[serde(borrow)]
    tool_use_id: Text<'a>,
    finished: Maybe<bool>,
}

impl SubagentFile {
    /// Returns what is known of the file's subagent; `None` if it is no file of one.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let agent_id = path.file_stem()?.to_str()?.strip_prefix("agent-")?.to_owned();
        let json = head(&path.with_extension("meta.json"), MAX_META_BYTES).unwrap_or_default();
        // Without it, or if it is broken, records tell the type.
        let meta: Meta<'_> = serde_json::from_slice(&json).unwrap_or_default();
        Some(Self {
            agent_id,
            agent_type: meta.agent_type.name().map(str::to_owned),
            tool_use_id: meta.tool_use_id.name().map(str::to_owned),
            has_finished: meta.finished.is_true(),
        })
    }
}

/// Returns the first working directory of the session that a subagent's file belongs to. The subagent's own may
/// be elsewhere.
pub(super) fn session_cwd(path: &Path) -> Option<String> {
    let folder = path.ancestors().find(|folder| folder.ends_with("subagents"))?.parent()?;
    let mut name = folder.file_name()?.to_owned();
    name.push(".jsonl");
    let head = head(&folder.with_file_name(name), MAX_HEAD_BYTES)?;
    let mut lines = BufReader::new(head.as_slice()).split(b'\n');
    lines.find_map(|line| {
        let mut cwd = None;
        let read = |record: &Record<'_>| cwd = record.cwd.name().map(str::to_owned);
        parse(line.ok()?.trim_ascii(), read).ok();
        cwd
    })
}

/// Reads the start of a file, if it is one.
fn head(path: &Path, bytes: u64) -> Option<Vec<u8>> {
    // Opening a pipe would wait.
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut head = Vec::new();
    File::open(path).ok()?.take(bytes).read_to_end(&mut head).ok()?;
    Some(head)
}
