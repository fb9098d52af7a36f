//! Functions about the objects of the catalogue: their names, definitions, comments and privileges.

use datafusion::common::Result;

use super::function::{Call, Declaration};
use super::identifier::parse_identifiers;
use crate::catalog::types::Type;
use crate::catalog::value::Value;
use crate::catalog::{Catalog, DATABASE, Kind, OWNER, OWNER_OID, Relation, Schema, view_sql};
use crate::sqlstate::Failure;

pub const FUNCTIONS: &[Declaration] = &[
    // Casts to the types of names.
    Declaration::new("oid", (1, 1), "oid", |call| match call.argument(0).as_int() {
        // Negative numbers are the same bits.
        Some(number) => Ok(i64::from(number as u32).into()),
        None => Err(invalid("oid", call)),
    }),
    Declaration::new("xid", (1, 1), "xid", |call| match call.argument(0).as_int() {
        Some(number) => Ok(i64::from(number as u32).into()),
        None => Err(invalid("xid", call)),
    }),
    Declaration::new("regclass", (1, 1), "regclass", |call| required(call, "regclass")),
    Declaration::new("regtype", (1, 1), "regtype", |call| required(call, "regtype")),
    Declaration::new("regproc", (1, 1), "regproc", |call| required(call, "regproc")),
    Declaration::new("regprocedure", (1, 1), "regprocedure", |call| required(call, "regprocedure")),
    Declaration::new("regnamespace", (1, 1), "regnamespace", |call| required(call, "regnamespace")),
    Declaration::new("regrole", (1, 1), "regrole", |call| required(call, "regrole")),
    Declaration::new("to_regclass", (1, 1), "regclass", |call| Ok(found(call, "regclass").into())),
    Declaration::new("to_regtype", (1, 1), "regtype", |call| Ok(found(call, "regtype").into())),
    Declaration::new("to_regproc", (1, 1), "regproc", |call| Ok(found(call, "regproc").into())),
    Declaration::new("to_regnamespace", (1, 1), "regnamespace", |call| {
        Ok(found(call, "regnamespace").into())
    }),
    Declaration::new("to_regrole", (1, 1), "regrole", |call| Ok(found(call, "regrole").into())),
    Declaration::new("_regclass", (1, 1), "_regclass", |call| Ok(call.argument(0).clone())),
    Declaration::new("_regtype", (1, 1), "_regtype", |call| Ok(call.argument(0).clone())),
    Declaration::new("_regproc", (1, 1), "_regproc", |call| Ok(call.argument(0).clone())),
    Declaration::new("name", (1, 1), "name", |call| Ok(printed(call).into())),
    Declaration::new("char", (1, 1), "char", |call| {
        let first = printed(call).and_then(|text| text.chars().next());
        Ok(first.map_or_else(String::new, String::from).into())
    }),
    // A cast to text of a value that is printed by its type.
    Declaration::new("pg_text", (1, 1), "text", |call| Ok(printed(call).into())),
    Declaration::new("format_type", (2, 2), "text", format_type).taking_nulls(),
    Declaration::new("pg_typeof", (1, 1), "regtype", |call| Ok(call.types.first().copied().into()))
        .taking_nulls(),
    // Definitions.
    Declaration::new("pg_get_viewdef", (1, 2), "text", |call| {
        Ok(match relation_of(call).map(|of| of.kind) {
            Some(Kind::View(Some(sql))) => view_sql(sql).into(),
            _ => Value::Null,
        })
    }),
    Declaration::new("pg_get_indexdef", (1, 3), "text", |call| {
        let index = relation_of(call).filter(|of| of.is_index());
        Ok(match call.argument(1).as_int().unwrap_or(0) {
            0 => index.and_then(|index| call.catalog.index_sql(index)).into(),
            number => index.and_then(|index| column_name(index, number)).into(),
        })
    }),
    Declaration::new("pg_get_constraintdef", (1, 2), "text", |call| {
        let oid = call.oid(0);
        let is_key = call.catalog.keys().any(|key| key.constraint() == oid);
        Ok(is_key.then_some("PRIMARY KEY (id)").into())
    }),
    Declaration::new("pg_get_ruledef", (1, 2), "text", null),
    Declaration::new("pg_get_triggerdef", (1, 2), "text", null),
    Declaration::new("pg_get_partkeydef", (1, 1), "text", null),
    Declaration::new("pg_get_partition_constraintdef", (1, 1), "text", null),
    Declaration::new("pg_get_statisticsobjdef", (1, 1), "text", null),
    Declaration::new("pg_get_statisticsobjdef_columns", (1, 1), "text", null),
    Declaration::new("pg_get_functiondef", (1, 1), "text", null),
    Declaration::new("pg_get_function_result", (1, 1), "text", null),
    Declaration::new("pg_get_function_arguments", (1, 1), "text", null),
    Declaration::new("pg_get_function_identity_arguments", (1, 1), "text", null),
    Declaration::new("pg_get_function_sqlbody", (1, 1), "text", null),
    Declaration::new("pg_get_function_arg_default", (2, 2), "text", null),
    Declaration::new("pg_describe_object", (3, 3), "text", null),
    Declaration::new("pg_get_expr", (2, 3), "text", null),
    Declaration::new("pg_get_serial_sequence", (2, 2), "text", null),
    Declaration::new("pg_get_replica_identity_index", (1, 1), "regclass", null),
    Declaration::new("pg_sequence_last_value", (1, 1), "int8", null),
    Declaration::new("pg_get_userbyid", (1, 1), "name", |call| {
        Ok(match call.oid(0) {
            Some(OWNER_OID) => OWNER.into(),
            oid => format!("unknown (OID={})", oid.unwrap_or_default()).into(),
        })
    }),
    // Comments.
    Declaration::new("obj_description", (1, 2), "text", |call| {
        let class = call.text(1).unwrap_or("pg_class");
        Ok(match class {
            "pg_class" => doc_of(relation_of(call).map(|of| of.doc.as_str())),
            "pg_namespace" => schema_of(call).and_then(Schema::doc).into(),
            _ => Value::Null,
        })
    }),
    Declaration::new("col_description", (2, 2), "text", |call| {
        let number = call.argument(1).as_int();
        let column = relation_of(call)
            .and_then(|of| of.numbered().find(|(place, _)| Some(*place) == number));
        Ok(doc_of(column.map(|(_, column)| column.doc.as_str())))
    }),
    Declaration::new("shobj_description", (2, 2), "text", null),
    // What an unqualified name finds.
    Declaration::new("pg_table_is_visible", (1, 1), "bool", |call| {
        Ok(relation_of(call).map(|of| of.schema != Schema::Information).into())
    }),
    Declaration::new("pg_type_is_visible", (1, 1), "bool", yes),
    Declaration::new("pg_function_is_visible", (1, 1), "bool", yes),
    Declaration::new("pg_operator_is_visible", (1, 1), "bool", yes),
    Declaration::new("pg_opclass_is_visible", (1, 1), "bool", yes),
    Declaration::new("pg_opfamily_is_visible", (1, 1), "bool", yes),
    Declaration::new("pg_collation_is_visible", (1, 1), "bool", yes),
    Declaration::new("pg_conversion_is_visible", (1, 1), "bool", yes),
    Declaration::new("pg_statistics_obj_is_visible", (1, 1), "bool", yes),
    Declaration::new("pg_ts_parser_is_visible", (1, 1), "bool", yes),
    Declaration::new("pg_ts_dict_is_visible", (1, 1), "bool", yes),
    Declaration::new("pg_ts_template_is_visible", (1, 1), "bool", yes),
    Declaration::new("pg_ts_config_is_visible", (1, 1), "bool", yes),
    // Sizes are not known without reading the store.
    Declaration::new("pg_relation_size", (1, 2), "int8", null),
    Declaration::new("pg_table_size", (1, 1), "int8", null),
    Declaration::new("pg_total_relation_size", (1, 1), "int8", null),
    Declaration::new("pg_indexes_size", (1, 1), "int8", null),
    Declaration::new("pg_database_size", (1, 1), "int8", null),
    Declaration::new("pg_tablespace_size", (1, 1), "int8", null),
    Declaration::new("pg_relation_filenode", (1, 1), "oid", null),
    Declaration::new("pg_relation_filepath", (1, 1), "text", null),
    Declaration::new("pg_tablespace_location", (1, 1), "text", |_| Ok("".into())),
    Declaration::new("pg_stat_get_numscans", (1, 1), "int8", null),
    Declaration::new("pg_stat_get_live_tuples", (1, 1), "int8", null),
    Declaration::new("pg_stat_get_dead_tuples", (1, 1), "int8", null),
    Declaration::new("pg_relation_is_updatable", (2, 2), "int4", |_| Ok(0.into())),
    Declaration::new("pg_column_is_updatable", (3, 3), "bool", no),
    Declaration::new("pg_relation_is_publishable", (1, 1), "bool", no),
    Declaration::new("row_security_active", (1, 1), "bool", no),
    // Privileges: everyone may read everything, and change nothing.
    Declaration::new("has_table_privilege", (2, 3), "bool", may),
    Declaration::new("has_any_column_privilege", (2, 3), "bool", may),
    Declaration::new("has_column_privilege", (3, 4), "bool", may),
    Declaration::new("has_schema_privilege", (2, 3), "bool", may),
    Declaration::new("has_database_privilege", (2, 3), "bool", may),
    Declaration::new("has_function_privilege", (2, 3), "bool", may),
    Declaration::new("has_language_privilege", (2, 3), "bool", may),
    Declaration::new("has_sequence_privilege", (2, 3), "bool", may),
    Declaration::new("has_tablespace_privilege", (2, 3), "bool", may),
    Declaration::new("has_type_privilege", (2, 3), "bool", may),
    Declaration::new("has_foreign_data_wrapper_privilege", (2, 3), "bool", may),
    Declaration::new("has_server_privilege", (2, 3), "bool", may),
    Declaration::new("has_parameter_privilege", (2, 3), "bool", may),
    Declaration::new("pg_has_role", (2, 3), "bool", yes),
    Declaration::new("acldefault", (2, 2), "_aclitem", null),
    // Access methods.
    Declaration::new("pg_index_column_has_property", (3, 3), "bool", |call| {
        Ok(match call.text(2) {
            Some(
                "asc" | "nulls_last" | "orderable" | "returnable" | "search_array" | "search_nulls",
            ) => true,
            Some("desc" | "nulls_first" | "distance_orderable") => false,
            _ => return Ok(Value::Null),
        }
        .into())
    }),
    Declaration::new("pg_indexam_has_property", (2, 2), "bool", |call| {
        Ok(match call.text(1) {
            Some("can_order" | "can_unique" | "can_multi_col" | "can_exclude" | "can_include") => {
                (call.oid(0) == Some(403)).into()
            }
            _ => Value::Null,
        })
    }),
    // What information_schema computes of a column's type and modifier, without a modifier.
    Declaration::new("_pg_char_max_length", (2, 2), "int4", null),
    Declaration::new("_pg_numeric_precision", (2, 2), "int4", |call| {
        let bits = match call.oid(0).and_then(Type::of_oid).map(|ty| ty.name.as_ref()) {
            Some("int2") => Some(16),
            Some("int4") => Some(32),
            Some("int8") => Some(64),
            Some("float4") => Some(24),
            Some("float8") => Some(53),
            _ => None,
        };
        Ok(bits.into())
    }),
    Declaration::new("_pg_numeric_scale", (2, 2), "int4", |call| {
        let ty = call.oid(0).and_then(Type::of_oid);
        Ok(ty.is_some_and(|ty| matches!(ty.oid, 20 | 21 | 23)).then_some(0).into())
    }),
];

