//! The rows of `pg_catalog`, as PostgreSQL 16 would have them for the store. Tables that are not here are empty.

use super::description::Catalog;
use super::relation::{Kind, Relation, Schema, view_sql};
use super::row::{Row, row};
use super::settings::{DATABASE, OWNER, OWNER_OID, SETTINGS};
use super::types::{ARRAY_SUBSCRIPT, Procedure, TYPES, Type, lines, procedures_by_oid};
use super::value::Value;

/// The oid of the database.
const DATABASE_OID: u32 = 5;
const HEAP: u32 = 2;
const BTREE: u32 = 403;
const INT8_OPS: u32 = 3124;
const UTF8: u32 = 6;
const DEFAULT_SPACE: u32 = 1663;

/// Returns the rows of a table or view of `pg_catalog`.
pub(super) fn rows(catalog: &Catalog, name: &str) -> Vec<Row> {
    match name {
        "pg_namespace" => Schema::ALL.into_iter().map(namespace).collect(),
        "pg_class" => catalog.relations().map(class).collect(),
        "pg_attribute" => catalog.relations().flat_map(attributes).collect(),
        "pg_type" => types(catalog),
        "pg_proc" => procedures(),
        "pg_index" => catalog.keys().map(index).collect(),
        "pg_constraint" => catalog.keys().map(constraint).collect(),
        "pg_description" => catalog.relations().flat_map(descriptions).chain(schema_docs()).collect(),
        "pg_rewrite" => catalog.relations().filter_map(rule).collect(),
        "pg_depend" => catalog.keys().map(key_of_table).collect(),
        "pg_database" => vec![database()],
        "pg_authid" | "pg_roles" => vec![role()],
        "pg_user" | "pg_shadow" => vec![user()],
        "pg_tablespace" => [(DEFAULT_SPACE, "pg_default"), (1664, "pg_global")]
            .map(|(oid, name)| row! { oid: oid, spcname: name, spcowner: OWNER_OID })
            .into(),
        "pg_am" => ACCESS_METHODS
            .map(|(oid, name, handler, kind)| {
                row! { oid: oid, amname: name, amhandler: handler, amtype: kind }
            })
            .into(),
        "pg_opfamily" => vec![row! {
            oid: 1976, opfmethod: BTREE, opfname: "integer_ops", opfnamespace: Schema::PgCatalog.oid(),
            opfowner: OWNER_OID,
        }],
        "pg_opclass" => vec![row! {
            oid: INT8_OPS, opcmethod: BTREE, opcname: "int8_ops",
            opcnamespace: Schema::PgCatalog.oid(), opcowner: OWNER_OID, opcfamily: 1976,
            opcintype: 20, opcdefault: true,
        }],
        "pg_language" => [(12, "internal", false), (13, "c", false), (14, "sql", true)]
            .map(|(oid, name, trusted)| {
                row! { oid: oid, lanname: name, lanowner: OWNER_OID, lanpltrusted: trusted }
            })
            .into(),
        "pg_collation" => collations(),
        "pg_settings" | "pg_show_all_settings()" => settings(),
        "pg_tables" => catalog.relations().filter(|of| of.kind == Kind::Table).map(table).collect(),
        "pg_views" => catalog.relations().filter_map(view).collect(),
        "pg_indexes" => catalog.keys().map(|key| index_text(catalog, key)).collect(),
        "pg_stat_user_tables" | "pg_stat_all_tables" | "pg_stat_xact_user_tables"
        | "pg_statio_user_tables" | "pg_statio_all_tables" => store_tables(catalog)
            .map(|table| row! { relid: table.oid, schemaname: "public", relname: table.name.clone() })
            .collect(),
        "pg_stat_database" => vec![row! { datid: DATABASE_OID, datname: DATABASE }],
        "pg_stat_activity" => vec![row! {
            datid: DATABASE_OID, datname: DATABASE, pid: std::process::id(), usesysid: OWNER_OID,
            usename: OWNER, application_name: "", state: "active", query: "",
            backend_type: "client backend",
        }],
        "pg_get_keywords()" => keywords().collect(),
        "pg_timezone_names" => {
            vec![row! { name: "UTC", abbrev: "UTC", utc_offset: Value::Null, is_dst: false }]
        }
        _ => Vec::new(),
    }
}

fn keywords() -> impl Iterator<Item = Row> {
    lines(include_str!("keywords.txt"))
        .filter_map(|line| {
            let (category, words) = line.split_once(' ')?;
            let description = match category {
                "U" => "unreserved",
                "C" => "unreserved (cannot be function or type name)",
                "T" => "reserved (can be function or type name)",
                _ => "reserved",
            };
            let rows = words.split(' ').map(move |word| {
                row! { word: word, catcode: category, barelabel: true, catdesc: description }
            });
            Some(rows.collect::<Vec<_>>())
        })
        .flatten()
}

fn store_tables(catalog: &Catalog) -> impl Iterator<Item = &Relation> {
    catalog.relations().filter(|of| of.schema == Schema::Public && of.kind == Kind::Table)
}

