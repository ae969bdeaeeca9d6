// A reference server that writes down what it sees, for the tests of the Rust client: each engine connection, each request,
// each event.
//
// Takes the options of `Server` as one JSON argument, with `msgpack: true` for that parser, and prints `listening <port>`; then a
// line for all that happens, which a test reads while the server runs or after it has been killed. Any name is a namespace.
import { createServer } from "node:http";
import { load } from "./packages.mjs";

const { Server } = load("socket.io");

const { msgpack, sticky, ...options } = JSON.parse(process.argv[2] ?? "{}");

let sessions = 0;
const http = createServer();
const io = new Server(http, { ...options, ...(msgpack ? { parser: load("socket.io-msgpack-parser") } : {}) });
watchRequests();
io.engine.on("connection", (session) => {
  console.log(`session ${++sessions} ${session.transport.name}`);
  session.on("upgrade", (transport) => console.log(`upgraded ${transport.name}`));
  session.on("close", (reason) => console.log(`closed ${reason}`));
});
// [B9] A cookie such as one that a load balancer sets to find the same backend again.
if (sticky) io.engine.on("initial_headers", (headers) => (headers["set-cookie"] = `backend=${sticky}; Path=/`));

const tries = new Map();
const held = [];
io.on("connection", serve);
io.of(/^\/.+$/).on("connection", serve);

http.listen(0, "127.0.0.1", () => console.log(`listening ${http.address().port}`));

function serve(socket) {
  console.log(`joined ${socket.nsp.name} ${JSON.stringify(socket.handshake.auth)}`);
  socket.on("disconnect", (reason) => console.log(`left ${socket.nsp.name} ${reason}`));
  socket.on("number", (n, ...rest) => {
    console.log(`got ${n}`);
    if (typeof rest.at(-1) === "function") rest.at(-1)(n);
  });
  socket.on("mark", (word) => console.log(`mark ${word}`));
  socket.on("where", (ack) => ack(socket.nsp.name, socket.id, sessions));
  socket.on("handshake", (ack) => ack(socket.handshake));
  socket.on("wire", (ack) => {
    const wire = socket.conn.transport.socket;
    ack(socket.conn.transport.name, wire?.extensions ?? "", wire?._socket?.bytesRead ?? 0);
  });
  // [E47] Answers only the nth time that it hears the word.
  socket.on("stubborn", (word, needed, ack) => {
    const count = (tries.get(word) ?? 0) + 1;
    tries.set(word, count);
    console.log(`try ${word} ${count}`);
    if (count >= needed) ack(word, count);
  });
  // [R21] Questions that are answered together, the last one first.
  socket.on("hold", (label, count, ack) => {
    held.push(() => ack(label, socket.nsp.name));
    if (held.length === count) while (held.length > 0) held.pop()();
  });
  // [R21] Acknowledgements that nobody asked for, or that come twice.
  socket.on("muddle", (ids, ack) => {
    for (const id of ids) socket.packet({ type: 3, id, data: ["nobody asked"] });
    ack("once");
    for (const id of ids) socket.packet({ type: 3, id, data: ["twice"] });
  });
  socket.on("leave", () => socket.disconnect());
  socket.on("cut", () => socket.conn.close());
  socket.on("ask", (n) => {
    for (let i = 0; i < n; i++) socket.emit("question", i, (answer) => console.log(`answer ${i} ${answer}`));
  });
}

// Every request and the status of its answer. It has to come after the engine, which takes away who listened before.
function watchRequests() {
  const line = ({ method, url, headers }) => {
    const transport = new URL(url, "http://x").searchParams.get("transport");
    const seen = { path: url.split("?")[0], cookie: headers.cookie, token: headers["x-token"] };
    return `${method} ${transport} ${JSON.stringify(seen)}`;
  };
  http.on("request", (request, response) => {
    console.log(`request ${line(request)}`);
    response.on("finish", () => console.log(`status ${response.statusCode}`));
  });
  http.on("upgrade", (request) => console.log(`upgrade ${line(request)}`));
}
