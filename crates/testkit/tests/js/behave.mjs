// A script that does as it is told, for the tests of the launchers: its first argument says how to behave.

import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { load } from "../../../../tests/js/packages.mjs";

const [how, ...rest] = process.argv.slice(2);

const forever = () => setInterval(() => {}, 60_000);

const ways = {
  // Says where it is, what it was given, and that a package could be loaded.
  report() {
    console.log(JSON.stringify({ cwd: process.cwd(), rest, env: process.env.TESTKIT_TEST, io: typeof load("socket.io-client").io }));
    console.error("a remark");
  },
  fail() {
    console.log("the last words on stdout");
    console.error("the last words on stderr");
    process.exitCode = 3;
  },
  hang() {
    console.log("still here");
    forever();
  },
  // Does not listen to a polite request to end.
  resist() {
    process.on("SIGTERM", () => console.log("asked to end"));
    console.log("still here");
    forever();
  },
  // Leaves a child behind that would live for a minute; says its number.
  leave() {
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 60_000)"], { stdio: "inherit" });
    child.unref();
    console.log(child.pid);
  },
  listen() {
    const server = createServer((_, response) => response.end("hello"));
    server.listen(Number(rest[0] ?? 0), "127.0.0.1", () => {
      console.log("a line before it");
      console.log(`listening ${server.address().port}`);
      console.log(`process ${process.pid}`);
    });
  },
};

ways[how]();
