//! Generators of the tables of work on code: git, workspaces, clones, harvests.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::demo::event_context::{AGENTS, EventContext, Generator, Texts, keep, move_end};
use crate::demo::rng::DemoRng;
use crate::demo::vocabulary::{BRIEFS, json};
use crate::schema::{CloneDispatchRecord, GitOperationRecord, HarvestEventRecord, WorkspaceRecord};

pub(super) const REPOS: [&str; 3] = ["fleet/store", "fleet/channels", "fleet/web"];

#[derive(Clone, Copy, PartialEq)]
enum Moves {
    /// The operation creates a commit, which becomes the branch's head.
    Head,
    /// The operation exchanges the head with the remote.
    Remote,
    Nothing,
}

const OPERATIONS: [(u32, (&str, Moves)); 7] = [
    (36, ("commit", Moves::Head)),
    (24, ("push", Moves::Remote)),
    (12, ("checkout", Moves::Nothing)),
    (10, ("fetch", Moves::Remote)),
    (8, ("rebase", Moves::Head)),
    (6, ("merge", Moves::Head)),
    (4, ("branch", Moves::Nothing)),
];

/// Generates git operations and keeps the newest commit of each repository.
#[derive(Default)]
pub(super) struct GitOperations {
    heads: [Option<String>; REPOS.len()],
}

impl Generator for GitOperations {
    type Row<'t> = GitOperationRecord<'t>;

    fn row<'t>(
        &mut self,
        context: &mut EventContext<'_>,
        texts: &'t mut Texts,
    ) -> GitOperationRecord<'t> {
        let [branch, from, to, detail, ..] = texts;
        let agent = context.agent();
        let session = context.session_id(agent);
        let rng = &mut context.rng;
        let repo = rng.weighted(&[(6, 0), (3, 1), (1, 2)]);
        let (operation, moves) = rng.weighted(&OPERATIONS);
        let failed = rng.in_thousand(45);
        let before = self.heads[repo].clone();
        let (from_sha, to_sha) = match moves {
            Moves::Head if failed => (before, None),
            Moves::Head => {
                self.heads[repo] = Some(rng.hex(40));
                (before, self.heads[repo].clone())
            }
            Moves::Remote => (None, before),
            Moves::Nothing => (None, None),
        };
        let ms = rng.skewed(if moves == Moves::Remote { 1_300 } else { 90 }, 4);
        GitOperationRecord {
            ts_utc: context.at,
            operation,
            repo: REPOS[repo],
            branch: Some(keep(branch, rng.branch())),
            remote: (moves == Moves::Remote).then_some("origin"),
            from_sha: from_sha.map(|sha| keep(from, sha)),
            to_sha: to_sha.map(|sha| keep(to, sha)),
            status: if failed { "error" } else { "ok" },
            detail_json: Some(keep(
                detail,
                format!(
                    r#"{{"agent":"{}","session_id":"{session}","duration_ms":{ms}}}"#,
                    AGENTS[agent]
                ),
            )),
        }
    }
}

pub(super) struct Workspaces;

impl Generator for Workspaces {
    type Row<'t> = WorkspaceRecord<'t>;

    fn row<'t>(
        &mut self,
        context: &mut EventContext<'_>,
        texts: &'t mut Texts,
    ) -> WorkspaceRecord<'t> {
        let [name, branch, ..] = texts;
        let rng = &mut context.rng;
        let name = keep(name, workspace(rng));
        let branch = keep(branch, rng.branch());
        let verdict = rng.weighted(&[(7, "merged"), (2, "discarded"), (1, "superseded")]);
        let life_ms = rng.skewed(20 * 60 * 60 * 1_000, 3);
        let deleted = context.after_ms(life_ms);
        WorkspaceRecord {
            ts_utc_created: context.at,
            name,
            branch,
            ts_utc_deleted: deleted,
            verdict: deleted.map(|_| verdict),
        }
    }
}

fn workspace(rng: &mut DemoRng) -> String {
    format!("ws-{}", rng.hex(8))
}

