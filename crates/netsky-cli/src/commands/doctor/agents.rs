//! Whether what Claude Code and Codex do is recorded: hooks, OpenTelemetry and transcripts.

use std::env;
use std::path::Path;

use chrono::SecondsFormat;
use netsky_db::Db;
use netsky_ingest::hooks::{self, Agent, HookLog, Installed, Locations, Scope, Telemetry};
use netsky_ingest::{FileState, Found, Program, Transcript};

use super::findings::Findings;
use crate::commands::query::rows;
use crate::failure::Failure;
use crate::output::counted;
use crate::row::Row;

/// The versions of Claude Code whose exporter sends nothing on some systems. The last one is the last that was
/// reported; 2.1.330 sends.
const SILENT: [[u64; 3]; 2] = [[2, 1, 113], [2, 1, 252]];

/// Checks the agents' programs that have been used on this machine.
pub fn check(store: &Path, db: Option<&Db>, found: &mut Findings) {
    let locations = Locations::from_env().ok();
    for (agent, program) in [(Agent::ClaudeCode, Program::Claude), (Agent::Codex, Program::Codex)] {
        let mut transcripts = Found::default();
        let roots = program.roots(&|name| env::var(name).ok());
        for root in &roots {
            transcripts.add_root(root, program);
        }
        transcripts.finish();
        let has_settings = locations.as_ref().is_some_and(|locations| {
            let file = locations.hooks_file(agent, &Scope::User);
            file.is_ok_and(|file| file.parent().is_some_and(Path::exists))
        });
        if !has_settings && !roots.iter().any(|root| root.exists()) {
            continue;
        }
        if let Some(locations) = &locations {
            check_settings(agent, locations, db, found);
        }
        check_transcripts(agent, &transcripts, db, found);
        if let Some(db) = db {
            check_last_events(agent, program, db, found);
        }
    }
    check_log(&HookLog::beside(store), found);
}

fn check_settings(agent: Agent, locations: &Locations, db: Option<&Db>, found: &mut Findings) {
    let title = agent.title();
    let status = match hooks::status(agent, &Scope::User, locations) {
        Ok(status) => status,
        Err(error) => return found.warn("hooks", format!("{title}: {error}")),
    };
    let install = format!("netsky hook install {agent}");
    match status.installed {
        Installed::Yes => {
            found.ok("hooks", format!("{title}: installed for {}", status.events.join(", ")));
        }
        Installed::No => {
            found.ok("hooks", format!("{title}: none; {install} records each turn when it ends"));
        }
        _ => found.warn("hooks", format!("{title}: some are missing; {install}")),
    }
    match status.telemetry {
        Telemetry::On => match db.and_then(silent_version) {
            Some(version) if agent == Agent::ClaudeCode => found.warn(
                "telemetry",
                format!(
                    "{title}: on, but version {version} sends nothing on some systems; update it, or rely on \
                     hooks and netsky ingest"
                ),
            ),
            _ => found.ok("telemetry", format!("{title}: sent to netsky")),
        },
        Telemetry::Other => {
            found.ok("telemetry", format!("{title}: set, but not sent to netsky"));
        }
        _ => found.ok("telemetry", format!("{title}: off")),
    }
    for warning in status.warnings {
        found.warn("hooks", format!("{title}: {warning}"));
    }
}

/// The version of Claude Code that ran last, if it is one that may send nothing and nothing of it came.
fn silent_version(db: &Db) -> Option<String> {
    let sql = "SELECT last_value(detail_json->>'version' ORDER BY ts_utc)::text AS version,
                      bool_or(strpos(detail_json->>'via', 'otlp') > 0)
                        FILTER (WHERE ts_utc > now() - INTERVAL '7 days') AS is_heard
               FROM token_usage
               WHERE detail_json->>'runtime' = 'claude' AND detail_json->>'version' IS NOT NULL
               HAVING count(*) > 0";
    let answer = rows(db, &format!("SELECT version FROM ({sql}) WHERE is_heard IS NOT TRUE"), &[]);
    let version = Row::all(&answer.ok()?).map(|row| row.text(0)).next()?;
    let mut parts = version.split('.').map(|part| part.parse::<u64>().ok());
    let parsed = [parts.next()??, parts.next()??, parts.next()??];
    (SILENT[0]..=SILENT[1]).contains(&parsed).then_some(version)
}

