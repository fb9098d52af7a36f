//! An answer's columns as numbers and labels.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit};

use crate::chart::ChartKind;
use crate::failure::Failure;
use crate::output::{Answer, Batches, visible};
use crate::time_zone;
use netsky_formats::ValueStyle;

/// A chart of more rows is unreadable.
const MAX_ROWS: usize = 100_000;

/// The complete answer of a query.
pub struct Data {
    pub rows: usize,
    columns: Vec<Column>,
}

struct Column {
    name: String,
    ty: DataType,
    /// The values as text; nulls are `NULL`, as in tables.
    labels: Vec<String>,
    /// Times are in seconds since 1970. `None` if the column has no numbers.
    numbers: Option<Vec<Option<f64>>>,
    is_time: bool,
}

/// The name and type of an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    pub name: String,
    pub is_time: bool,
}

/// Bars, each with a label and a number.
#[derive(Debug, PartialEq)]
pub struct Bars {
    pub label: String,
    pub value: String,
    pub bars: Vec<(String, f64)>,
    pub left_out: u64,
}

/// Lines of points, sorted by x.
#[derive(Debug, PartialEq)]
pub struct Lines {
    pub x: Axis,
    pub y: Axis,
    /// The name is empty if there is only one line.
    pub lines: Vec<(String, Vec<(f64, f64)>)>,
    pub left_out: u64,
}

/// Numbers by two labels.
#[derive(Debug, PartialEq)]
pub struct Grid {
    pub x: String,
    pub y: String,
    pub value: String,
    pub columns: Vec<String>,
    pub rows: Vec<String>,
    /// By row and column.
    pub cells: Vec<Vec<Option<f64>>>,
    pub left_out: u64,
}

impl Bars {
    /// What an empty chart says.
    pub fn nothing(&self) -> &'static str {
        nothing(self.left_out)
    }
}

impl Lines {
    pub fn title(&self) -> String {
        format!("{} over {}", self.y.name, self.x.name)
    }

    /// What an empty chart says.
    pub fn nothing(&self) -> &'static str {
        nothing(self.left_out)
    }
}

impl Grid {
    /// What an empty chart says.
    pub fn nothing(&self) -> &'static str {
        nothing(self.left_out)
    }
}

fn nothing(left_out: u64) -> &'static str {
    if left_out > 0 { "no numbers" } else { "no rows" }
}

impl Data {
    /// The characters of the labels.
    pub fn chars(&self) -> impl Iterator<Item = char> {
        let texts = self.columns.iter().filter(|column| column.numbers.is_none());
        let labels = texts.flat_map(|column| &column.labels);
        self.columns.iter().map(|column| &column.name).chain(labels).flat_map(|text| text.chars())
    }

    pub fn read(answer: Answer<impl Batches>) -> Result<Self, Failure> {
        let (mut batches, mut rows) = (Vec::new(), 0);
        for batch in answer.batches {
            let batch = batch?;
            rows += batch.num_rows();
            if rows > MAX_ROWS {
                return Err(Failure::input(format!(
                    "a chart can show at most {MAX_ROWS} rows\n  group them, as by \
                     date_bin(INTERVAL '1 hour', ts_utc), or add a LIMIT"
                )));
            }
            batches.push(batch);
        }
        let batch = concat_batches(&answer.schema, &batches)?;
        let texts = time_zone::shown()?.times_as_text(&batch)?;
        let columns = (0..batch.num_columns()).map(|index| Column::new(&batch, &texts, index));
        Ok(Self { rows, columns: columns.collect::<Result<_, _>>()? })
    }

    /// The chart that the types of the columns suggest.
    pub fn suggested(&self) -> Result<ChartKind, Failure> {
        let is_number: Vec<bool> = self.columns.iter().map(|c| c.numbers.is_some()).collect();
        match is_number.as_slice() {
            [true] => Ok(ChartKind::Spark),
            [true, true] | [true, true, false] => Ok(ChartKind::Line),
            [false, true] => Ok(ChartKind::Bar),
            [_, _, true] => Ok(ChartKind::Heat),
            _ => Err(Failure::input(format!(
                "no chart fits the columns {}; --chart bar takes a label and a number, --chart line a \
                 time or number, and a number",
                self.shape()
            ))),
        }
    }

