//! Settings of any content and layout: nothing but netsky's entries changes, and removing them restores
//! every byte.

use netsky_ingest::hooks::{
    Agent, InstallOptions, Installed, Scope, plan_install, plan_uninstall, status,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::Value;

use crate::Home;

/// A JSON value whose keys have an order, and scalars a spelling.
#[derive(Debug, Clone)]
enum Json {
    Scalar(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// How a file is laid out.
#[derive(Debug, Clone)]
struct Layout {
    newline: &'static str,
    /// `None` for a file in one line.
    indent: Option<String>,
    before_colon: &'static str,
    after_colon: &'static str,
    before_comma: &'static str,
    /// Containers of at most this many scalars are in one line.
    inline: usize,
    start: &'static str,
    end: &'static str,
}

fn layout() -> impl Strategy<Value = Layout> {
    let indent = prop_oneof![
        Just(None),
        prop_oneof![Just("\t".to_owned()), (0_usize..9).prop_map(|width| " ".repeat(width))]
            .prop_map(Some),
    ];
    (
        prop_oneof![Just("\n"), Just("\r\n")],
        indent,
        prop_oneof![9 => Just(""), 1 => Just(" ")],
        prop_oneof![1 => Just(""), 4 => Just(" "), 1 => Just("  ")],
        prop_oneof![9 => Just(""), 1 => Just(" ")],
        0_usize..4,
        prop_oneof![9 => Just(""), 1 => Just(" "), 1 => Just("\n")],
        prop_oneof![Just(""), Just("\n"), Just("\r\n"), Just("\n\n"), Just(" \t")],
    )
        .prop_map(
            |(newline, indent, before_colon, after_colon, before_comma, inline, start, end)| {
                Layout {
                    newline,
                    indent,
                    before_colon,
                    after_colon,
                    before_comma,
                    inline,
                    start,
                    end,
                }
            },
        )
}

impl Layout {
    fn text(&self, json: &Json) -> String {
        format!("{}{}{}", self.start, self.value(json, 0), self.end)
    }

    fn value(&self, json: &Json, depth: usize) -> String {
        let (open, items, close): (_, Vec<String>, _) = match json {
            Json::Scalar(text) => return text.clone(),
            Json::Array(items) => {
                ('[', items.iter().map(|item| self.value(item, depth + 1)).collect(), ']')
            }
            Json::Object(members) => {
                let member = |(key, value): &(String, Json)| {
                    let value = self.value(value, depth + 1);
                    format!("{key}{}:{}{value}", self.before_colon, self.after_colon)
                };
                ('{', members.iter().map(member).collect(), '}')
            }
        };
        let comma = format!("{},", self.before_comma);
        let is_inline = items.len() <= self.inline && !items.iter().any(|item| item.contains('\n'));
        match &self.indent {
            Some(indent) if !is_inline && !items.is_empty() => {
                let line = format!("{}{}", self.newline, indent.repeat(depth + 1));
                let end = format!("{}{}", self.newline, indent.repeat(depth));
                format!("{open}{line}{}{end}{close}", items.join(&format!("{comma}{line}")))
            }
            _ => format!("{open}{}{close}", items.join(&format!("{comma}{}", self.after_colon))),
        }
    }
}

fn scalar() -> impl Strategy<Value = Json> {
    let text = prop_oneof!["[ -~]{0,12}", "\\PC{0,6}", Just("é🦀\u{2028}\n\t\"\\".to_owned())];
    prop_oneof![
        text.prop_map(|text| serde_json::to_string(&text).unwrap()),
        Just("\"\\u00e9\\/\\ud83e\\udd80\"".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        Just("-0.10e+05".to_owned()),
        Just("true".to_owned()),
        Just("null".to_owned()),
    ]
    .prop_map(Json::Scalar)
}

/// Keys that differ in their first letter, because the same key twice is refused.
fn keyed(values: Vec<(String, Json)>) -> Vec<(String, Json)> {
    let key = |(index, (key, value)): (usize, (String, Json))| {
        (serde_json::to_string(&format!("{index}{key}")).unwrap(), value)
    };
    values.into_iter().enumerate().map(key).collect()
}

fn any_json() -> impl Strategy<Value = Json> {
    scalar().prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Json::Array),
            vec(("\\PC{0,5}", inner), 0..4).prop_map(|members| Json::Object(keyed(members))),
        ]
    })
}

fn text(text: &str) -> Json {
    Json::Scalar(serde_json::to_string(text).unwrap())
}

fn member(key: &str, value: Json) -> (String, Json) {
    (serde_json::to_string(key).unwrap(), value)
}

