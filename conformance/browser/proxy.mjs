// Proxies between a browser and a server that do to WebSockets what is done to them out there.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import tls from "node:tls";
import { promisify } from "node:util";

const UPGRADE = /^upgrade: *websocket/im;
const REFUSAL = "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
/** A proxy that buffers hands a response on when nothing more of it came for this long. */
const BUFFER_MS = 50;

/**
 * Starts a proxy to `port` of this machine. `mode` can be changed while it runs; connections there are stay as they are.
 * - "pass": does nothing.
 * - "refuse": answers every upgrade itself.
 * - "silent": takes a WebSocket's connection and never answers at all.
 * - "mute": lets the upgrade through, and then nothing that the server says.
 * - "cut": ends WebSockets `cutMs` after they opened.
 * - "buffer": hands on whole responses only, so that a WebSocket's never arrives.
 */
export async function startProxy(mode, port, cutMs = 1000) {
  const proxy = { mode };
  const open = new Set();
  let stopped = false;
  const server = net.createServer((client) => {
    // One that was accepted while the proxy stopped would keep it open for ever.
    if (stopped) return client.destroy();
    const upstream = net.connect(port, "127.0.0.1");
    for (const [one, other] of [[client, upstream], [upstream, client]]) {
      open.add(one);
      one.setNoDelay(true);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
    }
    // What a connection is for is in its first bytes: browsers open one of its own for each WebSocket.
    client.once("data", (head) => {
      const isWebSocket = UPGRADE.test(head.toString("latin1"));
      if (isWebSocket && proxy.mode === "refuse") return client.end(REFUSAL);
      // Read, or the browser's end of the connection would not be noticed.
      if (isWebSocket && proxy.mode === "silent") return client.resume();
      upstream.write(head);
      client.pipe(upstream);
      handOn(proxy.mode, isWebSocket, upstream, client, cutMs);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  proxy.url = `http://127.0.0.1:${server.address().port}`;
  proxy.stop = async () => {
    stopped = true;
    const closed = once(server, "close");
    server.close();
    for (const socket of open) socket.destroy();
    await closed;
  };
  return proxy;
}

/**
 * Starts a proxy that speaks TLS to the browser, as one in front of a server does. The certificate is made on the spot, and
 * nobody's: the browser must be told to let that pass.
 */
export async function startTlsProxy(port) {
  const folder = await mkdtemp(path.join(os.tmpdir(), "tsugi-tls-"));
  const [key, cert] = ["key.pem", "cert.pem"].map((name) => path.join(folder, name));
  const asked = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", cert];
  await promisify(execFile)("openssl", ["req", "-x509", ...asked]);
  const server = tls.createServer({ key: await readFile(key), cert: await readFile(cert) }, (client) => {
    const upstream = net.connect(port, "127.0.0.1");
    client.pipe(upstream).pipe(client);
    for (const [one, other] of [[client, upstream], [upstream, client]]) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  });
  await rm(folder, { recursive: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `https://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}

function handOn(mode, isWebSocket, upstream, client, cutMs) {
  if (mode === "buffer") return buffer(isWebSocket, upstream, client);
  if (!isWebSocket || mode === "pass") return upstream.pipe(client);
  if (mode === "mute") return mute(upstream, client);
  upstream.pipe(client);
  const timer = setTimeout(() => client.destroy(), cutMs);
  client.on("close", () => clearTimeout(timer));
}

function mute(upstream, client) {
  let head = "";
  upstream.on("data", (bytes) => {
    if (head.includes("\r\n\r\n")) return;
    head += bytes.toString("latin1");
    const end = head.indexOf("\r\n\r\n");
    if (end >= 0) client.write(head.slice(0, end + 4), "latin1");
  });
}

function buffer(isWebSocket, upstream, client) {
  const held = [];
  let timer;
  upstream.on("data", (bytes) => {
    if (isWebSocket) return;
    held.push(bytes);
    clearTimeout(timer);
    timer = setTimeout(() => client.write(Buffer.concat(held.splice(0))), BUFFER_MS);
  });
}
