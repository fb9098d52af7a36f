//! The views: each gives what a plain reckoning over the same rows gives, and reads no more than it
//! must.

mod models;
mod pushdown;

use netsky_db::{TABLES, VIEWS, ViewType};
use netsky_testing::{rows, store, value};

#[test]
fn a_view_has_the_columns_that_it_is_declared_with() {
    let store = store();
    for view in VIEWS {
        let batches = store.db.query_batches(&format!("SELECT * FROM {}", view.name())).unwrap();
        let described = rows(&store.db, &format!("DESCRIBE {}", view.name()));
        assert_eq!(described.len(), view.columns().len(), "{}", view.name());
        for (described, column) in described.iter().zip(view.columns()) {
            let name = format!("{}.{}", view.name(), column.name);
            assert_eq!(described["column_name"], column.name, "{name}");
            let types: &[&str] = match column.ty {
                ViewType::Text => &["Utf8", "Utf8View"],
                ViewType::Int => &["Int64"],
                ViewType::Float => &["Float64"],
                ViewType::Date => &["Date32"],
                ViewType::Time => &["Timestamp(ns, \"UTC\")"],
                other => panic!("{other:?}"),
            };
            let found = described["data_type"].as_str().unwrap();
            assert!(types.contains(&found), "{name} is {found}");
            if column.nullable {
                assert_eq!(described["is_nullable"], "YES", "{name}");
            }
            for batch in &batches {
                let schema = batch.schema();
                let field = schema.field_with_name(column.name).unwrap();
                assert_eq!(field.data_type().to_string(), found, "{name}");
            }
        }
    }
}

#[test]
fn views_are_listed_and_described_as_tables_are() {
    let store = store();
    let listed = rows(
        &store.db,
        "SELECT table_name FROM information_schema.tables \
         WHERE table_schema = 'public' AND table_type = 'VIEW'",
    );
    assert_eq!(listed.len(), VIEWS.len());
    let defined = rows(
        &store.db,
        "SELECT table_name, definition FROM information_schema.views WHERE definition IS NOT NULL",
    );
    for view in VIEWS {
        assert!(listed.iter().any(|row| row["table_name"] == view.name()), "{}", view.name());
        let definition = defined.iter().find(|row| row["table_name"] == view.name()).unwrap();
        assert_eq!(definition["definition"], view.sql());
        assert!(TABLES.iter().all(|table| table.name() != view.name()));
    }
    let columns =
        "SELECT count(*) FROM information_schema.columns WHERE table_name = 'v_last_tick'";
    assert_eq!(value(&store.db, columns), 4);
    let error = store.db.query("SELECT * FROM v_cost_dialy").unwrap_err().to_string();
    assert!(error.contains("did you mean 'v_cost_daily'"), "{error}");
}

#[test]
fn a_table_cannot_take_the_name_of_a_view() {
    netsky_db::tables! {
        /// One too many.
        static TAKEN;

        /// Nothing.
        #[table = "v_timeline"]
        struct TimelineRecord {
            /// Nothing.
            n: i64,
        }
    }
    let error = store().db.with_tables(TAKEN).unwrap_err();
    assert_eq!(error.to_string(), "a table named 'v_timeline' already exists");
}

#[tokio::test]
async fn a_session_has_the_views_and_can_have_more() {
    let store = store();
    let session = store.db.session().unwrap();
    let sql = "CREATE VIEW v_own AS SELECT source FROM v_last_tick WHERE ticks > 1";
    session.sql(sql).await.unwrap().collect().await.unwrap();
    for _ in 0..2 {
        store.db.record_tick(chrono::Utc::now(), "cron", "{}").unwrap();
    }
    assert_eq!(session.table("v_own").await.unwrap().count().await.unwrap(), 1);
}

#[test]
fn costs_are_summed_exactly_however_large_they_are() {
    let store = store();
    let call = |cost| {
        let row = format!(r#"{{"ts_utc":"2026-04-15T23:00:00Z","cost_usd_micros":{cost}}}"#);
        store.db.record_json("token_usage", &row).unwrap();
    };
    (0..10).for_each(|_| call(100_000));
    assert_eq!(value(&store.db, "SELECT usd FROM v_cost_daily"), 1.0);
    (0..4).for_each(|_| call(i64::MAX));
    let micros = 4 * i128::from(i64::MAX) + 1_000_000;
    assert_eq!(value(&store.db, "SELECT usd FROM v_cost_daily"), micros as f64 / 1e6);
}
