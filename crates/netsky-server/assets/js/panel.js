// A feed runs one SQL text and keeps its answer; a panel draws it.

import { query } from "./api.js";
import { carried, sqlLink } from "./state.js";
import { h } from "./dom.js";

/** 700 agents or tools, each in 72 buckets of time. */
const MOST_ROWS = 50_000;

/** One query, which runs at most once at a time. Its answer is kept until the next one is there. */
export class Feed {
  #listeners = [];
  #abort;
  #again = false;

  constructor(sql) {
    this.sql = sql;
  }

  on(listener) {
    this.#listeners.push(listener);
    return this;
  }

  /** Runs the query for a view. A query for another view is given up. */
  async refresh(view) {
    const text = this.sql(view);
    const changed = this.text !== undefined && this.key !== key(view);
    if (this.#abort) {
      if (!changed) return;
      this.#again = view;
      this.#abort.abort();
      return;
    }
    this.text = text;
    this.key = key(view);
    this.#abort = new AbortController();
    if (changed) this.#tell({ state: "changing" });
    let result;
    try {
      const answer = await query(text, { maxRows: MOST_ROWS, signal: this.#abort.signal });
      result = { state: "ready", answer, rows: answer.rows, view };
    } catch (error) {
      result = error.name === "AbortError" ? undefined : { state: "failed", error, view };
    }
    this.#abort = undefined;
    if (this.#again) {
      const next = this.#again;
      this.#again = false;
      return this.refresh(next);
    }
    if (result) this.#tell(result);
  }

  stop() {
    this.#listeners = [];
    this.#abort?.abort();
  }

  #tell(result) {
    for (const listener of this.#listeners) listener(result);
  }
}

/** Two views with the same key differ only by the time that has passed. */
const key = (view) => JSON.stringify([view.range, view.agent, view.model, view.key]);

/** A failed query, in words. */
export function failureNote(error) {
  return h("div", { class: "note bad", role: "alert" },
    h("strong", null, error.message),
    error.hint && h("p", null, error.hint),
    error.nearest?.length > 0 && !error.message.includes(error.nearest[0]) && h("p", null, `Similar names: ${error.nearest.join(", ")}`));
}

export const emptyNote = (text, ...more) => h("div", { class: "note" }, h("p", null, text), ...more);

/**
 * A titled part of a page that draws a feed. `draw(rows, view, answer)` returns elements, or text for an empty panel.
 * `table(rows)` returns the same figures as a table, for a panel that draws a chart.
 */
export function panel(feed, { title, hint, draw, table, tools = [], wide = "" }) {
  const body = h("div", { class: "body" }, h("div", { class: "loading", "aria-hidden": "true" }));
  const link = h("a", { class: "quiet", href: "#", "aria-label": `Open in SQL: ${title}` }, "SQL");
  let asTable = false;
  let last;
  const toggle = table &&
    h("button", {
      class: "quiet", type: "button", "aria-pressed": "false", "aria-label": `Show as table: ${title}`,
      onclick: () => {
        asTable = !asTable;
        toggle.setAttribute("aria-pressed", String(asTable));
        toggle.textContent = asTable ? "Chart" : "Table";
        show(true);
      },
    }, "Table");
  const element = h("section", { class: `panel ${wide}`, "aria-label": title, "aria-busy": "true" },
    h("header", null,
      h("h2", null, title), hint && h("span", { class: "hint" }, hint),
      h("div", { class: "tools" }, tools, toggle, link)),
    body);

  let shown;
  function show(force) {
    if (!last) return;
    element.setAttribute("aria-busy", "false");
    if (last.error) return body.replaceChildren(failureNote(last.error));
    const { rows, view, answer } = last;
    link.href = sqlLink(feed.text, carried(view));
    // An answer that has not changed is not drawn again: the reader may be pointing at it.
    const now = JSON.stringify([rows, view.from === view.to ? 0 : Math.floor(view.to / 15e3)]);
    if (!force && shown === now) return;
    shown = now;
    const focus = body.contains(document.activeElement) && document.activeElement.dataset.key;
    const drawn = asTable ? table(rows, view, answer) : draw(rows, view, answer);
    const cut = answer.truncated && h("div", { class: "note bad" }, `Only the first ${rows.length} rows of the answer are in these figures. Choose a shorter time range, or an agent.`);
    body.replaceChildren(...[cut || []].flat(), ...[typeof drawn === "string" ? emptyNote(drawn) : drawn].flat());
    if (focus) body.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus();
  }

  feed.on((result) => {
    if (result.state === "changing") return element.setAttribute("aria-busy", "true");
    last = result;
    shown = result.error ? undefined : shown;
    show(false);
  });
  element.redraw = () => show(true);
  return element;
}

/** A figure with its name, words below it, and perhaps a small line of its past. */
export function tile({ label }) {
  const value = h("div", { class: "value" }, "–");
  const note = h("div", { class: "sub" }, " ");
  const spark = h("div", { class: "spark" });
  const element = h("div", { class: "tile" }, h("div", { class: "label" }, label), value, note, spark);
  element.line = (line) => spark.replaceChildren(line);
  element.set = ({ text, sub = " ", level }) => {
    value.textContent = text;
    note.textContent = sub;
    element.classList.toggle("warn", level === "warn");
    element.classList.toggle("bad", level === "bad");
  };
  return element;
}
