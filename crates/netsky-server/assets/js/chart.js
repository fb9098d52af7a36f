// Charts over time, drawn by uPlot.

import uPlot from "../vendor/uplot-1.6.32.js";
import { change } from "./state.js";
import { iso, minute, stamp } from "./format.js";
import { token } from "./colour.js";
import { h, svg } from "./dom.js";

const DAY = 86400;
const two = (value) => String(value).padStart(2, "0");

/** 17:30, and the date below at each new day; 04-30 if a day or more lies between two marks. */
function timeMarks(_, splits) {
  const step = splits.length > 1 ? splits[1] - splits[0] : 0;
  let day;
  return splits.map((at) => {
    const date = new Date(at * 1000);
    const days = `${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
    if (step >= DAY) return days;
    const clock = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}${step < 60 ? `:${two(date.getUTCSeconds())}` : ""}`;
    const line = day === days ? clock : `${clock}\n${days}`;
    day = days;
    return line;
  });
}

function legend(series, unit) {
  return h("ul", { class: "legend" }, series.map(({ name, text = name, css, total, href }) =>
    h("li", null, h("i", { style: { background: css } }),
      href ? h("a", { href }, text) : h("span", { title: name }, text),
      total !== undefined && h("b", null, unit(total)))));
}

/**
 * A chart of `series`, each with a name, a colour, and a value for each time of `times` (in milliseconds).
 * Dragging over it chooses a time range, unless `zoom` is false.
 */
export function timeChart({ times, series, kind = "bars", unit, axis = unit, size, label, height = 208, zoom = true }) {
  const box = h("div", { class: "plot", role: "img", "aria-label": label });
  const tip = h("div", { class: "tip", hidden: true });
  const xs = times.map((at) => at / 1000);
  const stacked = kind === "bars";
  const step = size ? size / 1000 : xs.length > 1 ? xs[1] - xs[0] : 3600;
  // The lowest series of a stack is drawn last, over the others.
  const sums = [];
  for (const [at, one] of series.entries()) {
    sums.push(stacked && at > 0 ? one.values.map((value, index) => (value ?? 0) + sums[at - 1][index]) : one.values.map((value) => value ?? (stacked ? 0 : null)));
  }
  const order = series.map((_, at) => at);
  if (stacked) order.reverse();

  const showTip = (plot) => {
    const { idx, left } = plot.cursor;
    if (idx === null || idx === undefined || left < 0) return (tip.hidden = true);
    const rows = series.map((one) => [one, one.values[idx]]).filter(([, value]) => value !== null && value !== undefined && (value !== 0 || !stacked));
    const sum = rows.reduce((total, [, value]) => total + value, 0);
    const end = Math.floor((xs[idx] + step) * 1000);
    tip.replaceChildren(
      h("div", { class: "when" }, step < 60 ? stamp(xs[idx] * 1000) : `${minute(xs[idx] * 1000)} – ${step >= DAY ? minute(end) : minute(end).slice(11)}`),
      ...rows.slice().reverse().map(([one, value]) => h("div", null, h("i", { style: { background: one.css } }), h("span", null, one.text ?? one.name), h("b", null, unit(value)))),
      stacked && rows.length > 1 ? h("div", { class: "sum" }, h("i"), h("span", null, "all"), h("b", null, unit(sum))) : "",
      rows.length === 0 ? h("div", { class: "none" }, "nothing") : "");
    tip.hidden = false;
    const x = plot.valToPos(xs[idx] + (stacked ? step / 2 : 0), "x") + plot.bbox.left / devicePixelRatio;
    const width = tip.offsetWidth;
    tip.style.left = `${Math.max(0, Math.min(x > box.clientWidth / 2 ? x - width - 14 : x + 14, box.clientWidth - width))}px`;
  };

  const build = (width) => new uPlot({
    width, height,
    padding: [8, 16, 0, 0],
    tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
    legend: { show: false },
    cursor: { y: false, points: { show: !stacked, size: 6 }, drag: { x: zoom, y: false, setScale: false } },
    scales: {
      x: { time: true, range: () => [xs[0], xs.at(-1) + (stacked ? step : 0)] },
      y: { range: (_, low, high) => [0, high > 0 ? high * 1.06 : 1] },
    },
    axes: [
      { stroke: token("--muted"), font: `11px ${token("--sans")}`, grid: { show: false }, ticks: { show: false }, values: timeMarks, space: 64, size: 34, gap: 4 },
      { stroke: token("--muted"), font: `11px ${token("--sans")}`, grid: { stroke: token("--line"), width: 1 }, ticks: { show: false }, values: (_, marks) => marks.map((mark) => (mark === 0 ? "0" : axis(mark))), size: 52, gap: 6, space: 34 },
    ],
    series: [{}, ...order.map((at) => ({
      label: series[at].name,
      stroke: series[at].colour,
      width: stacked ? 0 : 1.75,
      fill: stacked ? series[at].colour : undefined,
      spanGaps: true,
      points: { show: !stacked && xs.length < 2 },
      paths: stacked ? uPlot.paths.bars({ size: [0.82, 60], align: 1, gap: 1 }) : undefined,
    }))],
    hooks: {
      setCursor: [showTip],
      setSelect: [(plot) => {
        if (plot.select.width < 6) return;
        const from = plot.posToVal(plot.select.left, "x") * 1000;
        const to = plot.posToVal(plot.select.left + plot.select.width, "x") * 1000;
        change({ range: `${iso(Math.round(from))}..${iso(Math.round(to))}` });
      }],
    },
  }, [xs, ...order.map((at) => sums[at])], box);

  let plot;
  const observer = new ResizeObserver(([{ contentRect }]) => {
    if (!box.isConnected) return observer.disconnect();
    const width = Math.floor(contentRect.width);
    if (width < 40) return;
    if (plot) plot.setSize({ width, height });
    else {
      plot = build(width);
      box.append(tip);
    }
  });
  observer.observe(box);
  box.addEventListener("mouseleave", () => (tip.hidden = true));
  box.style.setProperty("min-height", `${height}px`);
  return [legend(series, unit), box];
}

/** A line without axes. */
export function spark(values, { width = 120, height = 26 } = {}) {
  const most = Math.max(...values, 0);
  if (values.length < 2 || most === 0) return svg("svg", { width, height, "aria-hidden": "true" });
  const points = values.map((value, at) => `${((at / (values.length - 1)) * width).toFixed(1)},${(height - 1.5 - (value / most) * (height - 4)).toFixed(1)}`);
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("polygon", { class: "area", points: `0,${height} ${points.join(" ")} ${width},${height}` }),
    svg("polyline", { class: "line", points: points.join(" "), "vector-effect": "non-scaling-stroke" }));
}

/** Cells side by side, darker where more happened; a red foot marks errors. */
export function strip(values, errors, describe) {
  const most = Math.max(...values, 1);
  const width = 4;
  return svg("svg", { class: "strip", viewBox: `0 0 ${values.length * width} 16`, preserveAspectRatio: "none", role: "img", "aria-label": describe },
    values.map((value, at) => value > 0 && svg("rect", {
      x: at * width, y: 0, width: width - 0.6, height: errors?.[at] ? 12 : 16, class: "cell",
      "fill-opacity": (0.16 + 0.84 * Math.sqrt(value / most)).toFixed(2),
    })),
    errors?.map((value, at) => value > 0 && svg("rect", { x: at * width, y: 13, width: width - 0.6, height: 3, class: "error" })));
}
