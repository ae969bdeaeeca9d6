// Scenarios for socketio_client.mjs: events, acknowledgements and binary data.

import { deepStrictEqual as same, ok, rejects, strictEqual as equal } from "node:assert";
import { collect, next, numbers } from "./verdicts.mjs";

const picture = Buffer.from(numbers(50_000));

/** The values with every kind of binary turned into a Buffer, so that they can be compared. */
function plain(value) {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return Buffer.from(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]));
  return value;
}

/** The arguments of the acknowledgement. */
const ask = (socket, ...args) => new Promise((resolve) => socket.emit(...args, (...back) => resolve(plain(back))));

export const scenarios = {
  async "the connection comes to the transport it was asked for"(scene) {
    const socket = await scene.connect();
    equal(await scene.settle(socket), scene.transport === "polling" ? "polling" : "websocket");
    ok(socket.id && socket.id !== socket.io.engine.id, "the socket id is not the session id");
  },

  async "an event comes back"(scene) {
    const socket = await scene.connect();
    socket.emit("message", "hello");
    same(await next(socket, "message-back"), ["hello"]);
  },

  async "an event has any number of arguments of any kind"(scene) {
    const socket = await scene.connect();
    for (const args of [
      [],
      [1, "2", { 3: [true, null] }],
      [null, false, 0, "", [], {}],
      ["é€😀 \u2028 \0 \" \\ \n", -1.5, 2 ** 53 - 1],
      [{ deep: [[[{ deeper: { deepest: 1 } }]]] }, "x".repeat(100_000)],
      numbers(100),
    ]) {
      socket.emit("message", ...args);
      same(await next(socket, "message-back"), args);
    }
  },

  async "events keep their order across the upgrade"(scene) {
    const socket = scene.open();
    const got = collect(socket, "message-back", 500);
    for (const n of numbers(500)) {
      socket.emit("message", n, n % 7 ? "text" : Buffer.of(n % 256));
      if (n % 10 === 0) await new Promise(setImmediate);
    }
    same((await got).map(([n]) => n), numbers(500));
  },

  async "events from the server keep their order across the upgrade"(scene) {
    const socket = scene.open();
    const got = collect(socket, "tick", 500);
    socket.emit("count-to", 500);
    same(await got, numbers(500).map((n) => [n]));
  },

  async "the server acknowledges with several arguments"(scene) {
    const socket = await scene.connect();
    same(await ask(socket, "message-with-ack"), []);
    same(await ask(socket, "message-with-ack", 1), [1]);
    same(await ask(socket, "message-with-ack", 1, "2", { 3: [false] }), [1, "2", { 3: [false] }]);
  },

  async "many acknowledgements at once each find their caller"(scene) {
    const socket = await scene.connect();
    same(await Promise.all(numbers(100).map((n) => ask(socket, "message-with-ack", n))), numbers(100).map((n) => [n]));
  },

  async "the server asks the client and gets its answer"(scene) {
    const socket = await scene.connect("/asking");
    socket.on("question", (...args) => args.pop()(...args, "and more"));
    same(await ask(socket, "ask-me", 5000, "how", { are: "you" }), ["answered", "how", { are: "you" }, "and more"]);
    same(await ask(socket, "ask-me", 5000), ["answered", "and more"]);
  },

  async "the server asks many at once, and each answer finds its question"(scene) {
    const socket = await scene.connect("/asking");
    const waiting = [];
    socket.on("question", (n, ack) => {
      waiting.push(() => ack(n * 2));
      // Answered in reverse, once all have been asked.
      if (waiting.length === 20) while (waiting.length) waiting.pop()();
    });
    const answers = await Promise.all(numbers(20).map((n) => ask(socket, "ask-me", 5000, n)));
    same(answers, numbers(20).map((n) => ["answered", n * 2]));
  },

  async "the server gives up waiting after its timeout, and ignores the late answer"(scene) {
    const socket = await scene.connect("/asking");
    let late;
    socket.once("question", (ack) => (late = ack));
    same(await ask(socket, "ask-me", 100), ["timed out"]);
    late("too late");
    socket.on("question", (ack) => ack("in time"));
    same(await ask(socket, "ask-me", 5000), ["answered", "in time"]);
  },

  async "the client's own timeout works"(scene) {
    const socket = await scene.connect();
    await rejects(socket.timeout(100).emitWithAck("nobody listens"), /timed out/);
    equal(await socket.timeout(5000).emitWithAck("message-with-ack", "quick"), "quick");
  },

  async "binary of every kind goes there and back"(scene) {
    const socket = await scene.connect();
    for (const bytes of [picture, Buffer.alloc(0), new Uint8Array([1, 2, 3]), new Uint8Array([4, 5]).buffer, new Uint16Array([6])]) {
      socket.emit("message", bytes);
      const [back] = await next(socket, "message-back");
      ok(Buffer.isBuffer(back) || back instanceof ArrayBuffer, "it comes back as binary");
      same(plain(back), plain(new Uint8Array(bytes.buffer ? bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) : bytes)));
    }
  },

  async "binary nests anywhere among other values"(scene) {
    const socket = await scene.connect();
    const args = [{ name: "é", picture, list: [1, { again: Buffer.of(7) }] }, "between", [[Buffer.of(8)]], null, Buffer.of(9)];
    socket.emit("message", ...args);
    same(plain(await next(socket, "message-back")), args);
  },

  async "acknowledgements carry binary"(scene) {
    const socket = await scene.connect();
    same(await ask(socket, "message-with-ack", picture, { deep: Buffer.of(1) }), [picture, { deep: Buffer.of(1) }]);
  },

  async "answers to the server carry binary"(scene) {
    const socket = await scene.connect("/asking");
    socket.on("question", (asked, ack) => ack({ asked, picture }));
    same(await ask(socket, "ask-me", 5000, Buffer.of(1, 2)), ["answered", { asked: Buffer.of(1, 2), picture }]);
  },

  async "binary events of many senders do not mix"(scene) {
    const sockets = await Promise.all(numbers(5).map(() => scene.connect()));
    const got = sockets.map((socket) => collect(socket, "message-back", 20));
    for (const n of numbers(20)) sockets.forEach((socket, i) => socket.emit("message", Buffer.of(i, n), { n: Buffer.of(n) }));
    for (const [i, events] of (await Promise.all(got)).entries()) {
      same(plain(events), numbers(20).map((n) => [Buffer.of(i, n), { n: Buffer.of(n) }]));
    }
  },

  // Issue 2, "Done when": exactly these lines.
  async "the echo namespace acknowledges with the arguments it was given"(scene) {
    const socket = await scene.connect("/echo");
    let events = 0;
    socket.onAny(() => events++);
    const back = await new Promise((resolve) =>
      socket.emit("x", 1, { a: Buffer.of(1, 2, 3) }, "é", (...back) => resolve(back)),
    );
    same(plain(back), [1, { a: Buffer.of(1, 2, 3) }, "é"]);
    equal(await socket.emitWithAck("x", 1, { a: Buffer.of(1, 2, 3) }, "é"), 1);
    equal(events, 0, "what is acknowledged is not sent back as well");
  },

  async "the echo namespace sends events back to their sender only"(scene) {
    const [socket, other] = [await scene.connect("/echo"), await scene.connect("/echo")];
    let heard = 0;
    other.onAny(() => heard++);
    socket.emit("any name at all", 1, { a: Buffer.of(1) }, "é");
    same(plain(await next(socket, "any name at all")), [1, { a: Buffer.of(1) }, "é"]);
    socket.emit("no arguments");
    same(await next(socket, "no arguments"), []);
    same(await ask(other, "sync"), []);
    equal(heard, 0);
  },
};
