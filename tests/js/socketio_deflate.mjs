// Scenarios for socketio_client.mjs over WebSocket, against a server that compresses messages (permessage-deflate).
//
// Whether something was compressed is told by the bytes that came over the socket.

import { deepStrictEqual as same, ok, strictEqual as equal } from "node:assert";
import { next, numbers } from "./verdicts.mjs";

const reference = process.env.SIO_TEST_PEER === "reference";
const ask = (socket, ...args) => new Promise((resolve) => socket.emit(...args, (...back) => resolve(back)));
const tcp = (socket) => socket.io.engine.transport.ws._socket;

/** Has the first say that to all; returns in how many bytes each of them got it. */
async function say(sockets, what) {
  const before = sockets.map((socket) => tcp(socket).bytesRead);
  const heard = sockets.map((socket) => next(socket, "said"));
  sockets[0].emit("say", { to: ["a"] }, what);
  for (const [said] of await Promise.all(heard)) same(Buffer.isBuffer(what) ? Buffer.from(said) : said, what);
  return sockets.map((socket, i) => tcp(socket).bytesRead - before[i]);
}

export const scenarios = {
  async "what is said to many is compressed for those who want it"(scene) {
    const options = [{}, {}, {}, { perMessageDeflate: { serverNoContextTakeover: true } }, { perMessageDeflate: false }];
    const sockets = await Promise.all(options.map((more) => scene.connect("/broadcasts", more)));
    await Promise.all(sockets.map((socket) => ask(socket, "join", ["a"])));
    const extensions = sockets.map((socket) => socket.io.engine.transport.ws.extensions.split(";")[0]);
    same(extensions, [...Array(4).fill("permessage-deflate"), ""]);
    for (const word of ["long and longer ".repeat(5000), { list: numbers(20_000).map((n) => n % 10) }, Buffer.alloc(80_000, 7)]) {
      const bytes = await say(sockets, word);
      for (const length of bytes.slice(0, 4)) ok(length < 4000, `${bytes}`);
      ok(bytes[4] > 30_000, `${bytes}`);
    }
    for (let round = 0; round < 20; round++) await say(sockets, `round ${round} ${"x".repeat(round * 200)}`);
  },

  async "an event that is not to be compressed comes as it is"(scene) {
    const socket = await scene.connect("/sockets");
    for (const compress of [false, true]) {
      const before = tcp(socket).bytesRead;
      socket.emit("spare", compress, 20_000);
      same(await next(socket, "spared"), ["x".repeat(20_000)]);
      const bytes = tcp(socket).bytesRead - before;
      // A12: the reference documents the option, and its WebSocket transport has come to ignore it.
      equal(bytes < 1000, compress || reference, `${bytes}`);
    }
  },

  async "clients compress what they send"(scene) {
    const socket = await scene.connect();
    const before = tcp(socket).bytesWritten;
    const text = "over and over ".repeat(5000);
    equal((await ask(socket, "message-with-ack", text))[0], text);
    ok(tcp(socket).bytesWritten - before < 4000);
  },
};
