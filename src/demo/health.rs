//! Generators of the tables of the fleet's health: ticks, sessions, crashes, watchdog events.

use chrono::{DateTime, Utc};

use crate::demo::event_context::{
    AGENTS, EventContext, Generator, LOOPING, SILENT, Texts, add_ms, keep,
};
use crate::schema::{CrashRecord, SessionEvent, SessionRecord, TickRecord, WatchdogEventRecord};

/// Generates ticks, with the running time of the command that each agent waits for.
#[derive(Default)]
pub(super) struct Ticks {
    elapsed_s: [i64; AGENTS.len()],
}

#[derive(Clone, Copy)]
enum Tick {
    Watchdog,
    Heartbeat,
    Progress,
}

impl Generator for Ticks {
    type Row<'t> = TickRecord<'t>;

    fn row<'t>(&mut self, context: &mut EventContext<'_>, texts: &'t mut Texts) -> TickRecord<'t> {
        let [source, detail, ..] = texts;
        let kinds = [(10, Tick::Watchdog), (34, Tick::Heartbeat), (56, Tick::Progress)];
        let kind = context.rng.weighted(&kinds);
        let agent = context.agent();
        let session = context.session_id(agent);
        let rng = &mut context.rng;
        let (who, what) = match kind {
            Tick::Watchdog => {
                let (elapsed, up) = (rng.within(55..75), rng.within(7..11));
                ("watchdog".to_owned(), format!(r#"{{"elapsed_s":{elapsed},"agents_up":{up}}}"#))
            }
            Tick::Heartbeat => {
                let (elapsed, queue) = (rng.within(28..33), rng.within(0..6));
                (
                    format!("{}:heartbeat", AGENTS[agent]),
                    format!(
                        r#"{{"session_id":"{session}","elapsed_s":{elapsed},"queue":{queue}}}"#
                    ),
                )
            }
            Tick::Progress => {
                let begins_anew = rng.one_in(12);
                let elapsed = &mut self.elapsed_s[agent];
                *elapsed = if begins_anew { 0 } else { *elapsed } + rng.within(1..4);
                let lines = rng.skewed(20, 4);
                (
                    format!("{}:bash_progress", AGENTS[agent]),
                    format!(
                        r#"{{"session_id":"{session}","elapsed_s":{elapsed},"lines":{lines}}}"#
                    ),
                )
            }
        };
        TickRecord {
            ts_utc: context.at,
            source: keep(source, who),
            detail_json: keep(detail, what),
        }
    }
}

/// How long before an agent's crash loop or silence its session is chosen as the one that never
/// ends.
const LOST_BEFORE_MS: i64 = 2 * 60 * 60 * 1_000;

/// Generates sessions. All of them end but two: one is lost in a crash loop, and one falls silent.
pub(super) struct Sessions {
    rows_left: u64,
    /// The number of each agent's latest session.
    numbers: [i64; AGENTS.len()],
    up: [bool; AGENTS.len()],
    lost: [bool; AGENTS.len()],
}

impl Sessions {
    pub(super) fn new(rows: u64) -> Self {
        Self { rows_left: rows, numbers: Default::default(), up: [false; 10], lost: [false; 10] }
    }

    fn next(&mut self, context: &mut EventContext<'_>) -> (usize, SessionEvent) {
        let up = self.up.iter().filter(|up| **up).count() as u64;
        // The number of remaining rows equals the number of running sessions: from here on they
        // end.
        if up >= self.rows_left
            && let Some(agent) = self.up.iter().position(|up| *up)
        {
            return (agent, SessionEvent::Down);
        }
        if let Some(agent) = self.lose(context) {
            return (agent, SessionEvent::Up);
        }
        let agent = context.agent();
        let room_for_one_more = up + 2 <= self.rows_left;
        match self.up[agent] {
            true if context.rng.in_thousand(880) => (agent, SessionEvent::Down),
            true => (agent, SessionEvent::Note),
            false if room_for_one_more || up == 0 => (agent, SessionEvent::Up),
            false => (self.up.iter().position(|up| *up).unwrap_or(agent), SessionEvent::Note),
        }
    }

    /// Shortly before an agent's crash loop or silence, removes its session, so that the session never
    /// ends. Returns the agent if it has no session and must begin one first.
    fn lose(&mut self, context: &EventContext<'_>) -> Option<usize> {
        let losing_agents =
            [(LOOPING, context.history.loop_start), (SILENT, context.history.silent_from)];
        let (agent, _) = losing_agents.into_iter().find(|&(agent, due)| {
            context.at >= add_ms(due, -LOST_BEFORE_MS) && !self.lost[agent]
        })?;
        self.lost[agent] = self.up[agent];
        self.up[agent] = false;
        (!self.lost[agent]).then_some(agent)
    }
}

impl Generator for Sessions {
    type Row<'t> = SessionRecord<'t>;

    fn row<'t>(&mut self, context: &mut EventContext<'_>, _: &'t mut Texts) -> SessionRecord<'t> {
        let (agent, event) = self.next(context);
        self.rows_left = self.rows_left.saturating_sub(1);
        if event == SessionEvent::Up {
            self.numbers[agent] += 1;
        }
        self.up[agent] = event != SessionEvent::Down;
        SessionRecord {
            ts_utc: context.at,
            agent: AGENTS[agent],
            session_num: self.numbers[agent],
            event,
        }
    }
}

/// The number of crashes in the loop and the time between them: all happen within ten minutes.
const LOOP_CRASHES: i64 = 5;
const LOOP_STEP_MS: i64 = 90_000;

/// Generates crashes, most of them single.
#[derive(Default)]
pub(super) struct Crashes {
    in_loop: i64,
    latest: Option<DateTime<Utc>>,
}

impl Generator for Crashes {
    type Row<'t> = CrashRecord<'t>;

    fn row<'t>(&mut self, context: &mut EventContext<'_>, texts: &'t mut Texts) -> CrashRecord<'t> {
        let [detail, ..] = texts;
        let kinds = [(4, ("panic", 101)), (3, ("out_of_memory", 137)), (3, ("api_error", 1))];
        let mut agent = context.agent();
        let (mut kind, mut exit_code) = context.rng.weighted(&kinds);
        let loop_start = context.history.loop_start;
        if context.at >= loop_start && self.in_loop < LOOP_CRASHES {
            let late_ms = context.rng.within(0..LOOP_STEP_MS / 2);
            context.at = add_ms(loop_start, self.in_loop * LOOP_STEP_MS + late_ms);
            self.in_loop += 1;
            (agent, kind, exit_code) = (LOOPING, "panic", 101);
        }
        // In a long history, other crashes happen during the loop.
        let at = self.latest.map_or(context.at, |latest| latest.max(context.at));
        self.latest = Some(at);
        let session = context.session_id(agent);
        let what = format!(r#"{{"session_id":"{session}","exit_code":{exit_code}}}"#);
        CrashRecord { ts_utc: at, kind, agent: AGENTS[agent], detail_json: keep(detail, what) }
    }
}

#[derive(Clone, Copy)]
struct Event {
    name: &'static str,
    severity: &'static str,
    status: &'static str,
}

const EVENTS: [(u32, Event); 7] = [
    (58, Event { name: "check", severity: "info", status: "ok" }),
    (16, Event { name: "nudge", severity: "info", status: "ok" }),
    (10, Event { name: "slow_turn", severity: "warning", status: "ok" }),
    (6, Event { name: "restart", severity: "warning", status: "resolved" }),
    (5, Event { name: "over_budget", severity: "warning", status: "open" }),
    (3, Event { name: "disk_low", severity: "error", status: "resolved" }),
    (2, Event { name: "restart_failed", severity: "error", status: "open" }),
];

const CRASH_LOOP: Event = Event { name: "crash_loop", severity: "critical", status: "open" };
const AGENT_SILENT: Event = Event { name: "agent_silent", severity: "error", status: "open" };

/// Generates watchdog events, and keeps what the watchdog has reported already.
#[derive(Default)]
pub(super) struct WatchdogEvents {
    saw_loop: bool,
    saw_silence: bool,
}

impl Generator for WatchdogEvents {
    type Row<'t> = WatchdogEventRecord<'t>;

    fn row<'t>(
        &mut self,
        context: &mut EventContext<'_>,
        texts: &'t mut Texts,
    ) -> WatchdogEventRecord<'t> {
        let [detail, ..] = texts;
        let noticed = add_ms(context.history.loop_start, LOOP_CRASHES * LOOP_STEP_MS);
        let (agent, event) = if context.at >= noticed && !self.saw_loop {
            self.saw_loop = true;
            (LOOPING, CRASH_LOOP)
        } else if context.at >= context.history.silent_from && !self.saw_silence {
            self.saw_silence = true;
            (SILENT, AGENT_SILENT)
        } else {
            (context.agent(), context.rng.weighted(&EVENTS))
        };
        let session = context.session_id(agent);
        let load = context.rng.within(5..98);
        let what = format!(r#"{{"session_id":"{session}","load_percent":{load}}}"#);
        WatchdogEventRecord {
            ts_utc: context.at,
            event: event.name,
            agent: Some(AGENTS[agent]),
            severity: Some(event.severity),
            status: Some(event.status),
            detail_json: Some(keep(detail, what)),
        }
    }
}
