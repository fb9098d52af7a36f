//! The settings of a session: those of PostgreSQL that clients set and ask for.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::sql_error::SqlError;

/// The version that clients adapt to.
pub(crate) const SERVER_VERSION: &str = "16.6";

/// What the values of a session may take together.
const MAX_BYTES: usize = 16 << 10;

/// A change of a setting. Without a value, it gets its first one again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// In lower case. Empty for all settings.
    pub(crate) name: String,
    pub(crate) value: Option<String>,
    /// Until the end of the transaction.
    pub(crate) is_local: bool,
}

impl Change {
    /// Resets all settings.
    pub(crate) fn all() -> Self {
        Self { name: String::new(), value: None, is_local: false }
    }
}

/// Which values a setting takes.
#[derive(Debug, Clone, Copy)]
enum Rule {
    /// It cannot be changed.
    Fixed,
    Any,
    Bool,
    /// A Boolean that has only one value here.
    Only(bool),
    Number(f64, f64),
    Milliseconds,
    OneOf(&'static [&'static str]),
    ClientEncoding,
    DateStyle,
    TimeZone,
    ReadOnly,
}

/// A setting, its first value, and whether clients are told of changes.
struct Setting {
    name: &'static str,
    default: &'static str,
    rule: Rule,
    is_reported: bool,
}

const fn reported(name: &'static str, default: &'static str, rule: Rule) -> Setting {
    Setting { name, default, rule, is_reported: true }
}

const fn setting(name: &'static str, default: &'static str, rule: Rule) -> Setting {
    Setting { name, default, rule, is_reported: false }
}

const LEVELS: &[&str] = &["read committed", "read uncommitted", "repeatable read", "serializable"];
const MESSAGES: &[&str] = &[
    "debug5", "debug4", "debug3", "debug2", "debug1", "debug", "log", "notice", "warning", "error",
];
const PLANNER: Rule = Rule::Number(0.0, 1e10);

/// In the order of their names. Of those of the planner, only what clients are known to set; they change nothing.
const SETTINGS: &[Setting] = &[
    reported("application_name", "", Rule::Any),
    setting("backslash_quote", "safe_encoding", Rule::OneOf(&["safe_encoding", "on", "off"])),
    setting("block_size", "8192", Rule::Fixed),
    setting("bytea_output", "hex", Rule::OneOf(&["hex"])),
    setting("check_function_bodies", "on", Rule::Bool),
    reported("client_encoding", "UTF8", Rule::ClientEncoding),
    setting("client_min_messages", "notice", Rule::OneOf(MESSAGES)),
    setting("constraint_exclusion", "partition", Rule::OneOf(&["partition", "on", "off"])),
    setting("cursor_tuple_fraction", "0.1", PLANNER),
    reported("DateStyle", "ISO, MDY", Rule::DateStyle),
    setting("default_table_access_method", "heap", Rule::Any),
    setting("default_tablespace", "", Rule::Any),
    setting("default_text_search_config", "pg_catalog.simple", Rule::Any),
    setting("default_transaction_deferrable", "off", Rule::Bool),
    setting("default_transaction_isolation", "read committed", Rule::OneOf(LEVELS)),
    reported("default_transaction_read_only", "on", Rule::ReadOnly),
    setting("effective_cache_size", "4GB", Rule::Any),
    setting("enable_bitmapscan", "on", Rule::Bool),
    setting("enable_hashagg", "on", Rule::Bool),
    setting("enable_hashjoin", "on", Rule::Bool),
    setting("enable_indexscan", "on", Rule::Bool),
    setting("enable_mergejoin", "on", Rule::Bool),
    setting("enable_nestloop", "on", Rule::Bool),
    setting("enable_seqscan", "on", Rule::Bool),
    setting("enable_sort", "on", Rule::Bool),
    setting("escape_string_warning", "on", Rule::Bool),
    setting("extra_float_digits", "1", Rule::Number(-15.0, 3.0)),
    setting("from_collapse_limit", "8", PLANNER),
    setting("geqo", "on", Rule::Bool),
    setting("idle_in_transaction_session_timeout", "0", Rule::Milliseconds),
    setting("idle_session_timeout", "0", Rule::Milliseconds),
    reported("in_hot_standby", "off", Rule::Fixed),
    reported("integer_datetimes", "on", Rule::Fixed),
    reported("IntervalStyle", "postgres", Rule::OneOf(&["postgres"])),
    reported("is_superuser", "off", Rule::Fixed),
    setting("jit", "off", Rule::Bool),
    setting("join_collapse_limit", "8", PLANNER),
    setting("lc_collate", "C", Rule::Fixed),
    setting("lc_ctype", "C.UTF-8", Rule::Fixed),
    setting("lc_messages", "C", Rule::Any),
    setting("lc_monetary", "C", Rule::Any),
    setting("lc_numeric", "C", Rule::Any),
    setting("lc_time", "C", Rule::Any),
    setting("lock_timeout", "0", Rule::Milliseconds),
    setting("maintenance_work_mem", "64MB", Rule::Any),
    setting("max_connections", "100", Rule::Fixed),
    setting("max_identifier_length", "63", Rule::Fixed),
    setting("max_index_keys", "32", Rule::Fixed),
    setting("max_parallel_workers", "8", PLANNER),
    setting("max_parallel_workers_per_gather", "2", PLANNER),
    setting("password_encryption", "scram-sha-256", Rule::Any),
    setting("plan_cache_mode", "auto", Rule::Any),
    setting("quote_all_identifiers", "off", Rule::Bool),
    setting("random_page_cost", "4", PLANNER),
    setting("role", "none", Rule::OneOf(&["none"])),
    setting("row_security", "on", Rule::Bool),
    reported("search_path", "\"$user\", public", Rule::Any),
    setting("seq_page_cost", "1", PLANNER),
    reported("server_encoding", "UTF8", Rule::Fixed),
    reported("server_version", SERVER_VERSION, Rule::Fixed),
    setting("server_version_num", "160006", Rule::Fixed),
    reported("session_authorization", "", Rule::Fixed),
    setting("ssl", "off", Rule::Fixed),
    reported("standard_conforming_strings", "on", Rule::Only(true)),
    setting("statement_timeout", "0", Rule::Milliseconds),
    setting("synchronize_seqscans", "on", Rule::Bool),
    setting("synchronous_commit", "on", Rule::Any),
    setting("temp_buffers", "8MB", Rule::Any),
    reported("TimeZone", "UTC", Rule::TimeZone),
    setting("transaction_deferrable", "off", Rule::Bool),
    setting("transaction_isolation", "read committed", Rule::OneOf(LEVELS)),
    setting("transaction_read_only", "on", Rule::ReadOnly),
    setting("transform_null_equals", "off", Rule::Only(false)),
    setting("work_mem", "4MB", Rule::Any),
    setting("xmlbinary", "base64", Rule::Any),
    setting("xmloption", "content", Rule::Any),
];

