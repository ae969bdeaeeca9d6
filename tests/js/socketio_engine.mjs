// Scenarios for socketio_client.mjs: what the application adds to sessions and to their answers over HTTP, as the official
// client sees it. Polling is by `fetch`, whose answers can be looked at.

import { deepStrictEqual as same, ok, strictEqual as equal } from "node:assert";
import { load } from "./packages.mjs";
import { next } from "./verdicts.mjs";

const { Fetch } = load("engine.io-client");

// What went over the wire by `fetch`: `{ url, method, sent, received, length }`, headers each.
const exchanges = [];
const plainFetch = globalThis.fetch;
globalThis.fetch = async (url, options) => {
  const response = await plainFetch(url, options);
  exchanges.push({ url: `${url}`, method: options.method, sent: options.headers, received: response.headers });
  return response;
};

/** A client whose first event is the greeting; with the headers of its first answer and of a later one. */
async function connect(scene, more = {}) {
  const polling = scene.transport === "polling";
  const socket = scene.open("/sockets", { ...more, ...(polling ? { transports: [Fetch] } : {}) });
  socket.io.engine.transport.ws?.on("upgrade", ({ headers }) => (socket.upgradeHeaders = new Headers(headers)));
  await next(socket, "connect");
  return socket;
}

/** The exchanges of that session; the first, which has no session yet, is that of the handshake. */
function exchangesOf(socket) {
  const { id } = socket.io.engine;
  const later = exchanges.filter(({ url }) => url.includes(`sid=${id}`));
  const first = exchanges.filter(({ url }) => !url.includes("sid=")).at(-1);
  return { first, later };
}

export const scenarios = {
  async "a session has the id that the application gave"(scene) {
    const [one, two] = [await connect(scene), await connect(scene)];
    for (const { io } of [one, two]) ok(io.engine.id.startsWith("server7-"), io.engine.id);
    ok(one.io.engine.id !== two.io.engine.id && one.id !== two.id);
    ok(!one.id.includes(one.io.engine.id), "the socket id does not tell it");
  },

  async "the initial packet is the first that arrives"(scene) {
    const socket = scene.open("/", {});
    const events = [];
    socket.onAny((event, ...args) => events.push([event, ...args]));
    await next(socket, "auth");
    same(events, [["greeting", "first of all"], ["auth", {}]]);
  },

  async "headers of the application are in the first answer and in all"(scene) {
    const socket = await connect(scene);
    await socket.emitWithAck("own");
    if (scene.transport === "websocket") {
      same(["x-initial", "x-each"].map((name) => socket.upgradeHeaders.get(name)), ["1", "1"]);
      equal(socket.upgradeHeaders.get("set-cookie"), null, "the cookie is for polling");
      return;
    }
    const { first, later } = exchangesOf(socket);
    const names = ["x-middleware", "x-initial", "x-each"];
    same(names.map((name) => first.received.get(name)), ["1", "1", "1"]);
    ok(later.length >= 3 && later.some(({ method }) => method === "POST"));
    for (const { received } of later) same(names.map((name) => received.get(name)), ["1", null, "1"]);
  },

  async "a middleware may refuse, and the client is told so"(scene) {
    const polling = scene.transport === "polling";
    const socket = scene.open("/", { query: { fail: "1" }, ...(polling ? { transports: [Fetch] } : {}) });
    const [error] = await next(socket, "connect_error");
    equal(error.message, polling ? "fetch read error" : "websocket error");
    if (polling) equal(error.description, 400);
  },

  async "the cookie is set by the first answer and comes back with each request"(scene) {
    const socket = await connect(scene, { withCredentials: true });
    await socket.emitWithAck("own");
    if (scene.transport === "websocket") return;
    const { first, later } = exchangesOf(socket);
    const cookie = `io=${socket.io.engine.id}`;
    same(first.received.getSetCookie(), [`${cookie}; Path=/; HttpOnly; SameSite=Lax`]);
    for (const { sent, received } of later) same([sent.get("cookie"), received.getSetCookie()], [cookie, []]);
  },

  async "long answers over polling are compressed, unless the event says no"(scene) {
    const socket = await connect(scene);
    for (const [compress, length] of [[true, 20_000], [false, 20_000], [true, 10]]) {
      exchanges.length = 0;
      socket.emit("spare", compress, length);
      same(await next(socket, "spared"), ["x".repeat(length)]);
      if (scene.transport === "websocket") continue;
      const polls = exchangesOf(socket).later.filter(({ method }) => method === "GET");
      const codings = polls.map(({ received }) => received.get("content-encoding"));
      ok(codings.length > 0);
      same(codings, codings.map(() => (compress && length > 1024 ? "gzip" : null)));
    }
  },
};
