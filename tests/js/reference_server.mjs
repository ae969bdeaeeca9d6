// The test server, in its reference form: the npm packages socket.io and engine.io behind one port.
//
// Owns the behaviour that the tests ask for; `rust_server.rs` shows the same two faces in Rust, and the whole suite passes
// against either (SIO_TEST_PEER=reference chooses this one). Takes its settings as one JSON argument, listens on a free port
// of the loopback and prints `listening <port>` once it does. Leaves out anything about clients.
import { createServer } from "node:http";
import { load } from "./packages.mjs";
import { installEngine } from "./reference_engine.mjs";
import { installFeatures } from "./reference_features.mjs";
import { installNamespaces } from "./reference_namespaces.mjs";
import { installRecovery } from "./reference_recovery.mjs";
import { installBroadcasts, installSockets } from "./reference_sockets.mjs";

const { Server: EngineServer } = load("engine.io");
const { Server } = load("socket.io");

const settings = { http: {}, ...JSON.parse(process.argv[2] ?? "{}") };
const engineOptions = {
  pingInterval: settings.pingInterval,
  pingTimeout: settings.pingTimeout,
  upgradeTimeout: settings.upgradeTimeout,
  maxHttpBufferSize: settings.maxPayload,
  perMessageDeflate: settings.perMessageDeflate && { threshold: 1024 },
  transports: settings.transports,
  allowUpgrades: settings.allowUpgrades,
  allowEIO3: settings.allowEIO3,
  httpCompression: settings.http.compression ? { threshold: 1024 } : false,
  cookie: settings.http.cookie,
  cors: cors(settings.http.cors),
  initialPacket: settings.http.initialPacket ?? undefined,
  // [A40] A request that carries `forbid` in its query is refused.
  allowRequest: (request, decide) => decide(undefined, !/[?&]forbid=/.test(request.url)),
};

const http = createServer((_request, response) => response.writeHead(404).end());

const engine = new EngineServer(engineOptions);
engine.attach(http, { path: "/engine.io", destroyUpgrade: false });
installEngine(engine);
if (settings.http.hooks) installHooks(engine);

const io = new Server({
  ...engineOptions,
  serveClient: settings.serveClient ?? false,
  connectTimeout: settings.connectTimeout,
  // Off unless it is asked for, where ours does it by itself (D27).
  cleanupEmptyChildNamespaces: true,
  ...(settings.msgpack ? { parser: load("socket.io-msgpack-parser") } : {}),
  ...recovery(settings.recovery),
});
io.attach(http, { path: "/socket.io", destroyUpgrade: false });
if (settings.http.hooks) installHooks(io.engine);
if (settings.http.sessionPrefix) io.engine.generateId = sessionId;
installNamespaces(io);
installRecovery(io);
installFeatures(io);
installSockets(io);
installBroadcasts(io);

http.listen(0, "127.0.0.1", () => console.log(`listening ${http.address().port}`));

// [D103] Even an option object that is `undefined` would switch it on.
function recovery(maxDisconnectionDuration) {
  return maxDisconnectionDuration ? { connectionStateRecovery: { maxDisconnectionDuration } } : {};
}

// [A13] A regular expression does not fit into JSON.
function cors(options) {
  const end = options?.origin?.endingWith;
  if (end) options.origin = new RegExp(`${end.replaceAll(".", "\\.")}$`);
  return options ?? false;
}

// [A26] May be asked twice for a session that does not come about.
let sessions = 0;
function sessionId() {
  return `${settings.http.sessionPrefix}${sessions++}`;
}

// [A25, A27, A28] The application's hand in each request.
function installHooks(engine) {
  engine.use((request, response, next) => {
    response.setHeader("x-middleware", "1");
    next(/[?&]fail=/.test(request.url) ? new Error("asked for") : undefined);
  });
  engine.on("initial_headers", (headers) => (headers["x-initial"] = "1"));
  engine.on("headers", (headers) => (headers["x-each"] = "1"));
}
