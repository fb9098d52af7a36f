//! A table of a lake as DataFusion's planner sees it.
//!
//! Unlike DataFusion's `ListingTable`, it derives the days from filters on the table's time and lists only their
//! directories, in parallel, and it lists anew for every query: DataFusion's cache of listings keeps what it has seen
//! for ever, and lists a table that does not fit into it as a whole, 16 seconds for 100,000 files.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use chrono::{NaiveDate, NaiveTime};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::config::TableParquetOptions;
use datafusion::common::stats::Precision;
use datafusion::common::{Result, ScalarValue, Statistics};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfigBuilder, FileSource, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::metrics::MetricBuilder;
use netsky_db::Table;
use netsky_db::internal::{TableSource, time_ranges};

use crate::error::Result as LakeResult;
use crate::lake::Lake;
use crate::layout::{DataFile, MACHINE};
use crate::listing::{self, Wanted};
use crate::read_ahead::ReadAhead;
use crate::stores::store_url;
use crate::tables::tables;

const NANOS_OF_DAY: i64 = 24 * 60 * 60 * 1_000_000_000;

/// The provider of one table of a lake.
pub struct LakeTable {
    table: &'static Table,
    lake: Lake,
    schema: TableSchema,
}

impl LakeTable {
    /// A table of [`tables`](crate::tables).
    pub fn new(table: &'static Table, lake: Lake) -> Self {
        let columns = table.schema();
        let as_text = |column: &FieldRef| match column.data_type() {
            DataType::Utf8View => {
                Arc::new(column.as_ref().clone().with_data_type(lake.text_type()))
            }
            _ => Arc::clone(column),
        };
        // They are declared and never inferred: those that a file lacks are null.
        let (directories, in_files): (Vec<_>, Vec<_>) = columns
            .fields()
            .iter()
            .map(as_text)
            .partition(|column: &FieldRef| column.name() == MACHINE);
        let schema = TableSchema::builder(Arc::new(Schema::new(in_files)))
            .with_table_partition_cols(directories)
            .build();
        Self { table, lake, schema }
    }

    /// The table's name.
    pub fn name(&self) -> &'static str {
        self.table.name()
    }

    /// The lake that it is of.
    pub fn lake(&self) -> &Lake {
        &self.lake
    }

    /// The number of files that a scan with these filters reads.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`](crate::Error::Storage).
    pub async fn count_files(&self, filters: &[Expr]) -> LakeResult<usize> {
        Ok(listing::files(self.lake.place(), self.name(), &self.wanted(filters)).await?.len())
    }

    /// The files of all days and machines that may have rows for the filters.
    async fn listed(&self, filters: &[Expr]) -> LakeResult<Vec<DataFile>> {
        listing::all_files(self.lake.place(), self.name(), &self.wanted(filters)).await
    }

    fn days(&self) -> Option<DayStatistics> {
        let schema = self.schema.file_schema();
        let time = schema.index_of(self.table.time_column()?.name).ok()?;
        Some(DayStatistics { schema: Arc::clone(schema), time })
    }

    /// Estimates how many rows of files pass filters, so that a join builds its hash table from the smaller side,
    /// whichever is written first.
    fn estimated(&self, files: &[DataFile], filters: &[Expr]) -> Statistics {
        // The files of a push are of several days and have one range of ids between them. A row takes at least a byte.
        let mut bytes_by_push: HashMap<_, u64> = HashMap::new();
        for file in files {
            *bytes_by_push.entry((&file.machine, &file.ids)).or_default() += file.meta.size;
        }
        let rows = bytes_by_push.into_iter().map(|((_, ids), bytes)| {
            let ids = ids.end().abs_diff(*ids.start()).saturating_add(1);
            usize::try_from(ids.min(bytes)).unwrap_or(usize::MAX)
        });
        let rows = rows.fold(0, usize::saturating_add);
        // Filters on the time and the machine have chosen the files. DataFusion takes others to pass all rows if it knows
        // no values; elsewhere it takes them to pass a fifth.
        let time = self.table.time_column().map_or(MACHINE, |column| column.name);
        let has_chosen = |name: &str| name == time || name == MACHINE;
        let is_filtered = filters
            .iter()
            .any(|filter| filter.column_refs().iter().any(|column| !has_chosen(&column.name)));
        let rows = if is_filtered { rows / 5 } else { rows };
        let statistics = Statistics::new_unknown(self.schema.table_schema());
        statistics.with_num_rows(Precision::Inexact(rows))
    }

    fn wanted(&self, filters: &[Expr]) -> Wanted {
        let limits = filters.iter().filter_map(machines_of);
        let of_lake = Some(self.lake.machines().clone()).filter(|machines| !machines.is_empty());
        let machines = of_lake.into_iter().chain(limits).reduce(|a, b| &a & &b);
        Wanted { times: time_ranges(filters, self.table), machines }
    }
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Filters decide which files are read, and are evaluated again on the rows.
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let listed = self.listed(filters).await;
        let listed = listed.map_err(|error| netsky_db::Error::TableSource(Box::new(error)))?;
        let files_listed = listed.len();
        let mut files = listing::current(listed);
        files.sort_unstable_by(|a, b| a.meta.location.cmp(&b.meta.location));
        let schema = match projection {
            Some(columns) => Arc::new(self.schema().project(columns)?),
            None => self.schema(),
        };
        if files.is_empty() {
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let ahead = ReadAhead::new(
            Arc::clone(self.lake.place().store()),
            files.iter().map(|file| file.meta.clone()).collect(),
            schema.fields().iter().map(|column| column.name().clone()).collect(),
        );
        let statistics = self.estimated(&files, filters);
        let days = self.days();
        let is_view = self.lake.text_type() == DataType::Utf8View;
        let files = files.into_iter().map(|file| {
            let machine = match is_view {
                true => ScalarValue::Utf8View(Some(file.machine)),
                false => ScalarValue::Utf8(Some(file.machine)),
            };
            let statistics = days.as_ref().and_then(|days| days.statistics(file.date));
            let file =
                PartitionedFile::new_from_meta(file.meta).with_partition_values(vec![machine]);
            match statistics {
                Some(statistics) => file.with_statistics(Arc::new(statistics)),
                None => file,
            }
        });
        let groups = FileGroup::new(files.collect());
        let groups = groups.split_files(session.config().target_partitions());
        let url = store_url(self.lake.place())?;
        let store = Arc::clone(self.lake.place().store());
        session.runtime_env().register_object_store(url.as_ref(), store);
        // With the page index, a range of times or ids reads the pages that it needs. The files have no Bloom filters,
        // and DataFusion would read each with another reader after it has looked for them.
        let mut options = TableParquetOptions::default();
        options.global.bloom_filter_on_read = false;
        let source = ParquetSource::new(self.schema.clone())
            .with_table_parquet_options(options)
            .with_enable_page_index(true)
            .with_parquet_file_reader_factory(Arc::new(ahead));
        // DataFusion counts what it leaves out of them.
        MetricBuilder::new(source.metrics()).global_counter("files_listed").add(files_listed);
        let scan = FileScanConfigBuilder::new(url, Arc::new(source))
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit);
        Ok(DataSourceExec::from_data_source(scan.build()))
    }
}

