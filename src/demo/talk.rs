//! The tables of what is said: messages, communication events, owner directives.

use crate::demo::dice::Dice;
use crate::demo::moment::{AGENTS, Generator, Moment, Texts, keep};
use crate::demo::words::{
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

    fn row<'t>(&mut self, moment: &mut Moment<'_>, texts: &'t mut Texts) -> MessageRecord<'t> {
        let [chat, body, raw_json, ..] = texts;
        let talk = moment.dice.weighted(&TALKS);
        let (source, direction, from, to) = parties(talk, moment);
        let dice = &mut moment.dice;
        let body = keep(body, words(talk, dice));
        let chat = match talk {
            Talk::Agents => None,
            Talk::Machines => Some(PEER),
            _ if source == "email" => Some(keep(chat, format!("thread-{}", dice.ticket()))),
            _ => Some("owner-and-agent0"),
        };
        let guid = dice.hex(16);
        let chars = body.chars().count();
        let raw = format!(r#"{{"guid":"{guid}","chars":{chars},"text":{}}}"#, json(body));
        MessageRecord {
            ts_utc: moment.at,
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

/// The channel, the direction, who says it and whom it is said to.
fn parties(
    talk: Talk,
    moment: &mut Moment<'_>,
) -> (&'static str, Direction, &'static str, &'static str) {
    match talk {
        Talk::Agents => {
            let from = moment.agent();
            // Who is not the coordinator mostly talks to it.
            let to = match moment.agent() {
                to if to == from || (from != 0 && moment.dice.one_in(2)) => usize::from(from == 0),
                to => to,
            };
            ("agent", Direction::Outbound, AGENTS[from], AGENTS[to])
        }
        Talk::OwnerAsks => {
            (moment.dice.weighted(&CHANNELS).0, Direction::Inbound, OWNER, AGENTS[0])
        }
        Talk::OwnerIsTold => {
            (moment.dice.weighted(&CHANNELS).0, Direction::Outbound, AGENTS[0], OWNER)
        }
        Talk::Machines if moment.dice.one_in(2) => ("iroh", Direction::Inbound, PEER, AGENTS[0]),
        Talk::Machines => ("iroh", Direction::Outbound, AGENTS[0], PEER),
    }
}

fn words(talk: Talk, dice: &mut Dice) -> String {
    let templates = match talk {
        Talk::Agents => BETWEEN_AGENTS,
        Talk::OwnerAsks => dice.weighted(&FROM_OWNER),
        Talk::OwnerIsTold => TO_OWNER,
        Talk::Machines => BETWEEN_MACHINES,
    };
    dice.say(templates)
}

pub(super) struct CommunicationEvents;

impl Generator for CommunicationEvents {
    type Row<'t> = CommunicationEventRecord<'t>;

    fn row<'t>(
        &mut self,
        moment: &mut Moment<'_>,
        texts: &'t mut Texts,
    ) -> CommunicationEventRecord<'t> {
        let [message_id, body, detail, ..] = texts;
        let dice = &mut moment.dice;
        let (source, handle) = dice.weighted(&CHANNELS);
        let inbound = dice.in_thousand(450);
        let status = match inbound {
            true => "received",
            false => dice.weighted(&[(92, "delivered"), (5, "queued"), (3, "failed")]),
        };
        let tool = dice.weighted(&[(8, "reply"), (1, "react"), (1, "send")]);
        let said = words(if inbound { Talk::OwnerAsks } else { Talk::OwnerIsTold }, dice);
        let attempts = if status == "failed" { 3 } else { 1 };
        let latency_ms = dice.skewed(420, 4);
        CommunicationEventRecord {
            ts_utc: moment.at,
            source,
            tool: (!inbound).then_some(tool),
            direction: if inbound { Direction::Inbound } else { Direction::Outbound },
            chat_id: Some("owner-and-agent0"),
            message_id: Some(keep(message_id, dice.hex(16))),
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
        moment: &mut Moment<'_>,
        texts: &'t mut Texts,
    ) -> OwnerDirectiveRecord<'t> {
        let [raw_text, detail, ..] = texts;
        let session = moment.session_id(0);
        let agent = if moment.dice.in_thousand(250) { moment.agent() } else { 0 };
        let dice = &mut moment.dice;
        let source = dice.weighted(&CHANNELS).0;
        let (templates, resolved_action, status) = dice.weighted(&[
            (45, (ORDERS, Some("dispatch"), "done")),
            (30, (QUESTIONS, Some("reply"), "done")),
            (12, (REMARKS, Some("note"), "done")),
            (8, (ORDERS, Some("dispatch"), "in_progress")),
            (5, (ORDERS, None, "received")),
        ]);
        OwnerDirectiveRecord {
            ts_utc: moment.at,
            source,
            chat_id: Some("owner-and-agent0"),
            raw_text: keep(raw_text, dice.say(templates)),
            resolved_action,
            agent: Some(AGENTS[agent]),
            status: Some(status),
            detail_json: Some(keep(detail, format!(r#"{{"session_id":"{session}"}}"#))),
        }
    }
}
