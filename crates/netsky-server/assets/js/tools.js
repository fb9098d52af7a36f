// Tools: how often they are called, how long they take, and how they fail.

import { Feed, panel } from "./panel.js";
import { carried, change, link } from "./state.js";
import { count, minute, ms, percent, stamp, time } from "./format.js";
import { gapsOf, groupBy, lineOf, seriesOf, sum } from "./series.js";
import { h } from "./dom.js";
import { strip, timeChart } from "./chart.js";
import { table } from "./table.js";
import { token } from "./colour.js";
import * as queries from "./queries.js";

export const title = "Tools";
export const filtered = ["agent"];
export const identity = (route) => route.params.tool ?? "";

/** 12 (5.4 %), marked if it is much. */
export function toolErrors(row) {
  if (!row.errors) return h("span", { class: "none" }, "0");
  return h("span", { class: row.errors / row.calls >= 0.1 ? "failed much" : "failed" }, percent(row.errors, row.calls));
}

function overview(stats, overTime) {
  let strips = new Map();
  const element = panel(stats, {
    title: "All tools", hint: "darker: more calls; red: failures", wide: "full",
    draw: (rows, view) => {
      if (!rows.length) return `No tool call ${view.words}. A longer range may have some.`;
      return table([
        { title: "tool", cell: (row) => row.tool, value: (row) => row.tool },
        { title: "source", cell: (row) => row.source, value: (row) => row.source },
        { title: "calls over time", wide: true, cell: (row) => {
          const of = strips.get(row.tool);
          return of ? strip(lineOf(of, view, "calls"), lineOf(of, view, "errors"), `${row.tool}: ${count(row.calls)} calls, ${count(row.errors)} failed`) : "";
        } },
        { title: "calls", number: true, cell: (row) => count(row.calls), value: (row) => row.calls },
        { title: "failed", number: true, cell: (row) => count(row.errors), value: (row) => row.errors },
        { title: "share", number: true, cell: toolErrors, value: (row) => row.errors / row.calls },
        { title: "p50", number: true, cell: (row) => ms(row.p50_ms), value: (row) => row.p50_ms },
        { title: "p95", number: true, cell: (row) => ms(row.p95_ms), value: (row) => row.p95_ms },
        { title: "longest", number: true, cell: (row) => ms(row.max_ms), value: (row) => row.max_ms },
      ], rows, { caption: "All tools", href: (row) => link("tools", { ...carried(view), tool: row.tool }) });
    },
  });
  overTime.on(({ rows }) => {
    if (!rows) return;
    strips = groupBy(rows, "tool");
    element.redraw();
  });
  return element;
}

function callsPanel(feed, tool) {
  return panel(feed, {
    title: tool ? `Calls of ${tool}` : "Last failures", hint: "the newest 200", wide: "full",
    draw: (rows, view) => {
      if (!rows.length) return tool ? `No call of ${tool} ${view.words}.` : `No call failed ${view.words}.`;
      return table([
        { title: "start (UTC)", cell: (row) => stamp(time(row.ts_utc_start)), value: (row) => row.ts_utc_start },
        { title: "agent", cell: (row) => row.agent ? h("a", { href: link(`agents/${encodeURIComponent(row.agent)}`, { range: view.range }) }, row.agent) : "", value: (row) => row.agent },
        !tool && { title: "tool", cell: (row) => row.tool, value: (row) => row.tool },
        { title: "took", number: true, cell: (row) => ms(row.duration_ms), value: (row) => row.duration_ms },
        { title: "result", cell: (row) => h("span", { class: row.open ? "state-open" : row.success ? "state-ok" : "state-failed" }, row.open ? "open" : row.success ? "ok" : "failed"), value: (row) => String(row.success) },
        { title: "error", wide: true, cell: (row) => row.error ? h("span", { class: "cut", title: row.error }, row.error) : "" },
      ].filter(Boolean), rows, { caption: "Tool calls" });
    },
  });
}

export function mount(route) {
  const tool = route.params.tool;
  const stats = new Feed(queries.toolTable);
  const overTime = new Feed(queries.toolsOverTime);
  const latency = new Feed(queries.latencyOverTime(tool));
  const calls = new Feed(queries.callsOf(tool));
  const of = (rows) => tool ? rows.filter((row) => row.tool === tool) : rows;
  const clear = tool && h("button", { type: "button", class: "chip", onclick: () => change({ tool: undefined }), title: "Show all tools" }, tool, h("span", { "aria-hidden": "true" }, "×"));

  const elements = [
    h("h1", { class: "sr-only" }, tool ? `Tools: ${tool}` : "Tools"),
    h("div", { class: "panels" },
      panel(overTime, {
        title: "Calls", tools: clear ? [clear] : [], wide: "half",
        draw: (rows, view) => {
          const { times, series } = seriesOf(of(rows), view, { kind: "tool", name: "tool", value: "calls", href: (name) => link("tools", { ...carried(view), tool: name }) });
          if (!series.length) return `No tool call ${view.words}. A longer range may have some.`;
          return timeChart({ times, series, unit: count, size: view.bucket[1], label: `Tool calls over time: ${series.map((one) => `${one.name} ${count(one.total)}`).join(", ")}` });
        },
        table: (rows) => table([
          { title: "time (UTC)", cell: (row) => minute(time(row.time)), value: (row) => row.time },
          { title: "tool", wide: true, cell: (row) => row.tool, value: (row) => row.tool },
          { title: "calls", number: true, cell: (row) => count(row.calls), value: (row) => row.calls },
          { title: "failed", number: true, cell: (row) => count(row.errors), value: (row) => row.errors },
        ], of(rows), { caption: "Tool calls over time", limit: 1000 }),
      }),
      panel(latency, {
        title: "Duration", hint: tool ?? "all tools", wide: "half",
        draw: (rows, view) => rows.length ? timeChart({
          times: view.buckets, kind: "line", unit: ms, axis: ms, size: view.bucket[1],
          series: [
            { name: "p50", values: gapsOf(rows, view, "p50_ms"), css: "var(--c2)", colour: token("--c2") },
            { name: "p95", values: gapsOf(rows, view, "p95_ms"), css: "var(--c1)", colour: token("--c1") },
          ],
          label: `Durations over time; the highest p95 is ${ms(Math.max(...rows.map((row) => row.p95_ms ?? 0)))}`,
        }) : `No tool call ${view.words}.`,
        table: (rows) => table([
          { title: "time (UTC)", wide: true, cell: (row) => minute(time(row.time)), value: (row) => row.time },
          { title: "p50", number: true, cell: (row) => ms(row.p50_ms), value: (row) => row.p50_ms },
          { title: "p95", number: true, cell: (row) => ms(row.p95_ms), value: (row) => row.p95_ms },
        ], rows, { caption: "Durations over time" }),
      }),
      tool ? callsPanel(calls, tool) : [overview(stats, overTime), callsPanel(calls)]),
  ];
  return { feeds: tool ? [overTime, latency, calls] : [overTime, stats, latency, calls], elements };
}
