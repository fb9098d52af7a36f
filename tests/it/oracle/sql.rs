//! SQL text under construction, in one of several dialects.

use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};

use super::expression::{Literal, TimeForm};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// As a user would write it.
    Store,
    /// The same for `Db::session`, where DataFusion's own parser takes everything after `IS
    /// DISTINCT FROM`, including `AND` and `OR`, as its operand.
    Session,
    /// DataFusion's, written so that its optimizer has as little as possible to do.
    MemTable,
    Sqlite,
}

impl Dialect {
    /// Whether the store is queried in this dialect.
    pub fn is_stores(self) -> bool {
        matches!(self, Self::Store | Self::Session)
    }
}

#[derive(Debug)]
pub struct Sql {
    pub dialect: Dialect,
    pub text: String,
    /// Whether only DataFusion supports it.
    pub native: bool,
}

impl Sql {
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, text: String::new(), native: false }
    }

    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub fn push_list<T>(&mut self, list: &[T], print: impl Fn(&mut Self, &T)) {
        for (index, item) in list.iter().enumerate() {
            if index > 0 {
                self.push(", ");
            }
            print(self, item);
        }
    }

    pub fn push_literal(&mut self, literal: &Literal) {
        let text = match literal {
            Literal::Null => "NULL".to_owned(),
            Literal::Int(value) => value.to_string(),
            Literal::Bool(value) => value.to_string(),
            Literal::Text(text) => format!("'{}'", text.replace('\'', "''")),
            Literal::Float(value) => format!("{value:?}"),
            Literal::Date(date) => match self.dialect {
                Dialect::MemTable => format!("DATE '{date}'"),
                _ => format!("'{date}'"),
            },
            Literal::Time(nanos, form) => match self.dialect {
                Dialect::Sqlite => nanos.to_string(),
                Dialect::MemTable => time(*nanos, TimeForm::Utc),
                Dialect::Store | Dialect::Session => time(*nanos, *form),
            },
        };
        self.push(&text);
    }
}

fn time(nanos: i64, form: TimeForm) -> String {
    let time = DateTime::<Utc>::from_timestamp_nanos(nanos);
    let utc = time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    match form {
        TimeForm::Utc => format!("'{utc}'"),
        TimeForm::NoZone => format!("'{}'", time.naive_utc()),
        TimeForm::Offset => {
            let offset =
                FixedOffset::east_opt(5 * 3600 + 1800).unwrap_or(FixedOffset::east_opt(0).unwrap());
            let time = time.with_timezone(&offset);
            format!("'{}'", time.to_rfc3339_opts(SecondsFormat::AutoSi, false))
        }
        TimeForm::Function => format!("to_timestamp('{utc}')"),
    }
}
