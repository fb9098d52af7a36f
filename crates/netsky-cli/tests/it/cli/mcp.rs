//! `netsky mcp`, by a client that speaks the protocol on pipes, and by the official one for Python.

mod client;
mod python;

use std::fs;
use std::thread::{available_parallelism, sleep};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use self::client::{BEFORE_TIMEOUT, Client, MAX_LINE_BYTES, home};
use super::Home;

/// It runs for longer than any test.
const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b, \
                       generate_series(1, 100000) c WHERE a.value * b.value * c.value = 7";

#[test]
fn every_version_of_the_protocol_is_spoken() {
    let home = home();
    for (asked, got) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ] {
        let mut client = Client::start(&home, &[]);
        let about = client.ok("initialize", json!({"protocolVersion": asked, "capabilities": {}}));
        assert_eq!(about["protocolVersion"], got);
        assert_eq!(about["serverInfo"]["name"], "netsky");
        assert!(about["instructions"].as_str().unwrap().contains("UTC"), "{about}");
        client.notify("notifications/initialized", json!({}));
        assert_eq!(client.ok("ping", json!({})), json!({}));
    }
    // The newest has no initialize; each request says what it is of.
    let mut client = Client::start(&home, &[]);
    let meta = |version: &str| json!({"io.modelcontextprotocol/protocolVersion": version});
    let about = client.ok("server/discover", json!({"_meta": meta("2026-07-28")}));
    assert!(about["supportedVersions"].as_array().unwrap().contains(&json!("2026-07-28")));
    for method in ["tools/list", "resources/list", "resources/templates/list"] {
        let list = client.ok(method, json!({"_meta": meta("2026-07-28")}));
        assert_eq!(
            (&list["resultType"], &list["cacheScope"]),
            (&json!("complete"), &json!("private"))
        );
        assert!(list["ttlMs"].is_u64());
        assert_eq!(client.ok(method, json!({}))["resultType"], Value::Null);
    }
    let call = json!({"_meta": meta("2026-07-28"), "name": "query", "arguments": {"sql": "SELECT 1 AS a"}});
    assert_eq!(client.ok("tools/call", call)["resultType"], "complete");
    let error = client.fails("ping", json!({"_meta": meta("2099-01-01")}));
    assert_eq!(
        (&error["code"], &error["data"]["requested"]),
        (&json!(-32022), &json!("2099-01-01"))
    );
    let unknown = json!({"_meta": meta("2026-07-28"), "uri": "netsky://x"});
    assert_eq!(client.fails("resources/read", unknown)["code"], -32602);
}

#[test]
fn every_tool_answers_in_the_shape_that_the_docs_promise() {
    let home = home();
    let mut client = Client::start(&home, &[]);
    let listed = client.ok("tools/list", json!({}));
    let tools = listed["tools"].as_array().unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["schema", "query", "cost", "top", "sessions", "timeline", "functions"]);
    for tool in tools {
        assert_eq!(tool["annotations"]["readOnlyHint"], true, "{tool}");
        assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{tool}");
        for (_, schema) in tool["inputSchema"]["properties"].as_object().unwrap() {
            assert!(schema["description"].as_str().is_some_and(|doc| doc.len() > 10), "{tool}");
        }
    }
    // What a model reads at each start.
    assert!(listed.to_string().len() < 9_000, "{}", listed.to_string().len());

    assert!(client.call("schema", json!({})).0.contains("\nmessages(ts_utc time, source"));
    for (tool, arguments, column) in [
        ("schema", json!({"table": "v_timeline"}), "what"),
        ("query", json!({"sql": "SELECT count(*) AS n FROM ticks"}), "n"),
        ("cost", json!({"by": "model", "since": "400d", "agent": null}), "usd"),
        ("top", json!({"since": "7d"}), "state"),
        ("sessions", json!({"agent": "a", "since": "2026-01-01", "limit": 3}), "session_id"),
        ("timeline", json!({"limit": 5, "since": "400d"}), "table_name"),
        ("functions", json!({"pattern": "json_*"}), "function"),
    ] {
        let (text, object, is_error) = client.call(tool, arguments);
        assert!(!is_error, "{tool}: {text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), object, "{tool}");
        let columns = object["columns"].as_array().unwrap();
        assert!(columns.iter().any(|found| found["name"] == column), "{tool}: {text}");
        assert_eq!(object["row_count"], object["rows"].as_array().unwrap().len(), "{tool}");
        assert_eq!(object["truncated"], false, "{tool}");
    }
}

