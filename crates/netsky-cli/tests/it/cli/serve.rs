//! `netsky serve`

mod clients;
mod hooks;
mod real_agents;
#[cfg(unix)]
mod wire;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::cli::Home;

/// A server, and the address that it has said. It is killed when this is dropped.
struct Server {
    process: Child,
    _out: BufReader<ChildStdout>,
    address: String,
}

impl Server {
    fn start(home: &Home, args: &[&str]) -> Self {
        Self::start_with(home, &[&["--otlp"], args].concat())
    }

    fn start_with(home: &Home, args: &[&str]) -> Self {
        let args = [&["serve", "--listen", "127.0.0.1:0"], args].concat();
        // The tests may run where signals are ignored, which would be inherited.
        let mut process = Command::new("env")
            .args(["--default-signal=INT,TERM", env!("CARGO_BIN_EXE_netsky")])
            .args(&args)
            .env("HOME", home.path(""))
            .env_remove("NETSKY_DB")
            .env_remove("CLAUDE_CONFIG_DIR")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).and_then(|rest| rest.split(' ').next());
        Self { process, _out: out, address: address.unwrap().to_owned() }
    }

    /// Posts a call and returns the answer's first line.
    fn post(&self, request_id: &str, header: &str) -> String {
        let text = |key: &str, value: &str| {
            format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#)
        };
        let attributes = [
            text("session.id", "0a-1"),
            text("event.name", "claude_code.api_request"),
            text("model", "claude-opus-5-5"),
            text("input_tokens", "7"),
            text("output_tokens", "100"),
            text("request_id", request_id),
        ]
        .join(",");
        let body = format!(
            r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"timeUnixNano":"1795471366224000000","attributes":[{attributes}]}}]}}]}}]}}"#
        );
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "POST /v1/logs HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\n{header}content-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.lines().next().unwrap_or_default().to_owned()
    }

    /// Sends a signal, and returns the exit code and what was written to standard error.
    fn end(mut self, signal: &str) -> (Option<i32>, String) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        let mut error = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut error).unwrap();
        (self.process.wait().unwrap().code(), error)
    }

    /// What serve.json says.
    fn token(&self, home: &Home) -> String {
        let file = std::fs::read_to_string(home.path(".netsky/serve.json")).unwrap();
        let file: serde_json::Value = serde_json::from_str(&file).unwrap();
        assert_eq!(file["pid"], self.process.id());
        assert!(self.address.ends_with(&format!(":{}", file["port"])));
        file["token"].as_str().unwrap().to_owned()
    }

    /// Sends a query, and does not wait for the answer.
    fn begin(&self, home: &Home, sql: &str) -> TcpStream {
        let token = self.token(home);
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "POST /query?format=csv HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n{sql}",
            sql.len()
        )
        .unwrap();
        stream
    }

    fn query(&self, home: &Home, sql: &str) -> String {
        let mut answer = String::new();
        self.begin(home, sql).read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn queries_are_answered_until_the_server_is_stopped() {
    let home = Home::new();
    let server = Server::start_with(&home, &[]);
    // The store need not exist.
    assert!(server.query(&home, "SELECT 1").starts_with("HTTP/1.1 503"));
    home.ok(&["record", "ticks", r#"{"source":"cron","detail_json":"{}"}"#]);
    let answer = server.query(&home, "SELECT source FROM ticks");
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\nsource\ncron\n"),
        "{answer}"
    );
    // It does not keep the store open.
    let backup = home.path("backup.db").display().to_string();
    home.ok(&["backup", &backup]);
    home.run(&["restore", &backup, "--force"]);
    assert!(server.query(&home, "SELECT source FROM ticks").contains("cron"));
    let (code, error) = server.end("-TERM");
    assert_eq!(code, Some(0), "{error}");
    assert!(error.contains("/#token="), "{error}");
    assert!(!home.path(".netsky/serve.json").exists());
}

#[test]
fn a_second_server_says_where_the_first_is() {
    let home = Home::new();
    let server = Server::start_with(&home, &[]);
    let error = home.fails(3, &["serve", "--listen", "127.0.0.1:0"]);
    assert!(error.contains(&server.address) && error.contains("--open"), "{error}");
    assert!(home.run(&["doctor"]).out.contains(&format!("runs at http://{}", server.address)));
    // Another store has a server of its own.
    let other = home.path("other.db").display().to_string();
    assert_eq!(Server::start_with(&home, &["--db", &other]).end("-INT").0, Some(0));
    drop(server);
    assert!(home.run(&["doctor"]).out.contains("was killed"));
    assert_eq!(Server::start_with(&home, &[]).end("-INT").0, Some(0));
}

/// How many processes are children of servers of a store.
#[cfg(target_os = "linux")]
fn processes(store: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|process| {
            let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            line.starts_with(b"netsky\0--db\0") && String::from_utf8_lossy(&line).contains(store)
        })
        .count()
}

#[test]
#[cfg(target_os = "linux")]
fn queries_end_with_a_killed_server() {
    let home = Home::new();
    let rows = "{\"ts_utc\":\"2026-04-15T23:00:00Z\",\"source\":\"s\",\"detail_json\":\"{}\"}\n"
        .repeat(3_000);
    let file = home.file("ticks.ndjson", rows);
    home.run(&["import", "ticks", &file]);
    let store = home.path(".netsky/meta.db").display().to_string();
    let server = Server::start_with(&home, &[]);
    let sql = "SELECT count(*) FROM ticks a, ticks b, ticks c, ticks d WHERE a.id + b.id + c.id + d.id < 0";
    let _running = server.begin(&home, sql);
    let wait_for = |count| {
        while processes(&store) != count {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    wait_for(1);
    drop(server);
    wait_for(0);
}

#[test]
fn requests_are_recorded_until_ctrl_c() {
    let home = Home::new();
    let projects = home.path(".claude/projects/-home-dev-shop");
    std::fs::create_dir_all(&projects).unwrap();
    std::fs::write(projects.join("0a-1.jsonl"), "{\"cwd\":\"/home/dev/shop\"}\n").unwrap();
    let server = Server::start(&home, &[]);
    for id in ["req_1", "req_2", "req_1"] {
        assert_eq!(server.post(id, ""), "HTTP/1.1 200 OK");
    }
    let (code, error) = server.end("-INT");
    assert_eq!(code, Some(0), "{error}");
    assert!(error.contains("3 requests, "), "{error}");
    let sql = "SELECT agent, count(*) AS calls FROM token_usage GROUP BY agent";
    assert_eq!(home.ok(&["query", "--format", "csv", sql]), "agent,calls\nshop,2\n");
}

#[test]
fn a_terminated_server_has_what_it_answered() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    assert_eq!(server.post("req_1", ""), "HTTP/1.1 200 OK");
    assert_eq!(server.end("-TERM").0, Some(0));
    let sql = "SELECT count(*) AS calls FROM token_usage";
    assert_eq!(home.ok(&["query", "--format", "csv", sql]), "calls\n1\n");
}

#[test]
fn the_token_is_read_from_its_file() {
    let home = Home::new();
    let file = home.file("token", "secret\n");
    let server = Server::start(&home, &["--token-file", &file]);
    assert_eq!(server.post("req_1", ""), "HTTP/1.1 401 Unauthorized");
    assert_eq!(server.post("req_1", "authorization: Bearer secret\r\n"), "HTTP/1.1 200 OK");
    assert_eq!(server.end("-INT").0, Some(0));
    let error = home.fails(2, &["serve", "--otlp", "--listen", "0.0.0.0:0"]);
    assert!(error.contains("--token-file FILE"), "{error}");
}

#[test]
fn an_empty_token_is_refused_before_anything_is_said() {
    let home = Home::new();
    let file = home.file("token", "\n");
    let err = home.fails(2, &["serve", "--otlp", "--listen", "127.0.0.1:0", "--token-file", &file]);
    assert_eq!(err, format!("netsky: {file} has no token\n"));
}

#[test]
fn a_used_port_is_named() {
    let home = Home::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let error = home.fails(1, &["serve", "--otlp", "--listen", &address]);
    assert!(error.contains(&address), "{error}");
}

#[test]
fn a_lake_is_served_as_a_store() {
    let home = Home::new();
    home.ok(&["record", "ticks", super::TICK]);
    let lake = home.path("lake").display().to_string();
    home.ok(&["lake", "push", &lake, "--machine", "dev3"]);
    let server = Server::start_with(&home, &["--lake", &lake]);
    let names = netsky_testing::names_in(&home.path(".netsky"));
    let file = names.iter().find(|name| name.ends_with(".serve.json")).unwrap();
    let file = std::fs::read(home.path(".netsky").join(file)).unwrap();
    let token = serde_json::from_slice::<serde_json::Value>(&file).unwrap()["token"].clone();
    let ask = |method: &str, path: &str, body: &str| {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n{body}",
            server.address,
            token.as_str().unwrap(),
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = ask("POST", "/query?format=csv", "SELECT machine, source FROM ticks");
    assert!(answer.contains("dev3,cron"), "{answer}");
    assert!(ask("GET", "/tables/ticks", "").contains("The machine that pushed the row."));
    assert!(ask("GET", "/events?table=ticks", "").contains("is a lake, which can only be queried"));
    assert!(ask("GET", "/healthz", "").contains("200 OK"));
    let calls = [
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}"#,
        r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"query","arguments":{"sql":"SELECT machine FROM ticks"}}}"#,
    ];
    let ran = home.run_with_input(&["mcp", "--lake", &lake], &format!("{}\n", calls.join("\n")));
    assert!(ran.out.contains(r#"{\"machine\":\"dev3\"}"#), "{}{}", ran.out, ran.err);
    assert!(
        home.fails(2, &["serve", "--lake", &lake, "--otlp"])
            .contains("nothing is recorded in a lake")
    );
}
