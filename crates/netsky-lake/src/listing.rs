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
    use std::fmt;
    use std::ops::Range;
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;
    use futures::stream::BoxStream;
    use object_store::memory::InMemory;
    use object_store::path::Path;
    use object_store::{
        CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
        ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions,
        Result as StoreResult,
    };

    use super::*;

    /// Notes which directories are listed.
    #[derive(Debug)]
    struct Counted(InMemory, Arc<Mutex<Vec<String>>>);

    impl Counted {
        fn note(&self, prefix: Option<&Path>) {
            self.1.lock().unwrap().push(prefix.unwrap().to_string());
        }
    }

    impl fmt::Display for Counted {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("counted")
        }
    }

    #[async_trait::async_trait]
    impl ObjectStore for Counted {
        async fn put_opts(
            &self,
            path: &Path,
            payload: PutPayload,
            options: PutOptions,
        ) -> StoreResult<PutResult> {
            self.0.put_opts(path, payload, options).await
        }

        async fn put_multipart_opts(
            &self,
            path: &Path,
            options: PutMultipartOptions,
        ) -> StoreResult<Box<dyn MultipartUpload>> {
            self.0.put_multipart_opts(path, options).await
        }

        async fn get_opts(&self, path: &Path, options: GetOptions) -> StoreResult<GetResult> {
            self.0.get_opts(path, options).await
        }

        async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> StoreResult<Vec<Bytes>> {
            self.0.get_ranges(path, ranges).await
        }

        fn delete_stream(
            &self,
            paths: BoxStream<'static, StoreResult<Path>>,
        ) -> BoxStream<'static, StoreResult<Path>> {
            self.0.delete_stream(paths)
        }

        fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
            self.note(prefix);
            self.0.list(prefix)
        }

        async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
            self.note(prefix);
            self.0.list_with_delimiter(prefix).await
        }

        async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> StoreResult<()> {
            self.0.copy_opts(from, to, options).await
        }

        async fn rename_opts(
            &self,
            from: &Path,
            to: &Path,
            options: RenameOptions,
        ) -> StoreResult<()> {
            self.0.rename_opts(from, to, options).await
        }
    }

    fn nanos(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).unwrap().timestamp_nanos_opt().unwrap()
    }

    #[tokio::test]
    async fn only_directories_that_can_have_rows_are_listed() {
        let (memory, listed) = (InMemory::new(), Arc::<Mutex<Vec<String>>>::default());
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
        let place = Place::of_store(Arc::new(Counted(memory, Arc::clone(&listed))));
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
            listed.lock().unwrap().clear();
            let wanted = Wanted { times, machines };
            let files = files(&place, "ticks", &wanted).await.unwrap();
            assert_eq!((listed.lock().unwrap().len(), files.len()), (lists, found), "{wanted:?}");
        }
    }
}
