//! `netsky schema --format ddl`: tables and views in one line each, short enough for a prompt.

use netsky_db::{ColumnType, Table, View, ViewType};

/// What the lines leave out, and what people get wrong most often.
pub const NOTES: &str = "\
-- netsky, an event store with the SQL of DataFusion (PostgreSQL's dialect). A column without a type is text;
-- ? can be NULL. Each table also has id int, which counts up in the order of recording.
-- time: TIMESTAMP WITH TIME ZONE in UTC, in milliseconds; now() - INTERVAL '7 days' and '2026-04-15' compare.
-- *_json: JSON as text; detail_json->>'key' is text, (detail_json->>'n')::bigint a number.
-- cost_usd_micros: millionths of a US dollar. duration_ms, *_ms: milliseconds.
";

/// The table in one line, and the values of columns that allow only some.
pub fn table_line(table: &Table) -> String {
    let columns = table.columns().iter().map(|column| {
        let ty = if column.ty == ColumnType::Text { "" } else { column.ty.name() };
        line_of(column.name, ty, column.nullable)
    });
    let columns: Vec<String> = columns.collect();
    let allowed = table.columns().iter().filter(|column| !column.allowed.is_empty());
    let allowed: String = allowed
        .map(|column| format!(" -- {}: {}", column.name, column.allowed.join(", ")))
        .collect();
    format!("{}({}){allowed}", table.name(), columns.join(", "))
}

pub fn view_line(view: &View) -> String {
    let columns = view.columns().iter().map(|column| {
        let ty = if column.ty == ViewType::Text { "" } else { column.ty.name() };
        line_of(column.name, ty, column.nullable)
    });
    format!("{}({})", view.name(), columns.collect::<Vec<_>>().join(", "))
}

fn line_of(name: &str, ty: &str, nullable: bool) -> String {
    let gap = if ty.is_empty() { "" } else { " " };
    let mark = if nullable { "?" } else { "" };
    format!("{name}{gap}{ty}{mark}")
}

#[cfg(test)]
mod tests {
    use netsky_db::{TABLES, VIEWS};

    use super::*;

    #[test]
    fn a_line_has_names_types_and_allowed_values() {
        let line = |name| table_line(Table::find(name, TABLES).unwrap());
        assert_eq!(
            line("sessions"),
            "sessions(ts_utc time, agent, session_num int, event) -- event: up, down, note"
        );
        assert_eq!(
            view_line(&VIEWS[0]).split('(').next().unwrap().to_owned(),
            VIEWS[0].name().to_owned()
        );
    }
}
