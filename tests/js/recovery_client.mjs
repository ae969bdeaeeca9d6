// The official socket.io-client loses its connection and comes back: `recovery_client.mjs <url> <polling|websocket>
// <rust|reference> <milliseconds that a client may be away> <milliseconds after which a loss is noticed>`.
//
// Where the reference does not recover a client and this project does, the scenario says `better`: it then expects of either
// what it does. Verdicts go to standard output.

import { deepStrictEqual as same, notStrictEqual as differ, ok, strictEqual as equal } from "node:assert";
import { load } from "./packages.mjs";
import { silenceableProxy } from "./silenceable_proxy.mjs";
import { next, numbers, run } from "./verdicts.mjs";

const { io, Manager } = load("socket.io-client");
const [url, transport, peer, ...times] = process.argv.slice(2);
const [maxAway, detection] = times.map(Number);
const options = { transports: [transport], forceNew: true, reconnection: false };
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const ask = (socket, ...args) => new Promise((resolve) => socket.emit(...args, (...back) => resolve(back)));

/** What a scenario gets: a client that gets lost, and a hand on the server. */
async function equip(scene) {
  const proxy = await silenceableProxy(url);
  scene.later(proxy.close);
  const control = io(`${url}/control`, options);
  scene.later(() => control.disconnect());
  await next(control, "connect");
  return {
    ...scene,
    proxy,
    /** Has the server emit to everybody, or to a room. */
    emit: (...args) => ask(control, "emit", "/recovery", null, false, ...args),
    emitIn: (namespace, ...args) => ask(control, "emit", namespace, null, false, ...args),
    emitTo: (room, ...args) => ask(control, "emit", "/recovery", room, false, ...args),
    volatile: (...args) => ask(control, "emit", "/recovery", null, true, ...args),
    flood: (count, size) => ask(control, "flood", count, size),
    present: async (id, namespace = "/recovery") => (await ask(control, "present", namespace, id))[0],
    /** A socket that is connected, and notes in `seen` what it receives, without offsets. */
    async connect() {
      const socket = io(`${proxy.url}/recovery`, options);
      scene.later(() => socket.disconnect());
      await next(watch(socket), "connect");
      return socket;
    },
    /** The connection ends, and the server notices. */
    async lose(socket, namespace = "/recovery") {
      const { id } = socket;
      socket.io.engine.close();
      while (await this.present(id, namespace)) await sleep(10);
    },
    /** The connection ends, and the server does not notice. */
    async vanish(socket) {
      proxy.silence();
      socket.io.engine.close();
      // Over long-polling it says good-bye in a request.
      await sleep(100);
      proxy.restore();
    },
  };
}

function watch(socket) {
  socket.seen = [];
  socket.onAny((...args) => socket.seen.push(args.filter((arg, i) => i === 0 || typeof arg !== "string" || !isOffset(arg))));
  return socket;
}

/** Comes back, and says whether to the same session. */
async function comeBack(socket) {
  socket.seen.length = 0;
  socket.connect();
  await next(socket, "connect");
  return socket.recovered ?? false;
}

// The reference's are times as text, this project's have a dot.
const isOffset = (text) => /^[0-9A-Za-z_.-]{7,}$/.test(text) && !/^x+$/.test(text);

/** Waits until everything that was emitted to the socket is there. */
const settle = (socket) => ask(socket, "who-am-i");

/** What only this project does. */
const better = peer === "rust";

