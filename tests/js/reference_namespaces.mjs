// The Socket.IO face of the reference test server: what each namespace does.
//
// `/` and `/custom` are those of the official protocol test suite; the others exist for the interop scenarios.

export function installNamespaces(io) {
  const farewells = farewellBook();
  installMain(io, farewells);
  installEcho(io);
  installGuarded(io);
  installClosed(io);
  installSlow(io);
  installRooms(io);
  installAsking(io);
  installLeaving(io);
  for (const name of ["/", "/custom", "/echo", "/guarded", "/slow", "/rooms", "/asking", "/leaving", "/sockets"]) {
    farewells.watch(io.of(name));
  }
}

// Remembers how each socket left, for those who ask with `reason-of`: the reason, and the rooms it was in while leaving.
function farewellBook() {
  const known = new Map();
  const waiting = new Map();
  return {
    watch(namespace) {
      namespace.on("connection", (socket) => {
        let rooms = [];
        socket.on("disconnecting", () => (rooms = [...socket.rooms].filter((room) => room !== socket.id).sort()));
        socket.on("disconnect", (reason) => {
          known.set(socket.id, [reason, rooms]);
          for (const ack of waiting.get(socket.id) ?? []) ack(reason, rooms);
          waiting.delete(socket.id);
        });
      });
    },
    ask(id, ack) {
      if (known.has(id)) ack(...known.get(id));
      else waiting.set(id, [...(waiting.get(id) ?? []), ack]);
    },
  };
}

function installMain(io, farewells) {
  io.on("connection", (socket) => {
    socket.emit("auth", socket.handshake.auth);
    socket.on("message", (...args) => socket.emit("message-back", ...args));
    socket.on("message-with-ack", (...args) => args.pop()(...args));
    socket.on("reason-of", (id, ack) => farewells.ask(id, ack));
    socket.on("count-to", (n) => {
      for (let i = 0; i < n; i++) socket.emit("tick", i);
    });
  });
  io.of("/custom").on("connection", (socket) => socket.emit("auth", socket.handshake.auth));
}

// Every event goes back with its arguments; where an acknowledgement is asked for, it acknowledges with them instead.
function installEcho(io) {
  io.of("/echo").on("connection", (socket) => {
    socket.onAny((event, ...args) => {
      if (typeof args.at(-1) === "function") args.pop()(...args);
      else socket.emit(event, ...args);
    });
  });
}

// Only those who know the token come in; the others learn what they gave.
function installGuarded(io) {
  const guarded = io.of("/guarded");
  guarded.use((socket, next) => {
    const { token } = socket.handshake.auth;
    if (token === "secret") return next();
    next(Object.assign(new Error("not authorized"), { data: { code: "E_TOKEN", given: token ?? null } }));
  });
  guarded.on("connection", (socket) => socket.emit("welcome"));
}

// Nobody comes in, and is told no more than that.
function installClosed(io) {
  io.of("/closed").use((_socket, next) => next(new Error("closed")));
}

// Admission takes 300 ms, so that a client can do something meanwhile.
function installSlow(io) {
  io.of("/slow").use((_socket, next) => setTimeout(next, 300));
}

// `say` reaches others, `shout` includes the speaker; both take a list of rooms (empty: everybody) and a list of rooms to leave out.
function installRooms(io) {
  const rooms = io.of("/rooms");
  rooms.on("connection", (socket) => {
    socket.on("join", (room, ack) => (socket.join(room), ack()));
    socket.on("leave", (room, ack) => (socket.leave(room), ack()));
    socket.on("say", (to, except, what, ack) => (socket.to(to).except(except).emit("said", what), ack()));
    socket.on("shout", (to, except, what, ack) => (rooms.to(to).except(except).emit("said", what), ack()));
    socket.on("members", async (room, ack) => ack((await rooms.in(room).fetchSockets()).map(({ id }) => id).sort()));
    socket.on("disconnecting", () => {
      for (const room of socket.rooms) socket.to(room).emit("left", room, socket.id);
    });
  });
}

// `ask-me` has the server ask this client the same arguments back as `question`, waiting at most so many milliseconds.
function installAsking(io) {
  io.of("/asking").on("connection", (socket) => {
    socket.on("ask-me", (milliseconds, ...args) => {
      const ack = args.pop();
      socket.timeout(milliseconds).emit("question", ...args, (error, ...answers) => {
        if (error) ack("timed out");
        else ack("answered", ...answers);
      });
    });
  });
}

// `disconnect-me` ends this namespace, or with `true` the whole connection; `goodbye` is sent just before.
function installLeaving(io) {
  io.of("/leaving").on("connection", (socket) => {
    socket.on("disconnect-me", (whole) => {
      socket.emit("goodbye");
      socket.disconnect(whole);
    });
  });
}
