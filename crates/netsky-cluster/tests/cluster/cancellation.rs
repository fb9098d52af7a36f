//! Queries that nobody waits for any more.

use std::time::Duration;

use netsky_db::{Db, Error, QueryOptions};
use netsky_testing::value;
use serde_json::json;

use super::lake_with_ticks;
use super::processes::{Processes, until};

/// Takes minutes.
pub const ENDLESS: &str = "SELECT count(*) AS n FROM ticks a JOIN ticks b ON a.id % 97 <> b.id % 89 \
                       JOIN ticks c ON c.id % 83 <> b.id % 79";

pub fn assert_freed(processes: &Processes, db: &Db) {
    until("the executor is idle", || {
        let before = processes.executors[0].busy();
        std::thread::sleep(Duration::from_secs(1));
        processes.executors[0].busy() < before + Duration::from_millis(200)
    });
    assert_eq!(value(db, "SELECT count(*) FROM ticks"), json!(12_000));
}

#[test]
fn a_query_that_is_dropped_frees_its_executor() {
    let directory = lake_with_ticks(12_000);
    let processes = Processes::start(1);
    let cluster = processes.ready(&directory.lake());
    let before = processes.executors[0].busy();
    let answer = futures::executor::block_on(cluster.query_stream(ENDLESS)).unwrap();
    until("the query runs", || processes.executors[0].busy() > before + Duration::from_secs(1));
    drop(answer);
    assert_freed(&processes, &cluster);
}

#[test]
fn a_query_whose_time_is_up_frees_its_executor() {
    let directory = lake_with_ticks(12_000);
    let processes = Processes::start(1);
    let cluster = processes.ready(&directory.lake());
    let limited = cluster.with_query_options(QueryOptions::new().timeout(Duration::from_secs(3)));
    let error = limited.query(ENDLESS).unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    assert_freed(&processes, &cluster);
}
