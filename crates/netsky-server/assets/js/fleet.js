// Fleet: what it costs, who is at work, and what needs attention.

import { Feed, emptyNote, panel, tile } from "./panel.js";
import { age, ago, clock, count, minute, ms, percent, short, time, usd, usdAxis } from "./format.js";
import { spark, timeChart } from "./chart.js";
import { groupBy, lineOf, seriesOf, sum } from "./series.js";
import { agentTable, agentsOf } from "./agents.js";
import { carried, link } from "./state.js";
import { h } from "./dom.js";
import { table } from "./table.js";
import { toolErrors } from "./tools.js";
import * as queries from "./queries.js";

export const title = "Fleet";
export const filtered = ["agent", "model"];

const LEVELS = { "crash loop": "bad", "stuck call": "warn", "stuck clone": "warn", silent: "warn", "open session": "calm" };
const SHOWN_OF_A_KIND = 5;

/** The chart of costs over time, which Cost has as well. */
export function costPanel(feed, by, { page = "cost", height, ...options } = {}) {
  const filterBy = (view) => (name) => by === "session" ? undefined : link(page, { ...carried(view), [by]: name });
  return panel(feed, {
    title: `Cost by ${by}`,
    draw: (rows, view) => {
      const { times, series } = seriesOf(rows, view, { kind: by, name: by, value: "usd", href: filterBy(view), text: by === "session" ? (id) => id.slice(0, 8) : undefined });
      if (!series.length) return `No model call ${view.words}. A longer range may have some.`;
      const total = sum(rows, "usd");
      return timeChart({
        times, series, unit: usd, axis: usdAxis, size: view.bucket[1], height,
        label: `Cost by ${by} over time, ${usd(total)} in all: ${series.map((one) => `${one.text} ${usd(one.total)}`).join(", ")}`,
      });
    },
    table: (rows) => table([
      { title: "time (UTC)", cell: (row) => minute(time(row.time)), value: (row) => row.time },
      { title: by, cell: (row) => row[by], value: (row) => row[by], wide: true },
      { title: "cost", number: true, cell: (row) => usd(row.usd), value: (row) => row.usd },
    ], rows, { caption: `Cost by ${by} over time`, limit: 1000 }),
    ...options,
  });
}

function attentionPanel(feed) {
  return panel(feed, {
    title: "Needs attention",
    hint: "as netsky top",
    wide: "third",
    draw: (rows, view) => {
      if (!rows.length) return [emptyNote("All is well: nothing is open, stuck or silent.")];
      const groups = [...groupBy(rows, "state")];
      return h("ul", { class: "attention", tabindex: 0, "aria-label": "Needs attention" }, groups.map(([state, list]) => [
        list.slice(0, SHOWN_OF_A_KIND).map((row) => h("li", { class: LEVELS[state] },
          h("span", { class: "state" }, state),
          h("span", { class: "who" }, h("a", { href: link(`agents/${encodeURIComponent(row.who.split(":")[0].replace(/-clone\d+$/, ""))}`, { range: view.range }), "data-key": `${state}${row.who}` }, row.who)),
          h("span", { class: "what", title: row.what }, row.what === "ticks" ? "" : row.what),
          h("span", { class: "for" }, age(view.now - time(row.since))))),
        list.length > SHOWN_OF_A_KIND && h("li", { class: "rest" }, `and ${list.length - SHOWN_OF_A_KIND} more: ${state}`),
      ]));
    },
  });
}

function toolsPanel(feed) {
  return panel(feed, {
    title: "Slow and failing tools",
    wide: "third",
    draw: (rows, view) => {
      if (!rows.length) return `No tool call ${view.words}.`;
      return table([
        { title: "tool", wide: true, cell: (row) => row.tool, value: (row) => row.tool },
        { title: "calls", number: true, cell: (row) => count(row.calls), value: (row) => row.calls },
        { title: "failed", number: true, cell: (row) => toolErrors(row), value: (row) => row.errors / row.calls },
        { title: "p95", number: true, cell: (row) => ms(row.p95_ms), value: (row) => row.p95_ms },
      ], rows.slice(0, 40), { caption: "Slow and failing tools", href: (row) => link("tools", { ...carried(view), tool: row.tool }) });
    },
  });
}

