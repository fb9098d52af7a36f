//! Reading and parsing a settings file, and following links to it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::error::HookError;
use super::json_text::JsonText;

/// A new settings file.
pub(super) const EMPTY: &str = "{}\n";

/// No settings are as large. The limit is against files that are something else.
const MAX_BYTES: u64 = 16 << 20;

/// The limit of Linux.
const MAX_LINKS: usize = 40;

/// Returns the text of a file; `None` if it does not exist.
pub(super) fn read(path: &Path) -> Result<Option<String>, HookError> {
    let unreadable = |source| HookError::Unreadable { path: path.to_owned(), source };
    // Opening a pipe would wait for a writer.
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
        Ok(file) if !file.is_file() => return Err(HookError::invalid(path, "it is not a file")),
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(HookError::invalid(path, "it is larger than 16 MiB"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        HookError::invalid(
            path,
            format!("it is not UTF-8 at byte {}", error.utf8_error().valid_up_to()),
        )
    })?;
    Ok(Some(text))
}

/// Parses settings; those of a file that does not exist are empty.
pub(super) fn parse(path: &Path, text: Option<&str>) -> Result<JsonText, HookError> {
    JsonText::parse(text.unwrap_or(EMPTY)).map_err(|reason| {
        let text = text.unwrap_or_default();
        let hint = if text.trim().is_empty() {
            "; it is empty: write {} into it, or remove it"
        } else if text.starts_with('\u{feff}') {
            "; it begins with a byte order mark, which JSON does not have"
        } else if text.contains("//") || text.contains("/*") {
            "; JSON has no comments"
        } else {
            ""
        };
        HookError::invalid(path, format!("{reason}{hint}"))
    })
}

/// The file that a path leads to through links, whether or not it exists. Renaming a file over the link
/// would leave the target, which people keep under version control, as it was.
pub(super) fn target(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(target) = fs::read_link(&path) else { break };
        path = path.parent().map_or_else(|| target.clone(), |dir| dir.join(&target));
    }
    path
}
