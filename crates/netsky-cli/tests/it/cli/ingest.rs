//! `netsky ingest`: what the agents have written down, each thing once.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cli::{Home, ran};

/// Lines of a transcript: prompts, each with an answer that runs a command.
fn transcript(session: &str, turns: std::ops::Range<usize>) -> String {
    let mut lines = String::new();
    let mut push = |line: Value| lines += &format!("{line}\n");
    for turn in turns {
        let common = |kind: &str, place: usize| {
            json!({
                "type": kind, "sessionId": session, "uuid": format!("{session}-{turn}-{place}"),
                "cwd": "/home/dev/shop", "gitBranch": "main", "version": "2.1.330", "isSidechain": false,
                "timestamp": format!("2026-04-15T10:{:02}:{:02}.{place}00Z", turn / 60 % 60, turn % 60),
            })
        };
        let with = |mut line: Value, more: Value| {
            line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            line
        };
        let text = json!({"message": {"role": "user", "content": "secret words"}});
        push(with(common("user", 0), text));
        let call = json!({
            "type": "tool_use", "id": format!("toolu_{session}_{turn}"), "name": "Bash",
            "input": {"command": "git commit -qm secret"},
        });
        let usage = json!({
            "input_tokens": 10, "output_tokens": 20, "cache_read_input_tokens": 30,
            "cache_creation_input_tokens": 40,
        });
        push(with(
            common("assistant", 1),
            json!({"requestId": format!("req_{session}_{turn}"), "message": {
                "id": format!("msg_{session}_{turn}"), "role": "assistant", "model": "claude-opus-4-5",
                "content": [call], "stop_reason": "tool_use", "usage": usage,
            }}),
        ));
        let result = json!({
            "type": "tool_result", "tool_use_id": format!("toolu_{session}_{turn}"),
            "content": "[main 1234567] secret", "is_error": false,
        });
        push(with(
            common("user", 2),
            json!({
                "message": {"role": "user", "content": [result]},
                "toolUseResult": {"stdout": "[main 1234567] secret", "interrupted": false},
            }),
        ));
    }
    lines
}

/// Writes a transcript where Claude Code does.
fn write(home: &Home, name: &str, lines: &str) {
    let dir = home.path(".claude/projects/-home-dev-shop");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join(format!("{name}.jsonl")), lines).unwrap();
}

fn counts(home: &Home) -> String {
    let sql = "SELECT (SELECT count(*) FROM token_usage) AS calls, (SELECT count(*) FROM mcp_tool_calls) AS tools,
        (SELECT count(*) FROM messages) AS messages, (SELECT count(*) FROM git_operations) AS git";
    home.ok(&["query", sql, "--format", "csv"]).lines().nth(1).unwrap_or_default().to_owned()
}

fn ingest(home: &Home, args: &[&str]) -> (i32, String) {
    let ran = home.run(&[&["ingest"], args].concat());
    assert_eq!(ran.out, "");
    (ran.code, ran.err)
}

#[test]
fn without_transcripts_it_says_where_it_looked() {
    let home = Home::new();
    let (code, err) = ingest(&home, &[]);
    assert_eq!(code, 1);
    for root in [".claude/projects", ".config/claude/projects", ".codex/sessions"] {
        assert!(err.contains(&home.path(root).display().to_string()), "{err}");
    }
    assert!(!home.path(".netsky").exists(), "a store was made for nothing");
}

#[test]
fn transcripts_are_recorded_once() {
    let home = Home::new();
    write(&home, "a", &transcript("a", 0..5));
    let (code, err) = ingest(&home, &[]);
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("1 file, 1 new session, 2026-04-15: "), "{err}");
    assert_eq!(counts(&home), "5,5,5,5");
    let (_, err) = ingest(&home, &[]);
    assert!(err.starts_with("1 file (1 unchanged): 0 new rows"), "{err}");
    // A copy under another name, and more of the session.
    write(&home, "b", &transcript("a", 0..7));
    ingest(&home, &["claude"]);
    assert_eq!(counts(&home), "7,7,7,7");
    let agent = "SELECT DISTINCT agent, session_id FROM token_usage";
    assert_eq!(home.ok(&["query", agent, "--format", "csv"]), "agent,session_id\nshop,a\n");
    home.ok(&["check"]);
}

#[test]
fn a_dry_run_tells_and_records_nothing() {
    let home = Home::new();
    write(&home, "a", &transcript("a", 0..3));
    let out = home.run(&["ingest", "--dry-run", "--json"]).out;
    let summary: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(summary["rows"]["token_usage"], 3);
    assert!(!home.path(".netsky/meta.db").exists());
    ingest(&home, &[]);
    write(&home, "a", &transcript("a", 0..4));
    let out = home.run(&["ingest", "--dry-run", "--json"]).out;
    let summary: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(summary["rows"]["token_usage"], 1);
    assert_eq!(counts(&home), "3,3,3,3");
}

