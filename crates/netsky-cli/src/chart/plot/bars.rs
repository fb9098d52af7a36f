//! Bars.

use plotters::coord::ranged1d::SegmentValue;
use plotters::prelude::*;

use crate::chart::data::Bars;
use crate::chart::plot::style::{
    Area, COLOURS, Coordinates, FONT, LABEL, MESH, TITLE, all_shortened, cannot_draw, slot_label,
    slots, tick_label, title, write_in_the_middle,
};
use crate::chart::scale::Scale;
use crate::failure::Failure;

/// The widest label, in pixels.
const MAX_LABEL: u32 = 420;

pub fn draw_bars<B: DrawingBackend>(root: &Area<B>, bars: &Bars) -> Result<(), Failure> {
    let count = bars.bars.len();
    let scale = match count {
        0 => Scale::empty(),
        _ => Scale::of_bars(bars.bars.iter().map(|(_, value)| *value), 10),
    };
    // Plotters counts from the bottom, and the first row belongs at the top.
    let labels = bars.bars.iter().rev().map(|(label, _)| label);
    let (labels, label_width) = all_shortened(root, labels, MAX_LABEL)?;
    let caption = title(root, &format!("{} by {}", bars.value, bars.label))?;
    let labels = (labels.as_slice(), label_width);
    draw(root, bars, &scale, &caption, labels).map_err(|error| cannot_draw(&error))?;
    match count {
        0 => write_in_the_middle(root, bars.nothing()),
        _ => Ok(()),
    }
}

fn draw<B: DrawingBackend>(
    root: &Area<B>,
    bars: &Bars,
    scale: &Scale,
    caption: &str,
    (labels, label_width): (&[String], u32),
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    let count = bars.bars.len();
    let values = Coordinates::from(scale);
    let mut chart = ChartBuilder::on(root)
        .caption(caption, (FONT, TITLE))
        .margin(20)
        .margin_right(60)
        .x_label_area_size(50)
        .y_label_area_size(label_width + 30)
        .build_cartesian_2d(values, slots(count).into_segmented())?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(MESH)
        .label_style((FONT, LABEL))
        .x_desc(&bars.value)
        .x_label_formatter(&|value| tick_label(scale, *value))
        .y_labels(count.max(1))
        .y_label_formatter(&|place| slot_label(labels, place))
        .draw()?;
    chart.draw_series(bars.bars.iter().rev().enumerate().map(|(at, (_, value))| {
        let corners = [(0.0, SegmentValue::Exact(at)), (*value, SegmentValue::Exact(at + 1))];
        let mut bar = Rectangle::new(corners, COLOURS[0].filled());
        bar.set_margin(3, 3, 0, 0);
        bar
    }))?;
    Ok(())
}
