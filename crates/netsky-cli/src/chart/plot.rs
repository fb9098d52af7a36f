//! Plots in SVG and PNG files.

use std::error::Error;
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;

use console::truncate_str;
use netsky_db::internal::TempFileGuard;
use plotters::coord::Shift;
use plotters::coord::ranged1d::SegmentValue;
use plotters::prelude::*;
use plotters::style::register_font;

use crate::chart::ChartKind;
use crate::chart::data::{Bars, Data, Grid, Lines};
use crate::chart::scale::{bounds, time};
use crate::failure::Failure;
use crate::human::number;
use crate::output::AtomicFile;

const SIZE: (u32, u32) = (1_200, 675);
/// The name of the font, here and in SVG, where the viewer substitutes its own.
const FONT: &str = "sans-serif";
/// More than these numbers are unreadable.
const MAX_BARS: usize = 40;
const MAX_LINES: usize = 20;
const MAX_CELLS: usize = 400;
const MESH: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);
const BAR: RGBColor = RGBColor(0x2a, 0x78, 0xb8);

/// The data of a plot, and how many rows it leaves out.
enum Plot {
    Bars(Bars),
    Lines(Lines),
    Grid(Grid),
}

type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// Writes the plot. Returns the text to print, and how many rows had no number.
pub fn write_svg(kind: ChartKind, data: &Data, path: &Path) -> Result<(String, u64), Failure> {
    let plot = Plot::of(kind, data)?;
    let mut svg = String::new();
    plot.draw(SVGBackend::with_string(&mut svg, SIZE)).map_err(|error| cannot_draw(&error))?;
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
    plot.draw(BitMapBackend::new(drawn.path(), SIZE)).map_err(|error| cannot_draw(&error))?;
    let mut file = AtomicFile::create(path)?;
    io::copy(&mut drawn, &mut file)?;
    file.finish()?;
    Ok((String::new(), plot.left_out()))
}

fn cannot_draw(error: &dyn Error) -> Failure {
    Failure::input(format!("cannot draw the plot: {error}"))
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

    fn draw<B: DrawingBackend>(&self, backend: B) -> Drawn<B> {
        // No other font is sure to be installed. If registering failed, drawing the first text would too.
        let _ = register_font(FONT, FontStyle::Normal, dejavu::sans::regular());
        let root = backend.into_drawing_area();
        root.fill(&WHITE)?;
        match self {
            Self::Bars(bars) => draw_bars::<B>(&root, bars)?,
            Self::Lines(lines) => draw_lines::<B>(&root, lines)?,
            Self::Grid(grid) => draw_grid::<B>(&root, grid)?,
        }
        root.present()
    }
}

/// Positions for this many labels. plotters draws no label for a range of one, so a single label gets an
/// empty neighbour.
fn slots(count: usize) -> Range<usize> {
    0..count.saturating_sub(1).max(1)
}

fn label(labels: &[String], place: &SegmentValue<usize>) -> String {
    match place {
        SegmentValue::CenterOf(at) => labels.get(*at).cloned().unwrap_or_default(),
        SegmentValue::Exact(_) | SegmentValue::Last => String::new(),
    }
}

/// The text, truncated to fit beside the plot.
fn shortened(text: &str) -> String {
    truncate_str(text, 24, "…").into_owned()
}

fn draw_bars<B: DrawingBackend>(root: &DrawingArea<B, Shift>, bars: &Bars) -> Drawn<B> {
    let count = bars.bars.len();
    let [low, high] = bounds(bars.bars.iter().map(|(_, value)| *value).chain([0.0]));
    // Plotters counts from the bottom, and the first row belongs at the top.
    let labels: Vec<String> = bars.bars.iter().rev().map(|(label, _)| shortened(label)).collect();
    let mut chart = ChartBuilder::on(root)
        .caption(format!("{} by {}", bars.value, bars.label), (FONT, 26))
        .margin(20)
        .margin_right(60)
        .x_label_area_size(50)
        .y_label_area_size(220)
        .build_cartesian_2d(low..high + (high - low) * 0.02, slots(count).into_segmented())?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(MESH)
        .label_style((FONT, 16))
        .x_desc(&bars.value)
        .x_label_formatter(&|value| number(*value))
        .y_labels(count)
        .y_label_formatter(&|place| label(&labels, place))
        .draw()?;
    chart.draw_series(bars.bars.iter().rev().enumerate().map(|(at, (_, value))| {
        let corners = [(0.0, SegmentValue::Exact(at)), (*value, SegmentValue::Exact(at + 1))];
        let mut bar = Rectangle::new(corners, BAR.filled());
        bar.set_margin(3, 3, 0, 0);
        bar
    }))?;
    Ok(())
}

