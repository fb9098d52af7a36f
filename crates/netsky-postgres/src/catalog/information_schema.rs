//! The rows of `information_schema`. Views that are not here are empty.

use super::description::Catalog;
use super::relation::{Attribute, Kind, Relation, Schema, view_sql};
use super::row::{Row, row};
use super::settings::{DATABASE, OWNER};
use super::types::Type;

/// Returns the rows of a view of `information_schema`.
pub(super) fn rows(catalog: &Catalog, name: &str) -> Vec<Row> {
    let relations = || catalog.relations().filter(|of| !of.is_index());
    match name {
        "information_schema_catalog_name" => vec![row! { catalog_name: DATABASE }],
        "schemata" => Schema::ALL.into_iter().map(schema).collect(),
        "tables" => relations().map(table).collect(),
        "columns" => relations()
            .flat_map(|of| {
                of.numbered().map(move |(number, column)| self::column(of, number, column))
            })
            .collect(),
        "views" => relations().filter_map(view).collect(),
        "table_constraints" => catalog.keys().map(|key| constraint(catalog, key)).collect(),
        "key_column_usage" => catalog.keys().map(|key| key_column(catalog, key)).collect(),
        "constraint_column_usage" => catalog
            .keys()
            .map(|key| with(constraint_usage(catalog, key), "column_name", "id"))
            .collect(),
        "constraint_table_usage" => {
            catalog.keys().map(|key| constraint_usage(catalog, key)).collect()
        }
        "table_privileges" | "role_table_grants" => {
            relations().map(|of| with(privilege(of), "with_hierarchy", "YES")).collect()
        }
        "column_privileges" | "role_column_grants" => relations()
            .flat_map(|of| {
                let columns = of.columns.iter();
                columns.map(move |column| with(privilege(of), "column_name", column.name))
            })
            .collect(),
        "character_sets" => vec![row! {
            character_set_name: "UTF8", character_repertoire: "UCS", form_of_use: "UTF8",
            default_collate_catalog: DATABASE, default_collate_schema: "pg_catalog",
            default_collate_name: "C",
        }],
        "collations" => ["default", "C", "POSIX", "ucs_basic"]
            .map(|name| {
                row! {
                    collation_catalog: DATABASE, collation_schema: "pg_catalog",
                    collation_name: name, pad_attribute: "NO PAD",
                }
            })
            .into(),
        "enabled_roles" => vec![row! { role_name: OWNER }],
        _ => Vec::new(),
    }
}

/// The row with another value.
fn with(row: Row, column: &'static str, value: &'static str) -> Row {
    let Row(mut values) = row;
    values.push((column, value.into()));
    Row(values)
}

fn schema(schema: Schema) -> Row {
    row! { catalog_name: DATABASE, schema_name: schema.name(), schema_owner: OWNER }
}

fn table(relation: &Relation) -> Row {
    row! {
        table_catalog: DATABASE,
        table_schema: relation.schema.name(),
        table_name: relation.name.clone(),
        table_type: if relation.kind == Kind::Table { "BASE TABLE" } else { "VIEW" },
        is_insertable_into: "NO",
        is_typed: "NO",
    }
}

/// The number of bits, or the digits of a fraction of a second, that a type's values have.
struct Precision {
    bits: Option<i64>,
    scale: Option<i64>,
    seconds: Option<i64>,
}

fn precision(ty: &Type) -> Precision {
    let (bits, scale, seconds) = match ty.name.as_ref() {
        "int2" => (Some(16), Some(0), None),
        "int4" => (Some(32), Some(0), None),
        "int8" => (Some(64), Some(0), None),
        "float4" => (Some(24), None, None),
        "float8" => (Some(53), None, None),
        "date" => (None, None, Some(0)),
        "timestamp" | "timestamptz" | "time" | "interval" => (None, None, Some(6)),
        _ => (None, None, None),
    };
    Precision { bits, scale, seconds }
}

fn column(relation: &Relation, number: i64, column: &Attribute) -> Row {
    let Precision { bits, scale, seconds } = precision(column.ty);
    let is_text = matches!(column.ty.name.as_ref(), "text" | "varchar" | "bpchar");
    row! {
        table_catalog: DATABASE,
        table_schema: relation.schema.name(),
        table_name: relation.name.clone(),
        column_name: column.name,
        ordinal_position: number,
        is_nullable: if column.is_required { "NO" } else { "YES" },
        data_type: match column.ty.is_array() {
            true => "ARRAY".to_owned(),
            false => column.ty.sql_name(),
        },
        character_octet_length: is_text.then_some(1_073_741_824_i64),
        numeric_precision: bits,
        numeric_precision_radix: bits.map(|_| 2),
        numeric_scale: scale,
        datetime_precision: seconds,
        udt_catalog: DATABASE,
        udt_schema: "pg_catalog",
        udt_name: column.ty.name.clone(),
        dtd_identifier: number.to_string(),
        is_self_referencing: "NO",
        is_identity: "NO",
        identity_cycle: "NO",
        is_generated: "NEVER",
        is_updatable: "NO",
    }
}

fn view(relation: &Relation) -> Option<Row> {
    let Kind::View(sql) = relation.kind else { return None };
    Some(row! {
        table_catalog: DATABASE,
        table_schema: relation.schema.name(),
        table_name: relation.name.clone(),
        view_definition: sql.map(view_sql),
        check_option: "NONE",
        is_updatable: "NO",
        is_insertable_into: "NO",
        is_trigger_updatable: "NO",
        is_trigger_deletable: "NO",
        is_trigger_insertable_into: "NO",
    })
}

fn table_of(catalog: &Catalog, key: &Relation) -> Option<String> {
    catalog.relation(key.indexed()).map(|table| table.name.clone())
}

fn constraint(catalog: &Catalog, key: &Relation) -> Row {
    row! {
        constraint_catalog: DATABASE,
        constraint_schema: key.schema.name(),
        constraint_name: key.name.clone(),
        table_catalog: DATABASE,
        table_schema: key.schema.name(),
        table_name: table_of(catalog, key),
        constraint_type: "PRIMARY KEY",
        is_deferrable: "NO",
        initially_deferred: "NO",
        enforced: "YES",
    }
}

fn key_column(catalog: &Catalog, key: &Relation) -> Row {
    row! {
        constraint_catalog: DATABASE,
        constraint_schema: key.schema.name(),
        constraint_name: key.name.clone(),
        table_catalog: DATABASE,
        table_schema: key.schema.name(),
        table_name: table_of(catalog, key),
        column_name: "id",
        ordinal_position: 1,
    }
}

fn constraint_usage(catalog: &Catalog, key: &Relation) -> Row {
    row! {
        table_catalog: DATABASE,
        table_schema: key.schema.name(),
        table_name: table_of(catalog, key),
        constraint_catalog: DATABASE,
        constraint_schema: key.schema.name(),
        constraint_name: key.name.clone(),
    }
}

fn privilege(relation: &Relation) -> Row {
    row! {
        grantor: OWNER,
        grantee: OWNER,
        table_catalog: DATABASE,
        table_schema: relation.schema.name(),
        table_name: relation.name.clone(),
        privilege_type: "SELECT",
        is_grantable: "NO",
    }
}
