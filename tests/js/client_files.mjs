// The files of the browser client as the test server serves them: `client_files.mjs <url> polling`.
//
// Verdicts go to standard output.

import { strictEqual as equal } from "node:assert";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { load, locate } from "./packages.mjs";
import { run } from "./verdicts.mjs";

const [url] = process.argv.slice(2);
const folder = dirname(locate("socket.io/package.json"));
const { version } = load("socket.io/package.json");
const bundles = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"];
const names = bundles.flatMap((name) => [name, `${name}.map`]);

const request = (name, headers = {}) => fetch(`${url}/socket.io/${name}`, { headers });

await run({
  async "every bundle and map is that of the package"() {
    for (const name of names) {
      const response = await request(name);
      const file = await readFile(join(folder, "client-dist", name), "utf8");
      equal(response.status, 200, name);
      equal((await response.text()) === file, true, `${name} is the file`);
      const kind = name.endsWith(".map") ? "application/json" : "application/javascript";
      equal(response.headers.get("content-type"), `${kind}; charset=utf-8`);
      equal(response.headers.get("etag"), `"${version}"`);
      equal(response.headers.get("cache-control"), "public, max-age=0");
    }
  },

  async "who has this version is not sent it again"() {
    for (const [known, status] of [[`"${version}"`, 304], [`W/"${version}"`, 304], ['"0.0.1"', 200]]) {
      const response = await request(names[0], { "if-none-match": known });
      equal(response.status, status, known);
      equal((await response.text()).length > 0, status === 200);
    }
  },

  async "files are compressed for who can read that"() {
    const file = await readFile(join(folder, "client-dist", names[0]), "utf8");
    for (const [accept, coding] of [["gzip", "gzip"], ["deflate", "deflate"], ["identity", null], ["gzip, deflate, br", "gzip"]]) {
      const response = await request(names[0], { "accept-encoding": accept });
      equal(response.headers.get("content-encoding"), coding, accept);
      equal((await response.text()) === file, true, accept);
    }
  },

  async "other names are the engine's business"() {
    for (const name of ["socket.io.x.js", "package.json", "..%2fpackage.json"]) {
      const response = await request(name);
      equal(response.status >= 400, true, name);
      await response.text();
    }
  },
});