const scenarios = {
  // D104, D105, D109, D110
  async "a client that comes back has its id, rooms and data, and gets what it missed before `connect`"(scene) {
    const socket = await scene.connect();
    await ask(socket, "remember", "Ada");
    await scene.emit("seen", 0);
    await settle(socket);
    const { id } = socket;
    await scene.lose(socket);
    await scene.emit("all", 1);
    await scene.emitTo("room", "room", 2);
    await scene.emitTo(id, "own", 3);
    await scene.emitTo("other", "other", 4);
    let atConnect;
    socket.once("connect", () => (atConnect = [...socket.seen]));
    equal(await comeBack(socket), true);
    same(atConnect, [["all", 1], ["room", 2], ["own", 3]]);
    equal(socket.id, id);
    same(await settle(socket), [true, ["room"], "Ada"]);
    await scene.emitTo("room", "live", 5);
    await settle(socket);
    same(socket.seen.at(-1), ["live", 5]);
  },

  async "binary events are replayed"(scene) {
    const socket = await scene.connect();
    await scene.emit("seen", 0);
    await settle(socket);
    await scene.lose(socket);
    await scene.emit("picture", Buffer.of(1, 2, 3), { deep: [Buffer.of(4)] });
    equal(await comeBack(socket), true);
    same(plain(socket.seen), [["picture", [1, 2, 3], { deep: [[4]] }]]);
  },

  // R32 (a)
  async "a client that never received an event comes back"(scene) {
    const socket = await scene.connect();
    await settle(socket);
    await scene.lose(socket);
    await scene.emit("missed", 1);
    equal(await comeBack(socket), better);
    same(socket.seen, better ? [["missed", 1]] : []);
  },

  // R32 (b): the reference looks every 60 s, so that a client would have to be quiet for longer.
  async "a client that was quiet for longer than anything is kept comes back"(scene) {
    const socket = await scene.connect();
    await scene.emit("seen", 0);
    const end = Date.now() + maxAway + detection + 500;
    while (Date.now() < end) {
      await scene.emitTo("other", "not for it", 0);
      await sleep(50);
    }
    await scene.lose(socket);
    await scene.emit("missed", 1);
    equal(await comeBack(socket), true);
    same(socket.seen, [["missed", 1]]);
  },

  // R32 (c), (j), R12
  async "a client that comes back before its loss is noticed takes the place of its old socket"(scene) {
    const socket = await scene.connect();
    await scene.emit("seen", 0);
    await settle(socket);
    const { id } = socket;
    await scene.vanish(socket);
    await scene.emit("missed", 1);
    equal(await scene.present(id), 1, "nobody has noticed");
    equal(await comeBack(socket), better);
    same(socket.seen, better ? [["missed", 1]] : []);
    // The time in which the loss of the old connection would be noticed goes by.
    await sleep(detection + 300);
    equal(await scene.present(socket.id), 1);
    equal(await scene.present(id), better ? 1 : 0);
    await scene.emitTo("room", "live", 2);
    await settle(socket);
    same(socket.seen.at(-1), ["live", 2]);
  },

  // R32 (d)
  async "a client comes back again and again and sees everything once"(scene) {
    const socket = await scene.connect();
    const seen = [];
    let n = 0;
    await scene.emit("n", n++);
    await settle(socket);
    seen.push(...socket.seen);
    for (const round of numbers(8)) {
      await scene.lose(socket);
      for (let i = 0; i < round % 3; i++) await scene.emit("n", n++);
      equal(await comeBack(socket), true);
      for (let i = 0; i < round % 2; i++) await scene.emit("n", n++);
      await settle(socket);
      seen.push(...socket.seen);
    }
    same(seen, numbers(n).map((n) => ["n", n]));
  },

  // R32 (e)
  async "volatile events that end with a text do no harm"(scene) {
    const socket = await scene.connect();
    await scene.emit("seen", 0);
    await settle(socket);
    for (const event of [["text", 1, "a text"], ["tick"]]) {
      // It is dropped where the connection is busy.
      for (const before = socket.seen.length; socket.seen.length === before; await sleep(20)) await scene.volatile(...event);
      await sleep(20);
      await scene.lose(socket);
      await scene.emit("missed", 1);
      equal(await comeBack(socket), better);
      same(socket.seen, better ? [["missed", 1]] : []);
      if (!better) return;
    }
  },

  // R32 (i): 200 kB, where the queue of this project's server holds 20 kB.
  async "more was missed than the queue of a connection holds"(scene) {
    const socket = await scene.connect();
    await scene.emit("seen", 0);
    await settle(socket);
    await scene.lose(socket);
    await scene.flood(200, 1000);
    equal(await comeBack(socket), true);
    same(socket.seen.map(([, n]) => n), numbers(200));
    equal((await settle(socket))[0], true);
  },

  // D107
  async "who was asked to leave, or leaves, begins anew"(scene) {
    const socket = await scene.connect();
    await scene.emit("seen", 0);
    await settle(socket);
    const { id } = socket;
    socket.disconnect();
    while (await scene.present(id)) await sleep(10);
    equal(await comeBack(socket), false);
    differ(socket.id, id);
  },

  // D108
  async "who is away for too long begins anew"(scene) {
    const socket = await scene.connect();
    await scene.emit("seen", 0);
    await settle(socket);
    await scene.lose(socket);
    await scene.emit("missed", 1);
    await sleep(maxAway + 200);
    equal(await comeBack(socket), false);
    same(socket.seen, []);
    same((await settle(socket)).slice(0, 2), [false, ["room"]]);
  },

  async "each namespace of a connection comes back"(scene) {
    const manager = new Manager(scene.proxy.url, options);
    scene.later(() => manager._close());
    const names = ["/recovery", "/recovery-2"];
    const sockets = names.map((name) => watch(manager.socket(name)));
    await Promise.all(sockets.map((socket) => next(socket, "connect")));
    for (const name of names) await scene.emitIn(name, "seen", 0);
    await Promise.all(sockets.map(settle));
    for (const socket of sockets) socket.seen.length = 0;
    const ids = sockets.map(({ id }) => id);
    manager.engine.close();
    for (const i of [0, 1]) while (await scene.present(ids[i], names[i])) await sleep(10);
    for (const [i, name] of names.entries()) await scene.emitIn(name, "missed", i);
    sockets[0].connect();
    sockets[1].connect();
    await Promise.all(sockets.map((socket) => next(socket, "connect")));
    ok(sockets.every(({ recovered }) => recovered));
    same(sockets.map(({ seen }) => seen), [[["missed", 0]], [["missed", 1]]]);
  },
};

/** Binary as lists of numbers. */
function plain(value) {
  if (value instanceof ArrayBuffer) return [...new Uint8Array(value)];
  if (ArrayBuffer.isView(value)) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]));
  return value;
}

await run(
  Object.fromEntries(Object.entries(scenarios).map(([name, scenario]) => [name, async (scene) => scenario(await equip(scene))])),
);
