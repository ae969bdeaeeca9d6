// The last scenario for socketio_client.mjs: the server closes, and what its clients see of it.

import { deepStrictEqual as same, strictEqual as equal } from "node:assert";
import { collect, next } from "./verdicts.mjs";

export const scenarios = {
  async "all clients of a server that closes see their transport close, and find nobody afterwards"(scene) {
    const control = await scene.connect("/control");
    const eager = await scene.connect("/sockets", { reconnection: true, reconnectionDelay: 10, reconnectionAttempts: 2 });
    const manager = scene.manager();
    const both = ["/", "/rooms"].map((name) => manager.socket(name));
    await Promise.all(both.map((socket) => next(socket, "connect")));
    await Promise.all([control, eager, both[0]].map((socket) => scene.settle(socket)));
    const all = [control, eager, ...both];
    const gone = all.map((socket) => next(socket, "disconnect"));
    // Whoever was told to go by a packet would not come back: a server that closes is one that may return.
    const [attempts, failed] = [collect(eager.io, "reconnect_attempt", 2), next(eager.io, "reconnect_failed")];
    control.emit("close-server");
    same((await Promise.all(gone)).map(([reason]) => reason), Array(4).fill("transport close"));
    same(await attempts, [[1], [2]]);
    await failed;
    const [error] = await next(scene.open("/"), "connect_error");
    equal(error.message, scene.transport === "polling" ? "xhr poll error" : "websocket error");
  },
};
