//! The MCP server of netsky in the settings of agents.

use std::fs;

use netsky_ingest::hooks::{
    Agent, HookError, InstallOptions, Installed, McpRegistration, Plan, Scope, plan_install,
    plan_uninstall, status,
};
use serde_json::{Value, json};

use crate::{Home, applied, names};

fn install(home: &Home, agent: Agent) -> Result<Plan, HookError> {
    applied(plan_install(agent, &InstallOptions { mcp: true, ..home.options() })?)
}

fn registration(home: &Home, agent: Agent) -> McpRegistration {
    status(agent, &Scope::User, &home.locations()).unwrap().mcp
}

#[test]
fn claude_code_gets_a_server_and_keeps_its_other_state() {
    let texts = [
        "{\n  \"numStartups\": 7,\n  \"mcpServers\": {\n    \"other\": {\"command\": \"x\"}\n  },\n  \"projects\": {}\n}",
        "{\"numStartups\":7,\"projects\":{\"/a\":{\"mcpServers\":{}}}}",
        "{\r\n\t\"oauthAccount\": {\"é\": 1.50}\r\n}\r\n",
        "{}\n",
    ];
    for text in texts {
        let home = Home::new();
        let file = home.path(".claude.json");
        fs::write(&file, text).unwrap();
        let plan = install(&home, Agent::ClaudeCode).unwrap();
        assert_eq!(plan.changes[0].path, file);
        assert!(plan.next_steps.iter().any(|step| step.contains("can ask netsky")));
        let value: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let expected =
            json!({"type": "stdio", "command": "/usr/local/bin/netsky", "args": ["mcp"]});
        assert_eq!(value["mcpServers"]["netsky"], expected);
        assert_eq!(registration(&home, Agent::ClaudeCode), McpRegistration::On);
        assert!(install(&home, Agent::ClaudeCode).unwrap().changes.is_empty());
        // Without --mcp, the server stays.
        assert!(home.install().unwrap().changes.is_empty());
        home.uninstall().unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
        assert_eq!(registration(&home, Agent::ClaudeCode), McpRegistration::Off);
    }
}

#[test]
fn an_older_server_is_updated_and_keeps_its_choices() {
    let home = Home::new();
    let file = home.path(".claude.json");
    let entry = json!({"mcpServers": {"netsky": {
        "command": "/old/netsky-0.2", "args": ["mcp", "--allow-record"], "env": {"A": "b"},
    }}});
    fs::write(&file, entry.to_string()).unwrap();
    let options =
        InstallOptions { mcp: true, store: Some("/var/fleet.db".into()), ..home.options() };
    home.install_with(&options).unwrap();
    let value: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let expected = json!({
        "command": "/usr/local/bin/netsky", "env": {"A": "b"},
        "args": ["mcp", "--db", "/var/fleet.db", "--allow-record"],
    });
    assert_eq!(value["mcpServers"]["netsky"], expected);
}

#[test]
fn a_server_of_another_program_is_never_replaced() {
    for text in [
        r#"{"mcpServers": {"netsky": {"command": "docker", "args": ["run", "mcp"]}}}"#,
        r#"{"mcpServers": {"netsky": {"type": "http", "url": "http://x"}}}"#,
        r#"{"mcpServers": {"netsky": 7}}"#,
    ] {
        let home = Home::new();
        fs::write(home.path(".claude.json"), text).unwrap();
        let error = install(&home, Agent::ClaudeCode).unwrap_err();
        assert!(matches!(error, HookError::Conflict { .. }), "{error}");
        assert_eq!(registration(&home, Agent::ClaudeCode), McpRegistration::Other);
        home.uninstall().unwrap();
        assert_eq!(fs::read_to_string(home.path(".claude.json")).unwrap(), text);
        assert_eq!(names(&home.path(".claude")), Vec::<String>::new());
    }
    let home = Home::new();
    fs::write(home.path(".claude.json"), r#"{"mcpServers": []}"#).unwrap();
    let error = install(&home, Agent::ClaudeCode).unwrap_err();
    assert!(error.to_string().contains("mcpServers is not an object"), "{error}");
}

#[test]
fn a_project_has_a_server_of_its_own() {
    let home = Home::new();
    let project = home.path("shop");
    fs::create_dir(&project).unwrap();
    let scope = Scope::Project(project.clone());
    let options = InstallOptions { scope: scope.clone(), mcp: true, ..home.options() };
    home.install_with(&options).unwrap();
    let text = fs::read_to_string(project.join(".mcp.json")).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["mcpServers"]["netsky"]["args"], json!(["mcp"]));
    assert!(!home.path(".claude.json").exists());
    applied(plan_uninstall(Agent::ClaudeCode, &scope, &home.locations()).unwrap()).unwrap();
    assert_eq!(fs::read_to_string(project.join(".mcp.json")).unwrap(), "{}\n");
}

#[test]
fn codex_gets_a_server_beside_its_telemetry() {
    let home = Home::new();
    let config = home.path(".codex/config.toml");
    let text = "model = \"gpt-6\"\n";
    fs::write(&config, text).unwrap();
    let options = InstallOptions { mcp: true, telemetry: true, ..home.options() };
    applied(plan_install(Agent::Codex, &options).unwrap()).unwrap();
    let added = fs::read_to_string(&config).unwrap();
    assert!(added.contains("[otel]\nexporter"), "{added}");
    let server = "\n[mcp_servers.netsky]\ncommand = \"/usr/local/bin/netsky\"\nargs = [\"mcp\"]\n";
    assert!(added.ends_with(server), "{added}");
    assert_eq!(registration(&home, Agent::Codex), McpRegistration::On);
    assert!(plan_install(Agent::Codex, &options).unwrap().changes.is_empty());
    applied(plan_uninstall(Agent::Codex, &Scope::User, &home.locations()).unwrap()).unwrap();
    assert_eq!(fs::read_to_string(&config).unwrap(), text);
    assert_eq!(registration(&home, Agent::Codex), McpRegistration::Off);
}

#[test]
fn a_server_whose_program_is_gone_is_named() {
    let home = Home::new();
    for agent in Agent::ALL {
        install(&home, agent).unwrap();
        let warnings = status(agent, &Scope::User, &home.locations()).unwrap().warnings.join("\n");
        assert!(warnings.contains("the MCP server is /usr/local/bin/netsky, which"), "{warnings}");
    }
}

#[test]
fn a_file_of_servers_that_cannot_be_read_does_not_keep_the_hooks() {
    let home = Home::new();
    home.install().unwrap();
    fs::write(home.path(".claude.json"), "{").unwrap();
    let found = status(Agent::ClaudeCode, &Scope::User, &home.locations()).unwrap();
    assert_eq!((found.installed, found.mcp), (Installed::Yes, McpRegistration::Off));
    let warnings = found.warnings.join("\n");
    assert!(warnings.contains(".claude.json is not valid"), "{warnings}");
    assert!(matches!(install(&home, Agent::ClaudeCode), Err(HookError::InvalidSettings { .. })));
    let plan = home.uninstall().unwrap();
    assert!(plan.warnings[0].contains("would not be removed"), "{:?}", plan.warnings);
    assert_eq!(home.settings(), "{}\n");
    assert_eq!(fs::read_to_string(home.path(".claude.json")).unwrap(), "{");
}
