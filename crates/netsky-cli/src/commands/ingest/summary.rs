//! What an ingest has done.

use std::path::Path;
use std::time::Duration;

use netsky_ingest::Summary;
use serde_json::{Value, json};

use crate::commands::ingest::args::IngestArgs;
use crate::failure::Failure;
use crate::human;
use crate::output::{self, counted};
use crate::time_zone;

/// Prints the summary: for people on standard error, as JSON on standard output.
pub fn print(args: &IngestArgs, summary: &Summary, took: Duration) -> Result<(), Failure> {
    for problem in &summary.problems {
        output::warn(problem);
    }
    if args.output.json {
        return output::print_json(&object(args, summary, took));
    }
    let committed = &summary.committed;
    let mut head = counted(summary.files, "file");
    if summary.unchanged > 0 {
        head += &format!(" ({} unchanged)", summary.unchanged);
    }
    if committed.new_sessions > 0 {
        head += &format!(", {}", counted(committed.new_sessions, "new session"));
    }
    if let Some((first, last)) = committed.times {
        let zone = time_zone::shown()?;
        let (first, last) = (zone.local(first).date_naive(), zone.local(last).date_naive());
        head += &match first == last {
            true => format!(", {first}"),
            false => format!(", {first} to {last}"),
        };
    }
    let rows = counted(committed.rows(), "new row");
    head += &format!(": {rows}{}", if args.dry_run { " would be recorded" } else { "" });
    if committed.amended > 0 {
        head += &format!(", {} amended", committed.amended);
    }
    if committed.cost_usd_micros > 0 {
        head += &format!(", {}", human::money(committed.cost_usd_micros as f64 / 1e6));
    }
    say(&format!("{head}."));
    let tables: Vec<_> =
        committed.new.iter().map(|(table, rows)| format!("{table} {rows}")).collect();
    if !tables.is_empty() {
        say(&format!("  {}", tables.join("  ")));
    }
    print_skipped(summary);
    print_unpriced(summary);
    if summary.imported > 0 {
        let rows = counted(summary.imported, "row");
        say(&format!(
            "{rows} of sessions that were imported were left out: the store has them already."
        ));
    }
    if committed.understated > 0 {
        let calls = counted(committed.understated, "call");
        say(&format!(
            "The output tokens of {calls} are a lower bound: older versions of Claude Code did not write the final \
             number to transcripts."
        ));
    }
    if committed.rows() > 0 && !args.dry_run && !args.follow {
        say("Next: netsky cost --by session    netsky top    netsky timeline AGENT");
    }
    Ok(())
}

fn print_skipped(summary: &Summary) {
    let skipped = &summary.skipped;
    let Some(first) = summary.first_skipped.first() else { return };
    let reasons = [
        (skipped.not_json, "not JSON"),
        (skipped.not_object, "not a JSON object"),
        (skipped.too_long, "longer than 64 MiB"),
    ];
    let found: Vec<_> = reasons.into_iter().filter(|(lines, _)| *lines > 0).collect();
    let what = match found.as_slice() {
        [(_, reason)] => (*reason).to_owned(),
        // Each with its number.
        _ => found
            .iter()
            .map(|(lines, what)| format!("{lines} {what}"))
            .collect::<Vec<_>>()
            .join(", "),
    };
    let lines = counted(skipped.total(), "line");
    let files = counted(summary.files_with_skipped, "file");
    let were = if skipped.total() == 1 { "was" } else { "were" };
    let place = format!("{}:{}", short(&first.path), first.line);
    say(&format!("{lines} in {files} {were} left out: {what} (first: {place})."));
}

fn print_unpriced(summary: &Summary) {
    let unpriced = &summary.committed.unpriced;
    if unpriced.is_empty() {
        return;
    }
    let models: Vec<_> = unpriced
        .iter()
        .map(|(model, calls)| format!("{model} ({})", counted(*calls, "call")))
        .collect();
    let have =
        if models.len() == 1 { "1 model has" } else { &format!("{} models have", models.len()) };
    say(&format!("{have} no price: {}; add them to ~/.netsky/prices.toml.", models.join(", ")));
}

/// The summary as JSON.
pub fn object(args: &IngestArgs, summary: &Summary, took: Duration) -> Value {
    let committed = &summary.committed;
    let unpriced: Vec<_> = committed
        .unpriced
        .iter()
        .map(|(model, calls)| json!({"model": model, "calls": calls}))
        .collect();
    let first_skipped: Vec<_> = summary
        .first_skipped
        .iter()
        .map(|line| json!({"path": line.path.display().to_string(), "line": line.line}))
        .collect();
    let problems: Vec<_> = summary.problems.iter().map(ToString::to_string).collect();
    let read =
        summary.files.saturating_sub(summary.unchanged).saturating_sub(problems.len() as u64);
    json!({
        "dry_run": args.dry_run,
        "files": {
            "seen": summary.files, "read": read, "unchanged": summary.unchanged, "failed": problems.len(),
        },
        "lines": summary.lines,
        "skipped": summary.skipped,
        "first_skipped": first_skipped,
        "unknown_records": summary.unknown,
        "imported": summary.imported,
        "understated_calls": committed.understated,
        "rows": committed.new,
        "amended": committed.amended,
        "duplicates": committed.duplicates,
        "unpriced": unpriced,
        "sessions_new": committed.new_sessions,
        "first": committed.times.map(|(first, _)| first.to_rfc3339()),
        "last": committed.times.map(|(_, last)| last.to_rfc3339()),
        "usd": committed.cost_usd_micros as f64 / 1e6,
        "problems": problems,
        "took_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    })
}

/// Fails if files could not be read, or with `--strict` if lines were left out.
pub fn fail(args: &IngestArgs, summary: &Summary) -> Result<(), Failure> {
    let failed = summary.problems.len() as u64;
    if failed > 0 {
        let text = format!("{} could not be read", counted(failed, "file"));
        return Err(Failure::found(text).with_hint("the others were read"));
    }
    if args.strict && summary.skipped.total() > 0 {
        let text = format!("{} left out", counted(summary.skipped.total(), "line"));
        return Err(Failure::found(text));
    }
    Ok(())
}

/// Whether there is anything to tell.
pub fn is_news(summary: &Summary) -> bool {
    summary.committed.rows() > 0 || summary.committed.amended > 0 || !summary.problems.is_empty()
}

/// Shortens a path below the home directory.
fn short(path: &Path) -> String {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    match home.and_then(|home| path.strip_prefix(home).ok().map(Path::to_owned)) {
        Some(below) => format!("~/{}", below.display()),
        None => path.display().to_string(),
    }
}

/// Reports in a line on standard error.
fn say(line: &str) {
    output::warn_plain(line);
}
