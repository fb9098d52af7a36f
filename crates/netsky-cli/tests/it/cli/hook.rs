//! `netsky hook`: the settings of agents, and what they run at an event.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

#[cfg(unix)]
use crate::terminal::Terminal;

use super::{Home, ran};

const SETTINGS: &str = ".claude/settings.json";
const BEFORE: &str = "{\n\t\"model\": \"opus\",\n\t\"env\": {\"A\": \"1\"}\n}\n";

fn home() -> Home {
    let home = Home::new();
    fs::create_dir(home.path(".claude")).unwrap();
    home.file(SETTINGS, BEFORE);
    home
}

fn text(home: &Home, name: &str) -> String {
    fs::read_to_string(home.path(name)).unwrap()
}

#[test]
fn installing_and_uninstalling_restores_the_settings() {
    let home = home();
    let printed = home.ok(&["hook", "install", "claude-code", "--yes"]);
    assert!(printed.contains("+\t\"hooks\": {") && printed.contains("\nChanged "), "{printed}");
    let settings: Value = serde_json::from_str(&text(&home, SETTINGS)).unwrap();
    let command = settings["hooks"]["Stop"][0]["hooks"][0]["command"].as_str().unwrap();
    assert_eq!(command, format!("\"{}\" hook claude-code", env!("CARGO_BIN_EXE_netsky")));
    let again = home.ok(&["hook", "install", "claude-code", "--yes"]);
    assert_eq!(again, "The hooks of Claude Code are already installed.\n");
    assert!(home.ok(&["hook", "status"]).starts_with("claude-code  installed ("));

    home.ok(&["hook", "uninstall", "claude-code", "--yes"]);
    assert_eq!(text(&home, SETTINGS), BEFORE);
    let again = home.ok(&["hook", "uninstall", "claude-code", "--yes"]);
    assert_eq!(again, "There are no hooks of netsky in Claude Code.\n");
    assert!(home.ok(&["hook", "status"]).starts_with("claude-code  not installed;"));
}

#[test]
fn without_a_terminal_only_yes_changes_settings() {
    let home = home();
    for args in [&["hook", "install", "claude-code"][..], &["hook", "install", "codex"]] {
        assert!(home.fails(2, args).contains("only with --yes"));
        let ran = home.run(&[args, &["--json"]].concat());
        let failure: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((ran.code, &failure["error"]["kind"]), (2, &json!("usage")));
    }
    let printed = home.ok(&["hook", "install", "claude-code", "--telemetry", "--dry-run"]);
    assert!(printed.contains("OTEL_EXPORTER_OTLP_ENDPOINT") && !printed.contains("Changed"));
    assert_eq!(text(&home, SETTINGS), BEFORE);
    assert!(!home.path(".codex").exists());
}

#[cfg(unix)]
#[test]
fn a_terminal_shows_the_change_and_asks() {
    let home = home();
    for (answer, code) in
        [("n", 1), ("", 1), (Terminal::CTRL_D, 1), (Terminal::CTRL_C, 130), ("y", 0)]
    {
        assert_eq!(text(&home, SETTINGS), BEFORE);
        let mut terminal = home.terminal((100, 90), &["hook", "install", "claude-code"]);
        let screen = terminal.until_shown("Make this change? [y/N]");
        assert!(screen.contains("\"hooks\": {"), "{screen}");
        terminal.press(answer);
        if !matches!(answer, Terminal::CTRL_C | Terminal::CTRL_D) {
            terminal.press(Terminal::ENTER);
        }
        assert_eq!(terminal.end(), code, "{answer:?}: {}", terminal.screen());
    }
    assert!(text(&home, SETTINGS).contains("hook claude-code"));
}

#[test]
fn directories_of_agents_come_from_the_environment() {
    let home = home();
    let mut command = home.command(&["hook", "install", "claude-code", "--yes"]);
    command.env("CLAUDE_CONFIG_DIR", home.path("elsewhere"));
    assert!(command.output().unwrap().status.success());
    assert!(home.path("elsewhere/settings.json").is_file());
    let mut command = home.command(&["hook", "install", "codex", "--yes", "--telemetry"]);
    command.env("CODEX_HOME", home.path("codex"));
    assert!(command.output().unwrap().status.success());
    assert!(home.path("codex/hooks.json").is_file() && home.path("codex/config.toml").is_file());
    assert_eq!(text(&home, SETTINGS), BEFORE);
}

