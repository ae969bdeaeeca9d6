// Scenarios for legacy_client.mjs: namespaces, admission, leaving, and rooms that are shared with current clients.

import { deepStrictEqual as same, ok, strictEqual as equal } from "node:assert";
import { next } from "./verdicts.mjs";

const ask = (socket, ...args) => new Promise((resolve) => socket.emit(...args, (...back) => resolve(back)));

/** The packets of the connection, as they come. */
function packets(socket) {
  const seen = [];
  socket.io.on("packet", (packet) => seen.push(packet));
  return seen;
}

export const scenarios = {
  // C23: nobody asks for it, and the answer has no data.
  async "the main namespace is joined unasked, and nothing is said but that"(scene) {
    const socket = scene.open("/");
    const seen = packets(socket);
    const sent = [];
    socket.io.engine.on("packetCreate", ({ type, data }) => type === "message" && sent.push(data));
    same(await next(socket, "auth"), [{}]);
    same(sent, []);
    same(seen[0], { type: 0, nsp: "/" });
    const custom = scene.open("/custom");
    const both = packets(custom);
    await next(custom, "connect");
    same(both.filter(({ type }) => type === 0), [{ type: 0, nsp: "/" }, { type: 0, nsp: "/custom" }]);
  },

  // C24.
  async "several namespaces share one connection under the ids that the client makes up"(scene) {
    const [main, custom, echo] = await scene.connectAll("/", "/custom", "/echo");
    const { id } = main.io.engine;
    same([main.id, custom.id, echo.id], [id, `/custom#${id}`, `/echo#${id}`]);
    const both = [next(main, "message-back"), next(echo, "message")];
    main.emit("message", "to main");
    echo.emit("message", "to echo");
    same(await Promise.all(both), [["to main"], ["to echo"]]);
    custom.disconnect();
    // The server knows it by the same name.
    same(await scene.farewellOf(`/custom#${id}`), ["client namespace disconnect", []]);
    main.emit("message", "still here");
    same(await next(main, "message-back"), ["still here"]);
  },

  // C22.
  async "the query of a namespace is its auth payload"(scene) {
    const socket = scene.open("/custom", { query: { token: "é,?&=", n: 1 } });
    same((await next(socket, "auth"))[0], { token: "é,?&=", n: "1" });
    const long = scene.open("/custom", { query: { token: "x".repeat(2000) } });
    equal((await next(long, "auth"))[0].token.length, 2000);
    const plain = scene.open("/custom");
    same((await next(plain, "auth"))[0], {});
  },

  async "an unknown namespace is refused"(scene) {
    same(await next(scene.open("/random"), "error"), [{ message: "Invalid namespace" }]);
  },

  // C25.
  async "who is refused gets the data of the error, or else its message"(scene) {
    const guarded = scene.open("/guarded", { query: { token: "wrong" } });
    same(await next(guarded, "error"), [{ code: "E_TOKEN", given: "wrong" }]);
    equal(guarded.connected, false);
    same(await next(scene.open("/closed"), "error"), ["closed"]);
    await next(scene.open("/guarded", { query: { token: "secret" } }), "welcome");
  },

  async "admission may take its time"(scene) {
    equal((await scene.connect("/slow")).connected, true);
  },

  async "the client leaves one of two namespaces and comes back"(scene) {
    const [main, custom] = await scene.connectAll("/", "/custom");
    const { id } = custom;
    custom.disconnect();
    same(await scene.farewellOf(id), ["client namespace disconnect", []]);
    const again = next(custom, "auth");
    custom.connect();
    await again;
    equal(custom.connected, true);
    main.emit("message", "still here");
    same(await next(main, "message-back"), ["still here"]);
  },

  async "the client disconnects"(scene) {
    const socket = await scene.connect();
    const { id } = socket;
    await scene.settle(socket);
    const gone = next(socket, "disconnect");
    socket.disconnect();
    same(await gone, ["io client disconnect"]);
    const [reason] = await scene.farewellOf(id);
    ok(["client namespace disconnect", "transport close"].includes(reason), reason);
  },

  async "the server ends a namespace"(scene) {
    const [main, leaving] = await scene.connectAll("/", "/leaving");
    const { id } = leaving;
    const words = [next(leaving, "goodbye"), next(leaving, "disconnect")];
    leaving.emit("disconnect-me", false);
    same((await Promise.all(words))[1], ["io server disconnect"]);
    same(await scene.farewellOf(id), ["server namespace disconnect", []]);
    main.emit("message", "still here");
    same(await next(main, "message-back"), ["still here"]);
  },

  async "the server ends the connection"(scene) {
    const [main, leaving] = await scene.connectAll("/", "/leaving");
    const { id } = main;
    const gone = [main, leaving].map((socket) => next(socket, "disconnect"));
    leaving.emit("disconnect-me", true);
    same((await Promise.all(gone)).map(([reason]) => reason), ["io server disconnect", "io server disconnect"]);
    same(await scene.farewellOf(id), ["server namespace disconnect", []]);
  },

  async "the connection ends and every namespace is told"(scene) {
    const [main, rooms] = await scene.connectAll("/", "/rooms");
    await ask(rooms, "join", "corner");
    const ids = [main.id, rooms.id];
    await scene.settle(main);
    main.io.engine.close();
    same(await scene.farewellOf(ids[0]), ["transport close", []]);
    same(await scene.farewellOf(ids[1]), ["transport close", ["corner"]]);
  },

  async "the client reconnects by itself after the connection was lost"(scene) {
    const socket = await scene.connect("/", { reconnection: true, reconnectionDelay: 10 });
    const { id } = socket;
    const back = next(socket, "connect");
    socket.io.engine.close();
    await back;
    ok(socket.id !== id, "with a new id");
    socket.emit("message", "back again");
    same(await next(socket, "message-back"), ["back again"]);
  },

  // H19, R42: one broadcast, framed once, for clients of all kinds.
  async "rooms hold old and new clients, and a broadcast reaches both"(scene) {
    const old = [await scene.connect("/rooms"), await scene.connect("/rooms")];
    const now = [await scene.connectNow("/rooms"), await scene.connectNow("/rooms")];
    const all = [...old, ...now];
    for (const socket of all) await ask(socket, "join", "corner");
    for (const what of ["word", { name: "é.png", picture: Buffer.of(1, 2, 3) }]) {
      for (const speaker of [old[0], now[0]]) {
        const hear = all.map((socket) => (socket === speaker ? undefined : next(socket, "said")));
        await ask(speaker, "say", ["corner"], [], what);
        for (const heard of await Promise.all(hear)) if (heard) same(plain(heard[0]), what);
      }
    }
    same(await ask(now[0], "members", "corner"), [all.map(({ id }) => id).sort()]);
    const heard = next(old[1], "said");
    await ask(now[0], "say", [old[1].id], [], "for your ears only");
    same(await heard, ["for your ears only"]);
    const left = [next(old[0], "left"), next(now[0], "left")];
    const { id } = old[1];
    old[1].disconnect();
    same(await Promise.all(left), [["corner", id], ["corner", id]]);
  },
};

function plain(value) {
  return value.picture ? { ...value, picture: Buffer.from(value.picture) } : value;
}
