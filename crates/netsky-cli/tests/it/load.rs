//! A load on a real server, for a few seconds; longer with `cargo run --example load_serve` of netsky-server.

#[path = "../../../netsky-server/examples/load_serve/load/mod.rs"]
mod served;

use std::time::Duration;

use self::served::Options;

#[test]
fn a_loaded_server_keeps_its_promises() {
    let options = Options {
        program: env!("CARGO_BIN_EXE_netsky").into(),
        writer_arguments: ["load::writer", "--exact", "--nocapture"].map(str::to_owned).into(),
        clients: 6,
        writers: 4,
        followers: 5,
        joins: 2,
        time: Duration::from_secs(3),
        pause: Duration::from_millis(500),
        rows: 2_000,
    };
    let report = served::run(&options).unwrap();
    assert!(report.broken.is_empty(), "{report}");
}

/// What a process that writes does. In the test run itself, nothing.
#[test]
fn writer() {
    served::writer::run_if_asked().unwrap();
}
