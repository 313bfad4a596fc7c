// What the servers share: the address on the first line of the output, the end with the input.
import { createServer } from "node:http";

export function listen(server = createServer()) {
  server.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => {
    console.log(`127.0.0.1:${server.address().port}`);
  });
  process.stdin.on("end", () => process.exit()).resume();
  return server;
}

// "Pu17 text": the addressee and the text.
export function addressed(message) {
  const at = message.indexOf(" ");
  return [message.slice(1, at), message.slice(at + 1)];
}
