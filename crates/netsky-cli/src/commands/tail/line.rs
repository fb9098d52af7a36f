//! Rows as lines of a terminal, with what matters first.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{DateTime, NaiveDate, Utc};
use console::{Alignment, Style, Term, measure_text_width, pad_str, truncate_str};
use netsky_db::{Table, internal};

use crate::commands::tail::role::Roles;
use crate::commands::tail::rows_of::{Entry, times};
use crate::failure::Failure;
use crate::human;
use crate::output;
use crate::time_zone::{self, Zone};

/// Between parts of a line.
const GAP: &str = "  ";

/// A part that is wider than this does not move those after it in other lines.
const WIDEST: usize = 24;

pub struct Lines {
    tables: Vec<TableLines>,
    /// The widths of the time and the table. They only grow.
    widths: [usize; 2],
}

struct TableLines {
    table: &'static Table,
    roles: Roles,
    /// Whether lines name the table.
    is_named: bool,
    /// The values that the first rows had in common, by column.
    constants: Option<Vec<Option<String>>>,
    /// The widths of who, what and outcome. They only grow.
    widths: [usize; 3],
}

/// A line, before its parts are aligned.
struct Line {
    time: Option<DateTime<Utc>>,
    /// The time as text, and the table.
    start: [String; 2],
    /// Who, what and outcome.
    head: [String; 3],
    rest: String,
}

impl Lines {
    pub fn new(tables: &[&'static Table]) -> Self {
        let lines = |table: &&'static Table| TableLines {
            table,
            roles: Roles::of(table),
            is_named: tables.len() > 1,
            constants: None,
            widths: [0; 3],
        };
        Self { tables: tables.iter().map(lines).collect(), widths: [0; 2] }
    }

    /// The lines of the rows, of which there is a batch for each table.
    pub fn entries(&mut self, found: &[RecordBatch]) -> Result<Vec<Entry>, Failure> {
        let zone = time_zone::shown()?;
        let today = zone.local(internal::now()).date_naive();
        let mut lines = Vec::new();
        for (index, rows) in found.iter().enumerate() {
            let of_table = self.tables[index].lines(rows, zone, today)?;
            for line in &of_table {
                widen(&mut self.widths, &line.start);
                widen(&mut self.tables[index].widths, &line.head);
            }
            lines.extend(of_table.into_iter().map(|line| (index, line)));
        }
        let columns = usize::from(Term::stdout().size().1);
        let entry = |(index, line): (usize, Line)| {
            let start = padded(&self.widths, &line.start);
            let head = padded(&self.tables[index].widths, &line.head);
            let text = start.chain(head).chain([line.rest]).collect::<Vec<_>>().join(GAP);
            let text = truncate_str(text.trim_end(), columns, "…").into_owned();
            Entry { time: line.time, text }
        };
        Ok(lines.into_iter().map(entry).collect())
    }
}

fn widen(widths: &mut [usize], parts: &[String]) {
    for (width, part) in widths.iter_mut().zip(parts) {
        *width = measure_text_width(part).min(WIDEST).max(*width);
    }
}

/// The parts, without those that no line has.
fn padded(widths: &[usize], parts: &[String]) -> impl Iterator<Item = String> {
    let parts = parts.iter().zip(widths).filter(|(_, width)| **width > 0);
    parts.map(|(part, width)| pad_str(part, *width, Alignment::Left, None).into_owned())
}

impl TableLines {
    fn lines(
        &mut self,
        rows: &RecordBatch,
        zone: Zone,
        today: NaiveDate,
    ) -> Result<Vec<Line>, Failure> {
        let texts = zone.times_as_text(rows)?;
        let options = FormatOptions::new();
        let columns =
            texts.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let row = |row| Row { rows, columns: &columns, row };
        let rows_at = 0..rows.num_rows();
        if rows.num_rows() > 1 && self.constants.is_none() {
            let constant = |column: usize| {
                let first = row(0).text(column)?;
                rows_at
                    .clone()
                    .all(|at| row(at).text(column).as_ref() == Some(&first))
                    .then_some(first)
            };
            self.constants = Some((0..columns.len()).map(constant).collect());
        }
        let times = times(self.table, rows);
        Ok(rows_at.zip(times).map(|(at, time)| self.line(&row(at), time, zone, today)).collect())
    }