/// What the day of a file says of its rows: the newest rows are in files of the last days, so `ORDER BY ts_utc DESC LIMIT 5`
/// reads no others.
struct DayStatistics {
    schema: SchemaRef,
    /// The index of the time.
    time: usize,
}

impl DayStatistics {
    /// The first and the last moment of the day. They are said to be exact, because DataFusion prunes by no others.
    /// Statistics of the scan, from which it would answer `min` and `max`, are not made of them.
    fn statistics(&self, day: NaiveDate) -> Option<Statistics> {
        let start = day.and_time(NaiveTime::MIN).and_utc().timestamp_nanos_opt()?;
        let end = start.checked_add(NANOS_OF_DAY - 1)?;
        let field = self.schema.field(self.time);
        let DataType::Timestamp(TimeUnit::Nanosecond, zone) = field.data_type() else {
            return None;
        };
        let time =
            |nanos| Precision::Exact(ScalarValue::TimestampNanosecond(Some(nanos), zone.clone()));
        let mut statistics = Statistics::new_unknown(&self.schema);
        let column = statistics.column_statistics.get_mut(self.time)?;
        (column.min_value, column.max_value) = (time(start), time(end));
        if !field.is_nullable() {
            column.null_count = Precision::Exact(0);
        }
        Some(statistics)
    }
}

impl TableSource for Lake {
    fn tables(&self) -> Vec<&'static Table> {
        tables().to_vec()
    }

    fn provider(&self, table: &'static Table) -> Arc<dyn TableProvider> {
        Arc::new(LakeTable::new(table, self.clone()))
    }
}

impl fmt::Debug for LakeTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LakeTable")
            .field("table", &self.table.name())
            .field("lake", &self.lake)
            .finish_non_exhaustive()
    }
}

/// The machines whose rows pass the filter; `None` if it is not about machines.
fn machines_of(filter: &Expr) -> Option<BTreeSet<String>> {
    let is_machine = |expr: &Expr| matches!(expr, Expr::Column(column) if column.name == MACHINE);
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            let name = match (is_machine(left), is_machine(right)) {
                (true, false) => text(right)?,
                (false, true) => text(left)?,
                _ => return None,
            };
            Some(BTreeSet::from([name]))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            match (machines_of(left), machines_of(right)) {
                (Some(a), Some(b)) => Some(&a & &b),
                (one, other) => one.or(other),
            }
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            Some(&machines_of(left)? | &machines_of(right)?)
        }
        Expr::InList(InList { expr, list, negated: false }) if is_machine(expr) => {
            list.iter().map(text).collect()
        }
        _ => None,
    }
}

fn text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten().map(str::to_owned),
        Expr::Cast(cast) => text(&cast.expr),
        Expr::Alias(alias) => text(&alias.expr),
        _ => None,
    }
}
