//! A file of a lake whose bytes are compared with its checksums before they are decoded.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::parquet::arrow::async_reader::MetadataFetch;
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use futures::FutureExt;
use futures::future::BoxFuture;
use netsky_formats::columnar::Checksums;
use object_store::{ObjectMeta, ObjectStore};

use crate::error::{Error, Result};
use crate::layout::name_of;

/// How much of a file's end is read at first. Its metadata is there, some kilobytes, and another request for the rest
/// of it takes as long as the first.
const END_BYTES: u64 = 64 << 10;

/// The columns of a file are read ahead up to this size. Those of a larger one are worth a request of their own.
const COLUMN_BYTES: u64 = 512 << 10;

/// How much of a file is checked at once, some blocks.
const CHECKED_BYTES: u64 = 512 << 10;

/// Parts of a file.
#[derive(Default)]
struct Pieces(Vec<(Range<u64>, Bytes)>);

impl Pieces {
    fn get(&self, wanted: &Range<u64>) -> Option<Bytes> {
        self.0.iter().find_map(|(range, bytes)| part(range, bytes, wanted))
    }
}

/// The bytes of a range that is within another.
fn part(range: &Range<u64>, bytes: &Bytes, wanted: &Range<u64>) -> Option<Bytes> {
    let at = |offset: u64| usize::try_from(offset.checked_sub(range.start)?).ok();
    let (start, end) = (at(wanted.start)?, at(wanted.end)?);
    (start <= end && end <= bytes.len()).then(|| bytes.slice(start..end))
}

/// A file that is read in parts. What is not among its pieces is requested, and what is used is checked.
pub(crate) struct CheckedFile {
    store: Arc<dyn ObjectStore>,
    file: ObjectMeta,
    pieces: Pieces,
    /// Known when the metadata is, if the file has some.
    checksums: Option<Checksums>,
    /// How much was requested.
    pub(crate) bytes: usize,
}

impl CheckedFile {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, file: ObjectMeta) -> Self {
        Self { store, file, pieces: Pieces::default(), checksums: None, bytes: 0 }
    }

    pub(crate) async fn get_all(&mut self, ranges: &[Range<u64>]) -> ParquetResult<Vec<Bytes>> {
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

    pub(crate) async fn get(&mut self, range: Range<u64>) -> ParquetResult<Bytes> {
        let mut read = self.get_all(&[range]).await?;
        read.pop().ok_or_else(|| ParquetError::EOF("a range without bytes".to_owned()))
    }

    /// Reads the end of the file, and the columns if they are small.
    pub(crate) async fn start(&mut self, columns: &[String]) -> ParquetResult<ParquetMetaData> {
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
        self.checksums = checksums;
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
        Ok(metadata)
    }

    /// Compares the whole file with its checksums. Returns whether it has some.
    pub(crate) async fn check(mut self) -> Result<bool> {
        self.start(&[]).await.map_err(of_parquet)?;
        let Some(end) = self.checksums.as_ref().map(Checksums::end) else { return Ok(false) };
        let mut checked = 0;
        while checked < end {
            let next = end.min(checked + CHECKED_BYTES);
            self.get(checked..next).await.map_err(of_parquet)?;
            checked = next;
        }
        Ok(true)
    }
}

/// Wraps an error so that it can pass through Parquet and DataFusion.
pub(crate) fn in_parquet(error: Error) -> ParquetError {
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

impl MetadataFetch for &mut CheckedFile {
    fn fetch(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        self.get(range).boxed()
    }
}
