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
use datafusion::parquet::arrow::async_reader::{AsyncFileReader, MetadataFetch};
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::{
    Count, ExecutionPlanMetricsSet, MetricBuilder, MetricCategory, MetricType,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use netsky_formats::columnar::Checksums;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};

use crate::error::{Error, Result as LakeResult};
use crate::layout::name_of;

/// How much of a file's end is read at first. Its metadata is there, some kilobytes, and another request for the rest
/// of it takes as long as the first.
const END_BYTES: u64 = 64 << 10;

/// How many files are read ahead at most, after as many have been opened: a query that ends early reads few in vain.
const FILES_AHEAD: usize = 32;

/// The columns of a file are read ahead up to this size. Those of a larger one are worth a request of their own.
const COLUMN_BYTES: u64 = 512 << 10;

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

/// How much of a file is checked at once, some blocks.
const CHECKED_BYTES: u64 = 512 << 10;

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

enum State {
    Unread,
    Reading(SpawnedTask<ParquetResult<Start>>),
    Opened,
}

/// What a file was read for first.
struct Start {
    metadata: Arc<ParquetMetaData>,
    pieces: Pieces,
    checksums: Option<Arc<Checksums>>,
}

/// Parts of a file.
#[derive(Default)]
struct Pieces(Vec<(Range<u64>, Bytes)>);

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
        let mut requests = Requests::new(Arc::clone(&self.store), file);
        let columns = Arc::clone(&self.columns);
        async move { requests.start(&columns).await }
    }
}

impl Pieces {
    fn get(&self, wanted: &Range<u64>) -> Option<Bytes> {
        self.0.iter().find_map(|(range, bytes)| part(range, bytes, wanted))
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(|(_, bytes)| bytes.len()).sum()
    }
}

/// The bytes of a range that is within another.
fn part(range: &Range<u64>, bytes: &Bytes, wanted: &Range<u64>) -> Option<Bytes> {
    let at = |offset: u64| usize::try_from(offset.checked_sub(range.start)?).ok();
    let (start, end) = (at(wanted.start)?, at(wanted.end)?);
    (start <= end && end <= bytes.len()).then(|| bytes.slice(start..end))
}

/// Reads what is not among the pieces of a file, and checks what is used.
struct Requests {
    store: Arc<dyn ObjectStore>,
    file: ObjectMeta,
    pieces: Pieces,
    checksums: Option<Arc<Checksums>>,
    /// How much was asked for.
    bytes: usize,
}

impl Requests {
    fn new(store: Arc<dyn ObjectStore>, file: ObjectMeta) -> Self {
        Self { store, file, pieces: Pieces::default(), checksums: None, bytes: 0 }
    }

    async fn get_all(&mut self, ranges: &[Range<u64>]) -> ParquetResult<Vec<Bytes>> {
        let blocks: Vec<_> = ranges.iter().map(|range| self.blocks_of(range)).collect();
        let known = blocks.iter().map(|blocks| self.pieces.get(blocks)).collect::<Option<Vec<_>>>();
        let read = match known {
            Some(known) => known,
            None => self.fetch(&blocks).await?,
        };
        let parts = blocks.iter().zip(&read).zip(ranges).map(|((blocks, bytes), range)| {
            if let Some(checksums) = &self.checksums {
                checksums.check(blocks.start, bytes).map_err(|damage| self.damaged(&damage))?;
            }
            part(blocks, bytes, range).ok_or_else(|| self.damaged(&"it is too short"))
        });
        parts.collect()
    }

    /// What has to be read to check a range.
    fn blocks_of(&self, range: &Range<u64>) -> Range<u64> {
        match &self.checksums {
            Some(checksums) => checksums.blocks_of(range),
            None => range.clone(),
        }
    }

    async fn fetch(&mut self, ranges: &[Range<u64>]) -> ParquetResult<Vec<Bytes>> {
        let file = &self.file.location;
        let read = self.store.get_ranges(file, ranges).await;
        let read = read.map_err(Error::storage("read", file)).map_err(in_parquet)?;
        self.bytes += read.iter().map(Bytes::len).sum::<usize>();
        Ok(read)
    }

    fn damaged(&self, reason: &impl fmt::Display) -> ParquetError {
        let file = name_of(&self.file.location);
        in_parquet(Error::Damaged { file, reason: reason.to_string() })
    }

    async fn get(&mut self, range: Range<u64>) -> ParquetResult<Bytes> {
        let mut read = self.get_all(&[range]).await?;
        read.pop().ok_or_else(|| ParquetError::EOF("a range without bytes".to_owned()))
    }

