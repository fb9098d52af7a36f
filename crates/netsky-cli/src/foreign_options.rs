//! Options of sqlite3, duckdb and psql.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::commands::shell;

/// Whether the option has nothing to change. clap would take `-header` for `-h` with more options behind it.
pub fn is_needless(arg: &OsString) -> bool {
    arg == "-header" || arg == "-headers"
}

/// `-csv` and `--csv` are `--format csv`.
pub fn format_by_name(arg: OsString) -> Vec<OsString> {
    match arg.to_str().and_then(format_of) {
        Some(format) => vec!["--format".into(), format.into()],
        None => vec![arg],
    }
}

/// Adds the option of commands to clap's error about one that selects a format.
pub fn with_format(mut error: clap::Error) -> clap::Error {
    let format = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(arg))) => format_of(arg),
        _ => None,
    };
    if let Some(format) = format {
        // In place of the tip that it could be a value.
        error.remove(ContextKind::Suggested);
        let option = format!("--format {format}");
        error.insert(ContextKind::SuggestedArg, ContextValue::String(option));
    }
    error
}

/// The format that an option is named after.
fn format_of(option: &str) -> Option<&'static str> {
    let name = option.strip_prefix("--").or_else(|| option.strip_prefix('-'))?;
    // `-x` is an option of one letter.
    let format = shell::format(name).ok().filter(|_| name.len() > 2)?;
    Some(format.name())
}
