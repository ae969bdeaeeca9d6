// The MessagePack parser of npm, one way or the other, over one table of packets.
//
//     node tests/js/msgpack_packets.mjs encode             prints `<hex> <name>` for each packet of the table
//     node tests/js/msgpack_packets.mjs decode <file>      decodes each packet in the JSON file, `{name: hex}`, and compares
//                                                          it with what it must be: prints `ok <name>` or `failed …`
//     node tests/js/msgpack_packets.mjs verdicts <file>    prints `accepted` or `refused` for each packet in the JSON file,
//                                                          a list of hex
//
// What comes back from Rust has been JSON in between, so a date is its text, undefined is null or left out, and the
// `options` that a client sends along are gone. Leaves out what Rust reads in the bytes, which the test has.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { load } from "./packages.mjs";

const { Encoder, Decoder } = load("socket.io-msgpack-parser");

const data = Buffer.from([0, 1, 254, 255]);
const event = (...args) => ({ type: 2, data: ["x", ...args], nsp: "/" });

// The packet, and what it must be after its way through Rust where that is not the same.
const table = {
  "connect without a payload": [{ type: 0, data: undefined, nsp: "/" }, { type: 0, nsp: "/" }],
  "connect with a payload": [{ type: 0, data: { token: "123" }, nsp: "/admin" }],
  "connect as the server answers it": [{ type: 0, data: { sid: "CjdVH4TQvovi1VvgAAAB", pid: "p" }, nsp: "/" }],
  disconnect: [{ type: 1, nsp: "/chat" }],
  "connect error": [{ type: 4, data: { message: "no", data: { code: 7 } }, nsp: "/" }],
  "connect error of text": [{ type: 4, data: "no", nsp: "/" }],
  "event as the client sends it": [
    { type: 2, data: ["hello", 1, "2", { three: [4] }], options: { compress: true }, id: 456, nsp: "/chat" },
    { type: 2, data: ["hello", 1, "2", { three: [4] }], id: 456, nsp: "/chat" },
  ],
  "event with a number for a name": [{ type: 2, data: [7, null], nsp: "/" }],
  "ack without arguments": [{ type: 3, data: [], id: 0, nsp: "/" }],
  "ack with binary": [{ type: 3, data: [data, { again: data }], id: 9007199254740991, nsp: "/" }],
  scalars: [event(null, true, false, "", "é😀", "a".repeat(40), "é".repeat(200), "b".repeat(70000))],
  integers: [
    event(
      0, 1, 127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296, 9007199254740991,
      -1, -32, -33, -128, -129, -32768, -32769, -2147483648, -2147483649, -9007199254740991,
    ),
  ],
  floats: [event(0.5, -1.25, 1e-7, 4503599627370495.5, 5e-324, Math.PI)],
  "no numbers": [event(NaN, Infinity, -Infinity), event(null, null, null)],
  lists: [event([], [[]], Array(15).fill(0), Array(16).fill(1), Array(70000).fill(2))],
  objects: [event({}, { a: { b: { "": 1 } } }, Object.fromEntries([...Array(70).keys()].map((i) => [`k${i}`, i])))],
  binary: [event(data, Buffer.alloc(0), Buffer.alloc(300, 1), [{ deep: Buffer.alloc(70000, 2) }])],
  "array buffers": [
    event(new Uint8Array([1, 2]).buffer, new Uint8Array(8).buffer, new Uint8Array(300).fill(3)),
    event(Buffer.from([1, 2]), Buffer.alloc(8), Buffer.alloc(300, 3)),
  ],
  dates: [
    event(new Date(0), { at: new Date(-1) }, new Date(1709210096789), new Date(8.64e15), new Date(-8.64e15)),
    event(
      "1970-01-01T00:00:00.000Z", { at: "1969-12-31T23:59:59.999Z" }, "2024-02-29T12:34:56.789Z",
      "+275760-09-13T00:00:00.000Z", "-271821-04-20T00:00:00.000Z",
    ),
  ],
  undefined: [event(undefined, [undefined], { a: undefined, b: 1 }), event(null, [null], { b: 1 })],
  "placeholder without binary": [event({ _placeholder: true, num: 0 })],
};

const packets = process.argv[3] === undefined ? undefined : JSON.parse(readFileSync(process.argv[3], "utf8"));

function decode(hex) {
  const decoder = new Decoder();
  const decoded = [];
  decoder.on("decoded", (packet) => decoded.push(packet));
  decoder.add(Buffer.from(hex, "hex"));
  assert.equal(decoded.length, 1);
  return decoded[0];
}

switch (process.argv[2]) {
  case "encode":
    for (const [name, [packet]] of Object.entries(table)) {
      const [message, ...more] = new Encoder().encode(packet);
      assert.equal(more.length, 0);
      console.log(`${message.toString("hex")} ${name}`);
    }
    break;
  case "decode":
    for (const [name, [packet, expected = packet]] of Object.entries(table)) {
      try {
        assert.deepStrictEqual(decode(packets[name]), expected);
        console.log(`ok ${name}`);
      } catch (error) {
        console.log(`failed ${name}: ${String(error).slice(0, 400).replaceAll("\n", " | ")}`);
      }
    }
    break;
  case "verdicts":
    for (const hex of packets) {
      try {
        decode(hex);
        console.log("accepted");
      } catch {
        console.log("refused");
      }
    }
    break;
  default:
    throw new Error("encode, decode or verdicts");
}
