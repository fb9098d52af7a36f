//! What clients ask the catalogue, and what they are answered.
//!
//! The files in `corpus/` have the queries that clients send, each with its answer: names and types of the columns,
//! the number of rows, and the rows if they are few. `UPDATE_DOCS=1` writes the answers anew; look at the difference.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::PathBuf;

use netsky_db::OpenOptions;
use netsky_postgres::Backend;

/// An answer: the columns with their types' oids, and the rows as text, or the SQLSTATE and message of an error.
type Answer = Result<(Vec<(String, u32)>, Vec<Vec<Option<String>>>), String>;

struct Store {
    _directory: tempfile::TempDir,
    path: PathBuf,
}

impl Store {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("meta.db");
        OpenOptions::new().open(&path).unwrap();
        Self { _directory: directory, path }
    }

    /// Answers the queries, each with its parameters, in one backend.
    fn answers(&self, queries: &[(String, Vec<Option<String>>)]) -> Vec<Answer> {
        let backend = Backend::new(|| OpenOptions::new().open(&self.path));
        let mut requests = Vec::new();
        for (sql, parameters) in queries {
            request(sql, parameters, &mut requests);
        }
        let mut output = Vec::new();
        backend.serve(requests.as_slice(), &mut output).unwrap();
        answers(&output)
    }
}

fn message(tag: u8, body: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(&u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    out.extend_from_slice(body);
}

fn request(sql: &str, parameters: &[Option<String>], out: &mut Vec<u8>) {
    message(b'P', &[b"\0", sql.as_bytes(), b"\0\0\0"].concat(), out);
    let mut bind = vec![0, 0, 0, 0];
    bind.extend_from_slice(&u16::try_from(parameters.len()).unwrap().to_be_bytes());
    for parameter in parameters {
        let length = parameter.as_ref().map_or(-1, |text| i32::try_from(text.len()).unwrap());
        bind.extend_from_slice(&length.to_be_bytes());
        bind.extend_from_slice(parameter.as_deref().unwrap_or_default().as_bytes());
    }
    bind.extend_from_slice(&[0, 0]);
    message(b'B', &bind, out);
    message(b'D', b"P\0", out);
    message(b'E', b"\0\0\0\0\0", out);
    message(b'S', b"", out);
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    fn text(&mut self, length: usize) -> String {
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        String::from_utf8(text.to_vec()).unwrap()
    }

    fn terminated(&mut self) -> String {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap();
        let text = self.text(length);
        self.0 = &self.0[1..];
        text
    }
}

fn answers(mut output: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut answer: Answer = Ok((Vec::new(), Vec::new()));
    while let [tag, a, b, c, d, rest @ ..] = output {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize - 4;
        let (body, rest) = rest.split_at(length);
        output = rest;
        let mut reader = Reader(body);
        match (tag, &mut answer) {
            (b'T', Ok((columns, _))) => {
                for _ in 0..u16::from_be_bytes(reader.bytes()) {
                    let name = reader.terminated();
                    let _: [u8; 6] = reader.bytes();
                    columns.push((name, u32::from_be_bytes(reader.bytes())));
                    let _: [u8; 8] = reader.bytes();
                }
            }
            (b'D', Ok((_, rows))) => {
                let values = (0..u16::from_be_bytes(reader.bytes())).map(|_| {
                    let length = i32::from_be_bytes(reader.bytes());
                    usize::try_from(length).ok().map(|length| reader.text(length))
                });
                rows.push(values.collect());
            }
            (b'E', answer) => {
                let mut fields = HashMap::new();
                while reader.0.first().is_some_and(|field| *field != 0) {
                    let [field] = reader.bytes();
                    fields.insert(field, reader.terminated());
                }
                *answer = Err(format!("{}: {}", fields[&b'C'], fields[&b'M']));
            }
            (b'Z', _) => answers.push(std::mem::replace(&mut answer, Ok(Default::default()))),
            _ => {}
        }
    }
    answers
}

/// An answer as the corpus has it.
fn shown(answer: &Answer, types: &HashMap<u32, String>, sql: &str) -> String {
    let (columns, rows) = match answer {
        Ok(answer) => answer,
        Err(error) => return format!("error {error}"),
    };
    let columns = columns.iter().map(|(name, oid)| format!("{name} {}", types[oid]));
    let mut text = columns.collect::<Vec<_>>().join(", ");
    text += &match rows.len() {
        1 => "; 1 row".to_owned(),
        count => format!("; {count} rows"),
    };
    // These differ each time.
    let changes = ["version()", "pg_backend_pid", "now()", "pg_stat_activity", "current_timestamp"];
    let rows = rows.iter().map(|row| {
        let values = row.iter().map(|value| value.as_deref().unwrap_or("NULL"));
        values.collect::<Vec<_>>().join(" | ").replace('\n', "\\n")
    });
    // Rows without an order may come in any.
    let mut rows = rows.collect::<Vec<_>>();
    rows.sort();
    if rows.len() <= 3
        && rows.iter().map(String::len).sum::<usize>() <= 400
        && !changes.iter().any(|word| sql.to_lowercase().contains(word))
    {
        for row in rows {
            text += &format!("\n--> {}", row.trim());
        }
    }
    text
}

/// A query of the corpus.
struct Entry {
    client: String,
    sql: String,
    parameters: Vec<String>,
    answer: String,
}

fn entries(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    for block in text.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let (client, rest) = block.trim_start().split_once('\n').unwrap();
        let lines = rest.lines();
        let is = |prefix: &'static str| move |line: &&str| line.starts_with(prefix);
        let sql = lines.clone().filter(|line| !is("-->")(line) && !is("-- $")(line));
        let answer = lines.clone().filter(is("-->")).map(|line| line[3..].trim());
        entries.push(Entry {
            client: client.to_owned(),
            sql: sql.collect::<Vec<_>>().join("\n"),
            parameters: lines.filter(is("-- $")).map(str::to_owned).collect(),
            answer: answer.collect::<Vec<_>>().join("\n--> "),
        });
    }
    entries
}

