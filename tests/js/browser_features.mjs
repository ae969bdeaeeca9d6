// Pages of several origins in a real browser against the test server, with the browser client that it serves:
// `browser_features.mjs <url> <polling> <chromium> <table>`.
//
// The page `http://allowed.example/` is one that the server's CORS options allow, `http://other.example/` is not; neither
// exists outside of this script. Verdicts go to standard output.

import { deepStrictEqual as same, ok, strictEqual as equal } from "node:assert";
import { load } from "./packages.mjs";
import { run } from "./verdicts.mjs";

const { chromium } = load("playwright-core");
const [url, , executablePath, table] = process.argv.slice(2);
const DEADLINE = 8000;
// The pages look public and the server is local: a browser would ask its user about that, and there is none.
const args = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-features=LocalNetworkAccessChecks"];
const browser = await chromium.launch({ executablePath, args });

/** An empty page of that origin. */
async function visit(scene, origin) {
  const context = await browser.newContext();
  scene.later(() => context.close());
  const page = await context.newPage();
  await page.route(`${origin}/`, (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html><title>x</title>" }));
  await page.goto(`${origin}/`);
  // While requests are intercepted, preflights are answered without the server.
  await page.unroute(`${origin}/`);
  return page;
}

/** The same with the served bundle of that name. */
async function visitWith(scene, origin, bundle) {
  const page = await visit(scene, origin);
  await page.addScriptTag({ url: `${url}/socket.io/${bundle}` });
  return page;
}

/** Connects in the page and says what came of it: an error, or how an event with binary came back. */
const attempt = (page, options) =>
  page.evaluate(async ([url, options, deadline]) => {
    const socket = globalThis.io(`${url}/echo`, { forceNew: true, reconnection: false, timeout: deadline, ...options });
    const outcome = await new Promise((resolve) => {
      socket.on("connect_error", (error) => resolve(error.message));
      socket.on("connect", () => resolve("connected"));
    });
    if (outcome !== "connected") return outcome;
    const { engine } = socket.io;
    if (!options.transports && engine.transport.name !== "websocket") await new Promise((resolve) => engine.once("upgrade", resolve));
    const back = await new Promise((resolve) => socket.emit("x", "é", { a: new Uint8Array([1, 2, 3]).buffer }, (...back) => resolve(back)));
    const transport = engine.transport.name;
    socket.disconnect();
    return [transport, back[0], [...new Uint8Array(back[1].a)]];
  }, [url, options, DEADLINE]);

const POLLING = { transports: ["polling"] };
const ELABORATE = { ...POLLING, withCredentials: true, extraHeaders: { "x-in": "1" } };

const tables = {
  origins: {
    async "a page of an allowed origin connects, with credentials and after a preflight"(scene) {
      const page = await visitWith(scene, "http://allowed.example", "socket.io.min.js");
      same(await attempt(page, POLLING), ["polling", "é", [1, 2, 3]]);
      same(await attempt(page, ELABORATE), ["polling", "é", [1, 2, 3]]);
      same(await attempt(page, { withCredentials: true }), ["websocket", "é", [1, 2, 3]]);
    },

    async "a page of another origin is kept out by its browser"(scene) {
      const page = await visitWith(scene, "http://other.example", "socket.io.js");
      equal(await attempt(page, POLLING), "xhr poll error");
      equal(await attempt(page, ELABORATE), "xhr poll error");
    },

    async "a header that is not allowed is not let through"(scene) {
      const page = await visitWith(scene, "http://allowed.example", "socket.io.js");
      equal(await attempt(page, { ...POLLING, extraHeaders: { "x-other": "1" } }), "xhr poll error");
    },

    async "the bundle for modules is for allowed origins"(scene) {
      const source = `import("${url}/socket.io/socket.io.esm.min.js").then(({ io }) => { globalThis.io = io; return typeof io; })`;
      const page = await visit(scene, "http://allowed.example");
      equal(await page.evaluate(source), "function");
      same(await attempt(page, POLLING), ["polling", "é", [1, 2, 3]]);
      const other = await visit(scene, "http://other.example");
      ok(await other.evaluate(source).then(() => false, () => true), "it cannot be imported");
    },
  },

  msgpack: {
    async "the bundle with MessagePack speaks to a server that does"(scene) {
      const page = await visitWith(scene, url, "socket.io.msgpack.min.js");
      same(await attempt(page, POLLING), ["polling", "é", [1, 2, 3]]);
      same(await attempt(page, {}), ["websocket", "é", [1, 2, 3]]);
    },
  },
};

await run(tables[table]);
