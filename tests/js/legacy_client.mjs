// The last official socket.io-client that speaks revision 4 of Socket.IO over revision 3 of Engine.IO, against the test server:
// `legacy_client.mjs <url> <polling|websocket|upgrade|jsonp> <table>…`.
//
// The tables are the files legacy_*.mjs beside this one; each exports scenarios that get a scene with `connect`. Verdicts go
// to standard output.

import { installDocument } from "./jsonp_document.mjs";
import { load } from "./packages.mjs";
import { next, run } from "./verdicts.mjs";

const { io: ioNow } = load("socket.io-client");
const io = load("socket.io-client-v2");
const [url, transport, ...tables] = process.argv.slice(2);
if (transport === "jsonp") installDocument();

const options = {
  ...(transport === "upgrade" ? {} : { transports: [transport === "jsonp" ? "polling" : transport] }),
  forceJSONP: transport === "jsonp",
  forceNew: true,
  reconnection: false,
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
      scene.later(() => socket.io.close());
      return socket;
    },
    /** A socket that is connected. */
    async connect(namespace = "/", more = {}) {
      const socket = this.open(namespace, more);
      await next(socket, "connect");
      return socket;
    },
    /** Sockets for several namespaces on one connection, all of them connected. */
    async connectAll(...namespaces) {
      const manager = io.Manager(url, options);
      scene.later(() => manager.close());
      const sockets = namespaces.map((name) => manager.socket(name));
      await Promise.all(sockets.map((socket) => next(socket, "connect")));
      return sockets;
    },
    /** A connected socket of the current client, over WebSocket. */
    async connectNow(namespace = "/") {
      const socket = ioNow(url + namespace, { transports: ["websocket"], forceNew: true, reconnection: false });
      scene.later(() => socket.disconnect());
      await next(socket, "connect");
      return socket;
    },
    /** Waits until the socket's connection has come to its final transport. */
    async settle(socket) {
      const { engine } = socket.io;
      if (transport === "upgrade" && engine.transport.name !== "websocket") await next(engine, "upgrade");
      return engine.transport.name;
    },
    /** The server's account of how that socket left: reason and rooms. */
    async farewellOf(id) {
      const witness = await this.connectNow();
      return new Promise((resolve) => witness.emit("reason-of", id, (...account) => resolve(account)));
    },
  };
}

const scenarios = {};
for (const table of tables) Object.assign(scenarios, (await import(`./legacy_${table}.mjs`)).scenarios);

await run(
  Object.fromEntries(Object.entries(scenarios).map(([name, scenario]) => [name, (scene) => scenario(equip(scene))])),
);
