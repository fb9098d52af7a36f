//! The MCP server, whatever a client sends. What it answers with a real `netsky` is tested with the command line.

use std::fs;
use std::io::{self, Cursor, PipeWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use netsky_server::mcp::{McpOptions, McpServer};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use tokio::runtime::Builder;

/// What the server has written.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines with which a server answers an input, whose calls cannot run.
fn answers(input: Vec<u8>) -> Vec<Value> {
    let options = McpOptions::new("/no/such/netsky").allow_record(true);
    let written = Written::default();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(McpServer::new(options).run(Cursor::new(input), written.clone()));
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(
                select(vec![
                    "name",
                    "arguments",
                    "sql",
                    "params",
                    "uri",
                    "requestId",
                    "_meta",
                    "since"
                ])
                .prop_map(str::to_owned),
                inner,
                0..4
            )
            .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// Messages of any form, most of them nearly right.
fn message() -> impl Strategy<Value = Value> {
    let method = select(vec![
        "initialize",
        "server/discover",
        "ping",
        "tools/list",
        "tools/call",
        "resources/list",
        "resources/read",
        "notifications/cancelled",
        "nosuch",
    ]);
    let tool = select(vec!["query", "schema", "cost", "record", "sessions", "nosuch"]);
    prop_oneof![
        (method.clone(), json_value(), json_value()).prop_map(|(method, id, params)| {
            json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
        }),
        (method, json_value()).prop_map(|(method, params)| {
            json!({"jsonrpc": "2.0", "method": method, "params": params})
        }),
        (tool, json_value()).prop_map(|(tool, arguments)| {
            let params = json!({"name": tool, "arguments": arguments});
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
        }),
        json_value(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_sent_each_ping_gets_one_answer(
        lines in prop::collection::vec(
            prop_oneof![
                4 => message().prop_map(|message| message.to_string().into_bytes()),
                1 => prop::collection::vec(any::<u8>(), 0..40),
            ],
            0..12,
        )
    ) {
        let mut input = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            input.extend_from_slice(line);
            let ping = json!({"jsonrpc": "2.0", "id": format!("ping {index}"), "method": "ping"});
            input.extend_from_slice(format!("\n{ping}\n").as_bytes());
        }
        let answers = answers(input);
        for answer in &answers {
            prop_assert_eq!(&answer["jsonrpc"], "2.0");
            prop_assert!(answer.get("id").is_some());
            prop_assert!(answer.get("result").is_some() != answer.get("error").is_some());
        }
        let pings: Vec<&str> =
            answers.iter().filter_map(|answer| answer["id"].as_str()?.strip_prefix("ping ")).collect();
        let expected: Vec<String> = (0..lines.len()).map(|index| index.to_string()).collect();
        prop_assert_eq!(pings, expected);
    }
}

/// A server that runs, and what it is sent.
struct Running {
    input: PipeWriter,
    written: Written,
    server: JoinHandle<()>,
}

impl Running {
    fn start(options: McpOptions) -> Self {
        let (reader, input) = io::pipe().unwrap();
        let written = Written::default();
        let output = written.clone();
        let server = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(McpServer::new(options).run(reader, output));
        });
        Self { input, written, server }
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.input, "{message}").unwrap();
    }

    /// Ends the input, and returns what the server has written.
    fn end(self) -> String {
        drop(self.input);
        self.server.join().unwrap();
        String::from_utf8(self.written.0.lock().unwrap().clone()).unwrap()
    }
}

fn call() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "top"}})
}

#[test]
fn a_program_that_is_missing_is_a_failure_of_the_call() {
    let mut running = Running::start(McpOptions::new("/no/such/netsky"));
    running.send(&call());
    while !running.written.0.lock().unwrap().ends_with(b"\n") {
        thread::yield_now();
    }
    let answer: Value = serde_json::from_str(&running.end()).unwrap();
    assert_eq!(answer["result"]["isError"], true);
    let error = &answer["result"]["structuredContent"]["error"];
    assert_eq!(error["kind"], "io", "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("/no/such/netsky cannot be run"), "{message}");
}

#[cfg(unix)]
mod with_a_program {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use tempfile::TempDir;

    use super::*;

    /// A program that does this, in a directory of its own.
    fn program(script: &str) -> (TempDir, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("netsky");
        let script = script.replace("HOME", home.path().to_str().unwrap());
        fs::write(&path, format!("#!/bin/sh\n{script}")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        (home, path)
    }

    /// It spills a file, says where, and never ends.
    const ENDLESS: &str = "echo x > \"$TMPDIR/spilled\"\necho \"$TMPDIR\" > HOME/new\n\
                           mv HOME/new HOME/started\nexec sleep 1000\n";

    #[test]
    fn the_temporary_files_of_a_cancelled_call_are_removed() {
        let (home, program) = program(ENDLESS);
        let started = home.path().join("started");
        let mut running = Running::start(McpOptions::new(program));
        running.send(&call());
        while !started.exists() {
            thread::yield_now();
        }
        let temp = fs::read_to_string(&started).unwrap();
        let temp = Path::new(temp.trim());
        assert!(temp.join("spilled").exists());
        let params = json!({"requestId": 1});
        let method = "notifications/cancelled";
        running.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
        while temp.exists() {
            thread::yield_now();
        }
        assert_eq!(running.end(), "");
    }

    #[test]
    fn calls_before_the_end_of_the_input_are_answered() {
        let (_home, program) =
            program("sleep 0.2\necho '{\"rows\":[{\"a\":1}]}'\necho careful >&2\n");
        let mut running = Running::start(McpOptions::new(program));
        running.send(&call());
        let answer: Value = serde_json::from_str(&running.end()).unwrap();
        let object = &answer["result"]["structuredContent"];
        assert_eq!(*object, json!({"rows": [{"a": 1}], "warnings": ["careful"]}));
    }

    #[test]
    fn an_endless_call_ends_after_its_timeout() {
        let (home, program) = program(ENDLESS);
        let mut running =
            Running::start(McpOptions::new(program).timeout(Duration::from_millis(100)));
        running.send(&call());
        let answer: Value = serde_json::from_str(&running.end()).unwrap();
        assert_eq!(answer["result"]["structuredContent"]["error"]["kind"], "timeout", "{answer}");
        let temp = fs::read_to_string(home.path().join("started")).unwrap();
        assert!(!Path::new(temp.trim()).exists());
    }

    #[test]
    fn a_failure_on_standard_error_is_the_result() {
        let (_home, program) = program(
            "echo half\necho careful >&2\n\
             echo '{\"code\":1,\"kind\":\"busy\",\"message\":\"m\"}' >&2\nexit 1\n",
        );
        let mut running = Running::start(McpOptions::new(program));
        running.send(&call());
        let answer: Value = serde_json::from_str(&running.end()).unwrap();
        assert_eq!(answer["result"]["isError"], true);
        let error = &answer["result"]["structuredContent"]["error"];
        assert_eq!(*error, json!({"code": 1, "kind": "busy", "message": "m"}));
    }
}
