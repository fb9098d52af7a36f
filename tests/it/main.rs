//! All integration tests in one binary, because each binary links DataFusion.

mod appender;
mod async_recording;
mod columnar;
mod contract;
mod fleet;
mod foreign;
mod format;
mod joins;
mod large_imports;
mod limits;
mod maintenance;
mod opening;
mod oracle;
mod prepare;
mod project;
mod pushdown;
mod recorder;
mod replaced;
mod rows;
mod sharing;
mod sorting;
mod sql;
mod time_zones;
mod types;
mod upgrade;
mod views;
