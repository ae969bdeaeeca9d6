// The chat page in a real browser: two people in two browser contexts, then a third, against any server of the page.
//
//   node tests/js/chat_page.mjs <base-url> [screenshot-directory]
//
// Owns: what the page shows for each event of the chat, the upgrade to WebSocket as the page reports it, pictures that
// are really decoded, and coming back after a cut connection (a small TCP relay in front of the server does the cutting,
// so the server needs no special means). Leaves out: the wire itself, which the interop and conformance tests judge.
// Every wait is for a condition and has a deadline; nothing sleeps. One line per check; exit code 0 or 1.
import { mkdirSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { load } from "./packages.mjs";

const playwright = load("playwright-core");
const [base, shots] = process.argv.slice(2);
if (!base) {
  console.error("usage: node chat_page.mjs <base-url> [screenshot-directory]");
  process.exit(2);
}
const DEADLINE_MS = 15_000;
const ROOM = `test room ${process.pid}`;
const BROWSER_ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];

let failures = 0;
const trouble = [];
const upgraded = new Set();

async function check(name, body) {
  try {
    await body();
    console.log(`ok - ${name}`);
  } catch (error) {
    failures += 1;
    console.log(`NOT OK - ${name}\n    ${String(error?.message ?? error).split("\n").join("\n    ")}`);
  }
}

function equal(actual, expected, what) {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: got ${a}, expected ${b}`);
}

// Waits in the page until `probe(argument)` is true, and says what was waited for when it never is.
async function until(page, what, probe, argument) {
  await page.waitForFunction(probe, argument, { timeout: DEADLINE_MS, polling: 50 })
    .catch(async (error) => { throw new Error(`waiting for ${what}: ${error.message.split("\n")[0]}`); });
}

const people = (page, names) => until(page, `the people ${names}`, (expected) =>
  JSON.stringify([...document.querySelectorAll("[data-testid=person-name]")].map((item) => item.textContent).sort()) === expected,
JSON.stringify([...names].sort()));
const systemLine = (page, text) => until(page, `the line "${text}"`, (expected) =>
  [...document.querySelectorAll("[data-testid=system-line]")].some((line) => line.firstChild.textContent === expected), text);
const transport = (page, name) => until(page, `the transport ${name}`, (expected) =>
  document.getElementById("connection").dataset.state === "connected" && document.getElementById("transport").textContent === expected, name);
const roomCount = (page, room, count) => until(page, `${count} in the room list`, ([name, number]) =>
  document.querySelector(`[data-testid=room][data-room="${name}"] [data-testid=room-count]`)?.textContent === number, [room, String(count)]);
const message = (page, text) => until(page, `the message "${text}"`, (expected) =>
  [...document.querySelectorAll("[data-testid=message-text]")].some((line) => line.textContent === expected), text);
const lastState = (page, state) => until(page, `the last message to be ${state}`, (expected) =>
  [...document.querySelectorAll("[data-testid=message]")].at(-1)?.dataset.state === expected, state);

const lastOwnSent = (page) => until(page, "the last own message to be sent", () =>
  [...document.querySelectorAll("[data-testid=message].own")].at(-1)?.dataset.state === "sent");

// ---- A PNG made here: `pixel(x, y)` is [red, green, blue]. ----

function crc(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  return (value ^ 0xffffffff) >>> 0;
}

function chunk(kind, body) {
  const out = Buffer.alloc(12 + body.length);
  out.writeUInt32BE(body.length, 0);
  out.write(kind, 4, "latin1");
  body.copy(out, 8);
  out.writeUInt32BE(crc(out.subarray(4, 8 + body.length)), 8 + body.length);
  return out;
}

function png(width, height, pixel) {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const rows = Buffer.alloc(height * (1 + width * 3));
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) rows.set(pixel(x, y), y * (1 + width * 3) + 1 + x * 3);
  }
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", head), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

function noise() {
  let state = 12345;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return [state >>> 24, (state >>> 16) & 255, (state >>> 8) & 255];
  };
}

// ---- A relay in front of the server whose connections can be cut. ----

async function relay(target) {
  const { hostname, port } = new URL(target);
  const open = new Set();
  const server = net.createServer((near) => {
    const far = net.connect(Number(port || 80), hostname);
    for (const [one, other] of [[near, far], [far, near]]) {
      open.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => { open.delete(one); other.destroy(); });
      one.pipe(other);
    }
  });
  await new Promise((done) => { server.listen(0, "127.0.0.1", done); });
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    cut: () => { for (const one of open) one.destroy(); },
    close: () => { server.close(); for (const one of open) one.destroy(); },
  };
}

// ---- People. ----

async function visit(browser, who, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: "light", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  page.on("console", (line) => { if (["error", "warning"].includes(line.type())) trouble.push(`${who}: console: ${line.text()}`); });
  page.on("pageerror", (error) => trouble.push(`${who}: page error: ${error.message}`));
  page.on("requestfailed", (request) => trouble.push(`${who}: request failed: ${request.url()} ${request.failure()?.errorText}`));
  page.on("websocket", (opened) => opened.url().includes("sid=") && upgraded.add(who));   // With a session: an upgrade.
  page.on("response", (response) => { if (response.status() >= 400) trouble.push(`${who}: ${response.status()} for ${response.url()}`); });
  await page.goto(`${url}/#${encodeURIComponent(ROOM)}`, { waitUntil: "load" });
  return page;
}