#[test]
fn parameters_have_values_by_name_and_by_number() {
    let home = home();
    let mut client = Client::start(&home, &[]);
    let sql = "SELECT count(*) AS n FROM ticks WHERE source = $source AND id > $id::bigint";
    let by_name = json!({"sql": sql, "params": {"source": "cron", "id": 3}});
    assert_eq!(client.call("query", by_name).1["rows"], json!([{"n": 4}]));
    let sql = "SELECT $1 || $2::text AS x, $3::boolean AS y";
    let in_order = json!({"sql": sql, "params": ["--db=", -1.5, true]});
    assert_eq!(client.call("query", in_order).1["rows"], json!([{"x": "--db=-1.5", "y": true}]));
}

#[test]
fn failures_of_a_call_are_results_that_say_what_to_do() {
    let home = home();
    let mut client = Client::start(&home, &[]);
    for (tool, arguments, kind, expected) in [
        (
            "query",
            json!({"sql": "SELECT sorce FROM ticks"}),
            "invalid_input",
            "no column named 'sorce'",
        ),
        ("query", json!({"sql": "DELETE FROM ticks"}), "invalid_input", "read-only"),
        ("query", json!({"sql": ""}), "invalid_input", ""),
        ("query", json!({}), "usage", "sql is missing"),
        ("query", json!({"sql": 7}), "usage", "sql must be a string"),
        ("query", json!({"sql": "SELECT 1", "max_rows": 0}), "usage", "an integer from 1 to 10000"),
        ("query", json!({"sql": "SELECT 1", "params": [[]]}), "usage", "params must be an object"),
        ("query", json!({"sql": "SELECT 1", "limit": 1}), "usage", "no parameter named 'limit'"),
        ("schema", json!({"table": "tick"}), "invalid_input", "did you mean 'ticks'?"),
        ("schema", json!({"table": "--json"}), "invalid_input", "--json"),
        ("cost", json!({"by": "agnet"}), "usage", "by must be one of hour, day"),
        ("cost", json!({"since": "--help"}), "usage", "expected a time"),
        ("timeline", json!({"of": "a\u{0}b"}), "io", "nul byte"),
    ] {
        let (text, object, is_error) = client.call(tool, arguments.clone());
        assert!(is_error, "{tool} {arguments}: {text}");
        let error = &object["error"];
        assert_eq!(error["kind"], kind, "{text}");
        assert!(error["message"].as_str().unwrap().contains(expected), "{text}");
        for name in ["code", "hint", "position", "nearest"] {
            assert!(error.get(name).is_some(), "{text}");
        }
    }
    let (_, object, _) = client.call("query", json!({"sql": "SELECT sorce FROM ticks"}));
    assert_eq!(object["error"]["nearest"], json!(["source"]));
    assert_eq!(object["error"]["position"], json!({"line": 1, "column": 8}));
}

