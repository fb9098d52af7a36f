//! Which hooks are installed.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::agent::Agent;
use super::claude_mcp::ClaudeMcp;
use super::codex_mcp::CodexMcp;
use super::codex_telemetry::CodexConfig;
use super::entries;
use super::error::HookError;
use super::locations::{Locations, Scope};
use super::mcp_entry::{McpEntry, McpRegistration};
use super::settings_file::{self, parse};
use super::telemetry::Telemetry;
use super::{claude_telemetry, policy};

/// What the settings of an agent have of netsky.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// The agent.
    pub agent: Agent,
    /// The file with its hooks, whether or not it exists.
    pub path: PathBuf,
    /// Whether all hooks are installed.
    pub installed: Installed,
    /// The events that have a hook of netsky.
    pub events: Vec<String>,
    /// The program that they run.
    pub program: Option<PathBuf>,
    /// Whether the agent sends OpenTelemetry.
    pub telemetry: Telemetry,
    /// Whether the agent starts the MCP server of netsky.
    pub mcp: McpRegistration,
    /// What keeps hooks or telemetry from working.
    pub warnings: Vec<String>,
}

/// How many of the hooks are installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Installed {
    /// All of them.
    Yes,
    /// None of them.
    No,
    /// Some of them, as after an update of netsky that needs more.
    Partly,
}

/// Returns which hooks of an agent are installed. Changes nothing.
///
/// # Errors
///
/// A settings file cannot be read or is not valid.
pub fn status(agent: Agent, scope: &Scope, locations: &Locations) -> Result<Status, HookError> {
    let path = locations.hooks_file(agent, scope)?;
    let target = settings_file::target(&path);
    let settings = parse(&target, settings_file::read(&target)?.as_deref())?;
    let own = entries::own(&settings);
    let installed: Vec<_> =
        agent.events().iter().filter_map(|event| entries::kept(&own, event)).collect();
    let mut unreadable = None;
    let (telemetry, mcp, server) = match agent {
        Agent::ClaudeCode => {
            let telemetry = claude_telemetry::state(&settings);
            // It is another file, with much else in it: what is wrong there does not hide the hooks.
            match ClaudeMcp::open(&locations.claude_mcp(scope)) {
                Ok(servers) => (telemetry, servers.registration(), servers.entry()),
                Err(error) => {
                    unreadable = Some(error.to_string());
                    (telemetry, McpRegistration::Off, None)
                }
            }
        }
        Agent::Codex => of_codex_config(locations)?,
    };
    let is_on = telemetry == Telemetry::On;
    let mut warnings = match own.is_empty() && !is_on {
        true => Vec::new(),
        false => policy::warnings(agent, scope, locations, &settings, is_on),
    };
    let program = installed.first().map(|entry| entry.command.program.clone());
    let mut programs: Vec<&Path> =
        installed.iter().map(|entry| entry.command.program.as_path()).collect();
    programs.dedup();
    warnings.extend(programs.into_iter().filter_map(|program| missing("the hooks run", program)));
    let server = server.filter(McpEntry::is_ours).map(|server| server.program());
    warnings.extend(unreadable);
    warnings.extend(server.and_then(|program| missing("the MCP server is", &program)));
    Ok(Status {
        agent,
        path,
        installed: match installed.len() {
            0 => Installed::No,
            some if some == agent.events().len() => Installed::Yes,
            _ => Installed::Partly,
        },
        events: own.iter().map(|entry| entry.event.clone()).collect(),
        program,
        telemetry,
        mcp,
        warnings,
    })
}

fn of_codex_config(
    locations: &Locations,
) -> Result<(Telemetry, McpRegistration, Option<McpEntry>), HookError> {
    let path = settings_file::target(&locations.codex_config());
    let text = settings_file::read(&path)?.unwrap_or_default();
    let servers = CodexMcp::parse(&path, &text)?;
    let telemetry = CodexConfig::parse(&path, &text)?.telemetry();
    Ok((telemetry, servers.registration(), servers.entry()))
}

/// Says that a program is gone. One without a directory is looked for by the agent's shell.
fn missing(what_runs: &str, program: &Path) -> Option<String> {
    (program.is_absolute() && !program.is_file())
        .then(|| format!("{what_runs} {}, which does not exist; install again", program.display()))
}
