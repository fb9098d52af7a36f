//! The SQL names of Arrow's types.

use arrow::datatypes::DataType;

/// Returns the name of a type as SQL writes it, such as `BIGINT`, `VARCHAR` or `BIGINT[]`.
///
/// Several types of Arrow share a name if their values look the same in text: all strings are `VARCHAR`,
/// durations are `INTERVAL`, and a timestamp has either a time zone or none. A value of the JSON operator
/// `->`, which can be any JSON, is `JSON`.
pub fn sql_type(ty: &DataType) -> String {
    let name = match ty {
        DataType::Null => "NULL",
        DataType::Boolean => "BOOLEAN",
        DataType::Int8 => "TINYINT",
        DataType::Int16 => "SMALLINT",
        DataType::Int32 => "INT",
        DataType::Int64 => "BIGINT",
        DataType::UInt8 => "TINYINT UNSIGNED",
        DataType::UInt16 => "SMALLINT UNSIGNED",
        DataType::UInt32 => "INT UNSIGNED",
        DataType::UInt64 => "BIGINT UNSIGNED",
        DataType::Float16 | DataType::Float32 => "REAL",
        DataType::Float64 => "DOUBLE",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR",
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => "BYTEA",
        DataType::Date32 | DataType::Date64 => "DATE",
        DataType::Time32(_) | DataType::Time64(_) => "TIME",
        DataType::Timestamp(_, None) => "TIMESTAMP",
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP WITH TIME ZONE",
        DataType::Duration(_) | DataType::Interval(_) => "INTERVAL",
        DataType::Union(..) => "JSON",
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => {
            return format!("DECIMAL({precision}, {scale})");
        }
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => return format!("{}[]", sql_type(item.data_type())),
        DataType::Struct(fields) => {
            let fields = fields
                .iter()
                .map(|field| format!("{} {}", field.name(), sql_type(field.data_type())));
            return format!("STRUCT({})", fields.collect::<Vec<_>>().join(", "));
        }
        DataType::Map(entries, _) => return map_type(entries.data_type()),
        DataType::Dictionary(_, values) => return sql_type(values),
        DataType::RunEndEncoded(_, values) => return sql_type(values.data_type()),
    };
    name.to_owned()
}

/// The entries of a map are structs of a key and a value.
fn map_type(entries: &DataType) -> String {
    match entries {
        DataType::Struct(fields) => {
            let types = fields.iter().map(|field| sql_type(field.data_type()));
            format!("MAP({})", types.collect::<Vec<_>>().join(", "))
        }
        other => sql_type(other),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{Field, TimeUnit};

    use super::*;

    #[test]
    fn types_have_the_names_of_sql() {
        let list = |item| DataType::List(Arc::new(Field::new("item", item, true)));
        let fields = vec![
            Field::new("a", DataType::Int64, true),
            Field::new("b", list(DataType::Utf8View), true),
        ];
        let utc = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
        for (ty, name) in [
            (DataType::Int64, "BIGINT"),
            (utc, "TIMESTAMP WITH TIME ZONE"),
            (DataType::Decimal128(38, 2), "DECIMAL(38, 2)"),
            (list(list(DataType::Float64)), "DOUBLE[][]"),
            (DataType::Struct(fields.into()), "STRUCT(a BIGINT, b VARCHAR[])"),
            (DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)), "VARCHAR"),
        ] {
            assert_eq!(sql_type(&ty), name);
        }
    }
}