/// Generates clone dispatches, numbered through the history. One is stuck at the end.
#[derive(Default)]
pub(super) struct CloneDispatches {
    dispatched: u64,
    has_stuck: bool,
}

impl Generator for CloneDispatches {
    type Row<'t> = CloneDispatchRecord<'t>;

    fn row<'t>(
        &mut self,
        context: &mut EventContext<'_>,
        texts: &'t mut Texts,
    ) -> CloneDispatchRecord<'t> {
        let [id, path, brief, place, branch, detail] = texts;
        self.dispatched += 1;
        let parent = AGENTS[context.agent()];
        let rng = &mut context.rng;
        let runtime = rng.weighted(&[(8, "claude"), (2, "codex")]);
        let (status, exit_code) =
            rng.weighted(&[(85, ("completed", 0)), (10, ("failed", 1)), (5, ("killed", 137))]);
        let brief_path = format!("briefs/{}.md", rng.ticket());
        let (tokens, tool_uses) = (rng.skewed(60_000, 3), rng.skewed(14, 3));
        let duration_ms = rng.skewed(22 * 60 * 1_000, 3);
        let is_stuck = context.at >= context.history.clone_stuck && !self.has_stuck;
        self.has_stuck |= is_stuck;
        let never_ends = rng.one_in(60) || is_stuck;
        let brief = keep(brief, rng.say(BRIEFS));
        let place = keep(place, workspace(rng));
        let branch = keep(branch, rng.branch());
        let end = context.after_ms(duration_ms).filter(|_| !never_ends);
        CloneDispatchRecord {
            ts_utc_start: context.at,
            ts_utc_end: end,
            agent_id: keep(id, format!("{parent}-clone{}", self.dispatched)),
            runtime: Some(runtime),
            brief_path: Some(keep(path, brief_path)),
            brief: Some(brief),
            workspace: Some(place),
            branch: Some(branch),
            status: Some(if end.is_some() { status } else { "running" }),
            exit_code: end.map(|_| exit_code),
            detail_json: Some(keep(
                detail,
                match end {
                    Some(_) => format!(
                        r#"{{"parent":"{parent}","tokens":{tokens},"tool_uses":{tool_uses}}}"#
                    ),
                    None => format!(r#"{{"parent":"{parent}"}}"#),
                },
            )),
        }
    }

    fn end_at(row: &mut CloneDispatchRecord<'_>, time: DateTime<Utc>) {
        move_end(&mut row.ts_utc_start, &mut row.ts_utc_end, time);
    }
}

pub(super) struct HarvestEvents;

impl Generator for HarvestEvents {
    type Row<'t> = HarvestEventRecord<'t>;

    fn row<'t>(
        &mut self,
        context: &mut EventContext<'_>,
        texts: &'t mut Texts,
    ) -> HarvestEventRecord<'t> {
        let [source, commit, conflicts, detail, ..] = texts;
        let agent = context.agent();
        let session = context.session_id(agent);
        let rng = &mut context.rng;
        let status = rng.weighted(&[(86, "merged"), (10, "conflict"), (4, "skipped")]);
        let met = (status == "conflict").then(|| {
            let files: BTreeSet<_> = (0..rng.within(1..4)).map(|_| rng.fill("{file}")).collect();
            let files: Vec<_> = files.iter().map(|file| json(file)).collect();
            keep(conflicts, format!("[{}]", files.join(", ")))
        });
        let files = rng.skewed(5, 3).max(1);
        HarvestEventRecord {
            ts_utc: context.at,
            source_branch: keep(source, rng.branch()),
            target_branch: rng.weighted(&[(8, "main"), (2, "release/0.2")]),
            commit_sha: (status == "merged").then(|| keep(commit, rng.hex(40))),
            status,
            conflicts: met,
            detail_json: Some(keep(
                detail,
                format!(r#"{{"session_id":"{session}","files":{files}}}"#),
            )),
        }
    }
}
