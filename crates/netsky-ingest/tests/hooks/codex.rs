//! Hooks and telemetry of Codex.

use std::fs;

use netsky_ingest::hooks::{
    Agent, HookError, InstallOptions, Plan, Scope, plan_install, plan_uninstall,
};
use serde_json::{Value, json};

use crate::{Home, applied};

const CONFIG: &str = "# mine\r\nmodel = \"gpt-6\" # good\r\n\r\n[tui]\r\ntheme = \"dark\"\r\n";

fn install(home: &Home, telemetry: bool) -> Result<Plan, HookError> {
    applied(plan_install(Agent::Codex, &InstallOptions { telemetry, ..home.options() })?)
}

fn uninstall(home: &Home) -> Result<Plan, HookError> {
    applied(plan_uninstall(Agent::Codex, &Scope::User, &home.locations())?)
}

#[test]
fn codex_gets_hooks_that_it_runs_and_a_request_to_trust_them() {
    let home = Home::new();
    let plan = install(&home, false).unwrap();
    assert!(plan.next_steps[0].contains("trust the hooks"), "{:?}", plan.next_steps);
    let text = fs::read_to_string(home.path(".codex/hooks.json")).unwrap();
    let hooks: Value = serde_json::from_str(&text).unwrap();
    // Codex skips hooks with `async`.
    let entry = json!({
        "type": "command", "command": "\"/usr/local/bin/netsky\" hook codex", "timeout": 10,
    });
    let group = json!([{"hooks": [entry]}]);
    assert_eq!(
        hooks,
        json!({"hooks": {"SessionStart": group, "Stop": group, "SessionEnd": group}})
    );
    assert!(install(&home, false).unwrap().changes.is_empty());
    assert!(!home.path(".codex/config.toml").exists());
}

#[test]
fn telemetry_of_codex_keeps_the_rest_of_its_config() {
    let home = Home::new();
    let config = home.path(".codex/config.toml");
    fs::write(&config, CONFIG).unwrap();
    install(&home, true).unwrap();
    let added = "\r\n[otel]\r\nexporter = { otlp-http = { endpoint = \"http://127.0.0.1:4318/v1/logs\", \
                 protocol = \"binary\" } }\r\n";
    assert_eq!(fs::read_to_string(&config).unwrap(), format!("{CONFIG}{added}"));
    assert!(install(&home, true).unwrap().changes.is_empty());
    let plan = uninstall(&home).unwrap();
    assert_eq!((plan.changes.len(), plan.warnings.len()), (2, 1));
    assert_eq!(fs::read_to_string(&config).unwrap(), CONFIG);
    assert_eq!(fs::read_to_string(home.path(".codex/hooks.json")).unwrap(), "{}\n");
}

#[test]
fn an_exporter_of_another_collector_stops_the_installation() {
    let home = Home::new();
    let config = home.path(".codex/config.toml");
    let text = "[otel]\nexporter = { otlp-grpc = { endpoint = \"http://collector:4317\" } }\n";
    fs::write(&config, text).unwrap();
    assert!(matches!(install(&home, true), Err(HookError::Conflict { .. })));
    assert!(!home.path(".codex/hooks.json").exists());
    install(&home, false).unwrap();
    uninstall(&home).unwrap();
    assert_eq!(fs::read_to_string(&config).unwrap(), text);
}

#[test]
fn hooks_that_are_switched_off_are_mentioned() {
    let home = Home::new();
    fs::write(home.path(".codex/config.toml"), "[features]\nhooks = false\n").unwrap();
    let plan = install(&home, false).unwrap();
    assert!(plan.warnings[0].contains("switches hooks off"), "{:?}", plan.warnings);
}

#[test]
fn codex_has_no_hooks_for_one_project() {
    let home = Home::new();
    let options = InstallOptions { scope: Scope::Project(home.path("shop")), ..home.options() };
    assert!(matches!(plan_install(Agent::Codex, &options), Err(HookError::NoProjectScope)));
}
