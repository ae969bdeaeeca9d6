// Scenarios for legacy_client.mjs: events, acknowledgements and binary data.

import { deepStrictEqual as same, ok, strictEqual as equal } from "node:assert";
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
  // C24: the client makes the id up.
  async "the connection comes to the transport it was asked for, with the id of the session"(scene) {
    const socket = await scene.connect();
    equal(await scene.settle(socket), { upgrade: "websocket", jsonp: "polling" }[scene.transport] ?? scene.transport);
    equal(socket.id, socket.io.engine.id);
  },

  async "an event has any number of arguments of any kind"(scene) {
    const socket = await scene.connect();
    for (const args of [[], [1, "2", { 3: [true, null] }], ["é€😀 \u2028\u2029 \\n \n \" \\\\n"], ["x".repeat(100_000)]]) {
      socket.emit("message", ...args);
      same(await next(socket, "message-back"), args);
    }
  },

  async "events keep their order across the upgrade"(scene) {
    const socket = await scene.connect();
    const got = collect(socket, "message-back", 300);
    for (const n of numbers(300)) {
      socket.emit("message", n);
      if (n % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    same(await got, numbers(300).map((n) => [n]));
    await scene.settle(socket);
  },

  async "events from the server keep their order across the upgrade"(scene) {
    const socket = await scene.connect();
    const got = collect(socket, "tick", 500);
    socket.emit("count-to", 500);
    same(await got, numbers(500).map((n) => [n]));
  },

  async "the server acknowledges with several arguments"(scene) {
    const socket = await scene.connect();
    same(await ask(socket, "message-with-ack"), []);
    same(await ask(socket, "message-with-ack", 1, "2", { 3: [false] }), [1, "2", { 3: [false] }]);
    const answers = numbers(50).map((n) => ask(socket, "message-with-ack", n));
    same(await Promise.all(answers), numbers(50).map((n) => [n]));
  },

  async "the server asks the client and gets its answer"(scene) {
    const socket = await scene.connect("/asking");
    socket.on("question", (...args) => args.pop()(...args, "and more"));
    same(await ask(socket, "ask-me", 5000, "how", { are: "you" }), ["answered", "how", { are: "you" }, "and more"]);
  },

  // C26, A88, A90.
  async "binary goes there and back, at any depth"(scene) {
    const socket = await scene.connect();
    await scene.settle(socket);
    for (const bytes of [picture, Buffer.alloc(0), Buffer.from(numbers(256))]) {
      socket.emit("message", bytes);
      const [back] = await next(socket, "message-back");
      ok(Buffer.isBuffer(back) || back instanceof ArrayBuffer, "it comes back as binary");
      same(plain(back), bytes);
    }
    const nested = { a: [Buffer.of(1), { b: Buffer.of(2, 3), text: "é" }], c: null };
    socket.emit("message", nested, "between", picture);
    same(plain(await next(socket, "message-back")), [nested, "between", picture]);
  },

  async "binary keeps its place among text across the upgrade"(scene) {
    const socket = await scene.connect();
    const sent = numbers(60).map((n) => (n % 3 ? n : [n, Buffer.of(n, n + 1)]));
    const got = collect(socket, "message-back", sent.length);
    for (const [n, what] of sent.entries()) {
      socket.emit("message", what);
      if (n % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    same(plain(await got), sent.map((what) => [what]));
  },

  async "acknowledgements carry binary both ways"(scene) {
    const socket = await scene.connect();
    same(await ask(socket, "message-with-ack", Buffer.of(1, 2), { deep: Buffer.of(3) }), [Buffer.of(1, 2), { deep: Buffer.of(3) }]);
    const asking = await scene.connect("/asking");
    asking.on("question", (what, ack) => ack({ got: what, more: picture }));
    same(await ask(asking, "ask-me", 5000, Buffer.of(9)), ["answered", { got: Buffer.of(9), more: picture }]);
  },
};
