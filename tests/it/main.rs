//! One binary, because each one links DataFusion.

mod care;
mod cli;
mod contract;
mod fleet;
mod format;
mod limits;
mod opening;
mod oracle;
mod project;
mod pushdown;
mod recorder;
mod rows;
mod sharing;
mod sql;
mod support;
mod terminal;
mod upgrade;
mod views;
