//! Clients of PostgreSQL. Each asks the server what PostgreSQL has answered to the same script and the same tables.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use netsky_testing::{has_data, has_node, has_program, has_program_with, has_python, skip};
use serde_json::{Value, json};

use super::Server;
use crate::cli::Home;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/cli/serve/clients");

const JDBC: &str = "/usr/share/java/postgresql.jar";

const ODBC: &str = "/usr/lib/x86_64-linux-gnu/odbc/psqlodbcw.so";

/// A server on a store of a few rows that the scripts know.
struct Fleet {
    home: Home,
    server: Server,
    token: String,
}

impl Fleet {
    fn start() -> Self {
        let home = Home::new();
        for (table, rows) in
            [("messages", messages()), ("token_usage", calls()), ("mcp_tool_calls", tools())]
        {
            let lines = rows.iter().fold(String::new(), |mut lines, row| {
                writeln!(lines, "{row}").unwrap();
                lines
            });
            let file = home.file(&format!("{table}.ndjson"), lines);
            assert_eq!(home.run(&["import", table, &file]).code, 0);
        }
        Self::on(home)
    }

    /// On the store of a larger, synthetic fleet.
    fn demo() -> Self {
        let home = Home::new();
        let store = home.path(".netsky/meta.db").display().to_string();
        assert_eq!(home.run(&["demo", "--rows", "20000", "--db", &store]).code, 0);
        Self::on(home)
    }

    fn on(home: Home) -> Self {
        let server = Server::start_with(&home, &[]);
        let file = std::fs::read(home.path(".netsky/serve.json")).unwrap();
        let file: Value = serde_json::from_slice(&file).unwrap();
        let token = file["token"].as_str().unwrap().to_owned();
        Self { home, server, token }
    }

    fn url(&self) -> String {
        format!("postgresql://netsky:{}@{}/netsky", self.token, self.server.address)
    }

