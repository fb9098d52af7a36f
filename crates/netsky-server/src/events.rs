//! `/events`: the rows of a table, as they are recorded.

use std::collections::HashSet;
use std::ops::{ControlFlow, RangeInclusive};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use netsky_db::{ErrorKind, TABLES, Table, View};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until};

use crate::chunks::{self, Gone, Sender};
use crate::connection::answering;
use crate::failure::Failure;
use crate::query_string::pairs;
use crate::state::ReadState;
use crate::stop::Phase;

/// After this time without a row, a comment says that the stream is alive.
const ALIVE: Duration = Duration::from_secs(15);

/// What is read of the store at a time.
const PAGE_BYTES: usize = 256 << 10;

/// How many rows a condition is applied to at a time.
const ROWS_AT_ONCE: i64 = 10_000;

/// The longest output of the query for the ids that a condition selects among them.
const MAX_ID_BYTES: usize = 1 << 20;

const MAX_CONDITION_BYTES: usize = 8 << 10;

/// Connections are also for others.
const MAX_FOLLOWERS: u64 = 256;

/// What a follower has asked for.
#[derive(Debug)]
struct Follower {
    table: &'static Table,
    /// The id of the last row that it has. Without one, it gets the rows that are recorded from now on.
    after: Option<i64>,
    condition: Option<String>,
    as_events: bool,
}

pub(crate) async fn events(State(state): State<Arc<ReadState>>, request: Request) -> Response {
    // The body of a GET says nothing.
    let (head, _) = request.into_parts();
    match begin(state, &head).await {
        Ok(response) => response,
        Err(failure) => failure.into_response(),
    }
}

async fn begin(state: Arc<ReadState>, head: &Parts) -> Result<Response, Failure> {
    let follower = Follower::parse(head.uri.query().unwrap_or_default(), &head.headers)?;
    if state.counts.followers() >= MAX_FOLLOWERS {
        let message = format!("{MAX_FOLLOWERS} streams are open already");
        return Err(Failure::busy(StatusCode::TOO_MANY_REQUESTS, message));
    }
    let counted = state.counts.follower();
    let answering = answering(&head.extensions);
    if let Some(condition) = &follower.condition {
        // A wrong condition is said before anything is followed. If there is no store, it is found out later.
        match matching(&state, follower.table, condition, 0..=0).await {
            Err(failure) if failure.kind() != "not_found" => return Err(failure),
            _ => {}
        }
    }
    let after = match follower.after {
        Some(after) => after,
        None => last_id(&state, follower.table).await?,
    };
    let (sender, chunks) = chunks::channel(answering);
    let media_type = match follower.as_events {
        true => "text/event-stream",
        false => "application/x-ndjson",
    };
    tokio::spawn(async move {
        let _counted = counted;
        let gone = Arc::clone(&state);
        tokio::select! {
            _ = follow(&state, &follower, after, &sender) => {}
            () = sender.closed() => {}
            () = gone.stop.until(Phase::Killing) => {}
        }
    });
    let mut response = Response::new(Body::from_stream(chunks));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    Ok(response)
}

impl Follower {
    fn parse(query: &str, headers: &HeaderMap) -> Result<Self, Failure> {
        let (mut table, mut after, mut condition, mut format) = (None, None, None, None);
        for (name, value) in pairs(query) {
            match name.as_str() {
                "table" => table = Some(find_table(&value)?),
                "after" => after = Some(id(&value)?),
                "where" => condition = Some(value).filter(|value| !value.trim().is_empty()),
                "format" => format = Some(value),
                _ => {
                    let hint = "known are table, after, where and format";
                    return Err(Failure::usage("a part of the query string is unknown", hint));
                }
            }
        }
        let Some(table) = table else {
            return Err(Failure::usage("no table is named", "as in /events?table=ticks"));
        };
        if condition.as_ref().is_some_and(|text| text.len() > MAX_CONDITION_BYTES) {
            let message = format!("the condition is longer than {MAX_CONDITION_BYTES} bytes");
            return Err(Failure::too_large(message, "shorten it"));
        }
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_ascii_lowercase();
        let accept = headers.get(ACCEPT).map(text).unwrap_or_default();
        let as_events = match format.as_deref() {
            Some("ndjson") => false,
            Some("sse") => true,
            Some(_) => {
                return Err(Failure::usage("the format is unknown", "there are: sse, ndjson"));
            }
            None => accept.contains("text/event-stream") || !accept.contains("ndjson"),
        };
        // A browser that connects again says what it has, with the URL of the first time.
        if let Some(last) = headers.get("last-event-id") {
            after = Some(id(last.to_str().unwrap_or_default())?);
        }
        Ok(Self { table, after, condition, as_events })
    }

