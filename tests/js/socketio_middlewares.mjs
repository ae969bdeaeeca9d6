// Scenarios for socketio_client.mjs: what middlewares of a namespace do to a client on its way in.

import { deepStrictEqual as same, equal as loosely, strictEqual as equal } from "node:assert";
import { next } from "./verdicts.mjs";

const reference = process.env.SIO_TEST_PEER === "reference";

export const scenarios = {
  async "middlewares run in order before the client is in, and what they did stays"(scene) {
    const socket = scene.open("/middlewares", { auth: { token: "x" } });
    same(await next(socket, "welcome"), [["first", false, "second"], ["early"]]);
    const control = await scene.connect("/control");
    equal(await control.emitWithAck("members", "/middlewares", "early"), 1);
  },

  async "what a middleware emits arrives before what the handlers emit"(scene) {
    const socket = scene.open("/middlewares", { auth: { token: "x" } });
    const order = [];
    for (const event of ["connect", "during", "welcome"]) socket.on(event, (what) => order.push([event, what]));
    await next(socket, "welcome");
    const during = ["during", "admission"];
    const [connect] = [["connect", undefined]];
    // D30, difference 16: the reference's packet goes before the CONNECT, and its client holds it back until then.
    same(order.slice(0, 2), reference ? [during, connect] : [connect, during]);
    same(order[2][0], "welcome");
  },

  async "an error of a middleware ends the row, and the client may try again with other auth"(scene) {
    const control = await scene.connect("/control");
    const socket = scene.open("/middlewares", { auth: { token: "again", refuse: "not now", wait: "never asked" } });
    const heard = [];
    socket.onAny((event) => heard.push(event));
    for (const refuse of ["not now", "still not"]) {
      socket.auth.refuse = refuse;
      if (refuse !== "not now") socket.connect();
      const [error] = await next(socket, "connect_error");
      equal(error instanceof Error && error.message, refuse);
      same(error.data, { steps: ["first", false, "second"] });
      equal(socket.connected, false);
    }
    equal(await control.emitWithAck("members", "/middlewares", "early"), 0, "who is refused leaves its rooms");
    equal(await control.emitWithAck("admitted", "again"), 0);
    socket.auth = { token: "again" };
    const welcome = next(socket, "welcome");
    socket.connect();
    await welcome;
    equal(await control.emitWithAck("admitted", "again"), 1);
    // D30: what the reference's middlewares sent before they refused is kept by its client, until it is let in.
    same(heard, reference ? ["during", "during", "during", "welcome"] : ["during", "welcome"]);
  },

  async "an error without data has none"(scene) {
    const socket = scene.open("/room-4", { auth: { refuse: "me" } });
    const [error] = await next(socket, "connect_error");
    same(error.data, { name: "/room-4" });
    const [unknown] = await next(scene.open("/nowhere"), "connect_error");
    loosely(unknown.data, undefined);
  },

  async "a middleware that waits holds back its client and nobody else"(scene) {
    const control = await scene.connect("/control");
    const slow = scene.open("/middlewares", { auth: { token: "slow", wait: "gate 1" } });
    await control.emitWithAck("arrived", "gate 1");
    await scene.connect("/middlewares", { auth: { token: "quick" } });
    equal(slow.connected, false);
    const welcome = next(slow, "welcome");
    control.emit("release", "gate 1");
    await welcome;
    equal(await control.emitWithAck("admitted", "slow"), 1);
  },

  async "a client that goes while a middleware waits is never in"(scene) {
    const control = await scene.connect("/control");
    const manager = scene.manager();
    const main = manager.socket("/");
    await next(main, "connect");
    await scene.settle(main);
    const { id } = main;
    const gone = manager.socket("/middlewares", { auth: { token: "gone", wait: "gate 2" } });
    if (!gone.active) gone.connect();
    await control.emitWithAck("arrived", "gate 2");
    manager._close();
    await scene.farewellOf(id);
    control.emit("release", "gate 2");
    while ((await control.emitWithAck("members", "/middlewares", "early")) !== 0);
    equal(await control.emitWithAck("admitted", "gone"), 0);
  },

  async "middlewares belong to their namespace"(scene) {
    const manager = scene.manager();
    const [main, refused] = [manager.socket("/"), manager.socket("/middlewares", { auth: { refuse: "no" } })];
    const error = next(refused, "connect_error");
    await next(main, "connect");
    equal((await error)[0].message, "no");
    main.emit("message", "still here");
    same(await next(main, "message-back"), ["still here"]);
  },
};
