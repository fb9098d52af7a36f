//! The HTTP server of netsky-db: the OpenTelemetry receiver.
