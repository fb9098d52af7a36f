//! Times are shown in a zone, and stay what they are.

use super::{Home, TICK};
use crate::terminal::Terminal;

const BERLIN: &str = "2026-04-16T01:00:00.000+02:00";
const UTC: &str = "2026-04-15T23:00:00.000Z";
const ALL: &str = "SELECT ts_utc FROM ticks";

fn store() -> Home {
    let home = Home::new();
    home.ok(&["record", "ticks", TICK]);
    home
}

/// What is printed with `NETSKY_TZ` set.
fn with_variable(home: &Home, zone: &str, args: &[&str]) -> super::Ran {
    super::ran(home.command(args).env("NETSKY_TZ", zone).output().unwrap())
}

#[test]
fn people_read_times_in_the_zone_that_is_set() {
    let home = store();
    for format in ["table", "vertical", "markdown"] {
        let ran = with_variable(&home, "Europe/Berlin", &["query", "--format", format, ALL]);
        assert!(ran.out.contains(BERLIN), "{format}: {}", ran.out);
        let ran = home.ok(&["query", "--tz", "+02:00", "--format", format, ALL]);
        assert!(ran.contains(BERLIN), "{format}: {ran}");
    }
    for format in ["table", "vertical"] {
        let args = ["--tz", "Europe/Berlin", "query", "--format", format, ALL];
        let mut terminal: Terminal = home.terminal((80, 24), &args);
        assert_eq!(terminal.end(), 0);
        terminal.until_shown(BERLIN);
    }
    assert!(with_variable(&home, "Europe/Berlin", &["tables"]).out.contains(BERLIN));
}

#[test]
fn programs_read_utc_unless_the_zone_is_an_argument() {
    let home = store();
    for format in ["json", "ndjson", "csv", "tsv"] {
        let args = ["query", "--format", format, ALL];
        let ran = with_variable(&home, "Europe/Berlin", &args);
        assert!(ran.out.contains(UTC), "{format}: {}", ran.out);
        let given = home.ok(&["query", "--tz", "Europe/Berlin", "--format", format, ALL]);
        assert!(given.contains(BERLIN), "{format}: {given}");
    }
    let object = home.ok(&["query", "--json", "--tz", "Europe/Berlin", ALL]);
    assert!(object.contains(BERLIN) && object.contains("TIMESTAMP WITH TIME ZONE"), "{object}");
    let file = home.path("ticks.csv").display().to_string();
    home.ok(&["query", "--tz", "Europe/Berlin", "--output", &file, "SELECT * FROM ticks"]);
    // The text has its offset, so it is the same time when it comes back.
    let copy = home.path("copy.db").display().to_string();
    home.ok(&["--db", &copy, "import", "ticks", &file]);
    assert!(home.ok(&["--db", &copy, "query", "--format", "csv", ALL]).contains(UTC));
}

#[test]
fn parquet_holds_the_same_instants_in_every_zone() {
    let home = store();
    let files = ["utc.parquet", "berlin.parquet"].map(|name| home.path(name).display().to_string());
    home.ok(&["query", "--output", &files[0], ALL]);
    home.ok(&["query", "--tz", "Europe/Berlin", "--output", &files[1], ALL]);
    let [utc, berlin] = files.map(|file| std::fs::read(file).unwrap());
    assert!(utc == berlin);
}

#[test]
fn a_date_in_an_option_is_a_day_of_the_zone() {
    let home = store();
    let day = |zone: &str, date: &str| {
        let args = ["--tz", zone, "prune", "--dry-run", "--before", date];
        home.run(&args).out
    };
    assert!(day("UTC", "2026-04-16").contains("1 row"), "{}", day("UTC", "2026-04-16"));
    assert!(!day("Europe/Berlin", "2026-04-16").contains("1 row"));
    assert!(day("Europe/Berlin", "2026-04-17").contains("1 row"));
}

#[test]
fn a_zone_that_is_none_is_refused_with_the_nearest() {
    let home = store();
    let told = home.fails(2, &["query", "--tz", "Europe/Berln", ALL]);
    assert!(told.contains("did you mean 'Europe/Berlin'"), "{told}");
    let ran = with_variable(&home, "Berlin", &["query", ALL]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(
        ran.err.contains("$NETSKY_TZ: no time zone named 'Berlin'; did you mean 'Europe/Berlin'?")
    );
    // It shows no time, so that it still records.
    assert_eq!(with_variable(&home, "Berlin", &["record", "ticks", TICK]).code, 0);
}
