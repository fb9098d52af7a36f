//! `netsky hook status`

use std::path::Path;

use netsky_ingest::hooks::{
    Agent, HookLog, Installed, Locations, McpRegistration, Scope, Status, Telemetry, status,
};
use serde_json::json;

use super::failed::failed;
use super::scope::{ScopeArgs, agent};
use crate::failure::Failure;
use crate::output::{self, ReportOutput, print_json, print_line};
use crate::store::StoreArgs;

/// How many failures are shown.
const FAILURES: usize = 5;

/// Show which agents have the hooks of netsky, and the last failures
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  netsky hook status
  netsky hook status claude-code --project")]
pub struct StatusArgs {
    /// The agent [default: all]
    #[arg(value_parser = agent())]
    agent: Option<Agent>,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    output: ReportOutput,
}

pub fn run(store: &StoreArgs, args: &StatusArgs) -> Result<(), Failure> {
    let locations = Locations::from_env().map_err(failed)?;
    let scope = args.scope.scope()?;
    // Without a name, those that have the scope.
    let has_scope = |agent: &Agent| locations.hooks_file(*agent, &scope).is_ok();
    let agents: Vec<Agent> = match args.agent {
        Some(agent) => vec![agent],
        None => Agent::ALL.into_iter().filter(has_scope).collect(),
    };
    let (mut found, mut failure) = (Vec::new(), None);
    for agent in agents {
        match status(agent, &scope, &locations) {
            Ok(status) => found.push(status),
            // Settings of one agent that cannot be read do not hide the other one.
            Err(error) => failure = failure.or(Some(failed(error))),
        }
    }
    let log = HookLog::beside(&store.path_or_default()?);
    let failures =
        log.last_lines(FAILURES).map_err(|error| Failure::unreadable(log.path(), &error))?;
    if args.output.json {
        let report = json!({
            "agents": found,
            "log": log.path().display().to_string(),
            "failures": failures,
        });
        return match failure {
            None => print_json(&report),
            Some(failure) => Err(failure.with_report(&report)),
        };
    }
    for status in &found {
        print_line(&line(status, &scope))?;
        status.warnings.iter().for_each(output::warn);
    }
    print_failures(&failures, log.path())?;
    failure.map_or(Ok(()), Err)
}

fn line(status: &Status, scope: &Scope) -> String {
    let (agent, path) = (status.agent.name(), status.path.display());
    let program = status.program.as_deref().map(|program| format!(", runs {}", program.display()));
    let telemetry = match status.telemetry {
        Telemetry::On => ", sends OpenTelemetry to netsky",
        Telemetry::Other => ", sends OpenTelemetry elsewhere",
        _ => "",
    };
    let mcp = match status.mcp {
        McpRegistration::On => ", asks netsky by MCP",
        _ => "",
    };
    let mut again = format!("netsky hook install {agent}");
    if matches!(scope, Scope::Project(_)) {
        again += " --project";
    }
    let installed = match status.installed {
        Installed::Yes => "installed".to_owned(),
        Installed::No => format!("not installed; {again}"),
        _ => format!("installed for {} only; {again}", status.events.join(", ")),
    };
    format!("{agent:<12} {installed} ({path}{}{telemetry}{mcp})", program.unwrap_or_default())
}

fn print_failures(failures: &[String], log: &Path) -> Result<(), Failure> {
    if failures.is_empty() {
        return Ok(());
    }
    print_line(&format!("\nThe last failures of hooks, from {}:", log.display()))?;
    failures.iter().try_for_each(|failure| print_line(failure))
}
