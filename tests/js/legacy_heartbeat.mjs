// Scenarios for legacy_client.mjs that need a server with a short heartbeat: here the client pings.

import { deepStrictEqual as same, ok } from "node:assert";
import { silenceableProxy } from "./silenceable_proxy.mjs";
import { collect, next } from "./verdicts.mjs";

const ask = (socket, ...args) => new Promise((resolve) => socket.emit(...args, (...back) => resolve(back)));

export const scenarios = {
  // A89.
  async "the heartbeat keeps a connection alive"(scene) {
    const socket = await scene.connect();
    const lost = [];
    socket.on("disconnect", (reason) => lost.push(reason));
    await collect(socket.io, "pong", 6);
    socket.emit("message", "still here");
    same(await next(socket, "message-back"), ["still here"]);
    same(lost, []);
  },

  async "a client whose process dies leaves its rooms"(scene) {
    const watcher = await scene.connect("/rooms");
    const proxy = await silenceableProxy(scene.url);
    scene.later(proxy.close);
    const socket = await scene.connect("/rooms", { url: proxy.url });
    await scene.settle(socket);
    await ask(socket, "join", "corner");
    const { id } = socket;
    proxy.close();
    const [reason, rooms] = await scene.farewellOf(id);
    ok(["transport close", "transport error", "ping timeout"].includes(reason), reason);
    same(rooms, ["corner"]);
    same(await ask(watcher, "members", "corner"), [[]]);
  },
};
