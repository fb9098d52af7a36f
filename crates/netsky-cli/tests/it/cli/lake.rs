//! Lakes: `netsky lake`, and `--lake`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use netsky_testing::{Dice, first_file, has_data, has_program, has_python, has_s3_server};
use serde_json::{Value, json};

use super::{Home, Ran, ran};

const S3: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/cli/lake/s3.py");

/// A server of S3 with the bucket `fleet`.
struct S3Server {
    process: Child,
    port: u16,
}

impl S3Server {
    /// `None` if there is no server to start.
    fn start() -> Option<Self> {
        if !has_s3_server() {
            return None;
        }
        let mut process = Command::new("python3")
            .arg(S3)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let server = Self { process, port: port.trim().parse().unwrap() };
        server.ask("PUT", "/fleet");
        Some(server)
    }

    fn ask(&self, method: &str, path: &str) -> String {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(
            connection,
            "{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer.rsplit("\r\n").next().unwrap().to_owned()
    }

    /// Fails the request of that number from now on.
    fn fail(&self, at: impl std::fmt::Display, kind: &str) {
        self.ask("PUT", &format!("/_fault?at={at}&kind={kind}"));
    }

    fn requests(&self) -> u64 {
        self.ask("GET", "/_requests").parse().unwrap()
    }

    fn command(&self, home: &Home, args: &[&str]) -> Command {
        let mut command = home.command(args);
        for (name, value) in [
            ("AWS_ENDPOINT", format!("http://127.0.0.1:{}", self.port)),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_ACCESS_KEY_ID", "k".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "s".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
        ] {
            command.env(name, value);
        }
        command
    }

    fn run(&self, home: &Home, args: &[&str]) -> Ran {
        ran(self.command(home, args).output().unwrap())
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().unwrap();
    }
}

fn record(home: &Home, rows: usize) {
    let line = |i: usize| {
        let time = format!("2026-04-{:02}T12:00:00Z", 10 + i % 3);
        format!("{}\n", json!({"ts_utc": time, "source": "x", "detail_json": "{}"}))
    };
    let file = home.file("ticks.ndjson", (0..rows).map(line).collect::<String>());
    let ran = home.run(&["import", "ticks", &file, "--allow-duplicates"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
}

const ONCE: &str = "SELECT count(*) AS rows, count(DISTINCT id) AS ids, max(id) AS last FROM ticks";

fn assert_once(ran: &Ran, expected: u64) {
    assert_eq!(ran.code, 0, "{}", ran.err);
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(answer["rows"][0], json!({"rows": expected, "ids": expected, "last": expected}));
}

#[test]
fn machines_push_to_a_bucket_and_all_are_queried() {
    let Some(s3) = S3Server::start() else { return };
    let lake = "s3://fleet/lake";
    let homes = [("a", 5), ("b", 7)].map(|(machine, rows)| {
        let home = Home::new();
        record(&home, rows);
        let ran = s3.run(&home, &["lake", "push", lake, "--machine", machine]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(
            ran.out.starts_with(&format!(
                "ticks: {rows} rows\npushed {rows} rows as {machine}: 3 files, "
            )),
            "{}",
            ran.out
        );
        home
    });
    let [home, _] = &homes;
    let again = s3.run(home, &["lake", "push", lake, "--machine", "a"]);
    assert_eq!((again.code, again.out.as_str()), (0, "nothing new to push as a\n"));
    let sql = "SELECT machine, count(*) AS rows FROM ticks GROUP BY machine ORDER BY machine";
    let ran = s3.run(home, &["query", "--lake", lake, "--format", "csv", sql]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "machine,rows\na,5\nb,7\n"), "{}", ran.err);
    let one = s3.run(home, &["query", "--lake", lake, "--machine", "b", "--format", "csv", sql]);
    assert_eq!(one.out, "machine,rows\nb,7\n");
    let status = s3.run(home, &["lake", "status", lake, "--json"]);
    let status: Value = serde_json::from_str(&status.out).unwrap();
    assert_eq!(
        (&status["rows"][1]["machine"], &status["rows"][1]["rows"]),
        (&json!("b"), &json!(7))
    );
}

#[test]
fn a_query_asks_only_for_the_days_machines_and_columns_that_it_needs() {
    let Some(s3) = S3Server::start() else { return };
    let lake = "s3://fleet/lake";
    let homes = ["a", "b", "c"].map(|machine| {
        let home = Home::new();
        record(&home, 600);
        let ran = s3.run(&home, &["lake", "push", lake, "--machine", machine]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        home
    });
    let day = "ts_utc >= '2026-04-11' AND ts_utc < '2026-04-12'";
    let newest = "TRUE ORDER BY ts_utc DESC LIMIT 1";
    for (columns, condition, files, requests) in [
        // The lake's own file, a listing, and the file.
        ("max(source)", format!("{day} AND machine = 'b'"), 1, 1 + 1 + 1),
        ("max(source)", format!("{day} AND machine IN ('b', 'c')"), 2, 1 + 2 + 2),
        ("max(source)", day.to_owned(), 3, 1 + 1 + 3),
        // Without an end, the days are listed before their files.
        ("max(source)", "ts_utc >= '2026-04-12'".to_owned(), 3, 1 + 2 + 3),
        ("max(source)", "ts_utc >= '2026-05-01'".to_owned(), 0, 1 + 1),
        // Those of other days are not read, but for what was read ahead.
        ("source", newest.to_owned(), 9, 1 + 4 + 3 + 3),
    ] {
        s3.fail(0, "error");
        let sql = format!("EXPLAIN ANALYZE SELECT {columns} FROM ticks WHERE {condition}");
        let ran = s3.run(&homes[0], &["query", "--lake", lake, "--format", "ndjson", &sql]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let opened = ran
            .out
            .split("files_opened=")
            .nth(1)
            .map_or("0", |rest| rest.split(',').next().unwrap());
        assert_eq!(opened, files.to_string(), "{condition}: {}", ran.out);
        assert!(s3.requests() <= requests, "{condition}: {} requests", s3.requests());
    }
}

#[test]
fn a_request_that_fails_is_repeated_and_adds_no_row_twice() {
    let Some(s3) = S3Server::start() else { return };
    let home = Home::new();
    let (mut rows, mut lakes) = (0, 0);
    for kind in ["error", "busy", "lost", "cut"] {
        record(&home, 6);
        rows += 6;
        // A lake of its own for each request that fails, so that each of them is the first of its kind.
        for at in 1.. {
            lakes += 1;
            let lake = format!("s3://fleet/lake{lakes}");
            s3.fail(at, kind);
            let ran = s3.run(&home, &["lake", "push", &lake, "--machine", "m"]);
            assert_eq!(ran.code, 0, "{kind} at {at}: {}", ran.err);
            let requests = s3.requests();
            s3.fail(0, kind);
            assert_once(&s3.run(&home, &["query", "--lake", &lake, "--json", ONCE]), rows);
            if requests < at {
                break;
            }
        }
    }
    assert!(lakes > 20, "{lakes}");
}

#[test]
fn a_bucket_that_fails_is_an_error_and_the_next_push_goes_on() {
    let Some(s3) = S3Server::start() else { return };
    let home = Home::new();
    record(&home, 6);
    let none = s3.run(&home, &["query", "--lake", "s3://fleet/none", "SELECT 1 FROM ticks"]);
    assert_eq!(none.code, 3);
    assert!(none.err.contains("there is no lake at s3://fleet/none"), "{}", none.err);
    let missing = s3.run(&home, &["lake", "push", "s3://other/lake", "--machine", "m"]);
    assert_eq!(missing.code, 3, "{}", missing.err);
    assert!(missing.err.contains("NoSuchBucket"), "{}", missing.err);
    s3.fail("all", "slow");
    let ran = s3.run(&home, &["lake", "push", "s3://fleet/lake", "--machine", "m"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    s3.fail(0, "slow");
    assert_once(&s3.run(&home, &["query", "--lake", "s3://fleet/lake", "--json", ONCE]), 6);
}

/// Kills pushes at random moments while rows are recorded, and pushes to the end.
fn kill(home: &Home, lake: &str, kills: usize, command: &dyn Fn(&[&str]) -> Command) {
    let mut dice = Dice(7);
    let push = ["lake", "push", lake, "--machine", "m"];
    let begun = std::time::Instant::now();
    record(home, 30);
    let mut rows = 30;
    assert!(command(&push).output().unwrap().status.success());
    let longest = u64::try_from(begun.elapsed().as_micros()).unwrap();
    for _ in 0..kills {
        let mut running =
            command(&push).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| record(home, 9));
            thread::sleep(Duration::from_micros(dice.below(longest)));
            let _ = running.kill();
            running.wait().unwrap();
        });
        rows += 9;
    }
    let last = command(&push).output().unwrap();
    assert!(last.status.success(), "{}", String::from_utf8_lossy(&last.stderr));
    let found = command(&["query", "--lake", lake, "--json", ONCE]).output().unwrap();
    assert_once(&ran(found), rows);
    let checked = home.run(&["check"]);
    assert_eq!(checked.code, 0, "{}", checked.out);
}

fn kills() -> usize {
    if std::env::var_os("NETSKY_LONG_TESTS").is_some() { 100 } else { 12 }
}

#[test]
fn a_push_that_is_killed_loses_and_doubles_no_row() {
    let home = Home::new();
    let lake = home.path("lake").display().to_string();
    kill(&home, &lake, kills(), &|args| home.command(args));
}

#[test]
fn a_push_to_a_bucket_that_is_killed_loses_and_doubles_no_row() {
    let Some(s3) = S3Server::start() else { return };
    let home = Home::new();
    kill(&home, "s3://fleet/lake", kills(), &|args| s3.command(&home, args));
}

/// A disk is full if no file may grow beyond a number of blocks of 512 bytes.
#[cfg(unix)]
#[test]
fn a_push_without_space_to_note_its_ids_adds_nothing_and_goes_on_later() {
    let mut refused = 0;
    for eighths in 0..10 {
        let home = Home::new();
        record(&home, 600);
        let lake = home.path("lake");
        let push = ["lake", "push", lake.to_str().unwrap(), "--machine", "m"];
        let store = std::fs::metadata(home.path(".netsky/meta.db")).unwrap().len();
        let script =
            format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", store * eighths / 8 / 512);
        let command = home.command(&push);
        let mut limited = Command::new("sh");
        limited.args(["-c", &script]).arg(command.get_program()).args(command.get_args());
        limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let ran = ran(limited.output().unwrap());
        if ran.code != 0 {
            refused += 1;
            assert!([1, 3].contains(&ran.code), "{} {}", ran.code, ran.err);
            assert!(ran.err.contains("File too large"), "{}", ran.err);
            assert!(!lake.join("ticks").exists(), "{}", ran.err);
        }
        let whole = home.run(&push);
        assert_eq!(whole.code, 0, "{}", whole.err);
        let lake = lake.to_str().unwrap();
        assert_once(&home.run(&["query", "--lake", lake, "--json", ONCE]), 600);
        assert_eq!(home.run(&["check"]).code, 0);
    }
    assert!(refused > 3, "{refused}");
}

/// Two machines with the same agents, in a lake in a directory.
fn two_machines() -> (Home, String) {
    let home = Home::new();
    let lake = home.path("lake").display().to_string();
    for (machine, tool) in [("dev1", "Read"), ("dev2", "Write")] {
        let store = home.path(&format!("{machine}.db")).display().to_string();
        let now = chrono::Utc::now();
        let at = |minutes: i64| (now - chrono::TimeDelta::minutes(minutes)).to_rfc3339();
        for (table, row) in [
            (
                "sessions",
                json!({"ts_utc": at(50), "agent": "agent0", "session_num": 1, "event": "up"}),
            ),
            (
                "mcp_tool_calls",
                json!({"ts_utc_start": at(40), "agent": "agent0", "source": "fs", "tool": tool,
                       "request_json": json!({"input": {"file_path": format!("/{machine}")}}).to_string(),
                       "success": false, "timeout_race": false}),
            ),
            (
                "token_usage",
                json!({"ts_utc": at(30), "agent": "agent0", "session_id": "s", "model": "m",
                       "input_tokens": 1, "output_tokens": 2, "cost_usd_micros": 500_000}),
            ),
        ] {
            let ran =
                home.run_with_input(&["record", table, "-", "--db", &store], &row.to_string());
            assert_eq!(ran.code, 0, "{}", ran.err);
        }
        let ran = home.run(&["lake", "push", &lake, "--db", &store, "--machine", machine]);
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
    (home, lake)
}

#[test]
fn top_timeline_tail_and_cost_tell_machines_apart() {
    let (home, lake) = two_machines();
    let run = |args: &[&str]| {
        let ran = home.run(&[args, &["--lake", &lake]].concat());
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
        ran.out
    };
    let top = run(&["top", "--format", "csv"]);
    for line in [
        "stuck call,agent0@dev1,Read (fs),",
        "stuck call,agent0@dev2,Write (fs),",
        "open session,agent0@dev2,",
    ] {
        assert!(top.contains(line), "{top}");
    }
    assert!(run(&["top"]).contains("2 agents"));
    let timeline = run(&["timeline", "agent0", "--format", "csv"]);
    for line in [
        "Read (fs), not ended: /dev1,mcp_tool_calls,1,dev1",
        "Write (fs), not ended: /dev2,mcp_tool_calls,1,dev2",
    ] {
        assert!(timeline.replace('"', "").contains(line), "{timeline}");
    }
    let tail = run(&["tail", "mcp_tool_calls"]);
    assert_eq!(tail.lines().count(), 2, "{tail}");
    assert!(tail.contains(r#""machine":"dev1""#), "{tail}");
    assert_eq!(run(&["tail"]).lines().count(), 6);
    assert!(
        run(&["cost", "--format", "csv"]).contains(",2,0,2,4,"),
        "{}",
        run(&["cost", "--format", "csv"])
    );
    let of_one = run(&["cost", "--format", "csv", "--machine", "dev1"]);
    assert!(of_one.contains(",1,0,1,2,"), "{of_one}");
    let schema =
        run(&["query", "--format", "csv", "SELECT count(DISTINCT machine) FROM v_agent_sessions"]);
    assert_eq!(schema.lines().nth(1), Some("2"));
}

#[test]
fn what_needs_a_store_says_so_of_a_lake() {
    let (home, lake) = two_machines();
    for args in [
        &["record", "ticks", "-"][..],
        &["import", "ticks", "x.ndjson"],
        &["stats"],
        &["check"],
        &["prune", "--before", "1d"],
        &["backup", "b.db"],
        &["compact"],
    ] {
        let ran = home.run(&[args, &["--lake", &lake]].concat());
        assert!(
            ran.code != 0 && ran.err.contains("is a lake, which can only be queried"),
            "{args:?}: {}",
            ran.err
        );
    }
    for args in [&["tail", "-f"][..], &["timeline", "-f"]] {
        let ran = home.run(&[args, &["--lake", &lake]].concat());
        assert!(
            ran.code == 2 && ran.err.contains("a lake gets rows when its machines push"),
            "{}",
            ran.err
        );
    }
    let both = home.run(&["query", "--lake", &lake, "--db", "x", "SELECT 1"]);
    assert_eq!(both.code, 2);
    let ran = home.run(&["query", "--lake", &lake, "DELETE FROM ticks"]);
    assert_eq!(ran.code, 1);
}

#[test]
fn prune_keeps_what_is_not_in_the_lake_yet() {
    let home = Home::new();
    let lake = home.path("lake").display().to_string();
    record(&home, 6);
    assert_eq!(home.run(&["lake", "push", &lake, "--machine", "m"]).code, 0);
    record(&home, 3);
    let refused = home.run(&["prune", "--before", "1d"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("3 rows of ticks older than"), "{}", refused.err);
    assert_eq!(home.run(&["lake", "push", &lake, "--machine", "m"]).code, 0);
    let pruned = home.run(&["prune", "--before", "1d"]);
    assert!(pruned.out.starts_with("ticks: 9 rows\n"), "{}{}", pruned.out, pruned.err);
    // What was pruned stays in the lake.
    assert_once(&home.run(&["query", "--lake", &lake, "--json", ONCE]), 9);
    record(&home, 2);
    assert_eq!(home.run(&["prune", "--before", "1d", "--force"]).code, 0);
}

#[test]
fn a_damaged_file_is_named_by_queries_and_by_a_check() {
    let (home, lake) = two_machines();
    let sound = home.run(&["lake", "check", &lake]);
    assert_eq!(sound.code, 0, "{}", sound.err);
    assert!(
        sound.out.starts_with("6 files, ") && sound.out.ends_with(": 0 damaged\n"),
        "{}",
        sound.out
    );
    let file = first_file(&Path::new(&lake).join("sessions"));
    let mut content = std::fs::read(&file).unwrap();
    content[20] ^= 1;
    std::fs::write(&file, content).unwrap();
    let name = file.strip_prefix(&lake).unwrap().display().to_string();
    let ran = home.run(&["query", "--lake", &lake, "SELECT * FROM sessions"]);
    assert_eq!(ran.code, 3);
    let line = format!("netsky: {name} is damaged: something from byte 0 to ");
    assert!(ran.err.starts_with(&line), "{}", ran.err);
    assert!(
        ran.err.ends_with("\n  restore it, or move it out of the lake to query the rest\n"),
        "{}",
        ran.err
    );
    let found = home.run(&["lake", "check", &lake]);
    assert_eq!(found.code, 3);
    assert!(
        found.out.starts_with(&format!("{name}: ")) && found.out.ends_with(": 1 damaged\n"),
        "{}",
        found.out
    );
    assert!(found.err.contains("has damaged files\n  restore them"), "{}", found.err);
    let found = home.run(&["lake", "check", &lake, "--machine", "dev1", "--json"]);
    let report: Value = serde_json::from_str(&found.out).unwrap();
    assert_eq!((&report["files"], &report["damaged"][0]["file"]), (&json!(3), &json!(name)));
    assert_eq!(home.run(&["lake", "check", &lake, "--machine", "dev2"]).code, 0);
    let nowhere = home.run(&["lake", "check", &home.path("none").display().to_string()]);
    assert_eq!(nowhere.code, 3);
    assert!(nowhere.err.contains("there is no lake at"), "{}", nowhere.err);
}

#[test]
fn other_programs_read_the_same_rows() {
    let (home, lake) = two_machines();
    // A column `host` of the rows must not become the machine's.
    let store = home.path("dev1.db").display().to_string();
    let row = json!({"bin": "x", "argv_json": "[]", "host": "elsewhere"}).to_string();
    assert_eq!(
        home.run_with_input(&["record", "cli_invocations", "-", "--db", &store], &row).code,
        0
    );
    assert_eq!(home.run(&["lake", "push", &lake, "--db", &store, "--machine", "dev1"]).code, 0);
    if has_program("duckdb") {
        let ask = |table: &str, select: &str| {
            let sql = format!(
                "SELECT {select} FROM read_parquet('{lake}/{table}/*/*/*.parquet', hive_partitioning = true)"
            );
            let ran =
                Command::new("duckdb").args(["-csv", "-noheader", "-c", &sql]).output().unwrap();
            String::from_utf8(ran.stdout).unwrap()
        };
        assert_eq!(
            ask("mcp_tool_calls", "count(*), count(DISTINCT machine), max(tool)"),
            "2,2,Write\n"
        );
        assert_eq!(ask("cli_invocations", "host, machine"), "elsewhere,dev1\n");
    }
    if has_python("polars") {
        let script = format!(
            "import polars; print(polars.scan_parquet('{lake}/mcp_tool_calls/**/*.parquet', hive_partitioning=True)\
             .group_by('machine').len().sort('machine').collect().rows())"
        );
        let ran = Command::new("python3").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(ran.stdout).unwrap(), "[('dev1', 1), ('dev2', 1)]\n");
    }
}

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/fleet");
const QUESTIONS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/queries/operators.sql");

#[test]
fn questions_are_answered_from_a_bucket_as_from_the_store() {
    if ![DATA, QUESTIONS].into_iter().all(|path| has_data("fleet", Path::new(path))) {
        return;
    }
    let Some(s3) = S3Server::start() else { return };
    let home = Home::new();
    for table in netsky_db::TABLES.iter().map(|table| table.name()) {
        let file = format!("{DATA}/{table}.ndjson.gz");
        if Path::new(&file).exists() {
            assert_eq!(home.run(&["import", table, &file]).code, 0);
        }
    }
    let pushed = s3.run(&home, &["lake", "push", "s3://fleet/lake", "--machine", "m"]);
    assert_eq!(pushed.code, 0, "{}", pushed.err);
    let questions = std::fs::read_to_string(QUESTIONS).unwrap();
    let questions = questions.split("\n-- ").filter_map(|question| question.split_once('\n'));
    let mut asked = 0;
    for (title, sql) in
        questions.filter(|(title, _)| title.starts_with(|it: char| it.is_ascii_digit()))
    {
        asked += 1;
        let lines = |lake: &[&str]| {
            let args = [&["query", "--format", "csv", "--all", sql], lake].concat();
            let ran = s3.run(&home, &args);
            assert_eq!(ran.code, 0, "{title}: {}", ran.err);
            let mut lines: Vec<String> = ran.out.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let (found, expected) = (lines(&["--lake", "s3://fleet/lake"]), lines(&[]));
        // A limit may choose other rows of those that are equal by the order, percentiles are estimated, and time goes on.
        match ["LIMIT", "approx_", "now()"].iter().any(|part| sql.contains(part)) {
            true => assert_eq!(found.len(), expected.len(), "{title}"),
            false => assert_eq!(found, expected, "{title}"),
        }
    }
    assert_eq!(asked, 20);
}
