// Scenarios for socketio_client.mjs: what is sent to many, asked of many and done to many.

import { deepStrictEqual as same, ok, strictEqual as equal } from "node:assert";
import { next, numbers } from "./verdicts.mjs";

const ask = (socket, ...args) => new Promise((resolve) => socket.emit(...args, (...back) => resolve(back)));

/** So many clients, each in the rooms given for it. */
async function members(scene, ...rooms) {
  const sockets = await Promise.all(rooms.map(() => scene.connect("/broadcasts")));
  await Promise.all(sockets.map((socket, i) => ask(socket, "join", rooms[i])));
  return sockets;
}

/** Lets each answer with its number; returns how often each was asked. */
function answering(sockets) {
  const asked = sockets.map(() => 0);
  sockets.forEach((socket, i) => socket.on("question", (_question, ack) => (asked[i]++, ack(i))));
  return asked;
}

/** The status and the answers, in an order of their own. */
async function poll(socket, how, selection, milliseconds, question = "?") {
  const [status, answers] = await ask(socket, how, selection, milliseconds, question);
  return [status, answers.sort()];
}

/** What the server knows of the selected sockets, by id; without the room of the id. */
async function fetched(socket, selection) {
  const [found] = await ask(socket, "fetch", selection);
  return new Map(found.map(({ id, rooms, ...rest }) => [id, { ...rest, rooms: rooms.filter((room) => room !== id).sort() }]));
}

/** The shape of a value: its types instead of its values. */
const shape = (value) =>
  Object.fromEntries(Object.entries(value).map(([key, member]) => [key, member === null ? "null" : typeof member]).sort());