fn null(_: &Call<'_>) -> Result<Value> {
    Ok(Value::Null)
}

fn yes(_: &Call<'_>) -> Result<Value> {
    Ok(true.into())
}

fn no(_: &Call<'_>) -> Result<Value> {
    Ok(false.into())
}

fn doc_of(doc: Option<&str>) -> Value {
    doc.filter(|doc| !doc.is_empty()).map(str::to_owned).into()
}

fn column_name(relation: &Relation, number: i64) -> Option<&'static str> {
    relation.numbered().find(|(place, _)| *place == number).map(|(_, column)| column.name)
}

/// The relation that the first argument names or is the oid of.
fn relation_of<'a>(call: &'a Call<'_>) -> Option<&'a Relation> {
    call.catalog.relation(oid_of(call, "regclass")?)
}

fn schema_of(call: &Call<'_>) -> Option<Schema> {
    let oid = call.oid(0);
    Schema::ALL.into_iter().find(|schema| Some(schema.oid()) == oid)
}

/// The oid that the first argument is, or that its text names.
fn oid_of(call: &Call<'_>, ty: &str) -> Option<u32> {
    call.oid(0).or_else(|| named(call.catalog, ty, call.text(0)?))
}

/// The oid, unless nothing has the name. A text of digits is an oid, too.
fn found(call: &Call<'_>, ty: &str) -> Option<u32> {
    match call.argument(0) {
        Value::Text(text) if text == "-" => Some(0),
        _ => oid_of(call, ty),
    }
}

