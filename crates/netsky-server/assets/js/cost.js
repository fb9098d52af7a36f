// Cost: by model, agent or session, with tokens and the use of the cache.

import { Feed, panel, tile } from "./panel.js";
import { carried, change, link } from "./state.js";
import { colourVar, token } from "./colour.js";
import { count, minute, percent, short, time, usd } from "./format.js";
import { costPanel } from "./fleet.js";
import { gapsOf, lineOf, sum } from "./series.js";
import { h } from "./dom.js";
import { share, table } from "./table.js";
import { timeChart } from "./chart.js";
import * as queries from "./queries.js";

export const title = "Cost";
export const filtered = ["agent", "model"];

const KINDS = ["model", "agent", "session"];
const kindOf = (route) => (KINDS.includes(route.params.by) ? route.params.by : "model");
export const identity = kindOf;

const hit = (row) => percent(row.cache_reads, (row.cache_reads ?? 0) + (row.input ?? 0));

function byTable(feed, by) {
  return panel(feed, {
    title: `By ${by}`,
    wide: "full",
    draw: (rows, view) => {
      if (!rows.length) return `No model call ${view.words}. A longer range may have some.`;
      const total = sum(rows, "usd");
      const number = (title, name, text = short, hint) => ({ title, hint, number: true, cell: (row) => text(row[name]), value: (row) => row[name] });
      return table([
        { title: by, cell: (row) => by === "session" ? row.session : [h("i", { class: "swatch", style: { background: colourVar(by, row[by]) } }), row[by]], value: (row) => row[by], wide: true },
        by === "session" && { title: "agent", cell: (row) => row.agent ?? "", value: (row) => row.agent },
        by === "session" && { title: "first (UTC)", cell: (row) => minute(time(row.first)), value: (row) => row.first },
        by === "session" && { title: "last (UTC)", cell: (row) => minute(time(row.last)), value: (row) => row.last },
        number("calls", "calls", count),
        number("input", "input"),
        number("output", "output"),
        number("cache reads", "cache_reads"),
        number("cache writes", "cache_writes"),
        { title: "cache hit", hint: "Cache reads of all input", number: true, cell: hit, value: (row) => (row.cache_reads ?? 0) / ((row.cache_reads ?? 0) + (row.input ?? 0) || 1) },
        rows.some((row) => row.unpriced) && number("unpriced", "unpriced", count, "Calls without a recorded cost"),
        { title: "per call", number: true, cell: (row) => usd(row.usd / row.calls), value: (row) => row.usd / row.calls },
        number("cost", "usd", usd),
        { title: "share", cell: (row) => share(row.usd / total, by === "session" ? "var(--accent)" : colourVar(by, row[by])) },
      ].filter(Boolean), rows, {
        caption: `Cost by ${by}`, sort: undefined, key: `cost-${by}`,
        href: (row) => by === "agent" ? link("cost", { ...carried(view), by, agent: row.agent }) : by === "model" ? link("cost", { ...carried(view), by, model: row.model }) : row.agent && link(`agents/${encodeURIComponent(row.agent)}`, { range: `${row.first}..${new Date(time(row.last) + 1000).toISOString()}` }),
      });
    },
  });
}

export function mount(route) {
  const by = kindOf(route);
  const overTime = new Feed(queries.costOverTime(by));
  const groups = new Feed(queries.costTable(by));
  const tokens = new Feed(queries.tokensOverTime);

  const tiles = Object.fromEntries(["Cost", "Model calls", "Output tokens", "Input tokens", "Cache hit", "Unpriced calls"].map((label) => [label, tile({ label })]));
  groups.on(({ rows, view }) => {
    if (!rows) return;
    const [total, calls, unpriced] = [sum(rows, "usd"), sum(rows, "calls"), sum(rows, "unpriced")];
    const days = Math.max((Math.min(view.to, view.now) - view.from) / 86400e3, 1 / 24);
    const [reads, input] = [sum(rows, "cache_reads"), sum(rows, "input")];
    tiles.Cost.set({ text: usd(total), sub: days >= 1.5 ? `${usd(total / days)} a day` : `${usd(total / days / 24)} an hour` });
    tiles["Model calls"].set({ text: count(calls), sub: calls ? `${usd(total / calls)} each` : " " });
    tiles["Output tokens"].set({ text: short(sum(rows, "output")), sub: calls ? `${short(sum(rows, "output") / calls)} a call` : " " });
    tiles["Input tokens"].set({ text: short(input), sub: `${short(sum(rows, "cache_writes"))} more written to the cache` });
    tiles["Cache hit"].set({ text: percent(reads, reads + input), sub: `${short(reads)} tokens read from it` });
    tiles["Unpriced calls"].set({ text: count(unpriced), sub: unpriced ? "netsky price adds their cost" : "each has a cost", level: unpriced ? "warn" : undefined });
  });

  const kinds = h("div", { class: "switch", role: "group", "aria-label": "Cost by" }, KINDS.map((kind) =>
    h("button", { type: "button", "aria-pressed": String(kind === by), onclick: () => change({ by: kind === "model" ? undefined : kind }) }, kind)));

  const line = (rows, view, name, at) => {
    const css = `var(--c${at})`;
    const values = lineOf(rows, view, name);
    return { name: name.replace("_", " "), values, total: values.reduce((all, one) => all + one, 0), css, colour: token(`--c${at}`) };
  };
  const asTable = (rows) => table([
    { title: "time (UTC)", wide: true, cell: (row) => minute(time(row.time)), value: (row) => row.time },
    ...["input", "output", "cache_reads", "cache_writes"].map((name) => ({ title: name.replace("_", " "), number: true, cell: (row) => count(row[name]), value: (row) => row[name] })),
    { title: "cache hit", number: true, cell: hit },
  ], rows, { caption: "Tokens over time" });

  return {
    feeds: [groups, overTime, tokens],
    elements: [
      h("h1", { class: "sr-only" }, "Cost"),
      h("section", { class: "tiles", "aria-label": "Figures" }, Object.values(tiles)),
      h("div", { class: "panels" },
        costPanel(overTime, by, { wide: "full", tools: [kinds], height: 240 }),
        panel(tokens, {
          title: "Tokens", hint: "without the cache", wide: "half", table: asTable,
          draw: (rows, view) => rows.length ? timeChart({
            times: view.buckets, series: [line(rows, view, "input", 0), line(rows, view, "output", 1)], unit: short, size: view.bucket[1], height: 160,
            label: `Tokens over time: ${short(sum(rows, "input"))} input, ${short(sum(rows, "output"))} output`,
          }) : `No model call ${view.words}.`,
        }),
        panel(tokens, {
          title: "Cache hit", hint: "cache reads of all input", wide: "half", table: asTable,
          draw: (rows, view) => rows.length ? timeChart({
            times: view.buckets, kind: "line", size: view.bucket[1], height: 160, unit: (value) => `${value.toFixed(1)} %`, axis: (value) => `${value} %`,
            series: [{
              name: "cache hit", css: "var(--c2)", colour: token("--c2"),
              values: gapsOf(rows.map((row) => ({ time: row.time, hit: row.cache_reads + row.input > 0 ? (100 * row.cache_reads) / (row.cache_reads + row.input) : null })), view, "hit"),
            }],
            label: `Cache hit over time, ${percent(sum(rows, "cache_reads"), sum(rows, "cache_reads") + sum(rows, "input"))} in all`,
          }) : `No model call ${view.words}.`,
        }),
        byTable(groups, by)),
    ],
  };
}
