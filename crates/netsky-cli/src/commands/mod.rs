//! The commands, one file each: its arguments and its `run`.

pub mod backup;
pub mod check;
pub mod compact;
pub mod completions;
pub mod cost;
mod ddl;
pub mod demo;
pub mod doctor;
pub mod export;
pub mod functions;
pub mod hook;
pub mod import;
pub mod ingest;
pub mod man;
pub mod migrate;
mod parameters;
pub mod prices;
pub mod prune;
pub mod query;
pub mod record;
pub mod saved;
pub mod shell;
pub mod stats;
pub mod tables;
pub mod tail;
pub mod timeline;
pub mod top;
