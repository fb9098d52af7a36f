// One agent's timeline: a lane for each kind of event, drawn on a canvas.

import { change } from "./state.js";
import { h } from "./dom.js";
import { iso, ms, shortStamp, stamp, time } from "./format.js";
import { token } from "./colour.js";

const LANES = [
  ["session", "sessions"], ["model", "model calls"], ["tool", "tool calls"], ["messages", "messages"], ["git", "git"], ["others", "crashes, clones, …"],
];
const MESSAGES = new Set(["sent", "received", "communication", "directive"]);
const HEIGHT = 30;
const TOP = 6;
const AXIS = 26;

/** Where a mark goes, and how it looks. */
function marksOf(events, spans, view) {
  const marks = [];
  for (const span of spans) {
    const start = time(span.ts_utc_start);
    const end = span.ts_utc_end ? time(span.ts_utc_end) : span.kind === "session" ? view.now : start + (span.duration_ms ?? 0);
    if (end < view.from || start > view.to) continue;
    marks.push({ lane: span.kind, start, end, what: span.what, bad: span.success === false, open: span.kind === "session" && !span.ts_utc_end });
  }
  for (const event of events) {
    if (event.kind === "session" || event.kind === "tool") continue;
    const lane = event.kind === "model" ? "model" : MESSAGES.has(event.kind) ? "messages" : "others";
    const start = time(event.ts_utc);
    marks.push({ lane, start, end: start, what: `${event.kind}: ${event.what}`, bad: event.kind === "crash", kind: event.kind });
  }
  return marks;
}

const STEPS = [1, 5, 15, 30, 60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86400, 2 * 86400, 7 * 86400].map((seconds) => seconds * 1000);

