//! Which store a command works on, and opening it.

use std::env;
use std::path::PathBuf;

use netsky_db::{Db, Error};

use crate::args::StoreArgs;
use crate::failure::Failure;

impl StoreArgs {
    /// The store's path, whether there is one or not.
    pub fn path_or_default(&self) -> Result<PathBuf, Failure> {
        Ok(self.path().map_or_else(Db::default_path, Ok)?)
    }

    /// The path that was named; `None` for the default store.
    fn path(&self) -> Option<PathBuf> {
        let from_environment = || env::var_os("NETSKY_DB").filter(|path| !path.is_empty());
        self.db.clone().or_else(|| from_environment().map(PathBuf::from))
    }

    /// Opens the store, which must be there.
    pub fn open_read_only(&self) -> Result<Db, Failure> {
        Ok(Db::open_read_only(self.path_or_default()?)?)
    }

    /// Opens the store to change it. It must be there.
    pub fn open_existing(&self) -> Result<Db, Failure> {
        let path = self.path_or_default()?;
        if !path.exists() {
            return Err(Error::StoreNotFound { path }.into());
        }
        self.open()
    }

    /// Opens the store, and makes it if it is not there.
    pub fn open(&self) -> Result<Db, Failure> {
        let db = match self.path() {
            Some(path) => Db::open_path(path)?,
            None => Db::open()?,
        };
        if let Some(archive) = db.archived() {
            let (path, archive) = (db.path().display(), archive.display());
            eprintln!("netsky: moved the SQLite file at {path} to {archive}");
        }
        Ok(db)
    }
}
