//! The setting with which Codex sends OpenTelemetry to netsky: `exporter` in `[otel]` of `config.toml`.

use std::ops::Range;
use std::path::Path;

use toml::{Table as Values, Value};
use toml_edit::{Document, Item};

use super::error::HookError;
use super::telemetry::{ENDPOINT, Telemetry};
use super::toml_text::{self, explicit};

/// The value of the setting. Codex does not append the path of logs to the endpoint.
fn exporter() -> String {
    format!("{{ otlp-http = {{ endpoint = \"{ENDPOINT}/v1/logs\", protocol = \"binary\" }} }}")
}

fn line() -> String {
    format!("exporter = {}", exporter())
}

/// What is in a `config.toml`.
pub(super) struct CodexConfig<'a> {
    path: &'a Path,
    text: &'a str,
    values: Values,
}

impl<'a> CodexConfig<'a> {
    pub fn parse(path: &'a Path, text: &'a str) -> Result<Self, HookError> {
        let values = toml_text::parse(path, text)?;
        Ok(Self { path, text, values })
    }

    /// Whether hooks are switched off for all sessions.
    pub fn disables_hooks(&self) -> bool {
        let features = self.values.get("features");
        ["hooks", "codex_hooks"]
            .iter()
            .any(|name| features.and_then(|all| all.get(name)) == Some(&Value::Boolean(false)))
    }

    pub fn telemetry(&self) -> Telemetry {
        match self.exporter() {
            None => Telemetry::Off,
            Some(found) if is_ours(found) => Telemetry::On,
            Some(_) => Telemetry::Other,
        }
    }

    fn exporter(&self) -> Option<&Value> {
        self.values.get("otel")?.get("exporter")
    }

    /// Returns the text with the exporter.
    pub fn with_exporter(&self) -> Result<String, HookError> {
        if let Some(found) = self.exporter() {
            return match is_ours(found) {
                true => Ok(self.text.to_owned()),
                false => Err(HookError::Conflict {
                    path: self.path.to_owned(),
                    key: "otel.exporter".to_owned(),
                    found: found.to_string(),
                    wanted: exporter(),
                }),
            };
        }
        let newline = toml_text::newline(self.text);
        let text = match self.place_of_table() {
            // After the header, because the table may be followed by others.
            Some(header) => {
                let rest = self.text.get(header.start..).unwrap_or_default();
                match rest.find('\n') {
                    Some(end) => {
                        spliced(self.text, header.start + end + 1, &format!("{}{newline}", line()))
                    }
                    None => format!("{}{newline}{}", self.text, line()),
                }
            }
            None => toml_text::with_table(self.text, &["[otel]".to_owned(), line()]),
        };
        let is_added = toml::from_str::<Values>(&text).is_ok_and(|values| {
            values.get("otel").and_then(|otel| otel.get("exporter")).is_some_and(is_ours)
        });
        match is_added {
            true => Ok(text),
            // Such as `otel = { … }` and `otel.environment = "dev"`.
            false => Err(HookError::invalid(
                self.path,
                format!("otel is not a table of its own; add to it by hand: {}", line()),
            )),
        }
    }

    /// Returns the text without the exporter, if that is netsky's. Its table goes, too, if it is empty then.
    pub fn without_exporter(&self) -> String {
        let text = self.text.to_owned();
        if self.telemetry() != Telemetry::On {
            return text;
        }
        let Some(place) = self.place_of_exporter() else { return text };
        let ExporterPlace { table, key, value, is_alone } = place;
        let start = if is_alone { table.start } else { key.start };
        toml_text::without(self.text, &(start..value.end), is_alone).unwrap_or(text)
    }

    /// The span of `[otel]`, if that table is written with a header.
    fn place_of_table(&self) -> Option<Range<usize>> {
        let document = Document::parse(self.text).ok()?;
        explicit(document.get("otel")?)?.span()
    }

    fn place_of_exporter(&self) -> Option<ExporterPlace> {
        let document = Document::parse(self.text).ok()?;
        let table = explicit(document.get("otel")?)?;
        let (key, value) = table.get_key_value("exporter")?;
        let (table_span, key_span) = (table.span()?, key.span()?);
        // A comment under the header is something, too. Tables with headers of their own do not need this one.
        let header = self.text.get(table_span.start..key_span.start)?;
        let is_in_table = |item: &Item| item.as_table().is_none_or(|table| table.is_dotted());
        let is_alone = header.trim_end() == "[otel]"
            && table.iter().filter(|(_, item)| is_in_table(item)).count() == 1;
        Some(ExporterPlace {
            table: table_span,
            key: key_span,
            value: value.as_value()?.span()?,
            is_alone,
        })
    }
}

/// The spans of the exporter in the text.
struct ExporterPlace {
    /// Its table, from the header.
    table: Range<usize>,
    key: Range<usize>,
    value: Range<usize>,
    /// Whether nothing else is in the table.
    is_alone: bool,
}

fn is_ours(found: &Value) -> bool {
    let wanted = toml::from_str::<Values>(&line());
    wanted.is_ok_and(|wanted| wanted.get("exporter") == Some(found))
}

fn spliced(text: &str, at: usize, added: &str) -> String {
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    format!("{before}{added}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(text: &str) -> Result<String, HookError> {
        CodexConfig::parse(Path::new("config.toml"), text)?.with_exporter()
    }

    fn uninstalled(text: &str) -> String {
        CodexConfig::parse(Path::new("config.toml"), text).unwrap().without_exporter()
    }

    #[test]
    fn what_is_added_is_removed_byte_for_byte() {
        for text in [
            "",
            "\n",
            "model = \"gpt-6\"",
            "model = \"gpt-6\"\n",
            "# mine\r\nmodel = \"é\" # why\r\n\r\n[a.b]\r\nc = [1,\r\n  2]\r\n",
            "model = \"gpt-6\"\n\n\n",
            "[otel]\nenvironment = \"dev\" # x\n\n[tui]\n",
            "[otel] # here\nenvironment = \"dev\"",
            "a = 1\n  [otel]\n  environment = \"dev\"\n",
            "[otel.trace_exporter.otlp-http]\nendpoint = \"http://x\"\nprotocol = \"binary\"\n",
        ] {
            let added = installed(text).unwrap();
            let config = CodexConfig::parse(Path::new("x"), &added).unwrap();
            assert_eq!(config.telemetry(), Telemetry::On, "{added}");
            assert_eq!(installed(&added).unwrap(), added);
            assert_eq!(uninstalled(&added), text, "{added}");
        }
    }

    #[test]
    fn an_exporter_of_the_user_is_kept() {
        for text in [
            "[otel]\nexporter = \"none\"\n",
            "otel = { exporter = { otlp-http = { endpoint = \"http://x\", protocol = \"json\" } } }\n",
            "[otel.exporter.otlp-grpc]\nendpoint = \"http://127.0.0.1:4317\"\n",
        ] {
            assert!(matches!(installed(text), Err(HookError::Conflict { .. })), "{text}");
            assert_eq!(uninstalled(text), text);
        }
    }

    #[test]
    fn a_form_that_cannot_be_extended_is_refused_with_the_line() {
        for text in
            ["otel.environment = \"dev\"\n", "otel = { environment = \"dev\" }\n", "otel = 1"]
        {
            let error = installed(text).unwrap_err().to_string();
            assert!(error.contains("by hand: exporter = { otlp-http"), "{error}");
        }
        let error = installed("a = 1\nb = \n").unwrap_err().to_string();
        assert!(error.contains("at line 2"), "{error}");
    }
}
