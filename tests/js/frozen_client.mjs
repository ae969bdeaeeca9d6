// A client on a thread of its own that joins a room, tells its id, and then blocks its thread for ever.
//
// For socketio_heartbeat.mjs; it is started as a worker with the arguments <url> <transport> <room>.

import { parentPort } from "node:worker_threads";
import { load } from "./packages.mjs";

const { io } = load("socket.io-client");
const [url, transport, room] = process.argv.slice(2);
const socket = io(`${url}/rooms`, transport === "upgrade" ? {} : { transports: [transport] });

socket.on("connect", () => {
  const { engine } = socket.io;
  if (transport === "upgrade" && engine.transport.name !== "websocket") engine.once("upgrade", join);
  else join();
});

function join() {
  socket.emit("join", room, () => {
    parentPort.postMessage(socket.id);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
}
