//! Casts to PostgreSQL's types.

use std::collections::HashSet;
use std::sync::LazyLock;

use arrow::datatypes::IntervalMonthDayNano;
use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, CastKind, CharacterLength, DataType, ExactNumberInfo, Expr, ObjectName,
    TimezoneInfo, Value,
};

use crate::catalog::system_columns;
use crate::catalog::types::Type;
use crate::interval;
use crate::parameter::bytea;
use crate::sqlstate::Failure;

use super::ast::{call, is_parameter, last_name, normalized, number, take, text};

/// The name of a type as `pg_type` has it, or as it was written if it is not there. An array has the name of its
/// elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeName {
    pub name: String,
    pub is_array: bool,
}

/// Returns the name of the type.
pub fn type_name(ty: &DataType) -> TypeName {
    let element = match ty {
        DataType::Array(ArrayElemTypeDef::SquareBracket(element, _))
        | DataType::Array(ArrayElemTypeDef::AngleBracket(element)) => element.as_ref(),
        _ => return TypeName { name: element_name(ty), is_array: false },
    };
    TypeName { name: type_name(element).name, is_array: true }
}

fn element_name(ty: &DataType) -> String {
    let quoted = |name: &ObjectName| match name.0.last().and_then(|part| part.as_ident()) {
        // `"char"` is not `char`.
        Some(ident) if ident.quote_style.is_some() => normalized(ident),
        _ => {
            let name = last_name(name).unwrap_or_default();
            Type::of_sql(&name).map_or(name, |ty| ty.name.to_string())
        }
    };
    match ty {
        DataType::Custom(name, _) => quoted(name),
        DataType::Float(ExactNumberInfo::Precision(precision)) if *precision <= 24 => {
            "float4".to_owned()
        }
        DataType::Float(_) | DataType::Double(_) => "float8".to_owned(),
        DataType::Timestamp(_, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => {
            "timestamptz".to_owned()
        }
        DataType::Timestamp(..) => "timestamp".to_owned(),
        DataType::Time(_, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => "timetz".to_owned(),
        DataType::Time(..) => "time".to_owned(),
        DataType::Interval { .. } => "interval".to_owned(),
        DataType::Regclass => "regclass".to_owned(),
        // What a cast to oid has become.
        DataType::IntUnsigned(_) => "oid".to_owned(),
        _ => {
            let sql = ty.to_string();
            Type::of_sql(&sql).map_or_else(|| sql.to_lowercase(), |ty| ty.name.to_string())
        }
    }
}

/// The maximum number of characters of a text's type.
fn length(ty: &DataType) -> Option<u64> {
    let length = match ty {
        DataType::Varchar(length)
        | DataType::CharacterVarying(length)
        | DataType::CharVarying(length)
        | DataType::Nvarchar(length) => length.as_ref()?,
        DataType::Char(length) | DataType::Character(length) => match length {
            Some(length) => length,
            None => return Some(1),
        },
        DataType::Custom(_, modifiers) => return modifiers.first()?.parse().ok(),
        _ => return None,
    };
    match length {
        CharacterLength::IntegerLength { length, .. } => Some(*length),
        CharacterLength::Max => None,
    }
}

/// The planner's type of the values of a type.
fn planned(name: &str) -> Option<DataType> {
    Some(match name {
        "bool" => DataType::Boolean,
        "int2" => DataType::SmallInt(None),
        "int4" => DataType::Int(None),
        "int8" => DataType::BigInt(None),
        "float4" => DataType::Real,
        "float8" => DataType::DoublePrecision,
        "bytea" => DataType::Bytea,
        "date" => DataType::Date,
        "time" => DataType::Time(None, TimezoneInfo::None),
        "timestamp" => DataType::Timestamp(None, TimezoneInfo::None),
        "timestamptz" => DataType::Timestamp(None, TimezoneInfo::WithTimeZone),
        "interval" => DataType::Interval { fields: None, precision: None },
        "oid" | "xid" | "cid" => DataType::IntUnsigned(None),
        "text" | "varchar" | "bpchar" | "name" | "char" | "json" | "jsonb" | "uuid"
        | "pg_node_tree" | "aclitem" | "unknown" | "cstring" => DataType::Text,
        "numeric" => DataType::Numeric(ExactNumberInfo::None),
        name if name.starts_with("reg") => DataType::IntUnsigned(None),
        _ => return None,
    })
}

/// Returns a cast to the type with the name in `pg_type`.
pub fn cast(expr: Expr, name: TypeName) -> Result<Expr, Failure> {
    let Some(ty) = planned(&name.name) else {
        return Err(Failure::unsupported(format!("the type {}", name.name)));
    };
    // Decimals of parameters have their digits after the point.
    let ty = match ty {
        DataType::Numeric(_) => DataType::Numeric(ExactNumberInfo::PrecisionAndScale(38, 15)),
        ty => ty,
    };
    let ty = match name.is_array {
        true => DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(ty), None)),
        false => ty,
    };
    Ok(planned_cast(expr, ty))
}

fn planned_cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast {
        kind: CastKind::DoubleColon,
        expr: Box::new(expr),
        data_type,
        array: false,
        format: None,
    }
}

