// SQL: any query, its rows and its chart.

import { columns as columnsOf, describe, query } from "./api.js";
import { link, readRoute } from "./state.js";
import { cell, count, isNumeric, isTime, short, time } from "./format.js";
import { colour, colourVar } from "./colour.js";
import { copyFrom, h } from "./dom.js";
import { failureNote } from "./panel.js";
import { grid } from "./grid.js";
import { share } from "./table.js";
import { timeChart } from "./chart.js";

export const title = "SQL";

const MOST_ROWS = 10000;
const EXAMPLES = [
  ["Cost by model and day", "SELECT day, model, sum(usd) AS usd\nFROM v_cost_daily\nGROUP BY day, model\nORDER BY day, model"],
  ["Slow tools of a week", "SELECT tool, sum(calls) AS calls, sum(errors) AS errors, max(p95_ms) AS p95_ms\nFROM v_tool_latency\nWHERE day >= now() - INTERVAL '7 days'\nGROUP BY tool\nORDER BY p95_ms DESC\nLIMIT 20"],
  ["Sessions by cost", "SELECT agent, session_id, models, ts_utc_first, ts_utc_last, calls, tool_calls, errors, usd\nFROM v_agent_sessions\nORDER BY usd DESC NULLS LAST\nLIMIT 50"],
  ["Calls without an end", "SELECT agent, tool, ts_utc_start, age_ms\nFROM v_open_calls\nORDER BY ts_utc_start"],
  ["What happened last", "SELECT *\nFROM v_timeline\nWHERE ts_utc >= now() - INTERVAL '1 hour'\nORDER BY ts_utc DESC\nLIMIT 200"],
  ["Errors by text", "SELECT tool, error, count(*) AS calls\nFROM mcp_tool_calls\nWHERE error IS NOT NULL\nGROUP BY tool, error\nORDER BY calls DESC\nLIMIT 50"],
];

/** A chart of an answer: a column of times or names, columns of figures, and perhaps a column that names the series. */
function chartOf({ columns, rows }) {
  const at = columns.find(({ type }) => isTime(type));
  const figures = columns.filter(({ type, name }) => isNumeric(type) && name !== "id");
  const texts = columns.filter(({ type }) => !isNumeric(type) && !isTime(type));
  if (!rows.length || !figures.length) return h("div", { class: "note" }, h("p", null, "A chart needs a column of figures, and a column of times or of names."));
  if (!at) {
    const name = texts[0]?.name;
    const [figure] = figures;
    const most = Math.max(...rows.map((row) => row[figure.name] ?? 0), 0) || 1;
    return h("ol", { class: "bars" }, rows.slice(0, 60).map((row, index) => h("li", null,
      h("span", { class: "name" }, name ? cell(row[name], "") || "NULL" : String(index + 1)), share((row[figure.name] ?? 0) / most, "var(--c0)"), h("b", null, short(row[figure.name])))));
  }
  const times = [...new Set(rows.map((row) => time(row[at.name])))].filter(Number.isFinite).sort((a, b) => a - b);
  if (times.length < 2) return h("div", { class: "note" }, h("p", null, "A chart over time needs two times at least."));
  // Bars need even buckets. Gaps of the smallest step are filled up.
  let step = Infinity;
  for (let index = 1; index < times.length; index++) step = Math.min(step, times[index] - times[index - 1]);
  const even = (times.at(-1) - times[0]) / step;
  const isEven = even <= 2000 && times.every((value) => Math.abs(((value - times[0]) / step) % 1) < 1e-6);
  const xs = isEven ? Array.from({ length: Math.round(even) + 1 }, (_, index) => times[0] + index * step) : times;
  const places = new Map(xs.map((value, index) => [value, index]));
  const label = texts[0];
  const found = new Map();
  for (const row of rows) {
    for (const figure of label ? figures.slice(0, 1) : figures) {
      const key = label ? cell(row[label.name], "") || "NULL" : figure.name;
      if (!found.has(key)) found.set(key, { name: key, values: Array(xs.length).fill(null), total: 0 });
      const place = places.get(time(row[at.name]));
      if (place === undefined || typeof row[figure.name] !== "number") continue;
      found.get(key).values[place] = (found.get(key).values[place] ?? 0) + row[figure.name];
      found.get(key).total += row[figure.name];
    }
  }
  const series = [...found.values()].sort((one, other) => other.total - one.total).slice(0, 10);
  for (const one of [...series].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const kind = label && ["model", "agent", "tool"].includes(label.name) ? label.name : "series";
    one.colour = colour(kind, one.name);
    one.css = colourVar(kind, one.name);
  }
  return timeChart({ times: xs, series, kind: isEven && label ? "bars" : "line", unit: short, size: isEven ? step : undefined, height: 320, zoom: false, label: `${series.map((one) => one.name).join(", ")} over time` });
}

