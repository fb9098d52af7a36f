//! Lines, with a legend beside the plot.

use plotters::prelude::*;

use crate::chart::buckets::{Buckets, parts};
use crate::chart::data::Lines;
use crate::chart::plot::style::{
    Area, COLOURS, Coordinates, FONT, LABEL, LINE, MESH, TITLE, cannot_draw, tick_label, title,
    widest, wrapped, write_in_the_middle,
};
use crate::chart::scale::Scale;
use crate::failure::Failure;

/// The width of a name in the legend, in pixels. Longer ones get more lines.
const MAX_NAME: u32 = 400;
/// The part of the legend before a name.
const SAMPLE: u32 = 40;

pub fn draw_lines<B: DrawingBackend>(root: &Area<B>, lines: &Lines) -> Result<(), Failure> {
    let points = || lines.lines.iter().flat_map(|(_, points)| points);
    let (x, y) = match lines.lines.is_empty() {
        true => (Scale::empty(), Scale::empty()),
        false => (
            Scale::of_positions(&lines.x, points().map(|(x, _)| *x), 8)?,
            Scale::of_values(&lines.y, points().map(|(_, y)| *y), 8)?,
        ),
    };
    let (width, _) = root.dim_in_pixel();
    let names = || lines.lines.iter().map(|(name, _)| name.as_str());
    let legend_width = match lines.lines.len() {
        0 | 1 => 0,
        _ => widest(root, names())?.min(MAX_NAME) + SAMPLE + 20,
    };
    let (plot, legend) = root.split_horizontally(width.saturating_sub(legend_width));
    let label_width = widest(root, y.ticks.iter().map(|tick| tick.label.as_str()))?;
    let caption = title(&plot, &lines.title())?;
    draw(&plot, lines, [&x, &y], (&caption, label_width)).map_err(|error| cannot_draw(&error))?;
    if legend_width > 0 {
        draw_legend(&legend, lines)?;
    }
    match lines.lines.is_empty() {
        true => write_in_the_middle(root, lines.nothing()),
        false => Ok(()),
    }
}

fn draw<B: DrawingBackend>(
    area: &Area<B>,
    lines: &Lines,
    [x, y]: [&Scale; 2],
    (caption, label_width): (&str, u32),
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    let mut chart = ChartBuilder::on(area)
        .caption(caption, (FONT, TITLE))
        .margin(20)
        .margin_right(60)
        .x_label_area_size(50)
        .y_label_area_size(label_width + 50)
        .build_cartesian_2d(Coordinates::from(x), Coordinates::from(y))?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(MESH)
        .label_style((FONT, LABEL))
        .x_desc(&lines.x.name)
        .y_desc(&lines.y.name)
        .x_label_formatter(&|value| tick_label(x, *value))
        .y_label_formatter(&|value| tick_label(y, *value))
        .draw()?;
    let buckets = if lines.x.is_time { Buckets::of(lines) } else { None };
    for (index, (_, points)) in lines.lines.iter().enumerate() {
        for part in parts(buckets.as_ref(), points) {
            let part_points = || part.iter().copied();
            match (part, is_dashed(index)) {
                // A line needs two points.
                ([point], _) => {
                    chart.draw_series([Circle::new(*point, 4, colour(index).filled())])?;
                }
                (_, true) => {
                    let style = colour(index).stroke_width(2);
                    chart.draw_series(DashedLineSeries::new(part_points(), 8, 4, style))?;
                }
                (_, false) => {
                    let style = colour(index).stroke_width(2);
                    chart.draw_series(LineSeries::new(part_points(), style))?;
                }
            }
        }
    }
    Ok(())
}

/// A sample of each line, and its whole name.
fn draw_legend<B: DrawingBackend>(area: &Area<B>, lines: &Lines) -> Result<(), Failure> {
    let drawn = |result: Result<(), DrawingAreaErrorKind<B::ErrorType>>| {
        result.map_err(|error| cannot_draw(&error))
    };
    let style = TextStyle::from((FONT, LABEL));
    // Below the title.
    let mut top = 60;
    for (index, (name, _)) in lines.lines.iter().enumerate() {
        let middle = top + LABEL as i32 / 2 - 2;
        let sample = if is_dashed(index) { vec![(0, 10), (16, 26)] } else { vec![(0, 26)] };
        for (from, to) in sample {
            let line =
                PathElement::new([(from, middle), (to, middle)], colour(index).stroke_width(3));
            drawn(area.draw(&line))?;
        }
        for line in wrapped(area, name, MAX_NAME)? {
            drawn(area.draw_text(&line, &style, (SAMPLE as i32 - 6, top)))?;
            top += LINE;
        }
    }
    Ok(())
}

fn colour(index: usize) -> RGBColor {
    COLOURS[index % COLOURS.len()]
}

/// More lines than colours are dashed.
fn is_dashed(index: usize) -> bool {
    index >= COLOURS.len()
}
