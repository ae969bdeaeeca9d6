// Scenarios for socketio_client.mjs: handlers of one socket, what is sent to it in special ways, and what the server knows of
// its client.

import { deepStrictEqual as same, ok, strictEqual as equal } from "node:assert";
import { next, numbers } from "./verdicts.mjs";

const ask = (socket, ...args) => new Promise((resolve) => socket.emit(...args, (...back) => resolve(back)));

/** Asks for that many volatile events at once; returns those that came. */
async function burst(socket, n, binary) {
  const got = [];
  const hear = (...args) => got.push(args);
  socket.on("volatile", hear);
  socket.emit("burst", n, binary);
  await next(socket, "burst-over");
  socket.off("volatile", hear);
  return got;
}

export const scenarios = {
  async "catch-alls see each event with its arguments, in and out, and no acknowledgement"(scene) {
    const socket = await scene.connect("/sockets");
    socket.emit("nobody listens", 1, { two: 2 }, Buffer.of(3));
    socket.emit("send-me", "a", "b");
    await next(socket, "message");
    equal(await socket.emitWithAck("own"), "mine");
    socket.on("question", (question, ack) => ack("answer"));
    same(await ask(socket, "ask-me", 5000, "?"), ["answered", "answer"]);
    same(await ask(socket, "log"), [
      [["nobody listens", 3], ["send-me", 2], ["own", 0], ["ask-me", 2], ["log", 0]],
      [["message", 2], ["question", 1]],
    ]);
  },

  async "catch-alls see broadcasts that reach their socket, and stop when they are taken away"(scene) {
    const [socket, other] = [await scene.connect("/sockets"), await scene.connect("/sockets")];
    await ask(socket, "join", "corner");
    await ask(other, "join", "corner");
    other.disconnect();
    await next(socket, "bye");
    same((await ask(socket, "log"))[1], [["bye", 1]]);
    await ask(socket, "stop-watching");
    socket.emit("send-me", "unseen");
    await next(socket, "message");
    same(await ask(socket, "log"), [[["join", 1], ["log", 0], ["stop-watching", 0]], [["bye", 1]]]);
  },

  async "a handler of one socket is its own, once is once, and what is taken away does not answer"(scene) {
    const [socket, other] = [await scene.connect("/sockets"), await scene.connect("/sockets")];
    let heard = 0;
    socket.on("once-heard", () => heard++);
    socket.emit("once");
    socket.emit("once");
    equal(await socket.emitWithAck("own"), "mine");
    equal(heard, 1);
    await ask(socket, "off-own");
    let answered = false;
    socket.emit("own", () => (answered = true));
    await ask(socket, "log");
    equal(answered, false);
    const once = next(other, "once-heard");
    other.emit("once");
    await once;
    equal(await other.emitWithAck("own"), "mine");
  },

  async "send is an event called message, in both directions"(scene) {
    const socket = await scene.connect("/sockets");
    socket.send("é", [1], Buffer.of(2));
    const [text, list, bytes] = await next(socket, "got-message");
    same([text, list, Buffer.from(bytes)], ["é", [1], Buffer.of(2)]);
    socket.emit("send-me", 1, "2");
    same(await next(socket, "message"), [1, "2"]);
    socket.emit("send-me");
    same(await next(socket, "message"), []);
  },

  async "of many volatile events at once the first goes, or none, and what is not volatile always arrives"(scene) {
    const socket = await scene.connect("/sockets");
    await scene.settle(socket);
    for (const binary of [false, true]) {
      for (let got = []; got.length === 0; ) {
        got = await burst(socket, 50, binary);
        const whole = binary ? [[0, Buffer.alloc(1000, 0), Buffer.of(0)]] : [[0]];
        same(got.map((args) => args.map((arg) => (typeof arg === "number" ? arg : Buffer.from(arg)))), got.length ? whole : []);
      }
    }
  },

  async "what is not to be compressed arrives like everything else"(scene) {
    const socket = await scene.connect("/sockets");
    for (const compress of [false, true]) {
      socket.emit("spare", compress, 20_000);
      same(await next(socket, "spared"), ["x".repeat(20_000)]);
    }
  },

  async "an acknowledgement that comes twice counts once, and one that is late not at all"(scene) {
    const socket = await scene.connect("/sockets");
    let late;
    socket.once("question", (_question, ack) => (late = ack));
    same(await ask(socket, "ask-me", 50, "?"), ["operation has timed out"]);
    late("late");
    // Past the guard of the client, which would not send the second.
    socket.onevent = ({ id, data: [, question] }) => {
      socket.packet({ type: 3, id, data: [question] });
      socket.packet({ type: 3, id, data: ["again"] });
    };
    same(await ask(socket, "ask-me", 5000, "one"), ["answered", "one"]);
    same(await ask(socket, "ask-me", 5000, "two"), ["answered", "two"]);
  },

  async "the server knows how its client came"(scene) {
    const options = { auth: { token: "é" }, query: { room: "a b" }, extraHeaders: { "x-in": "1", origin: "http://a.example" } };
    const socket = await scene.connect("/sockets", options);
    const handshake = await socket.emitWithAck("handshake");
    const { headers, time, issued, address, xdomain, secure, url, query, auth, ...rest } = handshake;
    same(rest, {}, "no other fields");
    same(auth, { token: "é" });
    const { t, ...others } = query;
    const polling = scene.transport === "polling";
    equal(typeof t, polling ? "string" : "undefined");
    same(others, { EIO: "4", transport: polling ? "polling" : "websocket", room: "a b" });
    ok(url.startsWith("/socket.io/?") && url.includes("room=a%20b"), url);
    same([headers["x-in"], headers.origin, typeof headers.host], ["1", "http://a.example", "string"]);
    same([xdomain, secure, typeof issued, typeof time], [true, false, "number", "string"]);
    ok(["127.0.0.1", "::ffff:127.0.0.1"].includes(address), address);
    ok(Math.abs(Date.now() - issued) < 60_000 && Math.abs(Date.parse(time) - issued) < 1000, `${time} is ${issued}`);
    equal((await (await scene.connect("/sockets")).emitWithAck("handshake")).xdomain, false);
  },

  async "many questions of both sides do not disturb each other"(scene) {
    const socket = await scene.connect("/sockets");
    socket.on("question", (question, ack) => ack(`${question}!`));
    const asked = numbers(50).map((n) => ask(socket, "ask-me", 5000, `${n}`));
    same(await Promise.all(asked), numbers(50).map((n) => ["answered", `${n}!`]));
  },
};
