//! PostgreSQL's catalogue of the store: `pg_catalog` and `information_schema`.
//!
//! [`description`] holds what is described, [`pg_catalog`] and [`information_schema`] turn it into rows, and
//! [`tables`] makes tables of these. `relations.txt` and `types.txt` have the columns and types of PostgreSQL 16. All
//! of it follows from the declarations of tables and views: no store is read.

mod description;
mod information_schema;
mod pg_catalog;
mod relation;
mod row;
mod settings;
mod tables;
pub mod types;
pub mod value;

pub use description::{Catalog, system_columns};
pub use relation::{Kind, Relation, Schema, view_sql};
pub use settings::{DATABASE, OWNER, OWNER_OID, SERVER_VERSION, setting};
pub use tables::{has_value, is_empty, schemas};
