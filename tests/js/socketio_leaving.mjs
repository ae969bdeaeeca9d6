// Scenarios for socketio_client.mjs: every way to leave, with the reason on either side, and what others see of it.

import { deepStrictEqual as same, ok, strictEqual as equal } from "node:assert";
import { load } from "./packages.mjs";
import { silenceableProxy } from "./silenceable_proxy.mjs";
import { next } from "./verdicts.mjs";

const reference = process.env.SIO_TEST_PEER === "reference";
const ask = (socket, ...args) => new Promise((resolve) => socket.emit(...args, (...back) => resolve(back)));

/** Leaves in that way; returns the reason of the client and the server's account. */
async function reasons(scene, leave, namespace = "/sockets", more = {}) {
  const socket = await scene.connect(namespace, more);
  await scene.settle(socket);
  const { id } = socket;
  const gone = next(socket, "disconnect");
  leave(socket);
  const [reason] = await gone;
  const [theirs] = await scene.farewellOf(id);
  return [reason, theirs];
}

export const scenarios = {
  async "who leaves is in its rooms while it leaves and in none afterwards"(scene) {
    const [watcher, friend, leaver] = await Promise.all([1, 2, 3].map(() => scene.connect("/sockets")));
    await ask(watcher, "join", "watchers");
    await ask(friend, "join", "corner");
    for (const room of ["corner", "alone"]) await ask(leaver, "join", room);
    const [leaving, bye, left] = [next(watcher, "leaving"), next(friend, "bye"), next(watcher, "left")];
    const { id } = leaver;
    // With a second namespace the connection stays, and there is just one reason.
    const other = leaver.io.socket("/custom");
    await next(other, "connect");
    leaver.disconnect();
    const reason = "client namespace disconnect";
    same(await leaving, [id, reason, ["alone", "corner"], 2]);
    same(await bye, [id]);
    same(await left, [id, reason, 1]);
  },

  async "the client closes its connection"(scene) {
    same(await reasons(scene, (socket) => socket.io.engine.close()), ["forced close", "transport close"]);
  },

  async "the server closes the connection underneath"(scene) {
    same(await reasons(scene, (socket) => socket.emit("abort-me")), ["transport close", "forced close"]);
  },

  async "the server disconnects the socket, or its connection"(scene) {
    for (const whole of [false, true]) {
      const both = await reasons(scene, (socket) => socket.emit("disconnect-me", whole), "/leaving");
      same(both, ["io server disconnect", "server namespace disconnect"]);
    }
  },

  async "the client sends what is no Socket.IO packet"(scene) {
    same(await reasons(scene, (socket) => socket.io.engine.write("nonsense")), ["transport close", "forced close"]);
  },

  async "the client sends a packet out of order"(scene) {
    const both = await reasons(scene, (socket) => socket.io.engine.write('2/nowhere,["event"]'));
    // D72: the reference means to say so as well, but its connection is closed before it can.
    same(both, ["transport close", reference ? "forced close" : "forced server close"]);
  },

  async "the client sends what is no Engine.IO packet"(scene) {
    if (scene.transport === "websocket") {
      const both = await reasons(scene, (socket) => socket.io.engine.transport.ws.send("x"));
      same(both, ["transport close", "parse error"]);
    }
  },

  async "the cable is cut"(scene) {
    const proxy = await silenceableProxy(scene.url);
    scene.later(proxy.close);
    const socket = await scene.connect("/sockets", { url: proxy.url });
    const gone = next(socket, "disconnect");
    proxy.close();
    equal((await gone)[0], scene.transport === "polling" ? "transport error" : "transport close");
  },

  async "a client that joins nothing is let go after the connect timeout"(scene) {
    const { Socket } = load("engine.io-client");
    const socket = new Socket(scene.url, { path: "/socket.io/", transports: [scene.transport] });
    scene.later(() => socket.close());
    same((await next(socket, "close"))[0], "transport close");
  },

  async "whoever was told to go stays away, and whoever was lost comes back"(scene) {
    const told = await scene.connect("/leaving", { reconnection: true, reconnectionDelay: 10 });
    const away = next(told, "disconnect");
    told.emit("disconnect-me", false);
    await away;
    equal(told.active, false);
    const lost = await scene.connect("/sockets", { reconnection: true, reconnectionDelay: 10 });
    const first = lost.id;
    const back = next(lost, "connect");
    lost.emit("abort-me");
    await back;
    ok(lost.active && lost.id !== first);
  },
};
