//! Heat maps.

use plotters::coord::ranged1d::SegmentValue;
use plotters::prelude::*;

use crate::chart::data::Grid;
use crate::chart::plot::style::{
    Area, FONT, LABEL, TITLE, all_shortened, cannot_draw, slot_label, slots, title,
    write_in_the_middle,
};
use crate::chart::scale::bounds;
use crate::failure::Failure;
use crate::human::number;

/// The widest label of a row, in pixels.
const MAX_LABEL: u32 = 420;
/// The widest label of a column.
const MAX_COLUMN_LABEL: u32 = 200;
/// The width of the plot that columns share.
const COLUMNS_WIDTH: u32 = 1_000;

pub fn draw_grid<B: DrawingBackend>(root: &Area<B>, grid: &Grid) -> Result<(), Failure> {
    let is_empty = grid.cells.iter().flatten().flatten().next().is_none();
    let (x_labels, x_width) = all_shortened(root, grid.columns.iter(), MAX_COLUMN_LABEL)?;
    // Plotters counts from the bottom, and the first row belongs at the top.
    let (y_labels, y_width) = all_shortened(root, grid.rows.iter().rev(), MAX_LABEL)?;
    let most = (COLUMNS_WIDTH.saturating_sub(y_width) / (x_width + 10)).max(2) as usize;
    let x = (x_labels.as_slice(), most.min(grid.columns.len()));
    let values = || grid.cells.iter().flatten().flatten().copied();
    let ends = [values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max)];
    let [least, most] = ends.map(number);
    let caption = match is_empty {
        true => grid.value.clone(),
        false => format!("{}, from {least} to {most}", grid.value),
    };
    let caption = title(root, &caption)?;
    draw(root, grid, &caption, x, (&y_labels, y_width)).map_err(|error| cannot_draw(&error))?;
    match is_empty {
        true => write_in_the_middle(root, grid.nothing()),
        false => Ok(()),
    }
}

fn draw<B: DrawingBackend>(
    root: &Area<B>,
    grid: &Grid,
    caption: &str,
    (x_labels, most_columns): (&[String], usize),
    (y_labels, label_width): (&[String], u32),
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    let (columns, rows) = (grid.columns.len(), grid.rows.len());
    let values = || grid.cells.iter().flatten().flatten().copied();
    let [low, high] = bounds(values());
    let mut chart = ChartBuilder::on(root)
        .caption(caption, (FONT, TITLE))
        .margin(20)
        .margin_right(60)
        .x_label_area_size(50)
        .y_label_area_size(label_width + 50)
        .build_cartesian_2d(slots(columns).into_segmented(), slots(rows).into_segmented())?;
    chart
        .configure_mesh()
        .disable_mesh()
        .label_style((FONT, LABEL))
        .x_labels(most_columns.max(1))
        .y_labels(rows.clamp(1, 26))
        .x_desc(&grid.x)
        .y_desc(&grid.y)
        .x_label_formatter(&|place| slot_label(x_labels, place))
        .y_label_formatter(&|place| slot_label(y_labels, place))
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
    const ENDS: [[u8; 3]; 2] = [[0xd6, 0xe6, 0xf4], [0x08, 0x30, 0x6b]];
    let [red, green, blue] = std::array::from_fn(|at| {
        let [light, dark] = ENDS.map(|end| f64::from(end[at]));
        (light + (dark - light) * share).round() as u8
    });
    RGBColor(red, green, blue)
}
