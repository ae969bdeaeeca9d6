// Scenarios for socketio_client.mjs: namespaces that are made when a client asks for them.

import { deepStrictEqual as same, equal as loosely, strictEqual as equal } from "node:assert";
import { next } from "./verdicts.mjs";

/** A client in that namespace, and the greetings it got: whose handlers they are, and for which namespace. */
async function enter(scene, name, auth) {
  const hellos = [];
  const socket = scene.open(name, { auth });
  socket.on("hello", (...hello) => hellos.push(hello));
  await next(socket, "connect");
  await socket.emitWithAck("sync");
  return { socket, hellos };
}

const greetings = async (scene, name, auth) => (await enter(scene, name, auth)).hellos;

async function expectUnknown(scene, name, auth) {
  const [error] = await next(scene.open(name, { auth }), "connect_error");
  equal(error.message, "Invalid namespace", name);
  loosely(error.data, undefined);
}

/** Asks until the server has that many of such namespaces. */
async function until(control, prefix, names) {
  while (JSON.stringify(await control.emitWithAck("namespaces", prefix)) !== JSON.stringify(names));
}

export const scenarios = {
  async "a name that a pattern takes makes a namespace, with the handlers of the first such pattern"(scene) {
    same(await greetings(scene, "/room-1"), [["first pattern", "/room-1"]]);
    same(await greetings(scene, "/room-002"), [["first pattern", "/room-002"]]);
    same(await greetings(scene, "/hall-1"), [["second pattern", "/hall-1"]]);
  },

  async "a name that nobody takes is unknown"(scene) {
    for (const name of ["/room-", "/room-x", "/room-1x", "/x/room-1", "/Room-1", "/_0", "/tenant-static2"]) {
      await expectUnknown(scene, name);
    }
  },

  async "a function decides by the name and the auth, in the order of declaration"(scene) {
    same(await greetings(scene, "/tenant-x", { key: "a" }), [["first function", "/tenant-x"]]);
    same(await greetings(scene, "/tenant-y", { key: "b" }), [["second function", "/tenant-y"]]);
    same(await greetings(scene, "/tenant-1", { key: "a" }), [["first function", "/tenant-1"]]);
    same(await greetings(scene, "/tenant-2", { key: "c" }), [["third pattern", "/tenant-2"]]);
    same(await greetings(scene, "/tenant-3"), [["third pattern", "/tenant-3"]]);
    await expectUnknown(scene, "/tenant-z", { key: "c" });
    await expectUnknown(scene, "/tenant-z");
  },

  async "what a function made stays open to all while it exists"(scene) {
    await enter(scene, "/tenant-open", { key: "a" });
    same(await greetings(scene, "/tenant-open", { key: "wrong" }), [["first function", "/tenant-open"]]);
  },

  async "a namespace that exists goes before all, and has the handlers of the pattern that takes its name"(scene) {
    same(await greetings(scene, "/room-7"), [["first pattern", "/room-7"], ["static", "/room-7"]]);
    same(await greetings(scene, "/tenant-static", { key: "a" }), [["static", "/tenant-static"]]);
  },

  async "children are namespaces of their own, and their parent reaches all of them"(scene) {
    const entered = await Promise.all(["/room-1", "/room-1", "/room-2", "/hall-1"].map((name) => enter(scene, name)));
    const sockets = entered.map(({ socket }) => socket);
    const heard = sockets.map((socket) => {
      const words = [];
      for (const event of ["said", "news"]) socket.on(event, (text) => words.push(text));
      return words;
    });
    sockets[0].emit("say", "in room 1");
    await next(sockets[1], "said");
    const control = await scene.connect("/control");
    await control.emitWithAck("announce", "in all rooms");
    for (const socket of sockets) await socket.emitWithAck("sync");
    same(heard, [["in room 1", "in all rooms"], ["in room 1", "in all rooms"], ["in all rooms"], []]);
  },

  async "the middleware of a parent works for its children"(scene) {
    const socket = scene.open("/room-3", { auth: { refuse: "me" } });
    const [error] = await next(socket, "connect_error");
    equal(error.message, "not in this room");
    same(error.data, { name: "/room-3" });
    socket.auth = {};
    const hello = next(socket, "hello");
    socket.connect();
    same(await hello, ["first pattern", "/room-3"]);
  },

  async "a handler that a parent gets later is for later children"(scene) {
    const control = await scene.connect("/control");
    const early = await enter(scene, `/late-1`);
    await control.emitWithAck("add-late-handler");
    const again = scene.open("/late-1");
    let late = 0;
    again.on("late", () => late++);
    await next(again, "connect");
    await again.emitWithAck("sync");
    equal(late, 0);
    await next(scene.open("/late-2"), "late");
    early.socket.disconnect();
  },

  async "the application hears of each new namespace, and a child goes with its last client"(scene) {
    const control = await scene.connect("/control");
    const [first, second] = [(await enter(scene, "/room-800")).socket, (await enter(scene, "/room-800")).socket];
    const third = (await enter(scene, "/room-801")).socket;
    same(await control.emitWithAck("made", "/room-80"), ["/room-800", "/room-801"]);
    same(await control.emitWithAck("namespaces", "/room-80"), ["/room-800", "/room-801"]);
    first.disconnect();
    third.disconnect();
    await until(control, "/room-80", ["/room-800"]);
    second.disconnect();
    await until(control, "/room-80", []);
    await next(scene.open("/room-802", { auth: { refuse: "me" } }), "connect_error");
    await until(control, "/room-80", []);
    same(await greetings(scene, "/room-800"), [["first pattern", "/room-800"]]);
    const made = await control.emitWithAck("made", "/room-80");
    same(made, ["/room-800", "/room-801", "/room-802", "/room-800"]);
  },
};
