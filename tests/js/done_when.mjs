// The echo of `sio serve` with the official client, over each choice of transports: `done_when.mjs <url>`.
//
// Owns what the project's first issue asks of `/echo`, word for word, and that nothing is sent back that was acknowledged.
// Verdicts go to standard output.

import assert from "node:assert/strict";
import { load } from "./packages.mjs";
import { next, run, within, DEADLINE } from "./verdicts.mjs";

const { io } = load("socket.io-client");
const [url] = process.argv.slice(2);

const bytes = Buffer.from([0, 1, 127, 128, 255, 0]);
const ways = { polling: { transports: ["polling"] }, websocket: { transports: ["websocket"] }, "the default": {} };

async function connect(scene, options) {
  const socket = io(`${url}/echo`, { forceNew: true, reconnection: false, ...options });
  scene.later(() => socket.disconnect());
  await next(socket, "connect");
  return socket;
}

const acknowledged = (socket, event, ...args) =>
  within(DEADLINE, new Promise((resolve) => socket.emit(event, ...args, (...back) => resolve(back))), "no acknowledgement");

function same([number, { a }, text], what) {
  assert.deepEqual([number, text], [1, "é"], what);
  assert.ok(Buffer.isBuffer(a) && bytes.equals(a), `${what}: the binary came as ${a}`);
}

const scenarios = {};
for (const [way, options] of Object.entries(ways)) {
  scenarios[`${way}: emit calls back with all three values`] = async (scene) => {
    const socket = await connect(scene, options);
    const back = await acknowledged(socket, "x", 1, { a: bytes }, "é");
    assert.equal(back.length, 3);
    same(back, "acknowledgement");
  };
  scenarios[`${way}: emitWithAck resolves with the first`] = async (scene) => {
    const socket = await connect(scene, options);
    assert.equal(await within(DEADLINE, socket.emitWithAck("x", 1, { a: bytes }, "é"), "no acknowledgement"), 1);
    assert.deepEqual(await within(DEADLINE, socket.emitWithAck("x", { b: [bytes] }), "no acknowledgement"), { b: [bytes] });
  };
  scenarios[`${way}: without an acknowledgement the event comes back`] = async (scene) => {
    const socket = await connect(scene, options);
    const back = next(socket, "x");
    socket.emit("x", 1, { a: bytes }, "é");
    same(await back, "event");
  };
  scenarios[`${way}: what was acknowledged does not come back as well`] = async (scene) => {
    const socket = await connect(scene, options);
    const seen = [];
    socket.onAny((event) => seen.push(event));
    await acknowledged(socket, "acknowledged", 1);
    const last = next(socket, "last");
    socket.emit("last");
    assert.deepEqual(await last, []);
    assert.deepEqual(seen, ["last"]);
  };
  scenarios[`${way}: any name, no arguments, and many at once in their order`] = async (scene) => {
    const socket = await connect(scene, options);
    assert.deepEqual(await acknowledged(socket, "join"), []);
    assert.deepEqual(await acknowledged(socket, "ünï \"quoted\" \\ ,[", null, []), [null, []]);
    const all = await Promise.all(Array.from({ length: 200 }, (_, i) => acknowledged(socket, `n${i % 7}`, i, Buffer.from([i]))));
    all.forEach((back, i) => assert.deepEqual(back, [i, Buffer.from([i])]));
  };
}

await run(scenarios);
