//! Newer data of genai-prices, which the user downloaded.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;

use super::data::{check, read};
use super::error::PricesError;
use super::sources::data_file;

/// What [`update`] stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// Where it is now.
    pub path: PathBuf,
    /// How many providers it has.
    pub providers: usize,
    /// How many models it has.
    pub models: usize,
}

/// Checks a file of genai-prices' data, and stores it as `prices.json` beside the user's file, where
/// [`Prices::load`](super::Prices::load) finds it. To undo it, delete that file.
///
/// # Errors
///
/// The file cannot be read or is not such data; the store's folder cannot be written. The file that was there
/// stays as it was then.
pub fn update(from: &Path, user_file: &Path) -> Result<Update, PricesError> {
    let missing =
        || PricesError::Read { path: from.to_owned(), source: io::ErrorKind::NotFound.into() };
    let bytes = read(from)?.ok_or_else(missing)?;
    let (providers, models) = check(from, &bytes)?;
    let path = data_file(user_file);
    write(&path, &bytes).map_err(|source| PricesError::Write { path: path.clone(), source })?;
    Ok(Update { path, providers, models })
}

/// Writes a file under another name and renames it, so that no reader sees a part of it.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let part = path.with_extension(format!("json.{}.part", process::id()));
    let written = File::create(&part)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        // It may not even exist.
        let _ = fs::remove_file(&part);
    }
    written
}
