//! Whether a store holds a demo and nothing else.

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;

use crate::db::Db;
use crate::error::Result;

/// Rows with names that no [`Fleet`](super::Fleet) has.
const OTHER_ROWS: &str = "
SELECT sum(rows) AS rows FROM (
  SELECT count(*) AS rows FROM v_timeline
  WHERE NOT agent ~ '^(agent[0-9](-clone[0-9]+)?|owner|harbor)$'
  UNION ALL
  SELECT count(*) FROM cli_invocations WHERE host NOT IN ('anvil', 'harbor', 'kiln')
  UNION ALL
  SELECT count(*) FROM ticks WHERE NOT source ~ '^(watchdog|agent[0-9]:[a-z_]+)$')";

/// Returns whether all rows of a store have names as those of a [`Fleet`](super::Fleet). A store without
/// rows counts as a demo too: nothing is lost with it.
///
/// # Errors
///
/// Those of [`Db::query_batches`].
pub fn is_demo(db: &Db) -> Result<bool> {
    let batches = db.query_batches(OTHER_ROWS)?;
    let rows = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().iter());
    Ok(rows.flatten().sum::<i64>() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::Fleet;

    #[test]
    fn a_row_of_another_program_is_no_demo() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open_path(dir.path().join("meta.db")).unwrap();
        assert!(is_demo(&db).unwrap());
        let fleet = Fleet::new(5_000);
        fleet.record(&db).unwrap();
        let mut live = fleet.live();
        for _ in 0..100 {
            live.record(&db, fleet.end).unwrap();
        }
        assert!(is_demo(&db).unwrap());
        db.record_tick(fleet.end, "cron", "{}").unwrap();
        assert!(!is_demo(&db).unwrap());
    }
}