#[test]
fn a_missing_store_is_a_failure_with_a_hint() {
    let home = Home::new();
    let mut client = Client::start(&home, &[]);
    let (text, object, is_error) = client.call("query", json!({"sql": "SELECT 1"}));
    assert!(is_error && object["error"]["kind"] == "not_found", "{text}");
    assert!(object["error"]["hint"].is_string(), "{text}");
    assert!(!home.path(".netsky").exists());
    // The same server finds the store as soon as there is one.
    home.ok(&["record", "ticks", r#"{"source":"cron","detail_json":"{}"}"#]);
    assert!(!client.call("query", json!({"sql": "SELECT 1"})).2);
}

#[test]
fn large_answers_are_cut_to_whole_rows_and_say_how_to_go_on() {
    let home = home();
    let mut client = Client::start(&home, &[]);
    let sql = "SELECT value AS id, repeat('é', 20) AS text FROM generate_series(1, 5000)";
    let (text, object, _) = client.call("query", json!({"sql": sql}));
    assert!((30_000..33_000).contains(&text.len()), "{}", text.len());
    assert_eq!(object["truncated"], true);
    assert!(object["more"].as_str().unwrap().contains("LIMIT and OFFSET"), "{object}");
    let (text, _, _) = client.call("query", json!({"sql": sql, "max_bytes": 1_000}));
    assert!(text.len() < 1_400, "{}", text.len());
    let (_, object, _) = client.call("query", json!({"sql": sql, "max_rows": 7}));
    assert_eq!((&object["row_count"], &object["truncated"]), (&json!(7), &json!(true)));
    let sql = "SELECT repeat('x', 50000) AS x";
    let (_, object, _) = client.call("query", json!({"sql": sql}));
    assert!(object["more"].as_str().unwrap().contains("first row is larger"), "{object}");

    let (_, object, _) = client.call("functions", json!({"max_bytes": 2_000}));
    assert_eq!(object["rows"].as_array().unwrap().len(), object["row_count"]);
    assert!(object["total_rows"].as_u64() > object["row_count"].as_u64(), "{object}");
    // Of a timeline, the newest events stay.
    let all = client.call("timeline", json!({"limit": 100})).1;
    let some = client.call("timeline", json!({"limit": 100, "max_bytes": 1_000})).1;
    assert_eq!(some["rows"].as_array().unwrap().last(), all["rows"].as_array().unwrap().last());
    assert_eq!((&some["truncated"], &all["truncated"]), (&json!(true), &json!(false)));
}

#[test]
fn resources_have_the_schema_the_functions_and_the_skill() {
    let home = home();
    let mut client = Client::start(&home, &[]);
    let listed = client.ok("resources/list", json!({}));
    for resource in listed["resources"].as_array().unwrap() {
        let read = client.ok("resources/read", json!({"uri": resource["uri"]}));
        assert_eq!(read["contents"][0]["uri"], resource["uri"]);
        assert!(read["contents"][0]["text"].as_str().unwrap().len() > 1_000, "{resource}");
    }
    let text = |read: Value| read["contents"][0]["text"].as_str().unwrap().to_owned();
    let skill = client.ok("resources/read", json!({"uri": "netsky://skill"}));
    assert!(text(skill).contains("# netsky for agents"));
    let table = client.ok("resources/read", json!({"uri": "netsky://schema/ticks"}));
    assert!(text(table).contains("| detail_json | text |"));
    for uri in ["netsky://schema/tick", "netsky://schema/", "netsky://", "file:///etc/passwd"] {
        assert_eq!(client.fails("resources/read", json!({"uri": uri}))["code"], -32002, "{uri}");
    }
    assert_eq!(client.fails("resources/read", json!({}))["code"], -32602);
}

#[test]
fn rows_are_recorded_only_if_that_is_allowed() {
    let home = home();
    let call = json!({"name": "record", "arguments": {"table": "ticks", "row": {"source": "mcp", "detail_json": {"a": 1}}}});
    let error = Client::start(&home, &[]).fails("tools/call", call.clone());
    assert_eq!(error["code"], -32602);
    let mut client = Client::start(&home, &["--allow-record"]);
    let listed = client.ok("tools/list", json!({}));
    let record = listed["tools"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&record["name"], &record["annotations"]["readOnlyHint"]),
        (&json!("record"), &json!(false))
    );
    let recorded = client.ok("tools/call", call);
    assert_eq!(recorded["structuredContent"], json!({"table": "ticks", "id": 8}));
    let sql = "SELECT detail_json FROM ticks WHERE source = 'mcp'";
    assert_eq!(
        client.call("query", json!({"sql": sql})).1["rows"],
        json!([{"detail_json": "{\"a\":1}"}])
    );
    let wrong = json!({"table": "ticks", "row": {"sorce": "mcp"}});
    let (text, _, is_error) = client.call("record", wrong);
    assert!(is_error && text.contains("sorce"), "{text}");
}

#[test]
fn broken_input_gets_an_error_and_the_next_request_an_answer() {
    let home = home();
    let mut client = Client::start(&home, &[]);
    for (line, code) in [
        (&b"{"[..], -32700),
        (b"\xff\xfe", -32700),
        (b"null", -32600),
        (b"[]", -32600),
        (br#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, -32600),
        (br#"{"jsonrpc":"2.0","id":1,"params":{}}"#, -32600),
        (&vec![b'['; 2 * MAX_LINE_BYTES], -32700),
        (&vec![b'['; MAX_LINE_BYTES - 1], -32700),
    ] {
        client.send_bytes(line);
        let answer = client.receive();
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(code), &Value::Null));
        assert_eq!(client.ok("ping", json!({})), json!({}));
    }
    client.send_bytes(b"\r\n\n  \n");
    client.send_bytes(br#"{"jsonrpc":"2.0","id":7,"result":{}}"#);
    client.notify("notifications/nosuch", json!([]));
    client.notify("notifications/cancelled", json!({"requestId": {"a": 1}}));
    assert_eq!(client.fails("nosuch/method", json!({}))["code"], -32601);
    for params in [
        json!({}),
        json!([]),
        json!(7),
        json!({"name": 7}),
        json!({"name": "query", "arguments": []}),
    ] {
        assert_eq!(client.fails("tools/call", params.clone())["code"], -32602, "{params}");
    }
}

#[test]
fn a_cancelled_call_ends_its_process_and_gets_no_answer() {
    let home = home();
    let mut client = Client::start(&home, &[]);
    let id = client.request("tools/call", json!({"name": "query", "arguments": {"sql": ENDLESS}}));
    client.until_busy();
    client.notify("notifications/cancelled", json!({"requestId": id}));
    client.until_children(0);
    // The next answer is that of the next request.
    assert_eq!(client.ok("ping", json!({})), json!({}));
}

#[test]
fn calls_are_answered_after_the_input_has_ended() {
    let home = home();
    let mut client = Client::start(&home, &[]);
    client.request("tools/call", json!({"name": "query", "arguments": {"sql": "SELECT 1 AS a"}}));
    let (code, out, err) = client.end();
    assert_eq!((code, &*err), (0, ""));
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(answer["result"]["structuredContent"]["rows"], json!([{"a": 1}]));
}

#[test]
fn calls_end_with_a_server_that_is_killed() {
    let home = home();
    let mut client = Client::start(&home, &[]);
    client.request("tools/call", json!({"name": "query", "arguments": {"sql": ENDLESS}}));
    let child = client.until_busy();
    client.kill();
    let started = Instant::now();
    let is_gone = |stat: &String| stat.contains(") Z");
    while fs::read_to_string(format!("/proc/{child}/stat")).is_ok_and(|stat| !is_gone(&stat)) {
        assert!(started.elapsed() < BEFORE_TIMEOUT, "{child}");
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn as_many_calls_run_as_there_are_cores_and_others_wait() {
    let cores = available_parallelism().unwrap().get();
    let home = home();
    let mut client = Client::start(&home, &[]);
    let call = json!({"name": "query", "arguments": {"sql": ENDLESS}});
    let ids: Vec<u64> =
        (0..cores + 64).map(|_| client.request("tools/call", call.clone())).collect();
    client.until_children(cores);
    // No more may wait.
    let error = client.fails("tools/call", call);
    assert!(error["message"].as_str().unwrap().contains("try again later"), "{error}");
    // Requests without a process are answered meanwhile.
    assert_eq!(client.ok("ping", json!({})), json!({}));
    assert_eq!(client.children().len(), cores);
    for id in &ids[1..] {
        client.notify("notifications/cancelled", json!({"requestId": id}));
    }
    client.until_children(1);
    client.notify("notifications/cancelled", json!({"requestId": ids[0]}));
    let (_, object, _) = client.call("query", json!({"sql": "SELECT 1 AS a"}));
    assert_eq!(object["rows"], json!([{"a": 1}]));
}

#[test]
fn answers_of_concurrent_calls_find_their_requests() {
    let home = home();
    let mut client = Client::start(&home, &[]);
    let ids: Vec<u64> = (0..20)
        .map(|n| {
            let sql = format!("SELECT {n} AS n");
            client.request("tools/call", json!({"name": "query", "arguments": {"sql": sql}}))
        })
        .collect();
    for _ in &ids {
        let answer = client.receive();
        let n = ids.iter().position(|id| answer["id"] == *id).unwrap();
        assert_eq!(answer["result"]["structuredContent"]["rows"], json!([{"n": n}]));
    }
}

#[test]
fn times_are_in_utc_and_the_given_store_is_asked() {
    let home = home();
    let call = r#"{"model":"opus","agent":"a","ts_utc":"2026-04-15T23:30:00Z"}"#;
    let other = home.path("other.db");
    home.ok(&["--db", other.to_str().unwrap(), "record", "token_usage", call]);
    let mut command = home.command(&["mcp", "--db", "other.db"]);
    command.env("NETSKY_TZ", "Asia/Tokyo").current_dir(home.path(""));
    let mut client = Client::spawn(command);
    let rows = &client.call("cost", json!({"by": "day", "since": "2026-04-15"})).1["rows"];
    assert_eq!((&rows[0]["day"], &rows[0]["calls"]), (&json!("2026-04-15"), &json!(1)));
    assert_eq!(client.call("cost", json!({"since": "2026-04-16"})).1["row_count"], 0);
}

#[test]
fn the_server_is_registered_with_agents() {
    let home = Home::new();
    for (agent, file) in [("claude-code", ".claude.json"), ("codex", ".codex/config.toml")] {
        home.run(&["hook", "install", agent, "--mcp", "--yes"]);
        let text = fs::read_to_string(home.path(file)).unwrap();
        assert!(text.contains(env!("CARGO_BIN_EXE_netsky")) && text.contains("\"mcp\""), "{text}");
        let status = home.ok(&["hook", "status", agent]);
        assert!(status.contains("asks netsky by MCP"), "{status}");
        home.run(&["hook", "uninstall", agent, "--yes"]);
        let text = fs::read_to_string(home.path(file)).unwrap();
        assert!(!text.contains("netsky"), "{text}");
    }
}
