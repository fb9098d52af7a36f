//! `netsky serve`

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::cli::Home;

/// A server, and the address that it has said.
struct Server {
    process: Child,
    _out: BufReader<ChildStdout>,
    address: String,
}

impl Server {
    fn start(home: &Home, args: &[&str]) -> Self {
        let args = [&["serve", "--otlp", "--listen", "127.0.0.1:0"], args].concat();
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
    assert_eq!(code, Some(130), "{error}");
    assert!(error.contains("3 requests, "), "{error}");
    let sql = "SELECT agent, count(*) AS calls FROM token_usage GROUP BY agent";
    assert_eq!(home.ok(&["query", "--format", "csv", sql]), "agent,calls\nshop,2\n");
}

#[test]
fn a_terminated_server_has_what_it_answered() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    assert_eq!(server.post("req_1", ""), "HTTP/1.1 200 OK");
    assert_eq!(server.end("-TERM").0, Some(143));
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
    assert_eq!(server.end("-INT").0, Some(130));
    let error = home.fails(2, &["serve", "--otlp", "--listen", "0.0.0.0:0"]);
    assert!(error.contains("--token-file FILE"), "{error}");
    let error = home.fails(2, &["serve"]);
    assert!(error.contains("--otlp"), "{error}");
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
