// The editor of the SQL page, which is CodeMirror. It is in a shadow root, because there it styles itself by
// adoptedStyleSheets; in the document it would write a <style>, which the content security policy forbids.

import * as code from "../vendor/codemirror-6.js";
import { describe } from "./api.js";
import { h } from "./dom.js";

const style = code.HighlightStyle.define([
  { tag: code.tags.keyword, color: "var(--accent)", fontWeight: "600" },
  { tag: [code.tags.string, code.tags.special(code.tags.string)], color: "var(--c5)" },
  { tag: [code.tags.number, code.tags.bool, code.tags.null], color: "var(--c3)" },
  { tag: code.tags.comment, color: "var(--muted)", fontStyle: "italic" },
  { tag: code.tags.typeName, color: "var(--c2)" },
]);

// A dialect of the words that netsky's SQL uses: PostgreSQL's marks day and sum as keywords, too.
const dialect = code.SQLDialect.define({
  keywords: "all and any as asc between by case cast current_date current_timestamp cross desc distinct else end except exclude exists explain analyze false filter first following from full group having in inner intersect interval is join last lateral left like ilike limit not null nulls offset on or order outer over partition preceding range recursive right row rows select semi anti similar then to true unbounded union using values when where window with within",
  types: "bigint boolean date double int integer json real text time timestamp timestamptz varchar",
  doubleDollarQuotedStrings: true,
  operatorChars: "+-*/<>=~!@#%^&|?",
});

const theme = code.EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "var(--surface)", fontSize: "13px", height: "100%" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--text)", padding: "10px 0" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--faint)", border: "none", paddingLeft: "6px" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": { backgroundColor: "var(--select)" },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": { backgroundColor: "var(--select)", outline: "none" },
  ".cm-tooltip": { backgroundColor: "var(--surface)", border: "1px solid var(--line-strong)", borderRadius: "6px", boxShadow: "var(--shadow)", color: "var(--text)" },
  ".cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", fontSize: "12px" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-completionDetail": { color: "var(--muted)", fontStyle: "normal", marginLeft: "1em" },
  "li[aria-selected] .cm-completionDetail": { color: "inherit" },
  ".cm-completionInfo": { maxWidth: "320px", padding: "6px 10px", fontFamily: "var(--sans)" },
  ".cm-placeholder": { color: "var(--faint)" },
});

const infoOf = (table, column) => describe(table).then((columns) => document.createTextNode(columns.get(column) ?? ""), () => null);

/** The columns of the tables and views that the text names. */
const columnsIn = (schema) => (context) => {
  const word = context.matchBefore(/\w+/);
  if (!word && !context.explicit) return null;
  const text = context.state.doc.toString();
  const options = new Map();
  for (const [table, columns] of schema) {
    if (!new RegExp(`\\b${table}\\b`, "i").test(text)) continue;
    for (const { name, type } of columns) if (!options.has(name)) options.set(name, { label: name, type: "property", detail: type, info: () => infoOf(table, name), boost: 2 });
  }
  return { from: word?.from ?? context.pos, options: [...options.values()], validFor: /^\w*$/ };
};

/**
 * Types over a selection. Chromium would keep the style of the selected text in a style attribute, which the content
 * security policy forbids; that changes nothing, but is reported as a violation.
 */
function typeOver(event, view) {
  const { from, to, empty } = view.state.selection.main;
  if (event.inputType !== "insertText" || event.data === null || empty || view.composing) return false;
  event.preventDefault();
  const typed = () => view.state.update(view.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true });
  const isHandled = view.state.facet(code.EditorView.inputHandler).some((handler) => handler(view, from, to, event.data, typed));
  if (!isHandled) view.dispatch(typed());
  return true;
}

/** An editor with completion from the schema. */
export function editor({ text, schema, onRun, onChange }) {
  const host = h("div", { class: "editor" });
  const shadow = host.attachShadow({ mode: "open" });
  const parent = document.createElement("div");
  parent.style.height = "100%";
  shadow.append(parent);
  const view = new code.EditorView({
    parent,
    root: shadow,
    state: code.EditorState.create({
      doc: text,
      extensions: [
        code.lineNumbers(), code.history(), code.drawSelection(), code.bracketMatching(), code.closeBrackets(), code.autocompletion(),
        code.sql({ dialect, schema: Object.fromEntries([...schema].map(([table, columns]) => [table, columns.map((column) => column.name)])), upperCaseKeywords: true }),
        dialect.language.data.of({ autocomplete: columnsIn(schema) }),
        code.syntaxHighlighting(style), theme, code.EditorView.lineWrapping, code.placeholder("SELECT …"),
        code.EditorView.contentAttributes.of({ "aria-label": "SQL. Control Enter runs it, Escape and then Tab leaves the editor." }),
        code.EditorView.domEventHandlers({ beforeinput: typeOver }),
        code.Prec.highest(code.keymap.of([
          { key: "Mod-Enter", run: () => (onRun(), true) },
          // A list that has only just appeared does not take a key yet; then Tab must not leave the editor either.
          { key: "Tab", run: (view) => code.acceptCompletion(view) || code.completionStatus(view.state) !== null },
        ])),
        code.keymap.of([...code.closeBracketsKeymap, ...code.defaultKeymap, ...code.historyKeymap, ...code.completionKeymap]),
        code.EditorView.updateListener.of((update) => update.docChanged && onChange(update.state.doc.toString())),
      ],
    }),
  });
  return {
    element: host,
    get text() {
      return view.state.doc.toString();
    },
    set text(value) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: value } });
    },
    insert(value) {
      view.dispatch(view.state.replaceSelection(value));
      view.focus();
    },
    /** Selects the word at a place of an error, counted from 1. */
    mark({ line, column }) {
      if (line < 1 || line > view.state.doc.lines) return;
      const at = view.state.doc.line(line);
      const from = Math.min(at.from + column - 1, at.to);
      const word = view.state.wordAt(from);
      view.dispatch({ selection: { anchor: from, head: word?.to ?? from }, scrollIntoView: true });
    },
    focus: () => view.focus(),
    stop: () => view.destroy(),
  };
}
