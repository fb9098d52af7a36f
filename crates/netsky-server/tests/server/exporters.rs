//! Rust's exporters of OpenTelemetry.

use opentelemetry::KeyValue;
use opentelemetry::logs::{AnyValue, LogRecord, Logger, LoggerProvider};
use opentelemetry::trace::{Span, Tracer, TracerProvider};
use opentelemetry_otlp::{
    Compression, LogExporter, MetricExporter, Protocol, SpanExporter, WithExportConfig,
    WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::json;

use crate::TestServer;

#[test]
fn rust_exporters_record_in_every_encoding() {
    let server = TestServer::new();
    for (place, (protocol, compression)) in [
        (Protocol::HttpBinary, None),
        (Protocol::HttpBinary, Some(Compression::Gzip)),
        (Protocol::HttpJson, None),
        (Protocol::HttpJson, Some(Compression::Gzip)),
    ]
    .into_iter()
    .enumerate()
    {
        log(&server, protocol, compression, &format!("req_{place}"));
        trace(&server, protocol, compression);
        measure(&server, protocol, compression);
        assert_eq!(
            server.rows("token_usage").len(),
            2 * (place + 1),
            "{protocol:?} {compression:?}"
        );
    }
    let usage = server.rows("token_usage");
    let call = usage.iter().find(|row| row["model"] == "gpt-5.4").unwrap();
    assert_eq!((&call["input_tokens"], &call["agent"]), (&json!(400), &json!("critic")));
    assert_eq!(server.rows("ticks").len(), 4);
    let total = server.received.total();
    assert_eq!((total.refused, total.postponed, total.rejected), (0, 0, 0), "{total:?}");
}

fn resource(name: &'static str) -> Resource {
    Resource::builder().with_service_name(name).build()
}

fn log(server: &TestServer, protocol: Protocol, compression: Option<Compression>, id: &str) {
    let mut exporter = LogExporter::builder()
        .with_http()
        .with_endpoint(format!("http://{}/v1/logs", server.address))
        .with_protocol(protocol);
    if let Some(compression) = compression {
        exporter = exporter.with_compression(compression);
    }
    let provider = SdkLoggerProvider::builder()
        .with_batch_exporter(exporter.build().unwrap())
        .with_resource(resource("claude-code"))
        .build();
    let logger = provider.logger("com.anthropic.claude_code.events");
    let mut record = logger.create_log_record();
    record.set_timestamp(std::time::SystemTime::now());
    record.set_body(AnyValue::from("claude_code.api_request"));
    for (key, value) in [
        ("event.name", AnyValue::from("api_request")),
        ("session.id", AnyValue::from("s1")),
        ("model", AnyValue::from("claude-opus-5-5")),
        ("input_tokens", AnyValue::from(7)),
        ("output_tokens", AnyValue::from("100")),
        ("request_id", AnyValue::from(id.to_owned())),
    ] {
        record.add_attribute(key, value);
    }
    logger.emit(record);
    provider.shutdown().unwrap();
}

fn trace(server: &TestServer, protocol: Protocol, compression: Option<Compression>) {
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("http://{}/v1/traces", server.address))
        .with_protocol(protocol);
    if let Some(compression) = compression {
        exporter = exporter.with_compression(compression);
    }
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter.build().unwrap())
        .with_resource(resource("planner"))
        .build();
    let mut span = provider.tracer("planner").start("chat gpt-5.4");
    span.set_attributes([
        KeyValue::new("gen_ai.operation.name", "chat"),
        KeyValue::new("gen_ai.request.model", "gpt-5.4"),
        KeyValue::new("gen_ai.agent.name", "critic"),
        KeyValue::new("gen_ai.usage.input_tokens", 1_000),
        KeyValue::new("gen_ai.usage.cache_read.input_tokens", 600),
        KeyValue::new("gen_ai.usage.output_tokens", 50),
    ]);
    span.end();
    provider.shutdown().unwrap();
}

fn measure(server: &TestServer, protocol: Protocol, compression: Option<Compression>) {
    use opentelemetry::metrics::MeterProvider;
    let mut exporter = MetricExporter::builder()
        .with_http()
        .with_endpoint(format!("http://{}/v1/metrics", server.address))
        .with_protocol(protocol);
    if let Some(compression) = compression {
        exporter = exporter.with_compression(compression);
    }
    let provider = SdkMeterProvider::builder()
        .with_periodic_exporter(exporter.build().unwrap())
        .with_resource(resource("claude-code"))
        .build();
    let counter = provider.meter("claude").f64_counter("claude_code.cost.usage").build();
    counter.add(0.25, &[KeyValue::new("session.id", "s1")]);
    provider.shutdown().unwrap();
}
