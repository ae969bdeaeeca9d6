// A TCP proxy between client and server that can fall silent: connections stay open and nothing passes any more. When it
// is restored, new connections pass.
//
// That is what a cut cable or a server that has stopped looks like, and how either side's heartbeat is put to the test.

import { createServer, connect } from "node:net";
import { once } from "node:events";

/** Starts a proxy to this URL's server; returns its own URL, `silence()`, `restore()` and `close()`. */
export async function silenceableProxy(url) {
  const { hostname, port } = new URL(url);
  const ends = new Set();
  let generation = 0;
  let silent = false;
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    const born = generation;
    const passes = () => !silent && born === generation;
    for (const [from, to] of [[near, far], [far, near]]) {
      ends.add(from);
      from.on("data", (chunk) => passes() && to.write(chunk));
      // While silent, an end is not passed on either: the other side has to find out by itself.
      from.on("end", () => passes() && to.end());
      from.on("error", () => {});
      from.on("close", () => ends.delete(from));
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    silence: () => (silent = true),
    restore: () => {
      silent = false;
      generation++;
    },
    close: () => {
      for (const end of ends) end.destroy();
      server.close();
    },
  };
}
