//! The real programs, with hooks, OpenTelemetry and transcripts at once, against a stand-in for their models.
//! `NETSKY_CLAUDE_CODE` and `NETSKY_CODEX` name the programs.

use std::env;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use netsky_testing::{has_program, skip};
use serde_json::Value;

use super::Server;
use crate::cli::Home;

const STAND_IN: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/tools/stand_in_apis.py");

const COUNTS: &str = "SELECT (SELECT count(*) FROM token_usage) AS calls, \
     (SELECT sum(output_tokens) FROM token_usage) AS tokens, \
     (SELECT count(*) FROM mcp_tool_calls) AS tools, (SELECT count(*) FROM messages) AS messages, \
     (SELECT count(*) FROM sessions WHERE event = 'up') AS sessions, \
     (SELECT count(*) FROM git_operations) AS git, (SELECT count(*) FROM clone_dispatches) AS agents";

/// The models' stand-in. It is killed when this is dropped.
struct Models(Child, u16);

impl Models {
    fn start(home: &Home) -> Self {
        // The stand-in takes a port and tells none.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut python = Command::new("python3");
        python.arg(STAND_IN).arg(home.path("requests")).arg(port.to_string());
        let process = python.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let models = Self(process, port);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            sleep(Duration::from_millis(50));
        }
        models
    }
}

impl Drop for Models {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the program that a variable names, if it and the stand-in are there.
fn program(variable: &str, what: &str) -> Option<String> {
    let Ok(program) = env::var(variable) else {
        skip(what, &format!("${variable} names no {what}"));
        return None;
    };
    if !Path::new(STAND_IN).exists() {
        skip(what, "there is no stand-in for the models");
        return None;
    }
    has_program("python3").then_some(program)
}

/// Returns the counts of a store, after all transcripts are read.
fn counts(home: &Home, store: &str) -> Value {
    let store = home.path(store);
    let store = store.to_str().unwrap();
    let ingested = home.run(&["ingest", "--db", store]);
    assert_eq!(ingested.code, 0, "{}", ingested.err);
    let ran = home.run(&["query", "--json", "--db", store, COUNTS]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    serde_json::from_str::<Value>(&ran.out).unwrap()["rows"][0].clone()
}

/// Checks that what three sources told is what the transcripts alone tell, each row once.
fn check(home: &Home, server: Server) {
    // Hooks read transcripts after the program has ended.
    sleep(Duration::from_secs(5));
    drop(server);
    let both = counts(home, ".netsky/meta.db");
    assert_eq!(both, counts(home, "clean.db"));
    assert!(both["calls"].as_i64() > Some(1) && both["tools"].as_i64() > Some(1), "{both}");
    let vias = "SELECT DISTINCT detail_json->>'via' AS via FROM token_usage";
    let ran = home.run(&["query", "--format", "csv", vias]);
    assert_eq!(ran.out.lines().collect::<Vec<_>>(), ["via", "transcript+otlp"]);
    assert_eq!(home.run(&["check"]).code, 0);
}

#[test]
fn claude_code_is_recorded_once() {
    let Some(program) = program("NETSKY_CLAUDE_CODE", "claude-code") else { return };
    let home = Home::new();
    fs::create_dir(home.path("shop")).unwrap();
    let models = Models::start(&home);
    let server = Server::start(&home, &[]);
    let installed = home.run(&["hook", "install", "claude-code", "--yes"]);
    assert_eq!(installed.code, 0, "{}", installed.err);
    let ran = Command::new(program)
        .args(["-p", "MAINWORK please", "--allowedTools", "Bash,Read,Agent"])
        .current_dir(home.path("shop"))
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path(""))
        .env("ANTHROPIC_BASE_URL", format!("http://127.0.0.1:{}", models.1))
        .env("ANTHROPIC_API_KEY", "none")
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
        .env("DISABLE_AUTOUPDATER", "1")
        .env("CLAUDE_CODE_ENABLE_TELEMETRY", "1")
        .env("OTEL_LOGS_EXPORTER", "otlp")
        .env("OTEL_METRICS_EXPORTER", "otlp")
        .env("OTEL_LOG_TOOL_DETAILS", "1")
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", server.address))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    check(&home, server);
}

#[test]
fn codex_is_recorded_once() {
    let Some(program) = program("NETSKY_CODEX", "codex") else { return };
    let home = Home::new();
    for dir in ["shop", ".codex"] {
        fs::create_dir(home.path(dir)).unwrap();
    }
    let models = Models::start(&home);
    let server = Server::start(&home, &[]);
    let installed = home.run(&["hook", "install", "codex", "--telemetry", "--yes"]);
    assert_eq!(installed.code, 0, "{}", installed.err);
    let config = fs::read_to_string(home.path(".codex/config.toml")).unwrap();
    let config = config.replace("127.0.0.1:4318", &server.address);
    let provider = format!(
        "model = \"gpt-6.1-sol\"\nmodel_provider = \"stand_in\"\n{config}\n\
         [model_providers.stand_in]\nname = \"stand_in\"\nbase_url = \"http://127.0.0.1:{}/v1\"\n\
         wire_api = \"responses\"\nenv_key = \"STAND_IN_KEY\"\n",
        models.1
    );
    fs::write(home.path(".codex/config.toml"), provider).unwrap();
    let ran = Command::new(program)
        .args(["exec", "--dangerously-bypass-hook-trust"])
        .args(["--dangerously-bypass-approvals-and-sandbox", "--skip-git-repo-check"])
        .arg("MAINWORK please")
        .current_dir(home.path("shop"))
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path(""))
        .env("STAND_IN_KEY", "none")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    check(&home, server);
}
