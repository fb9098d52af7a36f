//! Any text as a request for a query. What is accepted is within the limits, can be given to a process, and means
//! the same in another form; what is refused says why. The lines are the type of the body, what the URL has after
//! `?`, and what the request accepts; all that follows is the body.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netsky_server::QueryRequest;
use serde_json::Value;

const MAX_SQL_BYTES: usize = 64 << 10;
const MAX_PARAMETERS: usize = 1_000;
const MAX_MESSAGE_BYTES: usize = 1_000;

fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(4, |byte| *byte == b'\n');
    let mut line = || std::str::from_utf8(parts.next().unwrap_or_default());
    let (Ok(content_type), Ok(url), Ok(accept)) = (line(), line(), line()) else { return };
    let body = parts.next().unwrap_or_default();
    let accept = Some(accept).filter(|accept| !accept.is_empty());
    match QueryRequest::parse(content_type, body, url, accept) {
        Ok(request) => check(&request),
        Err(failure) => {
            assert!(matches!(failure.status(), 400 | 406 | 413), "{failure:?}");
            assert!((1..MAX_MESSAGE_BYTES).contains(&failure.message().len()), "{failure:?}");
            assert_eq!(failure.kind(), "usage");
        }
    }
});

fn check(request: &QueryRequest) {
    let arguments = request.arguments();
    assert_eq!(arguments[0], "query");
    assert!(arguments[1..].iter().all(|it| it.starts_with('-') && !it.contains('\0')));
    assert!(arguments.iter().map(String::len).sum::<usize>() < 2 * MAX_SQL_BYTES);
    assert!(arguments.len() < MAX_PARAMETERS + 5);

    let json = request.to_json();
    let sql = json["sql"].as_str().unwrap();
    assert!(!sql.trim().is_empty() && sql.len() <= MAX_SQL_BYTES);
    // As JSON.
    let text = json.to_string();
    let parse = |content_type: &str, body: &str, url: &str| {
        QueryRequest::parse(content_type, body.as_bytes(), url, None)
    };
    assert_eq!(parse("Application/JSON; charset=utf-8", &text, "").as_ref(), Ok(request));
    // What the body says wins over the URL.
    let other = "sql=x&params=[7]&format=csv&max_rows=7";
    if json.as_object().is_some_and(|members| members.len() == 4) {
        assert_eq!(parse("application/json", &text, other).as_ref(), Ok(request));
    }
    // As a form, and in a URL.
    let members = json.as_object().unwrap();
    let pairs: Vec<String> =
        members.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    let form = pairs.join("&");
    assert_eq!(parse("application/x-www-form-urlencoded", &form, "").as_ref(), Ok(request));
    assert_eq!(parse("text/plain", "", &form).as_ref(), Ok(request));
    // The SQL as it is.
    let rest = pairs.iter().filter(|pair| !pair.starts_with("sql=")).cloned().collect::<Vec<_>>();
    assert_eq!(parse("text/plain", sql, &rest.join("&")).as_ref(), Ok(request));
}

fn escaped(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}
