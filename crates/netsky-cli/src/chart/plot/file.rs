//! Plots in SVG and PNG files.

use std::io::{self, Write};
use std::path::Path;
use std::sync::LazyLock;

use ab_glyph::{Font, FontRef};
use netsky_db::internal::TempFileGuard;
use plotters::prelude::*;
use plotters::style::register_font;

use crate::chart::ChartKind;
use crate::chart::data::{Bars, Data, Grid, Lines};
use crate::chart::plot::bars::draw_bars;
use crate::chart::plot::grid::draw_grid;
use crate::chart::plot::lines::draw_lines;
use crate::chart::plot::style::{FONT, cannot_draw};
use crate::failure::Failure;
use crate::output::{self, AtomicFile};

const SIZE: (u32, u32) = (1_200, 675);
/// More than these numbers are unreadable.
const MAX_BARS: usize = 40;
const MAX_LINES: usize = 20;
const MAX_CELLS: usize = 400;

/// The data of a plot, and how many rows it leaves out.
enum Plot {
    Bars(Bars),
    Lines(Lines),
    Grid(Grid),
}

/// Writes the plot. Returns the text to print, and how many rows had no number.
pub fn write_svg(kind: ChartKind, data: &Data, path: &Path) -> Result<(String, u64), Failure> {
    let plot = Plot::of(kind, data)?;
    let mut svg = String::new();
    plot.draw(SVGBackend::with_string(&mut svg, SIZE))?;
    let mut file = AtomicFile::create(path)?;
    file.write_all(svg.as_bytes())?;
    file.finish()?;
    Ok((String::new(), plot.left_out()))
}

/// As [`write_svg`].
pub fn write_png(kind: ChartKind, data: &Data, path: &Path) -> Result<(String, u64), Failure> {
    let plot = Plot::of(kind, data)?;
    // The backend writes PNG only to a path with that suffix.
    let temporary = || tempfile::Builder::new().prefix("netsky-").suffix(".png").tempfile();
    let (mut drawn, _watched) =
        TempFileGuard::create(temporary).map_err(|error| cannot_draw(&error))?;
    plot.draw(BitMapBackend::new(drawn.path(), SIZE))?;
    let mut file = AtomicFile::create(path)?;
    io::copy(&mut drawn, &mut file)?;
    file.finish()?;
    if let Some(char) = data.chars().find(|char| !is_in_font(*char)) {
        output::warn(format_args!(
            "the font of .png files has no '{char}', and shows a box; .svg files use the fonts of their viewer"
        ));
    }
    Ok((String::new(), plot.left_out()))
}

fn is_in_font(char: char) -> bool {
    static LOADED: LazyLock<Option<FontRef<'_>>> =
        LazyLock::new(|| FontRef::try_from_slice(dejavu::sans::regular()).ok());
    // Glyph 0 is the box.
    LOADED.as_ref().is_none_or(|font| font.glyph_id(char).0 != 0)
}

impl Plot {
    fn of(kind: ChartKind, data: &Data) -> Result<Self, Failure> {
        let limit = |count: usize, max: usize, what: &str| match count > max {
            true => Err(Failure::input(format!(
                "a plot can show at most {max} {what}, not {count}; select some with a LIMIT, or group \
                 them"
            ))),
            false => Ok(()),
        };
        Ok(match kind {
            ChartKind::Bar => {
                let bars = data.bars()?;
                limit(bars.bars.len(), MAX_BARS, "bars")?;
                Self::Bars(bars)
            }
            ChartKind::Line | ChartKind::Spark => {
                let lines = if kind == ChartKind::Line { data.lines()? } else { data.sparks()? };
                limit(lines.lines.len(), MAX_LINES, "lines")?;
                Self::Lines(lines)
            }
            ChartKind::Heat => {
                let grid = data.grid()?;
                limit(grid.columns.len(), MAX_CELLS, "columns")?;
                limit(grid.rows.len(), MAX_CELLS, "rows")?;
                Self::Grid(grid)
            }
        })
    }

    fn left_out(&self) -> u64 {
        match self {
            Self::Bars(bars) => bars.left_out,
            Self::Lines(lines) => lines.left_out,
            Self::Grid(grid) => grid.left_out,
        }
    }

    fn draw<B: DrawingBackend>(&self, backend: B) -> Result<(), Failure> {
        // No other font is sure to be installed. If registering failed, drawing the first text would too.
        let _ = register_font(FONT, FontStyle::Normal, dejavu::sans::regular());
        let root = backend.into_drawing_area();
        root.fill(&WHITE).map_err(|error| cannot_draw(&error))?;
        match self {
            Self::Bars(bars) => draw_bars(&root, bars)?,
            Self::Lines(lines) => draw_lines(&root, lines)?,
            Self::Grid(grid) => draw_grid(&root, grid)?,
        }
        root.present().map_err(|error| cannot_draw(&error))
    }
}