export function eventsPanel(feed, { wide = "" } = {}) {
  return panel(feed, {
    title: "Last events",
    hint: "of one hour",
    wide,
    draw: (rows, view) => {
      if (!rows.length) return "Nothing happened in the last hour.";
      return h("ol", { class: "events" }, rows.map((row) => h("li", null,
        h("time", { datetime: row.ts_utc }, clock(time(row.ts_utc))),
        h("a", { class: "who", href: link(`agents/${encodeURIComponent(row.agent)}`, { range: view.range }) }, row.agent),
        h("span", { class: "kind" }, row.kind),
        h("span", { class: "what", title: row.what }, row.what))));
    },
  });
}

export function mount() {
  const burn = new Feed(queries.burn);
  const cost = new Feed(queries.costOverTime("model"));
  const attention = new Feed(queries.attention);
  const activity = new Feed(queries.activity);
  const tools = new Feed(queries.toolTable);
  const calls = new Feed(queries.toolsOverTime);
  const events = new Feed(queries.events(14));

  const tiles = {
    today: tile({ label: "Cost today" }),
    hour: tile({ label: "Last hour" }),
    agents: tile({ label: "Agents at work" }),
    open: tile({ label: "Calls without an end" }),
    errors: tile({ label: "Failed tool calls" }),
    silent: tile({ label: "Crash loops, silent sources" }),
  };

  burn.on(({ rows, view }) => {
    if (!rows?.length) return;
    const [{ today, yesterday, last_hour, tokens_per_minute, cached_per_minute }] = rows;
    const difference = yesterday > 0 ? ((today ?? 0) / yesterday - 1) * 100 : null;
    tiles.today.set({
      text: usd(today ?? 0),
      sub: difference === null ? "nothing yesterday by this time" : `${difference >= 0 ? "+" : "−"}${Math.abs(difference).toFixed(0)} % on ${usd(yesterday)} yesterday`,
    });
    tiles.hour.set({ text: `${usd(last_hour ?? 0)}/h`, sub: `${short(tokens_per_minute ?? 0)} tokens/min, ${short(cached_per_minute ?? 0)} cached` });
  });
  cost.on(({ rows, view }) => rows && tiles.hour.line(spark(lineOf(rows, view, "usd"))));
  activity.on(({ rows, view }) => {
    if (!rows) return;
    const all = agentsOf(rows, view);
    const working = all.filter((agent) => agent.state === "working");
    const idle = all.filter((agent) => agent.state === "idle");
    tiles.agents.set({ text: String(working.length), sub: idle.length ? `${idle.length} idle in an open session` : `of ${all.length} ${view.words}` });
  });
  calls.on(({ rows, view }) => {
    if (!rows) return;
    const [total, errors] = [sum(rows, "calls"), sum(rows, "errors")];
    tiles.errors.line(spark(lineOf(rows, view, "errors")));
    tiles.errors.set({ text: percent(errors, total), sub: `${count(errors)} of ${count(total)} calls ${view.words}`, level: errors / total > 0.15 ? "warn" : undefined });
  });
  attention.on(({ rows, view }) => {
    if (!rows) return;
    const of = (state) => rows.filter((row) => row.state === state);
    const stuck = of("stuck call");
    tiles.open.set({ text: String(stuck.length), sub: stuck.length ? `over 10 minutes; the oldest ${ago(view.now - time(stuck[0].since))}` : "none for over 10 minutes", level: stuck.length ? "warn" : undefined });
    const [loops, silent] = [of("crash loop"), of("silent")];
    tiles.silent.set({ text: `${loops.length}, ${silent.length}`, sub: loops.length ? loops.map((row) => row.who).join(", ") : silent.length ? silent.map((row) => row.who).slice(0, 2).join(", ") : "none", level: loops.length ? "bad" : silent.length ? "warn" : undefined });
  });

  return {
    feeds: [burn, attention, cost, activity, calls, tools, events],
    elements: [
      h("h1", { class: "sr-only" }, "Fleet"),
      h("section", { class: "tiles", "aria-label": "Figures" }, Object.values(tiles)),
      h("div", { class: "panels" },
        costPanel(cost, "model", { wide: "two-thirds", page: "fleet", height: 236 }),
        attentionPanel(attention),
        agentTable(activity, { title: "Agents", wide: "two-thirds" }),
        toolsPanel(tools),
        eventsPanel(events, { wide: "full" })),
    ],
  };
}