/// A hook of another program.
fn entry() -> impl Strategy<Value = Json> {
    let command = prop_oneof![
        Just("notify-send done".to_owned()),
        Just("jq . | netsky record ticks -".to_owned()),
        "[ -~]{0,20}".prop_filter("not ours", |text| !text.contains("netsky")),
    ];
    (command, any::<bool>()).prop_map(|(command, has_timeout)| {
        let mut members = vec![member("type", text("command")), member("command", text(&command))];
        if has_timeout {
            members.push(member("timeout", Json::Scalar("5".to_owned())));
        }
        Json::Object(members)
    })
}

fn group() -> impl Strategy<Value = Json> {
    (option::of(prop_oneof![Just(""), Just("*"), Just("Bash|Edit")]), vec(entry(), 0..3)).prop_map(
        |(matcher, entries)| {
            let matcher = matcher.map(|matcher| member("matcher", text(matcher)));
            let entries = member("hooks", Json::Array(entries));
            Json::Object(matcher.into_iter().chain([entries]).collect())
        },
    )
}

/// Events with groups. None is empty: an event that netsky leaves empty is removed, so one that was empty
/// before would be, too.
fn hooks() -> impl Strategy<Value = Json> {
    let names =
        ["Stop", "PreToolUse", "SessionEnd", "SubagentStop", "SessionStart", "Notification"];
    let names = proptest::sample::subsequence(names.to_vec(), 1..=6).prop_shuffle();
    names.prop_flat_map(|names| {
        vec(vec(group(), 1..3), names.len()).prop_map(move |events| {
            let events = names.iter().zip(events);
            Json::Object(events.map(|(name, groups)| member(name, Json::Array(groups))).collect())
        })
    })
}

fn settings() -> impl Strategy<Value = Json> {
    let environment = vec(("[A-Z]{1,5}", scalar()), 1..4);
    let environment = environment.prop_map(|members| Json::Object(keyed(members)));
    (
        vec(("\\PC{0,8}", any_json()), 0..5),
        option::of(hooks()),
        option::of(environment),
        any::<prop::sample::Index>(),
    )
        .prop_map(|(others, hooks, environment, place)| {
            let mut members = keyed(others);
            for (name, value) in [("hooks", hooks), ("env", environment)] {
                if let Some(value) = value {
                    let index = place.index(members.len() + 1);
                    members.insert(index, member(name, value));
                }
            }
            Json::Object(members)
        })
}

/// The settings without the hooks and variables that netsky has added.
fn without_ours(settings: &str) -> Value {
    let mut settings: Value = serde_json::from_str(settings).unwrap();
    let object = settings.as_object_mut().unwrap();
    if let Some(env) = object.get_mut("env").and_then(Value::as_object_mut) {
        env.retain(|name, _| !name.starts_with("OTEL_") && !name.starts_with("CLAUDE_CODE_"));
        if env.is_empty() {
            object.remove("env");
        }
    }
    let Some(hooks) = object.get_mut("hooks").and_then(Value::as_object_mut) else {
        return settings;
    };
    for groups in hooks.values_mut().filter_map(Value::as_array_mut) {
        groups.retain(|group| {
            let command = group["hooks"][0]["command"].as_str().unwrap_or_default();
            !command.ends_with("netsky\" hook claude-code")
        });
    }
    hooks.retain(|_, groups| groups != &Value::Array(Vec::new()));
    if hooks.is_empty() {
        object.remove("hooks");
    }
    settings
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn install_keeps_everything_and_uninstall_restores_every_byte(
        settings in settings(), layout in layout(), telemetry in any::<bool>(),
    ) {
        let text = layout.text(&settings);
        let home = Home::with_settings(&text);
        let options = InstallOptions { telemetry, ..home.options() };
        let plan = plan_install(Agent::ClaudeCode, &options).unwrap();
        // Written here, because making thousands of files durable takes minutes.
        home.write(&plan.changes[0].after);
        let installed = home.settings();
        prop_assert_ne!(&installed, &text);
        prop_assert_eq!(without_ours(&installed), serde_json::from_str::<Value>(&text).unwrap());
        let found = status(Agent::ClaudeCode, &Scope::User, &home.locations()).unwrap();
        prop_assert_eq!(found.installed, Installed::Yes);
        prop_assert!(plan_install(Agent::ClaudeCode, &options).unwrap().changes.is_empty());
        // Lines end as before.
        let (ends, lone_ends) = (text.matches("\r\n").count(), text.replace("\r\n", "").matches('\n').count());
        prop_assert!(ends > 0 || !installed.contains("\r\n"));
        prop_assert!(ends == 0 || lone_ends > 0 || !installed.replace("\r\n", "").contains('\n'));
        let plan = plan_uninstall(Agent::ClaudeCode, &Scope::User, &home.locations()).unwrap();
        prop_assert_eq!(&plan.changes[0].after, &text);
    }
}
