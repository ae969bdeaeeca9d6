// Scenarios for socketio_client.mjs against a server that takes messages of at most 10,000 bytes.

import { strictEqual as equal } from "node:assert";
import { next } from "./verdicts.mjs";

const reference = process.env.SIO_TEST_PEER === "reference";
const ask = (socket, ...args) => new Promise((resolve) => socket.emit(...args, (...back) => resolve(back)));

export const scenarios = {
  async "a message at the limit passes"(scene) {
    const socket = await scene.connect();
    const around = '4210["message-with-ack",""]'.length;
    equal((await ask(socket, "message-with-ack", "x".repeat(10_000 - around)))[0].length, 10_000 - around);
    equal((await ask(socket, "message-with-ack", Buffer.alloc(7000))).length, 1);
  },

  async "many messages together may be more than the limit"(scene) {
    const socket = await scene.connect();
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => ask(socket, "message-with-ack", "x".repeat(5000))));
    equal(answers.length, 5);
  },

  async "a message over the limit ends the connection, and nobody else's"(scene) {
    const [neighbour, ...sockets] = await Promise.all([1, 2, 3].map(() => scene.connect()));
    for (const [i, what] of ["x".repeat(10_001), Buffer.alloc(10_001)].entries()) {
      const gone = next(sockets[i], "disconnect");
      sockets[i].emit("message", what);
      const [reason] = await gone;
      // I5: ours also ends the session, so the poll that waits may be answered before the POST is.
      if (scene.transport === "polling" && (reference || reason !== "transport close")) equal(reason, "transport error");
      else equal(reason, "transport close");
    }
    equal((await ask(neighbour, "message-with-ack", "still here"))[0], "still here");
  },

  async "who was too loud may come back"(scene) {
    const socket = await scene.connect("/", { reconnection: true, reconnectionDelay: 10 });
    const first = socket.id;
    const back = next(socket, "connect");
    socket.emit("message", "x".repeat(20_000));
    await back;
    equal((await ask(socket, "message-with-ack", "quiet"))[0], "quiet");
    equal(socket.id === first, false);
  },
};