async function enter(page, name) {
  await page.fill("#name-input", name);
  await page.click("#join-button");
  await page.waitForSelector("#chat-view:not([hidden])");
}

async function say(page, text) {
  await page.fill("#message-input", text);
  await page.press("#message-input", "Enter");
}

async function attach(page, name, mimeType, buffer) {
  await page.setInputFiles("#picture-input", { name, mimeType, buffer });
}

async function decoded(page, what) {
  await until(page, what, () => {
    const image = [...document.querySelectorAll("[data-testid=picture]")].at(-1);
    return image !== undefined && image.complete && image.naturalWidth > 0;
  });
  return page.evaluate(() => {
    const image = [...document.querySelectorAll("[data-testid=picture]")].at(-1);
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const pen = canvas.getContext("2d");
    pen.drawImage(image, 0, 0);
    const [width, height] = [canvas.width, canvas.height];
    return { width, height, type: image.dataset.type, bytes: Number(image.dataset.bytes), last: [...pen.getImageData(width - 1, height - 1, 1, 1).data] };
  });
}

async function shoot(page, name, scheme, width, height) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await page.emulateMedia({ colorScheme: scheme });
  await page.setViewportSize({ width, height });
  await page.screenshot({ path: join(shots, `${name}.png`), animations: "disabled" });
}

// ---- The checks. ----

async function meeting(ada, grace) {
  await check("the form takes the room from the address", async () => equal(await ada.inputValue("#room-input"), ROOM, "room"));
  await check("an empty name is refused beside the form", async () => {
    await ada.click("#join-button");
    await ada.waitForSelector("#join-error:not([hidden])");
  });
  await shoot(ada, "form-light", "light", 1280, 800);
  await shoot(ada, "form-dark-mobile", "dark", 375, 740);
  await shoot(ada, "form-mobile", "light", 375, 740);
  await ada.setViewportSize({ width: 1280, height: 800 });
  await check("two people join one room and see each other", async () => {
    await enter(ada, "Ada");
    await people(ada, ["Ada"]);
    await enter(grace, "Grace");
    await Promise.all([people(ada, ["Ada", "Grace"]), people(grace, ["Ada", "Grace"])]);
    await systemLine(ada, "Grace joined");
  });
  await check("the room list shows two people", () => Promise.all([roomCount(ada, ROOM, 2), roomCount(grace, ROOM, 2)]));
  await check("the transport becomes websocket in both tabs, by an upgrade of the polling session", async () => {
    await Promise.all([transport(ada, "websocket"), transport(grace, "websocket")]);
    equal([...upgraded].sort(), ["ada", "grace"], "who upgraded");
  });
}

