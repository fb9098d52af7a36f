//! The groups of one round.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use datafusion::common::Result;
use datafusion::common::cast::as_boolean_array;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::{GroupsAccumulatorAdapter, PhysicalExpr};
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::aggregates::group_values::GroupValues;

use crate::query::dictionary_aggregate::keys::Keys;
use crate::query::text_dictionary::TextDictionary;

/// Ids pay off if at least this many rows are found by their views for each row that is not,
const ROWS_PER_MISS: usize = 4;
/// and if a group has at least this many rows on average. With fewer, DataFusion stops grouping and passes the rows on.
const ROWS_PER_GROUP: usize = 2;
/// The number of rows that are tried before that is decided, unless a dictionary is full before.
const TRIED: usize = 1 << 14;

pub(super) struct Grouping {
    keys: Keys,
    dictionaries: Vec<TextDictionary>,
    groups: Box<dyn GroupValues>,
    accumulators: Vec<Accumulator>,
    /// The groups of the rows of a batch.
    of_rows: Vec<usize>,
    rows: usize,
}

/// What is calculated of each group.
struct Accumulator {
    arguments: Vec<Arc<dyn PhysicalExpr>>,
    filter: Option<Arc<dyn PhysicalExpr>>,
    groups: Box<dyn GroupsAccumulator>,
}

impl Grouping {
    pub(super) fn new(keys: &Keys, aggregate: &AggregateExec) -> Result<Self> {
        let accumulators = aggregate.aggr_expr().iter().zip(aggregate.filter_expr());
        let accumulators = accumulators.map(|(function, filter)| {
            Ok(Accumulator {
                arguments: function.expressions(),
                filter: filter.clone(),
                groups: accumulator(function)?,
            })
        });
        Ok(Self {
            keys: keys.clone(),
            dictionaries: keys.dictionaries(),
            groups: keys.groups()?,
            accumulators: accumulators.collect::<Result<_>>()?,
            of_rows: Vec::new(),
            rows: 0,
        })
    }

    /// Groups the first rows of a batch, and returns how many: fewer than there are if a dictionary is full.
    pub(super) fn push(&mut self, batch: &RecordBatch) -> Result<usize> {
        let columns = self.keys.encode(batch, &mut self.dictionaries)?;
        let rows = columns.first().map_or(0, |column| column.len());
        let batch = batch.slice(0, rows);
        self.rows += rows;
        self.groups.intern(&columns, &mut self.of_rows)?;
        for accumulator in &mut self.accumulators {
            accumulator.update(&batch, &self.of_rows, self.groups.len())?;
        }
        Ok(rows)
    }

    /// Whether the texts can as well be grouped as they are.
    pub(super) fn is_in_vain(&self) -> bool {
        let misses = self.dictionaries.iter().map(TextDictionary::misses).max().unwrap_or(0);
        let is_tried = self.rows >= TRIED || self.dictionaries.iter().any(TextDictionary::is_full);
        is_tried
            && (misses.saturating_mul(ROWS_PER_MISS) > self.rows
                || self.groups.len().saturating_mul(ROWS_PER_GROUP) > self.rows)
    }

    /// The memory that it takes, in bytes.
    pub(super) fn size(&self) -> usize {
        let texts = self.dictionaries.iter().map(TextDictionary::size).sum::<usize>();
        let values = self.accumulators.iter().map(|it| it.groups.size()).sum::<usize>();
        texts + values + self.groups.size() + size_of_val(&*self.of_rows)
    }

    /// The groups and the states of their accumulators.
    pub(super) fn finish(mut self) -> Result<RecordBatch> {
        // Accumulators without groups have no states.
        if self.groups.is_empty() {
            return Ok(self.keys.no_groups());
        }
        let groups = self.groups.emit(EmitTo::All)?;
        let mut states = Vec::new();
        for accumulator in &mut self.accumulators {
            states.extend(accumulator.groups.state(EmitTo::All)?);
        }
        self.keys.decode(&groups, states, &self.dictionaries)
    }
}

impl Accumulator {
    fn update(&mut self, batch: &RecordBatch, of_rows: &[usize], groups: usize) -> Result<()> {
        let rows = batch.num_rows();
        let value = |expr: &Arc<dyn PhysicalExpr>| expr.evaluate(batch)?.into_array(rows);
        let filter = self.filter.as_ref().map(value).transpose()?;
        let filter = filter.as_ref().map(|filter| as_boolean_array(filter)).transpose()?;
        let arguments = self.arguments.iter().map(value).collect::<Result<Vec<ArrayRef>>>()?;
        self.groups.update_batch(&arguments, of_rows, filter, groups)
    }
}

fn accumulator(function: &Arc<AggregateFunctionExpr>) -> Result<Box<dyn GroupsAccumulator>> {
    if function.groups_accumulator_supported() {
        return function.create_groups_accumulator();
    }
    let function = Arc::clone(function);
    Ok(Box::new(GroupsAccumulatorAdapter::new(move || function.create_accumulator())))
}
