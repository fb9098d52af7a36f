//! Line charts in braille characters, with axes.
//!
//! ratatui draws the lines. Its axes put labels at equal distances from end to end, where round numbers
//! and times need not be, so the axes are drawn here.

use console::{colors_enabled, style, truncate_str};
use ratatui_core::buffer::{Buffer, Cell};
use ratatui_core::layout::Rect;
use ratatui_core::style::Color;
use ratatui_core::symbols::Marker;
use ratatui_core::widgets::Widget;
use ratatui_widgets::chart::{Axis, Chart, Dataset, GraphType};
use unicode_width::UnicodeWidthStr;

use crate::chart::buckets::{Buckets, parts};
use crate::chart::data::Lines;
use crate::chart::scale::Scale;
use crate::failure::Failure;

/// Yellow is unreadable on white.
const COLOURS: [Color; 5] = [Color::Cyan, Color::Magenta, Color::Green, Color::Red, Color::Blue];
/// Without colours, letters distinguish the lines.
const LETTERS: [char; 12] = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l'];
/// The columns that the label of a position takes, with the space between two.
const POSITION_COLUMNS: usize = 14;
/// The height of a chart of nothing.
const EMPTY_HEIGHT: usize = 7;

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
    let height = if count == 0 { height.min(EMPTY_HEIGHT) } else { height };
    let (x, y) = match count {
        0 => (Scale::empty(), Scale::empty()),
        _ => {
            let points = || lines.lines.iter().flat_map(|(_, points)| points);
            (
                Scale::of_positions(
                    &lines.x,
                    points().map(|(x, _)| *x),
                    columns / POSITION_COLUMNS,
                )?,
                Scale::of_values(&lines.y, points().map(|(_, y)| *y), (height / 3).clamp(2, 6))?,
            )
        }
    };
    let label_width = y.ticks.iter().map(|tick| tick.label.width()).max().unwrap_or(0);
    let label_width = label_width.min(columns / 3);
    let room = columns.saturating_sub(label_width + 1).max(1);
    let area = Rect::new(
        0,
        0,
        u16::try_from(room).unwrap_or(u16::MAX).min(400),
        u16::try_from(height.saturating_sub(2).max(2)).unwrap_or(u16::MAX),
    );
    let plot = plot(lines, [&x, &y], area, letters);

    let mut text = format!("{}\n", style(truncate_str(&lines.title(), columns, "…")).bold());
    let rows = usize::from(area.height);
    let mut labels = vec![None; rows];
    for tick in &y.ticks {
        labels[((1.0 - y.share(tick.at)) * (rows - 1) as f64).round() as usize] = Some(&tick.label);
    }
    let width = usize::from(area.width);
    for (at, (cells, label)) in plot.content().chunks(width).zip(&labels).enumerate() {
        let (label, line) = match label {
            Some(label) => (label.as_str(), '┤'),
            None => ("", '│'),
        };
        let cells = match count == 0 && at == rows / 2 {
            true => format!("{:^width$}", lines.nothing()).trim_end().to_owned(),
            false => in_colour(cells),
        };
        text += &format!("{label:>label_width$}{line}{cells}\n");
    }
    text += &bottom(&x, label_width, width);
    for (at, (name, _)) in lines.lines.iter().enumerate().filter(|_| count > 1) {
        let mut mark = Cell::default();
        mark.set_char(if letters { LETTERS[at] } else { '━' }).set_fg(COLOURS[at % COLOURS.len()]);
        text += &format!("{} {name}\n", in_colour(&[mark]));
    }
    Ok((text, lines.left_out))
}

/// The lines alone.
fn plot(lines: &Lines, [x, y]: [&Scale; 2], area: Rect, letters: bool) -> Buffer {
    let buckets = if lines.x.is_time { Buckets::of(lines) } else { None };
    let mut datasets = Vec::new();
    for (at, (_, points)) in lines.lines.iter().enumerate() {
        let marker = if letters { Marker::Custom(LETTERS[at]) } else { Marker::Braille };
        datasets.extend(parts(buckets.as_ref(), points).map(|part| {
            // A line needs two points.
            let ty = if part.len() == 1 { GraphType::Scatter } else { GraphType::Line };
            let dataset = Dataset::default().data(part).marker(marker).graph_type(ty);
            dataset.style(COLOURS[at % COLOURS.len()])
        }));
    }
    let chart = Chart::new(datasets)
        .legend_position(None)
        .x_axis(Axis::default().bounds([x.low, x.high]))
        .y_axis(Axis::default().bounds([y.low, y.high]));
    let mut buffer = Buffer::empty(area);
    chart.render(area, &mut buffer);
    buffer
}

/// The horizontal axis, and its labels: each under its tick, and left out if there is no room.
fn bottom(x: &Scale, label_width: usize, width: usize) -> String {
    let mut line = vec!['─'; width];
    let mut labels = String::new();
    for tick in &x.ticks {
        let column = (x.share(tick.at) * (width - 1) as f64).round() as usize;
        line[column] = '┬';
        let (place, taken) = (label_width + 1 + column, labels.width());
        let start = place.saturating_sub(tick.label.width() / 2);
        let start = start.min((label_width + 1 + width).saturating_sub(tick.label.width()));
        if taken == 0 || start > taken {
            labels += &" ".repeat(start - taken.min(start));
            labels += &tick.label;
        }
    }
    let line: String = line.into_iter().collect();
    let labels = if labels.is_empty() { labels } else { labels + "\n" };
    format!("{}└{line}\n{labels}", " ".repeat(label_width))
}

/// The cells as text, without trailing spaces.
fn in_colour(cells: &[Cell]) -> String {
    let end = cells.iter().rposition(|cell| cell.symbol() != " ").map_or(0, |last| last + 1);
    let mut text = String::new();
    for run in cells[..end].chunk_by(|cell, next| cell.fg == next.fg) {
        let symbols: String = run.iter().map(Cell::symbol).collect();
        let symbols = match run[0].fg {
            Color::Cyan => style(symbols).cyan(),
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
