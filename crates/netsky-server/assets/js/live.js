// Live: the rows of a table as they are recorded, by any process.

import { follow, query, tables } from "./api.js";
import { link } from "./state.js";
import { clock, count, ms, short, stamp, time, usd } from "./format.js";
import { failureNote } from "./panel.js";
import { announce, h } from "./dom.js";

export const title = "Live";
export const identity = (route) => route.params.table ?? "";

const KEPT = 500;
const FIRST = 50;
const DEFAULT = "mcp_tool_calls";
const TIMES = ["ts_utc", "ts_utc_start", "ts_utc_created"];
const WHO = ["agent", "from_agent", "agent_id", "source"];

/** What is not worth its place in a line. */
const USUAL = { source: "builtin", success: true, timeout_race: false };

function fieldOf(name, value) {
  if (name.startsWith("ts_utc")) return clock(time(value));
  if (name.endsWith("_ms")) return ms(value);
  if (name === "cost_usd_micros") return usd(value / 1e6);
  if (typeof value === "number") return count(value);
  return typeof value === "string" ? value.slice(0, 200) : JSON.stringify(value);
}

/** A row as one line; the whole row opens below it. */
function lineOf(row) {
  const at = TIMES.map((name) => row[name]).find(Boolean);
  const who = WHO.find((name) => row[name]);
  const rest = Object.entries(row).filter(([name, value]) => value !== null && value !== "" && value !== USUAL[name] && name !== "id" && name !== who && !(name === "ts_utc_end" && row.duration_ms !== null) && !TIMES.includes(name));
  rest.sort(([one], [other]) => one.endsWith("_json") - other.endsWith("_json"));
  const details = h("details", { "data-text": JSON.stringify(row).toLowerCase(), class: row.success === false && row.error ? "bad" : "" },
    h("summary", null,
      h("time", { datetime: at, title: at && stamp(time(at)) }, at ? `${clock(time(at))}` : ""),
      h("span", { class: "id" }, `#${row.id}`),
      h("span", { class: "who" }, who ? String(row[who]) : ""),
      h("span", { class: "fields" }, rest.map(([name, value]) => [h("i", null, name), " ", fieldOf(name, value), "  "]))));
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(wholeOf(row));
  });
  return details;
}

function wholeOf(row) {
  return h("dl", { class: "whole" }, Object.entries(row).map(([name, value]) => {
    let text = value === null ? "NULL" : typeof value === "string" ? value : JSON.stringify(value);
    try {
      if (name.endsWith("_json") && value) text = JSON.stringify(typeof value === "string" ? JSON.parse(value) : value, null, 2);
    } catch {
      // Shown as it is.
    }
    return [h("dt", null, name), h("dd", { class: value === null ? "null" : "" }, text)];
  }));
}

export function mount(route) {
  const name = route.params.table ?? DEFAULT;
  const abort = new AbortController();
  const list = h("div", { class: "live-list", role: "log", "aria-live": "off", "aria-label": `Rows of ${name}, the newest first`, tabindex: 0 });
  const state = h("span", { class: "live-state" }, "connecting");
  const note = h("div");
  const find = h("input", { type: "search", placeholder: "Show rows that contain …", "aria-label": "Show rows that contain", value: route.params.find ?? "" });
  const pick = h("nav", { class: "live-tables", "aria-label": "Tables" });
  let paused = false;
  let held = [];
  let seen = 0;

  const fits = (line) => find.value.toLowerCase().split(/\s+/).every((word) => line.dataset.text.includes(word));
  const matched = () => {
    let visible = 0;
    for (const line of list.children) {
      line.hidden = !fits(line);
      visible += !line.hidden;
    }
    return visible;
  };
  const describe = () => {
    state.textContent = paused ? `paused, ${held.length} waiting` : `following · ${short(seen)} new`;
    state.className = paused ? "live-state paused" : "live-state on";
  };
  const add = (rows) => {
    for (const row of rows) {
      const line = lineOf(row);
      line.hidden = !fits(line);
      list.prepend(line);
    }
    while (list.children.length > KEPT) list.lastChild.remove();
  };

  const pause = h("button", { type: "button", "aria-pressed": "false", onclick: () => {
    paused = !paused;
    pause.textContent = paused ? "Go on" : "Pause";
    pause.setAttribute("aria-pressed", String(paused));
    if (!paused) {
      add(held);
      held = [];
    }
    describe();
  } }, "Pause");

  let keep;
  find.addEventListener("input", () => {
    const visible = matched();
    clearTimeout(keep);
    keep = setTimeout(() => {
      announce(`${visible} rows`);
      history.replaceState(null, "", link("live", { ...route.params, find: find.value }));
    }, 400);
  });

  const batch = [];
  let frame;
  function onRow(row) {
    seen++;
    if (paused) {
      held.push(row);
      if (held.length > KEPT) held.shift();
      return describe();
    }
    batch.push(row);
    // Rows of a burst are drawn together, and only those that are kept.
    frame ??= setTimeout(() => {
      frame = undefined;
      add(batch.splice(0).slice(-KEPT));
      describe();
    }, 60);
  }

  async function begin() {
    const found = await tables();
    pick.replaceChildren(...found.map(({ table, rows }) => h("a", { href: link("live", { ...route.params, table }), "aria-current": table === name ? "true" : undefined }, table, h("span", null, short(rows)))));
    if (!found.some(({ table }) => table === name)) throw Object.assign(new Error(`There is no table ${name}.`), { hint: "Choose one of the list." });
    const { rows } = await query(`SELECT * FROM ${name} ORDER BY id DESC LIMIT ${FIRST}`, { signal: abort.signal });
    add(rows.reverse());
    if (!rows.length) note.replaceChildren(h("div", { class: "note" }, h("p", null, `No row of ${name} yet. What is recorded from now on appears here.`)));
    describe();
    await follow(name, rows.at(-1)?.id ?? 0, (row) => {
      note.replaceChildren();
      onRow(row);
    }, (error) => {
      if (!error) return describe();
      state.textContent = "connecting again";
      state.className = "live-state paused";
      note.replaceChildren(failureNote(error));
    }, abort.signal);
  }
  begin().catch((error) => error.name !== "AbortError" && note.replaceChildren(failureNote(error)));

  return {
    stop: () => abort.abort(),
    elements: [
      h("h1", { class: "sr-only" }, `Live: ${name}`),
      h("div", { class: "live" }, pick,
        h("section", { class: "panel live-panel", "aria-label": name },
          h("header", null, h("h2", null, name), state,
            h("div", { class: "tools" }, find, pause,
              h("button", { type: "button", class: "quiet", onclick: () => list.replaceChildren() }, "Clear"),
              h("a", { class: "quiet", href: link("sql", { q: `SELECT *\nFROM ${name}\nORDER BY id DESC\nLIMIT 100` }) }, "SQL"))),
          note, list)),
    ],
  };
}
