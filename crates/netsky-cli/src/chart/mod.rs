//! Charts: on the terminal, or as a plot in a file.
//!
//! Charts assign columns by position.

mod bar;
mod buckets;
mod data;
mod heat;
mod kind;
mod line;
mod plot;
mod scale;
mod spark;
mod tick;
mod time_ticks;

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};

use console::Term;

use crate::failure::Failure;
use crate::output::{self, Answer, Batches, Shown, counted};

pub use kind::ChartKind;

use data::Data;

/// A chart that was requested.
pub struct Picture<'a> {
    /// `None` selects the kind by the types of the columns.
    kind: Option<ChartKind>,
    file: Option<(PlotFormat, &'a Path)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PlotFormat {
    Svg,
    Png,
}

impl PlotFormat {
    fn of(path: &Path) -> Option<Self> {
        match path.extension().and_then(OsStr::to_str)?.to_ascii_lowercase().as_str() {
            "svg" => Some(Self::Svg),
            "png" => Some(Self::Png),
            _ => None,
        }
    }
}

/// The width of charts without a terminal.
const COLUMNS: usize = 80;

impl<'a> Picture<'a> {
    /// `None` if no chart was requested.
    pub fn of(kind: Option<ChartKind>, file: Option<&'a PathBuf>) -> Result<Option<Self>, Failure> {
        let Some(path) = file else { return Ok(kind.map(|_| Self { kind, file: None })) };
        match PlotFormat::of(path) {
            Some(_) if kind == Some(ChartKind::Spark) => Err(Failure::usage(
                "sparks are drawn on a terminal only; without --chart, or with --chart line, the file \
                 gets a plot of lines",
            )),
            Some(format) => Ok(Some(Self { kind, file: Some((format, path)) })),
            None if kind.is_none() => Ok(None),
            None => Err(Failure::usage(format!(
                "a chart cannot be written to {}; name a file that ends in .svg or .png",
                path.display()
            ))),
        }
    }

    /// Prints the chart of an answer on standard output, or writes it to its file.
    pub fn draw(&self, answer: Answer<impl Batches>) -> Result<Shown, Failure> {
        let data = Data::read(answer)?;
        let kind = match self.kind {
            Some(kind) => kind,
            None => data.suggested()?,
        };
        let rows = data.rows as u64;
        let (columns, height) = screen();
        let (text, left_out) = match (kind, self.file) {
            (_, Some((PlotFormat::Svg, path))) => plot::write_svg(kind, &data, path)?,
            (_, Some((PlotFormat::Png, path))) => plot::write_png(kind, &data, path)?,
            (ChartKind::Bar, None) => bar::draw(&data.bars()?, columns),
            (ChartKind::Line, None) => line::draw(&data.lines()?, columns, height)?,
            (ChartKind::Spark, None) => spark::draw(&data.sparks()?, columns)?,
            (ChartKind::Heat, None) => heat::draw(&data.grid()?, columns)?,
        };
        std::io::stdout().lock().write_all(text.as_bytes())?;
        if left_out > 0 {
            output::warn(format_args!("skipped {} without a number", counted(left_out, "row")));
        }
        Ok(Shown { rows, shown: rows })
    }
}

fn screen() -> (usize, usize) {
    let terminal = Term::stdout();
    let size = if terminal.is_term() { terminal.size_checked() } else { None };
    match size {
        Some((lines, columns)) if lines > 0 && columns > 0 => {
            (usize::from(columns).max(20), usize::from(lines).saturating_sub(3).clamp(8, 24))
        }
        _ => (COLUMNS, 20),
    }
}
