// Scenarios for socketio_client.mjs that need a server with a short heartbeat: clients that freeze, and cables that are cut.

import { deepStrictEqual as same, ok, strictEqual as equal } from "node:assert";
import { Worker } from "node:worker_threads";
import { silenceableProxy } from "./silenceable_proxy.mjs";
import { collect, next } from "./verdicts.mjs";

const ask = (socket, ...args) => new Promise((resolve) => socket.emit(...args, (...back) => resolve(back)));

export const scenarios = {
  async "the heartbeat keeps a connection alive"(scene) {
    const socket = await scene.connect();
    await collect(socket.io, "ping", 4);
    socket.emit("message", "still here");
    same(await next(socket, "message-back"), ["still here"]);
  },

  // R8, R10: its thread is blocked, its TCP connection stays open.
  async "a frozen client is given up with a ping timeout and leaves its rooms"(scene) {
    const watcher = await scene.connect("/rooms");
    await ask(watcher, "join", "corner");
    const frozen = new Worker(new URL("./frozen_client.mjs", import.meta.url), {
      argv: [scene.url, scene.transport, "corner"],
      // The standard input of this process is held by the test, but not that of the worker.
      env: { ...process.env, TESTKIT_HOLDS_STDIN: "0" },
    });
    scene.later(() => frozen.terminate());
    const [id] = await next(frozen, "message");
    same(await next(watcher, "left"), ["corner", id]);
    same(await scene.farewellOf(id), ["ping timeout", ["corner"]]);
    same(await ask(watcher, "members", "corner"), [[watcher.id]]);
  },

  async "both sides report a ping timeout when nothing passes any more"(scene) {
    const proxy = await silenceableProxy(scene.url);
    scene.later(proxy.close);
    const socket = await scene.connect("/", { url: proxy.url });
    await scene.settle(socket);
    const { id } = socket;
    const gone = next(socket, "disconnect");
    proxy.silence();
    equal((await gone)[0], "ping timeout");
    same(await scene.farewellOf(id), ["ping timeout", []]);
  },

  // R8: gone without a word, which is noticed at once over WebSocket and, over polling, with the poll that breaks off.
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
