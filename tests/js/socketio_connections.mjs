// Scenarios for socketio_client.mjs: namespaces, admission, leaving, and rooms.

import { deepStrictEqual as same, equal as loosely, ok, strictEqual as equal } from "node:assert";
import { next } from "./verdicts.mjs";

/** Records what a room member hears, until it hears that the test is over. */
function listen(socket) {
  const heard = [];
  socket.on("said", (what) => heard.push(what));
  return heard;
}

const ask = (socket, ...args) => new Promise((resolve) => socket.emit(...args, (...back) => resolve(back)));

/** Connects so many members of the rooms namespace, each in the rooms given for it. */
async function members(scene, ...rooms) {
  const sockets = [];
  for (const joined of rooms) {
    const socket = await scene.connect("/rooms");
    for (const room of joined) await ask(socket, "join", room);
    sockets.push(socket);
  }
  return sockets;
}

/** Sends everybody a last word and waits until all have heard it: whatever came before has arrived by then. */
async function conclude(sockets) {
  const heard = sockets.map((socket) => new Promise((resolve) => socket.on("said", (what) => what === "the end" && resolve())));
  await ask(sockets[0], "shout", [], [], "the end");
  await Promise.all(heard);
}

/** Runs one kind of broadcast by the first of the sockets; returns what each heard of it. */
async function broadcast(sockets, how, to, except) {
  const heard = sockets.map(listen);
  await ask(sockets[0], how, to, except, "word");
  await conclude(sockets);
  for (const socket of sockets) socket.off("said");
  return heard.map((words) => words.filter((word) => word !== "the end").length);
}

