//! Generators of the tables of conversations: messages, communication events, owner directives.

use crate::demo::event_context::{AGENTS, EventContext, Generator, Texts, keep};
use crate::demo::rng::DemoRng;
use crate::demo::vocabulary::{
    BETWEEN_AGENTS, BETWEEN_MACHINES, FROM_OWNER, ORDERS, QUESTIONS, REMARKS, TO_OWNER, json,
};
use crate::schema::{CommunicationEventRecord, Direction, MessageRecord, OwnerDirectiveRecord};

const OWNER: &str = "owner";
/// The coordinator of another fleet, on another machine.
const PEER: &str = "harbor";

/// The channels between the owner and the fleet, with the owner's address on each.
const CHANNELS: [(u32, (&str, &str)); 2] =
    [(7, ("imessage", "+1 555 0142")), (3, ("email", "owner@example.org"))];

#[derive(Clone, Copy)]
enum Talk {
    Agents,
    OwnerAsks,
    OwnerIsTold,
    Machines,
}

const TALKS: [(u32, Talk); 4] =
    [(62, Talk::Agents), (13, Talk::OwnerAsks), (16, Talk::OwnerIsTold), (9, Talk::Machines)];

pub(super) struct Messages;

impl Generator for Messages {
    type Row<'t> = MessageRecord<'t>;

    fn row<'t>(
        &mut self,
        context: &mut EventContext<'_>,
        texts: &'t mut Texts,
    ) -> MessageRecord<'t> {
        let [chat, body, raw_json, ..] = texts;
        let talk = context.rng.weighted(&TALKS);
        let (source, direction, from, to) = parties(talk, context);
        let rng = &mut context.rng;
        let body = keep(body, words(talk, rng));
        let chat = match talk {
            Talk::Agents => None,
            Talk::Machines => Some(PEER),
            _ if source == "email" => Some(keep(chat, format!("thread-{}", rng.ticket()))),
            _ => Some("owner-and-agent0"),
        };
        let guid = rng.hex(16);
        let chars = body.chars().count();
        let raw = format!(r#"{{"guid":"{guid}","chars":{chars},"text":{}}}"#, json(body));
        MessageRecord {
            ts_utc: context.at,
            source,
            direction,
            chat_id: chat,
            from_agent: Some(from),
            to_agent: Some(to),
            body: Some(body),
            raw_json: Some(keep(raw_json, raw)),
        }
    }
}

/// Returns the channel, the direction, the sender and the recipient.
fn parties(
    talk: Talk,
    context: &mut EventContext<'_>,
) -> (&'static str, Direction, &'static str, &'static str) {
    match talk {
        Talk::Agents => {
            let from = context.agent();
            // Agents other than the coordinator mostly talk to it.
            let to = match context.agent() {
                to if to == from || (from != 0 && context.rng.one_in(2)) => usize::from(from == 0),
                to => to,
            };
            ("agent", Direction::Outbound, AGENTS[from], AGENTS[to])
        }
        Talk::OwnerAsks => {
            (context.rng.weighted(&CHANNELS).0, Direction::Inbound, OWNER, AGENTS[0])
        }
        Talk::OwnerIsTold => {
            (context.rng.weighted(&CHANNELS).0, Direction::Outbound, AGENTS[0], OWNER)
        }
        Talk::Machines if context.rng.one_in(2) => ("iroh", Direction::Inbound, PEER, AGENTS[0]),
        Talk::Machines => ("iroh", Direction::Outbound, AGENTS[0], PEER),
    }
}

fn words(talk: Talk, rng: &mut DemoRng) -> String {
    let templates = match talk {
        Talk::Agents => BETWEEN_AGENTS,
        Talk::OwnerAsks => rng.weighted(&FROM_OWNER),
        Talk::OwnerIsTold => TO_OWNER,
        Talk::Machines => BETWEEN_MACHINES,
    };
    rng.say(templates)
}

pub(super) struct CommunicationEvents;

impl Generator for CommunicationEvents {
    type Row<'t> = CommunicationEventRecord<'t>;

    fn row<'t>(
        &mut self,
        context: &mut EventContext<'_>,
        texts: &'t mut Texts,
    ) -> CommunicationEventRecord<'t> {
        let [message_id, body, detail, ..] = texts;
        let rng = &mut context.rng;
        let (source, handle) = rng.weighted(&CHANNELS);
        let inbound = rng.in_thousand(450);
        let status = match inbound {
            true => "received",
            false => rng.weighted(&[(92, "delivered"), (5, "queued"), (3, "failed")]),
        };
        let tool = rng.weighted(&[(8, "reply"), (1, "react"), (1, "send")]);
        let said = words(if inbound { Talk::OwnerAsks } else { Talk::OwnerIsTold }, rng);
        let attempts = if status == "failed" { 3 } else { 1 };
        let latency_ms = rng.skewed(420, 4);
        CommunicationEventRecord {
            ts_utc: context.at,
            source,
            tool: (!inbound).then_some(tool),
            direction: if inbound { Direction::Inbound } else { Direction::Outbound },
            chat_id: Some("owner-and-agent0"),
            message_id: Some(keep(message_id, rng.hex(16))),
            handle: Some(handle),
            agent: Some(AGENTS[0]),
            body: Some(keep(body, said)),
            status: Some(status),
            detail_json: Some(keep(
                detail,
                format!(r#"{{"attempts":{attempts},"latency_ms":{latency_ms}}}"#),
            )),
        }
    }
}

pub(super) struct OwnerDirectives;

impl Generator for OwnerDirectives {
    type Row<'t> = OwnerDirectiveRecord<'t>;

    fn row<'t>(
        &mut self,
        context: &mut EventContext<'_>,
        texts: &'t mut Texts,
    ) -> OwnerDirectiveRecord<'t> {
        let [raw_text, detail, ..] = texts;
        let session = context.session_id(0);
        let agent = if context.rng.in_thousand(250) { context.agent() } else { 0 };
        let rng = &mut context.rng;
        let source = rng.weighted(&CHANNELS).0;
        let (templates, resolved_action, status) = rng.weighted(&[
            (45, (ORDERS, Some("dispatch"), "done")),
            (30, (QUESTIONS, Some("reply"), "done")),
            (12, (REMARKS, Some("note"), "done")),
            (8, (ORDERS, Some("dispatch"), "in_progress")),
            (5, (ORDERS, None, "received")),
        ]);
        OwnerDirectiveRecord {
            ts_utc: context.at,
            source,
            chat_id: Some("owner-and-agent0"),
            raw_text: keep(raw_text, rng.say(templates)),
            resolved_action,
            agent: Some(AGENTS[agent]),
            status: Some(status),
            detail_json: Some(keep(detail, format!(r#"{{"session_id":"{session}"}}"#))),
        }
    }
}
