//! `netsky`: the command line of the store.
//!
//! Each command is a file in `commands/`: its arguments, and a `run` that returns or fails with a
//! [`Failure`]. The commands share the printing of answers (`output/`, `chart/`), the file formats of
//! imports and exports (`files/`), and the options that select the store (`store`).

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod args;
mod caret;
mod chart;
mod child;
mod commands;
mod completion;
mod failure;
mod files;
mod foreign_options;
mod human;
mod human_table;
mod interrupt;
mod last_ids;
mod output;
mod process;
mod progress;
mod row;
mod session_id;
mod store;
mod terminal;
mod time_or_age;
mod time_zone;

use std::panic;
use std::process::ExitCode;

use netsky_db::internal;

fn main() -> ExitCode {
    print_only_uncaught_panics();
    completion::answer(args::command);
    let args = args::parse();
    if args.command.limits_memory() {
        process::give_back_memory();
        process::open_many_files();
    }
    // Only now, because the program may have restarted itself above, and a signal handled before that
    // would be lost.
    interrupt::handle();
    child::end_with_parent();
    let result = args.command.run(&args.store);
    interrupt::wait_for_end();
    let code = match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if child::reports_json() => failure.report_json_as_warning(),
        Err(failure) if args.json => failure.report_json(),
        Err(failure) => failure.report(),
    };
    // A cancelled query can still have temporary files.
    netsky_db::remove_temp_files();
    interrupt::cancel_jobs();
    code
}

/// A panic over a damaged file becomes an error, so its message is not printed. Others are printed as
/// usual.
fn print_only_uncaught_panics() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !internal::is_caught() {
            print(panic);
        }
    }));
}
