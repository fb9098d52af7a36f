//! The totals of real transcripts are those of an independent script.

use std::collections::BTreeMap;
use std::path::Path;

use netsky_ingest::ReadOptions;
use serde_json::{Value, json};

use crate::harness::{Store, data, detail, json as read_json, transcripts, unpacked};

/// Checks a store against the totals of the script.
fn check(store: &Store, expected: &Value) {
    let mut rows = expected["rows_by_table"].as_object().unwrap().clone();
    let pull_requests = rows.remove("git_operations_from_pr_links").unwrap();
    rows.retain(|_, rows| rows.as_u64() != Some(0));
    let mut counts = store.counts();
    counts.remove("git_operations");
    assert_eq!(json!(counts), Value::from(rows));
    let git = store.rows("git_operations");
    let found = git.iter().filter(|row| row["operation"] == "pull_request").count();
    assert_eq!(json!(found), pull_requests);
    assert_eq!(json!(store.lines), expected["lines"]);
    assert_eq!(json!(store.skipped), expected["skipped_by_file"]);
    check_usage(store, expected);
    check_tools(store, expected);
    check_messages(store, expected);
    let spans = store.rows("sessions").iter().filter(|row| row["event"] == "up").count();
    assert_eq!(json!(spans), expected["session_spans"]);
    let dispatches = store.rows("clone_dispatches");
    assert_eq!(json!(dispatches.len()), expected["dispatches"]["calls"]);
}

#[derive(Default)]
struct Usage(BTreeMap<&'static str, i64>);

impl Usage {
    fn add(&mut self, row: &Value) {
        let detail = detail(row, "detail_json");
        let int = |value: &Value| value.as_i64().unwrap_or(0);
        let (short, long) =
            (int(&detail["cache_write_5m_tokens"]), int(&detail["cache_write_1h_tokens"]));
        for (name, value) in [
            ("calls", 1),
            ("input", int(&row["input_tokens"])),
            ("output", int(&row["output_tokens"])),
            ("cache_read", int(&row["cached_input_tokens"])),
            ("cache_write", short + long),
            ("cache_write_5m", short),
            ("cache_write_1h", long),
            ("cost_usd_micros", row["cost_usd_micros"].as_i64().unwrap()),
        ] {
            *self.0.entry(name).or_default() += value;
        }
    }

    fn check(&self, expected: &Value, of: &str) {
        for (name, value) in &self.0 {
            assert_eq!(json!(value), expected[name], "{name} of {of}");
        }
    }
}

fn check_usage(store: &Store, expected: &Value) {
    let (mut all, mut top, mut subagents) = (Usage::default(), Usage::default(), Usage::default());
    let (mut models, mut days) = (BTreeMap::new(), BTreeMap::new());
    for row in store.rows("token_usage") {
        all.add(&row);
        let is_subagent = detail(&row, "detail_json")["subagent"].as_bool().unwrap();
        if is_subagent { &mut subagents } else { &mut top }.add(&row);
        let agent = row["agent"].as_str().unwrap();
        assert_eq!(agent.contains('/'), is_subagent, "{agent}");
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        models.entry(text("model")).or_insert_with(Usage::default).add(&row);
        let day = text("ts_utc")[..10].to_owned();
        days.entry(day).or_insert_with(Usage::default).add(&row);
    }
    all.check(&expected["usage_all"], "all");
    top.check(&expected["usage_top"], "top");
    subagents.check(&expected["usage_subagents"], "subagents");
    for (found, expected) in
        [(models, &expected["usage_all_by_model"]), (days, &expected["usage_all_by_day"])]
    {
        assert_eq!(found.len(), expected.as_object().unwrap().len());
        for (name, usage) in found {
            usage.check(&expected[&name], &name);
        }
    }
}

fn check_tools(store: &Store, expected: &Value) {
    let mut names: BTreeMap<String, u64> = BTreeMap::new();
    let (mut answered, mut errors, mut duration) = (0, 0, 0);
    let rows = store.rows("mcp_tool_calls");
    for row in &rows {
        let (source, tool) = (row["source"].as_str().unwrap(), row["tool"].as_str().unwrap());
        let name =
            if source == "builtin" { tool.to_owned() } else { format!("mcp__{source}__{tool}") };
        *names.entry(name).or_default() += 1;
        let has_answer = !row["ts_utc_end"].is_null();
        answered += u64::from(has_answer);
        errors += u64::from(has_answer && row["success"] == false);
        duration += row["duration_ms"].as_i64().unwrap_or(0);
        assert_eq!(has_answer, !row["response_json"].is_null());
        assert!(detail(row, "request_json")["input"].is_object());
    }
    let expected = &expected["tools_all"];
    assert_eq!(json!(names), expected["by_name"]);
    assert_eq!(json!(rows.len()), expected["calls"]);
    assert_eq!(json!(answered), expected["answered"]);
    assert_eq!(json!(errors), expected["errors"]);
    assert_eq!(json!(duration), expected["duration_ms_sum"]);
}

fn check_messages(store: &Store, expected: &Value) {
    let rows = store.rows("messages");
    let count = |direction: &str| rows.iter().filter(|row| row["direction"] == direction).count();
    let expected = &expected["messages"];
    assert_eq!(json!(count("inbound")), expected["inbound_prompts"]);
    assert_eq!(json!(count("outbound")), expected["outbound_records_with_text"]);
}

fn read_all(dir: &Path) -> Store {
    let mut store = Store::new();
    for path in transcripts(dir) {
        store.read(&path, &ReadOptions { host: "h".into(), ..ReadOptions::default() });
    }
    store
}

#[test]
fn forty_transcripts_give_the_scripts_totals() {
    let Some((dir, expected)) = unpacked().zip(data("expected-dev.json")) else { return };
    let mut store = read_all(dir.path());
    check(&store, &read_json(&expected));
    let contents = store.contents();
    for path in transcripts(dir.path()) {
        let again = store.read(&path, &ReadOptions { host: "h".into(), ..ReadOptions::default() });
        assert_eq!((again.rows(), again.amended), (0, 0), "{}", path.display());
    }
    assert!(store.contents() == contents);
}

#[test]
fn fixtures_give_the_scripts_totals() {
    let names = ["fixtures/claude-2.1.330", "fixtures/expected-claude-2.1.330.json"].map(data);
    let [Some(dir), Some(expected)] = names else { return };
    let store = read_all(&dir);
    check(&store, &read_json(&expected));
}
