// Payloads of revision 3 made and read by the official parser, over plain HTTP: `legacy_payloads.mjs <url> <transport>`.
//
// The old client sends binary as base64 in Node, since it finds no XMLHttpRequest with types; browsers send bytes. This is what a
// browser would send and get, and the answer is judged by the parser that it would use. The transport does not matter.

import { deepStrictEqual as same, ok, strictEqual as equal } from "node:assert";
import { load } from "./packages.mjs";
import { run } from "./verdicts.mjs";

const { parser } = load("engine.io-client-v3");
const [url] = process.argv.slice(2);

const message = (data) => ({ type: "message", data });
const encode = (packets, binary) => new Promise((resolve) => parser.encodePayload(packets, binary, resolve));

function decode(payload) {
  const packets = [];
  parser.decodePayload(payload, null, (packet) => void packets.push(packet));
  return packets;
}

/** A session: what to add to the address, and how to send and receive. */
async function open(query) {
  const address = `${url}/engine.io/?transport=polling${query}`;
  const answer = await fetch(address);
  const [{ type, data }] = decode(await answer.text());
  equal(type, "open");
  const session = `${address}&sid=${JSON.parse(data).sid}`;
  return {
    async send(body, type) {
      const answer = await fetch(session, { method: "POST", body, headers: { "content-type": type } });
      same([answer.status, await answer.text()], [200, "ok"]);
    },
    async receive() {
      const answer = await fetch(session);
      const type = answer.headers.get("content-type");
      const binary = type === "application/octet-stream";
      return [type, decode(binary ? Buffer.from(await answer.arrayBuffer()) : await answer.text())];
    },
  };
}

const TEXT = "text/plain; charset=UTF-8";
const BYTES = "application/octet-stream";
const mixed = [message("é€😀"), message(Buffer.from(Array.from({ length: 300 }, (_, i) => i))), message("4"), message(Buffer.alloc(0))];

/** Sends the packets in this form and expects their echo with that content type. */
async function expectEcho(query, packets, sentAsBytes, expected) {
  const session = await open(query);
  const body = await encode(packets, sentAsBytes);
  await session.send(body, Buffer.isBuffer(body) ? BYTES : TEXT);
  const got = [];
  while (got.length < packets.length) {
    const [type, more] = await session.receive();
    ok(type === expected || (type === TEXT && more.every(({ data }) => typeof data === "string")), type);
    got.push(...more);
  }
  same(got.map(({ type, data }) => ({ type, data: data ?? "" })), packets);
}

await run({
  async "text stays text, with lengths in UTF-16"() {
    await expectEcho("&EIO=3", [message("é€😀"), message(":1:"), message("x".repeat(70_000))], true, TEXT);
  },
  async "bytes are sent and received as bytes"() {
    await expectEcho("&EIO=3", mixed, true, BYTES);
  },
  async "base64 is sent, and bytes are received by who takes them"() {
    await expectEcho("&EIO=3", mixed, false, BYTES);
  },
  async "who takes no binary gets base64"() {
    await expectEcho("&EIO=3&b64=1", mixed, true, TEXT);
    await expectEcho("&b64=1", mixed, false, TEXT);
  },
});
