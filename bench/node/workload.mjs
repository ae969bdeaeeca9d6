// The workload on socket.io, whatever carries it, and where the locked packages are.

import { createRequire } from "node:module";

/** Loads one of the project's locked npm packages. */
export const locked = createRequire(new URL("../../npm/package.json", import.meta.url));

/** Gives the main namespace of a socket.io server the events of the benchmark. */
export function serve(io) {
  io.on("connection", (socket) => {
    socket.on("echo", (...args) => socket.emit("echo", ...args));
    socket.on("ask", (...args) => args.pop()(...args));
    socket.on("cast", (...args) => io.emit("cast", ...args));
  });
}
