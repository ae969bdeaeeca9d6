// The official engine.io-client against the test server's echo:
// `engineio_client.mjs <url> <polling|websocket|upgrade|jsonp> [echo|heartbeat] [package]`.
//
// With `heartbeat`, only the scenarios that need a server with a short heartbeat are run. The package is the client to run them
// with: the current one, or that of revision 3. Verdicts go to standard output.

import { deepStrictEqual as same, ok, strictEqual as equal } from "node:assert";
import { installDocument } from "./jsonp_document.mjs";
import { load } from "./packages.mjs";
import { silenceableProxy } from "./silenceable_proxy.mjs";
import { collect, next, numbers, run } from "./verdicts.mjs";

const [url, transport, kind = "echo", client = "engine.io-client"] = process.argv.slice(2);
const { Socket } = load(client);

const options = {
  path: "/engine.io",
  ...(transport === "upgrade" ? {} : { transports: [transport === "jsonp" ? "polling" : transport] }),
  forceJSONP: transport === "jsonp",
};
if (transport === "jsonp") installDocument();

/** A connected session, with its id as `sid` (the client forgets `id` when it closes); it is closed with the scene. */
async function connect(scene, address = url, more = {}) {
  const session = new Socket(address, { ...options, ...more });
  scene.later(() => session.close());
  await next(session, "open");
  session.sid = session.id;
  return session;
}

/** Asks the server, over a session of its own, why that session was closed. */
async function reasonOf(scene, sid) {
  const witness = await connect(scene, url, { transports: ["websocket"] });
  witness.send(`please tell ${sid}`);
  return (await next(witness, "message"))[0];
}

/** A session that has come to its final transport. */
async function settle(session) {
  if (transport === "upgrade" && session.transport.name !== "websocket") await next(session, "upgrade");
  equal(session.transport.name, { upgrade: "websocket", jsonp: "polling" }[transport] ?? transport);
}

const echoes = {
  async "the session comes to the transport it was asked for"(scene) {
    await settle(await connect(scene));
  },

  async "text is echoed"(scene) {
    const session = await connect(scene);
    for (const text of ["hello", "é€😀 \u2028 \0 \r\n", "4", "b64", "x".repeat(100_000)]) {
      session.send(text);
      same(await next(session, "message"), [text]);
    }
  },

  async "binary is echoed"(scene) {
    const session = await connect(scene);
    for (const bytes of [Buffer.of(1, 2, 3), Buffer.alloc(0), Buffer.from(numbers(70_000))]) {
      session.send(bytes);
      const [got] = await next(session, "message");
      ok(Buffer.isBuffer(got) || got instanceof ArrayBuffer, `binary, not ${typeof got}`);
      same(Buffer.from(got), bytes);
    }
  },

  async "text and binary keep their order"(scene) {
    const session = await connect(scene);
    const sent = ["a", Buffer.of(1), "b", Buffer.of(2), "c"];
    const got = collect(session, "message", sent.length);
    for (const message of sent) session.send(message);
    same((await got).map(([message]) => (typeof message === "string" ? message : Buffer.from(message))), sent);
  },

  // R6: sent from the first moment on and until well after the upgrade, so that it happens in the middle of the stream.
  async "a numbered stream is echoed without loss, doubling or disorder"(scene) {
    for (let round = 0; round < 5; round++) {
      const session = await connect(scene);
      const got = [];
      session.on("message", (text) => got.push(Number(text)));
      const arrived = settle(session);
      let sent = 0;
      let isSettled = false;
      arrived.then(() => (isSettled = true));
      while (sent < 400 || !isSettled) {
        session.send(String(sent++));
        if (sent % 10 === 0) await new Promise(setImmediate);
      }
      await arrived;
      for (const last = sent + 100; sent < last; ) session.send(String(sent++));
      while (got.length < sent) await next(session, "message");
      same(got, numbers(sent));
    }
  },

  // R6: the server's own stream, again and again from the first moment until after the upgrade.
  async "numbered streams from the server arrive without loss, doubling or disorder"(scene) {
    const session = await connect(scene);
    let streams = 0;
    do {
      const got = collect(session, "message", 300);
      session.send("please count 300");
      same((await got).map(([text]) => Number(text)), numbers(300));
      session.off("message");
      streams++;
    } while (streams < 5 || (transport === "upgrade" && session.transport.name !== "websocket"));
    await settle(session);
  },

  async "many sessions do not mix their messages"(scene) {
    const sessions = await Promise.all(numbers(20).map(() => connect(scene)));
    const got = sessions.map((session) => collect(session, "message", 20));
    for (const n of numbers(20)) sessions.forEach((session, i) => session.send(`${i}:${n}`));
    for (const [i, messages] of (await Promise.all(got)).entries()) {
      same(messages, numbers(20).map((n) => [`${i}:${n}`]));
    }
  },

  // B31: the client cuts its payloads to the server's limit.
  async "a backlog larger than one payload passes"(scene) {
    const session = await connect(scene);
    const sent = numbers(6).map((n) => String(n).repeat(300_000));
    const got = collect(session, "message", sent.length);
    for (const text of sent) session.send(text);
    same((await got).map(([text]) => text.length + text[0]), sent.map((text) => text.length + text[0]));
  },

  async "the client closes"(scene) {
    const session = await connect(scene);
    await settle(session);
    const closed = next(session, "close");
    session.close();
    equal((await closed)[0], "forced close");
    equal(await reasonOf(scene, session.sid), "transport close");
  },

  async "the client closes during the upgrade, and what it said before arrives"(scene) {
    const session = await connect(scene);
    const echo = next(session, "message");
    session.send("last words");
    await echo;
    const closed = next(session, "close");
    session.close();
    equal((await closed)[0], "forced close");
    equal(await reasonOf(scene, session.sid), "transport close");
  },

  async "the server closes"(scene) {
    const session = await connect(scene);
    await settle(session);
    session.send("please close");
    // Over polling, the POST that carries the request may be cut off by the close itself.
    const [reason] = await next(session, "close");
    ok(["transport close", "transport error"].includes(reason), reason);
    equal(await reasonOf(scene, session.sid), "forced close");
  },

  async "the server closes before the upgrade is done"(scene) {
    const session = await connect(scene);
    session.send("please close");
    const [reason] = await next(session, "close");
    ok(["transport close", "transport error"].includes(reason), reason);
    equal(await reasonOf(scene, session.sid), "forced close");
  },
};

// The old client puts all that waits into one POST, however large.
if (client !== "engine.io-client") delete echoes["a backlog larger than one payload passes"];

const heartbeats = {
  async "the heartbeat keeps a session alive"(scene) {
    const session = await connect(scene);
    await collect(session, "ping", 4);
    session.send("still here");
    same(await next(session, "message"), ["still here"]);
  },

  async "both sides report a ping timeout when nothing passes any more"(scene) {
    const proxy = await silenceableProxy(url);
    scene.later(proxy.close);
    const session = await connect(scene, proxy.url);
    await settle(session);
    proxy.silence();
    equal((await next(session, "close"))[0], "ping timeout");
    equal(await reasonOf(scene, session.sid), "ping timeout");
  },
};

await run(kind === "heartbeat" ? heartbeats : echoes);