/// The oid that a name of a type such as `regclass` stands for.
fn named(catalog: &Catalog, ty: &str, text: &str) -> Option<u32> {
    if ty == "regtype" {
        let text = text.trim();
        let of_rows = || {
            let (name, is_array) = match text.strip_suffix("[]") {
                Some(name) => (name, true),
                None => (text, false),
            };
            let relation = relation_named(catalog, name)?;
            if is_array { relation.row_array() } else { relation.row_type() }
        };
        return Type::of_sql(text).map(|ty| ty.oid).or_else(of_rows);
    }
    match ty {
        "regclass" => relation_named(catalog, text).map(|of| of.oid),
        "regproc" | "regprocedure" => {
            let name = text.split_once('(').map_or(text, |(name, _)| name);
            catalog.procedure_named(&parse_identifiers(name)?.pop()?)
        }
        "regnamespace" => {
            Schema::of_name(&parse_identifiers(text)?.pop()?).map(|schema| schema.oid())
        }
        "regrole" => {
            let role = parse_identifiers(text)?.pop()?;
            (role == OWNER).then_some(OWNER_OID)
        }
        _ => None,
    }
}

fn relation_named<'a>(catalog: &'a Catalog, text: &str) -> Option<&'a Relation> {
    match parse_identifiers(text)?.as_slice() {
        [name] => catalog.relation_named(None, name),
        [schema, name] => catalog.relation_named(Some(schema), name),
        [database, schema, name] if database == DATABASE => {
            catalog.relation_named(Some(schema), name)
        }
        _ => None,
    }
}

