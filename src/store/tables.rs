//! The redb tables that several files of this folder use, and those that hold rows.

use redb::TableDefinition;

use crate::store::checksum;
use crate::table::{Table, reserved};

/// Single integers of the store: `schema_version` and `columns`.
pub(super) const META: TableDefinition<'_, &str, i64> = TableDefinition::new(reserved::META);
/// The last assigned id, by table.
pub(super) const IDS: TableDefinition<'_, &str, i64> = TableDefinition::new(reserved::IDS);

pub(super) const SCHEMA_VERSION_KEY: &str = "schema_version";
/// 0 if no columnar copies are made.
pub(super) const COLUMNS_KEY: &str = "columns";

pub(super) fn rows_of(table: &Table) -> TableDefinition<'static, i64, &'static [u8]> {
    rows_named(table.name())
}

pub(super) fn rows_named(table: &str) -> TableDefinition<'_, i64, &'static [u8]> {
    TableDefinition::new(table)
}

/// The suffix of the names of the redb tables with columnar copies. A table of rows cannot have a dot
/// in its name.
const COLUMNS: &str = ".columns";

/// Returns the name of the redb table with the columnar copies of a table of rows.
pub(super) fn columns_name(table: &str) -> String {
    format!("{table}{COLUMNS}")
}

/// Returns the definition of the redb table of columnar copies with that name.
pub(super) fn columns_named(name: &str) -> TableDefinition<'_, i64, &'static [u8]> {
    TableDefinition::new(name)
}

/// Whether a redb table holds columnar copies, judging by its name.
pub(super) fn is_columns(redb_table: &str) -> bool {
    redb_table.ends_with(COLUMNS)
}

/// Whether the redb table with that name holds the store's own data instead of rows.
pub(super) fn is_own(redb_table: &str) -> bool {
    reserved::contains(redb_table) || checksum::is_name(redb_table) || is_columns(redb_table)
}
