// The namespaces of the scenarios on recovery, as `rust_server/recovery.rs` has them.

export function installRecovery(io) {
  for (const name of ["/recovery", "/recovery-2"]) {
    io.of(name).on("connection", (socket) => {
      if (!socket.recovered) socket.join("room");
      socket.on("remember", (name, ack) => ((socket.data = name), ack()));
      socket.on("who-am-i", (ack) => {
        const rooms = [...socket.rooms].filter((room) => room !== socket.id);
        ack(socket.recovered, rooms, typeof socket.data === "string" ? socket.data : null);
      });
    });
  }
  io.of("/control").on("connection", (socket) => {
    socket.on("emit", (namespace, room, volatile, ...args) => {
      const ack = args.pop();
      let selected = io.of(namespace);
      if (room !== null) selected = selected.to(room);
      if (volatile) selected = selected.volatile;
      selected.emit(...args);
      ack();
    });
    socket.on("flood", (count, size, ack) => {
      for (let n = 0; n < count; n++) io.of("/recovery").emit("flood", n, "x".repeat(size));
      ack();
    });
    socket.on("present", (namespace, id, ack) => ack(io.of(namespace).sockets.has(id) ? 1 : 0));
  });
}