#[test]
fn broken_lines_are_left_out_and_named() {
    let home = Home::new();
    let lines = transcript("a", 0..2);
    let (first, rest) = lines.split_at(lines.find('\n').unwrap() + 1);
    write(&home, "a", &format!("{first}{{\"type\":\n\0\0\0{rest}[1]\n\n"));
    write(&home, "b", "");
    let (code, err) = ingest(&home, &[]);
    assert_eq!(code, 0);
    assert!(
        err.contains(
            "2 lines in 1 file were left out: 1 not JSON, 1 not a JSON object (first: ~/.claude/"
        ),
        "{err}"
    );
    assert!(err.contains("a.jsonl:2)"), "{err}");
    assert_eq!(counts(&home), "2,2,2,2");

    let home = Home::new();
    write(&home, "a", &format!("{lines}{{\n"));
    assert_eq!(ingest(&home, &["--strict"]).0, 1);
    assert_eq!(counts(&home), "2,2,2,2");
}

#[test]
fn one_bad_file_does_not_stop_the_others() {
    let home = Home::new();
    write(&home, "a", &transcript("a", 0..2));
    write(&home, "document", "{\n  \"type\": \"user\",\n  \"uuid\": \"1\"\n}\n");
    std::os::unix::fs::symlink("nowhere", home.path(".claude/projects/gone.jsonl")).unwrap();
    let (code, err) = ingest(&home, &[]);
    assert_eq!(code, 1);
    assert!(
        err.contains("document.jsonl is not a transcript") && err.contains("gone.jsonl"),
        "{err}"
    );
    // Those that could not be read are counted, too.
    assert!(err.contains("3 files, 1 new session"), "{err}");
    assert_eq!(counts(&home), "2,2,2,2");
}

#[test]
fn no_content_leaves_out_texts() {
    let home = Home::new();
    write(&home, "a", &transcript("a", 0..2));
    ingest(&home, &["--no-content"]);
    assert_eq!(counts(&home), "2,2,2,2");
    for table in ["messages", "mcp_tool_calls", "cli_invocations", "git_operations", "token_usage"]
    {
        let rows = home.ok(&["query", &format!("SELECT * FROM {table}"), "--format", "ndjson"]);
        assert!(!rows.contains("secret"), "{table}: {rows}");
    }
}

#[test]
fn agents_can_be_named_and_time_limited() {
    let home = Home::new();
    write(&home, "a", &transcript("a", 0..60));
    ingest(&home, &["--agent", "laptop", "--since", "2026-04-15T10:00:30Z"]);
    let sql = "SELECT agent, count(*) AS calls FROM token_usage GROUP BY agent";
    assert_eq!(home.ok(&["query", sql, "--format", "csv"]), "agent,calls\nlaptop,30\n");
    // What was left out is still there to be read.
    ingest(&home, &["--agent", "laptop"]);
    assert_eq!(counts(&home), "60,60,60,60");
}

#[test]
fn unknown_sources_are_refused() {
    let home = Home::new();
    let (code, err) = ingest(&home, &["gemini"]);
    assert_eq!(code, 2);
    assert!(err.contains("'gemini' is neither claude nor codex"), "{err}");
    let (code, err) = ingest(&home, &["/nowhere/x.jsonl"]);
    assert_eq!(code, 1);
    assert!(err.contains("/nowhere/x.jsonl"), "{err}");
    let file = home.file("notes.txt", "a\nb\n");
    let (code, err) = ingest(&home, &[&file]);
    assert_eq!(code, 1);
    assert!(err.contains("not a transcript"), "{err}");
}

#[test]
fn two_ingests_at_once_are_one() {
    let home = Home::new();
    for file in 0..12 {
        write(&home, &format!("{file}"), &transcript(&format!("s{file}"), 0..150));
    }
    let spawn = || {
        let mut command = home.command(&["ingest"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<_> = (0..3).map(|_| spawn()).collect();
    for child in children {
        let ran = ran(child.wait_with_output().unwrap());
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
    assert_eq!(counts(&home), "1800,1800,1800,1800");
    let sql = "SELECT count(DISTINCT session_num) AS n, count(*) AS r FROM sessions";
    assert_eq!(home.ok(&["query", sql, "--format", "csv"]), "n,r\n12,24\n");
    home.ok(&["check"]);
}

#[cfg(target_os = "linux")]
#[test]
fn following_records_what_is_appended() {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    let home = Home::new();
    write(&home, "a", &transcript("a", 0..1));
    let mut command = home.command(&["ingest", "--follow"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let wait_for = |wanted: &str| {
        let began = Instant::now();
        loop {
            let found =
                home.run(&["query", "SELECT count(*) AS n FROM token_usage", "--format", "csv"]);
            if found.out == format!("n\n{wanted}\n") {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{found:?}", found = found.out);
            thread::sleep(Duration::from_millis(100));
        }
    };
    wait_for("1");
    // A line that comes in two parts, and a new file.
    let path = home.path(".claude/projects/-home-dev-shop/a.jsonl");
    let more = transcript("a", 1..2);
    let (first, second) = more.split_at(more.len() / 2);
    for part in [first, second] {
        OpenOptions::new().append(true).open(&path).unwrap().write_all(part.as_bytes()).unwrap();
        thread::sleep(Duration::from_millis(700));
    }
    wait_for("2");
    write(&home, "b", &transcript("b", 0..1));
    wait_for("3");
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let ran = ran(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 130, "{}", ran.err);
}
