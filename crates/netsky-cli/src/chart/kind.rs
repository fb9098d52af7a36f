//! The kinds of charts.

use clap::ValueEnum;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ChartKind {
    /// A bar for each row: a label, a number
    Bar,
    /// A line: a time or number, a number, and the name of the series if there are several
    Line,
    /// A line of small bars for each series: as for a line, or a number alone
    Spark,
    /// A heat map: the horizontal axis, the vertical axis, a number
    Heat,
}
