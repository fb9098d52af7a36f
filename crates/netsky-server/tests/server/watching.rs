//! The store behind the routes that read, and the server's own state.

use std::io::Write;
use std::net::TcpStream;

use crate::Client;
use crate::reading::{ENDLESS, Reading, TOKEN, json};

#[test]
fn an_absent_store_is_served_when_it_is_created() {
    let Some(server) = Reading::start() else { return };
    for path in ["/query?sql=SELECT+1", "/tables", "/healthz"] {
        let answer = server.get(path);
        assert_eq!(answer.status, 503, "{path}: {}", answer.text());
        assert_eq!(json(&answer)["error"]["kind"], "not_found", "{path}");
    }
    assert_eq!(server.metric("netsky_store_up"), 0.0);
    server.record(1);
    for path in ["/query?sql=SELECT+1", "/tables", "/healthz"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
}

#[test]
fn a_replaced_store_is_served() {
    let Some(server) = Reading::start() else { return };
    server.record(3);
    let rows = || json(&server.query("SELECT count(*) AS n FROM ticks"))["rows"][0]["n"].clone();
    assert_eq!(rows(), 3);
    let other = tempfile::tempdir().unwrap();
    let path = other.path().join("meta.db");
    crate::reading::record(&path, 5);
    std::fs::rename(&path, server.path()).unwrap();
    assert_eq!(rows(), 5);
    std::fs::write(server.path(), b"damaged").unwrap();
    assert_eq!(server.query("SELECT 1").status, 503);
    assert_eq!(server.get("/healthz").status, 503);
}

#[test]
fn tables_are_described() {
    let Some(server) = Reading::start() else { return };
    server.record(4);
    let tables = json(&server.get("/tables"));
    let tables = tables["rows"].as_array().unwrap();
    let ticks = tables.iter().find(|row| row["table"] == "ticks").unwrap();
    assert_eq!(ticks["rows"], 4);
    let columns = json(&server.get("/tables/ticks"));
    assert_eq!(columns["rows"][0]["column"], "id");
    assert!(json(&server.get("/tables/v_agents"))["row_count"].as_u64() > Some(0));
    let unknown = server.get("/tables/tick");
    assert_eq!((unknown.status, &json(&unknown)["error"]["nearest"][0]), (404, &"ticks".into()));
    assert_eq!(server.get("/tables/--help").status, 404);
    assert_eq!(server.get("/tables/%00").status, 404);
}

#[test]
fn metrics_count_rows_and_queries() {
    let Some(server) = Reading::start() else { return };
    server.record(4);
    assert_eq!(server.query("SELECT 1").status, 200);
    assert_eq!(server.query("SELECT x").status, 400);
    assert_eq!(server.metric("netsky_table_rows{table=\"ticks\"}"), 4.0);
    assert!(server.metric("netsky_table_bytes{table=\"ticks\"}") > 0.0);
    assert!(server.metric("netsky_table_newest_row_age_seconds{table=\"ticks\"}") > 0.0);
    assert_eq!(server.metric("netsky_queries_total{outcome=\"ok\"}"), 1.0);
    assert_eq!(server.metric("netsky_queries_total{outcome=\"invalid\"}"), 1.0);
    assert!(server.metric("netsky_query_seconds_sum") > 0.0);
}

#[test]
fn five_hundred_connections_do_not_stop_others() {
    let Some(server) = Reading::start() else { return };
    server.record(1);
    let idle: Vec<_> = (0..500)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address).unwrap();
            stream.write_all(b"GET /que").unwrap();
            stream
        })
        .collect();
    assert_eq!(server.query("SELECT 1").status, 200);
    drop(idle);
}

#[test]
fn queries_that_run_at_the_end_are_killed() {
    let Some(mut server) = Reading::start() else { return };
    server.record(3_000);
    let endless = server.begin(ENDLESS);
    server.until("netsky_child_processes", 1.0);
    server.stop();
    server.join();
    drop(endless);
    #[cfg(target_os = "linux")]
    while server.processes() > 0 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let refused = TcpStream::connect(server.address)
        .and_then(|_| Client::connect(server.address).try_send("GET", "/metrics", &[TOKEN], b""));
    assert!(refused.is_err());
}
