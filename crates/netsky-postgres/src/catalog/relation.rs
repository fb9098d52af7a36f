//! What the catalogue describes: the store's tables, their indexes, the views, and the catalogue itself.

use netsky_db::{ColumnType, Table, View, ViewType};

use super::types::{Type, lines};

/// A schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    PgCatalog,
    Public,
    Information,
}

/// A table, view or index.
#[derive(Debug)]
pub struct Relation {
    pub oid: u32,
    pub schema: Schema,
    pub name: String,
    pub kind: Kind,
    pub doc: String,
    pub columns: Vec<Attribute>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Table,
    /// A view, with its query unless it is one of the catalogue.
    View(Option<&'static str>),
    /// The index of the primary key of the table with the oid.
    Index(u32),
    /// A function that returns rows. It is called in FROM, and is no relation in PostgreSQL. Its name here ends
    /// with `()`, because a view can have the same one.
    Function,
}

/// A column.
#[derive(Debug)]
pub struct Attribute {
    pub name: &'static str,
    pub ty: &'static Type,
    pub is_required: bool,
    pub doc: String,
}

impl Schema {
    pub const ALL: [Self; 3] = [Self::PgCatalog, Self::Public, Self::Information];

    pub const fn oid(self) -> u32 {
        match self {
            Self::PgCatalog => 11,
            Self::Public => 2200,
            Self::Information => 12_000,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::PgCatalog => "pg_catalog",
            Self::Public => "public",
            Self::Information => "information_schema",
        }
    }

    pub const fn doc(self) -> Option<&'static str> {
        match self {
            Self::PgCatalog => Some("system catalog schema"),
            Self::Public => Some("the tables and views of the store"),
            Self::Information => None,
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|schema| schema.name() == name)
    }
}

// An object's oid follows from its place, so that clients that remember one find it after a restart and on another
// machine. PostgreSQL, too, gives oids below 16,384 to the catalogue only.
const FIRST_SYSTEM_VIEW: u32 = 12_001;
const FIRST_TABLE: u32 = 16_384;
const FIRST_VIEW: u32 = 65_536;
const OIDS_OF_RELATION: u32 = 8;

impl Relation {
    /// The type of its rows. The catalogue's relations have none.
    pub fn row_type(&self) -> Option<u32> {
        let has_one = self.schema == Schema::Public && !matches!(self.kind, Kind::Index(_));
        has_one.then_some(self.oid + 1)
    }

    /// The type of arrays of its rows.
    pub fn row_array(&self) -> Option<u32> {
        self.row_type().map(|oid| oid + 1)
    }

    /// The table of an index; 0 for what is none.
    pub fn indexed(&self) -> u32 {
        match self.kind {
            Kind::Index(table) => table,
            _ => 0,
        }
    }

    /// The primary key.
    pub fn constraint(&self) -> Option<u32> {
        match self.kind {
            Kind::Index(table) => Some(table + 4),
            _ => None,
        }
    }

    /// The rule that is a view's query.
    pub fn rule(&self) -> Option<u32> {
        matches!(self.kind, Kind::View(Some(_))).then_some(self.oid + 5)
    }

    /// The letter of its kind in `pg_class`.
    pub fn kind_letter(&self) -> &'static str {
        match self.kind {
            Kind::Table => "r",
            Kind::View(_) => "v",
            Kind::Index(_) => "i",
            Kind::Function => "",
        }
    }

    pub fn is_index(&self) -> bool {
        matches!(self.kind, Kind::Index(_))
    }

    /// The columns, with their numbers.
    pub fn numbered(&self) -> impl Iterator<Item = (i64, &Attribute)> {
        (1..).zip(&self.columns)
    }
}

/// The query of a view, as `pg_get_viewdef` gives it.
pub fn view_sql(sql: &str) -> String {
    format!("{};", sql.trim().trim_end_matches(';'))
}

