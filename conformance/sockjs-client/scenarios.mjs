// What every transport of the real sockjs-client must do against this server. Runs in Node and, sent there as text, in
// a page: it uses nothing but what it is given.
export const scenarios = {
  async "awkward strings come back as they were"({ open }) {
    const channel = await open("/echo");
    const all = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join("");
    const strings = [
      "plain",
      "",
      '"quotes" and \\backslashes\\',
      "</script><script>throw 1</script>",
      "100 % 25 %25 %u0041 %",
      "a\r\nb\tc\0d",
      "\u2028 \u2029 \ufeff \u200c\u200f \ufff0\uffff",
      "😀 𝒳 漢字 ü",
      "[\"a\"]",
      "null",
      all,
    ];
    for (const text of strings) channel.send(text);
    channel.send("lone \ud800 surrogate");
    const back = await channel.take(strings.length + 1);
    for (const [index, text] of [...strings, "lone \ufffd surrogate"].entries()) {
      if (back[index] !== text) throw new Error(`${JSON.stringify(text)} came back as ${JSON.stringify(back[index])}`);
    }
    channel.close();
  },

  async "a burst of 200 arrives whole and in order"({ open }) {
    const channel = await open("/echo");
    for (let n = 0; n < 200; n += 1) channel.send(`burst ${n}`);
    const back = await channel.take(200);
    for (const [n, text] of back.entries()) if (text !== `burst ${n}`) throw new Error(`${n} is ${text}`);
    channel.close();
  },

  async "60 round trips go on where a response ends"({ open }) {
    const channel = await open("/echo");
    for (let n = 0; n < 60; n += 1) {
      channel.send(`${n} ${"x".repeat(200)}`);
      const [text] = await channel.take(1);
      if (!text.startsWith(`${n} `)) throw new Error(`${n} is ${text}`);
    }
    channel.close();
  },

  async "128 KiB go both ways"({ open }) {
    const channel = await open("/echo");
    const large = "0123456789abcdef".repeat(8 * 1024);
    channel.send(large);
    const [back] = await channel.take(1);
    if (back !== large) throw new Error(`${back.length} characters came back`);
    channel.close();
  },

  async "the server's close arrives with code and reason"({ open, transport }) {
    const { code, reason, wasClean } = await (await open("/close")).closed;
    if (code !== 3000 || reason !== "Go away!" || !wasClean) throw new Error(`${transport}: ${code} ${reason}`);
    const later = await open("/close_later");
    later.send("x");
    const [text] = await later.take(1);
    const end = await later.closed;
    if (text !== "got x" || end.code !== 3001 || end.reason !== "bye") throw new Error(`${text}, ${end.code}`);
  },

  async "the client's close is its own"({ open }) {
    const channel = await open("/echo");
    channel.close(3500, "enough");
    const { code, reason, wasClean } = await channel.closed;
    if (code !== 3500 || reason !== "enough" || !wasClean) throw new Error(`${code} ${reason}`);
  },
};

/** Opens connections of one transport. */
export function opener(SockJS, base, transport, patienceMs = 20_000) {
  return (path) =>
    new Promise((resolve, reject) => {
      // The client gives a transport little time; a busy machine needs more.
      const socket = new SockJS(base + path, undefined, { transports: [transport], timeout: 15_000 });
      const received = [];
      let look = () => {};
      const closed = new Promise((end) => {
        socket.onclose = (event) => {
          end({ code: event.code, reason: event.reason, wasClean: event.wasClean });
          reject(new Error(`${transport} did not open: ${event.code} ${event.reason}`));
        };
      });
      socket.onmessage = (event) => {
        received.push(event.data);
        look();
      };
      const take = (count) =>
        new Promise((done, failed) => {
          const late = setTimeout(() => failed(new Error(`${transport}: ${received.length} of ${count}`)), patienceMs);
          look = () => {
            if (received.length < count) return;
            clearTimeout(late);
            done(received.splice(0, count));
          };
          look();
        });
      socket.onopen = () => {
        if (socket.transport !== transport) return reject(new Error(`${socket.transport} instead of ${transport}`));
        resolve({ send: (text) => socket.send(text), close: (...how) => socket.close(...how), take, closed });
      };
    });
}