export const scenarios = {
  async "a selection is a union, without those left out, and each socket hears once"(scene) {
    const sockets = await members(scene, ["a", "b"], ["a", "b", "quiet"], ["b"], ["c"], []);
    const heard = sockets.map(() => []);
    sockets.forEach((socket, i) => socket.on("said", (what) => heard[i].push(what)));
    const selections = {
      union: { to: ["a", "b"] },
      others: { others: true, to: ["a", "b"] },
      except: { to: ["a", "b", "c"], except: ["quiet"] },
      local: { to: ["c"], local: true },
      nobody: { to: ["nobody"] },
      "all but one": { except: [sockets[4].id] },
      "another one": { others: true, to: [sockets[3].id, sockets[0].id] },
    };
    for (const [what, selection] of Object.entries(selections)) sockets[0].emit("say", selection, what);
    const ends = sockets.map((socket) => new Promise((resolve) => socket.on("said", (what) => what === "end" && resolve())));
    sockets[0].emit("say", {}, "end");
    await Promise.all(ends);
    same(heard, [
      ["union", "except", "all but one", "end"],
      ["union", "others", "all but one", "end"],
      ["union", "others", "except", "all but one", "end"],
      ["except", "local", "all but one", "another one", "end"],
      ["end"],
    ]);
  },

  async "a volatile broadcast reaches who is ready"(scene) {
    const [speaker, listener] = await members(scene, ["a"], ["a"]);
    await scene.settle(listener);
    let heard = 0;
    listener.on("said", () => heard++);
    while (heard === 0) {
      speaker.emit("say-at-once", { to: ["a"] }, "now");
      await ask(speaker, "join", []);
      await ask(listener, "join", []);
    }
  },

  async "all who are asked answer"(scene) {
    const sockets = await members(scene, ["a"], ["a", "b"], ["b"], ["c"]);
    const asked = answering(sockets);
    for (const how of ["ask", "await"]) {
      same(await poll(sockets[0], how, { to: ["a", "b"] }, 5000), ["complete", [0, 1, 2]]);
      same(await poll(sockets[0], how, { others: true, to: ["a"], except: ["c"] }, 5000), ["complete", [1]]);
      same(await poll(sockets[0], how, { to: ["c"], local: true }, 5000), ["complete", [3]]);
    }
    same(asked, [2, 4, 2, 2]);
  },

  async "where nobody is asked the answer is there at once"(scene) {
    const [socket] = await members(scene, []);
    same(await poll(socket, "ask", { to: ["nobody"] }, 60_000), ["complete", []]);
    same(await poll(socket, "await", { others: true, to: ["nobody"] }, 60_000), ["complete", []]);
  },

  async "who does not answer in time is not waited for, and the other answers are there"(scene) {
    const sockets = await members(scene, ["a"], ["a"], ["a"]);
    answering(sockets.slice(0, 2));
    let late;
    sockets[2].on("question", (_question, ack) => (late = ack));
    for (const how of ["ask", "await"]) {
      same(await poll(sockets[0], how, { to: ["a"] }, 150), ["incomplete", [0, 1]]);
      late("late");
    }
    same(await poll(sockets[0], "ask", { to: ["a"], except: [sockets[2].id] }, 5000), ["complete", [0, 1]]);
  },

  async "who leaves without an answer is missing"(scene) {
    const sockets = await members(scene, ["a"], ["a"]);
    answering(sockets.slice(0, 1));
    sockets[1].on("question", () => sockets[1].disconnect());
    same(await poll(sockets[0], "ask", { to: ["a"] }, 300), ["incomplete", [0]]);
  },

  async "questions to many and their answers may be binary, and of several arguments the first counts"(scene) {
    const sockets = await members(scene, ["a"], ["a"]);
    sockets.forEach((socket) => socket.on("question", (bytes, ack) => ack(bytes, "ignored")));
    const [status, answers] = await ask(sockets[0], "ask-bytes", { to: ["a"] }, 5000, Buffer.of(1, 2, 3));
    same([status, answers.map((answer) => Buffer.from(answer))], ["complete", Array(2).fill(Buffer.of(1, 2, 3))]);
  },

  async "a selection is moved in and out of rooms"(scene) {
    const sockets = await members(scene, ["a"], ["a"], ["b"]);
    sockets[0].emit("move-in", { to: ["a"] }, ["x", "y"]);
    sockets[0].emit("move-in", { others: true, except: ["b"] }, ["z"]);
    sockets[0].emit("move-out", { to: [sockets[0].id] }, ["x", "a", "never joined"]);
    const found = await fetched(sockets[0], {});
    same(sockets.map(({ id }) => found.get(id).rooms), [["y"], ["a", "x", "y", "z"], ["b"]]);
    same([...(await fetched(sockets[0], { to: ["x"] })).keys()], [sockets[1].id]);
    same([...(await fetched(sockets[0], { others: true, to: ["y"], local: true })).keys()], [sockets[1].id]);
    equal((await fetched(sockets[0], { to: ["nobody"] })).size, 0);
  },

  async "a selection is disconnected, from the namespace or altogether"(scene) {
    const sockets = await members(scene, ["a"], ["b"], []);
    const others = await Promise.all(
      sockets.map(async (socket) => {
        const other = socket.io.socket("/custom");
        await next(other, "connect");
        return other;
      }),
    );
    const gone = [0, 1].map((i) => next(sockets[i], "disconnect"));
    const dragged = next(others[1], "disconnect");
    sockets[2].emit("throw-out", { to: ["a"] }, false);
    sockets[2].emit("throw-out", { others: true, to: ["b"] }, true);
    same((await Promise.all([...gone, dragged])).map(([reason]) => reason), Array(3).fill("io server disconnect"));
    same([others[0].connected, others[2].connected, sockets[2].connected], [true, true, true]);
    await ask(sockets[2], "join", []);
  },

  async "what is fetched has the fields of the reference"(scene) {
    const sockets = await Promise.all([
      scene.connect("/broadcasts", { auth: { token: "x" }, query: { room: "a" } }),
      scene.connect("/broadcasts"),
    ]);
    await ask(sockets[0], "join", ["a", "b"]);
    await ask(sockets[0], "set-data", { name: "é", list: [1] });
    const found = await fetched(sockets[1], {});
    same([...found.keys()].sort(), sockets.map(({ id }) => id).sort());
    const { handshake, ...rest } = found.get(sockets[0].id);
    same(rest, { rooms: ["a", "b"], data: { name: "é", list: [1] } });
    same(shape(handshake), {
      address: "string",
      auth: "object",
      headers: "object",
      issued: "number",
      query: "object",
      secure: "boolean",
      time: "string",
      url: "string",
      xdomain: "boolean",
    });
    same([handshake.auth, handshake.query.room], [{ token: "x" }, "a"]);
    const bare = found.get(sockets[1].id);
    same([bare.rooms, bare.data, bare.handshake.auth], [[], {}, {}]);
  },

  async "what is fetched can be spoken to, asked, moved and disconnected"(scene) {
    const [socket, other] = await members(scene, [], []);
    const { id } = other;
    const order = (what) => ask(socket, "order", id, what);
    const said = next(other, "said");
    await order("emit");
    same(await said, ["to you"]);
    await order("join");
    await order("leave");
    same((await fetched(socket, { to: [id] })).get(id).rooms, ["attic"]);
    same(await order("ask"), ["no answer"]);
    other.on("question", (who, ack) => ack(`${who}?`));
    same(await order("ask"), ["answered", "you?"]);
    const gone = next(other, "disconnect");
    await order("disconnect");
    equal((await gone)[0], "io server disconnect");
    equal((await fetched(socket, { to: [id] })).size, 0);
  },

  async "many hear long words, each as it was said"(scene) {
    const sockets = await members(scene, ...numbers(6).map(() => ["a"]));
    const words = ["é".repeat(30_000), { list: numbers(3000) }, Buffer.alloc(20_000, 7), "short"];
    for (const word of words) {
      const heard = sockets.map((socket) => next(socket, "said"));
      sockets[0].emit("say", { to: ["a"] }, word);
      for (const [what] of await Promise.all(heard)) {
        ok(Buffer.isBuffer(word) ? word.equals(Buffer.from(what)) : JSON.stringify(what) === JSON.stringify(word));
      }
    }
  },
};
