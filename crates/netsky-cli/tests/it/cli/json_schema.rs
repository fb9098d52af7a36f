//! What `--json` prints is what the files in `docs/json-schema/` say.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use netsky_testing::store_past_the_crate;
use serde_json::{Map, Value, json};

use super::{Home, TICK};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/json-schema")
}

fn schema(name: &str) -> Value {
    let text = fs::read_to_string(folder().join(name)).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Returns where the value does not fit the schema; empty if it fits. It knows the keywords that the files
/// use, and panics at others, so that none is ignored.
fn faults(schema_of_it: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (keyword, wanted) in schema_of_it.as_object().unwrap() {
        let fits = match keyword.as_str() {
            "$schema" | "title" | "description" => true,
            "$ref" => {
                found.extend(faults(&schema(wanted.as_str().unwrap()), value, at));
                true
            }
            "type" => match wanted {
                Value::Array(types) => types.iter().any(|ty| is_of(ty, value)),
                ty => is_of(ty, value),
            },
            "enum" => wanted.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap()),
            "required" => value.as_object().is_none_or(|object| {
                wanted
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|key| object.contains_key(key.as_str().unwrap()))
            }),
            "additionalProperties" => {
                assert_eq!(wanted, false);
                let known = schema_of_it["properties"].as_object().unwrap();
                value
                    .as_object()
                    .is_none_or(|object| object.keys().all(|key| known.contains_key(key)))
            }
            "properties" => {
                for (key, inner) in value.as_object().unwrap_or(&Map::new()) {
                    if let Some(wanted) = wanted.get(key) {
                        found.extend(faults(wanted, inner, &format!("{at}.{key}")));
                    }
                }
                true
            }
            "items" => {
                for (index, inner) in value.as_array().unwrap_or(&Vec::new()).iter().enumerate() {
                    found.extend(faults(wanted, inner, &format!("{at}[{index}]")));
                }
                true
            }
            other => panic!("{other} is not known to this test"),
        };
        if !fits {
            found.push(format!("{at}: {keyword} {wanted}, but it is {value}"));
        }
    }
    found
}

fn is_of(ty: &Value, value: &Value) -> bool {
    match ty.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other} is not known to this test"),
    }
}

#[track_caller]
fn assert_fits(name: &str, object: &Value) {
    let found = faults(&schema(name), object, "");
    assert_eq!(found, Vec::<String>::new(), "{name}: {object}");
}

/// A transcript of Claude Code with one call, of a model without a price, and a line that is no JSON.
const TRANSCRIPT: &str = r#"{"type":"assistant","uuid":"u1","sessionId":"s1","cwd":"/home/ada/shop","timestamp":"2026-04-15T23:00:00Z","requestId":"r1","message":{"id":"m1","role":"assistant","model":"own-1","stop_reason":"end_turn","content":[],"usage":{"input_tokens":3,"output_tokens":4}}}
{"type":
{"type":"unheard-of","sessionId":"s1","timestamp":"2026-04-15T23:00:01Z"}
"#;

/// Data of genai-prices with a model of each provider that it must have.
const PRICES: &str = r#"[
    {"id":"anthropic","name":"Anthropic","api_pattern":"anthropic",
     "models":[{"id":"own-1","match":{"equals":"own-1"},"prices":{"input_mtok":1,"output_mtok":2}}]},
    {"id":"openai","name":"OpenAI","api_pattern":"openai",
     "models":[{"id":"own-2","match":{"equals":"own-2"},"prices":{"input_mtok":1,"output_mtok":2}}]},
    {"id":"google","name":"Google","api_pattern":"google",
     "models":[{"id":"own-3","match":{"equals":"own-3"},"prices":{"input_mtok":1,"output_mtok":2}}]}]"#;

