//! The second oracle: SQLite, which shares no code with DataFusion. There, times are integers in
//! nanoseconds, and booleans are 0 and 1.

use netsky_db::Table;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};

use super::answer::{Answer, Cell};
use super::expression::Literal;

pub struct Sqlite(Connection);

impl Sqlite {
    pub fn new(tables: &[(&'static Table, Vec<Vec<Literal>>)]) -> Self {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "case_sensitive_like", true).unwrap();
        let transaction = connection.transaction().unwrap();
        for (table, rows) in tables {
            let names: Vec<&str> = table.columns().iter().map(|column| column.name).collect();
            let sql = format!(
                "CREATE TABLE {} (id INTEGER PRIMARY KEY, {})",
                table.name(),
                names.join(", ")
            );
            transaction.execute(&sql, []).unwrap();
            let places = vec!["?"; names.len() + 1].join(", ");
            let sql = format!("INSERT INTO {} VALUES ({places})", table.name());
            let mut insert = transaction.prepare(&sql).unwrap();
            for row in rows {
                insert.execute(params_from_iter(row)).unwrap();
            }
        }
        transaction.commit().unwrap();
        Self(connection)
    }

    pub fn answer(&self, sql: &str) -> Result<Answer, String> {
        let answer = || -> rusqlite::Result<Answer> {
            let mut statement = self.0.prepare(sql)?;
            let columns = statement.column_count();
            let mut found = statement.query([])?;
            let mut rows = Vec::new();
            while let Some(row) = found.next()? {
                let cells = (0..columns).map(|index| Ok(cell(row.get_ref(index)?)));
                rows.push(cells.collect::<rusqlite::Result<_>>()?);
            }
            Ok(Answer { types: None, rows })
        };
        answer().map_err(|error| error.to_string())
    }
}

impl ToSql for Literal {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Value::Null),
            Self::Int(value) | Self::Time(value, _) => ToSqlOutput::Owned(Value::Integer(*value)),
            Self::Bool(value) => ToSqlOutput::Owned(Value::Integer((*value).into())),
            Self::Float(value) => ToSqlOutput::Owned(Value::Real(*value)),
            Self::Text(text) | Self::Date(text) => {
                ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes()))
            }
        })
    }
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(value) => Cell::Int(value),
        ValueRef::Real(value) => Cell::Real(value),
        ValueRef::Text(text) | ValueRef::Blob(text) => {
            Cell::Text(String::from_utf8_lossy(text).into_owned())
        }
    }
}
