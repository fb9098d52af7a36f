//! The formats that netsky-db's programs write answers in and read rows from.
//!
//! [`Format`] names them, and [`FileFormat`] adds the compression that the name of a file selects.
//! [`Format::write`] writes an [`Answer`] to a file, a pipe or a socket, and [`write_object`] writes it as
//! one JSON object with its columns and counts. [`columnar::open`] reads Arrow and Parquet,
//! [`csv::Records`] reads CSV. What only a terminal shows, such as tables that fit its width, is in the
//! command line.
//!
//! ```
//! use netsky_db::{Db, TickRecord};
//! use netsky_formats::{Answer, Format};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = std::env::temp_dir().join(format!("netsky-formats-{}", std::process::id()));
//! # std::fs::create_dir_all(&dir)?;
//! let db = Db::open_path(dir.join("meta.db"))?;
//! db.record(&TickRecord::new(chrono::DateTime::UNIX_EPOCH, "cron", "{}"))?;
//! let batches = db.query_batches("SELECT id, source FROM ticks")?;
//! let answer = Answer { schema: batches[0].schema(), batches: batches.into_iter().map(Ok) };
//! let mut csv = Vec::new();
//! Format::Csv.write(answer, &mut csv)?;
//! assert_eq!(csv, b"id,source\n1,cron\n");
//! # std::fs::remove_dir_all(&dir)?;
//! # Ok(())
//! # }
//! ```

mod answer;
pub mod columnar;
pub mod csv;
mod error;
mod format;
mod json;
mod object;
mod sql_type;
mod text;
mod values;

pub use answer::{Answer, Batches};
pub use error::{FormatError, Result};
pub use format::{FileFormat, Format};
pub use object::write_object;
pub use sql_type::sql_type;
pub use values::{ValueStyle, is_null};