/// Runs a command and returns the only object that it prints.
fn object_of(home: &Home, code: i32, args: &[&str]) -> Value {
    let ran = home.run_with_input(args, TICK);
    assert_eq!((ran.code, ran.err.as_str()), (code, ""), "{args:?}: {}", ran.out);
    assert!(ran.out.ends_with('\n') && ran.out.lines().count() == 1, "{args:?}: {}", ran.out);
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn every_command_prints_what_its_schema_says() {
    let home = Home::new();
    fs::create_dir_all(home.path(".netsky/queries")).unwrap();
    home.file(
        ".netsky/queries/two.sql",
        "-- Two rows\nSELECT id, source FROM ticks WHERE id <= $1",
    );
    let path = |name: &str| home.path(name).display().to_string();
    let (rows, day, backup) = (path("ticks.ndjson"), path("lake"), path("backup.db"));
    let lake = path("pushed");
    let transcript = home.file("t.jsonl", TRANSCRIPT);
    let data = home.file("data.json", PRICES);
    let commands: &[(&str, &[&str])] = &[
        ("demo.json", &["demo", "--rows", "2000", "--db", &path("demo.db")]),
        ("record.json", &["record", "ticks", "-"]),
        ("record.json", &["record", "ticks", "-"]),
        ("query.json", &["query", "SELECT *, [1, 2] AS list FROM ticks"]),
        ("query.json", &["query", "SELECT * FROM ticks", "--max-rows", "1"]),
        ("query.json", &["query", "SELECT a.id, b.id, NULL, 'x' AS \"a.b\" FROM ticks a, ticks b"]),
        ("query.json", &["query", "EXPLAIN SELECT 1"]),
        ("query.json", &["q", "two", "2"]),
        ("rows.json", &["q"]),
        ("query.json", &["shell", "-c", "SELECT 1"]),
        ("hook.json", &["hook", "install", "claude-code", "--dry-run"]),
        ("hook.json", &["hook", "install", "codex", "--telemetry", "--yes"]),
        ("hook.json", &["hook", "uninstall", "codex", "--dry-run"]),
        ("hook-status.json", &["hook", "status"]),
        ("rows.json", &["tables"]),
        ("rows.json", &["views"]),
        ("view.json", &["views", "v_timeline"]),
        ("rows.json", &["schema"]),
        ("rows.json", &["schema", "ticks"]),
        ("rows.json", &["functions", "json"]),
        ("rows.json", &["stats"]),
        ("rows.json", &["cost"]),
        ("rows.json", &["cost", "--by", "session", "--db", &path("demo.db")]),
        ("rows.json", &["top", "--since", "9999d"]),
        ("rows.json", &["timeline"]),
        ("rows.json", &["timeline", "agent1", "--db", &path("demo.db")]),
        ("rows.json", &["tail"]),
        ("rows.json", &["tail", "ticks", "-n", "1"]),
        ("export.json", &["export", "ticks", &rows]),
        ("export.json", &["export", &day, "--by-day"]),
        ("import.json", &["import", "ticks", "-", "--db", &path("new.db")]),
        ("import.json", &["import", &day, "--db", &path("other.db")]),
        ("lake-push.json", &["lake", "push", &lake, "--machine", "m"]),
        ("rows.json", &["lake", "status", &lake]),
        ("lake-compact.json", &["lake", "compact", &lake]),
        ("rows.json", &["tables", "--lake", &lake]),
        ("rows.json", &["top", "--lake", &lake]),
        ("lake-prune.json", &["lake", "prune", &lake, "--before", "1d"]),
        ("ingest.json", &["ingest", &transcript]),
        ("ingest.json", &["ingest", &transcript, "--dry-run", "--since", "7d"]),
        ("prices.json", &["prices"]),
        ("price.json", &["prices", "claude-haiku-5-5"]),
        ("prices-update.json", &["prices", "--update", &data]),
        ("check.json", &["check"]),
        ("prune.json", &["prune", "--before", "1d", "--dry-run"]),
        ("copy.json", &["backup", &backup]),
        ("copy.json", &["restore", &backup, "--db", &path("restored.db")]),
        ("copy.json", &["restore", &backup, "--force", "--db", &path("restored.db")]),
        ("compact.json", &["compact"]),
        ("migrate.json", &["migrate"]),
        ("doctor.json", &["doctor", "--db", &path("restored.db")]),
    ];
    let help = home.ok(&["--help"]);
    let is_command = |name: &str| help.contains(&format!(" {name} "));
    for (name, args) in commands {
        // Not every build has each command.
        if is_command(args[0]) {
            assert_fits(name, &object_of(&home, 0, &[args, &["--json"][..]].concat()));
        }
    }
    // Those that print neither rows nor a report.
    let others = ["completions", "man", "mcp", "serve", "help"];
    let covered: BTreeSet<&str> = commands.iter().map(|(_, args)| args[0]).chain(others).collect();
    let listed = help.lines().skip_while(|line| !line.starts_with("Query"));
    let listed = listed.take_while(|line| !line.is_empty());
    let listed: BTreeSet<&str> =
        listed.filter_map(|line| line.get(8..)?.split_whitespace().next()).collect();
    let uncovered: Vec<&&str> = listed.difference(&covered).collect();
    assert!(uncovered.is_empty() && listed.len() > 20, "{uncovered:?}");
}

#[test]
fn a_command_that_fails_prints_what_it_did_and_the_error() {
    let home = Home::new();
    assert_fits("error.json", &object_of(&home, 3, &["tables", "--json"])["error"]);
    assert_fits("error.json", &object_of(&home, 2, &["tables", "--json", "x"])["error"]);
    home.ok(&["record", "ticks", TICK]);
    let syntax = object_of(&home, 1, &["query", "--json", "SELECT 1 +"]);
    assert_fits("error.json", &syntax["error"]);
    store_past_the_crate(&home.path(".netsky/meta.db"), "ticks", 2, b"nonsense");
    let check = object_of(&home, 3, &["check", "--json"]);
    assert_fits("check.json", &check);
    assert_eq!(check["error"]["kind"], "damaged");
    assert_eq!(check["faults"].as_array().unwrap().len(), 2, "{check}");

    let call =
        json!({"ts_utc": "2026-04-15T23:00:00Z", "kind": "oom", "agent": "a", "detail_json": "{}"});
    let store = home.path("loop.db").display().to_string();
    let now = chrono::Utc::now().to_rfc3339();
    for _ in 0..5 {
        let mut call = call.clone();
        call["ts_utc"] = json!(now);
        home.ok(&["record", "crashes", &call.to_string(), "--db", &store]);
    }
    let top = object_of(&home, 1, &["top", "--json", "--fail-if", "crash-loop", "--db", &store]);
    assert_fits("rows.json", &top);
    assert_eq!((&top["error"]["kind"], &top["row_count"]), (&json!("found"), &json!(1)), "{top}");

    let (good, bad) = (home.file("a.ndjson", TICK), home.file("b.ndjson", "{\"source\": 7}"));
    let import = [
        "import",
        "--json",
        "ticks",
        &good,
        &bad,
        "--db",
        &home.path("b.db").display().to_string(),
    ];
    let import = object_of(&home, 1, &import);
    assert_fits("import.json", &import);
    assert_eq!(import["imports"].as_array().unwrap().len(), 1, "{import}");
    assert!(import["error"]["hint"].is_string(), "{import}");
    let transcript = home.file("t.jsonl", TRANSCRIPT);
    let ingest = object_of(&home, 1, &["ingest", "--json", "--strict", &transcript]);
    assert_fits("ingest.json", &ingest);
    assert_eq!(
        (&ingest["rows"]["token_usage"], &ingest["skipped"]["not_json"]),
        (&json!(1), &json!(1))
    );
    assert_fits("error.json", &object_of(&home, 1, &["ingest", "--json"])["error"]);
    let refused = object_of(&home, 2, &["export", "ticks", "-", "--json"]);
    assert!(refused["error"]["hint"].as_str().unwrap().contains("name a file"), "{refused}");
}

#[test]
fn the_check_of_schemas_finds_what_does_not_fit() {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    let sound = object_of(&home, 0, &["query", "--json", "SELECT id FROM ticks"]);
    for (pointer, wrong) in [
        ("/row_count", json!("1")),
        ("/row_count", json!(-1)),
        ("/columns/0/type", json!(null)),
        ("/rows/0", json!(7)),
        ("/columns/0", json!({"name": "id", "type": "BIGINT", "more": 1})),
        ("/columns/0", json!({"name": "id"})),
    ] {
        let mut object = sound.clone();
        *object.pointer_mut(pointer).unwrap() = wrong;
        assert_ne!(faults(&schema("query.json"), &object, ""), Vec::<String>::new(), "{object}");
    }
    for key in sound.as_object().unwrap().keys() {
        let mut object = sound.clone();
        object.as_object_mut().unwrap().remove(key);
        assert_ne!(faults(&schema("query.json"), &object, ""), Vec::<String>::new(), "{key}");
    }
    let used = include_str!("json_schema.rs");
    for file in netsky_testing::names_in(&folder()) {
        assert!(used.contains(&format!("\"{file}\"")), "no command is checked with {file}");
    }
}
