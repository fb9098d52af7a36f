// The frame of the page: navigation, filters, the clock, and the page that is shown.

import { keepToken, query } from "./api.js";
import { RANGES, View, carried, change, link, readRoute } from "./state.js";
import { Feed, emptyNote, failureNote } from "./panel.js";
import { announce, h } from "./dom.js";
import { iso, minute, stamp, time } from "./format.js";
import * as queries from "./queries.js";
import * as agents from "./agents.js";
import * as cost from "./cost.js";
import * as fleet from "./fleet.js";
import * as live from "./live.js";
import * as sql from "./sql.js";
import * as tools from "./tools.js";

const PAGES = { fleet, cost, agents, tools, live, sql };
const REFRESH = 10e3;
const UNCHANGED = 60e3;

const main = document.getElementById("main");
let shown;
let bounds;
let answers = true;
let checking = false;
let timer;

const nav = h("nav", { "aria-label": "Pages" });
const clock = h("div", { class: "clock" });
const range = h("div", { class: "ranges", role: "group", "aria-label": "Time range" });
const chips = h("div", { class: "chips" });
const notice = h("div", { class: "notice" });
const filters = h("div", { class: "filters" }, range, chips, notice);
const picks = Object.fromEntries(["agent", "model"].map((name) => [name, h("select", {
  "aria-label": `Filter by ${name}`, onchange: (event) => change({ [name]: event.target.value || undefined }),
})]));

