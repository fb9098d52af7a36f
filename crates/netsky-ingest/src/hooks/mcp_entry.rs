//! How agents start the MCP server of netsky.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};
use serde_json::json;

use super::error::HookError;
use super::hook_command::is_netsky;

/// The name of the server in the settings of agents. Its tools are called `mcp__netsky__query` and so on.
pub(super) const NAME: &str = "netsky";

const RECORDS: &str = "--allow-record";

/// What the settings of an agent say about the MCP server of netsky.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum McpRegistration {
    /// The agent starts it.
    On,
    /// There is no server with its name.
    Off,
    /// A server of another program has its name.
    Other,
}

/// The command of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct McpEntry {
    pub command: String,
    pub args: Vec<String>,
}

impl McpEntry {
    /// The server of a netsky.
    pub fn new(program: &Path, store: Option<&Path>) -> Result<Self, HookError> {
        let text = |path: &Path| {
            let invalid =
                HookError::InvalidProgram { path: path.into(), reason: "its path is not UTF-8" };
            path.to_str().map(str::to_owned).ok_or(invalid)
        };
        let mut args = vec!["mcp".to_owned()];
        if let Some(store) = store {
            args.extend(["--db".to_owned(), text(store)?]);
        }
        Ok(Self { command: text(program)?, args })
    }

    /// Whether a netsky wrote this, or a user wrote the same.
    pub fn is_ours(&self) -> bool {
        is_netsky(&self.command) && self.args.iter().any(|arg| arg == "mcp")
    }

    /// This entry instead of an older one, which says whether the server may record.
    pub fn instead_of(&self, older: &Self) -> Self {
        let mut entry = self.clone();
        if older.args.iter().any(|arg| arg == RECORDS) {
            entry.args.push(RECORDS.to_owned());
        }
        entry
    }

    pub fn program(&self) -> PathBuf {
        self.command.clone().into()
    }
}

/// As Claude Code writes it.
impl Serialize for McpEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = [
            ("type", json!("stdio")),
            ("command", json!(self.command)),
            ("args", json!(self.args)),
        ];
        serializer.collect_map(fields)
    }
}
