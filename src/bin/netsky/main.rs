//! `netsky`: the store of an agent fleet from the command line.
//!
//! A command is a file; each takes its arguments, and returns or fails with a [`Failure`].

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]
#![forbid(unsafe_code)]

mod args;
mod backup;
mod chart;
mod check;
mod columnar;
mod compact;
mod csv;
mod days;
mod demo;
mod export;
mod failure;
mod format;
mod import;
mod migrate;
mod moment;
mod output;
mod progress;
mod prune;
mod query;
mod record;
mod source;
mod stats;
mod store;
mod tables;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use failure::Failure;

fn main() -> ExitCode {
    let args = Args::parse();
    let result = match &args.command {
        Command::Query(query) => query::run(&args.store, query),
        Command::Record(record) => record::run(&args.store, record),
        Command::Import(import) => import::run(&args.store, import),
        Command::Export(export) => export::run(&args.store, export),
        Command::Tables(tables) => tables::run(&args.store, tables),
        Command::Schema(schema) => tables::schema(schema),
        Command::Check(check) => check::run(&args.store, check),
        Command::Prune(prune) => prune::run(&args.store, prune),
        Command::Stats(stats) => stats::run(&args.store, stats),
        Command::Backup(backup) => backup::run(&args.store, backup),
        Command::Restore(restore) => backup::restore(&args.store, restore),
        Command::Compact(compact) => compact::run(&args.store, compact),
        Command::Demo(demo) => demo::run(&args.store, demo),
        Command::Migrate(_) => migrate::run(&args.store),
    };
    result.map_or_else(Failure::report, |()| ExitCode::SUCCESS)
}
