//! The MCP server of netsky in the settings of Codex: `[mcp_servers.netsky]` of `config.toml`.

use std::ops::Range;
use std::path::Path;

use toml::{Table as Values, Value};
use toml_edit::{Document, Item, TableLike};

use super::error::HookError;
use super::mcp_entry::{McpEntry, McpRegistration, NAME};
use super::toml_text::{self, explicit};

const SERVERS: &str = "mcp_servers";

/// The servers in a `config.toml`.
pub(super) struct CodexMcp<'a> {
    path: &'a Path,
    text: &'a str,
    values: Values,
}

impl<'a> CodexMcp<'a> {
    pub fn parse(path: &'a Path, text: &'a str) -> Result<Self, HookError> {
        Ok(Self { path, text, values: toml_text::parse(path, text)? })
    }

    pub fn registration(&self) -> McpRegistration {
        match self.entry() {
            Some(entry) if entry.is_ours() => McpRegistration::On,
            None if self.found().is_none() => McpRegistration::Off,
            _ => McpRegistration::Other,
        }
    }

    fn found(&self) -> Option<&Value> {
        self.values.get(SERVERS)?.get(NAME)
    }

    /// The entry with the name of netsky; `None` if it is not a command.
    pub fn entry(&self) -> Option<McpEntry> {
        entry_in(&self.values)
    }

    /// Returns the text with the entry, added or updated. What else the entry has stays.
    pub fn with_entry(&self, entry: &McpEntry) -> Result<String, HookError> {
        let (wanted, text) = match self.entry() {
            Some(found) if found.is_ours() => {
                let wanted = entry.instead_of(&found);
                if found == wanted {
                    return Ok(self.text.to_owned());
                }
                let text = self.updated(&wanted);
                (wanted, text)
            }
            None if self.found().is_none() => {
                let mut lines = vec![format!("[{SERVERS}.{NAME}]")];
                lines.extend(settings(entry).map(|(key, value)| format!("{key} = {value}")));
                (entry.clone(), Some(toml_text::with_table(self.text, &lines)))
            }
            _ => {
                return Err(HookError::Conflict {
                    path: self.path.to_owned(),
                    key: format!("{SERVERS}.{NAME}"),
                    found: self.found().map(Value::to_string).unwrap_or_default(),
                    wanted: inline(entry),
                });
            }
        };
        let is_there = |text: &String| {
            toml::from_str(text).is_ok_and(|values| entry_in(&values) == Some(wanted.clone()))
        };
        text.filter(is_there).ok_or_else(|| {
            // Such as `mcp_servers = { … }`.
            HookError::invalid(
                self.path,
                format!(
                    "{SERVERS} is not a table of its own; add to it by hand: {NAME} = {}",
                    inline(entry)
                ),
            )
        })
    }

    /// The text with other values in the entry.
    fn updated(&self, entry: &McpEntry) -> Option<String> {
        let document = Document::parse(self.text).ok()?;
        let found = document.get(SERVERS)?.as_table_like()?.get(NAME)?.as_table_like()?;
        let mut places = Vec::new();
        for (key, value) in settings(entry) {
            places.push((found.get(key)?.as_value()?.span()?, value));
        }
        // From the end, so that the spans before stay right.
        places.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
        let mut text = self.text.to_owned();
        for (span, value) in places {
            text.get(span.clone())?;
            text.replace_range(span, &value);
        }
        Some(text)
    }

    /// Returns the text without the entry, if that is netsky's. Codex keeps in tables below it which tools the user
    /// allows; they go, too, because Codex refuses a server without a command.
    pub fn without_entry(&self) -> Result<String, HookError> {
        let text = self.text.to_owned();
        if self.registration() != McpRegistration::On {
            return Ok(text);
        }
        let without = self
            .removed()
            .filter(|text| toml::from_str(text).is_ok_and(|values| entry_in(&values).is_none()));
        without.ok_or_else(|| {
            HookError::invalid(
                self.path,
                format!("{SERVERS}.{NAME} is not a table of its own; remove it by hand"),
            )
        })
    }

    fn removed(&self) -> Option<String> {
        let document = Document::parse(self.text).ok()?;
        let mut spans = Vec::new();
        tables(document.get(SERVERS)?.as_table_like()?.get(NAME)?, &mut spans);
        spans.sort_by_key(|span| std::cmp::Reverse(span.start));
        let mut text = self.text.to_owned();
        for span in &spans {
            text = toml_text::without(&text, span, true)?;
        }
        (!spans.is_empty()).then_some(text)
    }
}

fn entry_in(values: &Values) -> Option<McpEntry> {
    let entry = values.get(SERVERS)?.get(NAME)?;
    let args = entry.get("args").and_then(Value::as_array);
    let args = args.into_iter().flatten().filter_map(Value::as_str);
    Some(McpEntry {
        command: entry.get("command")?.as_str()?.to_owned(),
        args: args.map(str::to_owned).collect(),
    })
}

