//! The redb tables that are not of one file alone, and the names of those that hold rows.

use redb::TableDefinition;

use crate::store::checksum;
use crate::table::{Table, reserved};

/// Single numbers of the store: `schema_version`.
pub(super) const META: TableDefinition<'_, &str, i64> = TableDefinition::new(reserved::META);
/// The last id given out, by table.
pub(super) const IDS: TableDefinition<'_, &str, i64> = TableDefinition::new(reserved::IDS);

pub(super) const SCHEMA_VERSION_KEY: &str = "schema_version";

pub(super) fn rows_of(table: &Table) -> TableDefinition<'static, i64, &'static [u8]> {
    rows_named(table.name())
}

pub(super) fn rows_named(table: &str) -> TableDefinition<'_, i64, &'static [u8]> {
    TableDefinition::new(table)
}

/// Whether a redb table of that name is not one of rows: it has what the store notes of them.
pub(super) fn is_own(redb_table: &str) -> bool {
    reserved::contains(redb_table) || checksum::is_name(redb_table)
}