    fn line(
        &self,
        row: &Row<'_>,
        time: Option<DateTime<Utc>>,
        zone: Zone,
        today: NaiveDate,
    ) -> Line {
        let Roles { who, what, outcome, problem, amount, text, rest } = &self.roles;
        let dim = Style::new().dim();
        let clock = time.map(|time| zone.local(time)).map_or(String::new(), |time| {
            let format = if time.date_naive() == today { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
            dim.apply_to(time.format(format)).to_string()
        });
        let table = if self.is_named { self.table.name() } else { "" };
        let start = [clock, dim.apply_to(table).to_string()];
        let head = [
            self.who(row, who),
            join(what.iter().filter_map(|&column| row.text(column)), " "),
            join(outcome.iter().filter_map(|&column| self.outcome(row, column)), " "),
        ];
        let mut parts = Vec::new();
        for &column in problem {
            parts
                .extend(row.text(column).map(|text| Style::new().red().apply_to(text).to_string()));
        }
        parts.extend(amount.iter().filter_map(|&column| self.amount(row, column)));
        parts.extend(text.iter().filter_map(|&column| row.text(column)));
        let named = rest.iter().filter_map(|&column| self.named(row, column));
        parts.extend(Some(join(named, " ")).filter(|text| !text.is_empty()));
        Line { time, start, head, rest: parts.join(GAP) }
    }

    /// The agent, or the sender and the recipient.
    fn who(&self, row: &Row<'_>, columns: &[usize]) -> String {
        let names: Vec<_> = columns.iter().map(|&column| row.text(column)).collect();
        match names.iter().any(Option::is_some) {
            true => names
                .into_iter()
                .map(|name| name.unwrap_or("?".into()))
                .collect::<Vec<_>>()
                .join(" -> "),
            false => String::new(),
        }
    }

    /// How it ended, coloured by whether that is good.
    fn outcome(&self, row: &Row<'_>, column: usize) -> Option<String> {
        let name = self.name(column);
        let (red, green, yellow) =
            (Style::new().red(), Style::new().green(), Style::new().yellow());
        let has = |name: &str| self.column(name).is_some_and(|column| !row.is_null(column));
        let (style, text) = match name {
            "success" => match row.text(column)?.as_str() {
                "true" => (green, "ok".to_owned()),
                // As in the view v_open_calls.
                _ if !["error", "duration_ms", "ts_utc_end"].into_iter().any(has) => {
                    (yellow, "running".to_owned())
                }
                _ => (red.bold(), "FAIL".to_owned()),
            },
            "exit_code" => match row.text(column)?.as_str() {
                // A status says it already.
                "0" if has("status") => return None,
                "0" => (green, "ok".to_owned()),
                code => (red.bold(), format!("FAIL (exit {code})")),
            },
            _ => {
                let text = row.text(column)?;
                (style_of(&text), text)
            }
        };
        Some(style.apply_to(text).to_string())
    }

    fn amount(&self, row: &Row<'_>, column: usize) -> Option<String> {
        let number = row.int(column)?;
        Some(match self.name(column) {
            "cost_usd_micros" => format!("${:.4}", number as f64 / 1e6),
            _ => human::duration(number),
        })
    }

    /// The value with its name, if it tells something.
    fn named(&self, row: &Row<'_>, column: usize) -> Option<String> {
        let text = row.text(column)?;
        let constants = self.constants.iter().flatten();
        if constants.clone().nth(column).is_some_and(|constant| constant.as_ref() == Some(&text)) {
            return None;
        }
        if row.is_false(column) {
            return None;
        }
        let name = Style::new().dim().apply_to(format!("{}=", self.name(column)));
        Some(format!("{name}{text}"))
    }

    fn name(&self, column: usize) -> &'static str {
        match column.checked_sub(1) {
            Some(column) => self.table.columns()[column].name,
            None => "id",
        }
    }

    fn column(&self, name: &str) -> Option<usize> {
        self.table.columns().iter().position(|column| column.name == name).map(|column| column + 1)
    }
}

/// The style of a state or a severity, by the words that programs use for them.
fn style_of(state: &str) -> Style {
    const BAD: [&str; 9] =
        ["fail", "err", "crit", "fatal", "conflict", "kill", "crash", "reject", "denied"];
    let state = state.to_lowercase();
    match state.as_str() {
        state if BAD.into_iter().any(|bad| state.starts_with(bad)) => Style::new().red(),
        "warning" | "warn" | "running" | "open" => Style::new().yellow(),
        _ => Style::new(),
    }
}

fn join(parts: impl Iterator<Item = String>, gap: &str) -> String {
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(gap)
}

/// A row of a batch.
struct Row<'a> {
    rows: &'a RecordBatch,
    columns: &'a [ArrayFormatter<'a>],
    row: usize,
}

impl Row<'_> {
    fn is_null(&self, column: usize) -> bool {
        self.rows.column(column).is_null(self.row)
    }

    fn is_false(&self, column: usize) -> bool {
        let flags = self.rows.column(column).as_boolean_opt();
        flags.is_some_and(|flags| !self.is_null(column) && !flags.value(self.row))
    }

    /// The value on one line, without anything that a terminal would obey. `None` if it is null.
    fn text(&self, column: usize) -> Option<String> {
        // Line breaks in a value would break the line.
        let text =
            || self.columns[column].value(self.row).to_string().replace(char::is_control, " ");
        (!self.is_null(column)).then(|| output::visible(&text()).into_owned())
    }

    fn int(&self, column: usize) -> Option<i64> {
        let numbers = self.rows.column(column).as_primitive_opt::<Int64Type>()?;
        (!self.is_null(column)).then(|| numbers.value(self.row))
    }
}
