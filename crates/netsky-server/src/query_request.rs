//! What a request for a query says.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::answer_format::AnswerFormat;
use crate::failure::Failure;
use crate::query_string::pairs;

/// The longest SQL, and the longest values of parameters together, in bytes.
const MAX_SQL_BYTES: usize = 64 << 10;

/// The longest body: JSON can escape each byte of the SQL and the values.
pub(crate) const MAX_BODY_BYTES: usize = 1 << 20;

/// No query has that many; each is an argument of a process.
const MAX_PARAMETERS: usize = 1_000;

/// A query to run.
#[derive(Debug, Clone, PartialEq)]
#[doc(hidden)]
pub struct QueryRequest {
    pub(crate) sql: String,
    /// The values of `$1`, `$2` and so on.
    pub(crate) numbered: Vec<String>,
    /// The values of named parameters.
    pub(crate) named: Vec<(String, String)>,
    pub(crate) format: AnswerFormat,
    pub(crate) max_rows: Option<u64>,
}

/// The parts of a request.
#[derive(Debug, Default)]
struct Parts {
    sql: Option<String>,
    params: Option<Value>,
    format: Option<String>,
    max_rows: Option<Value>,
}

impl QueryRequest {
    /// Reads a request: its body and the type of it, what the URL has after `?`, and which types it accepts.
    /// What the body says wins over the URL.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(
        content_type: &str,
        body: &[u8],
        url: &str,
        accept: Option<&str>,
    ) -> Result<Self, Failure> {
        let mut parts = Parts::default();
        for (name, value) in pairs(url) {
            parts.set(&name, Value::String(value))?;
        }
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        let text = std::str::from_utf8(body).map_err(|error| {
            let at = error.valid_up_to();
            Failure::usage(format!("the body is not UTF-8 at byte {at}"), "send the SQL in UTF-8")
        })?;
        match media_type.to_ascii_lowercase().as_str() {
            _ if body.is_empty() => {}
            "application/json" => parts.set_all(object(text)?)?,
            "application/x-www-form-urlencoded" if looks_like_form(text) => {
                for (name, value) in pairs(text) {
                    parts.set(&name, Value::String(value))?;
                }
            }
            // `curl --data` calls any text a form.
            _ => parts.sql = Some(text.to_owned()),
        }
        parts.finish(accept)
    }

    /// The body in JSON that says the same.
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        object.insert("sql".to_owned(), self.sql.clone().into());
        object.insert("format".to_owned(), self.format.name().into());
        if let Some(rows) = self.max_rows {
            object.insert("max_rows".to_owned(), rows.into());
        }
        if !self.named.is_empty() {
            let named = self.named.iter().map(|(name, value)| (name.clone(), value.clone().into()));
            object.insert("params".to_owned(), named.collect::<Map<_, _>>().into());
        } else if !self.numbered.is_empty() {
            object.insert("params".to_owned(), self.numbered.clone().into());
        }
        Value::Object(object)
    }

    /// The arguments of `netsky query` for this query.
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = match self.format {
            AnswerFormat::Json => vec!["--json".to_owned()],
            format => vec![format!("--format={}", format.name())],
        };
        arguments.extend(self.max_rows.map(|rows| format!("--max-rows={rows}")));
        arguments.extend(self.numbered.iter().map(|value| format!("-p={value}")));
        arguments.extend(self.named.iter().map(|(name, value)| format!("--param={name}={value}")));
        arguments
    }
}

/// Whether a body is a form with a query, and not SQL.
fn looks_like_form(text: &str) -> bool {
    let name = text.split_once('=').map(|(name, _)| name);
    name.is_some_and(|name| is_name(name) && !name.is_empty())
}

fn object(text: &str) -> Result<Map<String, Value>, Failure> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Failure::usage("the body is no JSON object", EXAMPLE)),
        Err(error) => Err(Failure::usage(format!("the body is no JSON: {error}"), EXAMPLE)),
    }
}

const EXAMPLE: &str =
    r#"send {"sql": "SELECT …"}, or the SQL as it is with Content-Type: text/plain"#;

impl Parts {
    fn set_all(&mut self, object: Map<String, Value>) -> Result<(), Failure> {
        object.into_iter().try_for_each(|(name, value)| self.set(&name, value))
    }

    fn set(&mut self, name: &str, value: Value) -> Result<(), Failure> {
        match name {
            "sql" | "q" | "query" => self.sql = Some(string(name, value)?),
            "format" => self.format = Some(string(name, value)?),
            "params" => self.params = Some(value),
            "max_rows" => self.max_rows = Some(value),
            _ => {
                let name: String = name.chars().take(100).collect();
                return Err(Failure::usage(
                    format!("'{name}' is unknown"),
                    "known are sql (also q and query), params, format and max_rows",
                ));
            }
        }
        Ok(())
    }