/// The value of `-- $1 = 'x'`.
fn parameter(line: &str) -> Option<String> {
    let (_, value) = line.split_once(" = ").unwrap();
    let quoted = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\''));
    quoted.map(|value| value.replace("''", "'"))
}

fn check(file: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(file);
    let entries = entries(&fs::read_to_string(&path).unwrap());
    let mut queries = vec![("SELECT oid, typname FROM pg_type".to_owned(), Vec::new())];
    queries.extend(entries.iter().map(|entry| {
        (entry.sql.clone(), entry.parameters.iter().map(|line| parameter(line)).collect())
    }));
    let answers = Store::new().answers(&queries);
    assert_eq!(answers.len(), queries.len());
    let (_, types) = answers[0].as_ref().unwrap();
    let name = |row: &Vec<Option<String>>| {
        (row[0].as_ref().unwrap().parse().unwrap(), row[1].clone().unwrap())
    };
    let types = types.iter().map(name).collect();
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    let (mut text, mut wrong) = (String::new(), Vec::new());
    for (entry, answer) in entries.iter().zip(&answers[1..]) {
        let found = shown(answer, &types, &entry.sql);
        text += &format!("{}\n{}\n", entry.client, entry.sql);
        entry.parameters.iter().for_each(|line| text += &format!("{line}\n"));
        text += &format!("--> {found}\n\n");
        if found != entry.answer {
            wrong.push(format!(
                "{}\n{}\nfound    {found}\nexpected {}",
                entry.client, entry.sql, entry.answer
            ));
        }
    }
    if update {
        fs::write(path, text).unwrap();
    } else {
        assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), entries.len(), wrong.join("\n\n"));
    }
}

#[test]
fn psql_gets_its_answers() {
    check("psql.sql");
}

#[test]
fn jdbc_gets_its_answers() {
    check("jdbc.sql");
}

#[test]
fn python_drivers_get_their_answers() {
    check("python.sql");
}

#[test]
fn database_tools_get_their_answers() {
    check("tools.sql");
}

