//! PostgreSQL's types: their rows of `pg_type`, their names in SQL, and the Arrow types that hold their values.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};

use crate::types::METADATA;

/// A type. Its fields are the columns of `pg_type`.
#[derive(Debug, Clone)]
pub struct Type {
    pub oid: u32,
    pub name: Cow<'static, str>,
    pub length: i64,
    pub by_value: bool,
    /// `b` for a base type, `p` for a pseudo-type.
    pub kind: &'static str,
    pub category: &'static str,
    pub is_preferred: bool,
    pub delimiter: &'static str,
    /// The type of the elements; 0 if it has none.
    pub element: u32,
    /// The type of arrays of it; 0 if there is none.
    pub array: u32,
    pub alignment: &'static str,
    pub storage: &'static str,
    pub collation: u32,
    /// The functions of input, output, receiving, sending, and reading and printing modifiers.
    pub functions: [Option<Procedure>; 6],
}

/// A function that `pg_type` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Procedure {
    pub oid: u32,
    pub name: &'static str,
}

const ARRAY_FUNCTIONS: [Option<Procedure>; 4] = [
    Some(Procedure { oid: 750, name: "array_in" }),
    Some(Procedure { oid: 751, name: "array_out" }),
    Some(Procedure { oid: 2400, name: "array_recv" }),
    Some(Procedure { oid: 2401, name: "array_send" }),
];

/// The function that reads an element of an array.
pub const ARRAY_SUBSCRIPT: Procedure = Procedure { oid: 6179, name: "array_subscript_handler" };

/// All types, by oid.
pub static TYPES: LazyLock<Vec<Type>> = LazyLock::new(|| {
    let mut types = lines(include_str!("types.txt")).filter_map(parsed).collect::<Vec<_>>();
    let arrays = types.iter().filter(|of| of.array != 0).map(array_of).collect::<Vec<_>>();
    types.extend(arrays);
    types.sort_by_key(|ty| ty.oid);
    types
});

/// The functions that the catalogue names beside those of types.
const OTHER_PROCEDURES: [Procedure; 8] = [
    Procedure { oid: 3, name: "heap_tableam_handler" },
    Procedure { oid: 330, name: "bthandler" },
    Procedure { oid: 331, name: "hashhandler" },
    Procedure { oid: 332, name: "gisthandler" },
    Procedure { oid: 333, name: "ginhandler" },
    Procedure { oid: 334, name: "spghandler" },
    Procedure { oid: 335, name: "brinhandler" },
    ARRAY_SUBSCRIPT,
];

/// The functions that the catalogue names, by oid.
pub fn procedures_by_oid() -> BTreeMap<u32, &'static str> {
    let of_types = TYPES.iter().flat_map(|ty| ty.functions.into_iter().flatten());
    of_types.chain(OTHER_PROCEDURES).map(|procedure| (procedure.oid, procedure.name)).collect()
}

static BY_NAME: LazyLock<HashMap<&'static str, &'static Type>> =
    LazyLock::new(|| TYPES.iter().map(|ty| (ty.name.as_ref(), ty)).collect());

