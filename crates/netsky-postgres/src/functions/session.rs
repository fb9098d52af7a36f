//! Functions about the server, the session and its settings.

use datafusion::common::Result;

use super::function::{Call, Declaration};
use crate::catalog::value::Value;
use crate::catalog::{DATABASE, OWNER, SERVER_VERSION, setting};
use crate::sqlstate::Failure;

pub const FUNCTIONS: &[Declaration] = &[
    Declaration::new("version", (0, 0), "text", |_| {
        let version = env!("CARGO_PKG_VERSION");
        Ok(format!("PostgreSQL {SERVER_VERSION} (netsky {version})").into())
    }),
    Declaration::new("current_database", (0, 0), "name", |_| Ok(DATABASE.into())),
    Declaration::new("current_catalog", (0, 0), "name", |_| Ok(DATABASE.into())),
    Declaration::new("current_schema", (0, 0), "name", |_| Ok("public".into())),
    Declaration::new("current_schemas", (1, 1), "_name", |call| {
        Ok(match call.argument(0).as_bool() {
            Some(true) => vec!["pg_catalog", "public"],
            _ => vec!["public"],
        }
        .into())
    }),
    Declaration::new("current_user", (0, 0), "name", owner),
    Declaration::new("current_role", (0, 0), "name", owner),
    Declaration::new("session_user", (0, 0), "name", owner),
    Declaration::new("user", (0, 0), "name", owner),
    Declaration::new("getpgusername", (0, 0), "name", owner),
    Declaration::new("current_setting", (1, 2), "text", current_setting),
    // A statement is all that it could change a setting for.
    Declaration::new("set_config", (3, 3), "text", |call| {
        Ok(call.argument(1).printed().map(|value| value.into_owned()).into())
    })
    .taking_nulls(),
    Declaration::new("pg_backend_pid", (0, 0), "int4", |_| Ok(std::process::id().into())),
    Declaration::new("pg_is_in_recovery", (0, 0), "bool", no),
    Declaration::new("pg_is_wal_replay_paused", (0, 0), "bool", no),
    Declaration::new("pg_jit_available", (0, 0), "bool", no),
    Declaration::new("pg_postmaster_start_time", (0, 0), "timestamptz", null),
    Declaration::new("pg_conf_load_time", (0, 0), "timestamptz", null),
    Declaration::new("inet_server_addr", (0, 0), "inet", null),
    Declaration::new("inet_client_addr", (0, 0), "inet", null),
    Declaration::new("inet_server_port", (0, 0), "int4", null),
    Declaration::new("inet_client_port", (0, 0), "int4", null),
    Declaration::new("txid_current", (0, 0), "int8", |_| Ok(1.into())),
    // Rows of the catalogue are as old as the store.
    Declaration::new("xid_age", (1, 1), "int4", |_| Ok(1.into())),
    Declaration::new("mxid_age", (1, 1), "int4", |_| Ok(1.into())),
    Declaration::new("txid_current_if_assigned", (0, 0), "int8", null),
    Declaration::new("pg_current_wal_lsn", (0, 0), "pg_lsn", null),
    Declaration::new("pg_last_wal_receive_lsn", (0, 0), "pg_lsn", null),
    Declaration::new("pg_last_wal_replay_lsn", (0, 0), "pg_lsn", null),
    Declaration::new("pg_last_xact_replay_timestamp", (0, 0), "timestamptz", null),
    Declaration::new("pg_blocking_pids", (1, 1), "_int4", |_| Ok(Value::List(Vec::new()))),
    // Nobody waits for a reader.
    Declaration::new("pg_advisory_unlock_all", (0, 0), "text", |_| Ok("".into())),
    Declaration::new("pg_my_temp_schema", (0, 0), "oid", |_| Ok(0.into())),
    Declaration::new("pg_is_other_temp_schema", (1, 1), "bool", no),
    Declaration::new("pg_client_encoding", (0, 0), "name", |_| Ok("UTF8".into())),
    Declaration::new("getdatabaseencoding", (0, 0), "name", |_| Ok("UTF8".into())),
    Declaration::new("pg_encoding_to_char", (1, 1), "name", |call| {
        Ok(match call.argument(0).as_int() {
            Some(0) => "SQL_ASCII",
            Some(6) => "UTF8",
            Some(8) => "LATIN1",
            _ => "",
        }
        .into())
    }),
    Declaration::new("pg_char_to_encoding", (1, 1), "int4", |call| {
        let name = call.text(0).unwrap_or_default().to_lowercase().replace('-', "");
        Ok(if name == "utf8" { 6 } else { -1 }.into())
    }),
    Declaration::new("pg_size_pretty", (1, 1), "text", |call| {
        Ok(call.argument(0).as_int().map(size_pretty).into())
    }),
];

fn owner(_: &Call<'_>) -> Result<Value> {
    Ok(OWNER.into())
}

fn no(_: &Call<'_>) -> Result<Value> {
    Ok(false.into())
}

fn null(_: &Call<'_>) -> Result<Value> {
    Ok(Value::Null)
}

fn current_setting(call: &Call<'_>) -> Result<Value> {
    let name = call.text(0).unwrap_or_default();
    match setting(name) {
        Some(value) => Ok(value.into()),
        None if call.argument(1).as_bool() == Some(true) => Ok(Value::Null),
        None => {
            Err(Failure::new("42704", format!("unrecognized configuration parameter \"{name}\""))
                .into())
        }
    }
}

/// A number of bytes in the largest unit of which there are at least 10.
fn size_pretty(bytes: i64) -> String {
    let limit = 10 * 1024;
    if bytes.unsigned_abs() < limit {
        return format!("{bytes} bytes");
    }
    // In halves, so that the last division rounds.
    let mut halves = bytes / 512;
    let units = ["kB", "MB", "GB", "TB", "PB"];
    for (index, unit) in units.iter().enumerate() {
        if halves.unsigned_abs() < limit * 2 - 1 || index + 1 == units.len() {
            let rounded = (halves + halves.signum()) / 2;
            return format!("{rounded} {unit}");
        }
        halves /= 1024;
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_print_as_in_postgres() {
        for (bytes, printed) in [
            (0, "0 bytes"),
            (10_239, "10239 bytes"),
            (10_240, "10 kB"),
            (-1_048_576, "-1024 kB"),
            (10_485_760, "10 MB"),
            (123_456_789, "118 MB"),
        ] {
            assert_eq!(size_pretty(bytes), printed);
        }
    }
}
