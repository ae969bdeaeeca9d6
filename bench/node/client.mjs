// The official client, measured as the programs in ../clients are: a URL, `event` or `ask`, and a count.

import { locked } from "./workload.mjs";

const { io } = locked("socket.io-client");
const [url, kind, words] = process.argv.slice(2);
const count = Number(words);
const socket = io(url, { transports: ["websocket"] });
let seen = 0;
let finish;
const all = new Promise((resolve) => (finish = resolve));
socket.on("event", () => {
  seen += 1;
  if (seen === count) finish();
});
await new Promise((resolve) => socket.on("connect", resolve));
const before = process.cpuUsage();
const started = performance.now();
if (kind === "ask") {
  for (let i = 0; i < count; i += 1) await socket.emitWithAck("ask", "0123456789abcdef");
} else {
  socket.emit("flood", count);
  await all;
}
const { user, system } = process.cpuUsage(before);
const seconds = (performance.now() - started) / 1000;
console.log(JSON.stringify({ count, seconds, cpu_us_each: (user + system) / count }));
process.exit(0);
