//! The views: each returns what a plain computation over the same rows returns, and reads no more
//! than it must.

mod models;
mod pushdown;

use netsky_db::{Error, TABLES, VIEWS, View, ViewColumn, ViewType};
use netsky_testing::{TestStore, rows, store, value};
use serde_json::{Value, json};

#[test]
fn views_have_their_declared_columns() {
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
fn views_are_listed_like_tables() {
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
fn tables_cannot_shadow_views() {
    netsky_db::tables! {
        /// A table whose name is taken.
        static TAKEN;

        /// No rows.
        #[table = "v_timeline"]
        struct TimelineRecord {
            /// A number.
            n: i64,
        }
    }
    let error = store().db.with_tables(TAKEN).unwrap_err();
    assert_eq!(error.to_string(), "a table or view named 'v_timeline' already exists");
}

static LOUDEST: View = View::new(
    "v_loudest",
    "How many messages each agent has sent.",
    &[
        ViewColumn::new("agent", ViewType::Text, "The agent.").or_null(),
        ViewColumn::new("messages", ViewType::Int, "How many it has sent."),
    ],
    "SELECT from_agent AS agent, count(*) AS messages FROM messages GROUP BY from_agent",
);

/// Of a view that comes before it.
static LOUD: View = View::new(
    "v_loud",
    "The agents that have sent more than one message.",
    &[ViewColumn::new("agent", ViewType::Text, "The agent.").or_null()],
    "SELECT agent FROM v_loudest WHERE messages > 1",
);

#[test]
fn views_of_a_user_are_queried_as_others_are() {
    let store = store();
    let db = store.db.with_views(&[&LOUDEST, &LOUD]).unwrap();
    for agent in ["agent1", "agent2", "agent1"] {
        let row = json!({"source": "a", "direction": "outbound", "from_agent": agent});
        db.record_json("messages", &row.to_string()).unwrap();
    }
    assert_eq!(value(&db, "SELECT agent FROM v_loud"), "agent1");
    assert_eq!(value(&db, "SELECT messages FROM v_loudest WHERE agent = 'agent2'"), 1);
    assert_eq!(count_of(&db.prepare("SELECT * FROM v_loud").unwrap().batches().unwrap()), 1);
    let shown = rows(&db, "SHOW TABLES");
    assert!(shown.iter().any(|row| row["table_name"] == "v_loud" && row["table_type"] == "VIEW"));
    assert_eq!(db.find_view("v_loud").unwrap().columns().len(), 1);
    assert_eq!(db.views().len(), VIEWS.len() + 2);
    let error = db.query("SELECT * FROM v_lodest").unwrap_err().to_string();
    assert!(error.contains("did you mean 'v_loudest'"), "{error}");
    // The store it was made from has none of them.
    assert!(matches!(store.db.query("SELECT * FROM v_loud"), Err(Error::UnknownTable { .. })));
    // They stay when tables are added or limits change.
    let db = db.with_query_options(netsky_db::QueryOptions::new().max_partitions(1));
    assert_eq!(value(&db.with_tables(&[]).unwrap(), "SELECT count(*) FROM v_loud"), 1);
}

fn count_of(batches: &[arrow::array::RecordBatch]) -> usize {
    batches.iter().map(|batch| batch.num_rows()).sum()
}

#[test]
fn a_view_cannot_take_a_name_that_is_taken() {
    static TABLE: View = View::new("ticks", "", &[], "SELECT 1");
    static VIEW: View = View::new("v_timeline", "", &[], "SELECT 1");
    let db = store().db;
    for view in [&TABLE, &VIEW] {
        assert!(matches!(db.with_views(&[view]), Err(Error::TableExists { .. })));
    }
    assert!(matches!(db.with_views(&[&LOUDEST, &LOUDEST]), Err(Error::TableExists { .. })));
    netsky_db::tables! {
        /// One too many.
        static TAKEN;

        /// Nothing.
        #[table = "v_loudest"]
        struct LoudestRecord {
            /// Nothing.
            n: i64,
        }
    }
    let error = db.with_views(&[&LOUDEST]).unwrap().with_tables(TAKEN).unwrap_err();
    assert!(matches!(error, Error::TableExists { .. }), "{error}");
}

#[test]
fn a_view_that_cannot_be_planned_is_refused() {
    const N: &[ViewColumn] = &[ViewColumn::new("n", ViewType::Int, "A number.")];
    static ITSELF: View = View::new("v_self", "", N, "SELECT n FROM v_self");
    static LATER: View = View::new("v_early", "", N, "SELECT n FROM v_late");
    static LATE: View = View::new("v_late", "", N, "SELECT 1 AS n");
    static WRITES: View = View::new("v_writes", "", N, "DELETE FROM ticks");
    static OPEN: View = View::new("v_open", "", N, "SELECT $1::bigint AS n");
    static TWO: View = View::new("v_two", "", N, "SELECT 1 AS n; SELECT 2 AS n");
    static NAMED: View = View::new("v_named", "", N, "SELECT 1 AS m");
    static TYPED: View = View::new("v_typed", "", N, "SELECT '1' AS n");
    let db = store().db;
    for (views, reason) in [
        (&[&ITSELF][..], "no table named 'v_self'"),
        (&[&LATER, &LATE], "no table named 'v_late'"),
        (&[&WRITES], "read-only"),
        (&[&OPEN], "parameters"),
        (&[&TWO], "statement"),
        (&[&NAMED], "its columns are m, and it declares n"),
        (&[&TYPED], "its column n is Utf8, and it declares int"),
    ] {
        match db.with_views(views) {
            Err(Error::InvalidView { reason: told, .. }) => {
                assert!(told.contains(reason), "{told}")
            }
            other => panic!("{reason}: {other:?}"),
        }
    }
    assert_eq!(value(&db.with_views(&[&LATE]).unwrap(), "SELECT n FROM v_late"), 1);
}

#[tokio::test]
async fn sessions_accept_more_views() {
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
fn large_costs_are_summed_exactly() {
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

/// Records a call that began at 9:`minute`, with these other columns.
fn call(store: &TestStore, minute: u32, agent: &str, more: Value) {
    let mut row = json!({"ts_utc_start": format!("2026-04-03T09:{minute:02}:00Z"), "source": "builtin",
        "tool": "Bash", "agent": agent, "success": false, "timeout_race": false});
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    store.db.record_json("mcp_tool_calls", &row.to_string()).unwrap();
}

fn open_calls(store: &TestStore) -> Vec<Value> {
    let found = rows(&store.db, "SELECT id FROM v_open_calls ORDER BY id");
    found.into_iter().map(|mut row| row.remove("id").unwrap()).collect()
}

#[test]
fn outcomes_errors_durations_and_ends_end_calls() {
    let store = store();
    call(&store, 1, "dev1", json!({"success": true}));
    call(&store, 2, "dev1", json!({"error": "no_result"}));
    call(&store, 3, "dev1", json!({"duration_ms": 12}));
    call(&store, 4, "dev1", json!({"ts_utc_end": "2026-04-03T09:05:00Z"}));
    call(&store, 5, "dev1", json!({}));
    assert_eq!(open_calls(&store), [5]);
    let latency = &rows(&store.db, "SELECT unended, errors FROM v_tool_latency")[0];
    assert_eq!((&latency["unended"], &latency["errors"]), (&json!(1), &json!(3)));
    let sql = "SELECT id FROM v_timeline WHERE what LIKE '%not ended%'";
    assert_eq!(value(&store.db, sql), 5);
    // Recorded again when it has ended.
    call(&store, 5, "dev1", json!({"duration_ms": 900}));
    assert_eq!(open_calls(&store), [0; 0]);
}

#[test]
fn calls_of_subagents_end_with_the_session_of_their_project() {
    let store = store();
    let session = |minute: u32, agent: &str, event: &str| {
        let row = json!({"ts_utc": format!("2026-04-03T09:{minute:02}:00Z"), "agent": agent,
            "session_num": 1, "event": event});
        store.db.record_json("sessions", &row.to_string()).unwrap();
    };
    session(1, "ended", "up");
    session(9, "ended", "down");
    session(1, "open", "up");
    // A subagent with a session of its own.
    session(1, "ended/own", "up");
    session(1, "open/own", "up");
    session(9, "open/own", "down");
    for agent in ["ended/a", "ended/own", "open/a", "open/own", "web/a"] {
        call(&store, 2, agent, json!({}));
    }
    let sql = "SELECT agent FROM v_open_calls ORDER BY agent";
    let agents: Vec<Value> =
        rows(&store.db, sql).into_iter().map(|row| row["agent"].clone()).collect();
    assert_eq!(agents, ["ended/own", "open/a", "web/a"]);
}

#[test]
fn sessions_of_agents_combine_calls_tools_and_prompts() {
    let store = store();
    let detail = |more: Value| {
        let mut detail = json!({"runtime": "codex", "session_id": "s-1", "session_num": 7});
        detail.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        detail.to_string()
    };
    let record = |table: &str, row: Value| {
        store.db.record_json(table, &row.to_string()).unwrap();
    };
    let usage = |session: &str, minute: u32, agent: &str, more: Value| {
        let mut row = json!({"ts_utc": format!("2026-04-03T09:{minute:02}:00Z"), "session_id": session,
            "agent": agent, "model": "opus", "output_tokens": 5});
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        record("token_usage", row);
    };
    let at = |cwd: &str, branch: &str| detail(json!({"cwd": cwd, "git_branch": branch}));
    usage(
        "s-1",
        3,
        "web",
        json!({"cost_usd_micros": 2_500_000, "detail_json": at("/src/web", "a")}),
    );
    usage("s-1", 4, "web", json!({"model": "haiku", "detail_json": at("/tmp", "b")}));
    // A subagent with a session of its own, and one that shares the session.
    let of_parent =
        detail(json!({"parent_session_id": "s-1", "session_id": "s-2", "session_num": 9}));
    usage("s-2", 5, "web/job", json!({"detail_json": of_parent}));
    usage("s-1", 6, "web/look", json!({"detail_json": detail(json!({"agent_id": "x"}))}));
    call(&store, 1, "web", json!({"error": "no", "request_json": detail(json!({}))}));
    call(&store, 2, "web", json!({"request_json": detail(json!({}))}));
    for (direction, from, to) in [("inbound", "user", "web"), ("outbound", "web", "user")] {
        record(
            "messages",
            json!({"ts_utc": "2026-04-03T09:00:00Z", "source": "codex", "direction": direction,
            "from_agent": from, "to_agent": to, "raw_json": detail(json!({}))}),
        );
    }
    // Rows without details.
    usage("s-3", 0, "dev/1", json!({"cost_usd_micros": 1}));
    usage("s-3", 1, "dev/1", json!({}));
    call(&store, 1, "dev/1", json!({}));
    record("token_usage", json!({"model": "opus"}));
    record("messages", json!({"source": "chat", "direction": "inbound", "chat_id": "s-4"}));
    let found = rows(&store.db, "SELECT * FROM v_agent_sessions ORDER BY session_id");
    let found: Vec<Value> = found.into_iter().map(Value::Object).collect();
    assert_eq!(
        found,
        [
            json!({"session_id": "s-1", "session_num": 7, "agent": "web", "runtime": "codex",
                "models": "haiku, opus", "ts_utc_first": "2026-04-03T09:00:00.000Z",
                "ts_utc_last": "2026-04-03T09:06:00.000Z", "calls": 4, "unpriced": 3, "input_tokens": null,
                "output_tokens": 20, "cached_input_tokens": null, "cache_write_tokens": null, "usd": 2.5,
                "tool_calls": 2, "errors": 1, "prompts": 1, "branch": "b", "cwd": "/src/web"}),
            json!({"session_id": "s-3", "session_num": null, "agent": "dev/1", "runtime": null,
                "models": "opus", "ts_utc_first": "2026-04-03T09:00:00.000Z",
                "ts_utc_last": "2026-04-03T09:01:00.000Z", "calls": 2, "unpriced": 1, "input_tokens": null,
                "output_tokens": 10, "cached_input_tokens": null, "cache_write_tokens": null, "usd": 1e-6,
                "tool_calls": 0, "errors": 0, "prompts": 0, "branch": null, "cwd": null}),
        ]
    );
}

#[test]
fn calls_end_with_their_agents_session() {
    let store = store();
    let session = |minute: u32, agent: &str, number: i64, event: &str| {
        let row = json!({"ts_utc": format!("2026-04-03T09:{minute:02}:00Z"), "agent": agent,
            "session_num": number, "event": event});
        store.db.record_json("sessions", &row.to_string()).unwrap();
    };
    session(1, "ended", 1, "up");
    session(9, "ended", 1, "down");
    session(1, "open", 1, "up");
    session(1, "restarted", 1, "up");
    session(3, "restarted", 1, "down");
    session(4, "restarted", 2, "up");
    // Two at once, of which one has ended.
    session(1, "twice", 1, "up");
    session(1, "twice", 2, "up");
    session(9, "twice", 2, "down");
    for agent in ["ended", "open", "restarted", "twice", "without sessions"] {
        call(&store, 2, agent, json!({}));
    }
    let sql = "SELECT agent FROM v_open_calls ORDER BY agent";
    let agents: Vec<Value> =
        rows(&store.db, sql).into_iter().map(|row| row["agent"].clone()).collect();
    assert_eq!(agents, ["open", "twice", "without sessions"]);
    let sql = "SELECT agent, open_sessions, open_since FROM v_agents ORDER BY agent";
    let found: Vec<Value> = rows(&store.db, sql).into_iter().map(Value::Object).collect();
    let at = |minute: u32| json!(format!("2026-04-03T09:{minute:02}:00.000Z"));
    assert_eq!(
        found,
        [
            json!({"agent": "ended", "open_sessions": 0, "open_since": null}),
            json!({"agent": "open", "open_sessions": 1, "open_since": at(1)}),
            json!({"agent": "restarted", "open_sessions": 1, "open_since": at(4)}),
            json!({"agent": "twice", "open_sessions": 1, "open_since": at(1)}),
        ]
    );
}
