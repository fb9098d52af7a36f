// Numbers and times as text. Times are in UTC, in ISO order and 24 hours.

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const MINUTE = 60e3;
const HOUR = 3600e3;
const DAY = 86400e3;

const none = (value) => value === null || value === undefined || Number.isNaN(value);

/** 12,345 */
export const count = (value) => (none(value) ? "–" : whole.format(value));

/** 1.2M: at most three digits before the unit. */
export function short(value) {
  if (none(value)) return "–";
  for (const [unit, size] of [["B", 1e9], ["M", 1e6], ["k", 1e3]]) {
    // From 999,500 on, rounding would give 1,000k.
    if (Math.abs(value) >= size * 0.9995) {
      const scaled = value / size;
      return scaled.toFixed(Math.abs(scaled) < 99.95 ? 1 : 0).replace(/\.0$/, "") + unit;
    }
  }
  return String(Number(value.toFixed(Math.abs(value) < 10 ? 2 : 0)));
}

/** $12.34; small sums have as many digits as say something. */
export function usd(value) {
  if (none(value)) return "–";
  const size = Math.abs(value);
  if (size > 0 && size < 0.01) return "$" + value.toPrecision(2);
  if (size < 10000) return "$" + value.toFixed(2).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  return "$" + whole.format(value);
}

/** A sum on an axis: no digits that are zero. */
export const usdAxis = (value) => "$" + (value >= 1000 ? short(value) : String(Number(value.toPrecision(4))));

/** 440 ms, 1.2 s, 3m 20s */
export function ms(value) {
  if (none(value)) return "–";
  if (value < 1000) return `${Math.round(value)} ms`;
  if (value < 9950) return `${(value / 1000).toFixed(1)} s`;
  if (value < MINUTE) return `${Math.round(value / 1000)} s`;
  return age(value);
}

/** 24m 3s, 2h 38m, 3d 4h: two units. */
export function age(value) {
  if (none(value)) return "–";
  const size = Math.max(0, value);
  if (size < MINUTE) return `${Math.floor(size / 1000)}s`;
  if (size < HOUR) return `${Math.floor(size / MINUTE)}m ${Math.floor((size % MINUTE) / 1000)}s`;
  if (size < DAY) return `${Math.floor(size / HOUR)}h ${Math.floor((size % HOUR) / MINUTE)}m`;
  return `${Math.floor(size / DAY)}d ${Math.floor((size % DAY) / HOUR)}h`;
}

/** One unit, for "… ago". */
export function ago(value) {
  if (none(value)) return "–";
  const size = Math.max(0, value);
  if (size < MINUTE) return `${Math.floor(size / 1000)}s`;
  if (size < HOUR) return `${Math.floor(size / MINUTE)}m`;
  if (size < 2 * DAY) return `${Math.floor(size / HOUR)}h`;
  return `${Math.floor(size / DAY)}d`;
}

/** 5.4 % */
export function percent(part, total) {
  if (none(part) || !total) return "–";
  const value = (100 * part) / total;
  if (value > 99.5 && value < 100) return value > 99.9 ? "> 99.9 %" : `${value.toFixed(1)} %`;
  return `${value > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} %`;
}

/** Milliseconds since 1970 of a time in an answer. */
export const time = (text) => Date.parse(text);

export const iso = (value) => new Date(value).toISOString();

/** 2026-04-30 17:58:14 */
export const stamp = (value) => iso(value).slice(0, 19).replace("T", " ");

/** 2026-04-30 17:58 */
export const minute = (value) => stamp(value).slice(0, 16);

/** 17:58:14 */
export const clock = (value) => iso(value).slice(11, 19);

/** 04-30 17:58 */
export const shortStamp = (value) => stamp(value).slice(5, 16);

/** A cell of any answer. */
export function cell(value, type) {
  if (value === null || value === undefined) return "";
  if (typeof value === "object") return JSON.stringify(value);
  if (typeof value === "number" && /INT/.test(type)) return String(value);
  if (typeof value === "string" && type === "TIMESTAMP WITH TIME ZONE") return value.replace("T", " ").replace("Z", "");
  return String(value);
}

export const isNumeric = (type) => /INT|DOUBLE|REAL|FLOAT|DECIMAL|NUMERIC/.test(type);
export const isTime = (type) => /^(TIMESTAMP|DATE)/.test(type);
