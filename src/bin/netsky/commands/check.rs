//! `netsky check`

use indicatif::HumanCount;
use netsky_db::{CareProgress, Fault};

use crate::args::StoreArgs;
use crate::failure::Failure;
use crate::output::{counted, print_line};
use crate::progress::Progress;

/// Check that the store is sound, and say what is not
///
/// Every page of the file is compared with its checksum, every row is decoded, and what is noted of
/// blocks of rows is compared with them. Nothing is changed, and others can record and query
/// meanwhile. Each fault is a line, and the exit code is 3 if there is any.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky check
  netsky check --db backup.db && echo sound"
)]
pub struct CheckArgs {}

pub fn run(store: &StoreArgs, _: &CheckArgs) -> Result<(), Failure> {
    let care = CareProgress::default();
    let db = store.open_read_only_with(&store.options().care_progress(care.clone()))?;
    let progress = Progress::of_care("checking", care);
    let report = db.check()?;
    drop(progress);
    for fault in &report.faults {
        print_line(&fault.to_string())?;
    }
    let more = report.fault_count - report.faults.len() as u64;
    if more > 0 {
        print_line(&format!("and {} more", HumanCount(more)))?;
    }
    print_line(&format!(
        "{} and {} in {} tables: {}",
        counted(report.rows, "row"),
        counted(report.zones, "zone"),
        report.tables,
        counted(report.fault_count, "fault")
    ))?;
    if report.is_clean() {
        return Ok(());
    }
    let damaged = report.faults.iter().any(|fault| matches!(fault, Fault::Pages { .. }));
    let next = if damaged {
        "put a backup in its place: netsky restore FILE --force"
    } else {
        "a copy that `netsky backup` makes has zones and ids that are true; corrupt rows stay as they \
         are, and a WHERE on id can leave them out"
    };
    Err(Failure::store(format!("{} has faults\n  {next}", db.path().display())))
}