const ACCESS_METHODS: [(u32, &str, u32, &str); 7] = [
    (HEAP, "heap", 3, "t"),
    (BTREE, "btree", 330, "i"),
    (405, "hash", 331, "i"),
    (783, "gist", 332, "i"),
    (2742, "gin", 333, "i"),
    (4000, "spgist", 334, "i"),
    (3580, "brin", 335, "i"),
];

fn namespace(schema: Schema) -> Row {
    row! { oid: schema.oid(), nspname: schema.name(), nspowner: OWNER_OID }
}

fn class(relation: &Relation) -> Row {
    let is_table = relation.kind == Kind::Table;
    let is_key_owner = is_table && relation.schema == Schema::Public;
    row! {
        oid: relation.oid,
        relname: relation.name.clone(),
        relnamespace: relation.schema.oid(),
        reltype: relation.row_type().unwrap_or(0),
        relowner: OWNER_OID,
        relam: match relation.kind {
            Kind::Table => HEAP,
            Kind::Index(_) => BTREE,
            Kind::View(_) | Kind::Function => 0,
        },
        relfilenode: if matches!(relation.kind, Kind::View(_)) { 0 } else { relation.oid },
        // Unknown, as in PostgreSQL before the first ANALYZE. The catalogue reads no store.
        reltuples: -1,
        relhasindex: is_key_owner,
        relpersistence: "p",
        relkind: relation.kind_letter(),
        relnatts: relation.columns.len() as i64,
        relhasrules: relation.rule().is_some(),
        relispopulated: true,
        relreplident: if is_table { "d" } else { "n" },
    }
}

fn attributes(relation: &Relation) -> impl Iterator<Item = Row> {
    relation.numbered().map(|(number, column)| {
        let ty = column.ty;
        row! {
            attrelid: relation.oid,
            attname: column.name,
            atttypid: ty.oid,
            attlen: ty.length,
            attnum: number,
            attcacheoff: -1,
            atttypmod: -1,
            attndims: i64::from(ty.is_array()),
            attbyval: ty.by_value,
            attalign: ty.alignment,
            attstorage: ty.storage,
            attnotnull: column.is_required,
            attislocal: true,
            attstattarget: -1,
            attcollation: ty.collation,
        }
    })
}

fn types(catalog: &Catalog) -> Vec<Row> {
    let oid_of = |procedure: Option<Procedure>| procedure.map_or(0, |procedure| procedure.oid);
    let row_of = |ty: &Type, name: String, oid: u32, schema: Schema| {
        let [input, output, receive, send, modifier_in, modifier_out] = ty.functions.map(oid_of);
        row! {
            oid: oid, typname: name, typnamespace: schema.oid(), typowner: OWNER_OID,
            typlen: ty.length, typbyval: ty.by_value, typtype: ty.kind, typcategory: ty.category,
            typispreferred: ty.is_preferred, typisdefined: true, typdelim: ty.delimiter,
            typsubscript: if ty.is_array() { ARRAY_SUBSCRIPT.oid } else { 0 },
            typelem: ty.element, typarray: ty.array, typinput: input, typoutput: output,
            typreceive: receive, typsend: send, typmodin: modifier_in, typmodout: modifier_out,
            typalign: ty.alignment, typstorage: ty.storage, typtypmod: -1,
            typcollation: ty.collation,
        }
    };
    let with = |mut row: Row, values: Row| {
        let Row(changed) = values;
        row.0.retain(|(name, _)| changed.iter().all(|(other, _)| other != name));
        row.0.extend(changed);
        row
    };
    let mut rows = TYPES
        .iter()
        .map(|ty| row_of(ty, ty.name.to_string(), ty.oid, Schema::PgCatalog))
        .collect::<Vec<_>>();
    let Some(record) = Type::of_name("record") else { return rows };
    let Some(records) = Type::of_oid(record.array) else { return rows };
    for relation in catalog.relations() {
        let (Some(oid), Some(array)) = (relation.row_type(), relation.row_array()) else {
            continue;
        };
        rows.push(with(
            row_of(record, relation.name.clone(), oid, relation.schema),
            row! { typtype: "c", typcategory: "C", typrelid: relation.oid, typarray: array },
        ));
        rows.push(with(
            row_of(records, format!("_{}", relation.name), array, relation.schema),
            row! { typtype: "b", typelem: oid },
        ));
    }
    rows
}

fn procedures() -> Vec<Row> {
    let rows = procedures_by_oid().into_iter().map(|(oid, name)| {
        row! {
            oid: oid, proname: name, pronamespace: Schema::PgCatalog.oid(), proowner: OWNER_OID,
            prolang: 12, procost: Value::Float(1.0), prokind: "f", proisstrict: true,
            provolatile: "i", proparallel: "s", prosrc: name,
        }
    });
    rows.collect()
}

