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
export function resolveUrl(url: string, { protocol, host, port }: Place, page: string | undefined): URL {
  const resolved = parse(url, page?.startsWith("http") ? page : host && "http://localhost");
  resolved.protocol = (protocol ?? resolved.protocol).replace(/^ws/, "http");
  // A port that is not named stays.
  if (host) resolved.host = /^[^[]*:.*:/.test(host) ? `[${host}]` : host;
  // After the protocol: a port that is its default vanishes from the URL.
  if (port !== undefined) {
    if (!/^\d{0,5}$/.test(String(port)) || Number(port) > 65535)
      throw new TypeError(`tsugi: ${port} is no port`);
    resolved.port = String(port);
  }
  resolved.hash = "";
  return resolved;
}

export function webSocketUrl(http: URL): URL {
  return new URL(http.href.replace(/^http/, "ws"));
}

export function withQuery(url: URL, query: Record<string, string>): string {
  const full = new URL(url);
  for (const [name, value] of Object.entries(query)) full.searchParams.append(name, value);
  return full.href;
}

function parse(url: string, base: string | undefined): URL {
  try {
    const parsed = new URL(url, base);
    if (/^(http|ws)s?:$/.test(parsed.protocol)) return parsed;
  } catch {
    // Said below, with what to do about it.
  }
  throw new TypeError(`tsugi: ${url} is no URL of a server, nor completed by a page`);
}
