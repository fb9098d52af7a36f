//! Which store a command works on, and opening it.

use std::env;
use std::path::{Path, PathBuf};

use netsky_db::{Db, Error};

use crate::args::StoreArgs;
use crate::failure::Failure;

impl StoreArgs {
    /// The path that was named; `None` for the default store.
    fn path(&self) -> Option<PathBuf> {
        let from_environment = || env::var_os("NETSKY_DB").filter(|path| !path.is_empty());
        self.db.clone().or_else(|| from_environment().map(PathBuf::from))
    }

    fn path_or_default(&self) -> Result<PathBuf, Failure> {
        Ok(self.path().map_or_else(Db::default_path, Ok)?)
    }

    /// Opens the store, which must be there.
    pub fn open_read_only(&self) -> Result<Db, Failure> {
        Ok(Db::open_read_only(self.path_or_default()?)?)
    }

    /// Opens the store, and makes it if it is not there.
    pub fn open(&self) -> Result<Db, Failure> {
        match self.path() {
            Some(path) => open_path(&path),
            None => Ok(announced(Db::open()?)),
        }
    }

    /// Opens the store for writing. It must be there, perhaps in an older format.
    pub fn open_existing(&self) -> Result<Db, Failure> {
        match Db::open_read_only(self.path_or_default()?) {
            Ok(_) | Err(Error::UpgradeRequired { .. }) => self.open(),
            Err(error) => Err(error.into()),
        }
    }
}

/// Opens the store at the path, and makes it if it is not there.
pub fn open_path(path: &Path) -> Result<Db, Failure> {
    Ok(announced(Db::open_path(path)?))
}

/// Says what became of an older file.
fn announced(db: Db) -> Db {
    let path = db.path().display();
    if let Some(archive) = db.archived() {
        eprintln!("netsky: moved the SQLite file at {path} to {}", archive.display());
    }
    if let Some(backup) = db.backup() {
        let backup = backup.display();
        eprintln!(
            "netsky: upgraded the store of netsky-db 0.1.6 at {path}, and kept the old file as {backup}"
        );
    }
    db
}
