//! A lake: what its own file says, and its rows as tables.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::DataType;
use bytes::Bytes;
use netsky_db::{Db, SCHEMA_VERSION};
use serde::{Deserialize, Serialize};

use crate::claim::Latest;
use crate::error::{Error, Result};
use crate::layout::{LAKE, Machine, json};
use crate::place::{Place, wait};
use crate::views::views;

/// The format of the layout that this version reads and writes.
const FORMAT: i64 = 1;

/// The rows that machines have pushed to one place, as the tables and views of a store.
///
/// Every table and view has one more column, `machine`, and ids are unique only with it. Sessions, crashes, ticks
/// and clones of machines are told apart.
///
/// A filter on a table's time, and one on its machine, decide which directories are listed. A query sees the files
/// that are there when it is planned. While a machine pushes, it may see a part of the push, but no row twice.
#[derive(Debug, Clone)]
pub struct Lake {
    place: Place,
    id: String,
    machines: BTreeSet<String>,
    text_type: DataType,
}

/// What `_netsky/lake.json` says.
#[derive(Debug, Serialize, Deserialize)]
struct LakeFile {
    format: i64,
    schema_version: i64,
    /// A random number. Stores note by it how far they have pushed, so that a lake can be moved, and one that is
    /// made anew gets all rows.
    id: String,
}

impl Lake {
    /// Opens the lake at a URL or in a directory.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidUrl`], [`Error::NotFound`], [`Error::NewerFormat`], [`Error::ForeignFile`] and
    /// [`Error::Storage`].
    pub fn open(url: &str) -> Result<Self> {
        wait(Self::at(Place::new(url)?))
    }

    pub(crate) async fn at(place: Place) -> Result<Self> {
        match place.get(LAKE).await? {
            Some(found) => Self::of(place, &found),
            None => Err(Error::NotFound { url: place.url().to_owned() }),
        }
    }

    /// Opens the lake at the place, and makes one if there is none.
    pub(crate) async fn create(place: Place) -> Result<Self> {
        let id = format!("{:032x}", fastrand::u128(..));
        let file = LakeFile { format: FORMAT, schema_version: SCHEMA_VERSION, id };
        if place.get(LAKE).await?.is_none() {
            // Another machine may have made it meanwhile; then that one is used.
            place.create(LAKE, Bytes::from(json(&file))).await?;
        }
        Self::at(place).await
    }

    fn of(place: Place, file: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Versions {
            format: i64,
            schema_version: i64,
        }
        let foreign =
            || Error::ForeignFile { file: place.path(LAKE).to_string(), what: "a lake's" };
        let found: Versions = serde_json::from_slice(file).map_err(|_| foreign())?;
        for (what, found, supported) in [
            ("format", found.format, FORMAT),
            ("schema version", found.schema_version, SCHEMA_VERSION),
        ] {
            if found > supported {
                let url = place.url().to_owned();
                return Err(Error::NewerFormat { url, what, found, supported });
            }
        }
        let file: LakeFile = serde_json::from_slice(file).map_err(|_| foreign())?;
        Ok(Self { place, id: file.id, machines: BTreeSet::new(), text_type: DataType::Utf8View })
    }

    /// Makes a directory a lake, for files that are written there as [`file_of`](crate::file_of) names them.
    ///
    /// # Errors
    ///
    /// [`Error::Pushes`] if the machine pushes to the lake, and those of [`open`](Self::open).
    pub fn prepare(directory: &str, machine: &Machine) -> Result<()> {
        wait(async {
            let lake = Self::create(Place::new(directory)?).await?;
            match Latest::of(&lake.place, machine).await?.claim {
                None => Ok(()),
                Some(_) => {
                    let machine = machine.name().to_owned();
                    Err(Error::Pushes { url: lake.url().to_owned(), machine })
                }
            }
        })
    }

    /// The same lake with only the rows of these machines; with all of them if there are none.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidMachine`].
    pub fn of_machines<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let machines = names.into_iter().map(|name| Ok(Machine::new(name)?.name().to_owned()));
        Ok(Self { machines: machines.collect::<Result<_>>()?, ..self })
    }

    /// The same lake with texts as Arrow's `Utf8` instead of `Utf8View`. Batches of views that are sent to another
    /// process can be many times larger than their rows, because each has all of the memory that it points into.
    pub fn with_plain_text(self) -> Self {
        Self { text_type: DataType::Utf8, ..self }
    }

    /// The machines whose rows are read; none for all of them.
    pub fn machines(&self) -> &BTreeSet<String> {
        &self.machines
    }

    pub(crate) fn text_type(&self) -> DataType {
        self.text_type.clone()
    }

    /// Where the lake is.
    pub fn url(&self) -> &str {
        self.place.url()
    }

    /// Returns a handle for queries. Calls that need a store fail with
    /// [`IsALake`](netsky_db::Error::IsALake).
    pub fn db(&self) -> Db {
        Db::of_lake(self.url(), Arc::new(self.clone()), views().to_vec())
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}
