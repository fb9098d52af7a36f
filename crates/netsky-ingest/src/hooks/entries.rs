//! The entries of hooks in a settings file, and which of them are netsky's.
//!
//! Both agents have the same form: `hooks` is an object of events, an event is an array of groups, a group
//! has an optional `matcher` and an array `hooks` of entries, and an entry has a `command`.

use serde::Serialize;
use serde_json::{Value, json};

use super::agent::{Agent, Event};
use super::hook_command::HookCommand;
use super::json_text::JsonText;
use super::json_tree::{Kind, Node};

/// Seconds after which the agent kills the hook. The hook itself gives up after two.
const TIMEOUT_SECONDS: u64 = 10;

/// An entry that netsky installed.
#[derive(Debug, Clone)]
pub(super) struct OwnEntry {
    pub event: String,
    pub command: HookCommand,
    value: Value,
    group: usize,
    index: usize,
    /// Whether the agent runs it only for some of the events.
    is_matched: bool,
}

impl OwnEntry {
    fn is_at(&self, other: &Self) -> bool {
        (&self.event, self.group, self.index) == (&other.event, other.group, other.index)
    }
}

#[derive(Serialize)]
struct Group<'a> {
    hooks: [Entry<'a>; 1],
}

#[derive(Debug, Clone, Serialize)]
struct Entry<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    command: &'a str,
    #[serde(rename = "async", skip_serializing_if = "Option::is_none")]
    is_async: Option<bool>,
    timeout: u64,
}

impl<'a> Entry<'a> {
    fn new(agent: Agent, event: Event, command: &'a str) -> Self {
        let is_async = (agent.has_async_hooks() && !event.waits).then_some(true);
        Self { kind: "command", command, is_async, timeout: TIMEOUT_SECONDS }
    }
}

/// Says what in the file prevents that hooks are added. Parts that netsky does not touch can have any form.
pub(super) fn check_form(settings: &JsonText, agent: Agent) -> Result<(), String> {
    is_object(settings, &[], "the file")?;
    if settings.node(&["hooks"]).is_some() {
        is_object(settings, &["hooks"], "hooks")?;
    }
    for event in agent.events() {
        let event = settings.node(&["hooks", event.name]).map(|node| (event.name, node));
        if let Some((name, node)) = event
            && !matches!(node.kind, Kind::Array(_))
        {
            return Err(format!("hooks.{name} is not an array"));
        }
    }
    Ok(())
}

/// Refuses other values than objects, and objects with the same key twice: after an edit of one of the
/// members, agents could read the other one.
pub(super) fn is_object(settings: &JsonText, path: &[&str], name: &str) -> Result<(), String> {
    let Some(Node { kind: Kind::Object(members), .. }) = settings.node(path) else {
        return Err(format!("{name} is not an object"));
    };
    let mut keys: Vec<&str> = members.iter().map(|member| member.key.as_str()).collect();
    keys.sort_unstable();
    let twice = keys.iter().zip(keys.iter().skip(1)).find(|(key, next)| key == next);
    match twice {
        Some((key, _)) => Err(format!("{name} has the key {key:?} twice")),
        None => Ok(()),
    }
}

/// The commands of all hooks, with their events.
pub(super) fn commands(settings: &JsonText) -> Vec<(String, String)> {
    let hooks = settings.value(&["hooks"]).unwrap_or_default();
    let groups = hooks.as_object().into_iter().flatten().flat_map(|(event, groups)| {
        groups.as_array().into_iter().flatten().map(move |group| (event, group))
    });
    let entries = groups.flat_map(|(event, group)| {
        group["hooks"].as_array().into_iter().flatten().map(move |entry| (event, entry))
    });
    entries
        .filter_map(|(event, entry)| Some((event.clone(), entry["command"].as_str()?.to_owned())))
        .collect()
}

/// The entries that netsky installed, under any path and for any agent, in the order of the file.
pub(super) fn own(settings: &JsonText) -> Vec<OwnEntry> {
    let mut found = Vec::new();
    let Some(hooks) = settings.node(&["hooks"]) else { return found };
    for event in hooks.members() {
        let Some(groups) = settings.value(&["hooks", &event.key]) else { continue };
        for (group_index, group) in groups.as_array().into_iter().flatten().enumerate() {
            let matcher = group["matcher"].as_str().unwrap_or_default();
            for (index, entry) in group["hooks"].as_array().into_iter().flatten().enumerate() {
                let command = entry["command"].as_str().and_then(HookCommand::parse);
                found.extend(command.map(|command| OwnEntry {
                    event: event.key.clone(),
                    command,
                    value: entry.clone(),
                    group: group_index,
                    index,
                    is_matched: !matches!(matcher, "" | "*"),
                }));
            }
        }
    }
    found
}

/// Adds the entry of each event, corrects those that differ, and removes those that are too many.
pub(super) fn install(settings: &mut JsonText, agent: Agent, command: &str) {
    // As often as there are entries, so that it ends in any case.
    for _ in 0..own(settings).len() {
        let own = own(settings);
        let is_kept = |entry: &&OwnEntry| {
            agent
                .events()
                .iter()
                .any(|event| kept(&own, event).is_some_and(|kept| kept.is_at(entry)))
        };
        let Some(extra) = own.iter().find(|entry| !is_kept(entry)) else { break };
        remove(settings, extra);
    }
    for event in agent.events() {
        let entry = Entry::new(agent, *event, command);
        let own = own(settings);
        match kept(&own, event) {
            Some(kept) => {
                if json!(entry) != kept.value {
                    let (group, index) = (kept.group.to_string(), kept.index.to_string());
                    settings.replace(&["hooks", event.name, &group, "hooks", &index], &entry);
                }
            }
            None => add(settings, event.name, entry),
        }
    }
}

/// Of the entries for an event, the one that stays when hooks are installed.
pub(super) fn kept<'a>(own: &'a [OwnEntry], event: &Event) -> Option<&'a OwnEntry> {
    own.iter().find(|entry| entry.event == event.name && !entry.is_matched)
}

fn add(settings: &mut JsonText, event: &str, entry: Entry<'_>) {
    let group = Group { hooks: [entry] };
    if settings.node(&["hooks"]).is_none() {
        settings.insert(&[], "hooks", &json!({}));
    }
    if settings.node(&["hooks", event]).is_none() {
        settings.insert(&["hooks"], event, &json!([]));
    }
    settings.push(&["hooks", event], &group);
}

/// Removes all entries of netsky.
pub(super) fn uninstall(settings: &mut JsonText) {
    for _ in 0..own(settings).len() {
        if let Some(entry) = own(settings).first() {
            remove(settings, entry);
        }
    }
}

/// Removes an entry, and what it leaves empty: its group, the event, and the hooks.
fn remove(settings: &mut JsonText, entry: &OwnEntry) {
    let (group, index) = (entry.group.to_string(), entry.index.to_string());
    let path = ["hooks", entry.event.as_str(), &group, "hooks", &index];
    settings.remove(&path);
    for length in [4, 2, 1] {
        let container = path.get(..length).unwrap_or_default();
        if !is_empty(settings, container) {
            return;
        }
        // An empty list of entries goes with its group.
        settings.remove(container.get(..length.min(3)).unwrap_or_default());
    }
}

fn is_empty(settings: &JsonText, path: &[&str]) -> bool {
    settings.node(path).is_some_and(|node| node.item_spans().is_empty())
}
