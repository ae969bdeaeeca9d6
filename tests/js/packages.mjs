// The way from a test's script to the official npm packages, which live in npm/node_modules: modules look only in the
// folders above themselves and not at NODE_PATH, so the packages are required on behalf of npm/package.json.
//
//     import { load } from "./packages.mjs";
//     const { io } = load("socket.io-client");
//
// It also ends the script when the test that started it is gone, however that ended.

import { createRequire } from "node:module";

const require = createRequire(new URL("../../npm/package.json", import.meta.url));

/** What the package exports, as `require` in a CommonJS file would give it. */
export const load = (name) => require(name);

/** The path of the file that `load` would load. */
export const locate = (name) => require.resolve(name);

if (process.env.TESTKIT_HOLDS_STDIN === "1") {
  // The test holds the other end of standard input and never writes: its end means that nobody waits any more.
  process.stdin.on("end", () => process.exit(1));
  process.stdin.on("error", () => process.exit(1));
  process.stdin.resume();
  process.stdin.unref();
}
