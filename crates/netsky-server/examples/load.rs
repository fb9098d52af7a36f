//! Measures a server: `load [CONNECTIONS] [RECORDS] [SECONDS]`. Each connection sends requests with a number of
//! log records each, the next one when the last one was answered, to a server with a new store.
//!
//! ```text
//! cargo run --release -p netsky-server --example load -- 50 1 10
//! ```

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use netsky_db::Db;
use netsky_ingest::otlp::Lookup;
use netsky_ingest::prices::Prices;
use netsky_ingest::{Committer, ReadOptions};
use netsky_server::{Server, ServerOptions};

type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let mut next = |default| arguments.next().unwrap_or(Ok(default));
    let (connections, records, seconds) = (next(50)?, next(1)?, next(10)?);

    let dir = tempfile::tempdir()?;
    let path = dir.path().join("meta.db");
    let db = Db::open_path(&path)?;
    let lookup = Lookup::new(Some(db.clone()), |_: &str, _: &str| None, ReadOptions::default());
    let prices = Arc::new(Prices::load(None)?);
    let committer = Committer::new(db, prices);
    let server = Server::new(ServerOptions::default()).receive(committer, lookup);
    let received = server.received();
    let runtime = tokio::runtime::Runtime::new()?;
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = runtime.spawn(server.run([listener], async { drop(stopped.await) }));

    let postponed = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let end = start + Duration::from_secs(seconds);
    let clients: Vec<_> = (0..connections)
        .map(|client| {
            let postponed = Arc::clone(&postponed);
            thread::spawn(move || run(address, client, records, end, &postponed))
        })
        .collect();
    let mut times = Vec::new();
    for client in clients {
        times.extend(client.join().map_err(|_| "a client has failed")??);
    }
    let elapsed = start.elapsed().as_secs_f64();
    drop(stop);
    runtime.block_on(running)??;

    times.sort_unstable();
    let at = |part: f64| {
        let place = (times.len() as f64 * part) as usize;
        times
            .get(place.min(times.len().saturating_sub(1)))
            .map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    let requests = times.len() as f64;
    println!("{connections} connections, {records} records a request, {elapsed:.1} s");
    println!(
        "{:.0} requests/s, {:.0} records/s",
        requests / elapsed,
        requests * records as f64 / elapsed
    );
    println!(
        "p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms, max {:.1} ms",
        at(0.5),
        at(0.95),
        at(0.99),
        at(1.0)
    );
    let total = received.total();
    println!(
        "{} new rows, {} answers 503, {} bytes",
        total.committed.rows(),
        postponed.load(Ordering::Relaxed),
        std::fs::metadata(&path)?.len()
    );
    Ok(())
}

/// Sends requests until the end, and returns the time of each until its answer.
fn run(
    address: SocketAddr,
    client: u64,
    records: u64,
    end: Instant,
    postponed: &AtomicU64,
) -> Result<Vec<Duration>, Error> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut times = Vec::new();
    let mut number = 0;
    while Instant::now() < end {
        let body = request(client, number, records);
        let head = format!(
            "POST /v1/logs HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let sent = Instant::now();
        stream.get_mut().write_all((head + &body).as_bytes())?;
        match answer(&mut stream)? {
            200 => {
                times.push(sent.elapsed());
                number += records;
            }
            503 => drop(postponed.fetch_add(1, Ordering::Relaxed)),
            status => return Err(format!("the answer is {status}").into()),
        }
    }
    Ok(times)
}

/// An event as Claude Code sends it for a model call.
fn request(client: u64, number: u64, records: u64) -> String {
    let events: Vec<String> = (number..number + records)
        .map(|number| {
            let attributes: Vec<String> = [
                ("user.id", "0000000000000000000000000000000000000000000000000000000000000000".to_owned()),
                ("session.id", format!("36c77ed1-8341-40bf-9425-{client:012}")),
                ("event.name", "api_request".to_owned()),
                ("event.timestamp", "2026-11-23T22:02:46.232Z".to_owned()),
                ("event.sequence", number.to_string()),
                ("model", "claude-opus-5-5".to_owned()),
                ("input_tokens", "7".to_owned()),
                ("output_tokens", "100".to_owned()),
                ("cache_read_tokens", "20000".to_owned()),
                ("cache_creation_tokens", "1000".to_owned()),
                ("cost_usd_micros", "8828".to_owned()),
                ("duration_ms", "273".to_owned()),
                ("request_id", format!("req_{client}_{number}")),
            ]
            .iter()
            .map(|(key, value)| format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#))
            .collect();
            format!(
                r#"{{"timeUnixNano":"1795471366232000000","body":{{"stringValue":"claude_code.api_request"}},"attributes":[{}]}}"#,
                attributes.join(",")
            )
        })
        .collect();
    format!(
        r#"{{"resourceLogs":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"claude-code"}}}}]}},"scopeLogs":[{{"logRecords":[{}]}}]}}]}}"#,
        events.join(",")
    )
}

fn answer(stream: &mut BufReader<TcpStream>) -> Result<u16, Error> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).ok_or("no answer")?.parse()?;
    let mut len = 0;
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            len = value.trim().parse()?;
        }
    }
    stream.read_exact(&mut vec![0; len])?;
    Ok(status)
}
