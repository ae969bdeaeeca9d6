// The official client at the examples: `example_clients.mjs <name> <url>` does what the first lines of that example say can be
// done with it.

import assert from "node:assert/strict";

import { load } from "./packages.mjs";
import { next, run } from "./verdicts.mjs";

const { io } = load("socket.io-client");
const [name, url] = process.argv.slice(2);

/** A socket that is connecting, until the scenario is over. */
function open(scene, namespace = "/", options = {}) {
  const socket = io(url + namespace, { forceNew: true, reconnection: false, ...options });
  scene.later(() => socket.disconnect());
  return socket;
}

/** A socket that is connected. */
async function connect(scene, namespace, options) {
  const socket = open(scene, namespace, options);
  await next(socket, "connect");
  return socket;
}

const clients = {
  async acks(scene) {
    const socket = await connect(scene);
    assert.equal(await socket.emitWithAck("add", 1, 2), 3);
    assert.deepEqual(await socket.emitWithAck("add", Number.MAX_SAFE_INTEGER, "x").then((a) => Object.keys(a)), ["error"]);
    socket.on("who are you", (answer) => answer("Ada", 36));
    assert.equal(await socket.emitWithAck("greet me"), "Good day, Ada, 36");
  },

  async auth(scene) {
    const [refusal] = await next(open(scene, "/members", { auth: { token: "guess" } }), "connect_error");
    assert.equal(refusal.message, "not authorized");
    assert.deepEqual(refusal.data, { code: 401, retry: false });
    const member = open(scene, "/members", { auth: { token: "open sesame" } });
    assert.deepEqual(await next(member, "welcome"), ["Ali Baba"]);
    assert.equal(await (await connect(scene)).emitWithAck("ping"), "pong");
  },

  async axum_router(scene) {
    const socket = await connect(scene);
    assert.equal(await socket.emitWithAck("ping"), "pong");
    assert.equal(await (await fetch(`${url}/online`)).text(), "1");
    const announcement = next(socket, "announcement");
    assert.equal((await fetch(`${url}/announce`, { method: "POST", body: "hello" })).status, 200);
    assert.deepEqual(await announcement, ["hello"]);
    assert.match(await (await fetch(url)).text(), /Socket\.IO/);
  },

  async chat(scene) {
    const enter = (name) => connect(scene, "/", { auth: { name, room: "lobby" } });
    const ada = await enter("Ada");
    const joined = next(ada, "joined");
    const bob = await enter("Bob");
    assert.deepEqual(await joined, ["Bob"]);
    const message = next(bob, "message");
    assert.equal(await ada.emitWithAck("message", "hello"), "delivered");
    assert.deepEqual(await message, ["Ada", "hello"]);
    const left = next(ada, "left");
    bob.disconnect();
    assert.deepEqual(await left, ["Bob"]);
    const [refusal] = await next(open(scene, "/", { auth: { name: "", room: "" } }), "connect_error");
    assert.equal(refusal.message, "a name and a room, please");
  },

  async echo(scene) {
    const socket = await connect(scene);
    const sent = [1, "two", Buffer.from("three")];
    assert.deepEqual(await new Promise((resolve) => socket.emit("hello", ...sent, (...back) => resolve(back))), sent);
    const back = next(socket, "again");
    socket.emit("again", ...sent);
    assert.deepEqual(await back, sent);
  },

  async rooms(scene) {
    const [ada, bob, eve] = [await connect(scene), await connect(scene), await connect(scene)];
    const host = await connect(scene, "/host");
    assert.equal(await ada.emitWithAck("join team", "red"), 1);
    const joined = next(ada, "joined");
    assert.equal(await bob.emitWithAck("join team", "red"), 2);
    assert.deepEqual(await joined, [bob.id]);
    assert.deepEqual(await eve.emitWithAck("join team", "green"), { error: "no such team" });
    assert.deepEqual((await eve.emitWithAck("who plays")).sort(), [ada.id, bob.id].sort());

    const questions = [ada, bob, eve].map((socket) => next(socket, "question"));
    await host.emitWithAck("begin", "what is it?");
    assert.deepEqual(await Promise.all(questions), Array(3).fill(["what is it?"]));
    const answered = next(ada, "answered");
    bob.emit("answer", "42");
    assert.deepEqual(await answered, [bob.id, "42"]);
    assert.equal(await host.emitWithAck("final", "red"), 2);

    const [left, gone] = [next(ada, "left"), bob.id];
    bob.disconnect();
    assert.deepEqual(await left, [gone]);
    const end = next(ada, "disconnect");
    host.emit("close");
    assert.equal((await end)[0], "io server disconnect");
  },
};

await run({ [name]: clients[name] });