    fn port(&self) -> &str {
        self.server.address.rsplit(':').next().unwrap()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("timeout");
        command
            .args(["600", program])
            .current_dir(SCRIPTS)
            .env("HOME", self.home.path(""))
            .env("NETSKY", env!("CARGO_BIN_EXE_netsky"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PGCONNECT_TIMEOUT", "20")
            .stdin(Stdio::null());
        command
    }

    fn python(&self, script: &str) {
        passes(self.command("python3").args([script, &self.url()]));
    }

    fn psql(&self, args: &[&str]) -> Output {
        self.command("psql").args(["--no-psqlrc", "--quiet"]).args(args).output().unwrap()
    }
}

fn passes(command: &mut Command) {
    let ran = command.output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert!(ran.status.success(), "{}{}", text(&ran.stdout), text(&ran.stderr));
}

fn time(minutes: i64, milliseconds: i64) -> String {
    let start = chrono::DateTime::from_timestamp(1_776_211_200, 0).unwrap();
    let time =
        start + chrono::TimeDelta::minutes(minutes) + chrono::TimeDelta::milliseconds(milliseconds);
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

fn one_of(names: &[&'static str], i: i64) -> &'static str {
    names[usize::try_from(i).unwrap() % names.len()]
}

fn messages() -> Vec<Value> {
    let row = |i: i64| {
        let body = match i {
            1 => "naïve 🦀 \"quoted\" \\ back\ttab\nline".to_owned(),
            2 => String::new(),
            _ => format!("message {i}"),
        };
        json!({
            "ts_utc": time(i, 0),
            "source": one_of(&["agent", "email", "imessage"], i),
            "direction": one_of(&["inbound", "outbound"], i),
            "chat_id": (i % 4 == 0).then(|| format!("c{}", i % 7)),
            "from_agent": format!("a{}", i % 5),
            "body": body,
            "raw_json": (i == 1).then_some(r#"{"n": 1}"#),
        })
    };
    (1..=1_000).map(row).collect()
}

fn calls() -> Vec<Value> {
    let row = |i: i64| {
        json!({
            "ts_utc": time(10 * i, 0),
            "session_id": format!("s{}", i % 4),
            "agent": format!("a{}", i % 5),
            "model": one_of(&["claude-opus-5-5", "gpt-5.4"], i),
            "input_tokens": 10 * i,
            "output_tokens": i,
            "cached_input_tokens": (i % 3 != 0).then_some(100 * i),
            "cost_usd_micros": 1_234 * i,
        })
    };
    (1..=100).map(row).collect()
}

fn tools() -> Vec<Value> {
    let row = |i: i64| {
        let is_open = i % 10 == 0;
        json!({
            "ts_utc_start": time(i, 0),
            "ts_utc_end": (!is_open).then(|| time(i, 100 * i)),
            "source": "files",
            "tool": one_of(&["read", "write"], i),
            "agent": format!("a{}", i % 5),
            "duration_ms": (!is_open).then_some(100 * i),
            "success": i % 5 != 0,
            "error": (i % 5 == 0).then_some("failed"),
            "timeout_race": false,
        })
    };
    (1..=20).map(row).collect()
}

#[test]
fn psycopg_gets_what_postgresql_answers() {
    if has_python("psycopg, psycopg_pool") {
        Fleet::start().python("with_psycopg.py");
    }
}

#[test]
fn every_row_is_as_on_the_command_line() {
    if has_python("psycopg") {
        Fleet::demo().python("with_all_rows.py");
    }
}

#[test]
fn psycopg2_gets_what_postgresql_answers() {
    if has_python("psycopg2") {
        Fleet::start().python("with_psycopg2.py");
    }
}

#[test]
fn asyncpg_gets_what_postgresql_answers() {
    if has_python("asyncpg") {
        Fleet::start().python("with_asyncpg.py");
    }
}

#[test]
fn sqlalchemy_reflects_and_reads_tables() {
    if has_python("sqlalchemy, pandas, psycopg, psycopg2, asyncpg") {
        Fleet::start().python("with_sqlalchemy.py");
    }
}

#[test]
fn adbc_connectorx_and_polars_read_arrow() {
    if has_python("adbc_driver_postgresql, connectorx, polars, pandas, psycopg, pyarrow") {
        Fleet::start().python("with_arrow.py");
    }
}

#[test]
fn pgcli_completes_names_and_lists_them() {
    if has_python("pgcli") {
        Fleet::start().python("with_pgcli.py");
    }
}

#[test]
fn odbc_gets_what_postgresql_answers() {
    if has_data("odbc", Path::new(ODBC)) && has_python("pyodbc") {
        Fleet::start().python("with_odbc.py");
    }
}

#[test]
fn grafana_draws_the_dashboard_and_lists_columns() {
    if has_python("psycopg") {
        Fleet::demo().python("with_grafana.py");
    }
}

#[test]
fn node_gets_what_postgresql_answers() {
    if has_node("pg") && has_node("pg-cursor") {
        let fleet = Fleet::start();
        passes(fleet.command("node").args(["with_node.js", &fleet.url()]));
    }
}

#[test]
fn tokio_postgres_gets_what_postgresql_answers() {
    let source = Path::new(SCRIPTS).join("tokio-postgres/src/main.rs");
    let source = std::fs::read_to_string(source).unwrap();
    // One that is made from an older source would check less.
    let made = Command::new("tokio-postgres").arg(source).output();
    if !made.is_ok_and(|made| made.status.success()) {
        let reason = "there is no tokio-postgres made from this source; .ci/install makes it";
        return skip("tokio-postgres", reason);
    }
    let fleet = Fleet::start();
    passes(fleet.command("tokio-postgres").arg(fleet.url()));
}

#[test]
fn jdbc_gets_what_postgresql_answers() {
    if has_data("java", Path::new(JDBC)) && has_program_with("java", "-version") {
        let fleet = Fleet::start();
        let url = format!("jdbc:postgresql://{}/netsky", fleet.server.address);
        passes(fleet.command("java").args([
            "-cp",
            JDBC,
            "WithJdbc.java",
            &url,
            "netsky",
            &fleet.token,
        ]));
    }
}

/// The text of errors is our own: their code stands in the next line.
fn without_messages(text: &str) -> String {
    let line =
        |line: &str| match line.strip_prefix("psql:").and_then(|line| line.split(": ").nth(1)) {
            Some(severity) => severity.trim_end_matches(':').to_uppercase(),
            None => line.to_owned(),
        };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn psql_prints_what_it_prints_for_postgresql() {
    if !has_program("psql") {
        return;
    }
    let fleet = Fleet::start();
    let script = format!("psql --no-psqlrc --quiet --file psql.sql '{}' 2>&1", fleet.url());
    let ran = fleet.command("sh").args(["-c", &script]).output().unwrap();
    let found = without_messages(std::str::from_utf8(&ran.stdout).unwrap());
    let expected = std::fs::read_to_string(Path::new(SCRIPTS).join("psql.txt")).unwrap();
    let expected = without_messages(&expected);
    let differs = |(found, expected): &(&str, &str)| found != expected;
    let lines = found.lines().zip(expected.lines()).enumerate();
    let mut differing = lines.filter(|(_, lines)| differs(lines));
    if let Some((number, (line, other))) = differing.next() {
        panic!("line {}: {line:?}, not {other:?}\n{found}", number + 1);
    }
    assert_eq!(found.lines().count(), expected.lines().count(), "{found}");
}

#[test]
fn psql_connects_in_every_way() {
    if !has_program("psql") {
        return;
    }
    let fleet = Fleet::start();
    let sql = ["--tuples-only", "--no-align", "--command", "SELECT count(*) FROM messages"];
    let ask = |url: &str| fleet.psql(&[&[url], &sql[..]].concat());
    let counts = |ran: Output| {
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        assert_eq!(ran.stdout, b"1000\n");
    };
    let url = fleet.url();
    for end in [
        "",
        "?sslmode=disable",
        "?sslmode=prefer&gssencmode=disable",
        "?application_name=a%20b",
        "?options=-c%20statement_timeout%3D60000",
    ] {
        counts(ask(&format!("{url}{end}")));
    }
    let port = fleet.port();
    let mut words = fleet.command("psql");
    words.env("PGPASSWORD", &fleet.token).args([
        "-X",
        "-h",
        "127.0.0.1",
        "-U",
        "anybody",
        "-d",
        "any",
        "-p",
        port,
    ]);
    counts(words.args(sql).output().unwrap());
    // The directory of the socket is the login.
    let socket = fleet.home.path(".netsky").display().to_string();
    counts(fleet.psql(
        &[&["-w", "-h", &socket, "-p", port, "-U", "anybody", "-d", "netsky"], &sql[..]].concat(),
    ));
    let service = fleet.home.file(
        "service.conf",
        format!(
            "[fleet]\nhost=127.0.0.1\nport={port}\nuser=x\npassword={}\ndbname=netsky\n",
            fleet.token
        ),
    );
    let mut by_service = fleet.command("psql");
    counts(
        by_service
            .env("PGSERVICEFILE", service)
            .args(["-X", "service=fleet"])
            .args(sql)
            .output()
            .unwrap(),
    );
    let fails = |ran: Output, expected: &str| {
        let error = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(2), "{error}");
        assert!(error.contains(expected), "{error}");
    };
    fails(ask(&format!("{url}?sslmode=require")), "server does not support SSL");
    let wrong = url.replace(&fleet.token, "wrong");
    fails(ask(&wrong), "password authentication failed");
    let none = url.replace(&format!(":{}", fleet.token), "");
    fails(fleet.psql(&[&["-w", &none], &sql[..]].concat()), "no password supplied");
}

#[test]
fn psql_says_codes_times_and_repeats() {
    if !has_program("psql") {
        return;
    }
    let fleet = Fleet::start();
    let url = fleet.url();
    let ran = fleet.psql(&[&url, "-c", "SELECT absent FROM messages", "-c", "\\errverbose"]);
    let error = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(
        error.contains("ERROR:  42703: ") && error.contains("LINE 1: SELECT absent"),
        "{error}"
    );
    let ran = fleet.psql(&[&url, "-c", "\\timing on", "-c", "SELECT 1 AS one", "-c", "\\conninfo"]);
    let out = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(
        out.contains("Time: ") && out.contains("You are connected to database \"netsky\""),
        "{out}"
    );
    let ran = fleet.psql(&[
        &url,
        "-v",
        "ON_ERROR_STOP=1",
        "-At",
        "-c",
        "SELECT 1; SELECT 2",
        "-c",
        "SELECT * FROM absent",
        "-c",
        "SELECT 3",
    ]);
    assert_eq!((ran.status.code(), ran.stdout), (Some(1), b"1\n2\n".to_vec()));
    // Until it is ended.
    let watch = format!(
        "echo 'SELECT id FROM messages WHERE id = 7 \\watch 0.2' | timeout --signal=INT --kill-after=1 3 psql -XqAt '{url}'"
    );
    let out = fleet.command("sh").args(["-c", &watch]).output().unwrap().stdout;
    let lines = String::from_utf8_lossy(&out).lines().filter(|line| *line == "7").count();
    assert!(lines > 2, "{lines}");
}

/// What the lists of names look like differs between versions of psql.
#[test]
fn every_list_of_psql_is_answered() {
    if !has_program("psql") {
        return;
    }
    let fleet = Fleet::start();
    let lists = "\\d \\d+ \\dS \\da \\dA \\db \\dc \\dC \\dconfig \\dd \\dD \\ddp \\dE \\des \\det \\deu \\dew \\df \\df+ \\dF \\dFd \\dFp \\dFt \
        \\dg \\di \\di+ \\dl \\dL \\dm \\dn \\dn+ \\do \\dO \\dp \\dP \\drds \\dRp \\dRs \\ds \\dt \\dt+ \\dT \\dT+ \\du \\du+ \\dv \\dv+ \\dx \\dx+ \\dX \\dy \\l \\l+ \\z \
        \\dtvS \\dt:* \\d:* \\d+:* \\d:pg_class \\d+:v_agent_sessions \\dt+:messages \\df:lower \\sv:v_agent_sessions \\dv+:v_* \\d:public.messages \\dT:int8 \\l:netsky \\z:messages";
    let lines: Vec<String> = lists.split_whitespace().map(|list| list.replace(':', " ")).collect();
    let script = fleet.home.file("lists.sql", lines.join("\n"));
    let ran = fleet.psql(&[&fleet.url(), "-v", "VERBOSITY=verbose", "--file", &script]);
    // With the numbers of lines.
    let faults = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && ran.stdout.len() > 10_000, "{}", ran.status);
    assert!(faults.is_empty(), "{faults}");
}
