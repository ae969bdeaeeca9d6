// Runs scenarios one after the other and prints a verdict for each: `ok <name>` or `failed <name>: <why>`.
//
// Owns the deadline of a scenario, the end after too many failures, and the small things that scenarios wait with. A
// scenario is `async (scene) => …`; whatever it hands to `scene.later` is run when it is over, however it ended. Leaves out
// what is tested.

export const DEADLINE = 10_000;

// Where this many have failed, the rest would most likely wait in vain as well, and would only hide what went wrong first.
const MAX_FAILURES = 4;

/** Runs each entry of `{ "name of the scenario": async (scene) => … }` and ends the process. */
export async function run(scenarios) {
  let failures = 0;
  for (const [name, scenario] of Object.entries(scenarios)) {
    const closers = [];
    try {
      await within(DEADLINE, scenario({ later: (close) => closers.push(close) }), "the scenario did not end");
      console.log(`ok ${name}`);
    } catch (error) {
      failures++;
      console.log(`failed ${name}: ${String(error?.stack ?? error).split("\n").slice(0, 16).join(" | ")}`);
    }
    for (const close of closers.reverse()) await close();
    if (failures === MAX_FAILURES) break;
  }
  process.exit(0);
}

/** The promise's value, or a rejection with this text after so many milliseconds. */
export function within(milliseconds, promise, text) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(text)), milliseconds)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The arguments of the next event of that name on anything with `once`. */
export function next(emitter, event) {
  const arrived = new Promise((resolve) => emitter.once(event, (...args) => resolve(args)));
  return within(DEADLINE, arrived, `no "${event}" came`);
}

/** Collects the events of that name until there are `count`; resolves with the list of their arguments. */
export function collect(emitter, event, count) {
  const got = [];
  const complete = new Promise((resolve) => {
    emitter.on(event, (...args) => {
      got.push(args);
      if (got.length === count) resolve(got);
    });
  });
  return within(DEADLINE, complete, `not all ${count} of "${event}" came`);
}

/** The numbers 0 … n-1. */
export const numbers = (n) => Array.from({ length: n }, (_, i) => i);
