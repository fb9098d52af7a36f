//! Installing hooks of Claude Code and removing them.

use std::fs;
use std::path::Path;

use netsky_ingest::hooks::{HookError, InstallOptions, Scope};
use serde_json::{Value, json};

use crate::{Home, PROGRAM};

const EVENTS: [&str; 4] = ["SessionStart", "Stop", "SubagentStop", "SessionEnd"];

/// The commands of an event.
fn commands(settings: &Value, event: &str) -> Vec<String> {
    let groups = settings["hooks"][event].as_array().into_iter().flatten();
    let entries = groups.flat_map(|group| group["hooks"].as_array().unwrap());
    entries.map(|entry| entry["command"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn four_events_are_installed_and_only_the_end_waits() {
    let home = Home::new();
    home.install().unwrap();
    let settings = home.value();
    assert_eq!(settings["hooks"].as_object().unwrap().len(), 4);
    for event in EVENTS {
        let mut entry = json!({
            "type": "command", "command": format!("\"{PROGRAM}\" hook claude-code"), "timeout": 10,
        });
        if event != "SessionEnd" {
            entry["async"] = json!(true);
        }
        assert_eq!(settings["hooks"][event], json!([{"hooks": [entry]}]), "{event}");
    }
}

#[test]
fn a_new_file_is_laid_out_as_claude_code_does() {
    let home = Home::new();
    home.install().unwrap();
    let start = "{\n  \"hooks\": {\n    \"SessionStart\": [\n      {\n        \"hooks\": [\n          {\n            \
                 \"type\": \"command\",\n            \"command\": \"\\\"/usr/local/bin/netsky\\\" hook claude-code\",\n";
    assert!(home.settings().starts_with(start), "{}", home.settings());
    assert!(home.settings().ends_with("\n  }\n}\n"));
    home.uninstall().unwrap();
    assert_eq!(home.settings(), "{}\n");
}

#[test]
fn installing_again_changes_nothing() {
    let home = Home::with_settings("{\"model\": \"opus\"}");
    home.install().unwrap();
    let plan = home.install().unwrap();
    assert!(plan.changes.is_empty() && plan.next_steps.is_empty(), "{plan:?}");
}

#[test]
fn uninstalling_without_hooks_changes_nothing() {
    for text in ["{}", "{\"hooks\": {\"Stop\": []}}", "{ \"hooks\" : { } }"] {
        let home = Home::with_settings(text);
        assert!(home.uninstall().unwrap().changes.is_empty());
    }
    assert!(Home::new().uninstall().unwrap().changes.is_empty());
}

#[test]
fn a_moved_program_is_updated_in_place() {
    let home = Home::with_settings("{}");
    home.install().unwrap();
    let before = home.settings();
    let options = InstallOptions { program: "/opt/new place/netsky".into(), ..home.options() };
    home.install_with(&options).unwrap();
    assert_eq!(home.settings(), before.replace(PROGRAM, "/opt/new place/netsky"));
}

#[test]
fn a_named_store_is_part_of_the_command() {
    let home = Home::with_settings("{}");
    home.install().unwrap();
    let options = InstallOptions { store: Some("/data/fleet.db".into()), ..home.options() };
    home.install_with(&options).unwrap();
    let command = format!("\"{PROGRAM}\" --db \"/data/fleet.db\" hook claude-code");
    for event in EVENTS {
        assert_eq!(commands(&home.value(), event), [command.as_str()]);
    }
}

#[test]
fn entries_of_an_older_netsky_are_replaced_not_doubled() {
    let old = "/old/netsky hook claude-code";
    let mine = json!({"type": "command", "command": old});
    let theirs = json!({"type": "command", "command": "notify-send done"});
    let home = Home::with_settings(
        &json!({"hooks": {
            // An event that is no longer installed.
            "PostToolUse": [{"matcher": "Bash", "hooks": [mine.clone(), theirs.clone()]}],
            "PreToolUse": [{"matcher": "", "hooks": [mine.clone()]}],
            "SessionStart": [{"matcher": "startup", "hooks": [mine.clone()]}],
            "Stop": [{"hooks": [theirs.clone(), mine.clone()]}, {"hooks": [mine.clone(), mine]}],
        }})
        .to_string(),
    );
    home.install().unwrap();
    let settings = home.value();
    for event in EVENTS {
        let all = commands(&settings, event);
        let ours: Vec<_> = all.iter().filter(|command| command.contains("netsky")).collect();
        assert_eq!(ours, [&format!("\"{PROGRAM}\" hook claude-code")], "{event}");
    }
    let hooks = &settings["hooks"];
    assert_eq!(hooks["PostToolUse"], json!([{"matcher": "Bash", "hooks": [theirs]}]));
    assert!(hooks.get("PreToolUse").is_none());
    // In a group with a matcher, it would run at some starts only.
    assert!(hooks["SessionStart"][0].get("matcher").is_none());
    assert_eq!(hooks["Stop"].as_array().unwrap().len(), 1);
}

#[test]
fn a_hook_that_does_more_than_netsky_stays_with_a_warning() {
    let text = json!({"hooks": {"Stop": [{"hooks": [
        {"type": "command", "command": "netsky hook claude-code; notify-send done"},
        {"type": "command", "command": "jq -c . | netsky record mcp_tool_calls -"},
    ]}]}});
    let home = Home::with_settings(&text.to_string());
    let plan = home.install().unwrap();
    assert_eq!(plan.warnings.len(), 2, "{:?}", plan.warnings);
    assert_eq!(commands(&home.value(), "Stop").len(), 3);
    home.uninstall().unwrap();
    assert_eq!(home.value(), text);
}

#[test]
fn what_is_no_json_object_is_refused_and_untouched() {
    for (text, reason) in [
        ("{\n  // mine\n  \"model\": \"opus\"\n}", "no comments"),
        ("{\"model\": \"opus\",}", "trailing comma"),
        ("", "write {} into it"),
        ("\u{feff}{}", "byte order mark"),
        ("[]", "the file is not an object"),
        ("{\"hooks\": []}", "hooks is not an object"),
        ("{\"hooks\": {\"Stop\": {}}}", "hooks.Stop is not an array"),
        ("{\"hooks\": {}, \"hooks\": {}}", "\"hooks\" twice"),
        ("{\"hooks\": {\"Stop\": [], \"Stop\": []}}", "\"Stop\" twice"),
        ("{\"a\": \"\\ud800\"}", "hex escape"),
    ] {
        let home = Home::with_settings(text);
        let error = home.install().unwrap_err();
        assert!(error.to_string().contains(reason), "{text}: {error}");
        assert!(error.hint().unwrap().starts_with("nothing was changed"));
        assert_eq!(home.settings(), text);
        assert_eq!(crate::names(&home.path(".claude")), ["settings.json"]);
    }
    let home = Home::new();
    let path = home.path(".claude/settings.json");
    fs::write(&path, b"{\"a\": \"\xff\"}").unwrap();
    assert!(home.install().unwrap_err().to_string().contains("not UTF-8 at byte 7"));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(home.install().unwrap_err().to_string().contains("not a file"));
}

#[test]
fn hooks_of_odd_shapes_do_not_disturb() {
    let text = json!({"hooks": {
        "Stop": [null, 7, {"hooks": null}, {"hooks": [null, {"command": 7}, []]}, {"matcher": 3}],
        "Notification": {"hooks": 1},
    }});
    let home = Home::with_settings(&text.to_string());
    home.install().unwrap();
    assert_eq!(home.value()["hooks"]["Stop"].as_array().unwrap().len(), 6);
    home.uninstall().unwrap();
    assert_eq!(home.value(), text);
}

#[test]
fn telemetry_adds_variables_beside_those_of_the_user() {
    let before = "{\n    \"env\": {\n        \"HTTP_PROXY\": \"http://x\"\n    }\n}\n";
    for text in [before, "{\n    \"model\": \"opus\"\n}\n", "{}", "{\"a\":1}"] {
        let home = Home::with_settings(text);
        let options = InstallOptions { telemetry: true, ..home.options() };
        let plan = home.install_with(&options).unwrap();
        assert!(plan.next_steps.iter().any(|step| step.contains("netsky serve")));
        let env = &home.value()["env"];
        assert_eq!(env["OTEL_EXPORTER_OTLP_ENDPOINT"], "http://127.0.0.1:4318");
        assert_eq!(env["OTEL_LOG_TOOL_DETAILS"], "1");
        assert_eq!(env.as_object().unwrap().len(), 6 + usize::from(text == before));
        assert!(home.install_with(&options).unwrap().changes.is_empty());
        // Without --telemetry, the variables stay.
        assert!(home.install().unwrap().changes.is_empty());
        assert_eq!(home.uninstall().unwrap().warnings.len(), 1);
        assert_eq!(home.settings(), text);
    }
}

#[test]
fn a_variable_with_another_value_is_never_overwritten() {
    let text = "{\"env\": {\"OTEL_EXPORTER_OTLP_ENDPOINT\": \"http://collector:4318\"}}";
    let home = Home::with_settings(text);
    let options = InstallOptions { telemetry: true, ..home.options() };
    let error = home.install_with(&options).unwrap_err();
    assert!(matches!(error, HookError::Conflict { .. }));
    assert!(error.to_string().contains(
        "env.OTEL_EXPORTER_OTLP_ENDPOINT = \"http://collector:4318\", and netsky needs \"http://127.0.0.1:4318\""
    ));
    assert_eq!(home.settings(), text);
    home.write("{\"env\": 7}");
    assert!(home.install_with(&options).unwrap_err().to_string().contains("env is not an object"));
}

#[test]
fn variables_that_the_user_changed_stay() {
    let home = Home::with_settings("{}");
    home.install_with(&InstallOptions { telemetry: true, ..home.options() }).unwrap();
    let details = "\"OTEL_LOG_TOOL_DETAILS\": \"1\"";
    home.write(&home.settings().replace(details, "\"OTEL_LOG_TOOL_DETAILS\": \"0\""));
    home.uninstall().unwrap();
    assert_eq!(home.value(), json!({"env": {"OTEL_LOG_TOOL_DETAILS": "0"}}));

    // With another endpoint, the others serve another collector.
    home.install().unwrap();
    let other = json!({"CLAUDE_CODE_ENABLE_TELEMETRY": "1", "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"});
    home.write(&json!({"env": other}).to_string());
    home.install().unwrap();
    home.uninstall().unwrap();
    assert_eq!(home.value(), json!({"env": other}));
}

#[test]
fn a_project_has_hooks_of_its_own() {
    let home = Home::new();
    let project = home.path("shop");
    fs::create_dir(&project).unwrap();
    let options = InstallOptions { scope: Scope::Project(project.clone()), ..home.options() };
    let plan = home.install_with(&options).unwrap();
    assert!(plan.warnings.iter().any(|warning| warning.contains("others who use this project")));
    assert!(project.join(".claude/settings.json").is_file());
    assert!(!home.path(".claude/settings.json").exists());
}

fn warning(home: &Home) -> String {
    let options = InstallOptions { telemetry: true, ..home.options() };
    home.install_with(&options).unwrap().warnings.join("\n")
}

#[test]
fn settings_that_switch_hooks_off_are_named() {
    let home = Home::with_settings("{\"disableAllHooks\": true}");
    assert!(warning(&home).contains("settings.json has disableAllHooks"));
    let managed = home.path("managed");
    fs::create_dir_all(managed.join("managed-settings.d")).unwrap();
    home.write("{}");
    for (file, text, expected) in [
        ("managed-settings.json", "{\"allowManagedHooksOnly\": true}", "allow no hooks of users"),
        (
            "managed-settings.d/10.json",
            "{\"disableAllHooks\": true}",
            "10.json has disableAllHooks",
        ),
        (
            "managed-settings.json",
            "{\"env\": {\"OTEL_LOGS_EXPORTER\": \"none\"}}",
            "set OTEL_LOGS_EXPORTER, so telemetry does not reach netsky",
        ),
        ("managed-settings.json", "{", "cannot be read"),
    ] {
        fs::write(managed.join(file), text).unwrap();
        assert!(warning(&home).contains(expected), "{expected}: {}", warning(&home));
        fs::remove_file(managed.join(file)).unwrap();
    }
    assert_eq!(warning(&home), "");
}

#[test]
fn an_agent_that_never_ran_is_mentioned() {
    let home = Home::new();
    fs::remove_dir(home.path(".claude")).unwrap();
    let plan = home.install().unwrap();
    assert!(plan.warnings[0].contains("has not run for this user"), "{:?}", plan.warnings);
    assert!(Path::new(&home.path(".claude/settings.json")).is_file());
}
