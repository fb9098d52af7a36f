//! `netsky`: the store of an agent fleet from the command line.
//!
//! A command is a file in `commands/`; each takes its arguments, and returns or fails with a [`Failure`].
//! What they share stands beside: how answers are printed (`output/`, `chart/`), how tables lie in files of
//! other formats (`files/`), and which store it is (`store`).

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod args;
mod chart;
mod commands;
mod failure;
mod figures;
mod files;
mod interrupt;
mod moment;
mod output;
mod process;
mod progress;
mod store;
mod terminal;
mod values;

use std::panic;
use std::process::ExitCode;

use args::Command;
use commands::{
    backup, check, compact, completions, cost, demo, doctor, export, import, man, migrate, prune,
    query, record, saved, shell, stats, tables, tail, timeline, top,
};
use failure::Failure;
use netsky_db::internal;

fn main() -> ExitCode {
    print_only_uncaught_panics();
    let args = args::parse();
    if args.command.limits_memory() {
        process::give_back_memory();
        process::open_many_files();
    }
    // Not before the program may have been started again, since a signal that was taken is lost then.
    interrupt::handle();
    let result = match &args.command {
        Command::Query(query) => query::run(&args.store, query),
        Command::Shell(shell) => shell::run(&args.store, shell),
        Command::Saved(saved) => saved::run(&args.store, saved),
        Command::Record(record) => record::run(&args.store, record),
        Command::Import(import) => import::run(&args.store, import),
        Command::Export(export) => export::run(&args.store, export),
        Command::Tables(tables) => tables::run(&args.store, tables),
        Command::Views(views) => tables::views(views),
        Command::Schema(schema) => tables::schema(schema),
        Command::Cost(cost) => cost::run(&args.store, cost),
        Command::Top(top) => top::run(&args.store, top),
        Command::Timeline(timeline) => timeline::run(&args.store, timeline),
        Command::Tail(tail) => tail::run(&args.store, tail),
        Command::Check(check) => check::run(&args.store, check),
        Command::Prune(prune) => prune::run(&args.store, prune),
        Command::Stats(stats) => stats::run(&args.store, stats),
        Command::Backup(backup) => backup::run(&args.store, backup),
        Command::Restore(restore) => backup::restore(&args.store, restore),
        Command::Compact(compact) => compact::run(&args.store, compact),
        Command::Demo(demo) => demo::run(&args.store, demo),
        Command::Migrate(_) => migrate::run(&args.store),
        Command::Doctor(doctor) => doctor::run(&args.store, doctor),
        Command::Completions(completions) => completions::run(completions, args::command()),
        Command::Man(man) => man::run(man, args::command()),
    };
    interrupt::wait_for_end();
    let code = result.map_or_else(Failure::report, |()| ExitCode::SUCCESS);
    // A query that was left while it ran can have some still.
    netsky_db::remove_temp_files();
    code
}

/// A panic over a damaged file becomes an error, which says all there is to say. Of the others the
/// message is printed as ever.
fn print_only_uncaught_panics() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !internal::is_caught() {
            print(panic);
        }
    }));
}