async function talking(ada, grace) {
  await check("typing shows at the other person and goes again", async () => {
    await ada.locator("#message-input").pressSequentially("Hel");
    await until(grace, "the typing line", () => document.getElementById("typing").textContent === "Ada is typing");
    await ada.fill("#message-input", "");
    await until(grace, "the typing line to go", () => document.getElementById("typing").textContent === "");
  });
  await check("a message crosses, with a time, and is marked as sent", async () => {
    await say(ada, "Hello, Grace: ünïcode 🦀 crosses too");
    await lastState(ada, "sent");
    await message(grace, "Hello, Grace: ünïcode 🦀 crosses too");
    const shown = await grace.evaluate(() => {
      const entry = [...document.querySelectorAll("[data-testid=message]")].at(-1);
      return [entry.querySelector("[data-testid=message-name]").textContent, entry.classList.contains("own"), entry.querySelector("time").textContent !== ""];
    });
    equal(shown, ["Ada", false, true], "name, own, has a time");
  });
  await check("an answer crosses back once and the sender does not get it twice", async () => {
    await say(grace, "Hello, Ada");
    await lastState(grace, "sent");
    await message(ada, "Hello, Ada");
    for (const page of [ada, grace]) equal(await page.locator("[data-testid=message-text]", { hasText: /^Hello, Ada$/ }).count(), 1, "copies");
  });
  await check("markup in a message stays text", async () => {
    const markup = "<img src=x onerror=\"document.title='owned'\"><b>bold</b>";
    await say(ada, markup);
    await message(grace, markup);
    equal(await grace.evaluate(() => [document.querySelectorAll("[data-testid=message-text] *").length, document.title === "owned"]), [0, false], "elements made, script run");
  });
}

async function pictures(ada, grace) {
  await check("a picture crosses as binary and is decoded with its caption", async () => {
    const small = png(320, 200, (x, y) => [Math.round(40 + (x * 160) / 320), Math.round(110 + (y * 90) / 200), 150]);
    await attach(ada, "sky.png", "image/png", small);
    await ada.waitForSelector("#attachment:not([hidden])");
    await say(ada, "A sky, 320 by 200");
    await lastState(ada, "sent");
    await message(grace, "A sky, 320 by 200");
    const expected = { width: 320, height: 200, type: "image/png", bytes: small.length, last: [200, 200, 150, 255] };
    equal(await decoded(grace, "the picture at the other person"), expected, "picture received");
    equal(await decoded(ada, "the picture at the sender"), expected, "picture sent");
  });
  await check("a picture above the limit is made smaller before it is sent", async () => {
    const large = png(800, 600, noise());
    if (large.length < 1_000_000) throw new Error("the test picture is not large enough");
    await attach(grace, "noise.png", "image/png", large);
    await grace.waitForSelector("#attachment:not([hidden])");
    await grace.click("#send");
    await lastState(grace, "sent");
    await until(ada, "a second picture", () => document.querySelectorAll("[data-testid=picture]").length === 2);
    const seen = await decoded(ada, "the smaller picture");
    equal([seen.type, seen.bytes <= 600_000, Math.round((seen.width / seen.height) * 100)], ["image/jpeg", true, 133], "type, within the limit, shape");
  });
  await check("a picture that is too large, or no picture, is refused with an error line", async () => {
    const refused = (text) => until(ada, `the error "${text}"`, (part) => !document.getElementById("error").hidden && document.getElementById("error-text").textContent.includes(part), text);
    await attach(ada, "huge.png", "image/png", Buffer.alloc(41_000_000));
    await refused("too large");
    await attach(ada, "notes.svg", "image/svg+xml", Buffer.from("<svg xmlns='http://www.w3.org/2000/svg'/>"));
    await refused("Only PNG");
    await ada.click("#error-close");
  });
}

async function wandering(browser, ada, grace) {
  await check("a third person with a taken name gets a distinct one, changes room and comes back", async () => {
    const third = await visit(browser, "third", base);
    await enter(third, "Ada");
    await people(ada, ["Ada", "Grace", "Ada (2)"]);
    await third.fill("#new-room-input", `${ROOM} b`);
    await third.press("#new-room-input", "Enter");
    await Promise.all([people(third, ["Ada"]), people(ada, ["Ada", "Grace"]), roomCount(ada, `${ROOM} b`, 1), systemLine(grace, "Ada (2) left")]);
    await third.click(`[data-testid=room][data-room="${ROOM}"]`);
    await people(third, ["Ada", "Grace", "Ada (2)"]);
    await until(ada, "the empty room to go from the list", (room) => document.querySelector(`[data-testid=room][data-room="${room}"]`) === null, `${ROOM} b`);
    await third.click("#leave-button");
    await people(ada, ["Ada", "Grace"]);
    await until(third, "the form again", () => !document.getElementById("join-view").hidden);
    await third.context().close();
  });
}