/// Returns what a cast becomes. `None` if it stays.
pub fn rewrite(operand: &mut Expr, ty: &mut DataType) -> Result<Option<Expr>, Failure> {
    let TypeName { name, is_array } = type_name(ty);
    if is_array {
        return rewrite_array(operand, ty, &name);
    }
    Ok(match name.as_str() {
        // The planner infers the type of a parameter from its cast.
        "oid" | "xid" | "cid" if is_parameter(operand) => {
            let operand = planned_cast(take(operand), DataType::IntUnsigned(None));
            Some(call("oid", vec![operand]))
        }
        "xid" => Some(call("xid", vec![take(operand)])),
        "oid" | "cid" => Some(call("oid", vec![take(operand)])),
        "regclass" | "regtype" | "regproc" | "regprocedure" | "regnamespace" | "regrole" => {
            Some(call(&name, vec![take(operand)]))
        }
        "name" => Some(call("name", vec![take(operand)])),
        // The planner takes the bytes of the text.
        "bytea" if literal(operand).is_some() => {
            let bytes = literal(operand).and_then(bytea);
            let bytes = bytes
                .ok_or_else(|| Failure::invalid_value("invalid input syntax for type bytea"))?;
            let digits = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            Some(call("decode", vec![text(&digits), text("hex")]))
        }
        "interval" if literal(operand).is_some() => {
            plain_interval(operand);
            None
        }
        "char" => Some(call("char", vec![take(operand)])),
        "text" | "varchar" | "bpchar" | "json" | "jsonb" | "uuid" | "pg_node_tree" | "cstring" => {
            let length = length(ty).and_then(|length| i64::try_from(length).ok());
            let text = match is_printed_by_type(operand) {
                true => call("pg_text", vec![take(operand)]),
                false => planned_cast(take(operand), DataType::Text),
            };
            Some(match length {
                Some(length) => call("left", vec![text, number(length)]),
                None => text,
            })
        }
        // With its modifiers.
        "numeric" | "timestamp" | "timestamptz" | "time" | "interval"
            if !matches!(ty, DataType::Custom(..)) =>
        {
            None
        }
        name => match planned(name) {
            Some(planned) => {
                *ty = planned;
                None
            }
            // The planner's own types.
            None if Type::of_name(name).is_none() && !matches!(ty, DataType::Custom(..)) => None,
            None if Type::of_name(name).is_none() => {
                return Err(Failure::new("42704", format!("type \"{name}\" does not exist")));
            }
            None => return Err(Failure::unsupported(format!("a cast to the type {name}"))),
        },
    })
}

/// The text of a literal.
fn literal(expr: &Expr) -> Option<&str> {
    let Expr::Value(value) = expr else { return None };
    match &value.value {
        Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => Some(text),
        _ => None,
    }
}

/// Writes the hours of an interval, as in `1 day 04:05:06`, in a unit that the planner reads.
pub fn plain_interval(operand: &mut Expr) {
    let Some(with_hours) = literal(operand).filter(|text| text.contains(':')) else { return };
    if let Some(IntervalMonthDayNano { months, days, nanoseconds }) = interval::parse(with_hours) {
        *operand = text(&format!("{months} months {days} days {nanoseconds} nanoseconds"));
    }
}

fn rewrite_array(
    operand: &mut Expr,
    ty: &mut DataType,
    name: &str,
) -> Result<Option<Expr>, Failure> {
    // Their values print as names.
    if matches!(name, "regtype" | "regclass" | "regproc") {
        return Ok(Some(call(&format!("_{name}"), vec![take(operand)])));
    }
    match planned(name) {
        Some(element) => {
            *ty = DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(element), None));
            Ok(None)
        }
        None => Err(Failure::unsupported(format!("a cast to the type {name}[]"))),
    }
}

/// Functions whose values print by their type.
const NAMED_VALUES: [&str; 10] = [
    "regclass",
    "regtype",
    "regproc",
    "regprocedure",
    "regnamespace",
    "regrole",
    "to_regclass",
    "to_regtype",
    "pg_typeof",
    "current_schemas",
];

static PRINTED_COLUMNS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let is_printed = |ty: &Type| ty.name.starts_with("reg") || ty.category == "A";
    system_columns(is_printed).collect()
});

static VECTOR_COLUMNS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let is_vector = |ty: &Type| matches!(ty.name.as_ref(), "int2vector" | "oidvector");
    system_columns(is_vector).collect()
});

static TRANSACTION_COLUMNS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| system_columns(|ty| ty.name == "xid").collect());

/// Whether the expression is the number of a transaction.
pub fn is_transaction(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(expr) => is_transaction(expr),
        Expr::Identifier(name) => TRANSACTION_COLUMNS.contains(normalized(name).as_str()),
        Expr::CompoundIdentifier(names) => {
            names.last().is_some_and(|name| TRANSACTION_COLUMNS.contains(normalized(name).as_str()))
        }
        // `xmin` and casts to `xid` have become calls of it.
        Expr::Function(function) => last_name(&function.name).is_some_and(|name| name == "xid"),
        _ => false,
    }
}

static ARRAY_COLUMNS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| system_columns(|ty| ty.is_array()).collect());

/// Whether the catalogue has a column of arrays of the name.
pub fn is_array_column(name: &str) -> bool {
    ARRAY_COLUMNS.contains(name)
}

/// Whether the catalogue has an `int2vector` or `oidvector` of the name.
pub fn is_vector_column(name: &str) -> bool {
    VECTOR_COLUMNS.contains(name)
}

fn is_printed_by_type(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(expr) => is_printed_by_type(expr),
        Expr::Identifier(name) => PRINTED_COLUMNS.contains(normalized(name).as_str()),
        Expr::CompoundIdentifier(names) => {
            names.last().is_some_and(|name| PRINTED_COLUMNS.contains(normalized(name).as_str()))
        }
        Expr::Function(function) => last_name(&function.name)
            .is_some_and(|name| NAMED_VALUES.contains(&name.as_str()) || name.starts_with("_reg")),
        Expr::Cast { data_type: DataType::Array(_) | DataType::Boolean, .. } | Expr::Array(_) => {
            true
        }
        _ => false,
    }
}
