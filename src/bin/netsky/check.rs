//! `netsky check`

use indicatif::HumanCount;
use netsky_db::Fault;

use crate::args::{CheckArgs, StoreArgs};
use crate::failure::Failure;
use crate::output::print_line;

pub fn run(store: &StoreArgs, _: &CheckArgs) -> Result<(), Failure> {
    let db = store.open_read_only()?;
    let report = db.check()?;
    for fault in &report.faults {
        print_line(&fault.to_string())?;
    }
    let more = report.fault_count - report.faults.len() as u64;
    if more > 0 {
        print_line(&format!("and {} more", HumanCount(more)))?;
    }
    print_line(&format!(
        "{} rows and {} zones in {} tables: {}",
        HumanCount(report.rows),
        HumanCount(report.zones),
        report.tables,
        match report.fault_count {
            0 => "no fault".to_owned(),
            1 => "1 fault".to_owned(),
            many => format!("{} faults", HumanCount(many)),
        }
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
