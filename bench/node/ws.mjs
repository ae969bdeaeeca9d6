// The workload on socket.io with its default WebSocket server, the package ws.

import { createServer } from "node:http";
import { locked, serve } from "./workload.mjs";

const { Server } = locked("socket.io");
const http = createServer();
serve(new Server(http));
http.listen(0, "127.0.0.1", () => console.log(`listening ${http.address().port}`));