    /// Appends a row.
    fn push(&self, out: &mut Vec<u8>, id: i64, json: &[u8]) {
        if self.as_events {
            out.extend_from_slice(format!("id: {id}\ndata: ").as_bytes());
        }
        out.extend_from_slice(json);
        out.extend_from_slice(if self.as_events { b"\n\n" } else { b"\n" });
    }

    /// What says that the stream is alive, or at its end.
    fn comment(&self, text: &str) -> Bytes {
        match self.as_events {
            true => format!(": {text}\n\n").into(),
            false => "\n".into(),
        }
    }

    fn error(&self, failure: &Failure) -> Bytes {
        let json = failure.to_json();
        match self.as_events {
            true => format!("event: error\ndata: {json}\n\n").into(),
            false => format!("{json}\n").into(),
        }
    }

    /// Says that the rows up to an id have been looked at, so that they are not looked at again after the client
    /// has connected again.
    fn passed(&self, id: i64) -> Option<Bytes> {
        self.as_events.then(|| format!("id: {id}\n\n").into())
    }
}

fn find_table(name: &str) -> Result<&'static Table, Failure> {
    Table::find(name, TABLES).map_err(|error| match View::find(name) {
        Ok(_) => Failure::usage(
            format!("{name} is a view, and events are those of a table"),
            "`netsky tables` lists the tables",
        ),
        Err(_) => Failure::from(&error),
    })
}

fn id(text: &str) -> Result<i64, Failure> {
    let id = text.trim().parse().ok().filter(|id| *id >= 0);
    id.ok_or_else(|| Failure::usage("the id of a row must be a number from 0", "as in after=0"))
}

/// The highest id of a table; 0 if there is no store.
async fn last_id(state: &Arc<ReadState>, table: &'static Table) -> Result<i64, Failure> {
    let here = Arc::clone(state);
    let found = spawn_blocking(move || here.open()?.highest_id(table)).await;
    match found {
        Ok(Ok(id)) => Ok(id),
        Ok(Err(error)) if error.kind() == ErrorKind::NotFound => Ok(0),
        Ok(Err(error)) => Err(Failure::from(&error)),
        Err(error) => Err(Failure::internal(error.to_string())),
    }
}

async fn follow(
    state: &Arc<ReadState>,
    follower: &Follower,
    after: i64,
    sender: &Sender,
) -> Result<(), Gone> {
    let mut positions = state.followers.follow(follower.table);
    let replaced = positions.borrow().replaced;
    let mut sent = after;
    // The head of the answer is sent with the first bytes.
    sender.send(follower.comment("following")).await?;
    let mut alive = Instant::now() + ALIVE;
    loop {
        let position = *positions.borrow_and_update();
        if position.replaced != replaced {
            let message =
                format!("{} has other rows: the store was replaced", follower.table.name());
            let hint = "follow again, with after=0 for all rows";
            let failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "uncertain", message, hint);
            return sender.send(follower.error(&failure)).await;
        }
        while sent < position.highest {
            match send_rows(state, follower, sent, position.highest, sender).await {
                Ok(id) => sent = id,
                Err(Ended::Gone) => return Err(Gone),
                // The store is absent or busy now.
                Err(Ended::Failed(failure)) if failure.status() == 503 => {
                    sleep(ALIVE.min(Duration::from_secs(1))).await;
                    break;
                }
                Err(Ended::Failed(failure)) => return sender.send(follower.error(&failure)).await,
            }
            alive = Instant::now() + ALIVE;
        }
        tokio::select! {
            changed = positions.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
            }
            () = sleep_until(alive) => {
                sender.send(follower.comment("alive")).await?;
                alive = Instant::now() + ALIVE;
            }
            () = state.stop.until(Phase::Stopping) => {
                return sender.send(follower.comment("the server stops")).await;
            }
        }
    }
}

/// Why no more rows are sent.
enum Ended {
    Gone,
    Failed(Failure),
}

