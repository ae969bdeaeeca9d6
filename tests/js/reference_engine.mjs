// The Engine.IO face of the reference test server: an echo server that also obeys five requests.
//
// Every message goes back to its sender, text as text and binary as binary, except:
//   "please close"       the server closes the session;
//   "please count <n>"   the server sends the n messages "0" … "n-1" at once;
//   "please spare <n>"   the server sends n times the letter "x" in a message that is not to be compressed;
//   "please tell <sid>"  the server answers with the close reason of that session, as soon as it is closed;
//   "please pass <sid> <word>"  the server sends the word to that session.

export function installEngine(engine) {
  const reasons = new Map();
  const waiting = new Map();

  engine.on("connection", (session) => {
    session.on("message", (data) => {
      const words = typeof data === "string" ? data.split(" ") : [];
      if (words[0] !== "please") session.send(data);
      else if (words[1] === "close") session.close();
      else if (words[1] === "count") count(session, Number(words[2]));
      else if (words[1] === "spare") session.send("x".repeat(Number(words[2])), { compress: false });
      else if (words[1] === "tell") tell(session, words[2]);
      else if (words[1] === "pass") engine.clients[words[2]]?.send(words[3]);
    });
    session.on("close", (reason) => {
      reasons.set(session.id, reason);
      for (const other of waiting.get(session.id) ?? []) other.send(reason);
      waiting.delete(session.id);
    });
  });

  function count(session, n) {
    for (let i = 0; i < n; i++) session.send(String(i));
  }

  function tell(session, sid) {
    if (reasons.has(sid)) session.send(reasons.get(sid));
    else waiting.set(sid, [...(waiting.get(sid) ?? []), session]);
  }
}
