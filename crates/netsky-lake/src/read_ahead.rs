//! Reads files before a scan opens them.
//!
//! A scan of DataFusion waits for one request at a time in each partition, and a file takes two: one for its end, which
//! says where the columns are, and one for the columns. A bucket answers each after some 30 ms, so 1,500 files would take
//! 45 seconds on two cores. Here the requests for the files that come next go on while a scan decodes.
//!
//! What is read is checked by the checksums of its file, before it is decoded.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use datafusion::common::Result;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfigBuilder, FileSource, ParquetFileReaderFactory, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::{
    Count, ExecutionPlanMetricsSet, MetricBuilder, MetricCategory, MetricType,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};

use crate::checked_file::CheckedFile;

/// How many files are read ahead at most, after as many have been opened: a query that ends early reads few in vain.
const FILES_AHEAD: usize = 32;

/// Makes the scans of a plan that another process has made read files ahead, and check what they read.
///
/// # Errors
///
/// A scan is not of a lake.
pub fn with_read_ahead(
    plan: Arc<dyn ExecutionPlan>,
    runtime: &RuntimeEnv,
) -> Result<Arc<dyn ExecutionPlan>> {
    let plan = plan.transform_up(|node| {
        let scan = node.downcast_ref::<DataSourceExec>();
        let scan = scan.and_then(DataSourceExec::downcast_to_file_source::<ParquetSource>);
        let Some((config, source)) = scan else { return Ok(Transformed::no(node)) };
        let store = runtime.object_store(&config.object_store_url)?;
        let files = config.file_groups.iter().flat_map(FileGroup::iter);
        let mut files: Vec<_> = files.map(|file| file.object_meta.clone()).collect();
        files.sort_unstable_by(|a, b| a.location.cmp(&b.location));
        // A task can have parts of a file.
        files.dedup_by(|a, b| a.location == b.location);
        let schema = source.table_schema().table_schema();
        let columns = match source.projection() {
            Some(columns) => columns.column_indices(),
            None => (0..schema.fields().len()).collect(),
        };
        let names = columns.into_iter().map(|column| schema.field(column).name().clone());
        let ahead = ReadAhead::new(store, files, names.collect());
        let source = source.clone().with_parquet_file_reader_factory(Arc::new(ahead));
        let scan = FileScanConfigBuilder::from(config.clone()).with_source(Arc::new(source));
        Ok(Transformed::yes(DataSourceExec::from_data_source(scan.build()) as _))
    })?;
    Ok(plan.data)
}

/// The files of one scan, in the order of their paths, which begin with their days.
pub(crate) struct ReadAhead {
    store: Arc<dyn ObjectStore>,
    columns: Arc<[String]>,
    files: Vec<ObjectMeta>,
    places: HashMap<Path, usize>,
    reading: Mutex<Reading>,
}

struct Reading {
    /// How many files were opened.
    opened: usize,
    files: Vec<State>,
}

/// A file whose end was read, and its metadata.
type Start = (CheckedFile, Arc<ParquetMetaData>);

enum State {
    Unread,
    Reading(SpawnedTask<ParquetResult<Start>>),
    Opened,
}

impl ReadAhead {
    /// For a scan of columns.
    pub(crate) fn new(
        store: Arc<dyn ObjectStore>,
        files: Vec<ObjectMeta>,
        columns: Vec<String>,
    ) -> Self {
        let places = files.iter().enumerate().map(|(place, file)| (file.location.clone(), place));
        let reading = Reading { opened: 0, files: files.iter().map(|_| State::Unread).collect() };
        Self {
            store,
            columns: columns.into(),
            places: places.collect(),
            files,
            reading: Mutex::new(reading),
        }
    }

    /// Begins to read the files beside one that is opened, and returns the task that has begun to read that one.
    fn open(&self, place: usize) -> Option<SpawnedTask<ParquetResult<Start>>> {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let task = std::mem::replace(reading.files.get_mut(place)?, State::Opened);
        reading.opened += 1;
        let ahead = reading.opened.min(FILES_AHEAD);
        // A scan for the newest rows goes backwards.
        let next = match reading.files.get(place + 1) {
            None | Some(State::Opened) => place.saturating_sub(ahead)..place,
            Some(_) => place + 1..(place + 1 + ahead).min(self.files.len()),
        };
        for (file, state) in self.files[next.clone()].iter().zip(&mut reading.files[next]) {
            if matches!(state, State::Unread) {
                *state = State::Reading(SpawnedTask::spawn(self.read(file.clone())));
            }
        }
        match task {
            State::Reading(task) => Some(task),
            State::Unread | State::Opened => None,
        }
    }