fn check_transcripts(agent: Agent, transcripts: &Found, db: Option<&Db>, found: &mut Findings) {
    let title = agent.title();
    for problem in &transcripts.problems {
        found.warn("transcripts", format!("{title}: {problem}"));
    }
    let all = transcripts.transcripts.len() as u64;
    let (mut unread, mut newer) = (0, 0);
    for transcript in &transcripts.transcripts {
        match db.and_then(|db| state(db, transcript)) {
            None => unread += 1,
            Some(state) if !is_read(&state, transcript) => newer += 1,
            Some(_) => {}
        }
    }
    let all = counted(all, "transcript");
    if unread + newer == 0 {
        return found.ok("transcripts", format!("{title}: {all}, nothing unread"));
    }
    let mut parts = Vec::new();
    if unread > 0 {
        parts.push(format!("{unread} not read"));
    }
    if newer > 0 {
        parts.push(format!("{newer} changed since"));
    }
    let parts = parts.join(", ");
    found.warn("transcripts", format!("{title}: {all}, {parts}; netsky ingest reads them"));
}

fn state(db: &Db, transcript: &Transcript) -> Option<FileState> {
    let json = db.state(&FileState::name(&transcript.path)).ok().flatten()?;
    serde_json::from_slice(&json).ok()
}

fn is_read(state: &FileState, transcript: &Transcript) -> bool {
    let modified = transcript.modified.duration_since(std::time::UNIX_EPOCH).ok();
    let modified = modified.and_then(|since| i64::try_from(since.as_nanos()).ok());
    state.size == transcript.size && modified.is_none_or(|nanos| nanos == state.modified_ns)
}

/// The newest event of each source. A row that two sources told of counts for both.
fn check_last_events(agent: Agent, program: Program, db: &Db, found: &mut Findings) {
    let title = agent.title();
    match last_events(program, db) {
        Ok(events) if events.is_empty() => {
            found.ok("last events", format!("{title}: none recorded"));
        }
        Ok(events) => found.ok("last events", format!("{title}: {}", events.join(", "))),
        Err(error) => found.warn("last events", format!("{title}: {error}")),
    }
}

fn last_events(program: Program, db: &Db) -> Result<Vec<String>, Failure> {
    let sql = "
        SELECT max(ts) FILTER (WHERE strpos(via, 'transcript') > 0),
               max(ts) FILTER (WHERE strpos(via, 'otlp') > 0), max(ts) FILTER (WHERE strpos(via, 'hook') > 0)
        FROM (SELECT ts_utc AS ts, detail_json->>'via' AS via, detail_json->>'runtime' AS runtime
              FROM token_usage
              UNION ALL
              SELECT ts_utc_start, request_json->>'via', request_json->>'runtime' FROM mcp_tool_calls
              UNION ALL
              SELECT ts_utc, raw_json->>'via', raw_json->>'runtime' FROM messages)
        WHERE runtime = $1";
    let found = rows(db, sql, &[netsky_db::Value::Text(program.name().into())])?;
    let Some(row) = Row::all(&found).next() else { return Ok(Vec::new()) };
    let names = ["transcript", "otlp", "hook"].into_iter().enumerate();
    let events = names.filter_map(|(column, name)| {
        let time = row.time(column)?.to_rfc3339_opts(SecondsFormat::Secs, true);
        Some(format!("{name} {time}"))
    });
    Ok(events.collect())
}

fn check_log(log: &HookLog, found: &mut Findings) {
    let path = log.path().display();
    match log.last_lines(1) {
        Ok(lines) => {
            for line in lines {
                found.warn("hook log", format!("the last failure: {line}; all are in {path}"));
            }
        }
        Err(error) => found.warn("hook log", format!("cannot read {path}: {error}")),
    }
}
