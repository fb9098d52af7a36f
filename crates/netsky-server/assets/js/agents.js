// Agents: the list of them, and one agent's timeline.

import { Feed, panel, tile } from "./panel.js";
import { ago, count, minute, percent, short, stamp, time, usd } from "./format.js";
import { carried, link } from "./state.js";
import { colourVar } from "./colour.js";
import { grid } from "./grid.js";
import { groupBy, lineOf, sum } from "./series.js";
import { h } from "./dom.js";
import { lanes } from "./lanes.js";
import { strip } from "./chart.js";
import { table } from "./table.js";
import * as queries from "./queries.js";

export const title = "Agents";
export const filtered = ["agent", "model"];

/** An agent that did something this long ago is at work, as in netsky top. */
const AT_WORK = 600e3;

/** One row for each agent of the activity's rows. */
export function agentsOf(rows, view) {
  const all = groupBy(rows, "agent");
  return [...all].map(([agent, list]) => {
    const lastSeen = Math.max(...list.map((row) => (row.last_seen ? time(row.last_seen) : 0)));
    const openSince = list[0].open_since && time(list[0].open_since);
    // A subagent, as in project/reviewer, has the sessions of its project.
    const owner = (list[0].sessions ? list : all.get(agent.split("/")[0]))?.[0] ?? list[0];
    const isRecent = lastSeen > 0 && view.now - lastSeen < AT_WORK && (Boolean(owner.open_since) || !owner.sessions);
    return {
      agent, rows: list, lastSeen: lastSeen || null, openSince,
      state: isRecent ? "working" : openSince ? "idle" : "ended",
      usd: sum(list, "usd"), model_calls: sum(list, "model_calls"), tool_calls: sum(list, "tool_calls"), errors: sum(list, "errors"),
    };
  });
}

export function agentTable(feed, { title, wide, more = false }) {
  return panel(feed, {
    title, wide, hint: "darker: more calls; red: failures",
    draw: (rows, view) => {
      const all = agentsOf(rows, view).sort((one, other) => other.usd - one.usd || other.tool_calls - one.tool_calls);
      if (!all.length) return `No agent did anything ${view.words}. A longer range may have some.`;
      return table([
        { title: "agent", cell: (row) => [h("i", { class: "swatch", style: { background: colourVar("agent", row.agent) } }), row.agent], value: (row) => row.agent },
        { title: "state", cell: (row) => h("span", { class: `state-${row.state}` }, row.state), value: (row) => ["working", "idle", "ended"].indexOf(row.state) },
        { title: "last seen", number: true, cell: (row) => row.lastSeen ? h("time", { datetime: new Date(row.lastSeen).toISOString(), title: stamp(row.lastSeen) }, `${ago(view.now - row.lastSeen)} ago`) : "not in the range", value: (row) => row.lastSeen },
        more && { title: "session since (UTC)", cell: (row) => row.openSince ? minute(row.openSince) : "", value: (row) => row.openSince },
        { title: "activity", wide: true, cell: (row) => strip(callsOf(row, view), lineOf(row.rows, view, "errors"), `${row.agent}: ${count(row.model_calls)} model calls, ${count(row.tool_calls)} tool calls, ${count(row.errors)} failed`) },
        { title: more ? "model calls" : "calls", number: true, cell: (row) => count(more ? row.model_calls : row.model_calls + row.tool_calls), value: (row) => more ? row.model_calls : row.model_calls + row.tool_calls, hint: "Model calls and tool calls" },
        more && { title: "tool calls", number: true, cell: (row) => count(row.tool_calls), value: (row) => row.tool_calls },
        { title: "failed", number: true, cell: (row) => row.errors ? h("span", { class: "failed" }, percent(row.errors, row.tool_calls)) : h("span", { class: "none" }, "0"), value: (row) => row.errors / (row.tool_calls || 1) },
        { title: "cost", number: true, cell: (row) => usd(row.usd), value: (row) => row.usd },
      ].filter(Boolean), all, { caption: title, href: (row) => link(`agents/${encodeURIComponent(row.agent)}`, { range: view.range }) });
    },
  });
}

/** The calls of an agent in each bucket. */
function callsOf(row, view) {
  const tools = lineOf(row.rows, view, "tool_calls");
  return lineOf(row.rows, view, "model_calls").map((calls, at) => calls + tools[at]);
}

function mountOne(agent) {
  const timeline = new Feed(queries.timeline(agent));
  const spans = new Feed(queries.spans(agent));
  const activity = new Feed((view) => queries.activity(Object.assign(Object.create(view), { agent })));
  const tiles = Object.fromEntries(["State", "Cost", "Model calls", "Tool calls", "Failed", "Events"].map((label) => [label, tile({ label })]));
  activity.on(({ rows, view }) => {
    if (!rows) return;
    const one = agentsOf(rows, view)[0];
    if (!one) return tiles.State.set({ text: "not seen", sub: view.words });
    tiles.State.set({ text: one.state, sub: one.lastSeen ? `last seen ${ago(view.now - one.lastSeen)} ago` : `nothing ${view.words}` });
    tiles.Cost.set({ text: usd(one.usd), sub: view.words });
    tiles["Model calls"].set({ text: count(one.model_calls), sub: one.model_calls ? `${usd(one.usd / one.model_calls)} each` : " " });
    tiles["Tool calls"].set({ text: count(one.tool_calls), sub: view.words });
    tiles.Failed.set({ text: count(one.errors), sub: `${percent(one.errors, one.tool_calls)} of the tool calls` });
  });
  timeline.on(({ rows }) => rows && tiles.Events.set({ text: rows.length === 10000 ? "10,000+" : count(rows.length), sub: "below, the newest first" }));

  const chart = lanes();
  let last = {};
  const both = (part) => (result) => {
    if (!result.rows) return;
    last = { ...last, [part]: result.rows, view: result.view };
    if (last.spans && last.timeline) chart.show(last.timeline, last.spans, last.view);
  };
  timeline.on(both("timeline"));
  spans.on(both("spans"));

  return {
    feeds: [activity, timeline, spans],
    elements: [
      h("div", { class: "heading" }, h("h1", null, h("i", { class: "swatch big", style: { background: colourVar("agent", agent) } }), agent), h("a", { href: link("agents", { range: new URLSearchParams(location.hash.split("?")[1]).get("range") }) }, "All agents")),
      h("section", { class: "tiles", "aria-label": "Figures" }, Object.values(tiles)),
      h("div", { class: "panels" },
        panel(spans, { title: "Timeline", hint: "drag to zoom", wide: "full", draw: () => chart.element }),
        panel(timeline, {
          title: "Events", wide: "full grid-panel",
          draw: (rows, view, answer) => rows.length ? grid(answer, { label: `Events of ${agent}` }) : `${agent} did nothing ${view.words}. A longer range may have something.`,
        })),
    ],
  };
}

export function mount(route) {
  if (route.arg) return mountOne(route.arg);
  const activity = new Feed(queries.activity);
  return {
    feeds: [activity],
    elements: [h("h1", { class: "sr-only" }, "Agents"), h("div", { class: "panels" }, agentTable(activity, { title: "All agents", wide: "full", more: true }))],
  };
}
