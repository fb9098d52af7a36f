// A colour for each name, which stays with it: a name's hash chooses one of ten, and the next free one if another name
// has it. The choice is kept, so that a shorter time range does not change it.

const STORED = "netsky.colours";
const SLOTS = 10;

let chosen = {};
try {
  chosen = JSON.parse(localStorage.getItem(STORED)) ?? {};
} catch {
  // It is only a convenience.
}

function hash(name) {
  let value = 2166136261;
  for (let index = 0; index < name.length; index++) value = Math.imul(value ^ name.charCodeAt(index), 16777619);
  return value >>> 0;
}

function slot(kind, name) {
  const slots = (chosen[kind] ??= {});
  if (!Object.hasOwn(slots, name)) {
    const taken = new Set(Object.values(slots));
    // The last one is grey, and taken last.
    const first = hash(name) % (SLOTS - 1);
    let free = first;
    while (taken.has(free) && taken.size < SLOTS) free = (free + 1) % SLOTS;
    slots[name] = taken.size < SLOTS ? free : first;
    try {
      localStorage.setItem(STORED, JSON.stringify(chosen));
    } catch {
      // Full or forbidden: the colours hold for this tab.
    }
  }
  return slots[name];
}

export const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The colour of a name among those of its kind, such as `model`. */
export const colour = (kind, name) => (name === "others" ? token("--muted") : token(`--c${slot(kind, name)}`));

/** The same for a stylesheet. */
export const colourVar = (kind, name) => (name === "others" ? "var(--muted)" : `var(--c${slot(kind, name)})`);
