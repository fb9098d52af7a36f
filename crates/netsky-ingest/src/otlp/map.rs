//! Maps requests to rows.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

use super::attributes::Attributes;
use super::decode::Request;
use super::lookup::Lookup;
use super::mapped::Mapped;
use super::mapper::Mapper;
use super::{claude, codex, genai};

/// Maps a request.
pub fn map(request: &Request, lookup: &Lookup) -> Mapped {
    match request {
        Request::Logs(request) => logs(request, lookup),
        Request::Metrics(request) => metrics(request, lookup),
        Request::Traces(request) => traces(request, lookup),
    }
}

/// Maps log records.
pub fn logs(request: &ExportLogsServiceRequest, lookup: &Lookup) -> Mapped {
    let mut mapper = Mapper::new(lookup);
    let records = || {
        request.resource_logs.iter().flat_map(|logs| {
            let resource = resource(logs.resource.as_ref());
            let records = logs.scope_logs.iter().flat_map(|scope| &scope.log_records);
            records.map(move |record| (record, Attributes::new(&record.attributes, resource)))
        })
    };
    for (_, attributes) in records() {
        claude::learn(&attributes, lookup);
    }
    for (record, attributes) in records() {
        mapper.count();
        let name = attributes.event_name(record);
        if let Some(name) = name.strip_prefix("codex.") {
            codex::log(&mut mapper, name, record, &attributes);
        } else if let Some(name) = claude::event_name(name, record, &attributes) {
            claude::log(&mut mapper, name, record, &attributes);
        } else {
            mapper.ignore(name);
        }
    }
    mapper.finish()
}

/// Maps metrics.
pub fn metrics(request: &ExportMetricsServiceRequest, lookup: &Lookup) -> Mapped {
    let mut mapper = Mapper::new(lookup);
    for metrics in &request.resource_metrics {
        let all = metrics.scope_metrics.iter().flat_map(|scope| &scope.metrics);
        claude::metrics(&mut mapper, all, resource(metrics.resource.as_ref()));
    }
    mapper.finish()
}

/// Maps spans.
pub fn traces(request: &ExportTraceServiceRequest, lookup: &Lookup) -> Mapped {
    let mut mapper = Mapper::new(lookup);
    for spans in &request.resource_spans {
        let resource = resource(spans.resource.as_ref());
        let service = Attributes::new(&[], resource).text("service.name").unwrap_or_default();
        let all: Vec<_> = spans.scope_spans.iter().flat_map(|scope| &scope.spans).collect();
        // The spans of Codex are its inner workings, hundreds a turn; its logs tell of all calls.
        let is_codex = service.starts_with("codex");
        for span in &all {
            claude::learn(&Attributes::new(&span.attributes, &[]), lookup);
        }
        for span in &all {
            mapper.count();
            let attributes = Attributes::new(&span.attributes, resource);
            if is_codex {
                mapper.ignore("codex span");
            } else if let Some(name) = span.name.strip_prefix("claude_code.") {
                claude::span(&mut mapper, name, span, &all, &attributes);
            } else {
                genai::span(&mut mapper, span, &all, &attributes);
            }
        }
    }
    mapper.finish()
}

fn resource(
    resource: Option<&opentelemetry_proto::tonic::resource::v1::Resource>,
) -> &[opentelemetry_proto::tonic::common::v1::KeyValue] {
    resource.map_or(&[], |resource| &resource.attributes)
}
