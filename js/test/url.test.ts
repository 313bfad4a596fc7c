import { describe, expect, it } from "vitest";
import { type Place, resolveUrl, webSocketUrl, withQuery } from "../src/url.js";

const rows: [name: string, url: string, place: Place, page: string | undefined, ws: string][] = [
  [
    "W4: the page's scheme, host and port",
    "/chsk",
    {},
    "http://h.example:8080/a/b?c#d",
    "ws://h.example:8080/chsk",
  ],
  ["W4: wss on https", "/chsk", {}, "https://h.example/a", "wss://h.example/chsk"],
  ["a path beside the page", "chsk", {}, "https://h.example/a/b", "wss://h.example/a/chsk"],
  ["an absolute http URL", "http://x:1/c", {}, undefined, "ws://x:1/c"],
  ["an absolute wss URL", "wss://x/c?k=v", {}, undefined, "wss://x/c?k=v"],
  ["W5: port 80 on http is left out", "/c", { port: 80 }, "http://h:8080/", "ws://h/c"],
  ["W5: port 443 on https is left out", "/c", { port: 443 }, "https://h:8080/", "wss://h/c"],
  ["W5: port 443 on http stays", "/c", { port: 443 }, "http://h/", "ws://h:443/c"],
  ["W5: an empty port is the protocol's own", "/c", { port: "" }, "http://h:8080/", "ws://h/c"],
  ["W5: a port in words", "/c", { port: "9000" }, "http://h/", "ws://h:9000/c"],
  ["W5: a host alone keeps the page's port", "/c", { host: "x" }, "http://h:8080/", "ws://x:8080/c"],
  ["W5: a host with its port", "/c", { host: "x:1" }, "http://h:8080/", "ws://x:1/c"],
  ["W5: an IPv6 host", "/c", { host: "::1", port: 9 }, "http://h/", "ws://[::1]:9/c"],
  ["W5: an IPv6 host in brackets", "/c", { host: "[::1]" }, "http://h/", "ws://[::1]/c"],
  ["W5: another protocol", "/c", { protocol: "https" }, "http://h/", "wss://h/c"],
  ["W5: no page at all", "/c", { host: "h", port: 5, protocol: "https:" }, undefined, "wss://h:5/c"],
];

describe("the URL", () => {
  it.each(rows)("%s", (_, url, place, page, ws) => {
    expect(webSocketUrl(resolveUrl(url, place, page)).href).toBe(ws);
  });

  it.each([
    ["/chsk", {}, undefined],
    ["/chsk", {}, "file:///index.html"],
    ["ftp://h/", {}, undefined],
    ["/c", { port: "x" }, "http://h/"],
    ["/c", { port: 70_000 }, "http://h/"],
  ])("%s %o %s is refused at once", (url, place, page) => {
    expect(() => resolveUrl(url, place, page)).toThrow(TypeError);
  });

  it("keeps its own query and escapes what is added", () => {
    const url = resolveUrl("http://h/c?a=1", {}, undefined);
    expect(withQuery(url, { "handshake?": "1", b: "ü&" })).toBe("http://h/c?a=1&handshake%3F=1&b=%C3%BC%26");
  });
});
