// What the reference test server does for the tests of single features: namespaces made on demand, middlewares, and `/control`,
// by which a client has a hand in them. `reference_sockets.mjs` has the rest.
//
// `rust_server/features.rs` is the same in Rust, name for name.

export function installFeatures(io) {
  const made = [];
  io.on("new_namespace", (namespace) => made.push(namespace.name));
  const gates = gateKeeper();
  const parents = installParents(io);
  const admitted = installMiddlewares(io, gates);

  io.of("/control").on("connection", (socket) => {
    socket.on("announce", (text, ack) => (parents.rooms.emit("news", text), ack()));
    socket.on("namespaces", (prefix, ack) => ack([...io._nsps.keys()].filter((name) => name.startsWith(prefix)).sort()));
    socket.on("made", (prefix, ack) => ack(made.filter((name) => name.startsWith(prefix))));
    socket.on("add-late-handler", (ack) => {
      parents.late.on("connection", (late) => late.emit("late"));
      ack();
    });
    socket.on("arrived", (token, ack) => gates.arrived.ask(token, ack));
    socket.on("release", (token) => gates.released.record(token));
    socket.on("admitted", (token, ack) => ack(admitted.filter((name) => name === token).length));
    socket.on("members", (name, room, ack) => ack(io.of(name).adapter.rooms.get(room)?.size ?? 0));
    socket.on("close-server", () => io.close());
  });
}

// Something that happens once for each token, for those who ask before and those who ask later.
function book() {
  const known = new Set();
  const waiting = new Map();
  return {
    record(token) {
      known.add(token);
      for (const tell of waiting.get(token) ?? []) tell();
      waiting.delete(token);
    },
    ask(token, tell) {
      if (known.has(token)) tell();
      else waiting.set(token, [...(waiting.get(token) ?? []), tell]);
    },
  };
}

// A middleware says that it has been arrived at, and goes on when it is released.
const gateKeeper = () => ({ arrived: book(), released: book() });

// [D22-D27] Which parent takes which name, with which auth, is told to the client in `hello`.
function installParents(io) {
  const rooms = greet(io.of(/^\/room-\d+$/), "first pattern");
  rooms.use((socket, next) => {
    if (!socket.handshake.auth.refuse) return next();
    next(Object.assign(new Error("not in this room"), { data: { name: socket.nsp.name } }));
  });
  greet(io.of(/^\/(room|hall)-\d+$/), "second pattern");
  greet(io.of((name, auth, next) => next(null, name.startsWith("/tenant-") && auth.key === "a")), "first function");
  const later = (name, auth, next) =>
    setImmediate(() => next(null, name.startsWith("/tenant-") && ["a", "b"].includes(auth.key)));
  greet(io.of(later), "second function");
  greet(io.of(/^\/tenant-\d+$/), "third pattern");
  greet(io.of("/room-7"), "static");
  greet(io.of("/tenant-static"), "static");
  return { rooms, late: greet(io.of(/^\/late-\d+$/), "late pattern") };
}

function greet(namespace, label) {
  return namespace.on("connection", (socket) => {
    socket.emit("hello", label, socket.nsp.name);
    socket.on("sync", (ack) => ack());
    socket.on("say", (text) => socket.nsp.emit("said", text));
  });
}

// [D29, D30] Three in a row; what they did is in the data of the socket.
function installMiddlewares(io, gates) {
  const admitted = [];
  const namespace = io.of("/middlewares");
  namespace.use((socket, next) => {
    socket.data.steps = ["first", socket.connected];
    socket.emit("during", "admission");
    socket.join("early");
    next();
  });
  namespace.use((socket, next) => {
    socket.data.steps.push("second");
    const { refuse } = socket.handshake.auth;
    next(refuse && Object.assign(new Error(refuse), { data: { steps: socket.data.steps } }));
  });
  namespace.use((socket, next) => {
    const { wait } = socket.handshake.auth;
    if (!wait) return next();
    gates.released.ask(wait, next);
    gates.arrived.record(wait);
  });
  namespace.on("connection", (socket) => {
    admitted.push(socket.handshake.auth.token);
    const rooms = [...socket.rooms].filter((room) => room !== socket.id);
    socket.emit("welcome", socket.data.steps, rooms);
  });
  return admitted;
}
