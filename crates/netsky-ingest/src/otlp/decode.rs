//! Bodies of requests, and of the answers to them.

use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use serde::Serialize;

use super::mapped::Mapped;

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Log records: `/v1/logs`.
    Logs,
    /// Metrics: `/v1/metrics`.
    Metrics,
    /// Spans: `/v1/traces`.
    Traces,
}

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`.
    Json,
}

impl Encoding {
    /// Returns the encoding that a `Content-Type` names. Parameters, such as `charset`, are ignored.
    pub fn from_content_type(value: &str) -> Option<Self> {
        let media_type = value.split(';').next().unwrap_or_default().trim();
        [Self::Protobuf, Self::Json]
            .into_iter()
            .find(|encoding| media_type.eq_ignore_ascii_case(encoding.content_type()))
    }

    /// The `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// A request.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Log records.
    Logs(ExportLogsServiceRequest),
    /// Metrics.
    Metrics(ExportMetricsServiceRequest),
    /// Spans.
    Traces(ExportTraceServiceRequest),
}

/// Why a body cannot be decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The body is no message in Protocol Buffers.
    #[error("the body is no {message}: {source}")]
    Protobuf {
        /// The expected message.
        message: &'static str,
        /// What the decoder says.
        source: prost::DecodeError,
    },
    /// The body is not the expected JSON.
    #[error("the body is no {message}: {source}")]
    Json {
        /// The expected message.
        message: &'static str,
        /// What the parser says.
        source: serde_json::Error,
    },
}

/// Decodes a body.
///
/// # Errors
///
/// [`DecodeError`] if the body, or any record in it, is not what the specification says. Fields that are missing
/// or unknown are no error.
///
/// # Examples
///
/// ```
/// use netsky_ingest::otlp::{Encoding, Request, Signal, decode};
///
/// let request = decode(Signal::Logs, Encoding::Json, br#"{"resourceLogs":[]}"#)?;
/// assert!(matches!(request, Request::Logs(logs) if logs.resource_logs.is_empty()));
/// # Ok::<(), netsky_ingest::otlp::DecodeError>(())
/// ```
pub fn decode(signal: Signal, encoding: Encoding, body: &[u8]) -> Result<Request, DecodeError> {
    Ok(match signal {
        Signal::Logs => Request::Logs(message("ExportLogsServiceRequest", encoding, body)?),
        Signal::Metrics => {
            Request::Metrics(message("ExportMetricsServiceRequest", encoding, body)?)
        }
        Signal::Traces => Request::Traces(message("ExportTraceServiceRequest", encoding, body)?),
    })
}

fn message<T: Message + Default + serde::de::DeserializeOwned>(
    message: &'static str,
    encoding: Encoding,
    body: &[u8],
) -> Result<T, DecodeError> {
    match encoding {
        Encoding::Protobuf => {
            T::decode(body).map_err(|source| DecodeError::Protobuf { message, source })
        }
        Encoding::Json => {
            serde_json::from_slice(body).map_err(|source| DecodeError::Json { message, source })
        }
    }
}

/// Returns the body of the answer to a request that was stored, with the number of rejected records.
pub fn response(signal: Signal, encoding: Encoding, mapped: &Mapped) -> Vec<u8> {
    let rejected = i64::try_from(mapped.rejected).unwrap_or(i64::MAX);
    let error_message = mapped.reason.unwrap_or_default().to_owned();
    let is_partial = rejected > 0;
    match signal {
        Signal::Logs => encode(
            &ExportLogsServiceResponse {
                partial_success: is_partial.then_some(ExportLogsPartialSuccess {
                    rejected_log_records: rejected,
                    error_message,
                }),
            },
            encoding,
            is_partial,
        ),
        Signal::Metrics => encode(
            &ExportMetricsServiceResponse {
                partial_success: is_partial.then_some(ExportMetricsPartialSuccess {
                    rejected_data_points: rejected,
                    error_message,
                }),
            },
            encoding,
            is_partial,
        ),
        Signal::Traces => encode(
            &ExportTraceServiceResponse {
                partial_success: is_partial.then_some(ExportTracePartialSuccess {
                    rejected_spans: rejected,
                    error_message,
                }),
            },
            encoding,
            is_partial,
        ),
    }
}

fn encode<T: Message + Serialize>(message: &T, encoding: Encoding, is_partial: bool) -> Vec<u8> {
    match encoding {
        Encoding::Protobuf => message.encode_to_vec(),
        // Not `"partialSuccess":null`, which not every client accepts.
        Encoding::Json if !is_partial => b"{}".to_vec(),
        Encoding::Json => serde_json::to_vec(message).unwrap_or_else(|_| b"{}".to_vec()),
    }
}
