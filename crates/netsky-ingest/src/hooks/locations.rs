//! Where agents keep their settings.

use std::env;
use std::path::{self, Path, PathBuf};

use super::agent::Agent;
use super::error::HookError;

/// The directories of the agents' settings.
#[derive(Debug, Clone)]
pub struct Locations {
    claude: PathBuf,
    claude_json: PathBuf,
    codex: PathBuf,
    managed: PathBuf,
}

/// Which sessions the hooks are for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scope {
    /// All sessions of the user.
    #[default]
    User,
    /// All sessions in a directory, of all who use it.
    Project(PathBuf),
}

impl Locations {
    /// The directories of a user with this home directory, without environment variables.
    #[must_use]
    pub fn of_home(home: &Path) -> Self {
        let managed = match env::consts::OS {
            "macos" => "/Library/Application Support/ClaudeCode",
            "windows" => r"C:\Program Files\ClaudeCode",
            _ => "/etc/claude-code",
        };
        Self {
            claude: home.join(".claude"),
            claude_json: home.join(".claude.json"),
            codex: home.join(".codex"),
            managed: managed.into(),
        }
    }

    /// The directories that the agents use if they are started from here: `$CLAUDE_CONFIG_DIR`, else
    /// `~/.claude`, and `$CODEX_HOME`, else `~/.codex`.
    ///
    /// # Errors
    ///
    /// The home directory is unknown.
    pub fn from_env() -> Result<Self, HookError> {
        let home = env::home_dir().filter(|home| !home.as_os_str().is_empty());
        let mut locations = Self::of_home(&home.ok_or(HookError::NoHome)?);
        let set = |name| env::var_os(name).filter(|dir| !dir.is_empty()).map(PathBuf::from);
        if let Some(dir) = set("CLAUDE_CONFIG_DIR") {
            locations.claude = path::absolute(&dir).unwrap_or(dir);
            locations.claude_json = locations.claude.join(".claude.json");
        }
        if let Some(dir) = set("CODEX_HOME") {
            locations.codex = path::absolute(&dir).unwrap_or(dir);
        }
        Ok(locations)
    }

    /// Sets the directory of the settings that an administrator made.
    #[must_use]
    pub fn managed_dir(self, managed: impl Into<PathBuf>) -> Self {
        Self { managed: managed.into(), ..self }
    }

    pub(super) fn managed(&self) -> &Path {
        &self.managed
    }

    /// The directory that an agent creates when it first runs.
    pub(super) fn dir(&self, agent: Agent) -> &Path {
        match agent {
            Agent::ClaudeCode => &self.claude,
            Agent::Codex => &self.codex,
        }
    }

    /// The file with the hooks of an agent.
    ///
    /// # Errors
    ///
    /// The agent has no such scope.
    pub fn hooks_file(&self, agent: Agent, scope: &Scope) -> Result<PathBuf, HookError> {
        match (agent, scope) {
            (Agent::ClaudeCode, Scope::User) => Ok(self.claude.join("settings.json")),
            (Agent::ClaudeCode, Scope::Project(dir)) => Ok(dir.join(".claude/settings.json")),
            (Agent::Codex, Scope::User) => Ok(self.codex.join("hooks.json")),
            (Agent::Codex, Scope::Project(_)) => Err(HookError::NoProjectScope),
        }
    }

    /// The file with the MCP servers of Claude Code.
    pub(super) fn claude_mcp(&self, scope: &Scope) -> PathBuf {
        match scope {
            Scope::User => self.claude_json.clone(),
            Scope::Project(dir) => dir.join(".mcp.json"),
        }
    }

    /// The file with the other settings of Codex.
    pub(super) fn codex_config(&self) -> PathBuf {
        self.codex.join("config.toml")
    }
}
