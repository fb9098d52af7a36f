//! Hooks of agents: their settings files, and what the agents tell a hook.

mod changes;
mod codex;
mod generated;
mod payloads;
mod servers;
mod settings;
mod statuses;

use std::fs;
use std::path::{Path, PathBuf};

use netsky_ingest::hooks::{
    Agent, HookError, InstallOptions, Locations, Plan, Scope, plan_install, plan_uninstall,
};
use serde_json::Value;
use tempfile::TempDir;

const PROGRAM: &str = "/usr/local/bin/netsky";

/// A home directory with the settings of agents in it.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs::create_dir(home.path(".claude")).unwrap();
        fs::create_dir(home.path(".codex")).unwrap();
        home
    }

    fn with_settings(text: &str) -> Self {
        let home = Self::new();
        home.write(text);
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn locations(&self) -> Locations {
        Locations::of_home(self.0.path()).managed_dir(self.path("managed"))
    }

    fn options(&self) -> InstallOptions {
        InstallOptions {
            locations: self.locations(),
            scope: Scope::User,
            program: PROGRAM.into(),
            store: None,
            telemetry: false,
            mcp: false,
        }
    }

    fn write(&self, text: &str) {
        fs::write(self.path(".claude/settings.json"), text).unwrap();
    }

    fn settings(&self) -> String {
        fs::read_to_string(self.path(".claude/settings.json")).unwrap()
    }

    fn value(&self) -> Value {
        serde_json::from_str(&self.settings()).unwrap()
    }

    fn install(&self) -> Result<Plan, HookError> {
        self.install_with(&self.options())
    }

    fn install_with(&self, options: &InstallOptions) -> Result<Plan, HookError> {
        applied(plan_install(Agent::ClaudeCode, options)?)
    }

    fn uninstall(&self) -> Result<Plan, HookError> {
        applied(plan_uninstall(Agent::ClaudeCode, &Scope::User, &self.locations())?)
    }
}

fn applied(plan: Plan) -> Result<Plan, HookError> {
    for change in &plan.changes {
        change.apply()?;
    }
    Ok(plan)
}

/// The names in a directory that do not begin with a dot, sorted.
fn names(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}
