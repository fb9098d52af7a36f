//! `netsky check`

use indicatif::HumanCount;
use netsky_db::{CheckReport, Db, ErrorKind, Fault, MaintenanceProgress, UnknownTable};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{ReportOutput, counted, print_json, print_line};
use crate::progress::Progress;
use crate::store::StoreArgs;

/// Check the store, and print a line for each fault
///
/// The command verifies every page of the file against its checksum, decodes every row, and checks the
/// zone of each block (its row count, time range and checksum) against the rows. It changes nothing
/// without --repair, and others can record and query meanwhile. The exit code is 3 if it finds a fault.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky check
  netsky check --repair
  netsky check --db backup.db && echo sound"
)]
pub struct CheckArgs {
    /// Rebuild wrong zones and id counters, then check again
    #[arg(long)]
    pub repair: bool,
    #[command(flatten)]
    pub output: ReportOutput,
}

pub fn run(store: &StoreArgs, args: &CheckArgs) -> Result<(), Failure> {
    let care = MaintenanceProgress::default();
    let options = store.options().maintenance_progress(care.clone());
    let db = store.open_read_only_with(&options)?;
    let mut report = check(&db, &care)?;
    let mut repaired = None;
    if args.repair && report.faults.iter().any(can_be_repaired) {
        let before = report.fault_count;
        store.open_existing()?.repair()?;
        report = check(&db, &care)?;
        repaired = Some(before.saturating_sub(report.fault_count));
    }
    // If pages are damaged, tables cannot be read.
    let unknown = if is_damaged(&report) { Vec::new() } else { db.unknown_tables()? };
    let object = args.output.json.then(|| as_json(&db, &report, repaired, &unknown));
    if object.is_none() {
        print_report(&report, repaired, &unknown)?;
    }
    if report.is_clean() {
        return object.map_or(Ok(()), |object| print_json(&object));
    }
    let next = if is_damaged(&report) {
        "replace it with a backup: netsky restore FILE --force"
    } else if report.faults.iter().any(can_be_repaired) {
        "netsky check --repair rebuilds zones and id counters from the rows as they are now; it leaves \
         corrupt rows unchanged"
    } else {
        "corrupt rows cannot be repaired; --skip-corrupt, or a WHERE on id, leaves them out of a query"
    };
    let message = format!("{} has faults\n  {next}", db.path().display());
    Err(Failure::store(ErrorKind::Damaged, message).with_report(&object))
}

fn as_json(
    db: &Db,
    report: &CheckReport,
    repaired: Option<u64>,
    unknown: &[UnknownTable],
) -> Value {
    let unchecked = unknown.iter().map(|table| json!({"table": table.name, "rows": table.rows}));
    json!({
        "path": db.path().display().to_string(),
        "tables": report.tables,
        "rows": report.rows,
        "zones": report.zones,
        "segments": report.segments,
        "fault_count": report.fault_count,
        "repaired": repaired.unwrap_or_default(),
        "faults": report.faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "unchecked": unchecked.collect::<Vec<_>>(),
    })
}

fn print_report(
    report: &CheckReport,
    repaired: Option<u64>,
    unknown: &[UnknownTable],
) -> Result<(), Failure> {
    if let Some(faults) = repaired {
        print_line(&format!("{} repaired", counted(faults, "fault")))?;
    }
    for fault in &report.faults {
        print_line(&fault.to_string())?;
    }
    let more = report.fault_count - report.faults.len() as u64;
    if more > 0 {
        print_line(&format!("and {} more", HumanCount(more)))?;
    }
    for table in unknown {
        let (name, rows) = (&table.name, counted(table.rows, "row"));
        print_line(&format!("not checked: {name}, {rows}, because its columns are unknown"))?;
    }
    let not_checked = match unknown.len() as u64 {
        0 => String::new(),
        tables => format!("; {} not checked", counted(tables, "table")),
    };
    print_line(&format!(
        "{} and {} in {} tables: {}{not_checked}",
        counted(report.rows, "row"),
        counted(report.zones, "zone"),
        report.tables,
        counted(report.fault_count, "fault")
    ))
}

fn check(db: &Db, care: &MaintenanceProgress) -> Result<CheckReport, Failure> {
    let _progress = Progress::of_care("checking", care.clone());
    Ok(db.check()?)
}

fn is_damaged(report: &CheckReport) -> bool {
    report.faults.iter().any(|fault| matches!(fault, Fault::Pages { .. }))
}

/// Whether the fault is in zones or id counters, not in the rows.
fn can_be_repaired(fault: &Fault) -> bool {
    !matches!(fault, Fault::Pages { .. } | Fault::CorruptRow { .. })
}
