//! Planning the installation and removal of hooks.

use std::path::{Path, PathBuf};

use super::agent::Agent;
use super::change::Change;
use super::claude_mcp::ClaudeMcp;
use super::codex_mcp::CodexMcp;
use super::codex_telemetry::CodexConfig;
use super::entries;
use super::error::HookError;
use super::hook_command::HookCommand;
use super::json_text::JsonText;
use super::locations::{Locations, Scope};
use super::mcp_entry::McpEntry;
use super::settings_file::{self, EMPTY, parse};
use super::telemetry::{ENDPOINT, Telemetry};
use super::{claude_telemetry, policy};

/// How hooks are installed.
#[derive(Debug, Clone)]
pub struct InstallOptions {
    /// Where the settings are.
    pub locations: Locations,
    /// The sessions that have the hooks.
    pub scope: Scope,
    /// The absolute path of netsky.
    pub program: PathBuf,
    /// The absolute path of the store; `None` for the one that netsky finds when the hook runs.
    pub store: Option<PathBuf>,
    /// Whether the agent sends OpenTelemetry to netsky, too.
    pub telemetry: bool,
    /// Whether the agent can ask netsky, by the server of `netsky mcp`.
    pub mcp: bool,
}

/// What will change, and what to know before and after.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Plan {
    /// The files that change. Empty if they are as they should be.
    pub changes: Vec<Change>,
    /// What can keep the plan from having its effect.
    pub warnings: Vec<String>,
    /// What the user does once the changes are made.
    pub next_steps: Vec<String>,
}

/// Plans to install the hooks of netsky. Nothing is written.
///
/// All bytes that belong to others stay. Hooks that a netsky installed earlier are updated.
///
/// ```no_run
/// use netsky_ingest::hooks::{Agent, InstallOptions, Locations, Scope, plan_install};
///
/// # fn main() -> Result<(), netsky_ingest::hooks::HookError> {
/// let options = InstallOptions {
///     locations: Locations::from_env()?,
///     scope: Scope::User,
///     program: "/usr/bin/netsky".into(),
///     store: None,
///     telemetry: false,
///     mcp: true,
/// };
/// for change in plan_install(Agent::ClaudeCode, &options)?.changes {
///     print!("{}", change.diff());
///     change.apply()?;
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// A settings file cannot be read or is not valid, has another value where netsky needs its own, or the
/// program has a path or name that a hook cannot have.
pub fn plan_install(agent: Agent, options: &InstallOptions) -> Result<Plan, HookError> {
    let command =
        HookCommand { program: options.program.clone(), store: options.store.clone(), agent };
    let command = command.text()?;
    let mut file = HooksFile::open(agent, &options.scope, &options.locations)?;
    let has_hooks = !entries::own(&file.settings).is_empty();
    entries::install(&mut file.settings, agent, &command);
    let mut plan = Plan::default();
    if options.telemetry && agent == Agent::ClaudeCode {
        claude_telemetry::add(&mut file.settings, &file.path)?;
    }
    let server = match options.mcp {
        true => Some(McpEntry::new(&options.program, options.store.as_deref())?),
        false => None,
    };
    match (agent, &server) {
        (Agent::ClaudeCode, Some(server)) => {
            let mut servers = ClaudeMcp::open(&options.locations.claude_mcp(&options.scope))?;
            servers.add(server)?;
            plan.changes.extend(servers.change());
        }
        (Agent::ClaudeCode, None) => {}
        (Agent::Codex, _) => {
            plan.changes.extend(codex_config(&options.locations, |path, text| {
                let text = match options.telemetry {
                    true => CodexConfig::parse(path, text)?.with_exporter()?,
                    false => text.to_owned(),
                };
                match &server {
                    Some(server) => CodexMcp::parse(path, &text)?.with_entry(server),
                    None => Ok(text),
                }
            })?)
        }
    }
    plan.warnings = file.warnings(agent, options);
    plan.changes.extend(file.change());
    if !options.locations.dir(agent).exists() && options.scope == Scope::User {
        plan.warnings.push(format!(
            "{} does not exist yet, so {} has not run for this user",
            options.locations.dir(agent).display(),
            agent.title()
        ));
    }
    plan.next_steps = next_steps(agent, options, has_hooks && plan.changes.is_empty());
    Ok(plan)
}