/// The lines of a file of this folder that are not comments.
pub(super) fn lines(file: &'static str) -> impl Iterator<Item = &'static str> {
    file.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn parsed(line: &'static str) -> Option<Type> {
    let words = line.split(' ').collect::<Vec<_>>();
    let [
        oid,
        name,
        length,
        by_value,
        kind,
        category,
        preferred,
        delimiter,
        element,
        array,
        rest @ ..,
    ] = words.as_slice()
    else {
        return None;
    };
    let [alignment, storage, collation, functions @ ..] = rest else { return None };
    let procedure = |text: &&'static str| {
        let (oid, name) = text.split_once('=')?;
        Some(Procedure { oid: oid.parse().ok()?, name })
    };
    let mut found = [None; 6];
    for (found, text) in found.iter_mut().zip(functions) {
        *found = procedure(text);
    }
    Some(Type {
        oid: oid.parse().ok()?,
        name: Cow::Borrowed(name),
        length: length.parse().ok()?,
        by_value: *by_value == "t",
        kind,
        category,
        is_preferred: *preferred == "t",
        delimiter,
        element: element.parse().ok()?,
        array: array.parse().ok()?,
        alignment,
        storage,
        collation: collation.parse().ok()?,
        functions: found,
    })
}

fn array_of(of: &Type) -> Type {
    let [input, output, receive, send] = ARRAY_FUNCTIONS;
    let [.., modifier_in, modifier_out] = of.functions;
    Type {
        oid: of.array,
        name: Cow::Owned(format!("_{}", of.name)),
        length: -1,
        by_value: false,
        kind: of.kind,
        category: "A",
        is_preferred: false,
        delimiter: of.delimiter,
        element: of.oid,
        array: 0,
        alignment: if of.alignment == "d" { "d" } else { "i" },
        storage: "x",
        collation: of.collation,
        functions: [input, output, receive, send, modifier_in, modifier_out],
    }
}

impl Type {
    /// Returns the type with the oid.
    pub fn of_oid(oid: u32) -> Option<&'static Self> {
        let index = TYPES.binary_search_by_key(&oid, |ty| ty.oid).ok()?;
        TYPES.get(index)
    }

    /// Returns the type with the name that `pg_type` has, such as `int8` and `_text`.
    pub fn of_name(name: &str) -> Option<&'static Self> {
        BY_NAME.get(name).copied()
    }

    /// Returns the type that SQL spells so, such as `bigint`, `timestamp with time zone` or `text[]`.
    pub fn of_sql(text: &str) -> Option<&'static Self> {
        let text = text.trim();
        if let Some(element) = text.strip_suffix("[]") {
            let element = Self::of_sql(element)?;
            return Self::of_oid(element.array);
        }
        let text = text.strip_prefix("pg_catalog.").unwrap_or(text);
        // A modifier, as in `varchar(20)`, is no part of the type.
        let text = match text.split_once('(') {
            Some((before, after)) => {
                let after = after.split_once(')').map_or("", |(_, after)| after);
                format!("{}{after}", before.trim_end())
            }
            None => text.to_owned(),
        };
        if let Some(quoted) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            return Self::of_name(quoted);
        }
        let text = text.to_lowercase();
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let spelled = SQL_NAMES.iter().find(|(_, sql)| *sql == words).map(|(name, _)| *name);
        let name = spelled.or(match words.as_str() {
            "int" => Some("int4"),
            "decimal" => Some("numeric"),
            "float" => Some("float8"),
            "char" => Some("bpchar"),
            _ => None,
        });
        Self::of_name(name.unwrap_or(&words))
    }

    /// The type's name in SQL, as `format_type` gives it.
    pub fn sql_name(&self) -> String {
        if self.is_array()
            && let Some(element) = Self::of_oid(self.element)
        {
            return format!("{}[]", element.sql_name());
        }
        let spelled = SQL_NAMES.iter().find(|(name, _)| *name == self.name);
        spelled.map_or_else(|| self.name.to_string(), |(_, sql)| (*sql).to_owned())
    }

    /// Whether its values are arrays that SQL writes with brackets, which `int2vector` is not.
    pub fn is_array(&self) -> bool {
        self.category == "A" && self.name.starts_with('_')
    }

    /// The Arrow type of its values.
    pub fn arrow(&self) -> DataType {
        if self.category == "A" {
            let element = Self::of_oid(self.element).map_or(DataType::Utf8, Self::arrow);
            return DataType::List(Arc::new(Field::new_list_field(element, true)));
        }
        match self.name.as_ref() {
            "bool" => DataType::Boolean,
            "int2" => DataType::Int16,
            "int4" => DataType::Int32,
            "int8" => DataType::Int64,
            "float4" => DataType::Float32,
            "float8" => DataType::Float64,
            "numeric" => DataType::Decimal128(38, 10),
            "bytea" => DataType::Binary,
            "date" => DataType::Date32,
            "timestamp" => DataType::Timestamp(TimeUnit::Nanosecond, None),
            "timestamptz" => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
            "time" => DataType::Time64(TimeUnit::Nanosecond),
            "interval" => DataType::Interval(IntervalUnit::MonthDayNano),
            "oid" | "xid" | "cid" => DataType::UInt32,
            name if name.starts_with("reg") => DataType::UInt32,
            "anyarray" => DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))),
            _ => DataType::Utf8,
        }
    }

    /// Returns a nullable field of the type.
    pub fn field(&self, name: impl Into<String>) -> Field {
        let field = Field::new(name, self.arrow(), true);
        match usual_type(field.data_type()) == self.oid {
            true => field,
            false => {
                let metadata = [(METADATA.to_owned(), self.oid.to_string())];
                field.with_metadata(metadata.into_iter().collect())
            }
        }
    }
}

