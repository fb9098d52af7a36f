// A table of up to a few hundred rows, sorted by a click on a column's name.

import { h } from "./dom.js";

/**
 * `columns` have a `title`, `cell(row)`, which returns text or elements, and perhaps `value(row)` to sort by, `number`
 * for right-aligned figures, `wide` for the column that takes the space left. `href(row)` makes the first cell a link.
 */
export function table(columns, rows, { caption, href, sort, limit = 200, key } = {}) {
  let by = sort ?? null;
  const body = h("tbody");
  const heads = columns.map((column, at) => {
    const button = column.value && h("button", { type: "button", onclick: () => order(at) }, column.title);
    return h("th", { scope: "col", class: column.number ? "number" : column.wide ? "wide" : "", title: column.hint }, button ?? column.title);
  });

  function order(at) {
    by = { at, down: by?.at === at ? !by.down : Boolean(columns[at].number) };
    table.kept.set(key ?? caption, by);
    show();
  }

  function show() {
    let sorted = rows;
    if (by) {
      const value = columns[by.at].value;
      sorted = rows.toSorted((one, other) => {
        const [a, b] = [value(one), value(other)];
        if (a === b) return 0;
        // What is not known is last, up or down.
        if (a === null || a === undefined) return 1;
        if (b === null || b === undefined) return -1;
        return (a < b ? -1 : 1) * (by.down ? -1 : 1);
      });
    }
    for (const [at, head] of heads.entries()) {
      if (by?.at === at) head.setAttribute("aria-sort", by.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    body.replaceChildren(...sorted.slice(0, limit).map((row) => h("tr", null, columns.map((column, at) => {
      let content = column.cell(row);
      const target = at === 0 && href?.(row);
      if (target) content = h("a", { href: target, "data-key": typeof content === "string" ? content : undefined }, content);
      return h("td", { class: [column.number && "number", column.wide && "wide", column.class?.(row)].filter(Boolean).join(" ") }, content);
    }))));
  }

  by = table.kept.get(key ?? caption) ?? by;
  show();
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    h("table", null, h("caption", { class: "sr-only" }, caption), h("thead", null, h("tr", null, heads)), body),
    rows.length > limit && h("p", { class: "more" }, `${limit} of ${rows.length} rows`));
}

/** The orders that the reader chose, by table. */
table.kept = new Map();

/** A share of a whole as a small bar. */
export function share(part, css) {
  const width = `${Math.max(0, Math.min(1, part)) * 100}%`;
  return h("span", { class: "share", "aria-hidden": "true" }, h("i", { style: { width, background: css } }));
}
