//! Generators of the tables of the fleet's health: ticks, sessions, crashes, watchdog events.

use chrono::{DateTime, Utc};

use crate::demo::event_context::{
    AGENTS, EventContext, Generator, LOOPING, RESTING, SILENT, Texts, add_ms, keep,
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

/// Between the starts of the sessions that are open at the end.
const STARTS_STEP_MS: i64 = 60_000;

/// Generates sessions. At the end every agent but one has a session.
pub(super) struct Sessions {
    rows_left: usize,
    /// The number of each agent's latest session.
    numbers: [i64; AGENTS.len()],
    up: [bool; AGENTS.len()],
    /// How many sessions began or ended so that all is as it is at the end.
    last_changes: i64,
    latest: Option<DateTime<Utc>>,
}

impl Sessions {
    pub(super) fn new(rows: u64) -> Self {
        Self {
            rows_left: usize::try_from(rows).unwrap_or(usize::MAX),
            numbers: Default::default(),
            up: [false; AGENTS.len()],
            last_changes: 0,
            latest: None,
        }
    }

    fn next(&mut self, context: &mut EventContext<'_>) -> (usize, SessionEvent) {
        let is_last_phase = context.at >= context.history.sessions_open;
        let to_change = |agent: &usize| self.up[*agent] == (*agent == RESTING);
        let changes: Vec<usize> = (0..AGENTS.len()).filter(to_change).collect();
        if (is_last_phase || self.rows_left <= changes.len())
            && let Some(&agent) = changes.first()
        {
            let due = add_ms(context.history.sessions_open, self.last_changes * STARTS_STEP_MS);
            context.at = context.at.min(due);
            self.last_changes += 1;
            let event = if agent == RESTING { SessionEvent::Down } else { SessionEvent::Up };
            return (agent, event);
        }
        let agent = context.agent();
        match self.up[agent] {
            true if !is_last_phase && context.rng.in_thousand(880) => (agent, SessionEvent::Down),
            true => (agent, SessionEvent::Note),
            false => (agent, SessionEvent::Up),
        }
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
        let at = self.latest.map_or(context.at, |latest| latest.max(context.at));
        self.latest = Some(at);
        SessionRecord { ts_utc: at, agent: AGENTS[agent], session_num: self.numbers[agent], event }
    }
}

/// The number of crashes in the loop and the time between them: all happen within ten minutes.
const LOOP_CRASHES: i64 = 5;
const LOOP_STEP_MS: i64 = 90_000;

/// Generates crashes. The last ones are the loop.
pub(super) struct Crashes {
    rows_left: u64,
    in_loop: i64,
}

impl Crashes {
    pub(super) fn new(rows: u64) -> Self {
        Self { rows_left: rows, in_loop: 0 }
    }
}

impl Generator for Crashes {
    type Row<'t> = CrashRecord<'t>;

    fn row<'t>(&mut self, context: &mut EventContext<'_>, texts: &'t mut Texts) -> CrashRecord<'t> {
        let [detail, ..] = texts;
        let kinds = [(4, ("panic", 101)), (3, ("out_of_memory", 137)), (3, ("api_error", 1))];
        let mut agent = context.agent();
        let (mut kind, mut exit_code) = context.rng.weighted(&kinds);
        let loop_start = context.history.loop_start;
        context.at = context.at.min(loop_start);
        if self.rows_left <= LOOP_CRASHES.unsigned_abs() {
            let late_ms = context.rng.within(0..LOOP_STEP_MS / 2);
            context.at = add_ms(loop_start, self.in_loop * LOOP_STEP_MS + late_ms);
            self.in_loop += 1;
            (agent, kind, exit_code) = (LOOPING, "panic", 101);
        }
        self.rows_left = self.rows_left.saturating_sub(1);
        let session = context.session_id(agent);
        let what = format!(r#"{{"session_id":"{session}","exit_code":{exit_code}}}"#);
        CrashRecord {
            ts_utc: context.at,
            kind,
            agent: AGENTS[agent],
            detail_json: keep(detail, what),
        }
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

impl WatchdogEvents {
    /// Events after the end of the history, in which both were reported.
    pub(super) fn after_end() -> Self {
        Self { saw_loop: true, saw_silence: true }
    }
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