impl From<Gone> for Ended {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Sends some rows after `sent`, and returns the id up to which nothing is left to send.
async fn send_rows(
    state: &Arc<ReadState>,
    follower: &Follower,
    sent: i64,
    highest: i64,
    sender: &Sender,
) -> Result<i64, Ended> {
    let (until, only) = match &follower.condition {
        None => (highest, None),
        Some(condition) => {
            let until = highest.min(sent.saturating_add(ROWS_AT_ONCE));
            let ids = sent.saturating_add(1)..=until;
            (until, Some(matching(state, follower.table, condition, ids).await?))
        }
    };
    let mut sent = sent;
    while sent < until {
        if only.as_ref().is_some_and(|only| only.iter().all(|&id| id <= sent)) {
            if let Some(passed) = follower.passed(until) {
                sender.send(passed).await?;
            }
            return Ok(until);
        }
        let page = read(state, follower, sent.saturating_add(1)..=until, only.clone()).await?;
        if !page.bytes.is_empty() {
            sender.send(page.bytes.into()).await?;
        }
        sent = page.until;
    }
    Ok(sent)
}

/// Rows to send.
struct Page {
    bytes: Vec<u8>,
    /// The last id that was looked at.
    until: i64,
}

async fn read(
    state: &Arc<ReadState>,
    follower: &Follower,
    ids: RangeInclusive<i64>,
    only: Option<Arc<HashSet<i64>>>,
) -> Result<Page, Failure> {
    let (here, table) = (Arc::clone(state), follower.table);
    // A copy, because reading blocks.
    let style = Follower { table, after: None, condition: None, as_events: follower.as_events };
    let read = spawn_blocking(move || {
        let mut page = Page { bytes: Vec::new(), until: *ids.end() };
        here.open()?.visit_rows_in(table, ids, |id, json| {
            if only.as_ref().is_none_or(|only| only.contains(&id)) {
                style.push(&mut page.bytes, id, &with_id(id, json));
            }
            if page.bytes.len() < PAGE_BYTES {
                return ControlFlow::Continue(());
            }
            page.until = id;
            ControlFlow::Break(())
        })?;
        Ok(page)
    });
    match read.await {
        Ok(Ok(page)) => Ok(page),
        Ok(Err(error)) => Err(Failure::from(&error)),
        Err(error) => Err(Failure::internal(error.to_string())),
    }
}

/// A stored row, with its id.
fn with_id(id: i64, json: &[u8]) -> Vec<u8> {
    // No row has line breaks, unless another program has stored it.
    let json = json.iter().map(|&byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte });
    let json: Vec<u8> = json.collect();
    match json.strip_prefix(b"{") {
        Some(_) if json.starts_with(b"{\"id\":") => json,
        Some(b"}") => format!("{{\"id\":{id}}}").into_bytes(),
        Some(rest) => [format!("{{\"id\":{id},").as_bytes(), rest].concat(),
        None => json,
    }
}

/// The ids of the rows that satisfy a condition, of those in a range.
async fn matching(
    state: &Arc<ReadState>,
    table: &Table,
    condition: &str,
    ids: RangeInclusive<i64>,
) -> Result<Arc<HashSet<i64>>, Failure> {
    let place = state.places.wait().await?;
    let (first, last) = (ids.start(), ids.end());
    // A comment at the end of the condition ends with its line.
    let sql = format!(
        "SELECT id FROM {} WHERE id BETWEEN {first} AND {last} AND (\n{condition}\n)",
        table.name()
    );
    let mut arguments = vec!["query".to_owned(), "--format=tsv".to_owned()];
    arguments.extend(state.limits());
    let process = state.start(place, &arguments, sql)?;
    let out = process.output(MAX_ID_BYTES, state.queries.timeout).await?;
    let out = String::from_utf8_lossy(&out);
    // A condition that closes the parenthesis can find others; they are not wanted.
    let found = out.lines().filter_map(|line| line.parse().ok()).filter(|id| ids.contains(id));
    Ok(Arc::new(found.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_their_id() {
        let with_id = |json: &str| String::from_utf8(with_id(7, json.as_bytes())).unwrap();
        assert_eq!(with_id(r#"{"a":1}"#), r#"{"id":7,"a":1}"#);
        assert_eq!(with_id("{}"), r#"{"id":7}"#);
        assert_eq!(with_id(r#"{"id":7,"a":1}"#), r#"{"id":7,"a":1}"#);
        assert_eq!(with_id("{\"a\":\n1}"), r#"{"id":7,"a": 1}"#);
    }

    #[test]
    fn followers_say_what_they_want() {
        let parse = |query: &str, headers: &[(&'static str, &'static str)]| {
            let headers =
                headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            Follower::parse(query, &headers.collect())
        };
        let follower = parse("table=ticks&where=id%3E1", &[]).unwrap();
        assert!(follower.as_events && follower.after.is_none());
        assert_eq!(follower.condition.as_deref(), Some("id>1"));
        let follower = parse("table=ticks&after=3", &[("last-event-id", "9")]).unwrap();
        assert_eq!(follower.after, Some(9));
        let ndjson = [("accept", "application/x-ndjson, */*")];
        assert!(!parse("table=ticks", &ndjson).unwrap().as_events);
        for broken in
            ["", "table=tick", "table=v_agents", "table=ticks&after=-1", "table=ticks&x=1"]
        {
            assert_eq!(parse(broken, &[]).unwrap_err().status(), 400, "{broken}");
        }
    }
}
