//! Finds the files of a table, by days and machines.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use chrono::{DateTime, NaiveDate};
use futures::{StreamExt, TryStreamExt};

use crate::error::Result;
use crate::layout::{DataFile, date_directory, machine_directory, parse_date};
use crate::place::Place;

/// How many directories are listed at once. On S3 a request takes 30 to 50 ms, whatever it finds.
const AT_ONCE: usize = 32;

/// If a query may see at most so many days, their directories are listed without asking which there are.
const FEW_DAYS: usize = 32;

/// Which files of a table a query needs.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Ranges of times, in nanoseconds.
    pub(crate) times: Vec<RangeInclusive<i64>>,
    /// `None` for all machines.
    pub(crate) machines: Option<BTreeSet<String>>,
}

impl Wanted {
    pub(crate) fn everything() -> Self {
        Self { times: vec![i64::MIN..=i64::MAX], machines: None }
    }

    fn days(&self) -> Vec<RangeInclusive<NaiveDate>> {
        let day = |nanos: i64| DateTime::from_timestamp_nanos(nanos).date_naive();
        self.times.iter().map(|range| day(*range.start())..=day(*range.end())).collect()
    }
}

/// Returns the files that a query reads, in the order of their days, machines and ids.
pub(crate) async fn files(place: &Place, table: &str, wanted: &Wanted) -> Result<Vec<DataFile>> {
    Ok(current(all_files(place, table, wanted).await?))
}

/// Returns all files in no order, also those whose rows are in another.
pub(crate) async fn all_files(
    place: &Place,
    table: &str,
    wanted: &Wanted,
) -> Result<Vec<DataFile>> {
    let dates = dates(place, table, &wanted.days()).await?;
    let directories = dates.iter().flat_map(|date| match &wanted.machines {
        None => vec![date_directory(table, *date)],
        Some(machines) => {
            let machines = machines.iter();
            machines.map(|machine| machine_directory(table, *date, machine)).collect()
        }
    });
    let directories: Vec<String> = directories.collect();
    let listed: Vec<_> = futures::stream::iter(directories)
        .map(|directory| async move { place.files(&directory).await })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let files = listed.into_iter().flatten().map(DataFile::parse);
    files.filter_map(Result::transpose).collect()
}

/// Sorts files, and leaves out those whose rows are in another.
pub(crate) fn current(mut files: Vec<DataFile>) -> Vec<DataFile> {
    // The file with the rows of several comes before these.
    files.sort_by(|a, b| {
        let (a_ids, b_ids) = (&a.ids, &b.ids);
        let of_day = (a.date, &a.machine, a_ids.start()).cmp(&(b.date, &b.machine, b_ids.start()));
        of_day.then_with(|| b_ids.end().cmp(a_ids.end()))
    });
    let mut kept: Vec<DataFile> = Vec::new();
    for file in files {
        if kept.last().is_none_or(|last| !file.is_within(last)) {
            kept.push(file);
        }
    }
    kept
}

/// The days of a table that may have rows in the ranges.
async fn dates(
    place: &Place,
    table: &str,
    ranges: &[RangeInclusive<NaiveDate>],
) -> Result<BTreeSet<NaiveDate>> {
    let few = ranges
        .iter()
        .flat_map(|range| range.start().iter_days().take_while(move |day| day <= range.end()));
    let few: BTreeSet<NaiveDate> = few.take(FEW_DAYS + 1).collect();
    if few.len() <= FEW_DAYS {
        return Ok(few);
    }
    let found = place.directories(table).await?;
    let found = found.iter().filter_map(|name| parse_date(name));
    Ok(found.filter(|date| ranges.iter().any(|range| range.contains(date))).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;
    use object_store::path::Path;
    use object_store::{ObjectStoreExt, PutPayload};

    use super::*;
    use crate::counted_store::CountedStore;

    fn nanos(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).unwrap().timestamp_nanos_opt().unwrap()
    }

    #[tokio::test]
    async fn only_directories_that_can_have_rows_are_listed() {
        let memory = InMemory::new();
        let first = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
        for date in first.iter_days().take(60) {
            for machine in ["a", "b", "c"] {
                let file = format!(
                    "{}/000000000001-000000000002.parquet",
                    machine_directory("ticks", date, machine)
                );
                memory.put(&Path::from(file), PutPayload::from_static(b"x")).await.unwrap();
            }
        }
        let store = Arc::new(CountedStore::new(memory));
        let place = Place::of_store(Arc::clone(&store) as _);
        let only = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        let week = nanos("2026-01-05T00:00:00Z")..=nanos("2026-01-11T23:59:59Z");
        let last = nanos("2026-02-28T12:00:00Z")..=i64::MAX;
        for (times, machines, lists, found) in [
            // One day of one machine is one request, whatever there is besides.
            (vec![week.clone()], only(&["b"]), 7, 7),
            (
                vec![nanos("2026-01-05T08:00:00Z")..=nanos("2026-01-05T09:00:00Z")],
                only(&["b"]),
                1,
                1,
            ),
            (vec![week.clone()], None, 7, 21),
            (vec![week.clone()], only(&["a", "c", "x"]), 21, 14),
            // Without an end, the days that there are must be found first.
            (vec![last.clone()], None, 1 + 2, 6),
            (vec![week, last], only(&["a"]), 1 + 7 + 2, 9),
            (vec![i64::MIN..=i64::MAX], None, 1 + 60, 180),
            (Vec::new(), None, 0, 0),
        ] {
            let before = store.lists();
            let wanted = Wanted { times, machines };
            let files = files(&place, "ticks", &wanted).await.unwrap();
            assert_eq!((store.lists() - before, files.len()), (lists, found), "{wanted:?}");
        }
    }
}