/// Plans to remove what netsky installed: its hooks, with the groups, events and objects that become empty,
/// the settings for OpenTelemetry that still have netsky's values, and its MCP server. Nothing is written.
///
/// # Errors
///
/// A settings file cannot be read or is not valid.
pub fn plan_uninstall(
    agent: Agent,
    scope: &Scope,
    locations: &Locations,
) -> Result<Plan, HookError> {
    let mut plan = Plan::default();
    let mut file = HooksFile::open(agent, scope, locations)?;
    entries::uninstall(&mut file.settings);
    match agent {
        Agent::ClaudeCode => {
            if claude_telemetry::state(&file.settings) == Telemetry::On {
                plan.warnings.push(telemetry_goes());
            }
            claude_telemetry::remove(&mut file.settings);
            // It is another file, with much else in it: what is wrong there does not keep the hooks.
            match ClaudeMcp::open(&locations.claude_mcp(scope)) {
                Ok(mut servers) => {
                    servers.remove();
                    plan.changes.extend(servers.change());
                }
                Err(error) => {
                    plan.warnings.push(format!("an MCP server would not be removed: {error}"));
                }
            }
        }
        Agent::Codex => plan.changes.extend(codex_config(locations, |path, text| {
            let config = CodexConfig::parse(path, text)?;
            if config.telemetry() == Telemetry::On {
                plan.warnings.push(telemetry_goes());
            }
            CodexMcp::parse(path, &config.without_exporter())?.without_entry()
        })?),
    }
    plan.changes.extend(file.change());
    if !plan.changes.is_empty() {
        let title = agent.title();
        plan.next_steps.push(format!("Running sessions of {title} keep the hooks until they end."));
    }
    Ok(plan)
}

/// What netsky wrote and what a user wrote for another collector at the same address look the same.
fn telemetry_goes() -> String {
    format!(
        "the OpenTelemetry settings for {ENDPOINT} are removed, too; keep them if another collector listens there"
    )
}

fn next_steps(agent: Agent, options: &InstallOptions, is_done: bool) -> Vec<String> {
    let mut steps = Vec::new();
    if !is_done {
        steps.push(match agent {
            Agent::ClaudeCode => {
                "Sessions of Claude Code that start from now on record themselves.".to_owned()
            }
            Agent::Codex => {
                "Start codex and trust the hooks when it asks; until then it skips them.".to_owned()
            }
        });
        steps.push("netsky ingest reads the sessions until now.".to_owned());
    }
    if options.telemetry {
        steps.push("netsky serve --otlp receives the telemetry; keep it running.".to_owned());
    }
    if options.mcp && !is_done {
        let title = agent.title();
        steps.push(format!(
            "Sessions of {title} that start from now on can ask netsky, by its tools."
        ));
    }
    steps
}

/// The file with the hooks of an agent, and its edited text.
struct HooksFile {
    /// What the agent opens, possibly a link.
    link: PathBuf,
    path: PathBuf,
    before: Option<String>,
    settings: JsonText,
}

impl HooksFile {
    fn open(agent: Agent, scope: &Scope, locations: &Locations) -> Result<Self, HookError> {
        let link = locations.hooks_file(agent, scope)?;
        let path = settings_file::target(&link);
        let before = settings_file::read(&path)?;
        let settings = parse(&path, before.as_deref())?;
        entries::check_form(&settings, agent)
            .map_err(|reason| HookError::invalid(&path, reason))?;
        Ok(Self { link, path, before, settings })
    }

    fn change(self) -> Option<Change> {
        let after = self.settings.text().to_owned();
        let is_same = after == self.before.as_deref().unwrap_or(EMPTY);
        (!is_same).then_some(Change { path: self.path, before: self.before, after })
    }

    fn warnings(&self, agent: Agent, options: &InstallOptions) -> Vec<String> {
        let (scope, locations) = (&options.scope, &options.locations);
        let mut warnings =
            policy::warnings(agent, scope, locations, &self.settings, options.telemetry);
        if self.link != self.path {
            let (link, path) = (self.link.display(), self.path.display());
            warnings.push(format!("{link} is a link to {path}, which is the file that changes"));
        }
        if let Scope::Project(_) = scope {
            warnings.push(format!(
                "others who use this project get the hooks, too, and may not have {}",
                options.program.display()
            ));
        }
        for (event, command) in entries::commands(&self.settings) {
            // Such as a pipeline, which netsky must not edit.
            if command.contains("netsky") && HookCommand::parse(&command).is_none() {
                warnings.push(format!(
                    "another hook of {event} runs netsky, too, and stays: {command}"
                ));
            }
        }
        warnings
    }
}

/// The change of Codex' `config.toml`; `None` if there is nothing to change.
fn codex_config(
    locations: &Locations,
    edit: impl FnOnce(&Path, &str) -> Result<String, HookError>,
) -> Result<Option<Change>, HookError> {
    let path = settings_file::target(&locations.codex_config());
    let before = settings_file::read(&path)?;
    let text = before.as_deref().unwrap_or_default();
    let after = edit(&path, text)?;
    Ok((after != text).then_some(Change { path, before, after }))
}