/// Types whose name in SQL is not that in `pg_type`.
const SQL_NAMES: [(&str, &str); 14] = [
    ("bool", "boolean"),
    ("char", "\"char\""),
    ("int8", "bigint"),
    ("int2", "smallint"),
    ("int4", "integer"),
    ("float4", "real"),
    ("float8", "double precision"),
    ("bpchar", "character"),
    ("varchar", "character varying"),
    ("time", "time without time zone"),
    ("timetz", "time with time zone"),
    ("timestamp", "timestamp without time zone"),
    ("timestamptz", "timestamp with time zone"),
    ("varbit", "bit varying"),
];

/// Returns the oid of the type of a field.
pub fn oid_of(field: &Field) -> u32 {
    let named = field.metadata().get(METADATA).and_then(|oid| oid.parse().ok());
    named.unwrap_or_else(|| usual_type(field.data_type()))
}

/// Returns the oid of the type that shows values of an Arrow type. An unsigned integer of 32 bits is just what
/// PostgreSQL's `oid` is.
pub fn usual_type(ty: &DataType) -> u32 {
    use DataType::*;
    let name = match ty {
        Boolean => "bool",
        Int8 | Int16 | UInt8 => "int2",
        Int32 | UInt16 => "int4",
        Int64 => "int8",
        UInt32 => "oid",
        Float16 | Float32 => "float4",
        Float64 => "float8",
        UInt64 | Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => "numeric",
        Binary | LargeBinary | BinaryView | FixedSizeBinary(_) => "bytea",
        Date32 | Date64 => "date",
        Time32(_) | Time64(_) => "time",
        Timestamp(_, None) => "timestamp",
        Timestamp(_, Some(_)) => "timestamptz",
        Interval(_) | Duration(_) => "interval",
        List(element)
        | LargeList(element)
        | FixedSizeList(element, _)
        | ListView(element)
        | LargeListView(element) => {
            let array = Type::of_oid(oid_of(element)).map_or(0, |element| element.array);
            return if array == 0 { TEXT_ARRAY } else { array };
        }
        Dictionary(_, value) => return usual_type(value),
        RunEndEncoded(_, value) => return oid_of(value),
        Null | Utf8 | LargeUtf8 | Utf8View | Struct(_) | Map(..) | Union(..) => "text",
    };
    Type::of_name(name).map_or(0, |ty| ty.oid)
}

const TEXT_ARRAY: u32 = 1009;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_parsed_with_its_functions() {
        assert_eq!(lines(include_str!("types.txt")).count(), 60);
        let bigint = Type::of_sql("bigint").unwrap();
        assert_eq!((bigint.oid, bigint.array, bigint.name.as_ref()), (20, 1016, "int8"));
        assert_eq!(bigint.functions[2].unwrap().name, "int8recv");
        let texts = Type::of_sql("text[]").unwrap();
        assert_eq!((texts.oid, texts.element, texts.sql_name().as_str()), (1009, 25, "text[]"));
        for (sql, name) in [
            ("timestamp(3) with time zone", "timestamptz"),
            ("pg_catalog.\"char\"", "char"),
            ("char", "bpchar"),
            ("VARCHAR(20)", "varchar"),
        ] {
            assert_eq!(Type::of_sql(sql).unwrap().name, name);
        }
    }

    #[test]
    fn a_field_keeps_its_type() {
        for ty in TYPES.iter().filter(|ty| ty.kind == "b") {
            assert_eq!(oid_of(&ty.field("x")), ty.oid, "{}", ty.name);
        }
    }
}
