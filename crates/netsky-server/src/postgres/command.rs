//! What a statement asks for, as its first words say.

use super::parser::Parser;
use super::settings::Change;
use super::sql_error::SqlError;
use super::token::{Kind, Token};

/// What a statement asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Command {
    /// There is no statement.
    Empty,
    /// A backend answers, with rows.
    Read,
    /// A backend answers, with a copy.
    Copy,
    /// The modes of the transaction, and the tag of the answer.
    Begin(Vec<Change>, &'static str),
    Commit {
        chain: bool,
    },
    Rollback {
        chain: bool,
    },
    Savepoint(String),
    Release(String),
    RollbackTo(String),
    /// Changes of settings, with the tag of the answer.
    Set(Vec<Change>, &'static str),
    /// A statement that changes nothing here, with the tag of its answer.
    Nothing(&'static str),
    Show(String),
    ShowAll,
    /// Forgets everything of the session; otherwise what does not exist here, with its tag.
    DiscardAll,
    Deallocate(Option<String>),
    Prepare(Prepare),
    /// Runs a prepared statement with these values, as text.
    Execute(String, Vec<Option<String>>),
    Declare(Declare),
    Fetch(Fetch),
    /// Closes a cursor, or all.
    CloseCursor(Option<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prepare {
    pub(crate) name: String,
    pub(crate) types: Vec<u32>,
    pub(crate) query: String,
    /// The number of characters before the query.
    pub(crate) characters_before: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Declare {
    pub(crate) name: String,
    pub(crate) is_binary: bool,
    pub(crate) is_held: bool,
    pub(crate) query: String,
    /// The number of characters before the query.
    pub(crate) characters_before: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fetch {
    pub(crate) cursor: String,
    pub(crate) rows: Rows,
    /// The rows are left out.
    pub(crate) is_move: bool,
}

/// Which rows of a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    All,
    Next(u64),
    /// One row, so many rows from the start.
    Absolute(u64),
    /// One row, so many rows further.
    Relative(u64),
    /// Rows that have been passed.
    Backward,
}

/// First words of statements that a backend answers.
const READS: [&str; 11] = [
    "SELECT",
    "WITH",
    "VALUES",
    "TABLE",
    "FROM",
    "EXPLAIN",
    "SUMMARIZE",
    "DESCRIBE",
    "DESC",
    "PIVOT",
    "UNPIVOT",
];

/// What SHOW shows of the store, and not of the session.
const SHOWN_BY_BACKENDS: [&str; 4] = ["TABLES", "COLUMNS", "FUNCTIONS", "VIEWS"];

/// First words of statements that write, or would have others wait.
const WRITES: [&str; 31] = [
    "INSERT",
    "UPDATE",
    "DELETE",
    "MERGE",
    "TRUNCATE",
    "CREATE",
    "ALTER",
    "DROP",
    "GRANT",
    "REVOKE",
    "COMMENT",
    "VACUUM",
    "ANALYZE",
    "REINDEX",
    "CLUSTER",
    "REFRESH",
    "CALL",
    "DO",
    "IMPORT",
    "SECURITY",
    "REASSIGN",
    "CHECKPOINT",
    "LOAD",
    "LOCK",
    "REPLACE",
    "ATTACH",
    "DETACH",
    "INSTALL",
    "EXPORT",
    "PRAGMA",
    "UPSERT",
];

impl Command {
    pub(crate) fn parse(sql: &str) -> Result<Self, SqlError> {
        let mut parser = Parser::of(sql);
        let Some(first) = parser.peek() else { return Ok(Self::Empty) };
        let keyword = match first.kind {
            Kind::Word => first.text.to_ascii_uppercase(),
            Kind::Symbol if first.text == "(" => return Ok(Self::Read),
            _ => return Err(parser.unexpected()),
        };
        if READS.contains(&keyword.as_str()) {
            return Ok(Self::Read);
        }
        if WRITES.contains(&keyword.as_str()) {
            return Err(read_only(&keyword));
        }
        let unexpected = parser.unexpected();
        parser.next();
        let parser = &mut parser;
        match keyword.as_str() {
            "COPY" => copy(parser),
            "BEGIN" => {
                let _ = parser.takes("WORK") || parser.takes("TRANSACTION");
                Ok(Self::Begin(modes(parser, Scope::Transaction)?, "BEGIN"))
            }
            "START" => match parser.takes("TRANSACTION") {
                true => Ok(Self::Begin(modes(parser, Scope::Transaction)?, "START TRANSACTION")),
                false => Err(parser.unexpected()),
            },
            "COMMIT" | "END" => Ok(Self::Commit { chain: end_of_transaction(parser)? }),
            "ROLLBACK" | "ABORT" => rollback(parser),
            "SAVEPOINT" => ended(parser, |parser| Ok(Self::Savepoint(parser.name()?))),
            "RELEASE" => ended(parser, |parser| {
                parser.takes("SAVEPOINT");
                Ok(Self::Release(parser.name()?))
            }),
            "SET" => ended(parser, set),
            "RESET" => ended(parser, reset),
            "SHOW" => show(parser),
            "DISCARD" => ended(parser, discard),
            "DEALLOCATE" => ended(parser, |parser| {
                parser.takes("PREPARE");
                Ok(Self::Deallocate(all_or_name(parser)?))
            }),
            "DECLARE" => declare(parser),
            "FETCH" => ended(parser, |parser| fetch(parser, false)),
            "MOVE" => ended(parser, |parser| fetch(parser, true)),
            "CLOSE" => ended(parser, |parser| Ok(Self::CloseCursor(all_or_name(parser)?))),
            // Nothing is listened to, so nothing need be undone. Pools send it.
            "UNLISTEN" => Ok(Self::Nothing("UNLISTEN")),
            "LISTEN" | "NOTIFY" => Err(unsupported(
                format!("{keyword} is not supported"),
                "GET /events?table=… of the same port follows a table",
            )),
            "PREPARE" => prepare(parser),
            "EXECUTE" => ended(parser, execute),
            _ => Err(unexpected),
        }
    }

    /// Whether the statement is possible in a failed transaction.
    pub(crate) fn ends_failure(&self) -> bool {
        matches!(self, Self::Commit { .. } | Self::Rollback { .. } | Self::RollbackTo(_))
    }
}

fn unsupported(message: impl Into<String>, hint: &str) -> SqlError {
    SqlError::new("0A000", message).hint(hint)
}

fn read_only(keyword: &str) -> SqlError {
    SqlError::new("25006", format!("cannot execute {keyword} in a read-only transaction"))
        .hint("the Postgres port only reads; `netsky record` and `netsky import` write")
}

/// Reads with `read`, and checks that nothing is left.
fn ended(
    parser: &mut Parser<'_>,
    read: impl FnOnce(&mut Parser<'_>) -> Result<Command, SqlError>,
) -> Result<Command, SqlError> {
    let command = read(parser)?;
    parser.end().map(|()| command)
}

/// `None` stands for all.
fn all_or_name(parser: &mut Parser<'_>) -> Result<Option<String>, SqlError> {
    if parser.takes("ALL") { Ok(None) } else { parser.name().map(Some) }
}

/// Finds the direction, which comes after the table or the query in parentheses.
fn copy(parser: &mut Parser<'_>) -> Result<Command, SqlError> {
    let mut depth = 0_usize;
    while let Some(token) = parser.next() {
        match token.kind {
            Kind::Symbol if token.text == "(" => depth += 1,
            Kind::Symbol if token.text == ")" => depth = depth.saturating_sub(1),
            Kind::Word if depth == 0 && token.text.eq_ignore_ascii_case("FROM") => {
                return Err(read_only("COPY FROM"));
            }
            Kind::Word if depth == 0 && token.text.eq_ignore_ascii_case("TO") => {
                return match parser.takes("STDOUT") {
                    true => Ok(Command::Copy),
                    false => Err(SqlError::new("42501", "permission denied to COPY to a file")
                        .hint("COPY … TO STDOUT sends the rows to the client; psql has \\copy")),
                };
            }
            _ => {}
        }
    }
    Err(parser.unexpected())
}

/// Reads to the end of COMMIT or ROLLBACK. Returns whether another transaction begins.
fn end_of_transaction(parser: &mut Parser<'_>) -> Result<bool, SqlError> {
    let _ = parser.takes("WORK") || parser.takes("TRANSACTION");
    if parser.sees("PREPARED") {
        return Err(unsupported("two-phase commit is not supported", ""));
    }
    let chain = match parser.takes("AND") {
        true => {
            let no = parser.takes("NO");
            if !parser.takes("CHAIN") {
                return Err(parser.unexpected());
            }
            !no
        }
        false => false,
    };
    parser.end().map(|()| chain)
}

fn rollback(parser: &mut Parser<'_>) -> Result<Command, SqlError> {
    let mut ahead = parser.clone();
    let _ = ahead.takes("WORK") || ahead.takes("TRANSACTION");
    if ahead.takes("TO") {
        ahead.takes("SAVEPOINT");
        let name = ahead.name()?;
        return ahead.end().map(|()| Command::RollbackTo(name));
    }
    Ok(Command::Rollback { chain: end_of_transaction(parser)? })
}

/// What modes of transactions are set for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Transaction,
    Session,
}

/// Reads modes of transactions to the end.
fn modes(parser: &mut Parser<'_>, scope: Scope) -> Result<Vec<Change>, SqlError> {
    let mut changes = Vec::new();
    let mut change = |name: &str, value: &str| {
        let (name, is_local) = match scope {
            Scope::Transaction => (format!("transaction_{name}"), true),
            Scope::Session => (format!("default_transaction_{name}"), false),
        };
        changes.push(Change { name, value: Some(value.to_owned()), is_local });
    };
    while !parser.is_at_end() {
        if parser.takes_all(&["ISOLATION", "LEVEL"]) {
            let level = [
                ["READ", "COMMITTED"],
                ["READ", "UNCOMMITTED"],
                ["REPEATABLE", "READ"],
                ["SERIALIZABLE", ""],
            ]
            .into_iter()
            .find(|level| match level {
                [word, ""] => parser.takes(word),
                words => parser.takes_all(words),
            });
            let Some(level) = level else { return Err(parser.unexpected()) };
            change("isolation", level.join(" ").trim_end().to_ascii_lowercase().as_str());
        } else if parser.takes_all(&["READ", "ONLY"]) {
            change("read_only", "on");
        } else if parser.takes_all(&["READ", "WRITE"]) {
            change("read_only", "off");
        } else if parser.takes("DEFERRABLE") {
            change("deferrable", "on");
        } else if parser.takes_all(&["NOT", "DEFERRABLE"]) {
            change("deferrable", "off");
        } else {
            return Err(parser.unexpected());
        }
        if parser.takes_symbol(",") && parser.is_at_end() {
            return Err(parser.unexpected());
        }
    }
    Ok(changes)
}

fn set(parser: &mut Parser<'_>) -> Result<Command, SqlError> {
    if parser.takes_all(&["SESSION", "CHARACTERISTICS", "AS", "TRANSACTION"]) {
        return Ok(Command::Set(modes(parser, Scope::Session)?, "SET"));
    }
    if parser.takes("CONSTRAINTS") {
        while parser.next().is_some() {}
        return Ok(Command::Nothing("SET CONSTRAINTS"));
    }
    // A setting may be called `session`, but none is.
    let is_local = parser.takes("LOCAL");
    let _ = !is_local && parser.takes("SESSION");
    if parser.takes("TRANSACTION") {
        if parser.takes("SNAPSHOT") {
            return Err(unsupported("snapshots cannot be shared", ""));
        }
        return Ok(Command::Set(modes(parser, Scope::Transaction)?, "SET"));
    }
    let one = |name: &str, value| {
        Ok(Command::Set(vec![Change { name: name.to_owned(), value, is_local }], "SET"))
    };
    if parser.takes_all(&["TIME", "ZONE"]) {
        if parser.takes("INTERVAL") {
            return one("timezone", Some(format!("interval {}", parser.value()?)));
        }
        return match parser.takes("LOCAL") || parser.takes("DEFAULT") {
            true => one("timezone", None),
            false => one("timezone", Some(parser.value()?)),
        };
    }
    if parser.takes("NAMES") {
        let value = if parser.is_at_end() { None } else { value_or_default(parser)? };
        return one("client_encoding", value);
    }
    if parser.takes("SCHEMA") {
        return one("search_path", Some(parser.value()?));
    }
    if parser.takes("AUTHORIZATION") {
        return one("session_authorization", value_or_default(parser)?);
    }
    if parser.takes("ROLE") {
        return one("role", value_or_default(parser)?);
    }
    let name = parser.dotted_name()?;
    if !parser.takes("TO") && !parser.takes_symbol("=") {
        return Err(parser.unexpected());
    }
    if parser.takes("DEFAULT") {
        return one(&name, None);
    }
    let mut value = parser.value()?;
    while parser.takes_symbol(",") {
        value.push_str(", ");
        value.push_str(&parser.value()?);
    }
    one(&name, Some(value))
}

fn value_or_default(parser: &mut Parser<'_>) -> Result<Option<String>, SqlError> {
    if parser.takes("DEFAULT") { Ok(None) } else { parser.value().map(Some) }
}

fn reset(parser: &mut Parser<'_>) -> Result<Command, SqlError> {
    let name = match () {
        () if parser.takes("ALL") => return Ok(Command::Set(vec![Change::all()], "RESET")),
        () if parser.takes_all(&["TIME", "ZONE"]) => "timezone".to_owned(),
        () if parser.takes_all(&["TRANSACTION", "ISOLATION", "LEVEL"]) => {
            "transaction_isolation".to_owned()
        }
        () if parser.takes_all(&["SESSION", "AUTHORIZATION"]) => "session_authorization".to_owned(),
        () => parser.dotted_name()?,
    };
    Ok(Command::Set(vec![Change { name, value: None, is_local: false }], "RESET"))
}

fn show(parser: &mut Parser<'_>) -> Result<Command, SqlError> {
    if SHOWN_BY_BACKENDS.iter().any(|what| parser.sees(what)) {
        return Ok(Command::Read);
    }
    let name = match () {
        () if parser.takes("ALL") => {
            return match parser.is_at_end() {
                true => Ok(Command::ShowAll),
                // SHOW ALL TABLES and its like.
                false => Ok(Command::Read),
            };
        }
        () if parser.takes_all(&["TIME", "ZONE"]) => "timezone".to_owned(),
        () if parser.takes_all(&["TRANSACTION", "ISOLATION", "LEVEL"]) => {
            "transaction_isolation".to_owned()
        }
        () if parser.takes_all(&["SESSION", "AUTHORIZATION"]) => "session_authorization".to_owned(),
        () => parser.dotted_name()?,
    };
    parser.end().map(|()| Command::Show(name))
}

fn discard(parser: &mut Parser<'_>) -> Result<Command, SqlError> {
    for (word, tag) in [
        ("PLANS", "DISCARD PLANS"),
        ("SEQUENCES", "DISCARD SEQUENCES"),
        ("TEMP", "DISCARD TEMP"),
        ("TEMPORARY", "DISCARD TEMP"),
    ] {
        if parser.takes(word) {
            return Ok(Command::Nothing(tag));
        }
    }
    if parser.takes("ALL") { Ok(Command::DiscardAll) } else { Err(parser.unexpected()) }
}

/// The numbers of types by their names.
const TYPES: [(&str, u32); 35] = [
    ("bool", 16),
    ("boolean", 16),
    ("bytea", 17),
    ("bigint", 20),
    ("int8", 20),
    ("int2", 21),
    ("smallint", 21),
    ("int", 23),
    ("int4", 23),
    ("integer", 23),
    ("text", 25),
    ("oid", 26),
    ("json", 114),
    ("float4", 700),
    ("real", 700),
    ("double precision", 701),
    ("float8", 701),
    ("unknown", 0),
    ("char", 1042),
    ("character", 1042),
    ("character varying", 1043),
    ("varchar", 1043),
    ("date", 1082),
    ("time", 1083),
    ("time without time zone", 1083),
    ("timestamp", 1114),
    ("timestamp without time zone", 1114),
    ("timestamp with time zone", 1184),
    ("timestamptz", 1184),
    ("interval", 1186),
    ("decimal", 1700),
    ("numeric", 1700),
    ("uuid", 2950),
    ("jsonb", 3802),
    ("name", 19),
];

fn prepare(parser: &mut Parser<'_>) -> Result<Command, SqlError> {
    if parser.sees("TRANSACTION") {
        return Err(unsupported("two-phase commit is not supported", ""));
    }
    let name = parser.name()?;
    let mut types = Vec::new();
    if parser.takes_symbol("(") {
        loop {
            types.push(type_number(parser)?);
            if !parser.takes_symbol(",") {
                break;
            }
        }
        if !parser.takes_symbol(")") {
            return Err(parser.unexpected());
        }
    }
    if !parser.takes("AS") {
        return Err(parser.unexpected());
    }
    let query = parser.rest().to_owned();
    let characters_before = parser.before().chars().count();
    match Command::parse(&query).map_err(|error| error.shifted(characters_before))? {
        Command::Read => Ok(Command::Prepare(Prepare { name, types, query, characters_before })),
        _ => Err(parser.unexpected()),
    }
}

/// Reads the name of a type, which may have several words.
fn type_number(parser: &mut Parser<'_>) -> Result<u32, SqlError> {
    let mut name = parser.name()?;
    while let Some(Token { kind: Kind::Word, .. }) = parser.peek() {
        name = format!("{name} {}", parser.name()?);
    }
    // A length changes nothing about a parameter.
    if parser.takes_symbol("(") {
        while parser.peek().is_some() && !parser.takes_symbol(")") {
            parser.next();
        }
    }
    let known = TYPES.iter().find(|(known, _)| *known == name);
    let number = known.map(|(_, number)| *number);
    number.ok_or_else(|| SqlError::new("42704", format!("type \"{name}\" does not exist")))
}

fn execute(parser: &mut Parser<'_>) -> Result<Command, SqlError> {
    let name = parser.name()?;
    let mut values = Vec::new();
    if parser.takes_symbol("(") && !parser.takes_symbol(")") {
        loop {
            let is_word = parser.peek().is_some_and(|token| token.kind == Kind::Word);
            let value = parser.value()?;
            match value.as_str() {
                "null" if is_word => values.push(None),
                "true" | "false" => values.push(Some(value)),
                _ if is_word => return Err(no_literal()),
                _ => values.push(Some(value)),
            }
            // The type of the parameter decides.
            while parser.takes_symbol(":") {
                if parser.takes_symbol(":") {
                    type_number(parser)?;
                }
            }
            if parser.takes_symbol(")") {
                break;
            }
            if !parser.takes_symbol(",") {
                return Err(no_literal());
            }
            if values.len() >= usize::from(u16::MAX) {
                return Err(SqlError::new("54011", "a statement has at most 65535 parameters"));
            }
        }
    }
    Ok(Command::Execute(name, values))
}

fn no_literal() -> SqlError {
    let hint = "the client's own call for prepared statements takes any value";
    unsupported("an argument of EXECUTE must be a literal", hint)
}

fn declare(parser: &mut Parser<'_>) -> Result<Command, SqlError> {
    let name = parser.name()?;
    let mut is_binary = false;
    loop {
        if parser.takes("BINARY") {
            is_binary = true;
        // Rows are read forward only, whatever is asked for; the others are about changes of rows.
        } else if !(parser.takes("INSENSITIVE")
            || parser.takes("ASENSITIVE")
            || parser.takes("SCROLL")
            || parser.takes_all(&["NO", "SCROLL"]))
        {
            break;
        }
    }
    if !parser.takes("CURSOR") {
        return Err(parser.unexpected());
    }
    let is_held = parser.takes_all(&["WITH", "HOLD"]);
    let _ = !is_held && parser.takes_all(&["WITHOUT", "HOLD"]);
    if !parser.takes("FOR") {
        return Err(parser.unexpected());
    }
    let starts_query = |token: Token<'_>| {
        let word = token.text.to_ascii_uppercase();
        matches!(word.as_str(), "SELECT" | "WITH" | "VALUES" | "TABLE" | "FROM" | "(")
    };
    if !parser.peek().is_some_and(starts_query) {
        return Err(parser.unexpected());
    }
    let query = parser.rest();
    let characters_before = parser.before().chars().count();
    Ok(Command::Declare(Declare {
        name,
        is_binary,
        is_held,
        query: query.to_owned(),
        characters_before,
    }))
}

fn fetch(parser: &mut Parser<'_>, is_move: bool) -> Result<Command, SqlError> {
    let number = |number: i64| match u64::try_from(number) {
        Ok(number) => Rows::Next(number),
        Err(_) => Rows::Backward,
    };
    let before = parser.clone();
    let mut rows = match () {
        () if parser.takes("NEXT") => Rows::Next(1),
        () if parser.takes("FIRST") => Rows::Absolute(1),
        () if parser.takes("PRIOR") || parser.takes("LAST") => Rows::Backward,
        () if parser.takes("ALL") => Rows::All,
        () if parser.takes("FORWARD") => match parser.takes("ALL") {
            true => Rows::All,
            false => parser.integer().map_or(Rows::Next(1), number),
        },
        () if parser.takes("BACKWARD") => {
            let _ = parser.takes("ALL") || parser.integer().is_some();
            Rows::Backward
        }
        () if parser.takes("ABSOLUTE") => match parser.integer() {
            Some(row) => u64::try_from(row).map_or(Rows::Backward, Rows::Absolute),
            None => return Err(parser.unexpected()),
        },
        () if parser.takes("RELATIVE") => match parser.integer() {
            Some(row) => u64::try_from(row).map_or(Rows::Backward, Rows::Relative),
            None => return Err(parser.unexpected()),
        },
        () => parser.integer().map_or(Rows::Next(1), number),
    };
    let _ = parser.takes("FROM") || parser.takes("IN");
    if parser.is_at_end() {
        // The cursor is called as a direction, such as `next`.
        (*parser, rows) = (before, Rows::Next(1));
    }
    Ok(Command::Fetch(Fetch { cursor: parser.name()?, rows, is_move }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(sql: &str) -> Command {
        Command::parse(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    fn code(sql: &str) -> String {
        match Command::parse(sql) {
            Ok(command) => panic!("{sql}: {command:?}"),
            Err(error) => error.code().to_owned(),
        }
    }

    fn change(name: &str, value: Option<&str>, is_local: bool) -> Change {
        Change { name: name.to_owned(), value: value.map(str::to_owned), is_local }
    }

    #[test]
    fn only_reads_go_to_backends() {
        for read in [
            "select 1",
            "WITH a AS (SELECT 1) SELECT * FROM a",
            "VALUES (1)",
            "TABLE ticks",
            "FROM ticks",
            "(SELECT 1) UNION SELECT 2",
            "/* Grafana */ SELECT 1",
            "EXPLAIN ANALYZE SELECT 1",
            "SHOW TABLES",
            "show columns from ticks",
            "SUMMARIZE ticks",
        ] {
            assert_eq!(parse(read), Command::Read, "{read}");
        }
        assert_eq!(parse("COPY (SELECT 'to' FROM t) TO STDOUT (FORMAT binary)"), Command::Copy);
        assert_eq!(parse("copy public.ticks (id, \"from\") to stdout csv"), Command::Copy);
        assert_eq!(parse(""), Command::Empty);
    }

    #[test]
    fn writes_are_refused_by_name() {
        for write in [
            "INSERT INTO ticks VALUES (1)",
            "drop table ticks",
            "CREATE TEMP TABLE t (a int)",
            "VACUUM",
            "DO $$ BEGIN END $$",
            "COPY ticks FROM STDIN",
            "LOCK TABLE ticks",
        ] {
            assert_eq!(code(write), "25006", "{write}");
        }
        assert_eq!(code("COPY ticks TO '/tmp/x'"), "42501");
        assert_eq!(code("COPY (SELECT 1) TO PROGRAM 'x'"), "42501");
    }

    #[test]
    fn unknown_statements_are_syntax_errors() {
        for wrong in
            ["SELEC 1", "1", "'x'", "COMMIT 1", "FETCH", "SET a", "DECLARE c CURSOR FOR DROP"]
        {
            assert_eq!(code(wrong), "42601", "{wrong}");
        }
        let error = Command::parse("SET a 'b'").unwrap_err();
        let message = "syntax error at or near \"'b'\"";
        assert_eq!(error, SqlError::new("42601", message).at(7));
        for wrong in ["EXECUTE a(1 + 1)", "EXECUTE a(now())", "LISTEN a", "COMMIT PREPARED 'a'"] {
            assert_eq!(code(wrong), "0A000", "{wrong}");
        }
    }

    #[test]
    fn transactions_have_modes() {
        assert_eq!(parse("begin"), Command::Begin(Vec::new(), "BEGIN"));
        let start = Command::Begin(Vec::new(), "START TRANSACTION");
        assert_eq!(parse("START TRANSACTION"), start);
        let modes = vec![
            change("transaction_isolation", Some("repeatable read"), true),
            change("transaction_read_only", Some("on"), true),
            change("transaction_deferrable", Some("off"), true),
        ];
        let sql = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY NOT DEFERRABLE";
        assert_eq!(parse(sql), Command::Begin(modes, "BEGIN"));
        assert_eq!(parse("END WORK AND CHAIN"), Command::Commit { chain: true });
        assert_eq!(parse("ROLLBACK AND NO CHAIN"), Command::Rollback { chain: false });
        assert_eq!(parse("ROLLBACK TO SAVEPOINT a"), Command::RollbackTo("a".to_owned()));
        assert_eq!(parse("SAVEPOINT \"A b\""), Command::Savepoint("A b".to_owned()));
        assert_eq!(parse("RELEASE A"), Command::Release("a".to_owned()));
    }

    #[test]
    fn settings_are_read_as_postgresql_does() {
        for (sql, name, value, is_local) in [
            ("SET a TO b", "a", Some("b"), false),
            ("SET SESSION A = 'B'", "a", Some("B"), false),
            ("SET LOCAL statement_timeout = 5", "statement_timeout", Some("5"), true),
            ("SET search_path TO a, \"B\"", "search_path", Some("a, B"), false),
            ("SET time zone 'UTC'", "timezone", Some("UTC"), false),
            ("SET TIME ZONE LOCAL", "timezone", None, false),
            ("SET NAMES 'utf8'", "client_encoding", Some("utf8"), false),
            ("SET my.app TO DEFAULT", "my.app", None, false),
            ("SET SESSION AUTHORIZATION DEFAULT", "session_authorization", None, false),
        ] {
            assert_eq!(
                parse(sql),
                Command::Set(vec![change(name, value, is_local)], "SET"),
                "{sql}"
            );
        }
        let isolation = change("default_transaction_isolation", Some("serializable"), false);
        let sql = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE";
        assert_eq!(parse(sql), Command::Set(vec![isolation], "SET"));
        assert_eq!(parse("RESET ALL"), Command::Set(vec![Change::all()], "RESET"));
        let show = |name: &str| Command::Show(name.to_owned());
        assert_eq!(parse("SHOW TRANSACTION ISOLATION LEVEL"), show("transaction_isolation"));
        assert_eq!(parse("show DateStyle"), show("datestyle"));
        assert_eq!(parse("SHOW ALL"), Command::ShowAll);
    }

    #[test]
    fn prepared_statements_are_read() {
        let sql = "PREPARE P (int, timestamp with time zone, varchar(9)) AS SELECT $1";
        let Command::Prepare(prepare) = parse(sql) else { panic!() };
        assert_eq!((prepare.name.as_str(), prepare.query.as_str()), ("p", "SELECT $1"));
        assert_eq!(prepare.types, [23, 1184, 1043]);
        let text = |text: &str| Some(text.to_owned());
        let values = vec![text("-1"), text("it's"), None, text("true"), text("2026-01-01")];
        let sql = "EXECUTE p(-1, 'it''s', NULL, TRUE, '2026-01-01'::date)";
        assert_eq!(parse(sql), Command::Execute("p".to_owned(), values));
        assert_eq!(parse("EXECUTE p"), Command::Execute("p".to_owned(), Vec::new()));
        assert_eq!(code("PREPARE p AS DROP TABLE ticks"), "25006");
        assert_eq!(code("PREPARE p (thing) AS SELECT 1"), "42704");
    }

    #[test]
    fn cursors_are_read() {
        let sql = "DECLARE \"C 1\" BINARY NO SCROLL CURSOR WITH HOLD FOR SELECT 'for'";
        let Command::Declare(declare) = parse(sql) else { panic!() };
        assert!(declare.is_binary && declare.is_held);
        assert_eq!((declare.name.as_str(), declare.query.as_str()), ("C 1", "SELECT 'for'"));
        assert_eq!(declare.characters_before, sql.find("SELECT").unwrap());
        for (sql, rows) in [
            ("FETCH c", Rows::Next(1)),
            ("FETCH NEXT FROM c", Rows::Next(1)),
            ("FETCH FORWARD 100 FROM c", Rows::Next(100)),
            ("FETCH FORWARD FROM c", Rows::Next(1)),
            ("FETCH 0 c", Rows::Next(0)),
            ("FETCH -1 c", Rows::Backward),
            ("FETCH ALL IN c", Rows::All),
            ("FETCH FORWARD ALL c", Rows::All),
            ("FETCH PRIOR FROM c", Rows::Backward),
            ("FETCH BACKWARD 3 FROM c", Rows::Backward),
            ("FETCH ABSOLUTE 3 FROM c", Rows::Absolute(3)),
            ("FETCH RELATIVE 2 FROM c", Rows::Relative(2)),
        ] {
            let fetch = Fetch { cursor: "c".to_owned(), rows, is_move: false };
            assert_eq!(parse(sql), Command::Fetch(fetch), "{sql}");
        }
        let fetch = Fetch { cursor: "next".to_owned(), rows: Rows::Next(1), is_move: true };
        assert_eq!(parse("MOVE next"), Command::Fetch(fetch));
        assert_eq!(parse("CLOSE ALL"), Command::CloseCursor(None));
        assert_eq!(parse("DEALLOCATE PREPARE s"), Command::Deallocate(Some("s".to_owned())));
    }
}
