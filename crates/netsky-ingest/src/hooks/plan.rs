//! Planning the installation and removal of hooks.

use std::path::{Path, PathBuf};

use super::agent::Agent;
use super::change::Change;
use super::codex_telemetry::CodexConfig;
use super::entries;
use super::error::HookError;
use super::hook_command::HookCommand;
use super::json_text::JsonText;
use super::locations::{Locations, Scope};
use super::telemetry::{ENDPOINT, Telemetry};
use super::{claude_telemetry, policy, settings_file};

/// A new settings file.
const EMPTY: &str = "{}\n";

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
    if options.telemetry {
        match agent {
            Agent::ClaudeCode => claude_telemetry::add(&mut file.settings, &file.path)?,
            Agent::Codex => {
                plan.changes.extend(codex_exporter(&options.locations, Exporter::Added)?)
            }
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
    plan.next_steps = next_steps(agent, options.telemetry, has_hooks && plan.changes.is_empty());
    Ok(plan)
}

/// Plans to remove what netsky installed: its hooks, with the groups, events and objects that become empty,
/// and the settings for OpenTelemetry that still have netsky's values. Nothing is written.
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
        }
        Agent::Codex => {
            let config = codex_exporter(locations, Exporter::Removed)?;
            if config.is_some() {
                plan.warnings.push(telemetry_goes());
            }
            plan.changes.extend(config);
        }
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

fn next_steps(agent: Agent, telemetry: bool, is_done: bool) -> Vec<String> {
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
    if telemetry {
        steps.push("netsky serve --otlp receives the telemetry; keep it running.".to_owned());
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

/// Parses settings; those of a file that does not exist are empty.
pub(super) fn parse(path: &Path, text: Option<&str>) -> Result<JsonText, HookError> {
    JsonText::parse(text.unwrap_or(EMPTY)).map_err(|reason| {
        let text = text.unwrap_or_default();
        let hint = if text.trim().is_empty() {
            "; it is empty: write {} into it, or remove it"
        } else if text.starts_with('\u{feff}') {
            "; it begins with a byte order mark, which JSON does not have"
        } else if text.contains("//") || text.contains("/*") {
            "; JSON has no comments"
        } else {
            ""
        };
        HookError::invalid(path, format!("{reason}{hint}"))
    })
}

enum Exporter {
    Added,
    Removed,
}

/// The change of Codex' `config.toml`; `None` if there is nothing to change.
fn codex_exporter(locations: &Locations, exporter: Exporter) -> Result<Option<Change>, HookError> {
    let path = settings_file::target(&locations.codex_config());
    let before = settings_file::read(&path)?;
    let text = before.as_deref().unwrap_or_default();
    let config = CodexConfig::parse(&path, text)?;
    let after = match exporter {
        Exporter::Added => config.with_exporter()?,
        Exporter::Removed => config.without_exporter(),
    };
    Ok((after != text).then_some(Change { path, before, after }))
}
