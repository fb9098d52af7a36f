//! The kinds of charts.

use clap::ValueEnum;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ChartKind {
    /// A bar for each row: a label, a number
    Bar,
    /// A line over time: a time or a number, a number, and the line it belongs to if there are several
    Line,
    /// A small line in one line of text: as for a line, or a number alone
    Spark,
    /// A grid of shades: what goes to the right, what goes down, a number
    Heat,
}