/// The settings of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// What the client has asked for when it connected.
    first: Arc<BTreeMap<String, String>>,
    changed: BTreeMap<String, String>,
    /// Until the end of the transaction.
    local: BTreeMap<String, String>,
}

impl Settings {
    /// The settings of a new session. A time zone is accepted, and not followed: clients send that of their
    /// machine without being asked.
    pub(crate) fn new(
        user: &str,
        asked: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SqlError> {
        let mut first = BTreeMap::from([("session_authorization".to_owned(), user.to_owned())]);
        for (name, value) in asked {
            let name = name.to_ascii_lowercase();
            if name != "timezone" {
                let value = check(&name, &value)?;
                first.insert(name, value);
            }
        }
        let settings = Self { first: Arc::new(first), ..Self::default() };
        settings.check_size().map(|()| settings)
    }

    /// Makes a change. Returns a warning, if it does not do what it says.
    pub(crate) fn change(&mut self, change: &Change) -> Result<Option<SqlError>, SqlError> {
        let Change { name, value, is_local } = change;
        if name.is_empty() {
            self.changed.clear();
            self.local.clear();
            return Ok(None);
        }
        let warning = value.as_deref().and_then(|value| warning(name, value));
        let value = match value {
            Some(value) => Some(check(name, value)?),
            // To say that there is no such setting.
            None => find(name).map(|_| None)?,
        };
        // As in PostgreSQL, they are those of a transaction.
        let is_local = *is_local || name.starts_with("transaction_");
        match (value, is_local) {
            (Some(value), true) => drop(self.local.insert(name.clone(), value)),
            (None, true) => {
                let default = self.first_value(name).unwrap_or_default().to_owned();
                self.local.insert(name.clone(), default);
            }
            (Some(value), false) => {
                self.local.remove(name);
                self.changed.insert(name.clone(), value);
            }
            (None, false) => {
                self.local.remove(name);
                self.changed.remove(name);
            }
        }
        self.check_size().map(|()| warning)
    }

    fn check_size(&self) -> Result<(), SqlError> {
        let all = [&*self.first, &self.changed, &self.local].into_iter().flatten();
        let bytes: usize = all.map(|(name, value)| name.len() + value.len()).sum();
        if bytes <= MAX_BYTES {
            return Ok(());
        }
        Err(SqlError::new("53200", format!("the settings are longer than {MAX_BYTES} bytes"))
            .hint("RESET ALL forgets them"))
    }

    /// Ends what was set for the transaction.
    pub(crate) fn end_transaction(&mut self) {
        self.local.clear();
    }

    /// The name of a setting as it is printed, and its value. The name is in lower case.
    pub(crate) fn get(&self, name: &str) -> Result<(&str, &str), SqlError> {
        let (setting, set) = (find(name)?, self.set(name));
        match (setting, set) {
            (Some(setting), _) => Ok((setting.name, self.value(setting))),
            (None, Some((name, value))) => Ok((name, value)),
            (None, None) => Err(unknown(name)),
        }
    }

    fn set(&self, name: &str) -> Option<(&str, &str)> {
        let maps = [&self.local, &self.changed, &*self.first];
        let found = maps.into_iter().find_map(|map| map.get_key_value(name));
        found.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn value<'a>(&'a self, setting: &'a Setting) -> &'a str {
        let name = setting.name.to_ascii_lowercase();
        match (self.set(&name), name.strip_prefix("transaction_")) {
            (Some((_, value)), _) => value,
            // Of a transaction that does not say it.
            (None, Some(_)) => {
                let of_session = self.set(&format!("default_{name}"));
                of_session.map_or(setting.default, |(_, value)| value)
            }
            (None, None) => setting.default,
        }
    }

    fn first_value(&self, name: &str) -> Option<&str> {
        let first = self.first.get(name).map(String::as_str);
        first.or_else(|| find(name).ok().flatten().map(|setting| setting.default))
    }

    /// All settings by name.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        SETTINGS.iter().map(|setting| (setting.name, self.value(setting)))
    }

    /// The settings that clients are told of.
    pub(crate) fn reported(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let reported = SETTINGS.iter().filter(|setting| setting.is_reported);
        reported.map(|setting| (setting.name, self.value(setting)))
    }

    /// A time in milliseconds; `None` if it is 0, which means that there is no limit.
    pub(crate) fn milliseconds(&self, name: &str) -> Option<u64> {
        let (_, value) = self.get(name).ok()?;
        milliseconds(value).filter(|&time| time > 0)
    }
}

/// Finds a setting. `None` stands for one of an extension, whose name has a dot.
fn find(name: &str) -> Result<Option<&'static Setting>, SqlError> {
    match SETTINGS.iter().find(|setting| setting.name.eq_ignore_ascii_case(name)) {
        Some(setting) => Ok(Some(setting)),
        None if name.contains('.') => Ok(None),
        None => Err(unknown(name)),
    }
}

