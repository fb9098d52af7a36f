//! Sparklines: charts of one line of text each.
//!
//! ratatui's `Sparkline` starts at zero and has no labels, so this is written by hand.

use console::style;
use unicode_width::UnicodeWidthStr;

use crate::chart::data::Lines;
use crate::chart::scale::fit;
use crate::human::number;

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Each line has its own scale. The numbers at its end give the range.
pub fn draw(lines: &Lines, columns: usize) -> (String, u64) {
    let ends: Vec<String> = lines
        .lines
        .iter()
        .map(|(_, points)| {
            let [low, high] = ends(points);
            format!("{} to {}", number(low), number(high))
        })
        .collect();
    let names = lines.lines.iter().map(|(name, _)| name.width());
    let name_width = names.max().unwrap_or(0).min(columns / 3);
    let end_width = ends.iter().map(|ends| ends.width()).max().unwrap_or(0);
    let room = columns.saturating_sub(name_width + end_width + 2).max(8);
    let mut text = String::new();
    for ((name, points), ends) in lines.lines.iter().zip(&ends) {
        let spark = spark(points, room);
        let name = if name_width > 0 { fit(name, name_width) + " " } else { String::new() };
        text += &format!("{name}{} {ends}\n", style(spark).cyan());
    }
    (text, lines.left_out)
}

fn ends(points: &[(f64, f64)]) -> [f64; 2] {
    points
        .iter()
        .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], (_, y)| [low.min(*y), high.max(*y)])
}

/// One character per point, or per mean of several points if there are more than fit.
fn spark(points: &[(f64, f64)], room: usize) -> String {
    let count = points.len().min(room);
    let means = (0..count).map(|at| {
        let some = &points[at * points.len() / count..(at + 1) * points.len() / count];
        (0.0, some.iter().map(|(_, y)| y / some.len() as f64).sum())
    });
    let means: Vec<(f64, f64)> = means.collect();
    let [low, high] = ends(&means);
    let level = |y: f64| match high > low {
        true => (((y - low) / (high - low)) * 7.0).round() as usize,
        false => 0,
    };
    means.iter().map(|(_, y)| LEVELS[level(*y).min(7)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spark_goes_up_and_down_with_its_numbers() {
        let points = |ys: &[f64]| -> Vec<(f64, f64)> { ys.iter().map(|y| (0.0, *y)).collect() };
        assert_eq!(spark(&points(&[0.0, 1.0, 2.0, 7.0, -7.0]), 80), "▅▅▆█▁");
        assert_eq!(spark(&points(&[3.0, 3.0]), 80), "▁▁");
        assert_eq!(spark(&points(&[1.0, 3.0, 9.0, 11.0]), 2), "▁█");
    }
}
