//! Archives SQLite files of netsky before redb. They are moved aside and never overwritten.
//!
//! Committed data may be in the journals beside a SQLite file, so a database must have its journals
//! at every instant. All files first get their second names, the database last, and then lose their
//! first names, the database first. If the process is killed in between, the next one finds the
//! archive by the files that it shares with the old names, and finishes.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::options::OpenOptions;
use crate::schema::TABLES;
use crate::store::exclusive_lock::ExclusiveLock;
use crate::store::file::{FileId, copy_private, sync_dir};
use crate::store::file_kind::FileKind;
use crate::store::side_copy;

/// The suffixes of SQLite's journals and of the file for its shared memory.
const JOURNALS: [&str; 3] = ["-wal", "-shm", "-journal"];
const KIND: &str = "sqlite-v1";
/// A file that declares this many of the catalogue's tables is netsky's. Two tables have names that
/// other programs also use.
const OWN_TABLES: usize = 3;

pub(super) fn is_sqlite(path: &Path) -> Result<bool> {
    Ok(FileKind::at(path)? == Some(FileKind::Sqlite))
}

/// Fails if the file is a SQLite database. For read-only opening.
pub(super) fn refuse_sqlite(path: &Path) -> Result<()> {
    if is_sqlite(path)? {
        refuse_foreign(path)?;
        return Err(Error::NotAStore {
            path: path.to_owned(),
            reason: "it is a SQLite file of an older netsky; open it for writing to move it aside \
                     and create a new store"
                .to_owned(),
        });
    }
    Ok(())
}

/// Moves netsky's SQLite file at the path to `<name>.sqlite-v1-<timestamp>.bak` beside it, together
/// with its journals, and returns the new path. Fails if the file belongs to another program.
pub(super) fn archive_sqlite(path: &Path, options: &OpenOptions) -> Result<Option<PathBuf>> {
    // If the path is a symbolic link, it stays one, and SQLite names journals after the link's
    // target.
    let resolved = fs::canonicalize(path);
    let path = resolved.as_deref().unwrap_or(path);
    if !is_sqlite(path)? {
        return Ok(None);
    }
    refuse_foreign(path)?;
    // Two processes may get here at once. The second acquires the lock after the first has moved
    // the file away, and must not move the store that has been created in its place. SQLite's own
    // locks cover parts of the file and are respected.
    let _lock = match ExclusiveLock::take_within(path, options.busy_timeout) {
        Ok(lock) => lock,
        Err(Error::InUse { path }) => {
            let reason = "another program has this SQLite file open".to_owned();
            return Err(Error::Locked { path, reason });
        }
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error),
    };
    if !is_sqlite(path)? {
        return Ok(None);
    }
    let archive = match begun_archive(path)? {
        Some(archive) => archive,
        None => free_archive(path),
    };
    for suffix in JOURNALS {
        add_name(&with_suffix(path, suffix), &with_suffix(&archive, suffix))?;
    }
    add_name(path, &archive)?;
    sync_dir(path)?;
    remove(path)?;
    sync_dir(path)?;
    JOURNALS.iter().try_for_each(|suffix| remove(&with_suffix(path, suffix)))?;
    sync_dir(path)?;
    Ok(Some(archive))
}

/// Fails if the SQLite file declares netsky's tables neither in itself nor in its journal.
fn refuse_foreign(path: &Path) -> Result<()> {
    let mut found = Vec::new();
    for file in [path.to_owned(), with_suffix(path, "-wal")] {
        match File::open(&file) {
            Ok(opened) => {
                declared_tables(opened, &mut found).map_err(Error::io("read", &file))?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("open", file)(error)),
        }
        if found.len() >= OWN_TABLES {
            return Ok(());
        }
    }
    Err(Error::NotAStore {
        path: path.to_owned(),
        reason: "it is a SQLite file of another program, without netsky tables".to_owned(),
    })
}

/// Adds the tables of the catalogue that the file declares. SQLite stores the text of each table's
/// `CREATE` statement.
fn declared_tables(file: File, found: &mut Vec<&'static str>) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut chunk = Vec::new();
    // A statement has a parenthesis after the name, so the text before a parenthesis contains the
    // complete name.
    while read_until(&mut reader, b'(', &mut chunk)? {
        let name = declared_table(&chunk);
        let table = TABLES.iter().map(|table| table.name()).find(|table| name == Some(*table));
        found.extend(table.filter(|table| !found.contains(table)));
        if found.len() >= OWN_TABLES {
            return Ok(());
        }
    }
    Ok(())
}