const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
const csvOf = ({ columns, rows }) => [columns.map(({ name }) => quoted(name)).join(","), ...rows.map((row) => columns.map(({ name }) => {
  const value = row[name];
  if (value === null || value === undefined) return "";
  if (value === "") return '""';
  return quoted(typeof value === "object" ? JSON.stringify(value) : String(value));
}).join(","))].join("\n") + "\n";

function save(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10e3);
}

const shellQuoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function schemaList(schema, onPick) {
  return h("nav", { class: "schema", "aria-label": "Tables and columns" }, h("h2", null, "Tables and views"), [...schema].map(([table, columns]) =>
    h("details", { ontoggle: (event) => event.target.open && explainColumns(table, event.target) }, h("summary", null, table, h("button", { type: "button", class: "quiet", "aria-label": `Query ${table}`, title: "Query it", onclick: (event) => (event.preventDefault(), onPick(table)) }, "→")),
      h("dl", null, columns.map(({ name, type }) => [h("dt", null, name), h("dd", null, type)])))));
}

function explainColumns(table, element) {
  describe(table).then((descriptions) => {
    for (const name of element.querySelectorAll("dt")) name.title = descriptions.get(name.textContent) ?? "";
  }, () => {});
}

export function mount(route) {
  const result = h("div", { class: "result" });
  const facts = h("span", { class: "facts", role: "status" });
  const place = h("div", { class: "editor-place" });
  const side = h("div", { class: "side" });
  let edit;
  let answer;
  let abort;
  let asChart = false;
  let expected = route.params.q;

  const view = h("div", { class: "switch", role: "group", "aria-label": "Show as" }, ["Rows", "Chart"].map((name, at) =>
    h("button", { type: "button", "aria-pressed": String(at === 0), onclick: () => choose(at === 1) }, name)));
  function choose(chart) {
    asChart = chart;
    for (const [at, button] of [...view.children].entries()) button.setAttribute("aria-pressed", String((at === 1) === chart));
    show();
  }
  const run = h("button", { type: "button", class: "primary", onclick: () => (abort ? abort.abort() : start()) }, "Run");
  const explain = h("button", { type: "button", class: "quiet", title: "How the query runs, and how long each step takes", onclick: () => start("EXPLAIN ANALYZE ") }, "Explain");
  const outputs = h("span", { class: "outputs", hidden: true },
    h("button", { type: "button", class: "quiet", onclick: () => save("netsky.csv", "text/csv", csvOf(answer)) }, "CSV"),
    h("button", { type: "button", class: "quiet", onclick: () => save("netsky.ndjson", "application/x-ndjson", answer.rows.map((row) => JSON.stringify(row)).join("\n") + "\n") }, "NDJSON"));
  const asCommand = h("button", { type: "button", class: "quiet", title: "Copy as a command", onclick: (event) => copyFrom(event.currentTarget, `netsky query ${shellQuoted(edit.text.trim())}`) }, "Copy command");
  const asCurl = h("button", { type: "button", class: "quiet", title: "Copy as a request of curl", onclick: (event) => copyFrom(event.currentTarget, `curl -s ${location.origin}/query -H "Authorization: Bearer $(jq -r .token ~/.netsky/serve.json)" --data-raw ${shellQuoted(edit.text.trim())}`) }, "Copy curl");

  function show() {
    if (!answer) return;
    outputs.hidden = false;
    if (answer.columns.some(({ name }) => name === "plan")) result.replaceChildren(h("pre", { class: "plan", tabindex: 0 }, answer.rows.map((row) => row.plan).join("\n\n")));
    else if (asChart) result.replaceChildren(...[chartOf(answer)].flat());
    else if (!answer.rows.length) result.replaceChildren(h("div", { class: "note" }, h("p", null, "No rows.")));
    else result.replaceChildren(grid(answer, { label: "Result" }));
  }

  const keep = (text) => {
    expected = text;
    history.replaceState(null, "", link("sql", { ...readRoute().params, q: text }));
  };

  async function start(prefix = "") {
    const sql = edit.text.trim().replace(/;\s*$/, "");
    if (!sql) return;
    abort?.abort();
    const mine = (abort = new AbortController());
    keep(edit.text);
    run.textContent = "Stop";
    facts.textContent = "running …";
    const began = performance.now();
    const ticking = setInterval(() => (facts.textContent = `running … ${((performance.now() - began) / 1000).toFixed(1)} s`), 200);
    try {
      const found = await query(prefix + sql, { maxRows: MOST_ROWS, signal: mine.signal });
      if (mine !== abort) return;
      answer = found;
      facts.textContent = `${found.truncated ? "the first " : ""}${count(found.row_count)} ${found.row_count === 1 ? "row" : "rows"} in ${count(found.elapsed_ms)} ms; read ${count(found.rows_read)} rows`;
      show();
    } catch (error) {
      if (mine !== abort) return;
      facts.textContent = error.name === "AbortError" ? "stopped" : "failed";
      if (error.name !== "AbortError") {
        outputs.hidden = true;
        answer = undefined;
        result.replaceChildren(failureNote(error));
        if (error.position && !prefix) edit.mark(error.position);
      }
    } finally {
      clearInterval(ticking);
      if (mine === abort) {
        abort = undefined;
        run.textContent = "Run";
      }
    }
  }

  function use([, text]) {
    edit.text = text;
    start();
  }
  const examples = h("select", { "aria-label": "Examples", onchange: (event) => {
    use(EXAMPLES[event.target.value]);
    event.target.value = "";
  } }, h("option", { value: "" }, "Examples"), EXAMPLES.map(([name], at) => h("option", { value: at }, name)));

  async function begin() {
    const [{ editor }, schema] = await Promise.all([import("./editor.js"), columnsOf()]);
    edit = editor({ text: expected ?? EXAMPLES[0][1], schema, onRun: () => start(), onChange: () => {} });
    place.replaceChildren(edit.element);
    side.replaceChildren(schemaList(schema, (table) => {
      edit.text = `SELECT *\nFROM ${table}\nLIMIT 100`;
      edit.focus();
      start();
    }));
    edit.focus();
    if (expected) start();
    else result.replaceChildren(h("div", { class: "note" }, h("p", null, "Ctrl Enter runs the query. Its text is in the address, so a link keeps it. To begin with:"),
      h("ul", { class: "examples" }, EXAMPLES.map((example) => h("li", null, h("button", { type: "button", onclick: () => use(example) }, example[0]))))));
  }
  begin().catch((error) => place.replaceChildren(failureNote(error)));

  return {
    stop: () => (abort?.abort(), edit?.stop()),
    // A link or Back to another query.
    update: (now) => {
      if (!edit || now.params.q === undefined || now.params.q === expected) return;
      expected = now.params.q;
      edit.text = now.params.q;
      start();
    },
    elements: [
      h("h1", { class: "sr-only" }, "SQL"),
      h("div", { class: "sql" }, side,
        h("div", { class: "work" },
          h("section", { class: "panel editor-panel", "aria-label": "Query" }, place,
            h("footer", null, run, h("kbd", null, "Ctrl Enter"), explain, examples, h("span", { class: "grow" }), asCommand, asCurl)),
          h("section", { class: "panel result-panel", "aria-label": "Result" },
            h("header", null, view, facts, h("div", { class: "tools" }, outputs)), result))),
    ],
  };
}
