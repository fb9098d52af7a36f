//! Line charts in braille characters, with axes.

use console::{colors_enabled, style};
use ratatui_core::buffer::{Buffer, Cell};
use ratatui_core::layout::Rect;
use ratatui_core::style::Color;
use ratatui_core::symbols::Marker;
use ratatui_core::widgets::Widget;
use ratatui_widgets::chart::{Axis, Chart, Dataset, GraphType};

use crate::chart::data::Lines;
use crate::chart::scale::{bounds, time};
use crate::failure::Failure;
use crate::human::number;

const COLOURS: [Color; 6] =
    [Color::Cyan, Color::Yellow, Color::Magenta, Color::Green, Color::Red, Color::Blue];
/// Without colours, letters distinguish the lines.
const LETTERS: [char; 12] = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l'];

pub fn draw(lines: &Lines, columns: usize, height: usize) -> Result<(String, u64), Failure> {
    let count = lines.lines.len();
    if count > LETTERS.len() {
        return Err(Failure::input(format!(
            "a chart can show at most {} lines, not {count}; select some, or use --chart spark",
            LETTERS.len()
        )));
    }
    // Letters also distinguish the lines if there are more lines than colours.
    let letters = count > 1 && (!colors_enabled() || count > COLOURS.len());
    let datasets = lines.lines.iter().enumerate().map(|(at, (_, points))| {
        let marker = if letters { Marker::Custom(LETTERS[at]) } else { Marker::Braille };
        // A line needs two points.
        let ty = if points.len() == 1 { GraphType::Scatter } else { GraphType::Line };
        Dataset::default()
            .data(points)
            .marker(marker)
            .graph_type(ty)
            .style(COLOURS[at % COLOURS.len()])
    });
    let points = || lines.lines.iter().flat_map(|(_, points)| points);
    let x = bounds(points().map(|(x, _)| *x));
    let y = bounds(points().map(|(_, y)| *y));
    let labels = |axis: &crate::chart::data::Axis, [low, high]: [f64; 2], count: usize| {
        let step = (high - low) / (count - 1) as f64;
        let label = |at| match low + step * at as f64 {
            seconds if axis.is_time => time(seconds, high - low),
            value => number((value / step * 1e6).round() * step / 1e6),
        };
        (0..count).map(label).collect::<Vec<_>>()
    };
    let x_labels = labels(&lines.x, x, if columns < 60 { 2 } else { 3 });
    let y_labels = labels(&lines.y, y, if height < 12 { 3 } else { 5 });
    let chart = Chart::new(datasets.collect())
        .legend_position(None)
        .x_axis(Axis::default().bounds(x).labels(x_labels))
        .y_axis(Axis::default().bounds(y).labels(y_labels));
    let area = Rect::new(
        0,
        0,
        u16::try_from(columns).unwrap_or(u16::MAX).min(400),
        u16::try_from(height).unwrap_or(u16::MAX),
    );
    let mut buffer = Buffer::empty(area);
    chart.render(area, &mut buffer);

    let mut text = format!("{}\n", style(format!("{} over {}", lines.y.name, lines.x.name)).bold());
    for row in buffer.content().chunks(usize::from(area.width)) {
        text += &in_colour(row);
        text.push('\n');
    }
    for (at, (name, _)) in lines.lines.iter().enumerate().filter(|_| count > 1) {
        let mut mark = Cell::default();
        mark.set_char(if letters { LETTERS[at] } else { '━' }).set_fg(COLOURS[at % COLOURS.len()]);
        text += &format!("{} {name}\n", in_colour(&[mark]));
    }
    Ok((text, lines.left_out))
}

/// The cells as text, without trailing spaces.
fn in_colour(cells: &[Cell]) -> String {
    let end = cells.iter().rposition(|cell| cell.symbol() != " ").map_or(0, |last| last + 1);
    let mut text = String::new();
    for run in cells[..end].chunk_by(|cell, next| cell.fg == next.fg) {
        let symbols: String = run.iter().map(Cell::symbol).collect();
        let symbols = match run[0].fg {
            Color::Cyan => style(symbols).cyan(),
            Color::Yellow => style(symbols).yellow(),
            Color::Magenta => style(symbols).magenta(),
            Color::Green => style(symbols).green(),
            Color::Red => style(symbols).red(),
            Color::Blue => style(symbols).blue(),
            _ => style(symbols),
        };
        text += &symbols.to_string();
    }
    text
}
