//! One binary, because each one links DataFusion.

mod care;
mod cli;
mod contract;
mod fleet;
mod format;
mod opening;
mod oracle;
mod project;
mod pushdown;
mod rows;
mod sql;
mod support;
