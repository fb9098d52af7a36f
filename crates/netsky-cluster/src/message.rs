//! The errors of Ballista in words for users.
//!
//! Its errors are texts around texts, with the names of its types: `Job 038GT failed: Job failed due to stage 1
//! failed: Task failed due to runtime execution error: DataFusionError(ArrowError(DivideByZero, Some("")))`.

use std::iter::successors;
use std::time::Duration;

use ballista_core::error::BallistaError;
use datafusion::common::DataFusionError;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::cluster::Cluster;
use crate::error::Error;

/// How long a scheduler is given to accept a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// What an error of the lake begins with while Ballista carries it as a text.
const OF_LAKE: &str = "lake: ";

/// Returns an error of a task as one whose text, which is all that Ballista sends of it, says what is wrong with the lake.
pub(crate) fn sendable_error(error: DataFusionError) -> DataFusionError {
    let outermost: &(dyn std::error::Error + 'static) = &error;
    let mut causes = successors(Some(outermost), |error| match error.downcast_ref() {
        // It does not say its cause.
        Some(BallistaError::DataFusionError(cause)) => Some(cause.as_ref()),
        _ => error.source(),
    });
    match causes.find_map(|cause| cause.downcast_ref()) {
        Some(of_lake @ netsky_db::Error::TableSource(_)) => {
            DataFusionError::Execution(format!("{OF_LAKE}{of_lake}"))
        }
        _ => error,
    }
}

/// Returns the error of a query as one of DataFusion, or as one of this crate if the scheduler cannot be reached.
pub(crate) async fn readable(cluster: &Cluster, error: DataFusionError) -> DataFusionError {
    let text = error.strip_backtrace();
    let reason = match unreachable(cluster).await {
        // A scheduler that ends may accept connections for a moment longer.
        None if text.contains("transport error") => Some("a connection was lost".to_owned()),
        reason => reason,
    };
    if let Some(reason) = reason {
        let error = Error::Unreachable { cluster: cluster.to_string(), reason };
        return netsky_db::Error::TableSource(Box::new(error)).into();
    }
    let is_planning = ["Error planning job", "create SessionContext", "parse plan"];
    let is_planning = is_planning.iter().any(|part| text.contains(part));
    let text = innermost(&text);
    if let Some(of_lake) = text.strip_prefix(OF_LAKE) {
        return netsky_db::Error::TableSource(of_lake.into()).into();
    }
    match is_planning {
        true => DataFusionError::Plan(text),
        false => DataFusionError::Execution(text),
    }
}

/// Why there is no connection to the scheduler.
async fn unreachable(cluster: &Cluster) -> Option<String> {
    let place = cluster.scheduler().trim_start_matches("http://");
    match timeout(PATIENCE, TcpStream::connect(place)).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("it does not answer".to_owned()),
    }
}

/// The innermost text of an error.
fn innermost(text: &str) -> String {
    // What gRPC puts around it.
    if let Some((_, literal)) = text.split_once("message: \"")
        && let Some(message) = unescaped(literal)
    {
        return innermost(&message);
    }
    // What the scheduler puts around an error of a plan that it cannot read.
    if let Some((_, literal)) = text.split_once("PlanParsingFailure(\"")
        && let Some(message) = unescaped(literal)
    {
        return innermost(&message);
    }
    for way in ["DataFusionError(", "failed to serialize logical plan: "] {
        if let Some((_, debug)) = text.split_once(way) {
            return of_debug(debug);
        }
    }
    for layer in ["Could not parse plan: ", "DataFusion error: ", "Error during planning: "] {
        if let Some(inner) = text.strip_prefix(layer) {
            return innermost(inner);
        }
    }
    let without_job = text.split_once(" failed: ").filter(|(job, _)| job.contains("Job "));
    without_job.map_or(text, |(_, reason)| reason).to_owned()
}

/// The text in what `Debug` makes of an error, such as `Shared(Execution("no"))`.
fn of_debug(debug: &str) -> String {
    let name = debug.split(|it: char| !it.is_alphanumeric()).next().unwrap_or_default();
    let rest = &debug[name.len()..];
    if let Some(inner) = rest.strip_prefix('(') {
        // The first part of it is the name of a layer.
        let inner = match name {
            "Context" => inner.split_once("\", ").map_or(inner, |(_, inner)| inner),
            _ => inner,
        };
        return of_debug(inner);
    }
    if let Some(literal) = rest.strip_prefix('"')
        && let Some(text) = unescaped(literal)
    {
        // It can be around another.
        return if text.contains("Error(") { innermost(&text) } else { text };
    }
    match name {
        "DivideByZero" => "Divide by zero error".to_owned(),
        _ => debug.trim_end_matches(')').to_owned(),
    }
}

/// The text of a literal without its first quote.
fn unescaped(literal: &str) -> Option<String> {
    let mut text = String::new();
    let mut chars = literal.chars();
    loop {
        match chars.next()? {
            '"' => return Some(text),
            '\\' => match chars.next()? {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'u' => {
                    let digits: String =
                        chars.by_ref().skip(1).take_while(|it| *it != '}').collect();
                    text.extend(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32));
                }
                other => text.push(other),
            },
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_what_is_left() {
        let failed = "Job 038GT failed: Job failed due to stage 1 failed: Task failed due to runtime execution error: ";
        for (text, cause) in [
            (r#"DataFusionError(Shared(Execution("no such \"thing\"\n")))"#, "no such \"thing\"\n"),
            (r#"DataFusionError(ArrowError(DivideByZero, Some("")))"#, "Divide by zero error"),
            (
                r#"DataFusionError(Context("a_rule", ArrowError(CastError("cannot cast 'é\u{1}'"), Some(""))))"#,
                "cannot cast 'é\u{1}'",
            ),
            (
                r#"DataFusionError(ObjectStore(NotFound { path: "/x" }))"#,
                r#"NotFound { path: "/x" }"#,
            ),
            (
                "no executor",
                "Job failed due to stage 1 failed: Task failed due to runtime execution error: no executor",
            ),
        ] {
            assert_eq!(innermost(&format!("{failed}{text}")), cause);
        }
        let status = r#"Status { code: Internal, message: "Failed: DataFusionError(Plan(\"there is no x\"))", metadata: .. }"#;
        assert_eq!(innermost(status), "there is no x");
        let parsing = r#"Fail to execute query due to X { failure: Some(PlanParsingFailure("Could not parse plan: DataFusion error: Error during planning: it is of netsky 1")) }"#;
        assert_eq!(innermost(parsing), "it is of netsky 1");
        assert_eq!(innermost(""), "");
        assert_eq!(innermost("message: \""), "message: \"");
        assert_eq!(innermost("DataFusionError("), "");
    }
}
