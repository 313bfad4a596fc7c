/** Where the server is. */

export interface Place {
  protocol?: string;
  host?: string;
  port?: number | string;
}

/**
 * Completes `url` by what `place` says, and that by the page: each part is replaced singly.
 * Returns the HTTP form; {@link webSocketUrl} turns it into the other.
 */
export function resolveUrl(url: string, place: Place, page: string | undefined): URL {
  const resolved = parse(url, place, page);
  resolved.protocol = resolved.protocol.replace(/^ws/, "http");
  if (place.protocol) resolved.protocol = place.protocol.replace(/:?$/, ":").replace(/^ws/, "http");
  if (place.host) setHost(resolved, place.host);
  // After the protocol: a port that is its default vanishes from the URL.
  if (place.port !== undefined) setPort(resolved, String(place.port));
  resolved.hash = "";
  return resolved;
}

export function webSocketUrl(http: URL): URL {
  const url = new URL(http);
  url.protocol = http.protocol === "https:" ? "wss:" : "ws:";
  return url;
}

export function withQuery(url: URL, query: Record<string, string>): string {
  const full = new URL(url);
  for (const [name, value] of Object.entries(query)) full.searchParams.append(name, value);
  return full.href;
}

function parse(url: string, place: Place, page: string | undefined): URL {
  const base = page && /^https?:/.test(page) ? page : place.host ? "http://localhost" : undefined;
  try {
    const parsed = new URL(url, base);
    if (/^(https?|wss?):$/.test(parsed.protocol)) return parsed;
  } catch {
    // Said below, with what to do about it.
  }
  throw new TypeError(`tsugi: ${url} is no http(s) or ws(s) URL, nor completed by a page`);
}

function setHost(url: URL, host: string): void {
  if (/^[^:]+:\d+$/.test(host)) url.host = host;
  else url.hostname = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}

function setPort(url: URL, port: string): void {
  if (!/^\d{0,5}$/.test(port) || Number(port) > 65535) throw new TypeError(`tsugi: ${port} is no port`);
  url.port = port;
}