fn index(key: &Relation) -> Row {
    row! {
        indexrelid: key.oid, indrelid: key.indexed(), indnatts: 1, indnkeyatts: 1,
        indisunique: true, indisprimary: true, indimmediate: true, indisvalid: true,
        indisready: true, indislive: true, indkey: vec![1], indcollation: vec![0],
        indclass: vec![INT8_OPS], indoption: vec![0],
    }
}

fn constraint(key: &Relation) -> Row {
    row! {
        oid: key.constraint(), conname: key.name.clone(), connamespace: key.schema.oid(),
        contype: "p", convalidated: true, conrelid: key.indexed(), conindid: key.oid,
        confupdtype: " ", confdeltype: " ", confmatchtype: " ", conislocal: true,
        connoinherit: true, conkey: vec![1],
    }
}

/// The index depends on the constraint, and with it on the table.
fn key_of_table(key: &Relation) -> Row {
    row! {
        classid: PG_CLASS, objid: key.oid, refclassid: 2606, refobjid: key.constraint(), deptype: "i",
    }
}

fn index_text(catalog: &Catalog, key: &Relation) -> Row {
    row! {
        schemaname: key.schema.name(),
        tablename: catalog.relation(key.indexed()).map(|table| table.name.clone()),
        indexname: key.name.clone(),
        indexdef: catalog.index_sql(key),
    }
}

/// The oid of `pg_class` itself, which says of a comment that it is on a relation.
const PG_CLASS: u32 = 1259;
/// The oid of `pg_namespace` itself.
const PG_NAMESPACE: u32 = 2615;

fn descriptions(relation: &Relation) -> impl Iterator<Item = Row> {
    let of_columns = relation.numbered().map(|(number, column)| (number, column.doc.as_str()));
    let docs = std::iter::once((0, relation.doc.as_str())).chain(of_columns);
    docs.filter(|(_, doc)| !doc.is_empty()).map(|(number, doc)| {
        row! {
            objoid: relation.oid, classoid: PG_CLASS, objsubid: number, description: doc.to_owned(),
        }
    })
}

fn schema_docs() -> impl Iterator<Item = Row> {
    Schema::ALL.into_iter().filter_map(|schema| {
        let doc = schema.doc()?;
        Some(row! { objoid: schema.oid(), classoid: PG_NAMESPACE, description: doc })
    })
}

fn rule(relation: &Relation) -> Option<Row> {
    Some(row! {
        oid: relation.rule()?, rulename: "_RETURN", ev_class: relation.oid, ev_type: "1",
        ev_enabled: "O", is_instead: true, ev_qual: "<>", ev_action: "<>",
    })
}

fn database() -> Row {
    row! {
        oid: DATABASE_OID, datname: DATABASE, datdba: OWNER_OID, encoding: UTF8,
        datlocprovider: "c", datallowconn: true, datconnlimit: -1, dattablespace: DEFAULT_SPACE,
        datcollate: "C", datctype: "C",
    }
}

fn role() -> Row {
    row! {
        oid: OWNER_OID, rolname: OWNER, rolinherit: true, rolcanlogin: true, rolconnlimit: -1,
        rolpassword: "********",
    }
}

fn user() -> Row {
    row! { usename: OWNER, usesysid: OWNER_OID, passwd: "********" }
}

fn collations() -> Vec<Row> {
    let collation = |oid: u32,
                     name: &'static str,
                     provider: &'static str,
                     locale: Option<&'static str>| {
        row! {
            oid: oid, collname: name, collnamespace: Schema::PgCatalog.oid(), collowner: OWNER_OID,
            collprovider: provider, collisdeterministic: true, collencoding: -1,
            collcollate: locale, collctype: locale,
        }
    };
    vec![
        collation(100, "default", "d", None),
        collation(950, "C", "c", Some("C")),
        collation(951, "POSIX", "c", Some("POSIX")),
        collation(962, "ucs_basic", "c", Some("C")),
    ]
}

fn settings() -> Vec<Row> {
    let row_of = |&(name, value): &(&'static str, &'static str)| {
        let kind = match value {
            "on" | "off" => "bool",
            value if value.parse::<i64>().is_ok() => "integer",
            _ => "string",
        };
        row! {
            name: name, setting: value, category: "Preset Options", short_desc: "",
            context: "internal", vartype: kind, source: "default", boot_val: value,
            reset_val: value, pending_restart: false,
        }
    };
    SETTINGS.iter().map(row_of).collect()
}

fn table(relation: &Relation) -> Row {
    row! {
        schemaname: relation.schema.name(), tablename: relation.name.clone(), tableowner: OWNER,
        hasindexes: relation.schema == Schema::Public, hasrules: false, hastriggers: false,
        rowsecurity: false,
    }
}

fn view(relation: &Relation) -> Option<Row> {
    let Kind::View(sql) = relation.kind else { return None };
    Some(row! {
        schemaname: relation.schema.name(), viewname: relation.name.clone(), viewowner: OWNER,
        definition: sql.map(view_sql),
    })
}
