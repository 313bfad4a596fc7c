// Socket.IO as its guide to performance has it: no compression, which is the default, bufferutil installed, and the
// request of each connection given up for memory, but where the user's name is still to be read from it.
import { Server } from "socket.io";
import { listen } from "./listen.js";

const io = new Server(listen(), { serveClient: false });
io.on("connection", (socket) => {
  const { uid } = socket.handshake.query;
  if (uid) socket.join(uid);
  socket.on("echo", (text, reply) => reply(text));
  socket.on("broadcast", (text) => io.emit("said", text));
  socket.on("push", (to, text) => io.to(to).emit("said", text));
});
io.engine.on("connection", (raw) => {
  if (!raw.request._query.uid) raw.request = null;
});