fn required(call: &Call<'_>, ty: &'static str) -> Result<Value> {
    if let Some(oid) = found(call, ty) {
        return Ok(oid.into());
    }
    let Some(text) = call.text(0) else { return Err(invalid(ty, call)) };
    let (code, what) = match ty {
        "regclass" => ("42P01", "relation"),
        "regtype" => ("42704", "type"),
        "regnamespace" => ("3F000", "schema"),
        "regrole" => ("42704", "role"),
        _ => ("42883", "function"),
    };
    Err(Failure::new(code, format!("{what} \"{text}\" does not exist")).into())
}

fn invalid(ty: &str, call: &Call<'_>) -> datafusion::common::DataFusionError {
    let text = call.argument(0).printed().unwrap_or_default().into_owned();
    Failure::new("22P02", format!("invalid input syntax for type {ty}: \"{text}\"")).into()
}

/// The value as its type prints it.
fn printed(call: &Call<'_>) -> Option<String> {
    let value = call.argument(0);
    let ty = call.types.first().copied().unwrap_or_default();
    let name = Type::of_oid(ty).map_or("", |ty| ty.name.as_ref());
    match value {
        Value::Int(_) if name.starts_with("reg") => {
            value.as_oid().map(|oid| call.catalog.name_of(ty, oid))
        }
        Value::List(elements) if matches!(name, "int2vector" | "oidvector") => {
            let elements = elements.iter().filter_map(Value::printed);
            Some(elements.map(|element| element.into_owned()).collect::<Vec<_>>().join(" "))
        }
        Value::List(elements) if name.starts_with("_reg") => {
            let element = Type::of_oid(ty)?.element;
            let names = elements
                .iter()
                .map(|oid| Value::from(oid.as_oid().map(|oid| call.catalog.name_of(element, oid))));
            Value::List(names.collect()).printed().map(|text| text.into_owned())
        }
        _ => value.printed().map(|text| text.into_owned()),
    }
}

fn format_type(call: &Call<'_>) -> Result<Value> {
    let Some(oid) = call.oid(0) else { return Ok(Value::Null) };
    let name = match oid {
        0 => "-".to_owned(),
        oid => call.catalog.type_name(oid).unwrap_or_else(|| "???".to_owned()),
    };
    let modifier = call.argument(1).as_int().unwrap_or(-1);
    let length = match Type::of_oid(oid).map(|ty| ty.name.as_ref()) {
        Some("varchar" | "bpchar") if modifier > 4 => format!("({})", modifier - 4),
        Some("numeric") if modifier > 4 => {
            let modifier = modifier - 4;
            format!("({},{})", (modifier >> 16) & 0xffff, modifier & 0x7ff)
        }
        _ => String::new(),
    };
    Ok((name + &length).into())
}

/// Whether one of the privileges, a list such as `SELECT, INSERT`, is held. Objects must exist.
fn may(call: &Call<'_>) -> Result<Value> {
    let privileges = call.arguments.last().and_then(Value::as_text).unwrap_or_default();
    let is_held = privileges.split(',').any(|privilege| {
        let privilege = privilege.trim().to_uppercase();
        matches!(privilege.as_str(), "SELECT" | "USAGE" | "EXECUTE" | "CONNECT")
    });
    Ok(is_held.into())
}