/// Returns the name in `CREATE TABLE name`, if the text ends with that.
fn declared_table(text: &[u8]) -> Option<&str> {
    const LONGEST: usize = 200;
    let end = &text[text.len().saturating_sub(LONGEST)..];
    let words: Vec<&[u8]> =
        end.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty()).collect();
    let (name, before) = words.split_last()?;
    let ends_with = |wanted: &[&str]| {
        before.len() >= wanted.len()
            && before[before.len() - wanted.len()..].iter().zip(wanted).enumerate().all(
                |(at, (word, wanted))| match at {
                    // Bytes of the record may precede the first word.
                    0 => word.to_ascii_uppercase().ends_with(wanted.as_bytes()),
                    _ => word.eq_ignore_ascii_case(wanted.as_bytes()),
                },
            )
    };
    let declares =
        ends_with(&["CREATE", "TABLE"]) || ends_with(&["CREATE", "TABLE", "IF", "NOT", "EXISTS"]);
    let name = std::str::from_utf8(name).ok().filter(|_| declares)?;
    Some(name.trim_matches(['"', '`', '[', ']', '\'']))
}

/// Reads up to the byte into `chunk`, which keeps only the last 64 KiB. Returns `false` at the end
/// of the file.
fn read_until(reader: &mut impl BufRead, byte: u8, chunk: &mut Vec<u8>) -> io::Result<bool> {
    const KEPT_BYTES: usize = 1 << 16;
    chunk.clear();
    loop {
        let available = reader.fill_buf()?;
        if available.is_empty() {
            return Ok(false);
        }
        let at = available.iter().position(|found| *found == byte);
        let end = at.unwrap_or(available.len());
        chunk.extend_from_slice(&available[..end]);
        reader.consume(end + usize::from(at.is_some()));
        if at.is_some() {
            return Ok(true);
        }
        chunk.drain(..chunk.len().saturating_sub(KEPT_BYTES));
    }
}

/// Gives a file a second name, unless it already has it. A missing file is skipped.
fn add_name(from: &Path, to: &Path) -> Result<()> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_same(from, to) => Ok(()),
        // The file system does not support hard links.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            let mut file = File::open(from).map_err(Error::io("open", from))?;
            copy_private(&mut file, to)
        }
        linked => linked.map_err(Error::io("archive", from)),
    }
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(Error::io("archive", path)),
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (FileId::of(one), FileId::of(other)) {
        (Ok(one), Ok(other)) => cfg!(unix) && one == other,
        _ => false,
    }
}

/// Returns an archive name that is not in use, not even by a journal.
fn free_archive(path: &Path) -> PathBuf {
    side_copy::free_name_where(path, KIND, |name| {
        JOURNALS.iter().all(|suffix| fs::symlink_metadata(with_suffix(name, suffix)).is_err())
    })
}

/// Returns the archive that a killed process left unfinished: it is the same file as the old name,
/// or has the same journal.
fn begun_archive(path: &Path) -> Result<Option<PathBuf>> {
    let ends = || JOURNALS.into_iter().chain([""]);
    for archive in side_copy::names(path, KIND, &JOURNALS)? {
        if ends().any(|end| is_same(&with_suffix(path, end), &with_suffix(&archive, end))) {
            return Ok(Some(archive));
        }
    }
    Ok(None)
}

/// Removes the journals that a process left behind because it was killed after it had moved the
/// database aside.
pub(super) fn finish_journals(path: &Path) -> Result<()> {
    let resolved = fs::canonicalize(path);
    let path = resolved.as_deref().unwrap_or(path);
    let left = |suffix: &&str| fs::symlink_metadata(with_suffix(path, suffix)).is_ok();
    if !JOURNALS.iter().any(left) {
        return Ok(());
    }
    let Some(archive) = begun_archive(path)? else { return Ok(()) };
    for suffix in JOURNALS {
        let journal = with_suffix(path, suffix);
        if is_same(&journal, &with_suffix(&archive, suffix)) {
            remove(&journal)?;
        }
    }
    sync_dir(path)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_tables_are_recognized() {
        let declared = |text: &str| declared_table(text.as_bytes()).map(str::to_owned);
        for text in [
            "\u{1}\u{2}tablemessagesmessages\u{3}CREATE TABLE messages ",
            "create table if not exists \"messages\"",
            "CREATE TABLE\n  messages\n",
        ] {
            assert_eq!(declared(text).as_deref(), Some("messages"), "{text}");
        }
        for text in ["", "messages", "INSERT INTO messages", "CREATE INDEX messages", "TABLE x"] {
            assert_eq!(declared(text), None, "{text}");
        }
    }
}
