//! The MCP server of netsky in the settings of Claude Code: `mcpServers` of `.claude.json` or `.mcp.json`.
//!
//! Claude Code keeps much else in `.claude.json` and writes it often, so that only the entry is touched.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::change::Change;
use super::entries::is_object;
use super::error::HookError;
use super::json_text::JsonText;
use super::mcp_entry::{McpEntry, McpRegistration, NAME};
use super::settings_file::{self, EMPTY, parse};

const SERVERS: &str = "mcpServers";
const ENTRY: [&str; 2] = [SERVERS, NAME];

/// A file with servers, and its edited text.
pub(super) struct ClaudeMcp {
    path: PathBuf,
    before: Option<String>,
    settings: JsonText,
}

impl ClaudeMcp {
    pub fn open(link: &Path) -> Result<Self, HookError> {
        let path = settings_file::target(link);
        let before = settings_file::read(&path)?;
        let settings = parse(&path, before.as_deref())?;
        Ok(Self { path, before, settings })
    }

    pub fn registration(&self) -> McpRegistration {
        match self.entry() {
            Some(entry) if entry.is_ours() => McpRegistration::On,
            None if self.settings.node(&ENTRY).is_none() => McpRegistration::Off,
            _ => McpRegistration::Other,
        }
    }

    /// The entry with the name of netsky; `None` if it is not a command.
    pub fn entry(&self) -> Option<McpEntry> {
        let entry = self.settings.value(&ENTRY)?;
        let args = entry.get("args").and_then(Value::as_array);
        let args = args.into_iter().flatten().filter_map(Value::as_str);
        Some(McpEntry {
            command: entry.get("command")?.as_str()?.to_owned(),
            args: args.map(str::to_owned).collect(),
        })
    }

    /// Adds or updates the entry. What else it has, such as `env`, stays.
    pub fn add(&mut self, entry: &McpEntry) -> Result<(), HookError> {
        let invalid = |reason| HookError::invalid(&self.path, reason);
        if self.settings.node(&[SERVERS]).is_none() {
            self.settings.insert(&[], SERVERS, &json!({}));
        }
        is_object(&self.settings, &[SERVERS], SERVERS).map_err(invalid)?;
        match self.registration() {
            McpRegistration::Off => self.settings.insert(&[SERVERS], NAME, entry),
            McpRegistration::Other => {
                let found = self.settings.value(&ENTRY).unwrap_or_default();
                return Err(HookError::Conflict {
                    path: self.path.clone(),
                    key: ENTRY.join("."),
                    found: found.to_string(),
                    wanted: serde_json::to_string(entry).unwrap_or_default(),
                });
            }
            McpRegistration::On => {
                let Some(found) = self.entry() else { return Ok(()) };
                let wanted = entry.instead_of(&found);
                if found.command != wanted.command {
                    self.settings.replace(&[SERVERS, NAME, "command"], &wanted.command);
                }
                if found.args != wanted.args {
                    self.settings.replace(&[SERVERS, NAME, "args"], &wanted.args);
                }
            }
        }
        Ok(())
    }

    /// Removes the entry, if it is netsky's, and `mcpServers` if that leaves it empty.
    pub fn remove(&mut self) {
        if self.registration() != McpRegistration::On {
            return;
        }
        self.settings.remove(&ENTRY);
        if self.settings.node(&[SERVERS]).is_some_and(|servers| servers.item_spans().is_empty()) {
            self.settings.remove(&[SERVERS]);
        }
    }

    pub fn change(self) -> Option<Change> {
        let after = self.settings.text().to_owned();
        let is_same = after == self.before.as_deref().unwrap_or(EMPTY);
        (!is_same).then_some(Change { path: self.path, before: self.before, after })
    }
}
