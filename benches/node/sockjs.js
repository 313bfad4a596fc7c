// sockjs-node as its README has it, without its log.
import sockjs from "sockjs";
import { addressed, listen } from "./listen.js";

const server = sockjs.createServer({ log: () => {} });
const all = new Set();
const users = new Map();
server.on("connection", (socket) => {
  const user = new URLSearchParams(socket.url.split("?")[1]).get("uid");
  all.add(socket);
  if (user) users.set(user, socket);
  socket.on("close", () => {
    all.delete(socket);
    users.delete(user);
  });
  socket.on("data", (message) => {
    if (message[0] === "B") for (const client of all) client.write(message);
    else if (message[0] === "P") {
      const [to, text] = addressed(message);
      users.get(to)?.write(text);
    } else socket.write(message);
  });
});
server.installHandlers(listen(), { prefix: "/sockjs" });