    fn read(&self, file: ObjectMeta) -> impl Future<Output = ParquetResult<Start>> + use<> {
        let mut file = CheckedFile::new(Arc::clone(&self.store), file);
        let columns = Arc::clone(&self.columns);
        async move {
            let metadata = file.start(&columns).await?;
            Ok((file, Arc::new(metadata)))
        }
    }
}

impl ParquetFileReaderFactory for ReadAhead {
    fn create_reader(
        &self,
        partition: usize,
        file: PartitionedFile,
        _: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let file = file.object_meta;
        let task = self.places.get(&file.location).and_then(|place| self.open(*place));
        let start = match task {
            Some(task) => async {
                let joined = task.join_unwind().await;
                joined.map_err(|error| ParquetError::External(Box::new(error)))?
            }
            .boxed(),
            None => self.read(file.clone()).boxed(),
        };
        // `ParquetFileMetrics` would be twenty more for each file, which DataFusion has already.
        let bytes = MetricBuilder::new(metrics)
            .with_type(MetricType::Summary)
            .with_category(MetricCategory::Bytes)
            .counter("bytes_scanned", partition);
        let file = CheckedFile::new(Arc::clone(&self.store), file);
        Ok(Box::new(FileReader { start: Some(start), file, bytes }))
    }
}

/// Reads a file for a scan.
struct FileReader {
    /// What was begun to be read, until it is there.
    start: Option<BoxFuture<'static, ParquetResult<Start>>>,
    file: CheckedFile,
    bytes: Count,
}

impl AsyncFileReader for FileReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        self.file.get(range).boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        async move { self.file.get_all(&ranges).await }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        async move {
            let Some(start) = self.start.take() else {
                return Ok(Arc::new(self.file.start(&[]).await?));
            };
            let (file, metadata) = start.await?;
            self.file = file;
            Ok(metadata)
        }
        .boxed()
    }
}

impl Drop for FileReader {
    fn drop(&mut self) {
        self.bytes.add(self.file.bytes);
    }
}

