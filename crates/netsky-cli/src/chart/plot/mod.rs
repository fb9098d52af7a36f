//! Plots in SVG and PNG files.

mod bars;
mod file;
mod grid;
mod lines;
mod style;

pub use file::{write_png, write_svg};