fn draw_lines<B: DrawingBackend>(root: &DrawingArea<B, Shift>, lines: &Lines) -> Drawn<B> {
    let points = || lines.lines.iter().flat_map(|(_, points)| points);
    let [left, right] = bounds(points().map(|(x, _)| *x));
    let [low, high] = bounds(points().map(|(_, y)| *y));
    let at = |is_time: bool, value: f64, span: f64| match is_time {
        true => time(value, span),
        false => number(value),
    };
    let mut chart = ChartBuilder::on(root)
        .caption(format!("{} over {}", lines.y.name, lines.x.name), (FONT, 26))
        .margin(20)
        .margin_right(60)
        .x_label_area_size(50)
        .y_label_area_size(110)
        .build_cartesian_2d(left..right, low..high + (high - low) * 0.05)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(MESH)
        .label_style((FONT, 16))
        .x_labels(8)
        .x_desc(&lines.x.name)
        .y_desc(&lines.y.name)
        .x_label_formatter(&|x| at(lines.x.is_time, *x, right - left))
        .y_label_formatter(&|y| at(lines.y.is_time, *y, high - low))
        .draw()?;
    for (index, (name, points)) in lines.lines.iter().enumerate() {
        let colour = Palette99::pick(index).to_rgba();
        let line =
            chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?;
        if lines.lines.len() > 1 {
            line.label(shortened(name)).legend(move |(x, y)| {
                PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(3))
            });
        }
        // A line needs two points.
        if let [point] = points.as_slice() {
            chart.draw_series([Circle::new(*point, 4, colour.filled())])?;
        }
    }
    if lines.lines.len() > 1 {
        chart
            .configure_series_labels()
            .label_font((FONT, 16))
            .background_style(WHITE.mix(0.8))
            .border_style(MESH)
            .draw()?;
    }
    Ok(())
}

fn draw_grid<B: DrawingBackend>(root: &DrawingArea<B, Shift>, grid: &Grid) -> Drawn<B> {
    let (columns, rows) = (grid.columns.len(), grid.rows.len());
    let values = || grid.cells.iter().flatten().flatten().copied();
    let [low, high] = bounds(values());
    let ends = [values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max)];
    let x_labels: Vec<String> = grid.columns.iter().map(|label| shortened(label)).collect();
    // Plotters counts from the bottom, and the first row belongs at the top.
    let y_labels: Vec<String> = grid.rows.iter().rev().map(|label| shortened(label)).collect();
    let [least, most] = ends.map(number);
    let mut chart = ChartBuilder::on(root)
        .caption(format!("{}, from {least} to {most}", grid.value), (FONT, 26))
        .margin(20)
        .margin_right(60)
        .x_label_area_size(50)
        .y_label_area_size(220)
        .build_cartesian_2d(slots(columns).into_segmented(), slots(rows).into_segmented())?;
    chart
        .configure_mesh()
        .disable_mesh()
        .label_style((FONT, 16))
        .x_labels(columns.min(24))
        .y_labels(rows.min(40))
        .x_desc(&grid.x)
        .y_desc(&grid.y)
        .x_label_formatter(&|place| label(&x_labels, place))
        .y_label_formatter(&|place| label(&y_labels, place))
        .draw()?;
    let cells = grid.cells.iter().rev().enumerate().flat_map(|(row, cells)| {
        cells.iter().enumerate().filter_map(move |(column, value)| Some((row, column, (*value)?)))
    });
    chart.draw_series(cells.map(|(row, column, value)| {
        let corners = [
            (SegmentValue::Exact(column), SegmentValue::Exact(row)),
            (SegmentValue::Exact(column + 1), SegmentValue::Exact(row + 1)),
        ];
        let share = (value - low) / (high - low);
        Rectangle::new(corners, shade(share).filled())
    }))?;
    Ok(())
}

/// A colour from light to dark.
fn shade(share: f64) -> RGBColor {
    const ENDS: [[u8; 3]; 2] = [[0xe8, 0xf0, 0xf8], [0x08, 0x30, 0x6b]];
    let [red, green, blue] = std::array::from_fn(|at| {
        let [light, dark] = ENDS.map(|end| f64::from(end[at]));
        (light + (dark - light) * share).round() as u8
    });
    RGBColor(red, green, blue)
}