fn unknown(name: &str) -> SqlError {
    SqlError::new("42704", format!("unrecognized configuration parameter \"{name}\""))
}

/// Returns a value as it is printed, or why it cannot be set.
fn check(name: &str, value: &str) -> Result<String, SqlError> {
    let Some(setting) = find(name)? else { return Ok(value.to_owned()) };
    let name = setting.name;
    let invalid =
        || SqlError::new("22023", format!("invalid value for parameter \"{name}\": \"{value}\""));
    let boolean = |value| {
        boolean(value).ok_or_else(|| {
            SqlError::new("22023", format!("parameter \"{name}\" requires a Boolean value"))
        })
    };
    let on_off = |on| if on { "on" } else { "off" }.to_owned();
    match setting.rule {
        Rule::Fixed => {
            // Clients send what they were told.
            if value.eq_ignore_ascii_case(setting.default) {
                return Ok(setting.default.to_owned());
            }
            Err(SqlError::new("55P02", format!("parameter \"{name}\" cannot be changed")))
        }
        Rule::Any => Ok(value.to_owned()),
        Rule::Bool => boolean(value).map(on_off),
        Rule::Only(only) => match boolean(value)? == only {
            true => Ok(on_off(only)),
            false => Err(SqlError::new("0A000", format!("{name} is always {}", on_off(only)))),
        },
        Rule::Number(least, greatest) => match value.trim().parse::<f64>() {
            Ok(number) if (least..=greatest).contains(&number) => Ok(value.trim().to_owned()),
            Ok(_) => Err(SqlError::new(
                "22023",
                format!(
                    "{value} is outside the valid range for parameter \"{name}\" ({least} .. {greatest})"
                ),
            )),
            Err(_) => Err(invalid()),
        },
        Rule::Milliseconds => {
            match milliseconds(value) {
                Some(time) => Ok(print_milliseconds(time)),
                None => Err(invalid()
                    .hint("valid units are \"us\", \"ms\", \"s\", \"min\", \"h\", and \"d\"")),
            }
        }
        Rule::OneOf(values) => {
            let known = values.iter().find(|known| known.eq_ignore_ascii_case(value));
            known.map(|known| (*known).to_owned()).ok_or_else(|| {
                let values = values.join(", ");
                invalid().hint(format!("available values: {values}"))
            })
        }
        Rule::ClientEncoding => match encoding(value).as_str() {
            "utf8" | "unicode" => Ok("UTF8".to_owned()),
            "sqlascii" => Ok("SQL_ASCII".to_owned()),
            _ => Err(invalid().hint("all text is sent in UTF8")),
        },
        Rule::DateStyle => date_style(value).ok_or_else(|| {
            SqlError::new("0A000", format!("DateStyle \"{value}\" is not supported"))
                .hint("dates are sent as in ISO")
        }),
        Rule::TimeZone => match is_utc(value) {
            true => Ok("UTC".to_owned()),
            false => Err(SqlError::new(
                "0A000",
                format!("the time zone of a session is always UTC, not \"{value}\""),
            )
            .hint(format!("write it into the query, as in ts_utc AT TIME ZONE '{value}'"))),
        },
        // Clients and pools say it without meaning to write.
        Rule::ReadOnly => boolean(value).map(|_| on_off(true)),
    }
}

