// The official socket.io-client against the test server: `socketio_client.mjs <url> <polling|websocket|upgrade> [--msgpack] <table>…`.
//
// The tables are the files socketio_*.mjs beside this one; each exports scenarios that get a scene with `connect`. Verdicts go
// to standard output.

import { load } from "./packages.mjs";
import { next, run } from "./verdicts.mjs";

const { io, Manager } = load("socket.io-client");
const [url, transport, ...words] = process.argv.slice(2);
const tables = words.filter((word) => word !== "--msgpack");

const options = {
  ...(transport === "upgrade" ? {} : { transports: [transport] }),
  forceNew: true,
  reconnection: false,
  ...(words.includes("--msgpack") ? { parser: load("socket.io-msgpack-parser") } : {}),
};

/** What a scenario gets: ways to connect, each closed when it is over. */
function equip(scene) {
  return {
    ...scene,
    url,
    transport,
    /** A socket that is connecting. */
    open(namespace = "/", more = {}) {
      const { url: address = url, ...rest } = more;
      const socket = io(address + namespace, { ...options, ...rest });
      scene.later(() => socket.disconnect());
      return socket;
    },
    /** A socket that is connected. */
    async connect(namespace = "/", more = {}) {
      const socket = this.open(namespace, more);
      await next(socket, "connect");
      return socket;
    },
    /** A manager, for several namespaces on one connection. */
    manager() {
      const manager = new Manager(url, options);
      scene.later(() => manager._close());
      return manager;
    },
    /** Waits until the socket's connection has come to its final transport. */
    async settle(socket) {
      const { engine } = socket.io;
      if (transport === "upgrade" && engine.transport.name !== "websocket") await next(engine, "upgrade");
      return engine.transport.name;
    },
    /** The server's account of how that socket left: reason and rooms. */
    async farewellOf(id) {
      const witness = await this.connect("/", { transports: ["websocket"] });
      return new Promise((resolve) => witness.emit("reason-of", id, (...account) => resolve(account)));
    },
  };
}

const scenarios = {};
for (const table of tables) Object.assign(scenarios, (await import(`./socketio_${table}.mjs`)).scenarios);

await run(
  Object.fromEntries(Object.entries(scenarios).map(([name, scenario]) => [name, (scene) => scenario(equip(scene))])),
);
