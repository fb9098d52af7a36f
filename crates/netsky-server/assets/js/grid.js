// A table of any number of rows, of which only those in sight are elements.

import { cell, isNumeric } from "./format.js";
import { announce, h } from "./dom.js";

const ROW = 24;
const MOST_WIDTH = 520;
const CHARACTER = 8.3;

/** A grid of the rows of an answer: arrow keys move, Enter shows a whole cell. */
export function grid({ columns, rows }, { label, onRow } = {}) {
  const widths = columns.map(({ name, type }) => {
    let most = name.length + 1;
    for (let at = 0; at < rows.length; at += Math.max(1, Math.floor(rows.length / 200))) {
      most = Math.max(most, Math.min(cell(rows[at][name], type).length, 90));
    }
    return Math.min(MOST_WIDTH, Math.ceil(most * CHARACTER) + 24);
  });
  const lefts = widths.map((_, at) => widths.slice(0, at).reduce((sum, width) => sum + width, 0));
  const total = widths.reduce((sum, width) => sum + width, 0);
  let active = [0, 0];

  const head = h("div", { class: "grid-head", role: "row", "aria-rowindex": 1 },
    columns.map(({ name, type }, at) => h("div", {
      role: "columnheader", "aria-colindex": at + 1, class: isNumeric(type) ? "number" : "", title: type,
      style: { left: `${lefts[at]}px`, width: `${widths[at]}px` },
    }, name)));
  const body = h("div", { class: "grid-body", role: "rowgroup", style: { height: `${rows.length * ROW}px`, width: `${total}px` } });
  const whole = h("pre", { class: "grid-whole", hidden: true, tabindex: 0 });
  const scroller = h("div", {
    class: "grid", role: "grid", tabindex: 0, "aria-label": label, "aria-rowcount": rows.length + 1, "aria-colcount": columns.length,
    onscroll: () => show(), onkeydown: (event) => move(event),
    onclick: (event) => {
      const at = event.target.closest("[role=gridcell]");
      if (at) go(Number(at.dataset.row), Number(at.dataset.column));
    },
    ondblclick: () => open(),
  }, head, body);
  head.style.setProperty("width", `${total}px`);

  let shown = "";
  function show(force) {
    const first = Math.max(0, Math.floor(scroller.scrollTop / ROW) - 8);
    const last = Math.min(rows.length, first + Math.ceil((scroller.clientHeight || 600) / ROW) + 16);
    const now = `${first}-${last}`;
    if (!force && now === shown) return;
    shown = now;
    const elements = [];
    for (let at = first; at < last; at++) {
      elements.push(h("div", { role: "row", "aria-rowindex": at + 2, style: { top: `${at * ROW}px` } },
        columns.map(({ name, type }, column) => {
          const value = rows[at][name];
          const isActive = active[0] === at && active[1] === column;
          return h("div", {
            role: "gridcell", id: isActive ? "active-cell" : undefined, "data-row": at, "data-column": column, "aria-colindex": column + 1,
            "aria-selected": isActive ? "true" : undefined,
            class: value === null || value === undefined ? "null" : isNumeric(type) ? "number" : "",
            style: { left: `${lefts[column]}px`, width: `${widths[column]}px` },
          }, value === null || value === undefined ? "NULL" : cell(value, type).slice(0, 300));
        })));
    }
    body.replaceChildren(...elements);
    scroller.setAttribute("aria-activedescendant", "active-cell");
  }

  function go(row, column) {
    if (rows.length === 0) return;
    active = [Math.max(0, Math.min(rows.length - 1, row)), Math.max(0, Math.min(columns.length - 1, column))];
    const top = active[0] * ROW;
    const view = scroller.clientHeight - head.offsetHeight;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + ROW > scroller.scrollTop + view) scroller.scrollTop = top + ROW - view;
    const [left, width] = [lefts[active[1]], widths[active[1]]];
    if (left < scroller.scrollLeft) scroller.scrollLeft = left;
    else if (left + width > scroller.scrollLeft + scroller.clientWidth) scroller.scrollLeft = left + width - scroller.clientWidth;
    show(true);
    if (!whole.hidden) open();
    onRow?.(rows[active[0]]);
  }

  function open() {
    const { name, type } = columns[active[1]];
    let text = cell(rows[active[0]]?.[name], type);
    try {
      if (/^[[{]/.test(text)) text = JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      // Text that only looks like JSON.
    }
    whole.textContent = text;
    whole.hidden = false;
    announce(`${name}: ${text.slice(0, 400)}`);
  }

  function move(event) {
    const page = Math.max(1, Math.floor(scroller.clientHeight / ROW) - 2);
    const [row, column] = active;
    const to = {
      ArrowDown: [row + 1, column], ArrowUp: [row - 1, column], ArrowRight: [row, column + 1], ArrowLeft: [row, column - 1],
      PageDown: [row + page, column], PageUp: [row - page, column],
      Home: event.ctrlKey ? [0, 0] : [row, 0], End: event.ctrlKey ? [rows.length - 1, columns.length - 1] : [row, columns.length - 1],
    }[event.key];
    if (to) go(...to);
    else if (event.key === "Enter") open();
    else if (event.key === "Escape" && !whole.hidden) whole.hidden = true;
    else if (event.key === "c" && (event.ctrlKey || event.metaKey) && !String(getSelection())) {
      navigator.clipboard?.writeText(cell(rows[row]?.[columns[column].name], columns[column].type));
    } else return;
    event.preventDefault();
  }

  show();
  new ResizeObserver(() => show(true)).observe(scroller);
  return h("div", { class: "grid-box" }, scroller, whole);
}
