//! `netsky q`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use netsky_db::{Db, nearest};

use crate::commands::parameters::{Parameters, parse_named};
use crate::commands::query::{self, AnswerArgs};
use crate::failure::Failure;
use crate::output::{self, Format, TableOutput};
use crate::store::StoreArgs;

/// Run a saved query from ~/.netsky/queries/NAME.sql
///
/// The query can use the parameters $1, $2, ... and $name. A parameter is a value and never parsed as SQL.
/// Its type follows from the expression around it: ts_utc >= $1 takes a time, a date or an age such as 7d,
/// and now() - $1::interval takes '7 days'. Without NAME, the command lists the saved queries with their
/// first line if that is a comment.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky q
  netsky q slow-tools 7d
  netsky q slow-tools 2026-04-20 --format csv"
)]
pub struct SavedArgs {
    /// The query's name
    pub name: Option<String>,
    /// The values of $1, $2, ...
    #[arg(value_name = "PARAM", allow_negative_numbers = true)]
    pub numbered: Vec<String>,
    /// The value of a named parameter, such as since=7d for $since
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parse_named)]
    pub named: Vec<(String, String)>,
    #[command(flatten)]
    pub answer: AnswerArgs,
}

fn dir() -> Result<PathBuf, Failure> {
    Ok(Db::default_path()?.with_file_name("queries"))
}

/// The names of all queries, sorted.
pub fn names() -> Result<Vec<String>, Failure> {
    names_in(&dir()?)
}

pub fn run(store: &StoreArgs, args: &SavedArgs) -> Result<(), Failure> {
    let dir = dir()?;
    let Some(name) = &args.name else {
        let output = TableOutput { format: args.answer.format()?, json: args.answer.json };
        return list(&dir, output);
    };
    let sql = read(&dir, name)?;
    let parameters = Parameters { numbered: &args.numbered, named: &args.named };
    query::answer(store, &sql, &parameters, &args.answer).map_err(|failure| failure.about(name))
}

fn read(dir: &Path, name: &str) -> Result<String, Failure> {
    let path = path(dir, name).ok_or_else(|| {
        Failure::input(format!("invalid query name '{name}': use letters, digits, '-' and '_'"))
    })?;
    match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(unknown(dir, name)?),
        read => read.map_err(|error| Failure::unreadable(&path, &error)),
    }
}

/// The path of a query. `None` if the name could point outside the directory.
fn path(dir: &Path, name: &str) -> Option<PathBuf> {
    let is_plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_');
    (!name.is_empty() && name.chars().all(is_plain)).then(|| dir.join(format!("{name}.sql")))
}

fn unknown(dir: &Path, name: &str) -> Result<Failure, Failure> {
    let names = names_in(dir)?;
    let near = nearest(name, names.iter().map(String::as_str));
    let path = dir.join(format!("{name}.sql"));
    let hint = format!("\n  to create it, write its SQL to {}", path.display());
    let message = format!("no query named '{name}'{near}{hint}");
    Ok(Failure::input(message).with_nearest(&near))
}

fn names_in(dir: &Path) -> Result<Vec<String>, Failure> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| Failure::unreadable(dir, &error))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let file = entry.map_err(|error| Failure::unreadable(dir, &error))?.file_name();
        let name = file.to_str().and_then(|file| file.strip_suffix(".sql"));
        names.extend(name.filter(|name| path(dir, name).is_some()).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

fn list(dir: &Path, output: TableOutput) -> Result<(), Failure> {
    let names = names_in(dir)?;
    if names.is_empty() && output.format == Format::Table && !output.json {
        output::warn(format_args!(
            "no saved queries; write one to {}",
            dir.join("NAME.sql").display()
        ));
        return Ok(());
    }
    let what: Vec<Option<String>> = names
        .iter()
        .map(|name| {
            let sql = read(dir, name).ok()?;
            Some(sql.lines().next()?.trim().strip_prefix("--")?.trim().to_owned())
        })
        .collect();
    let columns: [(&str, ArrayRef); 2] = [
        ("query", Arc::new(StringArray::from_iter_values(&names))),
        ("what", Arc::new(StringArray::from_iter(what))),
    ];
    output.print(RecordBatch::try_from_iter(columns)?)
}