export function lanes() {
  const canvas = h("canvas", { role: "img", tabindex: 0 });
  const tip = h("div", { class: "tip", hidden: true });
  const chosen = h("div", { class: "chosen", hidden: true });
  const names = h("div", { class: "lane-names", "aria-hidden": "true" }, LANES.map(([, name]) => h("span", null, name)));
  const box = h("div", { class: "lanes" }, names, h("div", { class: "lane-box" }, canvas, chosen, tip));
  let marks = [];
  let view;
  let width = 0;

  const x = (at) => ((at - view.from) / (view.to - view.from)) * width;
  const at = (pixel) => view.from + (pixel / width) * (view.to - view.from);

  function draw() {
    if (!view || !width) return;
    const height = LANES.length * HEIGHT + TOP + AXIS;
    canvas.width = width * devicePixelRatio;
    canvas.height = height * devicePixelRatio;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const to = canvas.getContext("2d");
    to.scale(devicePixelRatio, devicePixelRatio);
    const colours = { session: token("--lane"), model: token("--c0"), tool: token("--c2"), messages: token("--c3"), git: token("--c6"), others: token("--muted"), bad: token("--bad") };
    to.font = `11px ${token("--sans")}`;
    const step = STEPS.find((one) => (view.to - view.from) / one <= width / 90) ?? STEPS.at(-1);
    for (let mark = Math.ceil(view.from / step) * step; mark <= view.to; mark += step) {
      const place = Math.round(x(mark)) + 0.5;
      to.strokeStyle = token("--line");
      to.beginPath();
      to.moveTo(place, TOP);
      to.lineTo(place, height - AXIS);
      to.stroke();
      to.fillStyle = token("--muted");
      const label = step < 60e3 ? stamp(mark).slice(11) : step < 86400e3 ? (mark % 86400e3 ? shortStamp(mark).slice(6) : shortStamp(mark).slice(0, 5)) : shortStamp(mark).slice(0, 5);
      if (place > 16 && place < width - 16) {
        to.textAlign = "center";
        to.fillText(label, place, height - 9);
      }
    }
    for (const [index, [lane]] of LANES.entries()) {
      const top = TOP + index * HEIGHT;
      to.fillStyle = token("--line");
      to.fillRect(0, top + HEIGHT - 0.5, width, 0.5);
      // What failed is drawn last, so that it is seen among thousands.
      for (const bad of [false, true]) {
        to.fillStyle = bad ? colours.bad : colours[lane];
        for (const mark of marks) {
          if (mark.lane !== lane || mark.bad !== bad) continue;
          const left = Math.max(0, x(mark.start));
          const right = Math.min(width, x(mark.end));
          to.globalAlpha = lane === "session" ? 1 : right - left < 3 ? 0.75 : 0.6;
          if (lane === "session") {
            to.beginPath();
            to.roundRect(left, top + 7, Math.max(2, right - left), HEIGHT - 14, 4);
            to.fill();
            if (right - left > 70) {
              to.fillStyle = token("--text");
              to.textAlign = "left";
              to.fillText(mark.what, left + 7, top + HEIGHT / 2 + 4, right - left - 12);
              to.fillStyle = colours.session;
            }
          } else to.fillRect(left, top + 6, Math.max(1.5, right - left), HEIGHT - 12);
        }
      }
      to.globalAlpha = 1;
    }
    const count = (lane) => marks.filter((mark) => mark.lane === lane).length;
    canvas.setAttribute("aria-label", `Timeline from ${stamp(view.from)} to ${stamp(view.to)}: ${LANES.map(([lane, name]) => `${count(lane)} ${name}`).join(", ")}. The list below has each event.`);
  }

  function near(event) {
    const lane = LANES[Math.floor((event.offsetY - TOP) / HEIGHT)]?.[0];
    let best;
    let distance = 6;
    for (const mark of marks) {
      if (mark.lane !== lane) continue;
      const [left, right] = [x(mark.start), x(mark.end)];
      const away = event.offsetX < left ? left - event.offsetX : event.offsetX > right ? event.offsetX - right : 0;
      if (away < distance || (away === 0 && distance === 0)) [best, distance] = [mark, away];
    }
    return best;
  }

  let from;
  canvas.addEventListener("pointerdown", (event) => {
    from = event.offsetX;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!view) return;
    if (from !== undefined) {
      const [left, right] = [Math.min(from, event.offsetX), Math.max(from, event.offsetX)];
      chosen.hidden = right - left < 4;
      chosen.style.left = `${left}px`;
      chosen.style.width = `${right - left}px`;
    }
    const mark = near(event);
    tip.hidden = !mark;
    if (!mark) return;
    tip.replaceChildren(h("div", { class: "when" }, stamp(mark.start)), h("div", null, h("span", { class: mark.bad ? "failed" : "" }, mark.what)), mark.end > mark.start ? h("div", null, h("span", null, ms(mark.end - mark.start))) : "");
    tip.style.left = `${Math.max(0, Math.min(event.offsetX + 12, width - tip.offsetWidth))}px`;
    tip.style.top = `${event.offsetY + 14}px`;
  });
  canvas.addEventListener("pointerup", (event) => {
    const [left, right] = [Math.min(from, event.offsetX), Math.max(from, event.offsetX)];
    from = undefined;
    chosen.hidden = true;
    if (right - left >= 6) change({ range: `${iso(Math.round(at(Math.max(0, left))))}..${iso(Math.round(at(Math.min(width, right))))}` });
  });
  canvas.addEventListener("pointerleave", () => (tip.hidden = true));
  canvas.addEventListener("keydown", (event) => {
    const length = view.to - view.from;
    const [start, end] = { "+": [view.from + length / 4, view.to - length / 4], "-": [view.from - length / 2, view.to + length / 2], ArrowLeft: [view.from - length / 4, view.to - length / 4], ArrowRight: [view.from + length / 4, view.to + length / 4] }[event.key] ?? [];
    if (start === undefined || end - start < 1000) return;
    event.preventDefault();
    change({ range: `${iso(Math.round(start))}..${iso(Math.round(end))}` }, { replace: true });
  });
  new ResizeObserver(([{ contentRect }]) => {
    width = Math.floor(contentRect.width);
    // Not within the observer, because it changes the height of what is observed.
    requestAnimationFrame(draw);
  }).observe(canvas.parentElement);

  return {
    element: box,
    show(events, spans, now) {
      view = now;
      marks = marksOf(events, spans, view);
      draw();
    },
  };
}
