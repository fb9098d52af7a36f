//! What a cluster does not do, and what it says.

use std::fs;

use ballista_core::serde::protobuf::ExecuteQueryParams;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use netsky_cluster::Cluster;
use netsky_lake::Lake;
use tokio::runtime::Builder;
use tonic::Request;

use super::processes::{Processes, free_port};
use super::{lake_with_ticks, processes::until};

fn error(processes: &Processes, lake: &str, sql: &str) -> String {
    processes.db(lake).query(sql).unwrap_err().to_string()
}

#[test]
fn a_cluster_that_is_not_there_is_named() {
    let directory = lake_with_ticks(10);
    let url = format!("df://127.0.0.1:{}", free_port());
    let lake = Lake::open(&directory.lake()).unwrap();
    let cluster = Cluster::new(&url).unwrap().db(lake).unwrap();
    let error = cluster.query("SELECT count(*) FROM ticks").unwrap_err().to_string();
    assert!(error.contains(&url) && error.contains("netsky-cluster scheduler"), "{error}");
    // What needs no table of the lake needs no cluster.
    assert!(cluster.query("SELECT 1 AS one").unwrap().contains("one"));
}

#[test]
fn a_client_of_another_ballista_is_refused_by_its_version() {
    let processes = Processes::start(0);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let refused = runtime.block_on(async {
        let scheduler = format!("http://127.0.0.1:{}", processes.port);
        let mut scheduler = SchedulerGrpcClient::connect(scheduler).await.unwrap();
        let mut query = Request::new(ExecuteQueryParams::default());
        query.metadata_mut().insert("ballista-version", "54.1.0".parse().unwrap());
        scheduler.execute_query(query).await.unwrap_err()
    });
    assert!(refused.message().contains("client 54.1.0"), "{refused}");
}

#[test]
fn a_cluster_without_executors_says_how_to_start_one() {
    let directory = lake_with_ticks(10);
    let processes = Processes::start(0);
    let error = error(&processes, &directory.lake(), "SELECT count(*) FROM ticks");
    assert!(error.contains("netsky-cluster executor"), "{error}");
}

#[test]
fn too_many_files_are_refused_by_their_number() {
    let directory = lake_with_ticks(10);
    let lake = directory.lake();
    let mut days: Vec<_> = fs::read_dir(format!("{lake}/ticks")).unwrap().flatten().collect();
    days.sort_by_key(fs::DirEntry::path);
    let day = days[0].path().join("machine=m");
    let file = fs::read_dir(&day).unwrap().next().unwrap().unwrap().path();
    for ids in 1_000..21_000 {
        fs::hard_link(&file, day.join(format!("{ids:012}-{ids:012}.parquet"))).unwrap();
    }
    // Nothing is sent, so no cluster is needed.
    let cluster = Cluster::new(&format!("df://127.0.0.1:{}", free_port())).unwrap();
    let cluster = cluster.db(Lake::open(&lake).unwrap()).unwrap();
    let error = cluster.query("SELECT count(*) FROM ticks").unwrap_err().to_string();
    assert!(error.contains("20004 files") && error.contains("20000"), "{error}");
    let one_day = "SELECT count(*) FROM ticks WHERE ts_utc >= '1970-01-02'";
    let error = cluster.query(one_day).unwrap_err().to_string();
    assert!(!error.contains("files"), "{error}");
}

#[test]
fn what_a_cluster_cannot_do_is_refused_by_name() {
    let directory = lake_with_ticks(10);
    let processes = Processes::start(1);
    let cluster = processes.ready(&directory.lake());
    for (sql, part) in [
        (
            "WITH RECURSIVE n(i) AS (SELECT max(id) FROM ticks UNION ALL SELECT i - 1 FROM n WHERE i > 0) \
          SELECT i FROM n",
            "WITH RECURSIVE cannot run on a cluster",
        ),
        (
            "SELECT id FROM ticks JOIN generate_series(1, 3) g ON g.value = id",
            "generate_series() cannot run on a cluster",
        ),
        ("SELECT id FROM ticks, information_schema.tables", "tables cannot run on a cluster"),
        (
            "SELECT id FROM ticks ORDER BY (SELECT 1)",
            "a subquery in this place cannot run on a cluster",
        ),
        (
            "SELECT id NOT IN (SELECT id + 3 FROM ticks) AS x FROM ticks",
            "a subquery in this place cannot run on a cluster",
        ),
        ("SELECT id FROM ticks LIMIT 5000000000", "above 4294967295 rows cannot run on a cluster"),
        ("SELECT (SELECT id FROM ticks) AS x", "Scalar subquery returned more than one row"),
        ("SELECT 1 / (id - 1) AS x FROM ticks", "Divide by zero error"),
        ("SELECT source::int AS x FROM ticks", "Cannot cast string 'cron' to value of Int32 type"),
        ("SELECT nosuch FROM ticks", "nosuch"),
    ] {
        let error = cluster.query(sql).unwrap_err().to_string();
        assert!(error.contains(part), "{sql}: {error}");
        assert!(!error.contains("Error("), "{sql}: {error}");
    }
}

#[test]
fn a_lake_that_executors_cannot_read_is_named() {
    let directory = lake_with_ticks(10);
    let processes = Processes::start(1);
    processes.ready(&directory.lake());
    // The file is gone between planning and reading, or damaged.
    let lake = directory.lake();
    let day = fs::read_dir(format!("{lake}/ticks")).unwrap().next().unwrap().unwrap().path();
    let file = fs::read_dir(day.join("machine=m")).unwrap().next().unwrap().unwrap().path();
    let content = fs::read(&file).unwrap();
    fs::write(&file, &content[..content.len() - 4]).unwrap();
    let error = error(&processes, &lake, "SELECT max(source) FROM ticks");
    assert!(error.to_lowercase().contains("parquet"), "{error}");
    until("the cluster answers", || {
        processes.db(&lake).query("SELECT count(*) FROM messages").is_ok()
    });
}
