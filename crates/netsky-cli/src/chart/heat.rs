//! A heat map.

use console::style;
use unicode_width::UnicodeWidthStr;

use crate::chart::data::Grid;
use crate::chart::scale::fit;
use crate::failure::Failure;
use crate::human::number;

/// More ink is more, on any background. Colours are not: what stands out on black is faint on white.
const SHADES: [char; 5] = ['·', '░', '▒', '▓', '█'];

pub fn draw(grid: &Grid, columns: usize) -> Result<(String, u64), Failure> {
    let labels = grid.rows.iter().map(|row| row.width());
    let label_width = labels.max().unwrap_or(0).max(grid.y.width()).min(columns / 3);
    let room = columns.saturating_sub(label_width + 1);
    if grid.columns.len() > room {
        return Err(Failure::input(format!(
            "{} has {} values, but the terminal fits only {room}\n  group them more coarsely, or \
             write a plot with --output FILE.svg",
            grid.x,
            grid.columns.len()
        )));
    }
    let cell_width = (room / grid.columns.len().max(1)).clamp(1, 4);
    let values = || grid.cells.iter().flatten().flatten().copied();
    let low = values().fold(f64::INFINITY, f64::min);
    let high = values().fold(f64::NEG_INFINITY, f64::max);
    let share = |value: f64| if high > low { (value - low) / (high - low) } else { 1.0 };
    let shade = |value: f64| {
        let at = (share(value) * (SHADES.len() - 1) as f64).round() as usize;
        String::from(SHADES[at]).repeat(cell_width)
    };

    let blank = " ".repeat(label_width + 1);
    let heading = format!("{} {}", fit(&grid.y, label_width), grid.x);
    let mut text = format!("{}\n{blank}{}\n", style(&heading).bold(), header(grid, cell_width));
    for (label, cells) in grid.rows.iter().zip(&grid.cells) {
        let shades: String =
            cells.iter().map(|value| value.map_or_else(|| " ".repeat(cell_width), shade)).collect();
        text += &format!("{} {}\n", fit(label, label_width), style(shades.trim_end()).cyan());
    }
    if values().next().is_none() {
        return Ok((
            format!("{}\n{}\n", style(heading.trim_end()).bold(), grid.nothing()),
            grid.left_out,
        ));
    }
    let [least, most] = [low, high].map(|value| style(shade(value)).cyan());
    let legend = format!("{least} {} {most} {}", number(low), number(high));
    text += &format!("{blank}{}: {legend}\n", grid.value);
    Ok((text, grid.left_out))
}

/// The labels of the columns. Each starts above its column, and is left out if there is no room.
fn header(grid: &Grid, cell_width: usize) -> String {
    let mut header = String::new();
    for (at, label) in grid.columns.iter().enumerate() {
        let (place, taken) = (at * cell_width, header.width());
        let fits = place + label.width() <= grid.columns.len() * cell_width;
        if (taken == 0 || taken < place) && fits {
            header += &" ".repeat(place - taken);
            header += label;
        }
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_shades_between_the_least_and_the_most() {
        let text = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let grid = Grid {
            x: "hour".to_owned(),
            y: "day".to_owned(),
            value: "n".to_owned(),
            columns: text(&["9", "10", "11"]),
            rows: text(&["Mon", "Tue"]),
            cells: vec![vec![Some(0.0), Some(2.0), Some(4.0)], vec![None, Some(4.0), None]],
            left_out: 0,
        };
        console::set_colors_enabled(false);
        let (drawn, _) = draw(&grid, 16).unwrap();
        let expected =
            "day hour\n    9   10  11\nMon ····▒▒▒▒████\nTue     ████\n    n: ···· 0 ████ 4\n";
        assert_eq!(drawn, expected);
        assert!(draw(&grid, 4).is_err());
    }
}
