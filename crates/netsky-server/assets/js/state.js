// What the page shows: the page itself, the time range and the filters. All of it is in the URL's fragment, so that a
// link holds what one sees: #/cost?range=7d&agent=agent3

import { iso } from "./format.js";
import { keepToken } from "./api.js";

const MINUTE = 60e3;
const HOUR = 3600e3;
const DAY = 86400e3;

export const RANGES = { "1h": HOUR, "6h": 6 * HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY, all: null };
const INTERVALS = { "1h": "1 hour", "6h": "6 hours", "24h": "24 hours", "7d": "7 days", "30d": "30 days" };
const BUCKETS = [
  ["10 seconds", 10e3], ["1 minute", MINUTE], ["5 minutes", 5 * MINUTE], ["15 minutes", 15 * MINUTE],
  ["30 minutes", 30 * MINUTE], ["1 hour", HOUR], ["3 hours", 3 * HOUR], ["6 hours", 6 * HOUR],
  ["12 hours", 12 * HOUR], ["1 day", DAY], ["2 days", 2 * DAY], ["7 days", 7 * DAY], ["28 days", 28 * DAY],
];
const MOST_BUCKETS = 72;
/** If nothing was recorded for this long, the newest row is taken as now. */
const OLD = DAY;

/** Reads the fragment. A token in it is kept for this tab, and removed from the address. */
export function readRoute() {
  const text = location.hash.replace(/^#/, "");
  const [path, search = ""] = text.startsWith("/") ? text.split(/\?(.*)/s) : ["/fleet", text];
  const params = new URLSearchParams(search);
  if (params.has("token")) {
    keepToken(params.get("token"));
    params.delete("token");
    history.replaceState(null, "", link(path.slice(1), Object.fromEntries(params)));
  }
  const [page, arg] = path.slice(1).split("/").map(decodeURIComponent);
  return { page: page || "fleet", arg, params: Object.fromEntries(params) };
}

/** The address of a page: `link("agents/agent3", { range: "7d" })`. */
export function link(path, params = {}) {
  const search = new URLSearchParams(Object.entries(params).filter(([, value]) => value)).toString();
  return `#/${path}${search ? `?${search}` : ""}`;
}

export const sqlLink = (sql, params = {}) => link("sql", { ...params, q: sql });

/** Changes some parameters of this page, and keeps the others. */
export function change(params, { replace = false } = {}) {
  const { page, arg, params: old } = readRoute();
  const path = arg === undefined ? page : `${page}/${encodeURIComponent(arg)}`;
  const target = link(path, { ...old, ...params });
  if (replace) {
    history.replaceState(null, "", target);
    dispatchEvent(new HashChangeEvent("hashchange"));
  } else location.hash = target;
}

/** What is carried from page to page. */
export const carried = ({ range, agent, model }) => ({ range, agent, model });

export const quote = (text) => `'${String(text).replaceAll("'", "''")}'`;

/** The range and the filters of a route, and their SQL. `bounds` has the times of the oldest and the newest row. */
export class View {
  constructor(route, bounds) {
    const { range = "24h", agent, model } = route.params;
    Object.assign(this, { agent, model, range, bounds });
    const wall = Date.now();
    this.isOld = wall - bounds.newest > OLD;
    this.now = this.isOld ? bounds.newest : wall;
    const [from, to] = range.split("..").map(Date.parse);
    this.isFixed = Number.isFinite(from) && Number.isFinite(to) && from < to;
    if (this.isFixed) [this.from, this.to] = [from, to];
    else {
      if (!(range in RANGES)) this.range = "24h";
      this.to = this.now;
      this.from = RANGES[this.range] ? this.to - RANGES[this.range] : Math.min(bounds.oldest, this.to - HOUR);
    }
    const length = this.to - this.from;
    this.bucket = BUCKETS.find(([, size]) => length / size <= MOST_BUCKETS) ?? BUCKETS.at(-1);
  }

  get isLive() {
    return !this.isOld && !this.isFixed;
  }

  /** The start of each bucket, in milliseconds. */
  get buckets() {
    const size = this.bucket[1];
    const starts = [];
    for (let at = this.start(this.from); at <= this.to; at += size) starts.push(at);
    return starts;
  }

  /** The start of a time's bucket, as date_bin has it: counted from 1970. */
  start(at) {
    return Math.floor(at / this.bucket[1]) * this.bucket[1];
  }

  /** A time before now, in SQL. */
  before(interval, length) {
    return this.isOld ? quote(iso(this.now - length)) : `now() - INTERVAL '${interval}'`;
  }

  get nowSql() {
    return this.isOld ? quote(iso(this.now)) : "now()";
  }

  get midnightSql() {
    return this.isOld ? quote(iso(Math.floor(this.now / DAY) * DAY)) : "date_trunc('day', now())";
  }

  bin(column) {
    return `date_bin(INTERVAL '${this.bucket[0]}', ${column})`;
  }

  /** The condition of the time range: a range of the column itself, so that blocks are skipped. */
  in(column) {
    if (this.isFixed || (this.isOld && this.range !== "all")) {
      return `${column} BETWEEN ${quote(iso(this.from))} AND ${quote(iso(this.to))}`;
    }
    if (this.range === "all") return `${column} >= ${quote(iso(this.from))}`;
    return `${column} >= now() - INTERVAL '${INTERVALS[this.range]}'`;
  }

  /** The filters on columns that are named so in a table. */
  filters(...names) {
    return names.filter((name) => this[name]).map((name) => ` AND ${name} = ${quote(this[name])}`).join("");
  }

  /** The range in words. */
  get words() {
    if (this.isFixed) return "in the range";
    if (this.range === "all") return "in all";
    return `in ${this.range}`;
  }
}
