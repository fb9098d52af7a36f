//! Rows as they are recorded.

use std::collections::BTreeMap;
use std::io::Write;

use netsky_db::Db;
use serde_json::{Value, json};

use crate::Client;
use crate::reading::Reading;

/// A stream of events.
struct Stream {
    client: Client,
    rest: String,
}

impl Stream {
    fn open(server: &Reading, query: &str, header: &str) -> Self {
        let mut client = Client::connect(server.address);
        let head = format!("GET /events?{query} HTTP/1.1\r\nhost: {}\r\n", server.address);
        write!(client.stream.get_mut(), "{head}authorization: Bearer secret\r\n{header}\r\n")
            .unwrap();
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            std::io::BufRead::read_line(&mut client.stream, &mut line).unwrap();
            assert!(!line.starts_with("HTTP") || line.contains(" 200 "), "{line}");
        }
        Self { client, rest: String::new() }
    }

    /// The next line; `None` at the end.
    fn line(&mut self) -> Option<String> {
        loop {
            if let Some((line, rest)) = self.rest.split_once('\n') {
                let line = line.to_owned();
                self.rest = rest.to_owned();
                return Some(line);
            }
            self.rest += &String::from_utf8(self.client.chunk().unwrap()?).unwrap();
        }
    }

    /// The next event's id and row.
    fn event(&mut self) -> Option<(i64, Value)> {
        let mut id = None;
        loop {
            let line = self.line()?;
            if let Some(found) = line.strip_prefix("id: ") {
                id = Some(found.parse().unwrap());
            } else if let Some(row) = line.strip_prefix("data: ") {
                return Some((id.unwrap(), serde_json::from_str(row).unwrap()));
            }
        }
    }
}

#[test]
fn rows_come_as_queries_show_them() {
    let Some(server) = Reading::start() else { return };
    server.record(2);
    let mut stream = Stream::open(&server, "table=ticks&after=0", "");
    let answer =
        server.send("POST", "/query?format=ndjson", &[], "SELECT * FROM ticks ORDER BY id");
    for (id, line) in (1..).zip(answer.text().lines()) {
        assert_eq!(stream.event(), Some((id, serde_json::from_str(line).unwrap())));
    }
    // Without an id, only new ones.
    let mut new = Stream::open(&server, "table=ticks", "accept: application/x-ndjson\r\n");
    server.record(1);
    assert_eq!(stream.event().unwrap().0, 3);
    let mut line = String::new();
    while line.is_empty() {
        line = new.line().unwrap();
    }
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["id"], 3);
}

#[test]
fn each_row_comes_once_over_reconnects() {
    let Some(server) = Reading::start() else { return };
    let path = server.path();
    Db::open_path(&path).unwrap();
    const WRITERS: i64 = 4;
    const ROWS: i64 = 60;
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let path = &path;
            scope.spawn(move || {
                let db = Db::open_path(path).unwrap();
                for number in 0..ROWS {
                    let row = json!({"source": format!("{writer}"), "detail_json": format!("{{\"n\":{number}}}")});
                    db.record_json("ticks", &row.to_string()).unwrap();
                }
            });
        }
        let mut seen = BTreeMap::new();
        let (mut last, mut step) = (0, 0);
        while seen.len() < (WRITERS * ROWS) as usize {
            let header =
                if step == 0 { String::new() } else { format!("last-event-id: {last}\r\n") };
            let mut stream = Stream::open(&server, "table=ticks&after=0", &header);
            step += 1;
            // Then the connection is lost.
            for _ in 0..(step * 7 % 40 + 1).min((WRITERS * ROWS) as usize - seen.len()) {
                let (id, row) = stream.event().unwrap();
                assert_eq!(id, last + 1);
                assert_eq!(row["id"], id);
                assert!(
                    seen.insert(
                        (row["source"].clone().to_string(), row["detail_json"].clone().to_string()),
                        id
                    )
                    .is_none()
                );
                last = id;
            }
        }
    });
}

#[test]
fn a_condition_leaves_rows_out() {
    let Some(server) = Reading::start() else { return };
    server.record(10);
    let mut stream = Stream::open(&server, "table=ticks&after=0&where=id+%25+5+%3D+0+--+x", "");
    assert_eq!((stream.event().unwrap().0, stream.event().unwrap().0), (5, 10));
    server.record(5);
    assert_eq!(stream.event().unwrap().0, 15);
    for (condition, message) in [("nosuch+%3D+1", "no column named"), ("1+%3D", "")] {
        let answer = server.get(&format!("/events?table=ticks&where={condition}"));
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(answer.text().contains(message), "{}", answer.text());
    }
    assert_eq!(server.get("/events?table=nosuch").status, 400);
    let answer = server.get("/events?table=v_agents");
    assert!(answer.status == 400 && answer.text().contains("is a view"), "{}", answer.text());
}

#[test]
fn a_store_can_be_created_and_replaced_while_it_is_followed() {
    let Some(server) = Reading::start() else { return };
    let mut stream = Stream::open(&server, "table=ticks", "");
    server.record(3);
    for id in 1..=3 {
        assert_eq!(stream.event().unwrap().0, id);
    }
    let other = tempfile::tempdir().unwrap();
    let path = other.path().join("meta.db");
    crate::reading::record(&path, 1);
    std::fs::rename(&path, server.path()).unwrap();
    let mut line = String::new();
    while !line.starts_with("data: ") {
        line = stream.line().unwrap();
    }
    assert!(line.contains("the store was replaced"), "{line}");
    assert_eq!(Stream::open(&server, "table=ticks&after=0", "").event().unwrap().0, 1);
}

#[test]
fn streams_end_when_the_server_stops() {
    let Some(mut server) = Reading::start() else { return };
    let mut stream = Stream::open(&server, "table=ticks", "");
    server.stop();
    let mut last = String::new();
    while let Some(line) = stream.line() {
        if !line.is_empty() {
            last = line;
        }
    }
    assert_eq!(last, ": the server stops");
    server.join();
}