    fn finish(self, accept: Option<&str>) -> Result<QueryRequest, Failure> {
        let sql = self.sql.unwrap_or_default();
        if sql.trim().is_empty() {
            return Err(Failure::usage("there is no query", EXAMPLE));
        }
        let long = |what| {
            let message = format!("{what} longer than {MAX_SQL_BYTES} bytes");
            Failure::too_large(message, "shorten it; `netsky query --file` takes longer queries")
        };
        if sql.len() > MAX_SQL_BYTES {
            return Err(long("the query is"));
        }
        let (numbered, named) = match self.params {
            None => Default::default(),
            Some(params) => parameters(params)?,
        };
        let names = named.iter().map(|(name, value)| name.len() + value.len());
        if names.chain(numbered.iter().map(String::len)).sum::<usize>() > MAX_SQL_BYTES {
            return Err(long("the values of parameters are"));
        }
        let max_rows = self.max_rows.map(count).transpose()?;
        let format = format(self.format.as_deref(), accept)?;
        Ok(QueryRequest { sql, numbered, named, format, max_rows })
    }
}

fn string(name: &str, value: Value) -> Result<String, Failure> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(Failure::usage(format!("{name} must be a string"), EXAMPLE)),
    }
}

fn format(name: Option<&str>, accept: Option<&str>) -> Result<AnswerFormat, Failure> {
    let hint = || format!("there are: {}", AnswerFormat::names());
    match (name.filter(|name| !name.is_empty()), accept) {
        (Some(name), _) => AnswerFormat::named(name)
            .ok_or_else(|| Failure::usage("the format is unknown".to_owned(), hint())),
        (None, Some(accept)) => AnswerFormat::accepted(accept).ok_or_else(|| {
            let message = "the Accept of the request names no format that there is";
            Failure::usage(message, hint()).with_status(axum::http::StatusCode::NOT_ACCEPTABLE)
        }),
        (None, None) => Ok(AnswerFormat::Json),
    }
}

fn count(value: Value) -> Result<u64, Failure> {
    let number = match &value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| Failure::usage("max_rows must be a number from 0", "as in max_rows=100"))
}

type Parameters = (Vec<String>, Vec<(String, String)>);

fn parameters(params: Value) -> Result<Parameters, Failure> {
    const HINT: &str = r#"as in "params": ["agent0", 7], or {"since": "7d"}"#;
    let params = match params {
        // In a URL.
        Value::String(text) => serde_json::from_str(&text).unwrap_or_default(),
        params => params,
    };
    let (numbered, named) = match params {
        Value::Array(values) => (values, Map::new()),
        Value::Object(values) => (Vec::new(), values),
        _ => return Err(Failure::usage("params must be an array or an object", HINT)),
    };
    if numbered.len().max(named.len()) > MAX_PARAMETERS {
        let message = format!("there are more than {MAX_PARAMETERS} parameters");
        return Err(Failure::too_large(message, "use fewer"));
    }
    let value = |value| {
        let text = match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                let message = "the value of a parameter must be a string, a number, true or false";
                return Err(Failure::usage(message, "write NULL and lists into the query"));
            }
        };
        match text.contains('\0') {
            true => Err(Failure::usage("the value of a parameter has a NUL character", HINT)),
            false => Ok(text),
        }
    };
    let numbered = numbered.into_iter().map(value).collect::<Result<_, _>>()?;
    let mut values = BTreeMap::new();
    for (name, it) in named {
        let name = name.strip_prefix('$').unwrap_or(&name);
        if !is_name(name) || name.is_empty() {
            return Err(Failure::usage("the name of a parameter must be a name", HINT));
        }
        if values.insert(name.to_owned(), value(it)?).is_some() {
            return Err(Failure::usage("a parameter is given with $ and without it", HINT));
        }
    }
    Ok((numbered, values.into_iter().collect()))
}

