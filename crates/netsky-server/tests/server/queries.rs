//! Queries and their answers.

use std::io::{Read, Write};
use std::time::Duration;

use netsky_server::ServerOptions;
use serde_json::json;

use crate::Client;
use crate::reading::{ENDLESS, Reading, json};

#[test]
fn answers_come_in_every_format() {
    let Some(server) = Reading::start() else { return };
    server.record(3);
    let sql = "SELECT id, source FROM ticks ORDER BY id LIMIT 1";
    let get = |format: &str, accept: &str| {
        let path = format!("/query?format={format}");
        let answer = server.send("POST", &path, &[("accept", accept)], sql);
        assert_eq!(answer.status, 200, "{format}: {}", answer.text());
        answer
    };
    let answer = json(&get("", "*/*"));
    assert_eq!(
        (&answer["row_count"], &answer["rows"]),
        (&json!(1), &json!([{"id": 1, "source": "s"}]))
    );
    assert_eq!(get("ndjson", "").text(), "{\"id\":1,\"source\":\"s\"}\n");
    assert_eq!(get("csv", "").text(), "id,source\n1,s\n");
    assert_eq!(get("", "text/tab-separated-values").text(), "id\tsource\n1\ts\n");
    assert!(get("markdown", "").text().starts_with("| id"));
    assert!(get("arrow", "").body.starts_with(&[0xff, 0xff, 0xff, 0xff]));
    let parquet = get("", "application/vnd.apache.parquet");
    assert!(parquet.body.starts_with(b"PAR1") && parquet.body.ends_with(b"PAR1"));
    assert_eq!(parquet.headers["content-type"], "application/vnd.apache.parquet");
    let answer = server.get("/query?q=SELECT+1+AS+a&format=csv");
    assert_eq!(answer.text(), "a\n1\n");
    assert_eq!(server.send("HEAD", "/query?q=SELECT+1", &[], "").status, 200);
}

/// The ids of the processes that are asked about the store.
#[cfg(target_os = "linux")]
fn processes(store: &std::path::Path) -> Vec<String> {
    let store = store.to_str().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().map(|process| process.unwrap().path());
    // That of another test may end meanwhile.
    let asked = processes.filter(|process| {
        let line = std::fs::read_to_string(process.join("cmdline")).unwrap_or_default();
        line.contains("query-backend") && line.contains(store)
    });
    asked.map(|process| process.display().to_string()).collect()
}

#[test]
#[cfg(target_os = "linux")]
fn a_process_answers_one_query_after_another() {
    let Some(server) = Reading::start() else { return };
    server.record(1);
    assert_eq!(server.query("SELECT 1").status, 200);
    let first = processes(&server.path());
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!(server.query("SELECT nosuch").status, 400);
    assert_eq!(server.query("SELECT count(*) FROM ticks").status, 200);
    assert_eq!(processes(&server.path()), first);
}

#[test]
fn parameters_and_limits_reach_the_query() {
    let Some(server) = Reading::start() else { return };
    server.record(9);
    let post = |body: serde_json::Value| {
        let headers = [("content-type", "application/json")];
        let answer = server.send("POST", "/query", &headers, &body.to_string());
        assert_eq!(answer.status, 200, "{}", answer.text());
        json(&answer)
    };
    let answer = post(
        json!({"sql": "SELECT id FROM ticks WHERE id > $1 AND source = $2", "params": [7, "s"]}),
    );
    assert_eq!(answer["rows"], json!([{"id": 8}, {"id": 9}]));
    let answer =
        post(json!({"query": "SELECT id FROM ticks WHERE id < $last", "params": {"last": "2"}}));
    assert_eq!(answer["rows"], json!([{"id": 1}]));
    let answer = post(json!({"sql": "SELECT $1 AS a", "params": ["--version"]}));
    assert_eq!(answer["rows"], json!([{"a": "--version"}]));
    let answer = post(json!({"sql": "SELECT id FROM ticks", "max_rows": 2}));
    assert_eq!((&answer["row_count"], &answer["truncated"]), (&json!(2), &json!(true)));
}

#[test]
fn a_failed_query_has_a_status_and_its_error() {
    let Some(server) = Reading::start() else { return };
    server.record(1);
    for format in ["json", "csv", "ndjson", "arrow"] {
        let answer =
            server.send("POST", &format!("/query?format={format}"), &[], "SELECT sorce FROM ticks");
        assert_eq!(answer.status, 400, "{format}");
        let error = &json(&answer)["error"];
        assert_eq!((&error["code"], &error["kind"]), (&json!(1), &json!("invalid_input")));
        assert_eq!(error["nearest"], json!(["source"]));
        assert_eq!(error["position"], json!({"line": 1, "column": 8}));
        assert!(error["message"].as_str().unwrap().contains("no column named 'sorce'"));
    }
    assert_eq!(server.query("SELECT 1/0").status, 400);
    assert_eq!(server.query("SELECT (").status, 400);
    assert_eq!(server.query(" ").status, 400);
}

#[test]
fn writes_are_refused_by_name() {
    let Some(server) = Reading::start() else { return };
    server.record(1);
    for (sql, name) in [
        ("DROP TABLE ticks", "DROP"),
        ("CREATE TABLE t AS SELECT 1", "CREATE"),
        ("INSERT INTO ticks VALUES (1)", "INSERT"),
        ("DELETE FROM ticks", "DELETE"),
        ("UPDATE ticks SET source = 'x'", "UPDATE"),
        ("COPY ticks TO '/tmp/x.csv'", "COPY"),
        ("SELECT 1; DROP TABLE ticks", ""),
        ("EXPLAIN ANALYZE DELETE FROM ticks", "DELETE"),
    ] {
        let answer = server.query(sql);
        assert_eq!(answer.status, 400, "{sql}: {}", answer.text());
        assert!(answer.text().contains(name), "{sql}: {}", answer.text());
    }
    assert_eq!(json(&server.query("SELECT count(*) AS n FROM ticks"))["rows"][0]["n"], 1);
}

