//! What all plots share: the font, colours, and texts of known width.

use std::error::Error;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged, SegmentValue};
use plotters::prelude::*;

use crate::chart::scale::Scale;
use crate::chart::tick::Tick;
use crate::failure::Failure;

/// The name of the font, here and in SVG, where the viewer substitutes its own.
pub const FONT: &str = "sans-serif";
/// The size of labels.
pub const LABEL: u32 = 16;
pub const TITLE: u32 = 26;
/// The height of a line of text.
pub const LINE: i32 = 24;
pub const MESH: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);
/// Dark enough to read on white, and different in lightness, too.
pub const COLOURS: [RGBColor; 10] = [
    RGBColor(0x1f, 0x6f, 0xb4),
    RGBColor(0xd1, 0x4a, 0x12),
    RGBColor(0x1a, 0x80, 0x4a),
    RGBColor(0x7a, 0x3c, 0xa3),
    RGBColor(0x8a, 0x55, 0x2e),
    RGBColor(0xc2, 0x2f, 0x77),
    RGBColor(0x0b, 0x7f, 0x8c),
    RGBColor(0x5c, 0x5c, 0x5c),
    RGBColor(0x6b, 0x75, 0x00),
    RGBColor(0x1c, 0x2f, 0x80),
];

pub type Area<B> = DrawingArea<B, Shift>;

pub fn cannot_draw(error: &dyn Error) -> Failure {
    Failure::input(format!("cannot draw the plot: {error}"))
}

/// The width of a text as a label, in pixels.
pub fn width<B: DrawingBackend>(area: &Area<B>, text: &str) -> Result<u32, Failure> {
    let style = TextStyle::from((FONT, LABEL));
    let size = area.estimate_text_size(text, &style).map_err(|error| cannot_draw(&error))?;
    Ok(size.0)
}

/// The widest of the texts.
pub fn widest<'a, B: DrawingBackend>(
    area: &Area<B>,
    texts: impl Iterator<Item = &'a str>,
) -> Result<u32, Failure> {
    texts.map(|text| width(area, text)).try_fold(0, |widest, width| Ok(widest.max(width?)))
}

/// The text on as many lines as it needs in a width.
pub fn wrapped<B: DrawingBackend>(
    area: &Area<B>,
    text: &str,
    room: u32,
) -> Result<Vec<String>, Failure> {
    let mut lines = vec![String::new()];
    for char in text.chars() {
        let last = lines.last().map_or("", String::as_str);
        let longer = format!("{last}{char}");
        if !last.is_empty() && width(area, &longer)? > room {
            lines.push(char.to_string());
        } else if let Some(last) = lines.last_mut() {
            *last = longer;
        }
    }
    Ok(lines)
}

/// The text, truncated to a width.
pub fn shortened<B: DrawingBackend>(
    area: &Area<B>,
    text: &str,
    room: u32,
) -> Result<String, Failure> {
    if width(area, text)? <= room {
        return Ok(text.to_owned());
    }
    let first = wrapped(area, text, room.saturating_sub(width(area, "…")?))?;
    Ok(first.into_iter().next().unwrap_or_default() + "…")
}

/// The title of the plot, truncated to the width of the area.
pub fn title<B: DrawingBackend>(area: &Area<B>, text: &str) -> Result<String, Failure> {
    let (width, _) = area.dim_in_pixel();
    shortened(area, text, width.saturating_sub(40) * LABEL / TITLE)
}

/// The texts, truncated to a width; and the width of the widest.
pub fn all_shortened<'a, B: DrawingBackend>(
    area: &Area<B>,
    texts: impl Iterator<Item = &'a String>,
    room: u32,
) -> Result<(Vec<String>, u32), Failure> {
    let texts: Vec<String> =
        texts.map(|text| shortened(area, text, room)).collect::<Result<_, _>>()?;
    let widest = widest(area, texts.iter().map(String::as_str))?;
    Ok((texts, widest))
}

/// Writes a text into the middle of an area that has nothing else to show.
pub fn write_in_the_middle<B: DrawingBackend>(area: &Area<B>, text: &str) -> Result<(), Failure> {
    let (width, height) = area.dim_in_pixel();
    let middle = (width as i32 / 2, height as i32 / 2);
    let anchor = plotters::style::text_anchor::Pos::new(
        plotters::style::text_anchor::HPos::Center,
        plotters::style::text_anchor::VPos::Center,
    );
    let style = TextStyle::from((FONT, TITLE)).pos(anchor);
    area.draw_text(text, &style, middle).map_err(|error| cannot_draw(&error))
}

/// The label of the tick at a value.
pub fn tick_label(scale: &Scale, value: f64) -> String {
    let distance = |tick: &&Tick| (tick.at - value).abs();
    let nearest = scale.ticks.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
    nearest.map(|tick| tick.label.clone()).unwrap_or_default()
}

/// A scale as plotters takes it. Its own axes choose other ticks.
pub struct Coordinates {
    ends: Range<f64>,
    ticks: Vec<f64>,
}

impl From<&Scale> for Coordinates {
    fn from(scale: &Scale) -> Self {
        let ticks = scale.ticks.iter().map(|tick| tick.at).collect();
        Self { ends: scale.low..scale.high, ticks }
    }
}

impl Ranged for Coordinates {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (first, last): (i32, i32)) -> i32 {
        let share = (value - self.ends.start) / (self.ends.end - self.ends.start);
        first + (share * f64::from(last - first)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.ends.clone()
    }
}

/// Positions for this many labels. plotters draws no label for a range of one, so a single label gets an
/// empty neighbour.
pub fn slots(count: usize) -> Range<usize> {
    0..count.saturating_sub(1).max(1)
}

pub fn slot_label(labels: &[String], place: &SegmentValue<usize>) -> String {
    match place {
        SegmentValue::CenterOf(at) => labels.get(*at).cloned().unwrap_or_default(),
        SegmentValue::Exact(_) | SegmentValue::Last => String::new(),
    }
}
