//! Settings of others that keep hooks or telemetry from working.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::agent::Agent;
use super::claude_telemetry::VARIABLES;
use super::codex_telemetry::CodexConfig;
use super::error::HookError;
use super::json_text::JsonText;
use super::locations::{Locations, Scope};
use super::settings_file;

/// Returns what keeps the hooks in a file from running.
pub(super) fn warnings(
    agent: Agent,
    scope: &Scope,
    locations: &Locations,
    settings: &JsonText,
    has_telemetry: bool,
) -> Vec<String> {
    match agent {
        Agent::ClaudeCode => of_claude(scope, locations, settings, has_telemetry),
        Agent::Codex => of_codex(locations),
    }
}

fn of_claude(
    scope: &Scope,
    locations: &Locations,
    settings: &JsonText,
    has_telemetry: bool,
) -> Vec<String> {
    let mut warnings = Vec::new();
    let disabled = |path: &Path| {
        format!("{} has disableAllHooks: no hook runs until that is removed", path.display())
    };
    if let Ok(path) = locations.hooks_file(Agent::ClaudeCode, scope)
        && settings.value(&["disableAllHooks"]) == Some(Value::Bool(true))
    {
        warnings.push(disabled(&path));
    }
    // The other files that apply to the same sessions.
    let mut others = Vec::new();
    if let Scope::Project(dir) = scope {
        others.extend(locations.hooks_file(Agent::ClaudeCode, &Scope::User));
        others.push(dir.join(".claude/settings.local.json"));
    }
    let is_true =
        |settings: &Map<String, Value>, key| settings.get(key) == Some(&Value::Bool(true));
    for path in others {
        if object(&path).is_some_and(|settings| is_true(&settings, "disableAllHooks")) {
            warnings.push(disabled(&path));
        }
    }
    for path in managed_files(locations.managed()) {
        let Some(managed) = object(&path) else {
            let path = path.display();
            warnings
                .push(format!("managed settings in {path} cannot be read; they may forbid hooks"));
            continue;
        };
        if is_true(&managed, "disableAllHooks") {
            warnings.push(disabled(&path));
        }
        if is_true(&managed, "allowManagedHooksOnly") {
            warnings.push(format!(
                "managed settings in {} allow no hooks of users; `netsky ingest` still reads the transcripts",
                path.display()
            ));
        }
        let differs = |(key, wanted): &(&str, &str)| {
            let found = managed.get("env").and_then(|env| env.get(key));
            found.is_some_and(|found| found.as_str() != Some(wanted))
        };
        if let Some((key, _)) = VARIABLES.iter().find(|variable| differs(variable))
            && has_telemetry
        {
            warnings.push(format!(
                "managed settings in {} set {key}, so telemetry does not reach netsky",
                path.display()
            ));
        }
    }
    warnings
}

fn of_codex(locations: &Locations) -> Vec<String> {
    let path = settings_file::target(&locations.codex_config());
    let Ok(Some(text)) = settings_file::read(&path) else { return Vec::new() };
    let config: Result<CodexConfig<'_>, HookError> = CodexConfig::parse(&path, &text);
    match config {
        Ok(config) if config.disables_hooks() => {
            vec![format!("{} switches hooks off: [features] hooks = false", path.display())]
        }
        _ => Vec::new(),
    }
}

/// The settings that an administrator made for all users.
fn managed_files(dir: &Path) -> Vec<PathBuf> {
    let fragments = fs::read_dir(dir.join("managed-settings.d"));
    let mut files: Vec<PathBuf> =
        fragments.into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|suffix| suffix == "json"));
    files.sort();
    let file = dir.join("managed-settings.json");
    if file.exists() {
        files.insert(0, file);
    }
    files
}

fn object(path: &Path) -> Option<Map<String, Value>> {
    let text = settings_file::read(path).ok()??;
    serde_json::from_str(&text).ok()
}
