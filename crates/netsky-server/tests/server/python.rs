//! Python's SDK of OpenTelemetry, if it is there.

use std::process::Command;

use serde_json::json;

use crate::{TestServer, skip};

const PROGRAM: &str = r#"
import sys
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider(resource=Resource.create({"service.name": "planner"}))
for compression in [Compression.NoCompression, Compression.Gzip]:
    exporter = OTLPSpanExporter(endpoint=sys.argv[1], compression=compression)
    provider.add_span_processor(BatchSpanProcessor(exporter))
with provider.get_tracer("planner").start_as_current_span("chat gpt-5.4") as span:
    span.set_attribute("gen_ai.operation.name", "chat")
    span.set_attribute("gen_ai.request.model", "gpt-5.4")
    span.set_attribute("gen_ai.usage.input_tokens", 10)
    span.set_attribute("gen_ai.usage.output_tokens", 20)
provider.shutdown()
"#;

#[test]
fn python_records_a_span_once() {
    let import = "import opentelemetry.exporter.otlp.proto.http.trace_exporter";
    let is_there = Command::new("python3").args(["-c", import]).output();
    if !is_there.is_ok_and(|output| output.status.success()) {
        return skip("python", "there is no opentelemetry-exporter-otlp-proto-http");
    }
    let server = TestServer::new();
    let endpoint = format!("http://{}/v1/traces", server.address);
    let output = Command::new("python3").args(["-c", PROGRAM, &endpoint]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Both exporters send the span.
    assert_eq!(server.received.total().requests, 2);
    let usage = server.rows("token_usage");
    assert_eq!((usage.len(), &usage[0]["output_tokens"]), (1, &json!(20)));
}
