//! Metrics: a heartbeat of each session with each export, with what was used since the last one.
//!
//! Tokens and cost are in the events, too, so they are no model calls here.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use netsky_db::TickRecord;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, Metric, NumberDataPoint};
use serde_json::{Map, Value as Json};

use super::agent::{RUNTIME, who};
use crate::otlp::attributes::Attributes;
use crate::otlp::mapper::Mapper;
use crate::otlp::time;
use crate::{Row, Sighting, Via, key};

/// Maps the metrics of a resource.
pub(in crate::otlp) fn metrics<'a>(
    mapper: &mut Mapper<'_>,
    metrics: impl Iterator<Item = &'a Metric>,
    resource: &'a [KeyValue],
) {
    let mut ticks: BTreeMap<&str, Tick<'_>> = BTreeMap::new();
    for metric in metrics {
        let points = points(&metric.data);
        for _ in 0..count(&metric.data) {
            mapper.count();
        }
        let Some(name) = metric.name.strip_prefix("claude_code.") else {
            mapper.ignore(&metric.name);
            continue;
        };
        let is_total = matches!(&metric.data, Some(Data::Sum(sum))
            if sum.aggregation_temporality == AggregationTemporality::Cumulative as i32);
        for point in points {
            let attributes = Attributes::new(&point.attributes, resource);
            let Some(time) = time::from_nanos(point.time_unix_nano) else {
                mapper.reject("a data point has no time");
                continue;
            };
            let session = attributes.name("session.id").unwrap_or_default();
            let tick = ticks.entry(session).or_insert_with(|| Tick::new(attributes, time));
            tick.time = tick.time.max(time);
            tick.is_total |= is_total;
            tick.add(name, &attributes, point);
        }
    }
    for (session, tick) in ticks {
        tick.push(mapper, session);
    }
}

fn points(data: &Option<Data>) -> &[NumberDataPoint] {
    match data {
        Some(Data::Sum(sum)) => &sum.data_points,
        Some(Data::Gauge(gauge)) => &gauge.data_points,
        _ => &[],
    }
}

fn count(data: &Option<Data>) -> usize {
    match data {
        Some(Data::Histogram(histogram)) => histogram.data_points.len(),
        Some(Data::ExponentialHistogram(histogram)) => histogram.data_points.len(),
        Some(Data::Summary(summary)) => summary.data_points.len(),
        data => points(data).len(),
    }
}

/// What the metrics of a session tell at one time.
struct Tick<'a> {
    attributes: Attributes<'a>,
    time: DateTime<Utc>,
    /// Whether the numbers count from the start of the session, not from the last export.
    is_total: bool,
    cost_usd: Option<f64>,
    active_s: Option<f64>,
    tokens: BTreeMap<String, f64>,
    counts: BTreeMap<&'static str, f64>,
}

impl<'a> Tick<'a> {
    fn new(attributes: Attributes<'a>, time: DateTime<Utc>) -> Self {
        Self {
            attributes,
            time,
            is_total: false,
            cost_usd: None,
            active_s: None,
            tokens: BTreeMap::new(),
            counts: BTreeMap::new(),
        }
    }

    fn add(&mut self, name: &str, attributes: &Attributes<'_>, point: &NumberDataPoint) {
        let value = match point.value {
            Some(Value::AsDouble(value)) if value.is_finite() => value,
            Some(Value::AsInt(value)) => value as f64,
            _ => return,
        };
        let ty = attributes.name("type");
        let place = match (name, ty) {
            ("cost.usage", _) => self.cost_usd.get_or_insert(0.0),
            ("active_time.total", _) => self.active_s.get_or_insert(0.0),
            ("token.usage", Some(ty)) => self.tokens.entry(ty.to_owned()).or_default(),
            ("lines_of_code.count", Some("removed")) => self.count("lines_removed"),
            ("lines_of_code.count", _) => self.count("lines_added"),
            ("commit.count", _) => self.count("commits"),
            ("pull_request.count", _) => self.count("pull_requests"),
            ("session.count", _) => self.count("sessions"),
            ("code_edit_tool.decision", _) => self.count("edit_decisions"),
            _ => return,
        };
        *place += value;
    }

    fn count(&mut self, name: &'static str) -> &mut f64 {
        self.counts.entry(name).or_default()
    }

    fn push(self, mapper: &mut Mapper<'_>, session: &str) {
        let who = who(mapper, &self.attributes);
        // Sums of binary fractions: 0.1 + 0.2 would show as 0.30000000000000004.
        let rounded = |value: f64| (value * 1e9).round() / 1e9;
        // Saturates.
        let whole = |value: f64| value.round() as i64;
        let tokens: Map<String, Json> =
            self.tokens.iter().map(|(ty, value)| (ty.clone(), whole(*value).into())).collect();
        let mut detail = who
            .detail(None)
            .with("cost_usd", self.cost_usd.map(rounded))
            .with("active_s", self.active_s.map(rounded))
            .with("tokens", (!tokens.is_empty()).then_some(tokens))
            .with("temporality", self.is_total.then_some("cumulative"));
        for (name, value) in &self.counts {
            detail.set(*name, Some(whole(*value)));
        }
        let record = TickRecord { ts_utc: self.time, source: &who.agent, detail_json: "" };
        let nanos = self.time.timestamp_nanos_opt().unwrap_or_default().to_string();
        let key = key::telemetry("ticks", &[RUNTIME, session, &who.agent, &nanos]);
        mapper.push_only(&who, Sighting::new(Via::Otlp, Row::new(&record, detail), [key]));
    }
}
