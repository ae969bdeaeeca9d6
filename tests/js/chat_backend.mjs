// The chat of `sio serve` with the official client and without the page: `chat_backend.mjs <url>`.
//
// Owns the events of the chat as the page relies on them, and the refusals of what the page never sends. What the page shows is
// tested by chat_page.mjs. Verdicts go to standard output.

import assert from "node:assert/strict";
import { load } from "./packages.mjs";
import { collect, next, numbers, run, within, DEADLINE } from "./verdicts.mjs";

const { io } = load("socket.io-client");
const [url] = process.argv.slice(2);

let rooms = 0;
const newRoom = () => `room ${(rooms += 1)}`;

async function connect(scene, options = {}) {
  const socket = io(url, { forceNew: true, reconnection: false, ...options });
  scene.later(() => socket.disconnect());
  await next(socket, "connect");
  return socket;
}

const ask = (socket, event, ...args) => within(DEADLINE, socket.emitWithAck(event, ...args), `"${event}" is not acknowledged`);

async function enter(scene, room, name, options) {
  const socket = await connect(scene, options);
  const answer = await ask(socket, "join", { room, name });
  assert.equal(answer.ok, true, answer.error);
  return Object.assign(socket, { answer });
}

function refused(answer, part) {
  assert.deepEqual(Object.keys(answer).sort(), ["error", "ok"]);
  assert.equal(answer.ok, false);
  assert.match(answer.error, part);
}

const person = ({ id, name, time }) => {
  assert.ok(Math.abs(Date.now() - time) < 60_000, `time ${time}`);
  return { id, name };
};

const png = Buffer.from([0x89, 0x50, 0x4e, 0x47]);

