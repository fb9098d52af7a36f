//! The settings that clients ask for. They are those of a PostgreSQL server; none can be changed here.

/// The name of the one database.
pub const DATABASE: &str = "netsky";
/// The name of the role that owns everything, and that every user is.
pub const OWNER: &str = "netsky";
/// The oid of that role.
pub const OWNER_OID: u32 = 10;
/// The version of PostgreSQL whose catalogue this is.
pub const SERVER_VERSION: &str = "16.6";

/// Settings by name, with their values.
pub const SETTINGS: &[(&str, &str)] = &[
    ("application_name", ""),
    ("block_size", "8192"),
    ("bytea_output", "hex"),
    ("client_encoding", "UTF8"),
    ("client_min_messages", "notice"),
    ("config_file", ""),
    ("data_checksums", "on"),
    ("data_directory", ""),
    ("DateStyle", "ISO, MDY"),
    ("debug_assertions", "off"),
    ("default_table_access_method", "heap"),
    ("default_tablespace", ""),
    ("default_transaction_deferrable", "off"),
    ("default_transaction_isolation", "repeatable read"),
    ("default_transaction_read_only", "on"),
    ("extra_float_digits", "1"),
    ("hba_file", ""),
    ("ident_file", ""),
    ("idle_in_transaction_session_timeout", "0"),
    ("in_hot_standby", "off"),
    ("integer_datetimes", "on"),
    ("IntervalStyle", "postgres"),
    ("is_superuser", "off"),
    ("jit", "off"),
    ("lc_collate", "C"),
    ("lc_ctype", "C"),
    ("lc_messages", "C"),
    ("lc_monetary", "C"),
    ("lc_numeric", "C"),
    ("lc_time", "C"),
    ("listen_addresses", "localhost"),
    ("lock_timeout", "0"),
    ("log_statement", "none"),
    ("max_connections", "32"),
    ("max_function_args", "100"),
    ("max_identifier_length", "63"),
    ("max_index_keys", "32"),
    ("password_encryption", "scram-sha-256"),
    ("role", "none"),
    ("search_path", "\"$user\", public"),
    ("segment_size", "131072"),
    ("server_encoding", "UTF8"),
    ("server_version", SERVER_VERSION),
    ("server_version_num", "160006"),
    ("session_authorization", "netsky"),
    ("shared_preload_libraries", ""),
    ("ssl", "off"),
    ("standard_conforming_strings", "on"),
    ("statement_timeout", "0"),
    ("TimeZone", "UTC"),
    ("transaction_deferrable", "off"),
    ("transaction_isolation", "repeatable read"),
    ("transaction_read_only", "on"),
    ("wal_level", "replica"),
    ("work_mem", "4096"),
    ("xmlbinary", "base64"),
];

/// Returns the value of a setting, whose name may be in any case.
pub fn setting(name: &str) -> Option<&'static str> {
    let found = SETTINGS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| *value)
}