    pub fn bars(&self) -> Result<Bars, Failure> {
        let [label, value] = self.columns.as_slice() else {
            return Err(self.unfit("a bar chart takes a label and a number"));
        };
        let Some(numbers) = &value.numbers else {
            return Err(self.unfit("a bar chart takes a label and a number"));
        };
        let bars = label.labels.iter().zip(numbers);
        let bars: Vec<_> = bars.filter_map(|(l, n)| Some((l.clone(), finite(*n)?))).collect();
        let left_out = self.left_out(bars.len());
        Ok(Bars { label: label.name.clone(), value: value.name.clone(), bars, left_out })
    }

    pub fn lines(&self) -> Result<Lines, Failure> {
        self.lines_of("a line chart takes a time or number, a number, and optionally a line name")
    }

    /// As [`Self::lines`]; a single column of numbers is plotted by row number.
    pub fn sparks(&self) -> Result<Lines, Failure> {
        if let [Column { numbers: Some(numbers), name, is_time, .. }] = self.columns.as_slice() {
            let points = numbers.iter().enumerate();
            let points: Vec<_> =
                points.filter_map(|(row, n)| Some((row as f64, finite(*n)?))).collect();
            let left_out = self.left_out(points.len());
            let x = Axis { name: "row".to_owned(), is_time: false };
            let y = Axis { name: name.clone(), is_time: *is_time };
            let lines = if points.is_empty() { vec![] } else { vec![(String::new(), points)] };
            return Ok(Lines { x, y, lines, left_out });
        }
        self.lines_of(
            "a spark chart takes a number; or a time or number, a number, and optionally a line name",
        )
    }

    fn lines_of(&self, needs: &str) -> Result<Lines, Failure> {
        let (x, y, name) = match self.columns.as_slice() {
            [x, y] => (x, y, None),
            [x, y, name] => (x, y, Some(name)),
            _ => return Err(self.unfit(needs)),
        };
        let (Some(xs), Some(ys)) = (&x.numbers, &y.numbers) else {
            return Err(self.unfit(needs));
        };
        let mut lines: Vec<(String, Vec<(f64, f64)>)> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for (row, (x, y)) in xs.iter().zip(ys).enumerate() {
            let (Some(x), Some(y)) = (finite(*x), finite(*y)) else { continue };
            let name = name.map_or("", |name| &name.labels[row]);
            let place = *places.entry(name).or_insert_with(|| {
                lines.push((name.to_owned(), Vec::new()));
                lines.len() - 1
            });
            lines[place].1.push((x, y));
        }
        for (_, points) in &mut lines {
            points.sort_by(|(x, _), (other, _)| x.total_cmp(other));
        }
        let drawn = lines.iter().map(|(_, points)| points.len()).sum();
        let left_out = self.left_out(drawn);
        Ok(Lines { x: x.axis(), y: y.axis(), lines, left_out })
    }

    pub fn grid(&self) -> Result<Grid, Failure> {
        let needs = "a heat map takes a horizontal axis, a vertical axis, and a number";
        let [x, y, value] = self.columns.as_slice() else { return Err(self.unfit(needs)) };
        let Some(numbers) = &value.numbers else { return Err(self.unfit(needs)) };
        let (columns, rows) = (x.distinct(), y.distinct());
        let mut cells = vec![vec![None; columns.len()]; rows.len()];
        let mut drawn = 0;
        let place = |labels: &[String]| -> std::collections::HashMap<String, usize> {
            labels.iter().enumerate().map(|(at, label)| (label.clone(), at)).collect()
        };
        let (column_places, row_places) = (place(&columns), place(&rows));
        for (row, number) in numbers.iter().enumerate() {
            let Some(number) = finite(*number) else { continue };
            let at = (row_places.get(&y.labels[row]), column_places.get(&x.labels[row]));
            let (Some(&at_row), Some(&at_column)) = at else { continue };
            if cells[at_row][at_column].replace(number).is_some() {
                return Err(Failure::input(format!(
                    "{} {}, {} {} has more than one number\n  group by both columns, as in SELECT x, y, \
                     count(*) ... GROUP BY x, y",
                    x.name, columns[at_column], y.name, rows[at_row]
                )));
            }
            drawn += 1;
        }
        let left_out = self.left_out(drawn);
        let [x, y, value] = [x, y, value].map(|column| column.name.clone());
        Ok(Grid { x, y, value, columns, rows, cells, left_out })
    }

