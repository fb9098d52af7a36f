//! Captures of the real program.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::store::{Reading, Rows, Store, column, rows_of, sum, utc};

pub const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/agents/fixtures");
pub const NOW: &str = "2026-11-23T22:30:00Z";

pub struct Capture {
    pub path: String,
    pub lines: Vec<String>,
}

/// Returns the captured rollouts in the order of their names; `None` if they are absent.
pub fn captures() -> Option<Vec<Capture>> {
    let dir = Path::new(DATA).join("codex-0.169/sessions/2026/11/23");
    if !dir.exists() {
        println!("skipped: {} is absent", dir.display());
        return None;
    }
    let mut paths: Vec<PathBuf> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let capture = |path: PathBuf| Capture {
        lines: fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect(),
        path: path.display().to_string(),
    };
    Some(paths.into_iter().map(capture).collect())
}

fn stored(captures: &[Capture]) -> Rows {
    let store = Store::new();
    for capture in captures {
        Reading::new(&capture.path, utc(NOW)).read(&capture.lines, &store);
    }
    store.rows()
}

#[test]
fn captured_threads_have_the_expected_totals() {
    let Some(captures) = captures() else { return };
    let expected = fs::read(Path::new(DATA).join("expected-codex-0.169.json")).unwrap();
    let expected: Value = serde_json::from_slice(&expected).unwrap();
    for capture in &captures {
        let rows = rows_of(&capture.path, &capture.lines, utc(NOW));
        let (id, thread) = expected
            .as_object()
            .unwrap()
            .iter()
            .find(|(_, thread)| capture.path.ends_with(thread["file"].as_str().unwrap()))
            .unwrap();
        let calls = &rows["token_usage"];
        for (model, usage) in thread["usage_by_model"].as_object().unwrap() {
            let calls = calls.iter().filter(|call| call["model"] == model.as_str());
            let calls: Vec<Value> = calls.cloned().collect();
            let of_model = Rows::from([("token_usage", calls.clone())]);
            let total = |name| sum(&of_model, "token_usage", name);
            let reasoning = calls.iter().map(|call| super::store::json(call, "detail_json"));
            let reasoning: i64 =
                reasoning.filter_map(|detail| detail["thinking_tokens"].as_i64()).sum();
            assert_eq!(
                json!({
                    "calls": calls.len(), "input": total("input_tokens"),
                    "cached": total("cached_input_tokens"), "output": total("output_tokens"),
                    "reasoning": reasoning,
                }),
                *usage,
                "{model} in {id}"
            );
        }
        assert!(calls.iter().all(|call| call["session_id"] == id.as_str()));
        let tools = rows.get("mcp_tool_calls").cloned().unwrap_or_default();
        // Besides, there are the calls that a script made.
        let mut of_model = serde_json::Map::new();
        for tool in &tools {
            let id = super::store::json(tool, "request_json")["tool_use_id"].clone();
            let id = id.as_str().unwrap();
            if !id.starts_with("exec-") {
                of_model.insert(id.to_owned(), tool["tool"].clone());
                assert!(!tool["ts_utc_end"].is_null(), "{tool}");
            }
        }
        assert_eq!(Value::Object(of_model), thread["tool_calls"], "{id}");
        assert_eq!(tools.iter().filter(|tool| tool["success"] == true).count(), tools.len());
        let commands: Vec<Value> = thread["commands"].as_array().unwrap().clone();
        let codes: Vec<&Value> = column(&rows, "cli_invocations", "exit_code");
        let mut codes: Vec<i64> = codes.iter().map(|code| code.as_i64().unwrap()).collect();
        codes.sort_unstable();
        let expected: Vec<i64> =
            commands.iter().map(|command| command[1].as_i64().unwrap()).collect();
        assert_eq!(codes, expected, "{id}");
    }
}

#[test]
fn captured_threads_give_every_kind_of_row() {
    let Some(captures) = captures() else { return };
    let rows = stored(&captures);
    let counts: Vec<(&str, usize)> =
        rows.iter().map(|(table, rows)| (*table, rows.len())).collect();
    assert_eq!(
        counts,
        [
            ("cli_invocations", 4),
            ("clone_dispatches", 1),
            ("git_operations", 2),
            ("mcp_tool_calls", 8),
            ("messages", 8),
            ("sessions", 4),
            ("token_usage", 11),
        ]
    );
    let agents = column(&rows, "sessions", "agent");
    assert_eq!(agents, ["shop", "shop", "shop", "shop/job"]);
    assert!(column(&rows, "token_usage", "agent").contains(&&json!("shop/job")));
    let run = &rows["clone_dispatches"][0];
    assert_eq!(run["agent_id"], "01a20a7f-beb7-79c3-9852-6f7c772a7ed2");
    assert_eq!((&run["brief"], &run["status"]), (&json!("SUBJOB do it"), &json!("completed")));
    assert_eq!(run["ts_utc_end"], "2026-11-23T22:21:13.910Z");
    let prompts: Vec<&Value> = rows["messages"]
        .iter()
        .filter(|row| row["direction"] == "inbound")
        .map(|row| &row["body"])
        .collect();
    assert_eq!(prompts, ["MAINWORK please", "MAINWORK please", "SPAWNWORK now", "again"]);
    let git = &rows["git_operations"][0];
    assert_eq!((&git["operation"], &git["repo"]), (&json!("init"), &json!("shop")));
    assert_eq!(git["status"], "ok");
}

#[test]
fn captured_threads_read_twice_are_stored_once() {
    let Some(captures) = captures() else { return };
    let once = stored(&captures);
    let twice: Vec<Capture> = captures
        .into_iter()
        .flat_map(|capture| {
            let copy =
                Capture { path: format!("{}.copy", capture.path), lines: capture.lines.clone() };
            [capture, copy]
        })
        .collect();
    assert_eq!(stored(&twice), once);
}

#[test]
fn captured_threads_can_be_read_on_after_any_line() {
    let Some(captures) = captures() else { return };
    for capture in &captures {
        super::codex_robustness::check_restarts(&capture.path, &capture.lines, utc(NOW));
    }
}
