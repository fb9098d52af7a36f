//! Hooks of Claude Code, over HTTP.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

use super::Server;
use crate::cli::Home;

/// Posts what Claude Code tells, and returns the status.
fn post(server: &Server, event: &str, transcript: &Path) -> String {
    let payload =
        json!({"hook_event_name": event, "session_id": "s1", "transcript_path": transcript})
            .to_string();
    let mut stream = TcpStream::connect(&server.address).unwrap();
    write!(
        stream,
        "POST /v1/hooks/claude-code HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{payload}",
        payload.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

fn call(number: u8) -> Value {
    json!({"type": "assistant", "sessionId": "s1", "uuid": format!("u{number}"), "cwd": "/home/dev/shop",
        "timestamp": "2026-11-23T22:00:00.000Z", "version": "2.1.330", "requestId": format!("r{number}"),
        "message": {"id": format!("m{number}"), "role": "assistant", "model": "claude-opus-5-5",
            "stop_reason": "end_turn", "content": [{"type": "text", "text": "done"}],
            "usage": {"input_tokens": 1, "output_tokens": 2}}})
}

#[test]
fn posted_hooks_record_only_transcripts_of_claude_code() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let project = home.path(".claude/projects/-home-dev-shop");
    fs::create_dir_all(&project).unwrap();
    let (transcript, outside) = (project.join("s1.jsonl"), home.path("outside.jsonl"));
    fs::write(&transcript, format!("{}\n", call(1))).unwrap();
    fs::write(&outside, format!("{}\n", call(2))).unwrap();
    symlink(&outside, project.join("link.jsonl")).unwrap();
    for _ in 0..2 {
        assert_eq!(post(&server, "Stop", &transcript), "200");
    }
    for foreign in [
        outside,
        home.path("gone.jsonl"),
        project.join("link.jsonl"),
        project.join("../../../outside.jsonl"),
    ] {
        assert_eq!(post(&server, "Stop", &foreign), "400", "{}", foreign.display());
    }
    // A session that ended without a prompt has none.
    assert_eq!(post(&server, "SessionEnd", &project.join("gone.jsonl")), "200");
    assert_eq!(server.end("-TERM").0, Some(0));
    let count = ["query", "--format", "csv", "SELECT count(*) AS n FROM token_usage"];
    assert_eq!(home.ok(&count), "n\n1\n");
}