await run({
  "the members come in order of arrival with distinct names": async (scene) => {
    const room = newRoom();
    const ada = await enter(scene, `  ${room} `, "\tAda ");
    assert.deepEqual(ada.answer, { ok: true, room, name: "Ada", members: [{ id: ada.id, name: "Ada" }] });
    const joined = next(ada, "joined");
    const second = await enter(scene, room, "Ada");
    assert.deepEqual(second.answer.members, [{ id: ada.id, name: "Ada" }, { id: second.id, name: "Ada (2)" }]);
    assert.deepEqual(person((await joined)[0]), { id: second.id, name: "Ada (2)" });
  },
  "what is said reaches the others in the room and nobody else": async (scene) => {
    const room = newRoom();
    const [ada, grace, elsewhere] = [await enter(scene, room, "Ada"), await enter(scene, room, "Grace"), await enter(scene, newRoom(), "Edsger")];
    const misled = [];
    for (const socket of [ada, elsewhere]) for (const event of ["message", "picture", "typing"]) socket.on(event, () => misled.push(event));
    const heard = ["typing", "message", "picture"].map((event) => next(grace, event));
    ada.emit("typing", true);
    const said = await ask(ada, "message", { text: "hello" });
    const shown = await ask(ada, "picture", { type: "image/png", data: png });
    const [typing, message, picture] = (await Promise.all(heard)).map(([first]) => first);
    assert.deepEqual(typing, { id: ada.id, name: "Ada", typing: true });
    assert.deepEqual(message, { id: ada.id, name: "Ada", text: "hello", time: said.time });
    assert.deepEqual(picture, { id: ada.id, name: "Ada", type: "image/png", data: png, caption: "", time: shown.time });
    assert.deepEqual([said.ok, shown.ok, Object.keys(said).length], [true, true, 2]);
    await ask(elsewhere, "rooms");
    assert.deepEqual(misled, []);
  },
  "everybody hears of every change of the list of rooms": async (scene) => {
    const onlooker = await connect(scene);
    const room = newRoom();
    const count = (list) => list.find(({ name }) => name === room)?.members;
    const changes = [];
    const gone = new Promise((resolve) => onlooker.on("rooms", (list, ...more) => {
      assert.equal(more.length, 0);
      const now = count(list);
      if (changes.at(-1) !== now) changes.push(now);
      if (changes.length > 1 && now === undefined) resolve();
    }));
    const [ada, grace] = [await enter(scene, room, "Ada"), await enter(scene, room, "Grace")];
    const { ok, rooms: list } = await ask(onlooker, "rooms");
    assert.deepEqual([ok, count(list)], [true, 2]);
    ada.disconnect();
    grace.disconnect();
    await within(DEADLINE, gone, "the room does not go");
    assert.deepEqual(changes.filter((n) => n !== undefined), [1, 2, 1]);
  },
  "who disconnects has left at once, over polling as well": async (scene) => {
    for (const transports of [["polling"], ["websocket"]]) {
      const room = newRoom();
      const ada = await enter(scene, room, "Ada");
      const grace = await enter(scene, room, "Grace", { transports });
      const { id } = grace;
      const left = next(ada, "left");
      grace.io.engine.close();
      assert.deepEqual(person((await left)[0]), { id, name: "Grace" });
      assert.equal((await ask(ada, "join", { room, name: "Ada" })).members.length, 1);
    }
  },
  "joining elsewhere leaves, and a refused join does not": async (scene) => {
    const [here, there] = [newRoom(), newRoom()];
    const [ada, grace] = [await enter(scene, here, "Ada"), await enter(scene, here, "Grace")];
    refused(await ask(grace, "join", { room: "", name: "Grace" }), /room/);
    refused(await ask(grace, "join", { room: there, name: "x".repeat(41) }), /name/);
    const message = next(ada, "message");
    assert.equal((await ask(grace, "message", { text: "still here" })).ok, true);
    assert.equal((await message)[0].text, "still here");
    const left = next(ada, "left");
    assert.equal((await ask(grace, "join", { room: there, name: "Grace" })).name, "Grace");
    assert.deepEqual(person((await left)[0]), { id: grace.id, name: "Grace" });
    const again = await ask(ada, "join", { room: here, name: "Ada" });
    assert.deepEqual([again.name, again.members.length], ["Ada", 1]);
  },
  "what the page never sends is refused with a text": async (scene) => {
    const ada = await connect(scene);
    refused(await ask(ada, "message", { text: "hello" }), /Join a room/);
    refused(await ask(ada, "picture", { type: "image/png", data: png }), /Join a room/);
    for (const wrong of [[], [null], [1], [{}], [{ room: 1, name: "x" }], [{ room: "r" }], [[["r", "x", 1]]], [{ room: png, name: "x" }]]) {
      refused(await ask(ada, "join", ...wrong), /understand/);
    }
    await ask(ada, "join", { room: newRoom(), name: "Ada" });
    for (const [text, part] of [[1, /understand/], [null, /understand/], ["", /1 to 4000/], [" ", /1 to 4000/], ["é".repeat(4001), /1 to 4000/]]) {
      refused(await ask(ada, "message", { text }), part);
    }
    for (const [picture, part] of [
      [{ type: "image/png", data: "text" }, /binary/],
      [{ type: "image/png", data: [1, 2] }, /binary/],
      [{ type: "image/png", data: "text", other: png }, /understand/],
      [{ type: "image/svg+xml", data: png }, /PNG/],
      [{ type: "image/png", data: Buffer.alloc(0) }, /bytes/],
      [{ type: "image/png", data: Buffer.alloc(700_001) }, /bytes/],
      [{ type: "image/png", data: png, caption: 1 }, /understand/],
    ]) refused(await ask(ada, "picture", picture), part);
    ada.emit("typing", "yes");
    ada.emit("join");
    assert.equal((await ask(ada, "message", { text: "é".repeat(4000) })).ok, true, "and the socket is as before");
  },
  "a room named like somebody's id is not that somebody": async (scene) => {
    const [ada, grace] = [await enter(scene, newRoom(), "Ada"), await connect(scene)];
    await ask(grace, "join", { room: ada.id, name: "Grace" });
    const heard = [];
    ada.on("message", (message) => heard.push(message));
    await ask(grace, "message", { text: "psst" });
    await ask(ada, "rooms");
    assert.deepEqual(heard, []);
  },
  "whoever comes while others come and go counts right": async (scene) => {
    const room = newRoom();
    const crowd = await Promise.all(numbers(20).map(() => connect(scene, { transports: ["websocket"] })));
    const views = crowd.map((socket) => {
      const members = new Map();
      socket.on("joined", ({ id, name }) => { assert.ok(!members.has(id)); members.set(id, name); });
      socket.on("left", ({ id }) => assert.ok(members.delete(id)));
      return members;
    });
    await Promise.all(crowd.map((socket, i) => within(DEADLINE, new Promise((resolve) => socket.emit("join", { room, name: "Ada" }, (answer) => {
      views[i].clear();
      for (const { id, name } of answer.members) views[i].set(id, name);
      resolve();
    })), "no answer")));
    // An answer to each comes after everything that was sent to it before.
    await Promise.all(crowd.map((socket) => ask(socket, "rooms")));
    const names = numbers(20).map((i) => (i === 0 ? "Ada" : `Ada (${i + 1})`)).sort();
    for (const members of views) assert.deepEqual([...members.values()].sort(), names);
    const farewell = collect(crowd[0], "left", 19);
    for (const socket of crowd.slice(1)) socket.disconnect();
    await farewell;
    assert.deepEqual([...views[0].keys()], [crowd[0].id]);
  },
});
