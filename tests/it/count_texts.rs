//! `count(*)` by a text counts the ids of dictionaries, and answers as grouping the rows does.

use netsky_db::{Db, MessageRecord, QueryOptions};
use netsky_testing::{at, foreign_rows, foreign_session, message, rows, store};

use crate::columnar::counts;

const SEGMENT: i64 = 8_192;

/// Whether the scan counts the texts.
fn is_counted(db: &Db, sql: &str) -> bool {
    db.query(&format!("EXPLAIN {sql}")).unwrap().contains("counted by text")
}

#[test]
fn counts_by_text_are_those_of_the_rows() {
    let store = store();
    let bodies: Vec<String> = (0..3 * SEGMENT + 100).map(|n| format!("body {n}")).collect();
    let messages = bodies.iter().zip(1..).map(|(body, id): (_, i64)| MessageRecord {
        // Two segments have the second source, the last one alone the third.
        source: ["first", "second", "third"][(id % 3 * id / (2 * SEGMENT)).min(2) as usize],
        // Some are null, in the second segment all.
        chat_id: (id / SEGMENT != 1 && id % 5 != 0).then_some(if id % 2 == 0 { "" } else { "odd" }),
        // More than 256 texts in a segment.
        to_agent: Some(&body[body.len().saturating_sub(3)..]),
        ..message(at(id), body)
    });
    store.db.record_all(messages).unwrap();
    store.db.compact().unwrap();
    let foreign = foreign_session(&store.db, 2);
    for (sql, counted) in [
        ("SELECT source, count(*) AS n FROM messages GROUP BY source ORDER BY 1", true),
        ("SELECT chat_id, count(*) AS n FROM messages GROUP BY 1 ORDER BY 1", true),
        ("SELECT to_agent, count(1) AS n FROM messages GROUP BY 1 ORDER BY 1", true),
        ("SELECT body, count(*) AS n FROM messages GROUP BY 1 ORDER BY 2, 1 LIMIT 9", true),
        // The aggregate keeps the first groups only.
        ("SELECT body, count(*) AS n FROM messages GROUP BY 1 ORDER BY 1 LIMIT 9", false),
        ("SELECT DISTINCT chat_id FROM messages ORDER BY 1", true),
        ("SELECT count(DISTINCT to_agent) AS n FROM messages", true),
        (
            "SELECT source, count(*) AS n, count(*) * 2 AS m FROM messages GROUP BY 1 \
             HAVING count(*) > 5 ORDER BY 2, 1",
            true,
        ),
        (
            "SELECT chat_id, count(*) AS n FROM messages WHERE id BETWEEN 9000 AND 20000 \
             GROUP BY 1 ORDER BY 1",
            true,
        ),
        ("SELECT chat_id, count(chat_id) AS n FROM messages GROUP BY 1 ORDER BY 1", false),
        ("SELECT source, count(*), max(id) AS n FROM messages GROUP BY 1 ORDER BY 1", false),
        ("SELECT source, chat_id, count(*) AS n FROM messages GROUP BY 1, 2 ORDER BY 1, 2", false),
        (
            "SELECT source, count(*) FILTER (WHERE source > 'g') AS n FROM messages GROUP BY 1 \
             ORDER BY 1",
            false,
        ),
        (
            "SELECT source, count(*) AS n FROM messages WHERE chat_id IS NULL GROUP BY 1 ORDER BY 1",
            false,
        ),
        ("SELECT upper(source) AS s, count(*) AS n FROM messages GROUP BY 1 ORDER BY 1", false),
    ] {
        assert_eq!(is_counted(&store.db, sql), counted, "{sql}");
        let expected = foreign_rows(&foreign, sql);
        assert_eq!(rows(&store.db, sql), expected, "{sql}");
        // In one partition, the plan has a single aggregate.
        let one = QueryOptions::new().max_partitions(1);
        assert_eq!(rows(&store.db.with_query_options(one), sql), expected, "{sql}");
        let lenient = store.db.with_query_options(QueryOptions::new().skip_corrupt(true));
        assert_eq!(rows(&lenient, sql), expected, "{sql}");
        assert!(!is_counted(&lenient, sql));
    }
    let read = counts(&store.db, "SELECT source, count(*) FROM messages GROUP BY 1");
    assert_eq!(read.rows_read, 3 * SEGMENT as u64 + 100);
    assert_eq!(read.segments_read, 3);
    // Without copies there are no dictionaries.
    store.db.keep_columns(false).unwrap();
    assert!(!is_counted(&store.db, "SELECT source, count(*) FROM messages GROUP BY 1"));
}
