//! The page in a browser without a window, if there is one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::reading::{Reading, json, program};
use crate::{Client, skip};

const BROWSERS: [&str; 3] = ["chromium-headless-shell", "chromium", "google-chrome"];

/// A server with a synthetic fleet.
fn fleet() -> Option<Reading> {
    let server = Reading::start()?;
    let mut demo = Command::new(program()?);
    demo.args(["demo", "--rows", "20000", "--db"]).arg(server.path());
    assert!(demo.stdout(Stdio::null()).status().unwrap().success());
    Some(server)
}

fn browser() -> Option<&'static str> {
    let runs = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    let found = BROWSERS.into_iter().find(runs);
    if found.is_none() {
        skip("browser", "the page is not tested, because there is no Chromium");
    }
    found
}

/// The text of a page after its queries, and what it wrote to the console.
fn open(server: &Reading, browser: &str, route: &str) -> (String, String) {
    open_with(server, browser, route, "secret")
}

fn open_with(server: &Reading, browser: &str, route: &str, token: &str) -> (String, String) {
    let and = if route.contains('?') { '&' } else { '?' };
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(browser)
        .args([
            "--no-sandbox",
            "--headless",
            "--dump-dom",
            "--disable-gpu",
            "--enable-logging=stderr",
        ])
        .args(["--virtual-time-budget=8000", "--window-size=1440,1000"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("http://{}/#/{route}{and}token={token}", server.address))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let log = String::from_utf8_lossy(&output.stderr);
    let console: Vec<_> = log.lines().filter(|line| line.contains("CONSOLE")).collect();
    (text_of(&String::from_utf8_lossy(&output.stdout)), console.join("\n"))
}

/// The text of HTML, with one space between elements.
fn text_of(html: &str) -> String {
    let body = html.split_once("<main").map_or(html, |(_, main)| main);
    let text: Vec<_> = body
        .split('<')
        .filter_map(|part| part.split_once('>'))
        .flat_map(|(_, text)| text.split_whitespace())
        .collect();
    text.join(" ").replace("&gt;", ">").replace("&amp;", "&")
}

fn rows(server: &Reading, sql: &str) -> Vec<Value> {
    json(&server.query(sql))["rows"].as_array().unwrap().clone()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A sum as the page writes it.
fn usd(value: &Value) -> String {
    let text = format!("{:.2}", value.as_f64().unwrap());
    let (whole, cents) = text.split_once('.').unwrap();
    format!("${}.{cents}", grouped(whole))
}

/// 12345 as 12,345.
fn grouped(digits: &str) -> String {
    let parts: Vec<_> = digits.as_bytes().rchunks(3).rev().collect();
    String::from_utf8(parts.join(&b',')).unwrap()
}

/// Each page in a browser: no error, no violation of the content security policy, and the figures of the same SQL.
#[test]
fn each_page_shows_the_figures_of_its_sql() {
    let (Some(browser), Some(server)) = (browser(), fleet()) else { return };
    let [bounds] = &rows(
        &server,
        "SELECT min(ts_utc)::text AS a, max(ts_utc)::text AS b FROM token_usage",
    )[..] else {
        panic!()
    };
    // Times in a link need no offset, and their + would be a space.
    let iso = |value: &Value| text(value).replace(' ', "T").replace("+00:00", "Z");
    let (from, to) = (iso(&bounds["a"]), iso(&bounds["b"]));
    let range = format!("range={from}..{to}");
    let within = format!("BETWEEN '{from}' AND '{to}'");
    let sum = "sum(cost_usd_micros) / 1e6 AS usd";

    let by_model = rows(
        &server,
        &format!(
            "SELECT model, {sum}, count(*) AS calls FROM token_usage WHERE ts_utc {within} GROUP BY model ORDER BY usd DESC"
        ),
    );
    let by_agent = rows(
        &server,
        &format!(
            "SELECT agent, {sum} FROM token_usage WHERE ts_utc {within} GROUP BY agent ORDER BY usd DESC"
        ),
    );
    let by_tool = rows(
        &server,
        &format!(
            "SELECT tool, count(*) AS calls FROM mcp_tool_calls WHERE ts_utc_start {within} GROUP BY tool"
        ),
    );
    let events = rows(
        &server,
        &format!("SELECT count(*) AS n FROM v_timeline WHERE agent = 'agent3' AND ts_utc {within}"),
    );
    let newest = rows(&server, "SELECT max(id) AS id FROM mcp_tool_calls");
    let all = rows(
        &server,
        &format!("SELECT {sum}, count(*) AS calls FROM token_usage WHERE ts_utc {within}"),
    );
    assert!(by_model.len() == 3 && by_agent.len() == 10 && by_tool.len() > 5);

    let costs_of = |name: &str, rows: &[Value]| -> Vec<String> {
        rows.iter().map(|row| format!("{} {}", text(&row[name]), usd(&row["usd"]))).collect()
    };
    let pages = [
        ("fleet", costs_of("model", &by_model)),
        (
            "cost",
            [
                vec![usd(&all[0]["usd"]), grouped(&text(&all[0]["calls"]))],
                costs_of("model", &by_model),
            ]
            .concat(),
        ),
        (
            "agents",
            by_agent.iter().flat_map(|row| [text(&row["agent"]), usd(&row["usd"])]).collect(),
        ),
        ("agents/agent3", vec![format!("Events {}", grouped(&text(&events[0]["n"])))]),
        (
            "tools",
            by_tool
                .iter()
                .map(|row| format!("{} {}", text(&row["tool"]), grouped(&text(&row["calls"]))))
                .collect(),
        ),
        ("live", vec![format!("#{}", text(&newest[0]["id"]))]),
    ];
    let mut failures = Vec::new();
    for (page, expected) in pages {
        let (text, console) = open(&server, browser, &format!("{page}?{range}"));
        if !console.is_empty() {
            failures.push(format!("{page} writes to the console: {console}"));
        }
        let missing: Vec<_> = expected.iter().filter(|figure| !text.contains(*figure)).collect();
        if !missing.is_empty() {
            failures.push(format!("{page} does not show {missing:?}: {text}"));
        }
    }
    // The query is in the link; its rows are a grid.
    let (text, console) =
        open(&server, browser, "sql?q=SELECT+count(*)+AS+n,+'of'+AS+what+FROM+token_usage");
    let counted = rows(&server, "SELECT count(*) AS n FROM token_usage");
    let expected = format!("n what {} of", counted[0]["n"]);
    if !console.is_empty() || !text.contains(&expected) {
        failures.push(format!("sql does not show {expected}: {console} {text}"));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The list of Fleet is that of `netsky top`.
#[test]
fn fleet_lists_what_top_lists() {
    let (Some(browser), Some(server)) = (browser(), fleet()) else { return };
    let top = || {
        let output = Command::new(program().unwrap())
            .arg("--db")
            .arg(server.path())
            .args(["top", "--json"])
            .output();
        let top: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
        let rows = top["rows"].as_array().unwrap();
        let named = |row: &Value| format!("{} {}", text(&row["state"]), text(&row["who"]));
        rows.iter().map(named).collect::<Vec<_>>()
    };
    // Time passes: a source can fall silent meanwhile. Then the page may have either list.
    for _ in 0..5 {
        let before = top();
        let (text, _) = open(&server, browser, "fleet");
        if before != top() {
            continue;
        }
        assert!(before.iter().any(|row| row.starts_with("crash loop")), "{before:?}");
        let mut states = std::collections::BTreeMap::new();
        for row in &before {
            let state = row.split(" agent").next().unwrap().to_owned();
            let shown: &mut usize = states.entry(state).or_default();
            *shown += 1;
            // Five of each kind are shown.
            assert!(*shown > 5 || text.contains(row), "{row} is missing: {text}");
        }
        return;
    }
    panic!("the fleet does not stand still");
}

/// A store that is absent, an empty one, and a wrong token.
#[test]
fn a_page_without_data_says_what_to_do() {
    let (Some(browser), Some(server)) = (browser(), Reading::start()) else { return };
    let (text, _) = open(&server, browser, "fleet");
    assert!(text.contains("Nothing is recorded yet"), "{text}");
    assert!(
        text.contains("netsky ingest") && text.contains("netsky hook install claude-code"),
        "{text}"
    );
    drop(netsky_db::Db::open_path(server.path()).unwrap());
    let (text, console) = open(&server, browser, "cost");
    assert!(text.contains("Nothing is recorded yet") && console.is_empty(), "{console} {text}");
    let (text, _) = open_with(&server, browser, "fleet", "wrong");
    assert!(text.contains("This page needs the token"), "{text}");
}

const PYTHON: &str = include_str!("page.py");

/// The SQL page by keyboard alone, and a row that another process records on Live.
#[test]
fn the_page_is_used_by_keyboard() {
    let python = Command::new("python3").args(["-c", "import playwright.sync_api"]).output();
    if !python.is_ok_and(|output| output.status.success()) {
        return skip(
            "python",
            "the page is not used by keyboard, because there is no playwright in Python",
        );
    }
    let (Some(browser), Some(server)) = (browser(), fleet()) else { return };
    let output = Command::new("python3")
        .args(["-c", PYTHON, browser, &format!("http://{}", server.address)])
        .arg(program().unwrap())
        .arg(server.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The files are those that stand in the list of checksums, and each has a licence.
#[test]
fn vendored_files_are_unchanged_and_licensed() {
    use sha2::{Digest, Sha256};
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    let sums = std::fs::read_to_string(assets.join("SHA256SUMS")).unwrap();
    let mut listed = Vec::new();
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        let content = std::fs::read(assets.join("vendor").join(name)).unwrap();
        let found: String =
            Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, sum, "{name}");
        listed.push(PathBuf::from(name));
    }
    let mut vendored: Vec<PathBuf> = std::fs::read_dir(assets.join("vendor"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into())
        .collect();
    vendored.sort();
    listed.sort();
    assert_eq!(listed, vendored);
    for file in &vendored {
        assert!(
            vendored.contains(&file.with_extension("LICENSE")),
            "{} has no licence",
            file.display()
        );
    }
}

/// Each file of the page is served with its type, compressed if the browser can read that, and kept by its content.
#[test]
fn every_file_of_the_page_is_served() {
    let Some(server) = Reading::start() else { return };
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    let get = |path: &str, headers: &[(&str, &str)]| {
        Client::connect(server.address).send("GET", path, headers, b"")
    };
    for dir in ["js", "vendor"] {
        for file in std::fs::read_dir(assets.join(dir)).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let answer = get(&format!("/assets/{dir}/{name}"), &[]);
            assert_eq!(
                (answer.status, answer.body),
                (200, std::fs::read(&path).unwrap()),
                "{name}"
            );
        }
    }
    let page = get("/", &[("accept-encoding", "gzip, br")]);
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.headers["content-encoding"], "gzip");
    let policy = &page.headers["content-security-policy"];
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let mut html = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&*page.body), &mut html)
        .unwrap();
    assert_eq!(html, std::fs::read_to_string(assets.join("index.html")).unwrap());
    // Neither scripts nor styles stand in the page itself.
    assert!(
        !html.contains("<style")
            && !html.contains("style=")
            && html.matches("<script").count() == 1
    );
    let kept = get("/", &[("if-none-match", &page.headers["etag"])]);
    assert_eq!((kept.status, kept.body.len()), (304, 0));
    assert_eq!(get("/assets/../Cargo.toml", &[]).status, 404);
    // Another site's name for this machine gets nothing.
    assert_eq!(get("/", &[("host", "rebound.example")]).status, 421);
}
