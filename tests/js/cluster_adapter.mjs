// A reference server in a cluster of two, with the official ClusterAdapterWithHeartbeat: its messages go over one TCP connection,
// each behind its length in four bytes, in the formats of the reference's sharded Redis adapter.
//
// It prints `listening <port>`, the port for the other server, and `left <uid>` when its adapter gives up on one.

import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { once } from "node:events";
import { load } from "./packages.mjs";

const { Server } = load("socket.io");
const { io: connect } = load("socket.io-client");
const { ClusterAdapterWithHeartbeat } = load("socket.io-adapter");
const notepack = load("notepack.io");

const NAMESPACE = "/chat";

// Those types of message that may hold binary data.
const MAY_BE_BINARY = new Set([3, 8, 9, 10, 12]);

let wire;

function hasBinary(value) {
  if (value === null || typeof value !== "object") return false;
  if (Buffer.isBuffer(value) || ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return true;
  return Object.values(value).some(hasBinary);
}

function send(message) {
  const isBinary = MAY_BE_BINARY.has(message.type) && hasBinary(message);
  const bytes = isBinary ? notepack.encode(message) : Buffer.from(JSON.stringify(message));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  wire?.write(Buffer.concat([length, bytes]));
}

class WireAdapter extends ClusterAdapterWithHeartbeat {
  doPublish(message) {
    send(message);
    return Promise.resolve("");
  }

  doPublishResponse(_requester, response) {
    send(response);
    return Promise.resolve();
  }

  removeNode(uid) {
    super.removeNode(uid);
    console.log(`left ${uid}`);
  }
}

function receive(socket, handle) {
  let buffered = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    buffered = Buffer.concat([buffered, chunk]);
    while (buffered.length >= 4 && buffered.length >= 4 + buffered.readUInt32BE(0)) {
      const end = 4 + buffered.readUInt32BE(0);
      const bytes = buffered.subarray(4, end);
      buffered = buffered.subarray(end);
      handle(bytes[0] === "{".charCodeAt(0) ? JSON.parse(bytes.toString()) : notepack.decode(bytes));
    }
  });
}

const http = createHttpServer();
const io = new Server(http, { adapter: WireAdapter });
const chat = io.of(NAMESPACE);

chat.on("connection", (socket) => {
  const { name } = socket.handshake.auth;
  socket.data = { name, picture: Buffer.from(name) };
  socket.join(`room of ${name}`);
});

// What the other server asks of this one.
chat.on("add", (one, other, done) => done(one + other));
chat.on("swap", (bytes, done) => done({ swapped: Buffer.from(bytes).reverse() }));
chat.on("never", () => {});

// Asks the other server everything, and tells it what came of it.
chat.on("ask me", async () => {
  const acks = await chat.timeout(5000).emitWithAck("from the reference", Buffer.from([1, 2]));
  const sockets = await chat.fetchSockets();
  const answers = await chat.serverSideEmitWithAck("which server", { n: 1 });
  chat.in("their room").socketsJoin(["x", "y"]);
  chat.in("their room").socketsLeave("x");
  chat.except("their room").disconnectSockets(true);
  const details = sockets.filter((socket) => !chat.sockets.has(socket.id));
  const found = details.map(({ id, handshake, rooms, data }) => ({ id, url: handshake.url, rooms: [...rooms], data }));
  const foreign = acks.filter((ack) => ack?.client !== undefined);
  chat.serverSideEmit("what came of it", { acks: foreign, found, answers });
});

chat.on("leave", () => chat.adapter.close());

http.listen(0, "127.0.0.1");
await once(http, "listening");
const clients = ["one", "two"].map((name) => {
  const url = `http://127.0.0.1:${http.address().port}${NAMESPACE}`;
  const client = connect(url, { transports: ["websocket"], forceNew: true, auth: { name } });
  client.on("question", (value, bytes, done) => done({ name, value, bytes }, "a second argument"));
  client.on("from the reference", (_bytes, done) => done("a client of its own"));
  return client;
});
await Promise.all(clients.map((client) => once(client, "connect")));

const listener = createServer((socket) => {
  wire = socket;
  receive(socket, (message) => chat.adapter.onMessage(message));
  chat.adapter.init();
});
listener.listen(0, "127.0.0.1", () => console.log(`listening ${listener.address().port}`));
