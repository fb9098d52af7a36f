//! The columns of an aggregate's groups as the ids of texts.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, UInt32Array, UInt64Array};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, UInt64Type};
use datafusion::common::{DataFusionError, Result, internal_datafusion_err};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;

use crate::query::dictionary_aggregate::number_groups::NumberGroups;
use crate::query::text_dictionary::{Limits, TextDictionary};

/// The bits of an id in a number.
const ID_BITS: u32 = 16;
/// The ids in a number.
const IDS: usize = (u64::BITS / ID_BITS) as usize;
/// A round ends when a dictionary has this many texts or bytes. An id of 0 stands for NULL.
const LIMITS: Limits = Limits { texts: (1 << ID_BITS) - 1, bytes: 4 << 20 };

/// How the ids of texts stand for the texts by which an aggregate groups. Rows are grouped by the numbers of all ids first,
/// and by everything else then.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    groups: Vec<Group>,
    /// The expressions of texts, in the order of their dictionaries.
    texts: Vec<Arc<dyn PhysicalExpr>>,
    others: Vec<(Arc<dyn PhysicalExpr>, FieldRef)>,
    /// What the aggregate returns.
    output: SchemaRef,
}

/// A column of the groups.
#[derive(Debug, Clone, Copy)]
enum Group {
    /// A text with the index of its dictionary.
    Text(usize),
    Other(usize),
}

impl Keys {
    /// Of an aggregate; `None` if it does not group by texts.
    pub(super) fn of(aggregate: &AggregateExec) -> Result<Option<Self>> {
        let (input, output) = (aggregate.input().schema(), aggregate.schema());
        let (mut texts, mut others, mut groups) = (Vec::new(), Vec::new(), Vec::new());
        for ((expr, _), field) in aggregate.group_expr().expr().iter().zip(output.fields()) {
            groups.push(if expr.data_type(&input)? == DataType::Utf8View {
                texts.push(Arc::clone(expr));
                Group::Text(texts.len() - 1)
            } else {
                others.push((Arc::clone(expr), Arc::clone(field)));
                Group::Other(others.len() - 1)
            });
        }
        Ok((!texts.is_empty()).then_some(Self { groups, texts, others, output }))
    }

    /// The empty dictionaries of the texts.
    pub(super) fn dictionaries(&self) -> Vec<TextDictionary> {
        self.texts.iter().map(|_| TextDictionary::new(LIMITS)).collect()
    }

    /// What the aggregate returns of no rows.
    pub(super) fn no_groups(&self) -> RecordBatch {
        RecordBatch::new_empty(Arc::clone(&self.output))
    }

    /// Finds groups, of which there are none yet.
    pub(super) fn groups(&self) -> Result<Box<dyn GroupValues>> {
        if self.numbers() == 1 && self.others.is_empty() {
            return Ok(Box::new(NumberGroups::new()));
        }
        let number = |index| Arc::new(Field::new(format!("{index}"), DataType::UInt64, false));
        let numbers = (0..self.numbers()).map(number);
        let others = self.others.iter().map(|(_, field)| Arc::clone(field));
        let schema = Schema::new(numbers.chain(others).collect::<Vec<_>>());
        new_group_values(Arc::new(schema), &GroupOrdering::None)
    }

    fn numbers(&self) -> usize {
        self.texts.len().div_ceil(IDS)
    }

    /// Returns the columns of the groups of a batch's first rows: of all rows if the dictionaries do not fill up.
    pub(super) fn encode(
        &self,
        batch: &RecordBatch,
        dictionaries: &mut [TextDictionary],
    ) -> Result<Vec<ArrayRef>> {
        let mut rows = batch.num_rows();
        let mut numbers = vec![vec![0; rows]; self.numbers()];
        for (index, (expr, dictionary)) in self.texts.iter().zip(dictionaries).enumerate() {
            let texts = expr.evaluate(batch)?.into_array(batch.num_rows())?;
            let texts = texts.slice(0, rows);
            let texts = texts.as_string_view_opt().ok_or_else(|| not_a("text"))?;
            rows = dictionary.encode(texts, shift(index), &mut numbers[index / IDS]);
        }
        let numbers = numbers.into_iter().map(|mut number| {
            number.truncate(rows);
            Ok(Arc::new(UInt64Array::from(number)) as ArrayRef)
        });
        let batch = batch.slice(0, rows);
        let others = self.others.iter().map(|(expr, _)| expr.evaluate(&batch)?.into_array(rows));
        numbers.chain(others).collect()
    }

    /// Returns what the aggregate returns, of the columns of the groups and the states of their accumulators.
    pub(super) fn decode(
        &self,
        columns: &[ArrayRef],
        states: Vec<ArrayRef>,
        dictionaries: &[TextDictionary],
    ) -> Result<RecordBatch> {
        let (numbers, others) = columns.split_at(self.numbers());
        let groups = self.groups.iter().map(|group| match *group {
            Group::Text(index) => {
                let ids = numbers[index / IDS].as_primitive_opt::<UInt64Type>();
                let ids = ids.ok_or_else(|| not_a("number"))?;
                let ids =
                    ids.values().iter().map(|ids| ids >> shift(index) & u64::from(LIMITS.texts));
                let ids = ids.map(|id| id as u32).collect::<UInt32Array>();
                Ok(dictionaries[index].decode(ids)?)
            }
            Group::Other(index) => Ok(Arc::clone(&others[index])),
        });
        let columns = groups.chain(states.into_iter().map(Ok)).collect::<Result<_>>()?;
        Ok(RecordBatch::try_new(Arc::clone(&self.output), columns)?)
    }
}

/// The bit of a number at which the ids of the text begin.
fn shift(index: usize) -> u32 {
    (index % IDS) as u32 * ID_BITS
}

fn not_a(what: &str) -> DataFusionError {
    internal_datafusion_err!("a group is not a {what}")
}