/// Returns all relations: the catalogue's, then the store's. `has_keys` is false for a lake, whose ids are unique only
/// with the machine.
pub(super) fn relations(
    tables: &[&'static Table],
    views: &[&'static View],
    has_keys: bool,
) -> Vec<Relation> {
    let mut relations = Vec::new();
    let mut view_oid = FIRST_SYSTEM_VIEW;
    for line in lines(include_str!("relations.txt")) {
        relations.extend(system_relation(line, &mut view_oid));
    }
    let oids = |first: u32| (first..).step_by(OIDS_OF_RELATION as usize);
    for (oid, table) in oids(FIRST_TABLE).zip(tables) {
        relations.push(of_table(oid, table));
        relations.extend(has_keys.then(|| key_of(oid, table)));
    }
    for (oid, view) in oids(FIRST_VIEW).zip(views) {
        relations.push(of_view(oid, view));
    }
    relations
}

fn system_relation(line: &'static str, view_oid: &mut u32) -> Option<Relation> {
    let mut words = line.split(' ');
    let schema = Schema::of_name(words.next()?)?;
    let name = words.next()?.to_owned();
    let (oid, kind) = match words.next()? {
        "()" => (0, Kind::Function),
        "-" => {
            *view_oid += 1;
            (*view_oid - 1, Kind::View(None))
        }
        oid => (oid.parse().ok()?, Kind::Table),
    };
    let columns = words.filter_map(|word| {
        let (name, ty) = word.split_once(':')?;
        let (ty, is_required) = match ty.strip_suffix('!') {
            Some(ty) => (ty, true),
            None => (ty, false),
        };
        // Types of statistics that clients do not read.
        let ty = Type::of_name(ty).or_else(|| Type::of_name("text"))?;
        Some(Attribute { name, ty, is_required, doc: String::new() })
    });
    Some(Relation { oid, schema, name, kind, doc: String::new(), columns: columns.collect() })
}

fn of_table(oid: u32, table: &'static Table) -> Relation {
    let columns = table.columns().iter().filter_map(|column| {
        let ty = match column.ty {
            ColumnType::Text => "text",
            ColumnType::Int => "int8",
            ColumnType::Float => "float8",
            ColumnType::Bool => "bool",
            ColumnType::Time => "timestamptz",
            ColumnType::Date => "date",
            _ => "text",
        };
        let (ty, doc) = (Type::of_name(ty)?, column.description());
        Some(Attribute { name: column.name, ty, is_required: !column.nullable, doc })
    });
    let columns = id().into_iter().chain(columns).collect();
    let (name, doc) = (table.name().to_owned(), table.doc().to_owned());
    Relation { oid, schema: Schema::Public, name, kind: Kind::Table, doc, columns }
}

fn id() -> Option<Attribute> {
    let doc = "Counts from 1, in the order of recording.".to_owned();
    Some(Attribute { name: "id", ty: Type::of_name("int8")?, is_required: true, doc })
}

fn key_of(table_oid: u32, table: &'static Table) -> Relation {
    Relation {
        oid: table_oid + 3,
        schema: Schema::Public,
        name: format!("{}_pkey", table.name()),
        kind: Kind::Index(table_oid),
        doc: String::new(),
        columns: id().map(|id| Attribute { doc: String::new(), ..id }).into_iter().collect(),
    }
}

fn of_view(oid: u32, view: &'static View) -> Relation {
    let columns = view.columns().iter().filter_map(|column| {
        let ty = match column.ty {
            ViewType::Text => "text",
            ViewType::Int => "int8",
            ViewType::Float => "float8",
            ViewType::Date => "date",
            ViewType::Time => "timestamptz",
            _ => "text",
        };
        let (ty, doc) = (Type::of_name(ty)?, column.doc.to_owned());
        // As in PostgreSQL, where a view's columns are never known to have no nulls.
        Some(Attribute { name: column.name, ty, is_required: false, doc })
    });
    Relation {
        oid,
        schema: Schema::Public,
        name: view.name().to_owned(),
        kind: Kind::View(Some(view.sql())),
        doc: [view.doc(), view.note()].join(" ").trim_end().to_owned(),
        columns: columns.collect(),
    }
}