async function cutOff(ada, grace, line) {
  await check("after a cut connection the page is back in its room under its name", async () => {
    await grace.evaluate(() => {   // The page may be back sooner than it can be asked, so it writes down what it showed.
      const status = document.getElementById("connection");
      window.shownStates = [];
      new MutationObserver(() => window.shownStates.push(status.dataset.state)).observe(status, { attributes: true });
    });
    line.cut();
    await Promise.all([systemLine(ada, "Grace left"), until(grace, "the page to notice", () => window.shownStates.includes("reconnecting"))]);
    await say(grace, "written while away");
    await Promise.all([systemLine(grace, "You are back in the room"), people(ada, ["Ada", "Grace"]), people(grace, ["Ada", "Grace"])]);
    await Promise.all([lastOwnSent(grace), message(ada, "written while away"), transport(grace, "websocket")]);
  });
}

async function parting(ada, grace) {
  await check("one tab closes and the other sees it leave", async () => {
    const before = await ada.locator("[data-testid=system-line]", { hasText: "Grace left" }).count();
    await grace.context().close();
    await people(ada, ["Ada"]);
    await until(ada, "the line of the leaving", (count) =>
      [...document.querySelectorAll("[data-testid=system-line]")].filter((line) => line.firstChild.textContent === "Grace left").length === count, before + 1);
    await roomCount(ada, ROOM, 1);
  });
}

async function gallery(ada, grace) {
  if (!shots) return;
  await say(grace, "Looks right from here. Notes are at https://socket.io/docs/v4/ if you need them.");
  await message(ada, "Looks right from here. Notes are at https://socket.io/docs/v4/ if you need them.");
  await ada.evaluate(() => document.activeElement.blur());
  await grace.locator("#message-input").pressSequentially("One more");
  await until(ada, "typing", () => document.getElementById("typing").textContent !== "");
  await shoot(ada, "chat-light", "light", 1280, 800);
  await shoot(ada, "chat-dark", "dark", 1280, 800);
  await shoot(ada, "chat-mobile", "light", 375, 740);
  await ada.click("#sidebar-toggle");
  await until(ada, "the drawer to have slid in", () => document.getElementById("sidebar").getBoundingClientRect().left === 0);
  await shoot(ada, "drawer-mobile-dark", "dark", 375, 740);
  await ada.keyboard.press("Escape");
  await grace.fill("#message-input", "");
  await shoot(ada, "chat-light", "light", 1280, 800);
}

async function main() {
  const browser = await playwright.chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: BROWSER_ARGS });
  const line = await relay(base);
  try {
    const ada = await visit(browser, "ada", base);
    const grace = await visit(browser, "grace", line.url);
    await meeting(ada, grace);
    await talking(ada, grace);
    await pictures(ada, grace);
    await gallery(ada, grace);
    await check("the page fits a screen 375 pixels wide", async () => {
      await ada.setViewportSize({ width: 375, height: 740 });
      equal(await ada.evaluate(() => document.documentElement.scrollWidth), 375, "width of the page");
      await ada.click("#sidebar-toggle");
      await ada.locator("[data-testid=person-name]").first().waitFor({ state: "visible" });
      await ada.keyboard.press("Escape");
      await ada.setViewportSize({ width: 1280, height: 800 });
    });
    await wandering(browser, ada, grace);
    await check("nothing failed in any page before the connection is cut", () => equal(trouble.splice(0), [], "console errors, page errors, failed requests"));
    await cutOff(ada, grace, line);
    await parting(ada, grace);
    await check("nothing failed in any page afterwards", () => equal(trouble.splice(0), [], "console errors, page errors, failed requests"));
  } finally {
    line.close();
    await browser.close();
  }
}

await main().catch((error) => { failures += 1; console.log(`NOT OK - ${error.stack}`); });
console.log(failures === 0 ? "all checks passed" : `${failures} check(s) failed`);
process.exit(failures === 0 ? 0 : 1);
