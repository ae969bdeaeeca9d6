// What the reference test server does for the tests of single sockets (`/sockets`) and of many (`/broadcasts`).
//
// `rust_server/sockets.rs` and `rust_server/broadcasts.rs` are the same in Rust, name for name.

export function installSockets(io) {
  const sockets = io.of("/sockets");
  sockets.on("connection", (socket) => {
    watch(socket);
    talk(socket);
    send(socket);
    leave(socket);
  });
}

// [D66, D67] Each event with the count of its arguments; acknowledgements are no events.
function watch(socket) {
  const [incoming, outgoing] = [[], []];
  const entry = (event, args) => [event, args.filter((arg) => typeof arg !== "function").length];
  socket.onAny((event, ...args) => incoming.push(entry(event, args)));
  socket.onAnyOutgoing((event, ...args) => outgoing.push(entry(event, args)));
  socket.on("log", (ack) => ack(incoming, outgoing));
  socket.on("stop-watching", (ack) => (socket.offAny(), socket.offAnyOutgoing(), ack()));
}

// [D41, D43, D49, D64] Handlers of the one socket.
function talk(socket) {
  socket.once("once", () => socket.emit("once-heard"));
  socket.on("own", (ack) => ack("mine"));
  socket.on("off-own", (ack) => (socket.removeAllListeners("own"), ack()));
  socket.on("send-me", (...args) => socket.send(...args));
  socket.on("message", (...args) => socket.emit("got-message", ...args));
  socket.on("handshake", (ack) => ack(socket.handshake));
  socket.on("ask-me", async (milliseconds, question, ack) => {
    try {
      ack("answered", await socket.timeout(milliseconds).emitWithAck("question", question));
    } catch (error) {
      ack(error.message);
    }
  });
}

// [D53, D54]
function send(socket) {
  socket.on("burst", (n, binary) => {
    for (let i = 0; i < n; i++) socket.volatile.emit("volatile", i, ...(binary ? [Buffer.alloc(1000, i), Buffer.of(i)] : []));
    socket.emit("burst-over");
  });
  socket.on("spare", (compress, length) => socket.compress(compress).emit("spared", "x".repeat(length)));
}

// [D70, D71, D97] Who is in the room `watchers` hears what becomes of the others.
function leave(socket) {
  const members = (room) => socket.nsp.adapter.rooms.get(room)?.size ?? 0;
  const own = () => [...socket.rooms].filter((room) => room !== socket.id).sort();
  socket.on("join", (room, ack) => (socket.join(room), ack()));
  socket.on("abort-me", () => socket.conn.close());
  socket.on("disconnecting", (reason) => {
    socket.nsp.to("watchers").emit("leaving", socket.id, reason, own(), members("corner"));
    socket.to("corner").emit("bye", socket.id);
  });
  socket.on("disconnect", (reason) => socket.nsp.to("watchers").emit("left", socket.id, reason, members("corner")));
}

// [D77-D88] Each request has a selection as its first argument: `{ others, to, except, local }`.
export function installBroadcasts(io) {
  const namespace = io.of("/broadcasts");
  namespace.on("connection", (socket) => {
    const select = ({ others, to = [], except = [], local }) => {
      const all = (others ? socket.broadcast : namespace.in([])).to(to).except(except);
      return local ? all.local : all;
    };
    socket.on("join", (rooms, ack) => (socket.join(rooms), ack()));
    socket.on("set-data", (data, ack) => ((socket.data = data), ack()));
    socket.on("say", (selection, what) => select(selection).emit("said", what));
    socket.on("say-at-once", (selection, what) => select(selection).volatile.emit("said", what));
    const ask = (selection, milliseconds, question, ack) => {
      select(selection).timeout(milliseconds).emit("question", question, (error, answers) => {
        ack(error ? "incomplete" : "complete", answers);
      });
    };
    // Two names, since where values have types these are two.
    socket.on("ask", ask).on("ask-bytes", ask);
    socket.on("await", (selection, milliseconds, question, ack) => {
      const asked = select(selection).timeout(milliseconds).emitWithAck("question", question);
      asked.then((answers) => ack("complete", answers), (error) => ack("incomplete", error.responses));
    });
    socket.on("move-in", (selection, rooms) => select(selection).socketsJoin(rooms));
    socket.on("move-out", (selection, rooms) => select(selection).socketsLeave(rooms));
    socket.on("throw-out", (selection, close) => select(selection).disconnectSockets(close));
    socket.on("fetch", async (selection, ack) => {
      const found = await select(selection).fetchSockets();
      ack(found.map(({ id, handshake, rooms, data }) => ({ id, handshake, rooms: [...rooms], data })));
    });
    socket.on("order", async (id, order, ack) => {
      const [remote] = await namespace.in(id).fetchSockets();
      obey(remote, order, ack);
    });
  });
}

// [D85, D86] What can be done to a socket that was fetched.
function obey(remote, order, ack) {
  if (order === "emit") remote.emit("said", "to you");
  else if (order === "join") remote.join(["hall", "attic"]);
  else if (order === "leave") remote.leave("hall");
  else if (order === "disconnect") remote.disconnect();
  else if (order === "ask") {
    remote.timeout(200).emitWithAck("question", "you").then((answer) => ack("answered", answer), () => ack("no answer"));
    return;
  }
  ack();
}
