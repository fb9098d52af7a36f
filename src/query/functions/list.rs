//! All functions that can be called, one entry for each name.

use std::collections::{BTreeMap, HashMap};

use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::Documentation;

use crate::query::functions::function::{Category, Function};
use crate::query::functions::table::FUNCTIONS;

/// A function that SQL can call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFunction {
    name: String,
    kind: &'static str,
    category: Category,
    signature: String,
    doc: String,
}

impl ListedFunction {
    /// The name, in small letters.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `scalar`, `aggregate`, `window` or `table`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// What it is about.
    pub fn category(&self) -> Category {
        self.category
    }

    /// How it is called: `date_diff(part, from, to)`.
    pub fn signature(&self) -> &str {
        &self.signature
    }

    /// What it does, in one sentence. Empty if DataFusion does not say.
    pub fn doc(&self) -> &str {
        &self.doc
    }
}

/// Lists the functions of a session, by name.
pub(in crate::query) fn functions_of(session: &SessionState) -> Vec<ListedFunction> {
    let documented: HashMap<&str, &Function> =
        FUNCTIONS.iter().map(|function| (function.name(), function)).collect();
    let mut found = BTreeMap::new();
    let mut add = |name: &str, kind: &'static str, docs: Option<&Documentation>| {
        if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return;
        }
        let (category, signature, doc) = match documented.get(name) {
            Some(function) => {
                (function.category(), function.signature().to_owned(), function.doc().to_owned())
            }
            None => (
                Category::Other,
                docs.map_or_else(|| format!("{name}(...)"), |docs| signature(name, docs)),
                docs.map_or_else(String::new, |docs| first_sentence(&docs.description)),
            ),
        };
        let listed = ListedFunction { name: name.to_owned(), kind, category, signature, doc };
        found.entry(name.to_owned()).or_insert(listed);
    };
    for (name, function) in session.scalar_functions() {
        add(name, "scalar", function.documentation());
    }
    for (name, function) in session.higher_order_functions() {
        add(name, "scalar", function.documentation());
    }
    for (name, function) in session.aggregate_functions() {
        add(name, "aggregate", function.documentation());
    }
    for (name, function) in session.window_functions() {
        add(name, "window", function.documentation());
    }
    for name in session.table_functions().keys() {
        add(name, "table", None);
    }
    found.into_values().collect()
}

/// Returns how a function is called, under the name that is listed.
fn signature(name: &str, docs: &Documentation) -> String {
    let syntax = docs.syntax_example.lines().next().unwrap_or_default().trim();
    match syntax.split_once('(') {
        Some((_, arguments)) => format!("{name}({arguments}"),
        None => format!("{name}(...)"),
    }
}

fn first_sentence(description: &str) -> String {
    let paragraph = description.trim().split("\n\n").next().unwrap_or_default();
    let line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.split_once(". ") {
        Some((sentence, _)) => format!("{sentence}."),
        None => line,
    }
}
