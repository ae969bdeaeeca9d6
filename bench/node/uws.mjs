// The workload on socket.io with uWebSockets, where its binary package has a binary for this machine and this Node.

import { createRequire } from "node:module";
import { locked, serve } from "./workload.mjs";

const require = createRequire(import.meta.url);
const { platform, arch, versions } = process;
// The binary itself, since the package falls back to JavaScript without a word.
const uws = require(`@trufflesuite/uws-js-unofficial/binaries/uws_${platform}_${arch}_${versions.modules}.node`);
const { Server } = locked("socket.io");
const app = uws.App();
const io = new Server();
io.attachApp(app);
serve(io);
app.listen("127.0.0.1", 0, (token) => console.log(`listening ${uws.us_socket_local_port(token)}`));
