// A client that counts: what it sends, what it gets, and what goes wrong. Runs in Node and in a page.

/**
 * A client that sends numbers from 1 under the name `who`, and takes note of those that the server pushes to its user.
 * What it has sent is in `memory`, which may outlive it; so many of a hundred want a reply.
 */
export function startCounting(connect, url, options, who, random, memory = { last: 0, requests: 50 }) {
  const client = connect(url, { requestTimeoutMs: 240_000, ...options });
  const seen = [];
  const problems = [];
  const states = [];
  let timer;
  client.on("count/n", (n) => seen.push(n));
  client.onGap((gap) => problems.push(`a gap was told: ${JSON.stringify(gap)}`));
  client.onState((now) => {
    const { status, transport, reason, code, message } = now;
    states.push([Date.now(), status, transport, reason, code, message].filter((part) => part !== undefined).join(" "));
    if (states.length > 200) states.shift();
    if (status === "closed") problems.push(`it gave up: ${JSON.stringify(now)}`);
  });
  const sendOne = () => {
    memory.last += 1;
    const number = memory.last;
    const slowMs = random() < 0.1 ? Math.floor(random() * 60) : 0;
    const data = [who, number, slowMs];
    if (100 * random() < memory.requests) {
      client.request("count/note", data).then(
        (reply) => reply === number || problems.push(`request ${number} was answered with ${JSON.stringify(reply)}`),
        (error) => problems.push(`request ${number} failed: ${error}`),
      );
    } else {
      client.send("count/note", data).settled.then(
        ({ state, error }) => state === "handled" || problems.push(`event ${number} is ${state}: ${error}`),
      );
    }
  };
  const work = () => {
    for (let burst = Math.ceil(random() * 5); burst > 0; burst -= 1) {
      if (client.outbox.length < 200 && client.state.status !== "closed") sendOne();
    }
    timer = setTimeout(work, random() * 50);
  };
  return {
    ready: () => client.ready(),
    work,
    rest: () => clearTimeout(timer),
    close: () => client.close(),
    report: () => {
      const { status, transport } = client.state;
      return { last: memory.last, underWay: client.outbox.length, got: seen.at(-1) ?? 0, status, transport };
    },
    underWay: () => client.outbox.map(({ data }) => data),
    problems,
    everything: () => ({ last: memory.last, seen, problems, states }),
  };
}
