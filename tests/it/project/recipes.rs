//! The queries of docs/recipes.md have answers on the demo's fleet.

use std::fs;

use chrono::Utc;
use netsky_db::demo::Fleet;
use netsky_testing::store;

use super::root;

/// The pairs of a question and its query.
fn recipes(page: &str) -> Vec<(&str, &str)> {
    let sections = page.split("\n## ").skip(1);
    let recipes = sections.map(|section| {
        let question = section.lines().next().unwrap();
        let sql = section.split_once("```sql\n").and_then(|(_, sql)| sql.split_once(";\n```"));
        (question, sql.unwrap_or_else(|| panic!("there is no query for: {question}")).0)
    });
    recipes.collect()
}

#[test]
fn every_recipe_has_an_answer() {
    let store = store();
    // The queries ask about the last days.
    let mut fleet = Fleet::new(50_000);
    fleet.end = Utc::now();
    fleet.record(&store.db).unwrap();
    let page = fs::read_to_string(root().join("docs/recipes.md")).unwrap();
    let recipes = recipes(&page);
    assert!(recipes.len() >= 15, "{}", recipes.len());
    for (question, sql) in recipes {
        let answer =
            store.db.query_batches(sql).unwrap_or_else(|error| panic!("{question} {error}"));
        assert!(answer.iter().any(|batch| batch.num_rows() > 0), "{question}");
    }
}
