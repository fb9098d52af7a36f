//! The columns of a CSV file, by its header.

use std::path::Path;

use netsky_db::{ColumnType, Table, Value};
use netsky_formats::csv::CsvRecord;

/// Whether the file's beginning is a header of the table's columns. JSON begins with a bracket or a brace.
pub(super) fn is_csv(table: &'static Table, path: &Path, first: &[u8]) -> bool {
    let name = path.to_string_lossy().to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    if name.ends_with(".csv") || matches!(first.trim_ascii_start(), [b'{' | b'[', ..]) {
        return name.ends_with(".csv");
    }
    let line = first.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let names = line.split(|byte| *byte == b',').map(|name| {
        let name = name.trim_ascii();
        name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")).unwrap_or(name)
    });
    let columns = || table.columns().iter().map(|column| column.name.as_bytes());
    names.into_iter().any(|name| columns().any(|column| column == name))
}

/// Refuses a header under which no row could be one of the table. Its rows would be refused one by one,
/// but there may be none: lines that end with CR alone make the whole file one header.
pub(super) fn check_header(table: &Table, header: &[String]) -> Result<(), String> {
    let names = || table.columns().iter().map(|column| column.name);
    let columns = || names().collect::<Vec<_>>().join(", ");
    if header.is_empty() {
        return Err(format!("no header; the columns of {} are {}", table.name(), columns()));
    }
    if header.iter().any(|name| name.contains('\r')) {
        return Err("lines end with CR only; they must end with LF or CR LF".to_owned());
    }
    for (index, name) in header.iter().enumerate() {
        if name != "id" && !names().any(|column| column == name) {
            let table = table.name();
            return Err(format!(
                "the header names '{name}', which is not a column of {table}; the columns are {}",
                columns()
            ));
        }
        if header.iter().take(index).any(|before| before == name) {
            return Err(format!("the header names {name} twice"));
        }
    }
    let missing = table.columns().iter().filter(|column| !column.nullable);
    match missing.into_iter().find(|column| !header.iter().any(|name| name == column.name)) {
        Some(column) if table.time_column() == Some(column) => Err(format!(
            "the header lacks {}; add the column, with now in each row for the current time",
            column.name
        )),
        Some(column) => Err(format!("the header lacks {}, which is required", column.name)),
        None => Ok(()),
    }
}

/// Which cell of a record is which column of the table.
pub(super) struct CsvColumns {
    table: &'static Table,
    cells: usize,
    id: Option<usize>,
    /// For each column of the table, if the header names it.
    places: Vec<Option<usize>>,
}

impl CsvColumns {
    pub(super) fn new(table: &'static Table, header: &[String]) -> Self {
        let place = |name: &str| header.iter().position(|cell| cell == name);
        let places = table.columns().iter().map(|column| place(column.name)).collect();
        Self { table, cells: header.len(), id: place("id"), places }
    }

    /// The id and the values of a record: numbers and booleans if the table has them, else texts, which the
    /// appender reads or refuses by the name of the column.
    ///
    /// # Errors
    ///
    /// If it has more or fewer cells than the header.
    pub(super) fn values<'a>(
        &self,
        record: &'a CsvRecord,
    ) -> Result<(Option<i64>, Vec<Value<'a>>), String> {
        let (cells, names) = (record.cells.len(), self.cells);
        if cells != names {
            return Err(format!("line {}: {cells} cells under a header of {names}", record.line));
        }
        let cell = |place: Option<usize>| place.and_then(|place| record.cells[place].as_deref());
        let columns = self.table.columns().iter().zip(&self.places);
        let values = columns.map(|(column, place)| match cell(*place) {
            // Most programs do not quote an empty text, and this column has no NULL.
            None if column.ty == ColumnType::Text && !column.nullable => Value::Text("".into()),
            None => Value::Null,
            Some(text) => value(column.ty, text).unwrap_or(Value::Text(text.into())),
        });
        Ok((cell(self.id).and_then(|text| text.parse().ok()), values.collect()))
    }
}

fn value(ty: ColumnType, text: &str) -> Option<Value<'static>> {
    let float = || text.parse().ok().map(Value::Float);
    match ty {
        ColumnType::Int => text.parse().ok().map(Value::Int).or_else(float),
        ColumnType::Float => float(),
        ColumnType::Bool => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "1" => Some(Value::Bool(true)),
            "false" | "f" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
        _ => None,
    }
}
