//! `netsky cost`

use serde_json::{Value, json};

use crate::cli::Home;

fn home() -> Home {
    let home = Home::new();
    let mut lines = String::new();
    for (ts, agent, model, session, micros) in [
        ("2026-04-15T23:59:59.999Z", "agent0", "opus", "s-1", json!(1_234_560_000)),
        ("2026-04-16T00:00:00Z", "agent0", "haiku", "s-1", json!(4_000)),
        ("2026-04-16T01:00:00Z", "agent1", "opus", "s-2", json!(null)),
    ] {
        lines += &json!({"ts_utc": ts, "agent": agent, "model": model, "session_id": session,
            "input_tokens": 1_500, "cost_usd_micros": micros})
        .to_string();
        lines.push('\n');
    }
    assert_eq!(home.run_with_input(&["import", "token_usage", "-"], &lines).code, 0);
    home
}

#[test]
fn costs_are_summed_by_what_is_asked_for_with_a_total() {
    let home = home();
    let by_day = home.ok(&["cost"]);
    let lines: Vec<&str> = by_day.lines().filter(|line| line.starts_with("| ")).collect();
    assert_eq!(lines.len(), 4, "{by_day}");
    for (line, parts) in lines[1..].iter().zip([
        ["2026-04-15", "$1,234.56", "1,500"],
        ["2026-04-16", "<$0.01", "3,000"],
        ["(all)", "$1,234.56", "4,500"],
    ]) {
        assert!(parts.iter().all(|part| line.contains(part)), "{parts:?}\n{by_day}");
    }
    for (by, first) in [("model", "opus"), ("agent", "agent0"), ("session", "s-1")] {
        let rows = home.ok(&["cost", "--by", by, "--format", "json"]);
        let rows: Value = serde_json::from_str(&rows).unwrap();
        assert_eq!(rows.as_array().unwrap().len(), 2, "no total among rows for programs: {rows}");
        assert_eq!(rows[0][by], first, "the dearest is first: {rows}");
    }
    let rows = home.ok(&["cost", "--by", "model", "--format", "ndjson"]);
    assert!(rows.contains("\"calls\":2,\"unpriced\":1,") && rows.contains("\"usd\":1234.56}"));
}

#[test]
fn costs_since_a_time_are_those_of_its_calls() {
    let home = home();
    let rows = home.ok(&["cost", "--since", "2026-04-16", "--by", "agent", "--format", "csv"]);
    assert_eq!(
        rows,
        "agent,calls,unpriced,input_tokens,output_tokens,cached_input_tokens,usd\n\
         agent0,1,0,1500,,,0.004\nagent1,1,1,1500,,,\n"
    );
    for since in ["0001-01-01", "1677-09-21T00:12:44Z"] {
        let all = home.ok(&["cost", "--since", since, "--by", "model", "--format", "csv"]);
        assert!(all.contains("opus,2,") && all.contains("haiku,1,"), "{since}: {all}");
    }
    let none = home.ok(&["cost", "--since", "1s"]);
    assert!(none.contains("(all)") && none.contains("| 0 "), "{none}");
    assert!(home.fails(2, &["cost", "--since", "soon"]).contains("an age such"));
}
