// `ws` as the examples of its README have it: no compression, which is the default, and bufferutil installed. What is
// broadcast is sent as the buffer that came.
import { WebSocketServer } from "ws";
import { addressed, listen } from "./listen.js";

const server = new WebSocketServer({ server: listen() });
const users = new Map();
server.on("connection", (socket, request) => {
  const user = new URLSearchParams(request.url.split("?")[1]).get("uid");
  if (user) users.set(user, socket);
  socket.on("error", console.error);
  socket.on("close", () => users.delete(user));
  socket.on("message", (data) => {
    if (data[0] === 66) {
      for (const client of server.clients) client.send(data, { binary: false });
    } else if (data[0] === 80) {
      const [to, text] = addressed(data.toString());
      users.get(to)?.send(text);
    } else socket.send(data, { binary: false });
  });
});
