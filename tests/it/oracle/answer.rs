//! The answers of all engines in one comparable form.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// The number of rows shown of a difference.
const ROWS_SHOWN: usize = 6;

#[derive(Debug, Clone)]
pub enum Cell {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
}

pub type Row = Vec<Cell>;

#[derive(Debug)]
pub struct Answer {
    /// `None` if the engine has other types.
    pub types: Option<Vec<DataType>>,
    pub rows: Vec<Row>,
}

impl Cell {
    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Int(_) | Self::Real(_) => 1,
            Self::Text(_) => 2,
        }
    }
}

impl Ord for Cell {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Real(a), Self::Real(b)) => a.total_cmp(b),
            (Self::Int(a), Self::Real(b)) => (*a as f64).total_cmp(b),
            (Self::Real(a), Self::Int(b)) => a.total_cmp(&(*b as f64)),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Cell {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Cell {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            // Sums of floats depend on their order.
            (Self::Real(a), Self::Real(b)) => {
                a == b || (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
            }
            _ => self.cmp(other) == Ordering::Equal,
        }
    }
}

impl Eq for Cell {}

impl Answer {
    pub fn of(batches: &[RecordBatch]) -> Self {
        let types = batches.first().map(|batch| {
            batch.schema().fields().iter().map(|field| field.data_type().clone()).collect()
        });
        let mut rows = Vec::new();
        for batch in batches {
            let mut columns: Vec<_> =
                batch.columns().iter().map(|column| cells(column).into_iter()).collect();
            rows.extend(
                (0..batch.num_rows())
                    .map(|_| columns.iter_mut().filter_map(Iterator::next).collect()),
            );
        }
        Self { types, rows }
    }

    /// Returns the difference, if there is any. If not `ordered`, the rows are compared as a
    /// multiset.
    pub fn difference(&mut self, expected: &mut Self, ordered: bool) -> Option<String> {
        if let (Some(found), Some(expected)) = (&self.types, &expected.types)
            && found != expected
        {
            return Some(format!("types: {found:?}\nexpected: {expected:?}"));
        }
        if !ordered {
            self.rows.sort();
            expected.rows.sort();
        }
        if self.rows == expected.rows {
            return None;
        }
        let same = self.rows.iter().zip(&expected.rows).take_while(|(a, b)| a == b).count();
        let shown = |answer: &Self| {
            let rows: Vec<String> = answer.rows[same..]
                .iter()
                .take(ROWS_SHOWN)
                .map(|row| format!("\n  {row:?}"))
                .collect();
            format!("{} rows, from row {same}:{}", answer.rows.len(), rows.concat())
        };
        Some(format!("answer: {}\nexpected: {}", shown(self), shown(expected)))
    }

    /// Returns a difference unless each row is one of `all`.
    pub fn not_among(&self, all: &Self) -> Option<String> {
        let mut all = all.rows.clone();
        all.sort();
        let row = self.rows.iter().find(|row| all.binary_search(row).is_err())?;
        Some(format!("a row that is not there without the limit: {row:?}"))
    }
}

fn cells(array: &ArrayRef) -> Vec<Cell> {
    let cell = |value: Option<Cell>| value.unwrap_or(Cell::Null);
    if let Some(values) = array.as_primitive_opt::<Int64Type>() {
        return values.iter().map(|value| cell(value.map(Cell::Int))).collect();
    }
    if let Some(values) = array.as_primitive_opt::<Float64Type>() {
        return values.iter().map(|value| cell(value.map(Cell::Real))).collect();
    }
    if let Some(values) = array.as_boolean_opt() {
        return values
            .iter()
            .map(|value| cell(value.map(|value| Cell::Int(value.into()))))
            .collect();
    }
    if let Some(values) = array.as_string_view_opt() {
        let text = |value: &str| Cell::Text(value.to_owned());
        return values.iter().map(|value| cell(value.map(text))).collect();
    }
    // Arithmetic on unsigned integers, such as row numbers, returns decimals without a fraction.
    let integers =
        matches!(array.data_type(), DataType::Timestamp(..) | DataType::Decimal128(_, 0))
            || array.data_type().is_integer();
    if integers && let Ok(values) = arrow::compute::cast(array, &DataType::Int64) {
        let values = values.as_primitive::<Int64Type>();
        return values.iter().map(|value| cell(value.map(Cell::Int))).collect();
    }
    let options = FormatOptions::new();
    let formatter = ArrayFormatter::try_new(array, &options).unwrap();
    // For an array of type null, `is_null` is false for every row.
    let nulls = array.logical_nulls();
    let text = |row: usize| match nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
        true => Cell::Null,
        false => Cell::Text(formatter.value(row).to_string()),
    };
    (0..array.len()).map(text).collect()
}
