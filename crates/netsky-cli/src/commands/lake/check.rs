//! `netsky lake check`

use netsky_db::ErrorKind;
use netsky_lake::{Lake, LakeChecked};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::human;
use crate::output::{ReportOutput, counted, print_json, print_line};
use crate::progress::Progress;
use crate::store::StoreArgs;

/// Compare the files of a lake with their checksums, and print a line for each damaged file
///
/// The command reads all files, or those of --machine. It changes nothing. The exit code is 3 if a file is damaged.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky lake check s3://bucket/fleet
  netsky lake check /mnt/fleet --machine dev3"
)]
pub struct CheckArgs {
    /// The lake
    pub url: String,
    #[command(flatten)]
    pub output: ReportOutput,
}

pub fn run(store: &StoreArgs, args: &CheckArgs) -> Result<(), Failure> {
    let lake = Lake::open(&args.url)?.of_machines(store.machine.iter().map(String::as_str))?;
    let progress = Progress::of_bytes("checking:", None);
    let checked = lake.check(|bytes| progress.add(bytes))?;
    drop(progress);
    let object = args.output.json.then(|| as_json(&args.url, &checked));
    if object.is_none() {
        print_report(&checked)?;
    }
    if checked.damaged.is_empty() {
        return object.map_or(Ok(()), |object| print_json(&object));
    }
    let message = format!(
        "{} has damaged files\n  restore them, or move them out of the lake to query the rest",
        args.url
    );
    Err(Failure::store(ErrorKind::Damaged, message).with_report(&object))
}

fn as_json(url: &str, checked: &LakeChecked) -> Value {
    let damaged = checked.damaged.iter();
    let damaged = damaged.map(|file| json!({"file": file.file, "reason": file.reason}));
    json!({
        "lake": url,
        "files": checked.files,
        "bytes": checked.bytes,
        "without_checksums": checked.without_checksums,
        "damaged": damaged.collect::<Vec<_>>(),
    })
}

fn print_report(checked: &LakeChecked) -> Result<(), Failure> {
    for file in &checked.damaged {
        print_line(&format!("{}: {}", file.file, file.reason))?;
    }
    let without = match checked.without_checksums {
        0 => String::new(),
        files => format!("; {} without checksums", counted(files, "file")),
    };
    print_line(&format!(
        "{}, {}: {} damaged{without}",
        counted(checked.files, "file"),
        human::bytes(checked.bytes),
        checked.damaged.len()
    ))
}