/// The settings of an entry, with their values in TOML.
fn settings(entry: &McpEntry) -> [(&'static str, String); 2] {
    let args: Vec<Value> = entry.args.iter().cloned().map(Value::String).collect();
    [
        ("command", Value::String(entry.command.clone()).to_string()),
        ("args", Value::Array(args).to_string()),
    ]
}

fn inline(entry: &McpEntry) -> String {
    let settings = settings(entry).map(|(key, value)| format!("{key} = {value}"));
    format!("{{ {} }}", settings.join(", "))
}

/// The spans of a table with a header, and of all such tables below it.
fn tables(item: &Item, spans: &mut Vec<Range<usize>>) {
    let Some(table) = item.as_table() else { return };
    if let Some(header) = explicit(item).and_then(|table| table.span()) {
        spans.push(header.start..header.end.max(end_of_values(table)));
    }
    table.iter().for_each(|(_, item)| tables(item, spans));
}

/// Where the values of a table end that stand under its header.
fn end_of_values(table: &dyn TableLike) -> usize {
    let ends = table.iter().map(|(_, item)| match item {
        Item::Table(table) if table.is_dotted() => end_of_values(table),
        Item::Value(value) => value.span().map_or(0, |span| span.end),
        _ => 0,
    });
    ends.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> McpEntry {
        McpEntry::new(Path::new("/a b/netsky"), None).unwrap()
    }

    fn installed(text: &str) -> Result<String, HookError> {
        CodexMcp::parse(Path::new("config.toml"), text)?.with_entry(&entry())
    }

    fn uninstalled(text: &str) -> Result<String, HookError> {
        CodexMcp::parse(Path::new("config.toml"), text)?.without_entry()
    }

    #[test]
    fn what_is_added_is_removed_byte_for_byte() {
        for text in [
            "",
            "\n",
            "model = \"gpt-6\"",
            "model = \"gpt-6\"\n",
            "# mine\r\nmodel = \"é\" # why\r\n\r\n[a.b]\r\nc = [1,\r\n  2]\r\n",
            "[mcp_servers.other]\ncommand = \"x\"\n\n\n",
            "[mcp_servers]\n",
        ] {
            let added = installed(text).unwrap();
            let config = CodexMcp::parse(Path::new("x"), &added).unwrap();
            assert_eq!(config.registration(), McpRegistration::On, "{added}");
            assert_eq!(config.entry(), Some(entry()));
            assert_eq!(installed(&added).unwrap(), added);
            assert_eq!(uninstalled(&added).unwrap(), text, "{added}");
        }
    }

    #[test]
    fn an_older_entry_is_updated_where_it_stands() {
        for (before, after) in [
            (
                "[mcp_servers.netsky] # x\nargs = [ \"mcp\", \"--allow-record\" ] # y\ncommand = 'netsky'\nenabled = true\n[a]\n",
                "[mcp_servers.netsky] # x\nargs = [\"mcp\", \"--allow-record\"] # y\ncommand = \"/a b/netsky\"\nenabled = true\n[a]\n",
            ),
            (
                "mcp_servers = { netsky = { command = \"/old/netsky\", args = [\"mcp\", \"--db\", \"x\"] } }",
                "mcp_servers = { netsky = { command = \"/a b/netsky\", args = [\"mcp\"] } }",
            ),
        ] {
            assert_eq!(installed(before).unwrap(), after);
        }
    }

    #[test]
    fn the_tables_below_the_entry_are_removed_with_it() {
        let text = "a = 1\n\n[mcp_servers.netsky]\ncommand = \"netsky\"\nargs = [\"mcp\"]\nx.y = 1 # z\n\n[tui]\nb = 2\n\n\
                    [mcp_servers.netsky.tools.query]\napproval_mode = \"approve\"\n\n[mcp_servers.netsky.env]\n";
        assert_eq!(uninstalled(text).unwrap(), "a = 1\n\n[tui]\nb = 2\n");
    }

    #[test]
    fn a_server_of_another_program_is_kept() {
        for text in [
            "[mcp_servers.netsky]\nurl = \"http://x\"\n",
            "[mcp_servers.netsky]\ncommand = \"docker\"\nargs = [\"run\", \"mcp\"]\n",
            "mcp_servers.netsky = 1\n",
        ] {
            assert!(matches!(installed(text), Err(HookError::Conflict { .. })), "{text}");
            assert_eq!(uninstalled(text).unwrap(), text);
        }
    }

    #[test]
    fn a_form_that_cannot_be_edited_is_refused() {
        let error = installed("mcp_servers = { other = { command = \"x\" } }").unwrap_err();
        assert!(error.to_string().contains("by hand: netsky = { command = "), "{error}");
        let text = "mcp_servers = { netsky = { command = \"netsky\", args = [\"mcp\"] } }";
        assert!(uninstalled(text).unwrap_err().to_string().contains("remove it by hand"));
    }
}
