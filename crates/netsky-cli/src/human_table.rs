//! Leaves out columns of a table for people where the terminal is narrow.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use arrow::error::ArrowError;
use console::measure_text_width;

use crate::human;

/// Between columns.
const GAP: usize = 2;

/// A longer text can be truncated to this and still be told from others.
const LONG_TEXT: usize = 20;

pub type Column = (Field, ArrayRef);

/// The columns that fit side by side. Those in `dispensable` are left out one by one, the first of them
/// first.
pub fn fit(
    mut columns: Vec<Column>,
    dispensable: &[&str],
    screen: usize,
) -> Result<Vec<Column>, ArrowError> {
    for name in dispensable {
        if fits(&columns, screen)? {
            break;
        }
        columns.retain(|(field, _)| field.name() != name);
    }
    Ok(columns)
}

/// Whether the columns fit side by side, with long texts truncated.
pub fn fits(columns: &[Column], screen: usize) -> Result<bool, ArrowError> {
    let widths = columns.iter().map(width).collect::<Result<Vec<_>, _>>()?;
    Ok(widths.iter().sum::<usize>() + GAP * columns.len().saturating_sub(1) <= screen)
}

fn width((field, values): &Column) -> Result<usize, ArrowError> {
    // A name can be broken between its words.
    let words = field.name().split_inclusive([' ', '_']);
    let name = words.map(measure_text_width).max().unwrap_or(0);
    let texts = cast(values, &DataType::Utf8View)?;
    let texts = texts.as_string_view();
    let widths = (0..texts.len()).filter(|row| texts.is_valid(*row));
    let longest = widths.map(|row| measure_text_width(texts.value(row))).max().unwrap_or(0);
    let width = longest.max(name);
    Ok(if human::is_number(field) { width } else { width.min(LONG_TEXT) })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::StringArray;

    use super::*;

    fn column(name: &str, text: &str) -> Column {
        let values = Arc::new(StringArray::from(vec![text]));
        (Field::new(name, DataType::Utf8, true), values)
    }

    #[test]
    fn columns_give_way_in_their_order() {
        let columns =
            || vec![column("name", &"n".repeat(60)), column("a b", "12345"), column("c", "1")];
        for (screen, left) in [(30, 3), (29, 2), (27, 2), (26, 1), (0, 1)] {
            let fitting = fit(columns(), &["c", "a b"], screen).unwrap();
            let names: Vec<&str> = fitting.iter().map(|(field, _)| field.name().as_str()).collect();
            assert_eq!(names, ["name", "a b", "c"][..left], "{screen}");
        }
    }
}