    /// Reads the end of the file, and the columns if they are small.
    async fn start(&mut self, columns: &[String]) -> ParquetResult<Start> {
        let size = self.file.size;
        let mut end = Checksums::block_start(size.saturating_sub(END_BYTES))..size;
        let mut bytes = self.get(end.clone()).await?;
        let metadata = Checksums::metadata_start(&bytes, size);
        let metadata = metadata.ok_or_else(|| self.damaged(&"it is not a Parquet file"))?;
        if metadata < end.start {
            end.start = Checksums::block_start(metadata);
            bytes = self.get(end.clone()).await?;
        }
        let checksums = part(&end, &bytes, &(metadata..size.saturating_sub(8)))
            .and_then(|bytes| Checksums::of_metadata(&bytes, metadata).transpose());
        let checksums = checksums.transpose().map_err(|damage| self.damaged(&damage))?;
        self.checksums = checksums.map(Arc::new);
        self.pieces.0.push((end, bytes));
        let metadata = ParquetMetaDataReader::new().load_and_finish(&mut *self, size).await;
        let metadata = metadata.map_err(|error| match error {
            ParquetError::External(_) => error,
            other => self.damaged(&other),
        })?;
        let chunks = metadata.row_groups().iter().flat_map(|group| group.columns());
        let wanted = chunks.filter(|chunk| {
            let name = chunk.column_path().parts().first();
            name.is_some_and(|name| columns.contains(name))
        });
        let blocks = wanted.map(|chunk| {
            let (start, length) = chunk.byte_range();
            self.blocks_of(&(start..start.saturating_add(length)))
        });
        let blocks: Vec<_> = blocks.filter(|blocks| self.pieces.get(blocks).is_none()).collect();
        let bytes = blocks.iter().map(|blocks| blocks.end - blocks.start);
        if !blocks.is_empty() && bytes.fold(0, u64::saturating_add) <= COLUMN_BYTES {
            let pieces = self.fetch(&blocks).await?;
            self.pieces.0.extend(blocks.into_iter().zip(pieces));
        }
        let pieces = std::mem::take(&mut self.pieces);
        Ok(Start { metadata: Arc::new(metadata), pieces, checksums: self.checksums.take() })
    }
}

/// Compares a whole file with its checksums. Returns whether it has some.
pub(crate) async fn check_file(store: &Arc<dyn ObjectStore>, file: ObjectMeta) -> LakeResult<bool> {
    let mut requests = Requests::new(Arc::clone(store), file);
    let start = requests.start(&[]).await.map_err(of_parquet)?;
    requests.checksums = start.checksums;
    let Some(end) = requests.checksums.as_ref().map(|checksums| checksums.end()) else {
        return Ok(false);
    };
    let mut checked = 0;
    while checked < end {
        let next = end.min(checked + CHECKED_BYTES);
        requests.get(checked..next).await.map_err(of_parquet)?;
        checked = next;
    }
    Ok(true)
}

/// Wraps an error so that it can pass through Parquet and DataFusion.
fn in_parquet(error: Error) -> ParquetError {
    ParquetError::External(Box::new(netsky_db::Error::TableSource(Box::new(error))))
}

/// The error that was wrapped.
fn of_parquet(error: ParquetError) -> Error {
    let error = match error {
        ParquetError::External(error) => match error.downcast::<netsky_db::Error>() {
            Ok(error) => *error,
            Err(error) => netsky_db::Error::TableSource(error),
        },
        error => netsky_db::Error::TableSource(Box::new(error)),
    };
    match error {
        netsky_db::Error::TableSource(error) => match error.downcast::<Error>() {
            Ok(error) => *error,
            Err(error) => Error::Store(netsky_db::Error::TableSource(error)),
        },
        error => Error::Store(error),
    }
}

impl MetadataFetch for &mut Requests {
    fn fetch(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        self.get(range).boxed()
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
        let requests = Requests::new(Arc::clone(&self.store), file);
        Ok(Box::new(FileReader { start: Some(start), requests, bytes }))
    }
}

/// Reads a file for a scan.
struct FileReader {
    /// What was begun to be read, until it is there.
    start: Option<BoxFuture<'static, ParquetResult<Start>>>,
    requests: Requests,
    bytes: Count,
}

impl AsyncFileReader for FileReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        self.requests.get(range).boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        async move { self.requests.get_all(&ranges).await }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        async move {
            let start = match self.start.take() {
                Some(start) => {
                    let start = start.await?;
                    self.requests.bytes += start.pieces.bytes();
                    start
                }
                None => self.requests.start(&[]).await?,
            };
            self.requests.pieces = start.pieces;
            self.requests.checksums = start.checksums;
            Ok(start.metadata)
        }
        .boxed()
    }
}

impl Drop for FileReader {
    fn drop(&mut self) {
        self.bytes.add(self.requests.bytes);
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