/// Numbers that look random, and are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn pick<'a, T>(&mut self, values: &'a [T]) -> &'a T {
        &values[self.below(values.len())]
    }
}

/// An expression over a column of a type.
fn expression(random: &mut Random, column: &str, ty: &str) -> String {
    let forms: &[&str] = match ty {
        "oid" => &[
            "?",
            "?::regclass",
            "?::regtype::text",
            "pg_catalog.format_type(?, NULL)",
            "?::bigint",
            "pg_get_userbyid(?)",
            "? = ANY('{1,26}'::oid[])",
            "pg_table_is_visible(?)",
        ],
        "name" | "text" | "char" => &[
            "?",
            "?::text",
            "upper(?)",
            "? OPERATOR(pg_catalog.~) '^(p.*)$'",
            "? COLLATE pg_catalog.\"default\"",
            "? LIKE 'pg/_%' ESCAPE '/'",
            "quote_ident(?)",
        ],
        "bool" => &["?", "NOT ?", "CASE WHEN ? THEN 'yes' ELSE 'no' END"],
        "int2" | "int4" | "int8" => &["?", "? + 1", "?::text", "? IN (1, 2)"],
        "int2vector" | "oidvector" => &["?", "?::text", "?[0]", "array_to_string(?, ',')"],
        _ => &["?", "? IS NULL"],
    };
    random.pick(forms).replace('?', column)
}

#[test]
fn any_join_of_the_catalogue_runs() {
    let store = Store::new();
    let columns = "SELECT n.nspname, c.relname, a.attname, t.typname FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_type t ON t.oid = a.atttypid WHERE n.nspname <> 'public'";
    let answers = store.answers(&[(columns.to_owned(), Vec::new())]);
    let mut tables: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for row in &answers[0].as_ref().unwrap().1 {
        let [Some(schema), Some(table), Some(column), Some(ty)] = row.as_slice() else { panic!() };
        let table = format!("{schema}.{table}");
        if tables.last().is_none_or(|(last, _)| *last != table) {
            tables.push((table, Vec::new()));
        }
        tables.last_mut().unwrap().1.push((column.clone(), ty.clone()));
    }
    let oids = |table: &(String, Vec<(String, String)>)| {
        table
            .1
            .iter()
            .filter(|(_, ty)| ty == "oid")
            .map(|(name, _)| name.clone())
            .collect::<Vec<_>>()
    };
    let joinable =
        tables.iter().filter(|table| !oids(table).is_empty()).cloned().collect::<Vec<_>>();
    assert!(joinable.len() > 50);
    let mut random = Random(1);
    let queries = (0..300).map(|_| {
        let (one, other) = (random.pick(&joinable).clone(), random.pick(&joinable).clone());
        let third = random.pick(&tables).clone();
        let mut items = Vec::new();
        for (alias, table) in [("a", &one), ("b", &other)] {
            for _ in 0..3 {
                let (name, ty) = random.pick(&table.1);
                items.push(expression(&mut random, &format!("{alias}.{name}"), ty));
            }
        }
        let (left, right) = (random.pick(&oids(&one)).clone(), random.pick(&oids(&other)).clone());
        let join = *random.pick(&["JOIN", "LEFT JOIN", "FULL JOIN"]);
        let condition = *random.pick(&["", " WHERE a.tableoid > 0", " AND b.tableoid IS NOT NULL"]);
        let (name, ty) = random.pick(&third.1);
        let inner = expression(&mut random, name, ty);
        let sql = format!(
            "SELECT {}, (SELECT count(*) FROM {} WHERE ({inner}) IS NOT NULL) FROM {} a {join} {} b \
             ON a.{left} = b.{right}{condition} ORDER BY 1 LIMIT 5",
            items.join(", "), third.0, one.0, other.0
        );
        (sql, Vec::new())
    });
    let queries = queries.collect::<Vec<_>>();
    for ((sql, _), answer) in queries.iter().zip(store.answers(&queries)) {
        assert!(answer.is_ok(), "{sql}\n{answer:?}");
    }
}