#[test]
fn a_failure_in_mid_stream_cuts_the_connection() {
    let Some(server) = Reading::start() else { return };
    server.record(1);
    // Row by row, so that the failing one comes after many.
    let sql = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 2000) \
               SELECT n, repeat('x', 100) AS text, 1 / (1900 - n) AS x FROM t";
    // The object of JSON begins with the number of rows, so it is written at the end.
    assert_eq!(server.query(sql).status, 400);
    for format in ["csv", "ndjson"] {
        let mut client = Client::connect(server.address);
        let headers = [crate::reading::TOKEN, ("accept", "*/*")];
        let path = format!("/query?format={format}");
        let sent = client.try_send("POST", &path, &headers, sql.as_bytes());
        // The head has 200 already, so only the missing end says it.
        assert!(sent.is_err(), "{format}");
    }
    let mut client = Client::connect(server.address);
    let head = format!("POST /query?format=ndjson HTTP/1.1\r\nhost: {}\r\n", server.address);
    let rest =
        format!("authorization: Bearer secret\r\ncontent-length: {}\r\n\r\n{sql}", sql.len());
    client.stream.get_mut().write_all((head + &rest).as_bytes()).unwrap();
    let mut all = Vec::new();
    let _ = client.stream.read_to_end(&mut all);
    let text = String::from_utf8_lossy(&all);
    let last = text.lines().rfind(|line| line.starts_with('{')).unwrap();
    assert!(last.starts_with("{\"error\":") && last.contains("Divide by zero"), "{last}");
    server.until("netsky_queries_total{outcome=\"invalid\"}", 4.0);
}

#[test]
#[cfg(target_os = "linux")]
fn the_query_of_a_vanished_client_is_killed() {
    let Some(server) = Reading::start() else { return };
    server.record(3_000);
    let endless = server.begin(ENDLESS);
    server.until("netsky_child_processes", 1.0);
    assert_eq!(server.processes(), 1);
    drop(endless);
    server.until("netsky_child_processes", 0.0);
    assert_eq!(server.processes(), 0);
    assert_eq!(server.metric("netsky_queries_total{outcome=\"cancelled\"}"), 1.0);
    // One that has begun to answer.
    let mut begun = server.begin("SELECT a.id, repeat('x', 100) AS text FROM ticks a, ticks b");
    begun.stream.read_exact(&mut [0; 1_000]).unwrap();
    assert_eq!(server.processes(), 1);
    drop(begun);
    server.until("netsky_child_processes", 0.0);
    assert_eq!(server.processes(), 0);
}

#[test]
fn a_long_query_is_timed_out() {
    let Some(server) =
        Reading::with(ServerOptions::new(), |it| it.timeout(Duration::from_millis(1_500)))
    else {
        return;
    };
    server.record(3_000);
    let answer = server.query(ENDLESS);
    assert_eq!(answer.status, 504, "{}", answer.text());
    assert_eq!(json(&answer)["error"]["kind"], "timeout");
    server.until("netsky_child_processes", 0.0);
}

#[test]
fn a_client_that_reads_nothing_is_cut_off() {
    let options = ServerOptions::new().stall_timeout(Duration::from_millis(500));
    let Some(server) = Reading::with(options, |it| it.timeout(Duration::from_secs(600))) else {
        return;
    };
    server.record(3_000);
    let begun = server.begin("SELECT a.id, repeat('x', 1000) AS text FROM ticks a, ticks b");
    server.until("netsky_child_processes", 1.0);
    server.until("netsky_child_processes", 0.0);
    drop(begun);
}

#[test]
fn endless_queries_leave_room_for_others() {
    let set = |it: netsky_server::Queries| it.max_running(2).timeout(Duration::from_secs(600));
    let Some(server) = Reading::with(ServerOptions::new(), set) else { return };
    server.record(3_000);
    let endless = [server.begin(ENDLESS), server.begin(ENDLESS)];
    server.until("netsky_child_processes", 2.0);
    for _ in 0..5 {
        assert_eq!(server.query("SELECT 1").status, 200);
    }
    server.until("netsky_child_processes", 2.0);
    // As many long ones again keep the places. Then four wait, and three are too many.
    let more: Vec<_> = (0..9).map(|_| server.begin(ENDLESS)).collect();
    while server.metric("netsky_queries_total{outcome=\"refused\"}") < 3.0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    let answer = server.query("SELECT 1");
    assert_eq!((answer.status, answer.headers["retry-after"].as_str()), (429, "1"));
    assert_eq!(json(&answer)["error"]["kind"], "busy");
    server.until("netsky_child_processes", 4.0);
    drop((endless, more));
    server.until("netsky_child_processes", 0.0);
    assert_eq!(server.query("SELECT 1").status, 200);
}

#[test]
fn long_requests_are_refused() {
    let Some(server) = Reading::start() else { return };
    server.record(1);
    let sql = format!("SELECT '{}'", "x".repeat(10 << 20));
    let answer = server.query(&sql);
    assert_eq!(answer.status, 413);
    assert_eq!(json(&answer)["error"]["kind"], "usage");
    assert_eq!(server.query(&sql[..70_000]).status, 413);
    let list = vec!["1"; 20_000].join("+");
    assert_ne!(server.query(&format!("SELECT {list}")).status, 200);
    assert_eq!(server.query("SELECT 1").status, 200);
}
