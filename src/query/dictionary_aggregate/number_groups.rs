//! The groups of numbers.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, UInt64Array};
use arrow::datatypes::UInt64Type;
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::logical_expr::EmitTo;
use datafusion::physical_plan::aggregates::group_values::GroupValues;
use rapidhash::fast::RandomState;

/// The places for numbers that are found at once: 16 KiB, which stay in a core's cache.
const RECENT: usize = 1 << 10;

/// The groups of a column of numbers without NULL.
///
/// DataFusion's own looks up each row in a hash table, which takes 4 to 5 ns. Ids of texts are few, and most rows have one
/// that was looked up before.
pub(super) struct NumberGroups {
    groups: HashMap<u64, usize, RandomState>,
    numbers: Vec<u64>,
    /// A number and its group, counted from 1, at the place that the number determines.
    recent: Box<[(u64, usize)]>,
}

impl NumberGroups {
    pub(super) fn new() -> Self {
        let recent = vec![(0, 0); RECENT].into();
        Self { groups: HashMap::default(), numbers: Vec::new(), recent }
    }

    fn group(&mut self, number: u64) -> usize {
        *self.groups.entry(number).or_insert_with(|| {
            self.numbers.push(number);
            self.numbers.len() - 1
        })
    }
}

impl GroupValues for NumberGroups {
    fn intern(&mut self, columns: &[ArrayRef], groups: &mut Vec<usize>) -> Result<()> {
        let numbers = columns.first().and_then(|column| column.as_primitive_opt::<UInt64Type>());
        let numbers = numbers.ok_or_else(|| internal_datafusion_err!("no numbers to group by"))?;
        groups.clear();
        // The machine of a lake's files, for example.
        if let Some(number) = numbers.values().first()
            && numbers.values().iter().all(|other| other == number)
        {
            groups.resize(numbers.len(), self.group(*number));
            return Ok(());
        }
        groups.reserve(numbers.len());
        for &number in numbers.values() {
            let place = (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as usize % RECENT;
            let (known, group) = self.recent[place];
            groups.push(if known == number && group != 0 {
                group - 1
            } else {
                let group = self.group(number);
                self.recent[place] = (number, group + 1);
                group
            });
        }
        Ok(())
    }

    fn size(&self) -> usize {
        // A table has some room to grow.
        size_of_val(&*self.recent) + self.numbers.len() * 5 * size_of::<u64>()
    }

    fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Returns all groups, whatever is asked for: a round returns them at its end.
    fn emit(&mut self, _: EmitTo) -> Result<Vec<ArrayRef>> {
        let numbers = std::mem::replace(self, Self::new()).numbers;
        Ok(vec![Arc::new(UInt64Array::from(numbers))])
    }

    fn clear_shrink(&mut self, _: usize) {
        *self = Self::new();
    }
}
