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

const CAPTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/agents/fixtures");

/// The payloads of an event of a captured session, with its files in a directory of the home.
fn captured(home: &Home, file: &str, from: &str, to: &str) -> Option<Vec<(String, String)>> {
    let Ok(text) = fs::read_to_string(format!("{CAPTURES}/hooks/{file}")) else {
        eprintln!("skipped: there is no {CAPTURES}/hooks/{file}");
        return None;
    };
    let to = home.path(to).display().to_string();
    let payloads = text.lines().map(|line| {
        let payload: Value = serde_json::from_str(line).unwrap();
        let event = payload["hook_event_name"].as_str().unwrap().to_owned();
        (event, line.replace(from, &to))
    });
    Some(payloads.collect())
}

fn copy_dir(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy_dir(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[test]
fn the_hooks_of_a_session_record_what_an_ingest_does() {
    let (hooked, ingested) = (Home::new(), Home::new());
    let from = "/home/dev/.claude/projects";
    let Some(payloads) = captured(&hooked, "claude-2.1.330.ndjson", from, ".claude/projects")
    else {
        return;
    };
    let session = "dbc37749-33f1-470e-b110-7c051a3e1fef";
    let captures = format!("{CAPTURES}/claude-2.1.330/projects/-home-dev-shop");
    for home in [&hooked, &ingested] {
        let project = home.path(".claude/projects/-home-dev-shop");
        copy_dir(&std::path::Path::new(&captures).join(session), &project.join(session));
        let file = format!("{session}.jsonl");
        fs::copy(format!("{captures}/{file}"), project.join(&file)).unwrap();
    }
    for (event_name, payload) in &payloads {
        let log = event(&hooked, &["hook", "claude-code"], payload.as_bytes());
        assert_eq!(log, Vec::<String>::new(), "{event_name}");
    }
    ingested.run(&["ingest"]);
    let count = |home: &Home, table: &str| {
        home.ok(&["query", "--format", "csv", &format!("SELECT count(*) AS n FROM {table}")])
    };
    for table in
        ["token_usage", "mcp_tool_calls", "messages", "cli_invocations", "clone_dispatches"]
    {
        assert_ne!(count(&hooked, table), "n\n0\n", "{table}");
        assert_eq!(count(&hooked, table), count(&ingested, table), "{table}");
    }
    let sessions = "SELECT event FROM sessions ORDER BY id";
    let events = hooked.ok(&["query", "--format", "csv", sessions]);
    assert_eq!(events, "event\nup\ndown\n");
    // An ingest afterwards finds nothing new.
    let ran = hooked.run(&["ingest", "--json"]);
    let summary: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&summary["rows"], &summary["amended"]), (&json!({}), &json!(0)), "{summary}");
}

#[test]
fn what_a_hook_cannot_store_the_next_one_does() {
    let home = Home::new();
    let transcript = home.path("session.jsonl");
    let line = |number: u8| {
        json!({"type": "assistant", "sessionId": "s1", "uuid": format!("u{number}"), "cwd": "/home/dev/shop",
            "timestamp": "2026-11-23T22:00:00.000Z", "version": "2.1.330", "requestId": format!("r{number}"),
            "message": {"id": format!("m{number}"), "role": "assistant", "model": "claude-opus-5-5",
                "stop_reason": "end_turn", "content": [{"type": "text", "text": "done"}],
                "usage": {"input_tokens": 1, "output_tokens": 2}}})
        .to_string()
            + "\n"
    };
    fs::write(&transcript, line(1)).unwrap();
    let stop =
        json!({"hook_event_name": "Stop", "session_id": "s1", "transcript_path": transcript})
            .to_string();
    let args = ["hook", "claude-code"];
    // In place of the store, there is something else.
    fs::create_dir_all(home.path(".netsky/meta.db")).unwrap();
    assert_eq!(event(&home, &args, stop.as_bytes()).len(), 1);
    fs::remove_dir(home.path(".netsky/meta.db")).unwrap();
    fs::write(&transcript, line(1) + &line(2)).unwrap();
    assert_eq!(event(&home, &args, stop.as_bytes()).len(), 1);
    let count = ["query", "--format", "csv", "SELECT count(*) AS n FROM token_usage"];
    assert_eq!(home.ok(&count), "n\n2\n");
    // The same event again, and one of a transcript that does not exist.
    assert_eq!(event(&home, &args, stop.as_bytes()).len(), 1);
    let gone = json!({"hook_event_name": "SessionEnd", "transcript_path": home.path("gone.jsonl")});
    assert_eq!(event(&home, &args, gone.to_string().as_bytes()).len(), 1);
    assert_eq!(home.ok(&count), "n\n2\n");
}

#[test]
fn a_session_ends_when_its_agent_says_so() {
    let home = Home::new();
    let transcript = home.path("session.jsonl");
    // Only a session without records for an hour would end by itself.
    let prompt = json!({"type": "user", "sessionId": "s1", "uuid": "u1", "cwd": "/home/dev/shop",
        "timestamp": chrono::Utc::now().to_rfc3339(), "message": {"role": "user", "content": "hello"}});
    fs::write(&transcript, format!("{prompt}\n")).unwrap();
    let events = ["query", "--format", "csv", "SELECT event FROM sessions ORDER BY id"];
    for (name, expected) in [("Stop", "event\nup\n"), ("SessionEnd", "event\nup\ndown\n")] {
        let payload =
            json!({"hook_event_name": name, "session_id": "s1", "transcript_path": transcript});
        let log = event(&home, &["hook", "claude-code"], payload.to_string().as_bytes());
        assert_eq!(log, Vec::<String>::new());
        assert_eq!(home.ok(&events), expected, "{name}");
    }
}