    fn left_out(&self, drawn: usize) -> u64 {
        (self.rows - drawn) as u64
    }

    fn unfit(&self, needs: &str) -> Failure {
        Failure::input(format!("{needs}; the answer has {}", self.shape()))
    }

    fn shape(&self) -> String {
        let columns = self.columns.iter().map(|column| {
            let ty = match column.ty {
                _ if column.is_time => "time",
                _ if column.numbers.is_some() => "number",
                DataType::Boolean => "bool",
                _ => "text",
            };
            format!("{} ({ty})", column.name)
        });
        columns.collect::<Vec<_>>().join(", ")
    }
}

impl Column {
    fn new(batch: &RecordBatch, texts: &RecordBatch, index: usize) -> Result<Self, Failure> {
        let (column, text) = (batch.column(index), texts.column(index));
        let formatter = ValueStyle::Human.formatter(text)?;
        let nulls = text.logical_nulls();
        let is_null = |row| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        let label = |row| match is_null(row) {
            true => "NULL".to_owned(),
            false => visible(&formatter.value(row).to_string()).into_owned(),
        };
        let field = batch.schema_ref().field(index);
        Ok(Self {
            name: visible(field.name()).into_owned(),
            ty: field.data_type().clone(),
            labels: (0..column.len()).map(label).collect(),
            numbers: numbers(column)?,
            is_time: is_time(field.data_type()),
        })
    }

    fn axis(&self) -> Axis {
        Axis { name: self.name.clone(), is_time: self.is_time }
    }

    /// The distinct labels: numbers and times in ascending order, text in order of appearance.
    fn distinct(&self) -> Vec<String> {
        let mut rows: Vec<usize> = (0..self.labels.len()).collect();
        if let Some(numbers) = &self.numbers {
            // Nulls last.
            rows.sort_by(|&a, &b| match (numbers[a], numbers[b]) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                (a, b) => b.is_some().cmp(&a.is_some()),
            });
        }
        let mut seen = std::collections::HashSet::new();
        let labels = rows.into_iter().map(|row| &self.labels[row]);
        labels.filter(|label| seen.insert(*label)).cloned().collect()
    }
}

fn is_time(ty: &DataType) -> bool {
    matches!(ty, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64)
}

fn numbers(column: &ArrayRef) -> Result<Option<Vec<Option<f64>>>, Failure> {
    let ty = column.data_type();
    let scale = match ty {
        _ if is_time(ty) => 1e-9,
        DataType::Duration(unit) => match unit {
            TimeUnit::Second => 1.0,
            TimeUnit::Millisecond => 1e-3,
            TimeUnit::Microsecond => 1e-6,
            TimeUnit::Nanosecond => 1e-9,
        },
        ty if ty.is_numeric() => {
            let floats = cast(column, &DataType::Float64)?;
            return Ok(Some(floats.as_primitive::<Float64Type>().iter().collect()));
        }
        _ => return Ok(None),
    };
    let whole = match is_time(ty) {
        true => cast(
            &cast(column, &DataType::Timestamp(TimeUnit::Nanosecond, None))?,
            &DataType::Int64,
        )?,
        false => cast(column, &DataType::Int64)?,
    };
    let numbers = whole.as_primitive::<Int64Type>().iter();
    Ok(Some(numbers.map(|number| number.map(|number| number as f64 * scale)).collect()))
}

fn finite(number: Option<f64>) -> Option<f64> {
    number.filter(|number| number.is_finite())
}
