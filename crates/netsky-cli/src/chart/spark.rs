//! Sparklines: charts of one line of text each, under each other on one axis.
//!
//! ratatui's `Sparkline` starts at zero and has no labels, so this is written by hand.

use console::{style, truncate_str};
use unicode_width::UnicodeWidthStr;

use crate::chart::buckets::Buckets;
use crate::chart::data::Lines;
use crate::chart::scale::fit;
use crate::chart::time_ticks::time_text;
use crate::failure::Failure;
use crate::human::number;

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Each line has its own scale of values. The numbers at its end give the range.
pub fn draw(lines: &Lines, columns: usize) -> Result<(String, u64), Failure> {
    let ends: Vec<String> = lines
        .lines
        .iter()
        .map(|(_, points)| {
            let [low, high] = ends(points.iter().map(|(_, y)| *y));
            format!("{} to {}", number(low), number(high))
        })
        .collect();
    let names = lines.lines.iter().map(|(name, _)| name.width());
    let name_width = names.max().unwrap_or(0).min(columns / 3);
    let before = if name_width > 0 { name_width + 1 } else { 0 };
    let end_width = ends.iter().map(|ends| ends.width()).max().unwrap_or(0);
    let room = columns.saturating_sub(before + end_width + 1).max(8);
    let cells = Cells::of(lines, room);
    let mut text = String::new();
    for ((name, points), ends) in lines.lines.iter().zip(&ends) {
        let name = if name_width > 0 { fit(name, name_width) + " " } else { String::new() };
        text += &format!("{name}{} {ends}\n", style(cells.spark(points)).cyan());
    }
    if lines.lines.is_empty() {
        text = format!(
            "{}\n{}\n",
            style(truncate_str(&lines.title(), columns, "…")).bold(),
            lines.nothing()
        );
    } else if lines.x.is_time {
        let [first, last] = [time_text(cells.first)?, time_text(cells.last)?];
        let gap = cells.count.saturating_sub(first.len() + last.len()).max(3);
        text += &format!("{}{first}{}{last}\n", " ".repeat(before), " ".repeat(gap));
    }
    Ok((text, lines.left_out))
}

fn ends(values: impl Iterator<Item = f64>) -> [f64; 2] {
    values.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], y| [low.min(y), high.max(y)])
}

/// The cells that all lines share: one for each bucket, or fewer if there are more than fit.
struct Cells {
    buckets: Option<Buckets>,
    first: f64,
    last: f64,
    count: usize,
}

impl Cells {
    fn of(lines: &Lines, room: usize) -> Self {
        let buckets = Buckets::of(lines);
        let count = buckets.as_ref().map_or(room, |buckets| buckets.count().min(room));
        let [first, last] =
            ends(lines.lines.iter().flat_map(|(_, points)| points).map(|(x, _)| *x));
        Self { buckets, first, last, count }
    }

    /// The cell of a position.
    fn of_position(&self, x: f64) -> usize {
        let last = self.count.saturating_sub(1);
        match &self.buckets {
            Some(buckets) => buckets.number(x) * self.count / buckets.count().max(1),
            None => ((x - self.first) / (self.last - self.first) * last as f64).round() as usize,
        }
        .min(last)
    }

    /// One character per cell: for the mean of its points, or blank if it has none.
    fn spark(&self, points: &[(f64, f64)]) -> String {
        let mut sums = vec![(0.0, 0_u32); self.count];
        for (x, y) in points {
            let (sum, count) = &mut sums[self.of_position(*x)];
            (*sum, *count) = (*sum + y, *count + 1);
        }
        let means = sums.iter().map(|(sum, count)| (*count > 0).then(|| sum / f64::from(*count)));
        let means: Vec<Option<f64>> = means.collect();
        let [low, high] = ends(means.iter().flatten().copied());
        let level = |y: f64| match high > low {
            true => ((y - low) / (high - low) * 7.0).round() as usize,
            false => 0,
        };
        means.iter().map(|mean| mean.map_or(' ', |y| LEVELS[level(y).min(7)])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::data::Axis;

    fn drawn(is_time: bool, series: &[(&str, &[(f64, f64)])], columns: usize) -> String {
        let axis = |name: &str, is_time| Axis { name: name.to_owned(), is_time };
        let lines = series.iter().map(|(name, points)| ((*name).to_owned(), points.to_vec()));
        let (x, y) = (axis("x", is_time), axis("y", false));
        let lines = Lines { x, y, lines: lines.collect(), left_out: 0 };
        console::set_colors_enabled(false);
        draw(&lines, columns).unwrap().0
    }

    #[test]
    fn a_spark_goes_up_and_down_with_its_numbers() {
        let spark = |ys: &[f64], columns| {
            let points: Vec<_> = ys.iter().enumerate().map(|(x, y)| (x as f64, *y)).collect();
            drawn(false, &[("", &points)], columns)
        };
        assert_eq!(spark(&[0.0, 1.0, 2.0, 7.0, -7.0], 80), "▅▅▆█▁ -7 to 7\n");
        assert_eq!(spark(&[3.0, 3.0], 80), "▁▁ 3 to 3\n");
        let ramp: Vec<f64> = (0..16).map(f64::from).collect();
        assert_eq!(spark(&ramp, 9), "▁▂▃▄▅▆▇█ 0 to 15\n");
    }

    #[test]
    fn series_share_one_axis_with_gaps() {
        const DAY: f64 = 86_400.0;
        let text = drawn(
            true,
            &[
                ("all", &[(0.0, 1.0), (DAY, 2.0), (2.0 * DAY, 3.0), (4.0 * DAY, 4.0)]),
                ("late", &[(2.0 * DAY, 1.0), (4.0 * DAY, 9.0)]),
                ("once", &[(DAY, 5.0)]),
            ],
            60,
        );
        assert_eq!(
            text,
            "all  ▁▃▆ █ 1 to 4\nlate   ▁ █ 1 to 9\nonce  ▁    5 to 5\n     1970-01-01   1970-01-05\n"
        );
    }

    #[test]
    fn uneven_times_are_placed_by_time() {
        let text = drawn(true, &[("a", &[(0.0, 1.0), (10.0, 2.0), (11.5, 3.0), (100.0, 1.0)])], 40);
        let cells: Vec<char> = text.lines().next().unwrap().chars().skip(2).take(30).collect();
        assert_eq!(cells[0], '▁');
        assert_eq!(cells[3], '█');
        assert!(cells[5..28].iter().all(|cell| *cell == ' '), "{text}");
    }
}
