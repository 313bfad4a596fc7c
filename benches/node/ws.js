// `ws` as its README's broadcast example has it; compression off, which is its default.
import { WebSocketServer } from "ws";

const server = new WebSocketServer({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
  console.log(`127.0.0.1:${server.address().port}`);
});
server.on("connection", (socket) => {
  socket.on("message", (data) => {
    if (data[0] !== 66) return socket.send(data, { binary: false });
    for (const client of server.clients) client.send(data, { binary: false });
  });
});
process.stdin.on("end", () => process.exit()).resume();
