//! Horizontal bars. Those of negative numbers extend to the left.
//!
//! ratatui's `BarChart` draws only positive integers, so this is written by hand.

use console::{style, truncate_str};
use unicode_width::UnicodeWidthStr;

use crate::chart::data::Bars;
use crate::chart::scale::fit;
use crate::human::number;

/// More bars than this are no longer a chart.
const MAX_BARS: usize = 200;
/// The last character of a bar, by eighths.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

pub fn draw(bars: &Bars, columns: usize) -> (String, u64) {
    let shown = &bars.bars[..bars.bars.len().min(MAX_BARS)];
    let numbers: Vec<String> = shown.iter().map(|(_, value)| number(*value)).collect();
    let label_width = shown.iter().map(|(label, _)| label.width()).max().unwrap_or(0);
    let label_width = label_width.max(bars.label.width()).min(columns / 3);
    let number_width = numbers.iter().map(|number| number.width()).max().unwrap_or(0);
    let room = columns.saturating_sub(label_width + number_width + 2).max(4);
    let low = shown.iter().map(|(_, value)| *value).fold(0.0, f64::min);
    let high = shown.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let span = if high > low { high - low } else { 1.0 };
    let cells = |value: f64| value / span * room as f64;
    let zero = cells(-low).round();

    let heading = format!("{} {}", fit(&bars.label, label_width), bars.value);
    let mut text = format!("{}\n", style(truncate_str(heading.trim_end(), columns, "…")).bold());
    for ((label, value), number) in shown.iter().zip(&numbers) {
        let (before, bar) = if *value < 0.0 {
            let length = cells(-value).round().min(zero).max(1.0);
            ((zero - length) as usize, "█".repeat(length as usize))
        } else {
            let eighths = (cells(*value) * 8.0).round().max(f64::from(u8::from(*value > 0.0)));
            let eighths = eighths.min((room as f64 - zero) * 8.0) as usize;
            (zero as usize, format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8]))
        };
        text += &format!(
            "{} {}{}{}{number}\n",
            fit(label, label_width),
            " ".repeat(before),
            style(&bar).cyan(),
            if bar.is_empty() { "" } else { " " },
        );
    }
    if shown.is_empty() {
        text += &format!("{}\n", bars.nothing());
    }
    let more = bars.bars.len() - shown.len();
    if more > 0 {
        text += &format!("and {more} more rows; ORDER BY and LIMIT select which are shown\n");
    }
    (text, bars.left_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(bars: &[(&str, f64)]) -> Bars {
        let bars = bars.iter().map(|(label, value)| ((*label).to_owned(), *value)).collect();
        Bars { label: "agent".to_owned(), value: "calls".to_owned(), bars, left_out: 0 }
    }

    #[test]
    fn bars_are_as_long_as_their_numbers() {
        let (text, _) = draw(&bars(&[("a", 8.0), ("b", 4.0), ("c", 0.0), ("d", 0.001)]), 20);
        assert_eq!(text, "agent calls\na     ████████ 8\nb     ████ 4\nc     0\nd     ▏ 0.001\n");
    }

    #[test]
    fn what_is_below_zero_goes_to_the_left() {
        let (text, _) = draw(&bars(&[("a", 10.0), ("b", -10.0)]), 30);
        assert_eq!(text, "agent calls\na               ██████████ 10\nb     ██████████ -10\n");
    }

    #[test]
    fn of_many_bars_some_are_shown() {
        let many: Vec<(&str, f64)> = vec![("x", 1.0); 10_000];
        let (text, _) = draw(&bars(&many), 80);
        assert_eq!(text.lines().count(), MAX_BARS + 2);
        assert!(text.ends_with("and 9800 more rows; ORDER BY and LIMIT select which are shown\n"));
    }
}
