// Rows of (time, name, figure) as the series of a chart.

import { colour, colourVar } from "./colour.js";
import { time } from "./format.js";

const MOST_SERIES = 9;

/** One series for each name, the largest first; the small ones are summed up as others. */
export function seriesOf(rows, view, { kind, name, value, href, text = (key) => key }) {
  const times = view.buckets;
  const places = new Map(times.map((at, index) => [at, index]));
  const found = new Map();
  for (const row of rows) {
    const place = places.get(time(row.time));
    if (place === undefined) continue;
    const key = row[name];
    if (!found.has(key)) found.set(key, { name: key, values: Array(times.length).fill(0), total: 0 });
    const one = found.get(key);
    const add = row[value] ?? 0;
    one.values[place] += add;
    one.total += add;
  }
  let series = [...found.values()].sort((one, other) => (one.name === "others") - (other.name === "others") || other.total - one.total || (one.name < other.name ? -1 : 1));
  if (series.length > MOST_SERIES + 1) {
    const rest = series.splice(MOST_SERIES);
    series.push({ name: "others", values: times.map((_, at) => rest.reduce((sum, one) => sum + one.values[at], 0)), total: rest.reduce((sum, one) => sum + one.total, 0) });
  }
  // The colours are given in the order of the names, so that it does not matter who was the largest.
  for (const one of [...series].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    one.colour = colour(kind, one.name);
    one.css = colourVar(kind, one.name);
    one.text = text(one.name);
    if (href && one.name !== "others" && one.name !== "unknown") one.href = href(one.name);
  }
  return { times, series };
}

/** Figures of each bucket in order, zero where there is none. */
export function lineOf(rows, view, value) {
  const values = new Map();
  for (const row of rows) if (row.time) values.set(time(row.time), (values.get(time(row.time)) ?? 0) + (row[value] ?? 0));
  return view.buckets.map((at) => values.get(at) ?? 0);
}

/** The same, but nothing where there is none. */
export function gapsOf(rows, view, value) {
  const values = new Map(rows.map((row) => [time(row.time), row[value]]));
  return view.buckets.map((at) => values.get(at) ?? null);
}

export const sum = (rows, value) => rows.reduce((total, row) => total + (row[value] ?? 0), 0);

/** Groups rows by a column, in the order of their first row. */
export function groupBy(rows, name) {
  const groups = new Map();
  for (const row of rows) {
    if (!groups.has(row[name])) groups.set(row[name], []);
    groups.get(row[name]).push(row);
  }
  return groups;
}