function theme(next) {
  const order = ["system", "light", "dark"];
  let now = localStorage.getItem("netsky.theme") ?? "system";
  if (next) now = order[(order.indexOf(now) + 1) % order.length];
  localStorage.setItem("netsky.theme", now);
  if (now === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = now;
  themeButton.textContent = { system: "Auto", light: "Light", dark: "Dark" }[now];
  themeButton.setAttribute("aria-label", `Colours: ${now}`);
  if (next) draw(true);
}
const themeButton = h("button", { class: "quiet", type: "button", title: "Light, dark, or as the system has it", onclick: () => theme(true) });

const help = h("dialog", { "aria-label": "Keys" },
  h("h2", null, "Keys"),
  h("dl", null, [
    ["g f", "Fleet"], ["g c", "Cost"], ["g a", "Agents"], ["g t", "Tools"], ["g l", "Live"], ["g s", "SQL"],
    ["r", "refresh"], ["1 … 6", "time range"], ["/", "filter by agent"], ["Ctrl Enter", "run the query (SQL)"],
    ["arrows, Enter", "move in a result, show a whole cell"], ["?", "this list"],
  ].map(([keys, what]) => [h("dt", null, keys.split(" ").map((key) => h("kbd", null, key))), h("dd", null, what)])),
  h("button", { type: "button", onclick: () => help.close() }, "Close"));

document.getElementById("header").append(
  h("div", { class: "top" },
    h("a", { class: "brand", href: "#/fleet", "aria-label": "netsky: Fleet" }, h("img", { src: "/assets/icon.svg", alt: "", width: 20, height: 20 }), "netsky"),
    nav,
    h("div", { class: "right" }, clock, themeButton, h("button", { class: "quiet", type: "button", "aria-label": "Keys", onclick: () => help.showModal() }, "?"))),
  filters, help);

const namesFeed = new Feed(queries.names).on(({ rows, view }) => {
  if (!rows) return;
  for (const name of ["agent", "model"]) {
    const found = new Set(rows.map((row) => row[name]).filter(Boolean));
    if (view[name]) found.add(view[name]);
    const options = [...found].sort(new Intl.Collator("en", { numeric: true }).compare);
    picks[name].replaceChildren(h("option", { value: "" }, `All ${name}s`), ...options.map((value) => h("option", { value, selected: view[name] === value }, value)));
    picks[name].classList.toggle("set", Boolean(view[name]));
  }
});

function drawFrame(route, view) {
  nav.replaceChildren(...Object.entries(PAGES).map(([name, page]) =>
    h("a", { href: link(name, carried(route.params)), "aria-current": name === route.page ? "page" : undefined }, page.title)));
  const page = PAGES[route.page];
  document.title = `${route.arg ?? page.title} · netsky`;
  filters.hidden = !page.filtered;
  if (!view || !page.filtered) return;
  range.replaceChildren(...Object.keys(RANGES).map((name) =>
    h("button", { type: "button", "aria-pressed": String(!view.isFixed && name === view.range), onclick: () => change({ range: name === "24h" ? undefined : name }) }, name)));
  chips.replaceChildren(...(route.page === "agents" && route.arg ? [] : page.filtered.map((name) => picks[name])));
  if (view.isFixed) {
    chips.append(h("button", { type: "button", class: "chip", title: "Remove the range", onclick: () => change({ range: undefined }) },
      `${minute(view.from)} – ${minute(view.to)}`, h("span", { "aria-hidden": "true" }, "×")));
  }
  notice.replaceChildren(view.isOld ? h("span", null, "Nothing is newer than ", h("b", null, minute(view.now)), ", so that is taken as now.") : "");
}

function tick() {
  if (bounds && shown?.view) {
    const view = shown.view;
    clock.classList.toggle("lost", !answers);
    if (!answers) return clock.replaceChildren(h("i", { class: "dot", "aria-hidden": "true" }), "the server does not answer");
    clock.replaceChildren(h("i", { class: view.isOld ? "dot" : "dot on", "aria-hidden": "true" }), `${stamp(view.isOld ? view.now : Date.now())} UTC`);
    clock.title = view.isOld ? "The newest row: nothing is newer" : `The newest row is of ${stamp(bounds.newest)}`;
  }
}

function nothingYet() {
  return h("div", { class: "welcome" },
    h("h1", null, "Nothing is recorded yet"),
    h("p", null, "Three ways to begin. This page shows what arrives, without a reload."),
    h("dl", null,
      h("dt", null, h("code", null, "netsky ingest")), h("dd", null, "reads the transcripts of Claude Code and Codex that are on this machine."),
      h("dt", null, h("code", null, "netsky hook install claude-code")), h("dd", null, "records new sessions by themselves."),
      h("dt", null, h("code", null, "netsky demo --db FILE")), h("dd", null, "makes an invented fleet to look at; serve it with ", h("code", null, "netsky serve --db FILE"), ".")));
}

function askForToken() {
  const input = h("input", { type: "password", autocomplete: "off", "aria-label": "Token", placeholder: "Token" });
  const enter = () => {
    keepToken(input.value.trim());
    shown = undefined;
    draw();
  };
  input.addEventListener("keydown", (event) => event.key === "Enter" && enter());
  return h("div", { class: "welcome" },
    h("h1", null, "This page needs the token"),
    h("p", null, "Open the link that ", h("code", null, "netsky serve"), " printed, or paste the token from it:"),
    h("p", { class: "row" }, input, h("button", { type: "button", onclick: enter }, "Open")));
}

/** Reads the bounds of the store. Returns what to show instead of a page, if there is nothing to read. */
async function readBounds() {
  try {
    const [row] = (await query(queries.bounds())).rows;
    if (!row?.newest) return nothingYet;
    bounds = { newest: time(row.newest), oldest: time(row.oldest) };
    answers = true;
  } catch (error) {
    if (error.status === 401) return askForToken;
    if (error.kind === "not_found") return nothingYet;
    answers = false;
    // What is on the screen stays, above all a query that is being typed.
    if (bounds) return undefined;
    return () => h("div", { class: "welcome" }, failureNote(error));
  }
}

async function draw(force = false) {
  clearTimeout(timer);
  const route = readRoute();
  if (!Object.hasOwn(PAGES, route.page)) return location.replace(link("fleet"));
  const page = PAGES[route.page];
  if (!checking) {
    checking = true;
    const instead = await readBounds();
    checking = false;
    if (instead) {
      bounds = undefined;
      if (shown?.instead !== instead) {
        shown?.stop?.();
        shown = { instead };
        drawFrame(route);
        filters.hidden = true;
        main.replaceChildren(instead());
      }
      return again();
    }
  }
  if (!bounds) return again();
  const now = readRoute();
  const view = new View(now, bounds);
  const id = `${now.page}/${now.arg ?? ""}/${page.identity?.(now) ?? ""}`;
  if (force || shown?.id !== id) {
    shown?.stop?.();
    const parts = PAGES[now.page].mount(now, view);
    shown = { id, stop: parts.stop ?? (() => parts.feeds.forEach((feed) => feed.stop())), ...parts, view };
    main.replaceChildren(...parts.elements);
    main.className = `page-${now.page}`;
    scrollTo(0, 0);
  }
  shown.view = view;
  if (shown.frame !== location.hash || force) {
    shown.frame = location.hash;
    drawFrame(now, view);
  }
  tick();
  shown.update?.(now, view);
  // Nothing is read again if nothing was recorded, but for what only time changes.
  const isSame = shown.hash === location.hash && shown.newest === bounds.newest && Date.now() - shown.at < (view.isOld ? Infinity : UNCHANGED);
  if (answers && !isSame) {
    Object.assign(shown, { hash: location.hash, newest: bounds.newest, at: Date.now() });
    if (PAGES[now.page].filtered) namesFeed.refresh(view);
    for (const feed of shown.feeds ?? []) feed.refresh(view);
  }
  again();
}

function again() {
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(draw, REFRESH);
}

let leader = -Infinity;
function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
  const target = event.composedPath()[0];
  if (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) return;
  if (performance.now() - leader < 1500) {
    leader = -Infinity;
    const name = { f: "fleet", c: "cost", a: "agents", t: "tools", l: "live", s: "sql" }[event.key];
    if (name) {
      location.hash = link(name, carried(readRoute().params));
      announce(PAGES[name].title);
      event.preventDefault();
    }
    return;
  }
  if (event.key === "g") leader = performance.now();
  else if (event.key === "?") help.showModal();
  else if (event.key === "r") {
    if (shown) shown.hash = undefined;
    draw();
  }
  else if (event.key === "/" && picks.agent.isConnected) picks.agent.focus();
  else if (event.key >= "1" && event.key <= "6" && !filters.hidden) change({ range: Object.keys(RANGES)[event.key - 1] });
  else return;
  event.preventDefault();
}

addEventListener("hashchange", () => draw());
addEventListener("keydown", onKey);
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : draw()));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(true));
document.querySelector(".skip").addEventListener("click", (event) => (event.preventDefault(), main.focus()));
setInterval(tick, 1000);
theme(false);
draw();
