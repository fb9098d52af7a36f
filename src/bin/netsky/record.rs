//! `netsky record`

use std::io::{Read, stdin};

use crate::args::{RecordArgs, StoreArgs};
use crate::failure::Failure;
use crate::output;

pub fn run(store: &StoreArgs, args: &RecordArgs) -> Result<(), Failure> {
    let mut json = args.json.clone();
    if json == "-" {
        json.clear();
        stdin()
            .read_to_string(&mut json)
            .map_err(|error| Failure::unreadable("standard input".as_ref(), &error))?;
    }
    let id = store.open()?.record_json(&args.table, &json)?;
    output::print_line(&id.to_string())
}
