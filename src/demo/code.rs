//! The tables of work on code: git, workspaces, clones, harvests.

use std::collections::BTreeSet;

use crate::demo::dice::Dice;
use crate::demo::moment::{AGENTS, Generator, Moment, Texts, keep};
use crate::demo::words::{BRIEFS, json};
use crate::schema::{CloneDispatchRecord, GitOperationRecord, HarvestEventRecord, WorkspaceRecord};

const REPOS: [&str; 3] = ["fleet/store", "fleet/channels", "fleet/web"];

#[derive(Clone, Copy, PartialEq)]
enum Moves {
    /// A new commit becomes the branch's head.
    Head,
    /// The remote gets, or gives, what the head is.
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

/// Git commands, with the newest commit of each repository.
#[derive(Default)]
pub(super) struct GitOperations {
    heads: [Option<String>; REPOS.len()],
}

impl Generator for GitOperations {
    type Row<'t> = GitOperationRecord<'t>;

    fn row<'t>(&mut self, moment: &mut Moment<'_>, texts: &'t mut Texts) -> GitOperationRecord<'t> {
        let [branch, from, to, detail, ..] = texts;
        let agent = moment.agent();
        let session = moment.session_id(agent);
        let dice = &mut moment.dice;
        let repo = dice.weighted(&[(6, 0), (3, 1), (1, 2)]);
        let (operation, moves) = dice.weighted(&OPERATIONS);
        let failed = dice.in_thousand(45);
        let before = self.heads[repo].clone();
        let (from_sha, to_sha) = match moves {
            Moves::Head if failed => (before, None),
            Moves::Head => {
                self.heads[repo] = Some(dice.hex(40));
                (before, self.heads[repo].clone())
            }
            Moves::Remote => (None, before),
            Moves::Nothing => (None, None),
        };
        let ms = dice.skewed(if moves == Moves::Remote { 1_300 } else { 90 }, 4);
        GitOperationRecord {
            ts_utc: moment.at,
            operation,
            repo: REPOS[repo],
            branch: Some(keep(branch, dice.branch())),
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

    fn row<'t>(&mut self, moment: &mut Moment<'_>, texts: &'t mut Texts) -> WorkspaceRecord<'t> {
        let [name, branch, ..] = texts;
        let dice = &mut moment.dice;
        let name = keep(name, workspace(dice));
        let branch = keep(branch, dice.branch());
        let verdict = dice.weighted(&[(7, "merged"), (2, "discarded"), (1, "superseded")]);
        let life_ms = dice.skewed(20 * 60 * 60 * 1_000, 3);
        let deleted = moment.after_ms(life_ms);
        WorkspaceRecord {
            ts_utc_created: moment.at,
            name,
            branch,
            ts_utc_deleted: deleted,
            verdict: deleted.map(|_| verdict),
        }
    }
}

fn workspace(dice: &mut Dice) -> String {
    format!("ws-{}", dice.hex(8))
}

/// Clones, numbered through the history.
#[derive(Default)]
pub(super) struct CloneDispatches {
    dispatched: u64,
}

impl Generator for CloneDispatches {
    type Row<'t> = CloneDispatchRecord<'t>;

    fn row<'t>(
        &mut self,
        moment: &mut Moment<'_>,
        texts: &'t mut Texts,
    ) -> CloneDispatchRecord<'t> {
        let [id, path, brief, place, branch, detail] = texts;
        self.dispatched += 1;
        let parent = AGENTS[moment.agent()];
        let dice = &mut moment.dice;
        let runtime = dice.weighted(&[(8, "claude"), (2, "codex")]);
        let (status, exit_code) =
            dice.weighted(&[(85, ("completed", 0)), (10, ("failed", 1)), (5, ("killed", 137))]);
        let brief_path = format!("briefs/{}.md", dice.ticket());
        let (tokens, tool_uses) = (dice.skewed(60_000, 3), dice.skewed(14, 3));
        let duration_ms = dice.skewed(22 * 60 * 1_000, 3);
        let never_ends = dice.one_in(60);
        let brief = keep(brief, dice.say(BRIEFS));
        let place = keep(place, workspace(dice));
        let branch = keep(branch, dice.branch());
        let end = moment.after_ms(duration_ms).filter(|_| !never_ends);
        CloneDispatchRecord {
            ts_utc_start: moment.at,
            ts_utc_end: end,
            agent_id: keep(id, format!("{parent}-clone{}", self.dispatched)),
            runtime: Some(runtime),
            brief_path: Some(keep(path, brief_path)),
            brief: Some(brief),
            workspace: Some(place),
            branch: Some(branch),
            status: Some(if end.is_some() { status } else { "running" }),
            exit_code: end.map(|_| exit_code),
            detail_json: end.map(|_| {
                keep(
                    detail,
                    format!(r#"{{"parent":"{parent}","tokens":{tokens},"tool_uses":{tool_uses}}}"#),
                )
            }),
        }
    }
}

pub(super) struct HarvestEvents;

impl Generator for HarvestEvents {
    type Row<'t> = HarvestEventRecord<'t>;

    fn row<'t>(&mut self, moment: &mut Moment<'_>, texts: &'t mut Texts) -> HarvestEventRecord<'t> {
        let [source, commit, conflicts, detail, ..] = texts;
        let agent = moment.agent();
        let session = moment.session_id(agent);
        let dice = &mut moment.dice;
        let status = dice.weighted(&[(86, "merged"), (10, "conflict"), (4, "skipped")]);
        let met = (status == "conflict").then(|| {
            let files: BTreeSet<_> = (0..dice.within(1..4)).map(|_| dice.fill("{file}")).collect();
            let files: Vec<_> = files.iter().map(|file| json(file)).collect();
            keep(conflicts, format!("[{}]", files.join(", ")))
        });
        let files = dice.skewed(5, 3).max(1);
        HarvestEventRecord {
            ts_utc: moment.at,
            source_branch: keep(source, dice.branch()),
            target_branch: dice.weighted(&[(8, "main"), (2, "release/0.2")]),
            commit_sha: (status == "merged").then(|| keep(commit, dice.hex(40))),
            status,
            conflicts: met,
            detail_json: Some(keep(
                detail,
                format!(r#"{{"session_id":"{session}","files":{files}}}"#),
            )),
        }
    }
}