#[test]
fn a_given_store_is_the_store_of_the_hooks() {
    let home = home();
    let mut command =
        home.command(&["--db", "fleet.db", "hook", "install", "claude-code", "--yes"]);
    assert!(command.current_dir(home.path("")).output().unwrap().status.success());
    let store = fs::canonicalize(home.path("")).unwrap().join("fleet.db");
    let expected = format!(" --db \\\"{}\\\" hook claude-code", store.display());
    assert!(text(&home, SETTINGS).contains(&expected), "{}", text(&home, SETTINGS));
}

#[cfg(unix)]
#[test]
fn a_link_in_path_is_named_instead_of_its_target() {
    let home = home();
    fs::create_dir(home.path("bin")).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_netsky"), home.path("bin/netsky")).unwrap();
    let mut command = home.command(&["hook", "install", "claude-code", "--yes"]);
    command.env("PATH", home.path("bin"));
    assert!(command.output().unwrap().status.success());
    let link = home.path("bin/netsky").display().to_string();
    assert!(text(&home, SETTINGS).contains(&link), "{}", text(&home, SETTINGS));
}

#[test]
fn settings_with_comments_are_refused_untouched() {
    let home = home();
    let text_with_comment = "{\n  // mine\n  \"model\": \"opus\"\n}\n";
    home.file(SETTINGS, text_with_comment);
    let error = home.fails(1, &["hook", "install", "claude-code", "--yes"]);
    assert!(error.contains("JSON has no comments\n  nothing was changed"), "{error}");
    assert_eq!(text(&home, SETTINGS), text_with_comment);
    // The settings of one agent do not hide those of the other.
    let ran = home.run(&["hook", "status"]);
    assert_eq!((ran.code, ran.out.starts_with("codex ")), (1, true), "{}", ran.out);
}

/// Runs a hook, which must print nothing and succeed, and returns the lines of its log.
fn event(home: &Home, args: &[&str], input: &[u8]) -> Vec<String> {
    let mut command = home.command(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(input);
    let ran = ran(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", ""), "{args:?}");
    let log = fs::read_to_string(home.path(".netsky/hook.log")).unwrap_or_default();
    log.lines().map(str::to_owned).collect()
}

#[test]
fn a_hook_prints_nothing_whatever_it_is_told() {
    let home = Home::new();
    let unknown = br#"{"hook_event_name": "Dreamt", "session_id": 7}"#;
    for args in [&["hook", "claude-code"][..], &["hook", "codex", "--not-yet", "x"]] {
        assert_eq!(event(&home, args, unknown), Vec::<String>::new());
    }
    let broken = ["", "{", "[1]", "{}", "\u{0}", "{\"hook_event_name\": 7}"];
    for (number, input) in broken.iter().enumerate() {
        let log = event(&home, &["hook", "claude-code"], input.as_bytes());
        assert_eq!(log.len(), number + 1, "{input}");
        assert!(log[number].contains("Z claude-code: the event "), "{log:?}");
    }
    let too_large = vec![b' '; (16 << 20) + 1];
    let log = event(&home, &["hook", "codex"], &too_large);
    assert!(log[6].ends_with("codex: the event has more than 16 MiB"), "{log:?}");
    let status = home.ok(&["hook", "status"]);
    assert!(status.contains("The last failures of hooks, from ") && status.contains("16 MiB"));
}

#[test]
fn a_hook_gives_up_when_the_event_never_comes() {
    let home = Home::new();
    let mut command = home.command(&["hook", "claude-code"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Kept open, as by an agent that hangs.
    let input = child.stdin.take();
    let ran = ran(child.wait_with_output().unwrap());
    drop(input);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", ""));
    assert!(text(&home, ".netsky/hook.log").contains("gave up after 2 s"));
}

#[cfg(unix)]
#[test]
fn a_hook_whose_log_cannot_be_written_is_silent() {
    let home = Home::new();
    fs::create_dir_all(home.path(".netsky/hook.log")).unwrap();
    let mut command = home.command(&["hook", "claude-code"]);
    let out = command.stdin(Stdio::null()).output().unwrap();
    let ran = ran(out);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", ""));
}

#[cfg(unix)]
#[test]
fn a_person_who_runs_a_hook_is_told_what_to_run() {
    let home = Home::new();
    let mut terminal = home.terminal((100, 10), &["hook", "claude-code"]);
    assert_eq!(terminal.end(), 0);
    assert!(terminal.screen().contains("netsky hook install claude-code"), "{}", terminal.screen());
}
