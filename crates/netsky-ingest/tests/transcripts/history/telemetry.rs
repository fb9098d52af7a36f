//! What the programs of a history tell by OpenTelemetry.

use netsky_ingest::otlp::{Encoding, FoundSession, Lookup, Request, Signal, decode, map};
use netsky_ingest::{Chunk, ReadOptions};
use serde_json::{Value, json};

use super::History;

impl History {
    /// Sends an event after the line that was written last.
    pub(super) fn log(&mut self, session: &str, project: &str, nanos: Option<i64>, event: Value) {
        if !self.has_telemetry {
            return;
        }
        self.projects.insert(session.to_owned(), project.to_owned());
        let attributes: Vec<Value> = event
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, value)| {
                let value = match value {
                    Value::Number(number) => json!({ "intValue": number }),
                    value => json!({ "stringValue": value }),
                };
                json!({"key": key, "value": value})
            })
            .collect();
        let nanos = nanos.unwrap_or(0).to_string();
        let record = json!({"timeUnixNano": nanos, "attributes": attributes});
        let request = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]});
        let request = decode(Signal::Logs, Encoding::Json, request.to_string().as_bytes()).unwrap();
        self.telemetry.push((self.lines.len(), request));
    }

    /// Returns what a request tells.
    pub fn told(&self, request: &Request) -> Chunk {
        let projects = self.projects.clone();
        let find = move |_: &str, session: &str| {
            let project = projects.get(session)?;
            let cwd = Some(format!("/src/{project}"));
            Some(FoundSession { agent: Some(project.clone()), cwd })
        };
        let options = ReadOptions { host: "box".to_owned(), ..ReadOptions::default() };
        let mapped = map(request, &Lookup::new(None, find, options));
        assert_eq!((mapped.rejected, mapped.ignored.len()), (0, 0), "{request:?}");
        mapped.chunk
    }
}