/// What a value does not do.
fn warning(name: &str, value: &str) -> Option<SqlError> {
    if name.ends_with("transaction_read_only") && boolean(value) == Some(false) {
        let message = "transactions stay read-only: the server only reads";
        return Some(
            SqlError::new("01000", message).hint("`netsky record` and `netsky import` write"),
        );
    }
    let value = value.to_ascii_lowercase();
    let is_stricter = matches!(value.as_str(), "repeatable read" | "serializable");
    (name.ends_with("transaction_isolation") && is_stricter).then(|| {
        SqlError::new("01000", format!("transactions are not isolated as {value}")).detail(
            "each statement sees the rows that are there when it begins, as with read committed",
        )
    })
}

fn boolean(value: &str) -> Option<bool> {
    match value.trim().to_ascii_lowercase().as_str() {
        "on" | "true" | "t" | "yes" | "y" | "1" => Some(true),
        "off" | "false" | "f" | "no" | "n" | "0" => Some(false),
        _ => None,
    }
}

/// The name of an encoding without what PostgreSQL ignores in it.
fn encoding(value: &str) -> String {
    value.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// How dates are printed is always ISO; the order of day and month is that of the client's literals.
fn date_style(value: &str) -> Option<String> {
    let mut order = "MDY";
    for part in value.split(',') {
        order = match part.trim().to_ascii_lowercase().as_str() {
            "iso" | "default" => order,
            "mdy" | "us" | "noneuro" | "noneuropean" => "MDY",
            "dmy" | "euro" | "european" => "DMY",
            "ymd" => "YMD",
            _ => return None,
        };
    }
    Some(format!("ISO, {order}"))
}

fn is_utc(value: &str) -> bool {
    let names = [
        "utc",
        "gmt",
        "z",
        "zulu",
        "uct",
        "universal",
        "greenwich",
        "etc/utc",
        "etc/gmt",
        "etc/uct",
        "etc/universal",
        "etc/zulu",
        "etc/greenwich",
        "gmt0",
        "etc/gmt0",
        "gmt+0",
        "gmt-0",
        "default",
    ];
    let value = value.trim().to_ascii_lowercase();
    let zero = value.strip_prefix("interval ").unwrap_or(&value);
    names.contains(&value.as_str())
        || matches!(zero.trim_start_matches(['+', '-']), "0" | "00" | "00:00" | "0.0")
}

/// Reads a time; without a unit, it is in milliseconds.
fn milliseconds(value: &str) -> Option<u64> {
    let value = value.trim();
    let digits = value.find(|it: char| !it.is_ascii_digit() && it != '.').unwrap_or(value.len());
    let (number, unit) = value.split_at_checked(digits)?;
    let factor = match unit.trim() {
        "us" => 1e-3,
        "" | "ms" => 1.0,
        "s" => 1e3,
        "min" => 6e4,
        "h" => 3.6e6,
        "d" => 8.64e7,
        _ => return None,
    };
    let time = (number.parse::<f64>().ok()? * factor).round();
    (time <= f64::from(i32::MAX)).then_some(time as u64)
}

/// As PostgreSQL prints it: in the greatest unit that has no rest.
fn print_milliseconds(time: u64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms")];
    let unit = units.into_iter().find(|(unit, _)| time.is_multiple_of(*unit));
    match unit {
        Some((unit, name)) if time > 0 => format!("{}{name}", time / unit),
        _ => "0".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings::new("me", [("TimeZone".to_owned(), "Europe/Berlin".to_owned())]).unwrap()
    }

    fn change(settings: &mut Settings, name: &str, value: &str) -> Result<String, String> {
        let change =
            Change { name: name.to_owned(), value: Some(value.to_owned()), is_local: false };
        let changed = settings.change(&change).map_err(|error| error.code().to_owned());
        changed.map(|_| settings.get(name).unwrap().1.to_owned())
    }

    #[test]
    fn values_are_printed_as_in_postgresql() {
        let mut settings = settings();
        for (name, value, printed) in [
            ("statement_timeout", "5000", "5s"),
            ("statement_timeout", "90 s", "90s"),
            ("statement_timeout", "2min", "2min"),
            ("statement_timeout", "0", "0"),
            ("statement_timeout", "1.5s", "1500ms"),
            ("datestyle", "iso, dmy", "ISO, DMY"),
            ("timezone", "Etc/UTC", "UTC"),
            ("timezone", "+00:00", "UTC"),
            ("client_encoding", "'utf-8'", "UTF8"),
            ("jit", "FALSE", "off"),
            ("my.own", "x", "x"),
            ("default_transaction_read_only", "true", "on"),
            ("default_transaction_read_only", "false", "on"),
            ("server_version", "16.6", "16.6"),
        ] {
            assert_eq!(change(&mut settings, name, value).as_deref(), Ok(printed), "{name}");
        }
        assert_eq!(settings.get("datestyle"), Ok(("DateStyle", "ISO, DMY")));
        assert_eq!(settings.get("session_authorization").unwrap().1, "me");
        assert!(settings.all().count() > 70);
    }

    #[test]
    fn what_is_not_supported_is_refused() {
        let mut settings = settings();
        for (name, value, code) in [
            ("nothing", "1", "42704"),
            ("timezone", "Europe/Berlin", "0A000"),
            ("datestyle", "German", "0A000"),
            ("client_encoding", "LATIN1", "22023"),
            ("bytea_output", "escape", "22023"),
            ("statement_timeout", "5 parsecs", "22023"),
            ("statement_timeout", "-1", "22023"),
            ("statement_timeout", "99999999999", "22023"),
            ("extra_float_digits", "4", "22023"),
            ("jit", "maybe", "22023"),
            ("server_version", "17", "55P02"),
            ("standard_conforming_strings", "off", "0A000"),
        ] {
            assert_eq!(change(&mut settings, name, value), Err(code.to_owned()), "{name}");
        }
        let long = "x".repeat(MAX_BYTES);
        assert_eq!(change(&mut settings, "my.own", &long), Err("53200".to_owned()));
    }

    #[test]
    fn local_values_end_with_the_transaction() {
        let mut settings = settings();
        change(&mut settings, "statement_timeout", "1s").unwrap();
        let local = Change {
            name: "statement_timeout".to_owned(),
            value: Some("2s".to_owned()),
            is_local: true,
        };
        settings.change(&local).unwrap();
        assert_eq!(settings.milliseconds("statement_timeout"), Some(2_000));
        settings.end_transaction();
        assert_eq!(settings.milliseconds("statement_timeout"), Some(1_000));
        settings.change(&Change::all()).unwrap();
        assert_eq!(settings.milliseconds("statement_timeout"), None);
    }

    #[test]
    fn stricter_isolation_is_warned_of() {
        let mut settings = settings();
        let isolation = Change {
            name: "default_transaction_isolation".to_owned(),
            value: Some("serializable".to_owned()),
            is_local: false,
        };
        assert_eq!(settings.change(&isolation).unwrap().unwrap().code(), "01000");
        assert_eq!(settings.get("transaction_isolation").unwrap().1, "serializable");
    }
}
