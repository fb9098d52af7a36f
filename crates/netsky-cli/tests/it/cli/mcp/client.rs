//! A client of MCP.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cli::Home;

pub const MAX_LINE_BYTES: usize = 1 << 20;

pub const BEFORE_TIMEOUT: Duration = Duration::from_secs(25);

/// A home with a store of seven ticks and a few events.
pub fn home() -> Home {
    let home = Home::new();
    let time = r#""ts_utc":"2026-04-15T23:00:00Z""#;
    let tick = format!("{{{time},\"source\":\"cron\",\"detail_json\":\"{{}}\"}}\n");
    let message = |n: u32| {
        let to = format!(r#""direction":"outbound","from_agent":"a","body":"{n}""#);
        format!("{{{time},\"source\":\"agent\",{to}}}\n")
    };
    for (table, lines) in [("ticks", tick.repeat(7)), ("messages", (0..30).map(message).collect())]
    {
        let file = home.file(&format!("{table}.ndjson"), lines);
        let ran = home.run(&["import", table, &file]);
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
    home
}

pub struct Client {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    last_id: u64,
}

impl Client {
    pub fn start(home: &Home, args: &[&str]) -> Self {
        Self::spawn(home.command(&[&["mcp"], args].concat()))
    }

    pub fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { input: process.stdin.take(), process, output, last_id: 0 }
    }

    pub fn send_bytes(&mut self, line: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(&[line, b"\n"].concat()).unwrap();
    }

    fn send(&mut self, message: &Value) {
        self.send_bytes(message.to_string().as_bytes());
    }

    pub fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Sends a request, and returns its id.
    pub fn request(&mut self, method: &str, params: Value) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    /// The next message of the server.
    pub fn receive(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let message: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}"));
        assert_eq!(message["jsonrpc"], "2.0");
        message
    }

    fn answer(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params);
        let answer = self.receive();
        assert_eq!(answer["id"], id, "{method}: {answer}");
        answer
    }

    pub fn ok(&mut self, method: &str, params: Value) -> Value {
        let mut answer = self.answer(method, params);
        assert_eq!(answer.get("error"), None, "{method}");
        answer["result"].take()
    }

    pub fn fails(&mut self, method: &str, params: Value) -> Value {
        let mut answer = self.answer(method, params);
        assert_eq!(answer.get("result"), None, "{method}");
        answer["error"].take()
    }

    /// Calls a tool, and returns its text, its structured content and whether it failed.
    pub fn call(&mut self, tool: &str, arguments: Value) -> (String, Value, bool) {
        let mut result = self.ok("tools/call", json!({"name": tool, "arguments": arguments}));
        let text = result["content"][0]["text"].as_str().unwrap().to_owned();
        (text, result["structuredContent"].take(), result["isError"] == true)
    }

    /// The processes that the server has started.
    pub fn children(&self) -> Vec<String> {
        let id = self.process.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        children.split_whitespace().map(str::to_owned).collect()
    }

    /// Waits until so many processes run. Fails before a query that is not killed ends by its timeout of 30 s.
    pub fn until_children(&self, count: usize) -> Vec<String> {
        let started = Instant::now();
        loop {
            let children = self.children();
            if children.len() == count {
                return children;
            }
            assert!(started.elapsed() < BEFORE_TIMEOUT, "{children:?}");
            sleep(Duration::from_millis(5));
        }
    }

    /// Waits until a query has begun: its process has computed for a while.
    pub fn until_busy(&self) -> String {
        const TICKS: u64 = 30;
        let child = self.until_children(1).remove(0);
        let ticks = || -> Option<u64> {
            let stat = fs::read_to_string(format!("/proc/{child}/stat")).ok()?;
            stat.rsplit(") ").next()?.split(' ').nth(11)?.parse().ok()
        };
        while ticks().unwrap() < TICKS {
            sleep(Duration::from_millis(5));
        }
        child
    }

    /// Kills the server with SIGKILL.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Ends the input, and returns the exit code and what else the server has printed.
    pub fn end(mut self) -> (i32, String, String) {
        self.input = None;
        let (mut out, mut err) = (String::new(), String::new());
        self.output.read_to_string(&mut out).unwrap();
        self.process.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (self.process.wait().unwrap().code().unwrap(), out, err)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.process.wait();
    }
}