export const scenarios = {
  async "the auth payload arrives"(scene) {
    const socket = scene.open("/", { auth: { token: "é", deep: { list: [1, null] } } });
    same(await next(socket, "auth"), [{ token: "é", deep: { list: [1, null] } }]);
    same(await next(scene.open("/custom"), "auth"), [{}]);
  },

  async "an auth function is asked"(scene) {
    const socket = scene.open("/custom", { auth: (give) => give({ token: "later" }) });
    same(await next(socket, "auth"), [{ token: "later" }]);
  },

  async "several namespaces share one connection"(scene) {
    const manager = scene.manager();
    const [main, custom, echo] = ["/", "/custom", "/echo"].map((name) => manager.socket(name));
    await Promise.all([main, custom, echo].map((socket) => next(socket, "connect")));
    ok(main.io.engine === custom.io.engine && main.io.engine === echo.io.engine, "one connection");
    equal(new Set([main.id, custom.id, echo.id, main.io.engine.id]).size, 4, "four different ids");
    const both = [next(main, "message-back"), next(echo, "message")];
    main.emit("message", "to main");
    echo.emit("message", "to echo");
    same(await Promise.all(both), [["to main"], ["to echo"]]);
    echo.disconnect();
    main.emit("message", "still here");
    same(await next(main, "message-back"), ["still here"]);
  },

  async "an unknown namespace is refused"(scene) {
    const [error] = await next(scene.open("/random"), "connect_error");
    equal(error.message, "Invalid namespace");
    loosely(error.data, undefined);
  },

  async "a refused connection gets the message and the data, and may try again"(scene) {
    const socket = scene.open("/guarded", { auth: { token: "wrong" } });
    const [error] = await next(socket, "connect_error");
    ok(error instanceof Error);
    equal(error.message, "not authorized");
    same(error.data, { code: "E_TOKEN", given: "wrong" });
    equal(socket.connected, false);
    socket.auth = { token: "secret" };
    const welcome = next(socket, "welcome");
    socket.connect();
    await welcome;
    equal(socket.connected, true);
  },

  async "admission may take its time"(scene) {
    const socket = await scene.connect("/slow");
    equal(socket.connected, true);
  },

  async "the client leaves its namespace"(scene) {
    const socket = await scene.connect("/custom");
    const { id } = socket;
    const gone = next(socket, "disconnect");
    socket.disconnect();
    equal((await gone)[0], "io client disconnect");
    // With its only namespace the client also ends the connection; either may be what the server notices first.
    const [reason] = await scene.farewellOf(id);
    ok(["client namespace disconnect", "transport close"].includes(reason), reason);
  },

  async "the client leaves one of two namespaces and comes back"(scene) {
    const manager = scene.manager();
    const [main, custom] = ["/", "/custom"].map((name) => manager.socket(name));
    await Promise.all([main, custom].map((socket) => next(socket, "connect")));
    const first = custom.id;
    custom.disconnect();
    same(await scene.farewellOf(first), ["client namespace disconnect", []]);
    const again = next(custom, "auth");
    custom.connect();
    await again;
    ok(custom.id && custom.id !== first, "with a new id");
    main.emit("message", "still here");
    same(await next(main, "message-back"), ["still here"]);
  },

  async "the server ends a namespace"(scene) {
    const manager = scene.manager();
    const [main, leaving] = ["/", "/leaving"].map((name) => manager.socket(name));
    await Promise.all([main, leaving].map((socket) => next(socket, "connect")));
    const { id } = leaving;
    const goodbye = next(leaving, "goodbye");
    const gone = next(leaving, "disconnect");
    leaving.emit("disconnect-me", false);
    await goodbye;
    equal((await gone)[0], "io server disconnect");
    same(await scene.farewellOf(id), ["server namespace disconnect", []]);
    main.emit("message", "still here");
    same(await next(main, "message-back"), ["still here"]);
  },

  async "the server ends the connection"(scene) {
    const manager = scene.manager();
    const [main, leaving] = ["/", "/leaving"].map((name) => manager.socket(name));
    await Promise.all([main, leaving].map((socket) => next(socket, "connect")));
    const { id } = main;
    const gone = [main, leaving].map((socket) => next(socket, "disconnect"));
    leaving.emit("disconnect-me", true);
    same((await Promise.all(gone)).map(([reason]) => reason), ["io server disconnect", "io server disconnect"]);
    same(await scene.farewellOf(id), ["server namespace disconnect", []]);
  },

  async "the connection ends and every namespace is told"(scene) {
    const manager = scene.manager();
    const [main, rooms] = ["/", "/rooms"].map((name) => manager.socket(name));
    await Promise.all([main, rooms].map((socket) => next(socket, "connect")));
    await ask(rooms, "join", "corner");
    const ids = [main.id, rooms.id];
    await scene.settle(main);
    manager.engine.close();
    same(await scene.farewellOf(ids[0]), ["transport close", []]);
    same(await scene.farewellOf(ids[1]), ["transport close", ["corner"]]);
  },

  async "the client reconnects by itself after the connection was lost"(scene) {
    const socket = await scene.connect("/", { reconnection: true, reconnectionDelay: 10 });
    const first = socket.id;
    const back = next(socket, "connect");
    socket.io.engine.close();
    await back;
    ok(socket.id !== first, "with a new id");
    socket.emit("message", "back again");
    same(await next(socket, "message-back"), ["back again"]);
  },

  async "say reaches the room except the speaker, and shout the speaker as well"(scene) {
    const sockets = await members(scene, ["a"], ["a"], ["b"], []);
    same(await broadcast(sockets, "say", ["a"], []), [0, 1, 0, 0]);
    same(await broadcast(sockets, "shout", ["a"], []), [1, 1, 0, 0]);
  },

  async "without a room a broadcast reaches everybody"(scene) {
    const sockets = await members(scene, ["a"], [], ["b"]);
    same(await broadcast(sockets, "say", [], []), [0, 1, 1]);
    same(await broadcast(sockets, "shout", [], []), [1, 1, 1]);
  },

  async "who is in several of the rooms hears it once"(scene) {
    const sockets = await members(scene, ["a", "b"], ["a", "b", "c"], ["b"], ["c"]);
    same(await broadcast(sockets, "say", ["a", "b", "a"], []), [0, 1, 1, 0]);
    same(await broadcast(sockets, "shout", ["a", "b", "c"], []), [1, 1, 1, 1]);
  },

  async "rooms can be left out"(scene) {
    const sockets = await members(scene, ["a"], ["a", "quiet"], ["a", "other"], ["quiet"]);
    same(await broadcast(sockets, "say", ["a"], ["quiet"]), [0, 0, 1, 0]);
    same(await broadcast(sockets, "shout", [], ["quiet", "other"]), [1, 0, 0, 0]);
  },

  async "a room named like a socket id reaches that socket alone"(scene) {
    const sockets = await members(scene, [], [], []);
    same(await broadcast(sockets, "say", [sockets[1].id], []), [0, 1, 0]);
    same(await broadcast(sockets, "shout", [], [sockets[2].id]), [1, 1, 0]);
  },

  async "who has left a room does not hear it any more"(scene) {
    const sockets = await members(scene, ["a"], ["a"], ["a"]);
    await ask(sockets[1], "leave", "a");
    await ask(sockets[2], "leave", "never joined");
    same(await broadcast(sockets, "say", ["a"], []), [0, 0, 1]);
    same(await ask(sockets[0], "members", "a"), [[sockets[0].id, sockets[2].id].sort()]);
  },

  async "a broadcast may be binary"(scene) {
    const [speaker, listener] = await members(scene, ["a"], ["a"]);
    const heard = next(listener, "said");
    await ask(speaker, "say", ["a"], [], { name: "é.png", picture: Buffer.of(1, 2, 3) });
    const [{ name, picture }] = await heard;
    same([name, Buffer.from(picture)], ["é.png", Buffer.of(1, 2, 3)]);
  },

  async "the others hear who has left, and the rooms are empty"(scene) {
    const [stayer, leaver] = await members(scene, ["a"], ["a", "b"]);
    const { id } = leaver;
    const left = next(stayer, "left");
    leaver.disconnect();
    same(await left, ["a", id]);
    const [, rooms] = await scene.farewellOf(id);
    same(rooms, ["a", "b"]);
    same(await ask(stayer, "members", "b"), [[]]);
    same(await ask(stayer, "members", "a"), [[stayer.id]]);
  },
};