fn is_name(text: &str) -> bool {
    text.chars().all(|char| char.is_alphanumeric() || char == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(body: &str) -> Result<QueryRequest, Failure> {
        QueryRequest::parse("application/json; charset=utf-8", body.as_bytes(), "", None)
    }

    #[test]
    fn bodies_are_sql_json_or_forms() {
        let sql = |content_type, body: &str, url| {
            QueryRequest::parse(content_type, body.as_bytes(), url, None).unwrap().sql
        };
        assert_eq!(sql("text/plain", "SELECT 1", ""), "SELECT 1");
        assert_eq!(sql("", "SELECT 1", "format=csv"), "SELECT 1");
        assert_eq!(sql("application/json", r#"{"q":"SELECT 2"}"#, ""), "SELECT 2");
        assert_eq!(
            sql("application/x-www-form-urlencoded", "SELECT 1+1 = 2", ""),
            "SELECT 1+1 = 2"
        );
        assert_eq!(sql("application/x-www-form-urlencoded", "query=SELECT+1", ""), "SELECT 1");
        assert_eq!(sql("", "", "sql=SELECT%201&format=csv"), "SELECT 1");
    }

    #[test]
    fn parts_become_arguments() {
        let request =
            json(r#"{"sql":"S","params":["-7x","",1.50,true],"format":"csv","max_rows":10}"#);
        let expected = ["--format=csv", "--max-rows=10", "-p=-7x", "-p=", "-p=1.5", "-p=true"];
        assert_eq!(request.unwrap().arguments(), expected);
        let request = json(r#"{"sql":"S","params":{"$since":"7d"}}"#).unwrap();
        assert_eq!(request.arguments(), ["--json", "--param=since=7d"]);
        let url = "sql=S&params=[1,2]&max_rows=0&format=arrow";
        let request = QueryRequest::parse("", b"", url, Some("text/csv")).unwrap();
        assert_eq!(request.arguments(), ["--format=arrow", "--max-rows=0", "-p=1", "-p=2"]);
    }

    #[test]
    fn broken_requests_are_explained() {
        for (body, message) in [
            ("", "no query"),
            ("[]", "no JSON object"),
            ("{", "no JSON: EOF"),
            (r#"{"sql":7}"#, "sql must be a string"),
            (r#"{"sql":" \n"}"#, "no query"),
            (r#"{"sql":"S","limit":1}"#, "'limit' is unknown"),
            (r#"{"sql":"S","max_rows":-1}"#, "max_rows"),
            (r#"{"sql":"S","max_rows":1e300}"#, "max_rows"),
            (r#"{"sql":"S","params":7}"#, "array or an object"),
            (r#"{"sql":"S","params":[null]}"#, "must be a string"),
            (r#"{"sql":"S","params":["\u0000"]}"#, "NUL"),
            (r#"{"sql":"S","params":{"a=b":"c"}}"#, "must be a name"),
            (r#"{"sql":"S","params":{"a":"b","$a":"c"}}"#, "with $ and without"),
            (r#"{"sql":"S","format":"xml"}"#, "the format is unknown"),
        ] {
            let failure = json(body).unwrap_err();
            assert_eq!(failure.status(), 400, "{body}");
            assert!(failure.message().contains(message), "{body}: {}", failure.message());
        }
        let failure = QueryRequest::parse("", b"\xff", "", None).unwrap_err();
        assert!(failure.message().contains("UTF-8"));
        let failure = QueryRequest::parse("", b"S", "", Some("text/html")).unwrap_err();
        assert_eq!(failure.status(), 406);
    }

    #[test]
    fn long_queries_are_refused() {
        let sql = "x".repeat(MAX_SQL_BYTES);
        let parse = |body: &str| QueryRequest::parse("", body.as_bytes(), "", None);
        assert!(parse(&sql).is_ok());
        assert_eq!(parse(&format!("{sql}x")).unwrap_err().status(), 413);
        let body = format!(r#"{{"sql":"S","params":["{sql}","x"]}}"#);
        assert_eq!(json(&body).unwrap_err().status(), 413);
        let many = vec!["1"; MAX_PARAMETERS + 1].join(",");
        let body = format!(r#"{{"sql":"S","params":[{many}]}}"#);
        assert_eq!(json(&body).unwrap_err().status(), 413);
    }

    proptest::proptest! {
        /// What is accepted can be given to a process: it has no NUL, and begins with an option. In JSON, it means
        /// the same.
        #[test]
        fn any_request_is_read_or_refused(
            kind in 0..4_usize,
            body in r#"(\{"(sql|q|params|format|max_rows)": ?("[^"]{0,9}"|[0-9.e-]{0,9}|\[.{0,9}\]|null)\}|.{0,40})"#,
            url in "((sql|params|format|x)=[^&]{0,9}&){0,3}",
            accept in proptest::option::of(".{0,20}"),
        ) {
            let types = ["", "text/plain", "application/json", "application/x-www-form-urlencoded"];
            let request = QueryRequest::parse(types[kind], body.as_bytes(), &url, accept.as_deref());
            if let Ok(request) = request {
                let arguments = request.arguments();
                assert!(arguments.iter().all(|argument| !argument.contains('\0')));
                assert!(arguments.iter().all(|argument| argument.starts_with('-')));
                assert!(!request.sql.trim().is_empty());
                assert_eq!(json(&request.to_json().to_string()), Ok(request));
            }
        }
    }
}
