//! The ids of the rows recorded last, by which new rows are found.

use netsky_db::{Db, Table};

use crate::commands::query::rows;
use crate::failure::Failure;
use crate::row::Row;

/// New rows of a lake cannot be found by their ids, of which each machine has its own.
pub fn refuse_lake(db: &Db) -> Result<(), Failure> {
    match db.is_lake() {
        true => Err(Failure::usage(
            "-f follows a store; a lake gets rows when its machines push\n  run the command again without -f",
        )),
        false => Ok(()),
    }
}

/// The highest id of each table; 0 if it has no rows. DataFusion gets them from the statistics, without a
/// scan.
pub fn last_ids(db: &Db, tables: &[&'static Table]) -> Result<Vec<i64>, Failure> {
    let queries = tables.iter().enumerate().map(|(index, table)| {
        format!("SELECT {index} AS place, max(id) AS last FROM {}", table.name())
    });
    let sql = queries.collect::<Vec<_>>().join(" UNION ALL ");
    let found = rows(db, &format!("SELECT last FROM ({sql}) ORDER BY place"), &[])?;
    Ok(Row::all(&found).map(|row| row.int(0).unwrap_or(0)).collect())
}