impl fmt::Debug for ReadAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadAhead").field("files", &self.files.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use datafusion::parquet::arrow::ArrowWriter;
    use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use datafusion::parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;
    use futures::TryStreamExt;
    use object_store::memory::InMemory;
    use object_store::{ObjectStoreExt, PutPayload};

    use super::*;
    use crate::counted_store::CountedStore;

    const FILES: usize = 100;

    /// Files with a small and a large column.
    async fn files(rows: usize) -> (Arc<CountedStore>, Vec<ObjectMeta>) {
        let memory = InMemory::new();
        for file in 0..FILES {
            let small = Int64Array::from_iter_values((0..rows as i64).map(|row| row * file as i64));
            let large = (0..rows).map(|row| {
                format!("{:032x}", (row * FILES + file).wrapping_mul(0x9e37_79b9_7f4a_7c15))
            });
            let large = StringArray::from_iter_values(large);
            let columns = [("small", Arc::new(small) as ArrayRef), ("large", Arc::new(large))];
            let batch = RecordBatch::try_from_iter(columns).unwrap();
            let mut content = Vec::new();
            let mut writer = ArrowWriter::try_new(&mut content, batch.schema(), None).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
            let path = Path::from(format!("{file:03}"));
            memory.put(&path, PutPayload::from(content)).await.unwrap();
        }
        let mut files: Vec<_> = memory.list(None).try_collect().await.unwrap();
        files.sort_by(|a, b| a.location.cmp(&b.location));
        (Arc::new(CountedStore::new(memory)), files)
    }

    fn ahead(store: &Arc<CountedStore>, files: &[ObjectMeta], columns: &[&str]) -> ReadAhead {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        ReadAhead::new(Arc::clone(store) as _, files.to_vec(), columns)
    }

    fn open(ahead: &ReadAhead, file: &ObjectMeta) -> Box<dyn AsyncFileReader> {
        let file = PartitionedFile::new_from_meta(file.clone());
        ahead.create_reader(0, file, None, &ExecutionPlanMetricsSet::new()).unwrap()
    }

    async fn rows(reader: Box<dyn AsyncFileReader>) -> Vec<RecordBatch> {
        let builder = ParquetRecordBatchStreamBuilder::new(reader).await.unwrap();
        builder.build().unwrap().try_collect().await.unwrap()
    }

    #[tokio::test]
    async fn a_scan_gets_the_rows_of_its_files() {
        for rows_each in [10, 20_000] {
            let (store, files) = files(rows_each).await;
            let ahead = ahead(&store, &files, &["small", "large"]);
            for file in &files {
                let content = store.get(&file.location).await.unwrap().bytes().await.unwrap();
                let expected = ParquetRecordBatchReaderBuilder::try_new(content).unwrap();
                let expected: Vec<_> = expected.build().unwrap().map(Result::unwrap).collect();
                assert_eq!(rows(open(&ahead, file)).await, expected);
            }
        }
    }

    #[tokio::test]
    async fn a_small_file_is_one_request_and_columns_are_another() {
        for (rows_each, columns, at_first, requests) in [
            (10, &["small", "large"][..], 1, 1),
            (20_000, &["small"], 2, 2),
            // Too large to be read ahead: one for each column.
            (20_000, &["small", "large"], 1, 3),
        ] {
            let (store, files) = files(rows_each).await;
            let ahead = ahead(&store, &files, columns);
            for file in &files {
                let mut reader = open(&ahead, file);
                let metadata = reader.get_metadata(None).await.unwrap();
                assert_eq!(store.gets()[&file.location], at_first);
                for chunk in metadata.row_groups().iter().flat_map(|group| group.columns()) {
                    let name = &chunk.column_path().parts()[0];
                    let (start, length) = chunk.byte_range();
                    if columns.contains(&name.as_str()) {
                        let bytes = reader.get_bytes(start..start + length).await.unwrap();
                        assert_eq!(bytes.len() as u64, length);
                    }
                }
            }
            assert!(store.gets().values().all(|gets| *gets == requests), "{:?}", store.gets());
        }
    }

    #[tokio::test]
    async fn as_many_files_are_read_ahead_as_were_opened() {
        let (store, files) = files(10).await;
        let ahead = ahead(&store, &files, &["small"]);
        for (index, file) in files.iter().enumerate() {
            rows(open(&ahead, file)).await;
            // Lets the tasks ask.
            for _ in 0..FILES {
                tokio::task::yield_now().await;
            }
            let opened = index + 1;
            let expected = (opened + opened.min(FILES_AHEAD)).min(FILES);
            assert_eq!(store.gets().len(), expected, "{opened}");
        }
        assert!(store.gets().values().all(|gets| *gets == 1), "{:?}", store.gets());
    }

    #[tokio::test]
    async fn a_scan_for_the_newest_rows_is_read_ahead_too() {
        let (store, files) = files(10).await;
        let ahead = ahead(&store, &files, &["small"]);
        for file in files.iter().rev().take(40) {
            rows(open(&ahead, file)).await;
        }
        for _ in 0..FILES {
            tokio::task::yield_now().await;
        }
        assert_eq!(store.gets().len(), 40 + FILES_AHEAD);
        assert!(store.gets().values().all(|gets| *gets == 1), "{:?}", store.gets());
    }

    #[tokio::test]
    async fn partitions_begin_anywhere_and_share_files() {
        let (store, files) = files(10).await;
        let ahead = ahead(&store, &files, &["small"]);
        for (file, requests) in [(0, 1), (50, 1), (1, 1), (51, 1), (50, 2), (99, 1), (99, 2)] {
            assert_eq!(rows(open(&ahead, &files[file])).await[0].num_rows(), 10);
            assert_eq!(store.gets()[&files[file].location], requests, "{file}");
        }
    }

    #[tokio::test]
    async fn a_damaged_file_is_named() {
        let (store, mut files) = files(10).await;
        let (path, content) =
            (Path::from("damaged"), PutPayload::from_static(b"not Parquet, PAR1"));
        store.put(&path, content).await.unwrap();
        files.insert(1, store.head(&path).await.unwrap());
        let ahead = ahead(&store, &files, &["small"]);
        rows(open(&ahead, &files[0])).await;
        let error = open(&ahead, &files[1]).get_metadata(None).await.unwrap_err();
        assert!(error.to_string().contains("damaged is damaged"), "{error}");
    }
}
