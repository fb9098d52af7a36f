// Talks to the server.

const STORED = "netsky.token";
// A server on two cores runs two queries and lets four wait. Three leave room for others.
const MAX_RUNNING = 3;

let running = 0;
const waiting = [];

/** An error of the server, or of the way to it. */
export class ApiError extends Error {
  constructor(status, error) {
    super(error.message);
    this.status = status;
    this.kind = error.kind;
    this.hint = error.hint;
    this.position = error.position;
    this.nearest = error.nearest ?? [];
  }
}

export const keepToken = (token) => sessionStorage.setItem(STORED, token);

function headers(more) {
  const token = sessionStorage.getItem(STORED);
  return { ...(token ? { Authorization: `Bearer ${token}` } : {}), ...more };
}

async function failure(response) {
  let error = { kind: "internal", message: `${response.status} ${response.statusText}` };
  try {
    const body = await response.json();
    error = body.error ?? body;
  } catch {
    // Not every answer on the way is JSON.
  }
  return new ApiError(response.status, error);
}

async function send(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, {
      kind: "io",
      message: "The server does not answer.",
      hint: "Start it again with netsky serve, and open the link that it prints.",
    });
  }
}

const turn = () => (running < MAX_RUNNING ? (running++, Promise.resolve()) : new Promise((go) => waiting.push(go)));

function next() {
  const go = waiting.shift();
  if (go) go();
  else running--;
}

const sleep = (time, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, time);
    signal?.addEventListener("abort", () => (clearTimeout(timer), reject(new DOMException("", "AbortError"))));
  });

/** Runs SQL. The answer is that of `netsky query --json`. */
export async function query(sql, { maxRows = 10000, signal } = {}) {
  await turn();
  try {
    for (let attempt = 0; ; attempt++) {
      signal?.throwIfAborted();
      const response = await send("/query", {
        method: "POST",
        headers: headers({ "Content-Type": "application/json", Accept: "application/json" }),
        body: JSON.stringify({ sql, max_rows: maxRows }),
        signal,
      });
      if (response.status === 429 && attempt < 5) {
        const seconds = Number(response.headers.get("Retry-After")) || 1;
        await sleep(Math.min(seconds, 5) * 1000 * (0.7 + 0.6 * Math.random()), signal);
        continue;
      }
      if (!response.ok) throw await failure(response);
      const answer = await response.json();
      if (answer.error) throw new ApiError(400, answer.error);
      return answer;
    }
  } finally {
    next();
  }
}

async function get(path) {
  const response = await send(path, { headers: headers({ Accept: "application/json" }) });
  if (!response.ok) throw await failure(response);
  return (await response.json()).rows;
}

/** The tables with their row counts, in the order of `netsky tables`. */
export const tables = () => get("/tables");

const TYPES = [[/^Timestamp/, "time"], [/^Date/, "date"], [/^U?Int/, "int"], [/^Float/, "float"], [/^Bool/, "bool"], [/^Utf8/, "text"]];

/** The columns of all tables and views: a map of names to columns with a name and a type. */
export async function columns() {
  const [known, { rows }] = await Promise.all([
    tables(),
    query("SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, ordinal_position"),
  ]);
  // Tables stand first, in their own order, then the views.
  const found = new Map(known.map(({ table }) => [table, []]));
  for (const { table_name, column_name, data_type } of rows) {
    if (!found.has(table_name)) found.set(table_name, []);
    found.get(table_name).push({ name: column_name, type: TYPES.find(([pattern]) => pattern.test(data_type))?.[1] ?? data_type });
  }
  return found;
}

const described = new Map();

/** What the columns of a table or view are: a map of names to descriptions. */
export function describe(table) {
  if (!described.has(table)) {
    const asked = get(`/tables/${encodeURIComponent(table)}`).then((rows) => new Map(rows.map(({ column, what }) => [column, what])));
    asked.catch(() => described.delete(table));
    described.set(table, asked);
  }
  return described.get(table);
}

/**
 * Calls `onRow` with each row of a table that is recorded after the row `after`, until it is aborted. EventSource
 * cannot send the token, so the stream is read with fetch. A lost connection is opened again after the last row.
 */
export async function follow(table, after, onRow, onState, signal) {
  let last = after;
  while (!signal.aborted) {
    try {
      const response = await send(`/events?table=${encodeURIComponent(table)}&after=${last}`, {
        headers: headers({ Accept: "text/event-stream" }),
        signal,
      });
      if (!response.ok) throw await failure(response);
      onState(null);
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        rest += value;
        const events = rest.split(/\r?\n\r?\n/);
        rest = events.pop();
        for (const event of events) {
          const fields = event.split(/\r?\n/).map((line) => line.split(/: ?(.*)/s));
          const id = fields.find(([name]) => name === "id")?.[1];
          const data = fields.filter(([name]) => name === "data").map(([, text]) => text).join("\n");
          if (fields.some(([name, value]) => name === "event" && value === "error")) throw new ApiError(200, JSON.parse(data));
          if (id) last = id;
          if (data) onRow(JSON.parse(data));
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      onState(error);
    }
    await sleep(1000, signal).catch(() => {});
  }
}
