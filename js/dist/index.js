//#region src/codec/json.ts
/** The JSON codec: a `bigint` is written as a string. The server's is chosen by `codec=json`. */
function json() {
	return {
		name: "json",
		contentType: "application/json",
		encode: ({ id, data, slot }) => text([data === void 0 ? [id] : [id, data], slot]),
		decode: (lines) => lines.split("\n").filter(isSomething).map(packet)
	};
}
/** Integers beyond 2^53 are strings. Only a `bigint` makes the first way fail, or what has no form at all. */
function text(packet) {
	try {
		return JSON.stringify(packet);
	} catch {
		return JSON.stringify(packet, (_, value) => typeof value === "bigint" ? String(value) : value);
	}
}
const isSomething = (line) => line.trim() !== "";
function packet(line) {
	const value = JSON.parse(line);
	if (!Array.isArray(value) || value.length < 1) throw new SyntaxError("not a packet");
	return {
		payload: value[0],
		slot: value[1] ?? null
	};
}
//#endregion
//#region src/url.ts
/**
* Completes `url` by what `place` says, and that by the page: each part is replaced singly.
* Returns the HTTP form; {@link webSocketUrl} turns it into the other.
*/
function resolveUrl(url, { protocol, host, port }, page) {
	const resolved = parse(url, page?.startsWith("http") ? page : host && "http://localhost");
	const http = (protocol ?? "").replace(/:?$/, ":");
	resolved.protocol = (http === ":" ? resolved.protocol : http).replace(/^ws/, "http");
	if (host && /^[^:]+:\d+$/.test(host)) resolved.host = host;
	else if (host) resolved.hostname = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
	if (port !== void 0) {
		if (!/^\d{0,5}$/.test(String(port)) || Number(port) > 65535) throw new TypeError(`tsugi: ${port} is no port`);
		resolved.port = String(port);
	}
	resolved.hash = "";
	return resolved;
}
function webSocketUrl(http) {
	return new URL(http.href.replace(/^http/, "ws"));
}
function withQuery(url, query) {
	const full = new URL(url);
	for (const [name, value] of Object.entries(query)) full.searchParams.append(name, value);
	return full.href;
}
function parse(url, base) {
	try {
		const parsed = new URL(url, base);
		if (/^(http|ws)s?:$/.test(parsed.protocol)) return parsed;
	} catch {}
	throw new TypeError(`tsugi: ${url} is no URL of a server, nor completed by a page`);
}
//#endregion
//#region src/config.ts
/** Options with their defaults, checked once. */
/** Half of Sente's 20 s, as its own client does; it holds polls for up to a minute. */
const SENTE = {
	session: void 0,
	pingMs: 1e4,
	pingTimeoutMs: 5e3,
	pollMs: 5e4,
	ackItems: 64,
	ackMs: 5e3,
	maxMessage: Number.POSITIVE_INFINITY
};
/** @throws TypeError when the URL cannot be understood or completed. */
function configure(url, options, environment) {
	const { codec = json(), clientId = randomId(), wire = "tsugi", csrfToken, params } = options;
	const http = resolveUrl(url, options, environment.page);
	const ws = webSocketUrl(http);
	const asking = wire === "tsugi" ? {
		tsugi: "1",
		codec: codec.name
	} : void 0;
	return {
		codec,
		clientId,
		transports: options.transports ?? ["ws", "poll"],
		requestTimeoutMs: options.requestTimeoutMs ?? 1e4,
		sendTimeoutMs: options.sendTimeoutMs ?? 3e5,
		refuses: options.whileDown === "refuse",
		handshakeTimeoutMs: options.handshakeTimeoutMs ?? 3e3,
		maxQueue: options.maxQueue ?? 1e3,
		headers: options.headers ?? {},
		senteTerms: SENTE,
		csrfToken: typeof csrfToken === "function" ? csrfToken : () => csrfToken,
		url: (transport, query, token) => {
			const csrf = transport === "ws" && wire === "sente" && token !== void 0 ? { "csrf-token": token } : void 0;
			const all = {
				...params,
				"client-id": clientId,
				...asking,
				...csrf,
				...query
			};
			return withQuery(transport === "ws" ? ws : http, all);
		}
	};
}
/** 128 random bits. `crypto.randomUUID` exists on secure pages only. */
function randomId() {
	const bytes = crypto.getRandomValues(new Uint8Array(16));
	return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
//#endregion
//#region src/backoff.ts
/** How long to wait before the next attempt: docs/wire.md, "A client's timing". */
/** No wait is longer, and a hidden or offline page waits this long. */
const CAP_MS = 2e4;
const BASE_MS = 500;
const LEAST_MS = 100;
/** Full jitter: uniformly random up to a bound that doubles. `attempt` counts from 0. */
function backoff(attempt, random) {
	const bound = Math.min(CAP_MS, BASE_MS * 2 ** attempt);
	return Math.max(LEAST_MS, Math.round(random * bound));
}
//#endregion
//#region src/errors.ts
/** A request failed. */
var RequestError = class extends Error {
	code;
	/** What the server said besides; `undefined` when the failure is the client's own. */
	data;
	constructor(code, message = code, data) {
		super(message);
		this.name = "RequestError";
		this.code = code;
		this.data = data;
	}
};
/** `send` did not accept the event, or `request`, which then rejects with it. */
var SendError = class extends RequestError {
	constructor(code, message) {
		super(code, message);
		this.name = "SendError";
	}
};
/** There will be no connection, unless `reconnect()` is called. */
var ConnectError = class extends Error {
	state;
	constructor(state) {
		super(state.message ?? state.reason);
		this.name = "ConnectError";
		this.state = state;
	}
};
/** What the server says when it failed: `["chsk/error", {…}]`. */
function failureIn(reply) {
	if (!Array.isArray(reply) || reply[0] !== "chsk/error") return void 0;
	const { code, message, data } = Object(reply[1]);
	return new RequestError(typeof code === "string" ? code : "failed", typeof message === "string" ? message : void 0, data);
}
//#endregion
//#region src/events.ts
/** Names for what is no event of the application. Its own never begin so. */
const ANY = "chsk/any";
const GAP = "chsk/gap";
const STATE = "chsk/state";
var Events = class {
	#handlers = /* @__PURE__ */ new Map();
	#report;
	constructor(report) {
		this.#report = report;
	}
	/** Adding a function twice is two subscriptions, each with its own end. */
	on(id, handler) {
		const handlers = this.#handlers.get(id) ?? /* @__PURE__ */ new Set();
		this.#handlers.set(id, handlers);
		const own = (...what) => handler(...what);
		handlers.add(own);
		return () => {
			handlers.delete(own);
		};
	}
	tell(id, ...what) {
		for (const handler of [...this.#handlers.get(id) ?? []]) try {
			const result = handler(...what);
			if (result instanceof Promise) result.catch((error) => this.#report(error));
		} catch (error) {
			this.#report(error);
		}
	}
	/** Events of one batch, one after another; what is no event is reported and passed over. */
	batch(events) {
		for (const event of events) if (Array.isArray(event) && typeof event[0] === "string") {
			this.tell(event[0], event[1]);
			this.tell(ANY, event[0], event[1]);
		} else this.#report(/* @__PURE__ */ new TypeError("tsugi: the server sent what is no event"));
	}
};
//#endregion
//#region src/handshake.ts
/** `[:chsk/handshake [uid csrf data extension]]`; `defaults` fill in what the extension leaves out. */
function readHandshake(payload, defaults) {
	if (!Array.isArray(payload) || payload[0] !== "chsk/handshake" || !Array.isArray(payload[1])) return void 0;
	const [uid, , data, extension] = payload[1];
	return {
		user: uid === null || uid === void 0 || uid === "sente/nil-uid" ? null : String(uid),
		data,
		terms: readTerms(extension, defaults)
	};
}
function readTerms(extension, defaults) {
	const terms = Object(extension);
	if (!terms.tsugi) return void 0;
	const number = (name, otherwise) => {
		const value = Number(terms[name]);
		return value > 0 ? value : otherwise;
	};
	return {
		maxMessage: number("max-message", 65536),
		pingMs: number("ping-ms", 25e3),
		pingTimeoutMs: number("ping-timeout-ms", defaults.pingTimeoutMs),
		pollMs: number("poll-ms", 2e4),
		ackItems: number("ack-items", defaults.ackItems),
		ackMs: number("ack-ms", defaults.ackMs)
	};
}
/** `[:chsk/welcome {:session "…", :outcome :resumed, :next 18}]` */
function readWelcome(payload) {
	if (!Array.isArray(payload) || payload[0] !== "chsk/welcome") return void 0;
	const { session, outcome, next, why, taken, handled } = Object(payload[1]);
	if (typeof session !== "string") return void 0;
	const counts = {
		next: count(next),
		taken: count(taken),
		handled: count(handled)
	};
	return {
		session,
		resumed: outcome === "resumed",
		why,
		...counts
	};
}
/** Numbers of items begin at 1; EDN brings them as bigints where they are large. */
function count(value) {
	return Number(value ?? 0) || 0;
}
//#endregion
//#region src/ledger.ts
/** Items of one session, counted from 1 by both ends. */
var Ledger = class {
	/** The last item that arrived. */
	received = 0;
	#acknowledged = 0;
	#late;
	#environment;
	#tell;
	constructor(environment, tell) {
		this.#environment = environment;
		this.#tell = tell;
	}
	/**
	* Takes note of an item.
	* @returns whether it is news, and did not come before on another carrier.
	*/
	enter(number, items, ms) {
		if (number <= this.received) return false;
		this.received = number;
		if (number - this.#acknowledged >= items) this.#tell();
		else this.#late ??= this.#environment.after(ms, this.#tell);
		return true;
	}
	/** The server is told now: how far it is. */
	acknowledge() {
		this.#environment.cancel(this.#late);
		this.#late = void 0;
		this.#acknowledged = this.received;
		return this.received;
	}
	/** Another session begins, or what lies before an item will not come. */
	skipTo(next) {
		this.received = next - 1;
		this.acknowledge();
	}
};
//#endregion
//#region src/outbox.ts
var Outbox = class {
	/** By this the server knows it; a secret. */
	name;
	/** The last item that any server may have. */
	sent = 0;
	#items = /* @__PURE__ */ new Map();
	/** Those of them that the carrier has yet to take. */
	#due = [];
	#last = 0;
	#length = 0;
	#environment;
	constructor(name, environment) {
		this.name = name;
		this.#environment = environment;
	}
	get size() {
		return this.#items.size;
	}
	/** Characters that wait. */
	get length() {
		return this.#length;
	}
	get deliveries() {
		return Array.from(this.#items.values(), (item) => item.delivery);
	}
	/** The number of the next item. */
	get next() {
		return this.#last + 1;
	}
	add(id, data, text, wantsReply, ms, signal) {
		const number = this.next;
		this.#last = number;
		const late = () => this.fail(number, "timeout", `not done within ${ms} ms`);
		const aborted = () => this.fail(number, "aborted");
		const timer = this.#environment.after(ms, late);
		signal?.addEventListener("abort", aborted);
		const cancel = () => delivery.state === "waiting" && this.fail(number, "aborted");
		let resolve;
		const delivery = {
			id,
			data,
			state: "waiting",
			settled: new Promise((settle) => {
				resolve = settle;
			}),
			cancel
		};
		const settle = () => {
			this.#items.delete(number);
			this.#length -= text.length;
			this.#environment.cancel(timer);
			signal?.removeEventListener("abort", aborted);
			resolve(delivery);
		};
		const item = {
			number,
			text,
			wantsReply,
			delivery,
			settle
		};
		this.#items.set(number, item);
		this.#due.push(item);
		this.#length += text.length;
		return delivery;
	}
	/** What was said at once or not at all is no item. */
	aside(id, data, said = false) {
		const over = said ? { state: "sent" } : {
			state: "failed",
			error: new RequestError("dropped")
		};
		const settled = Promise.resolve().then(() => delivery);
		const delivery = {
			id,
			data,
			...over,
			settled,
			cancel: () => false
		};
		return delivery;
	}
	/** A carrier begins, to a server that has taken and handled so much: what it has not taken goes out again. */
	rewind(taken, handled) {
		this.handled(handled);
		this.#due = [...this.#items.values()].filter(({ number }) => number > taken);
	}
	/** The next for the carrier, if it is no larger than this. */
	take(room) {
		for (let item = this.#due[0]; item; item = this.#due[0]) {
			if (this.#items.has(item.number)) {
				if (item.text.length > room) return void 0;
				this.#due.shift();
				item.delivery.state = "sent";
				this.sent = Math.max(this.sent, item.number);
				return item;
			}
			this.#due.shift();
		}
	}
	/** A reply that nobody waits for came too late, or twice. */
	settle(number, reply) {
		const failure = failureIn(reply);
		if (failure) this.#fail(number, failure);
		else this.#end(number, "handled", { reply });
	}
	/** The server has handled everything up to this; the replies among it come by themselves. */
	handled(upTo) {
		for (const { number, wantsReply } of [...this.#items.values()]) {
			if (number > upTo) return;
			if (!wantsReply) this.#end(number, "handled", {});
		}
	}
	fail(number, code, message) {
		return this.#fail(number, new RequestError(code, message));
	}
	/** Fails everything, or what was sent. */
	failAll(code, state) {
		for (const { number, delivery } of [...this.#items.values()]) if (!state || delivery.state === state) this.fail(number, code);
	}
	#fail(number, error) {
		return this.#end(number, "failed", { error });
	}
	#end(number, state, outcome) {
		const item = this.#items.get(number);
		if (!item) return false;
		Object.assign(item.delivery, outcome, { state });
		item.settle();
		return true;
	}
};
//#endregion
//#region src/path.ts
const CLIMB_MS = 3e4;
const CLIMB_CAP_MS = 3e5;
/** So many WebSockets cut young, one after another, and polling is tried. */
const YOUNG_DEATHS = 3;
var Path = class {
	/** What is known of WebSockets. */
	verdict = "fine";
	#allowed;
	#failedClimbs = 0;
	#youngDeaths = 0;
	constructor(allowed, webSocketExists) {
		this.#allowed = webSocketExists ? allowed : allowed.filter((transport) => transport !== "ws");
		if (!this.#allowed.includes("ws")) this.verdict = "unavailable";
	}
	/** What an attempt begins with. */
	first() {
		return this.verdict === "fine" || !this.allows("poll") ? this.#allowed[0] : "poll";
	}
	allows(transport) {
		return this.#allowed.includes(transport);
	}
	/** A WebSocket was given up before it carried anything. */
	webSocketFailed(verdict) {
		this.verdict = verdict;
	}
	/** An open WebSocket was lost. */
	webSocketLost(young) {
		this.#youngDeaths = young ? this.#youngDeaths + 1 : 0;
		if (this.#youngDeaths >= YOUNG_DEATHS && this.allows("poll")) this.verdict = "unstable";
	}
	/** One was open long enough to be trusted. */
	webSocketProved() {
		this.#youngDeaths = 0;
		this.#failedClimbs = 0;
	}
	/** Polling failed too: that says more of the network than of WebSockets, so begin with one again. */
	pollFailed() {
		this.#youngDeaths = 0;
		if (this.allows("ws")) this.verdict = "fine";
	}
	webSocketOpened() {
		this.verdict = "fine";
	}
	/** While polling: how long until the next WebSocket is tried; `undefined` for never. */
	climbAfter(random) {
		if (!this.allows("ws") || this.#allowed[0] === "poll") return void 0;
		const base = Math.min(CLIMB_CAP_MS, CLIMB_MS * 2 ** this.#failedClimbs);
		return Math.round(base * (.75 + .5 * random));
	}
	climbFailed(verdict) {
		this.#failedClimbs += 1;
		this.verdict = verdict;
	}
	/** The network is another one: what was learnt may be wrong. */
	networkChanged() {
		this.#failedClimbs = 0;
		this.#youngDeaths = 0;
	}
};
//#endregion
//#region src/transport/carrier.ts
var Carrier = class {
	/** What the server has yet to say. */
	phase = "handshake";
	/** The number of the next item that it brings; 0 where nothing is counted. */
	next = 0;
	done = false;
	host;
	#watchdog;
	constructor(host) {
		this.host = host;
	}
	/** Ends it without a word to the host. */
	close(code = 1e3, reason = "") {
		if (this.done) return;
		this.done = true;
		this.within(void 0);
		this.release(code, reason);
	}
	fail(reason, message, code) {
		this.end({
			reason,
			message: message === void 0 ? message : String(message),
			code
		});
	}
	end(loss, closeCode) {
		if (this.done) return;
		this.close(closeCode);
		this.host.lost(this, loss);
	}
	/** One timer per carrier: each use replaces the one before. */
	within(ms, late) {
		this.host.environment.cancel(this.#watchdog);
		this.#watchdog = ms === void 0 || !late ? void 0 : this.host.environment.after(ms, late);
	}
	/** @returns `undefined` after a failure. */
	decode(text) {
		try {
			return this.host.codec.decode(text);
		} catch (error) {
			this.fail("bad-frame", error);
			return;
		}
	}
};
//#endregion
//#region src/transport/poll.ts
const POST_TIMEOUT_MS = 15e3;
/** What a held poll may take beyond the time the server holds it. */
const SLACK_MS = 1e4;
/** An empty answer that comes sooner is followed by a pause: a server that does not hold must not be hammered. */
const HELD_MS = 250;
const PAUSE_MS = 500;
const FORM = "application/x-www-form-urlencoded;charset=UTF-8";
const MAX_RETRY_AFTER_MS = 3e5;
var PollCarrier = class extends Carrier {
	transport = "poll";
	#terms;
	#posting = false;
	/** Which poll is outstanding. What an earlier one brings comes again. */
	#poll;
	/** Someone takes over: no POST is begun any more, and this is called once none is outstanding. */
	#quiet;
	/** It was called: no poll is begun any more either. */
	#fenced = false;
	#exchanges = /* @__PURE__ */ new Set();
	start() {
		this.#run(async () => this.#receive(await this.#get({ "handshake?": "1" }, POST_TIMEOUT_MS)));
	}
	hello(text) {
		this.#run(async () => this.#receive(await this.#post(text, POST_TIMEOUT_MS)));
	}
	begin(terms) {
		this.#terms = terms;
		this.#startPoll();
		this.pump();
	}
	say(text) {
		const can = this.#mayPost();
		if (can) this.#deliver(text, []);
		return can;
	}
	/** Stops posting, and says when hello may be said on a WebSocket. */
	cede(quiet) {
		this.#quiet = quiet;
		this.#ceded();
	}
	/** Nobody took over after all. */
	resume() {
		this.#fenced = false;
		this.#quiet = void 0;
		if (!this.#poll) this.#startPoll();
		this.pump();
	}
	#ceded() {
		if (!this.#quiet || this.#fenced || this.#posting) return;
		this.#fenced = true;
		this.#poll = void 0;
		this.#quiet();
	}
	#startPoll() {
		const poll = {};
		this.#poll = poll;
		this.#run(async () => {
			try {
				await this.#pollOnce(poll);
			} catch (error) {
				if (this.#poll === poll) throw error;
			}
		});
	}
	async #pollOnce(poll) {
		const { environment } = this.host;
		const polledAt = environment.now();
		const ack = this.#terms?.session === void 0 ? {} : { ack: String(this.host.acknowledge()) };
		const packets = await this.#get(ack, this.#holdMs());
		if (this.done || this.#poll !== poll) return;
		this.#poll = void 0;
		this.#receive(packets);
		if (this.done) return;
		const next = () => {
			if (!this.#poll && !this.#fenced) this.#startPoll();
		};
		if (environment.now() - polledAt < HELD_MS && !packets.some(carriesSomething)) this.within(PAUSE_MS, next);
		else next();
	}
	pump() {
		while (this.#mayPost()) {
			const parcels = this.#batch();
			if (parcels.length === 0) return;
			this.#deliver(parcels.map(({ text }) => text).join("\n"), parcels);
		}
	}
	#mayPost() {
		return this.#terms !== void 0 && !this.done && !this.#quiet && !this.#posting;
	}
	/** In order, as many as the server takes at once, and at least one. Sente takes one. */
	#batch() {
		const parcels = [];
		let room = Number.POSITIVE_INFINITY;
		for (let next = this.host.take(room); next; next = this.host.take(room)) {
			parcels.push(next);
			if (this.#terms?.session === void 0) break;
			room = Math.min(room, this.#terms.maxMessage / 3) - next.text.length - 1;
		}
		return parcels;
	}
	#deliver(body, parcels) {
		const asked = this.#terms?.session === void 0 && parcels.find((parcel) => parcel.wantsReply);
		if (!asked) this.#posting = true;
		this.#run(async () => {
			const packets = await this.#send(body, parcels);
			if (asked) this.host.settle(asked.number, senteReply(packets[0]?.payload));
			else {
				this.#posting = false;
				this.#receive(packets);
				this.#ceded();
			}
			this.pump();
		});
	}
	async #send(body, parcels) {
		try {
			return await (this.#terms?.session === void 0 ? this.#post(`ppstr=${encodeURIComponent(body)}`, this.#holdMs(), FORM) : this.#post(body, POST_TIMEOUT_MS));
		} catch (error) {
			const { httpStatus } = error;
			if (httpStatus !== 400 && httpStatus !== 413) throw error;
			this.host.refused(parcels, httpStatus);
			return [];
		}
	}
	#holdMs() {
		return (this.#terms?.pollMs ?? 0) + SLACK_MS;
	}
	#receive(packets) {
		if (!this.done) this.host.receive(this, packets);
	}
	#get(query, timeoutMs) {
		const udt = String(this.host.environment.now());
		return this.#exchange({
			...query,
			udt
		}, { method: "GET" }, timeoutMs);
	}
	#post(body, timeoutMs, type = this.host.codec.contentType) {
		return this.#exchange({}, {
			method: "POST",
			body,
			headers: { "Content-Type": type }
		}, timeoutMs);
	}
	async #exchange(query, init, timeoutMs) {
		const { host } = this;
		const session = this.#terms?.session;
		const own = session === void 0 ? {} : { "Tsugi-Session": session };
		const headers = {
			...host.headers(),
			"X-Requested-With": "XMLHttpRequest",
			...init.headers,
			...own
		};
		const abort = new AbortController();
		let late = false;
		const timer = host.environment.after(timeoutMs, () => {
			late = true;
			abort.abort();
		});
		this.#exchanges.add(abort);
		const ask = async () => {
			const url = host.url("poll", query);
			const { signal } = abort;
			const response = await host.environment.fetch(url, {
				...init,
				headers,
				cache: "no-store",
				signal
			});
			return {
				response,
				text: await response.text()
			};
		};
		const { response, text } = await ask().catch((error) => {
			throw {
				reason: late ? "timeout" : "network",
				message: String(error)
			};
		}).finally(() => {
			host.environment.cancel(timer);
			this.#exchanges.delete(abort);
		});
		if (response.status !== 200) throw lossOf(response, text);
		return host.codec.decode(text);
	}
	/** Every failure of an exchange ends here, so that none is left to the global handler. */
	#run(work) {
		work().catch((error) => {
			if (error instanceof Error) this.fail("bad-frame", error);
			else this.end(error);
		});
	}
	release() {
		for (const abort of this.#exchanges) abort.abort();
	}
};
const REASONS = {
	400: "rejected",
	401: "refused",
	402: "refused",
	403: "refused",
	409: "session-gone",
	503: "busy"
};
function lossOf({ status, headers }, text) {
	const loss = {
		reason: REASONS[status] ?? "network",
		httpStatus: status,
		message: text.slice(0, 200) || void 0
	};
	const retryAfterMs = Number(headers.get("retry-after") ?? NaN) * 1e3;
	if (retryAfterMs >= 0) loss.retryAfterMs = Math.min(retryAfterMs, MAX_RETRY_AFTER_MS);
	return loss;
}
function carriesSomething({ payload, slot }) {
	return slot !== null || Array.isArray(payload) && payload.length > 0;
}
/** Sente says with bare keywords what went wrong. */
function senteReply(payload) {
	if (payload === "chsk/timeout") return ["chsk/error", { code: "timeout" }];
	return payload === "chsk/error" || payload === "chsk/closed" ? ["chsk/error", { code: "failed" }] : payload;
}
//#endregion
//#region src/transport/websocket.ts
/** Slots of requests begin at 1. */
const PING_SLOT = 0;
const NO_PONG = 3001;
/** A socket that holds more bytes than this is given no more, until it has got rid of some. */
const MAX_BUFFERED = 1024 * 1024;
const PACE_MS = 50;
var WebSocketCarrier = class extends Carrier {
	transport = "ws";
	#socket;
	#terms;
	#heardAt = 0;
	#pacer;
	/** A ping waits for its answer. */
	#asked = false;
	start(handshakeTimeoutMs) {
		const late = () => this.fail("timeout", "no handshake in time");
		this.within(handshakeTimeoutMs, late);
		const { WebSocket } = this.host.environment;
		try {
			if (!WebSocket) throw new TypeError("no WebSocket constructor");
			this.#listen(new WebSocket(this.host.url("ws", {})));
		} catch (error) {
			this.within(0, () => this.fail("network", error));
		}
	}
	hello(text, timeoutMs) {
		this.within(timeoutMs, () => this.fail("timeout", "no welcome in time"));
		this.#write(text);
	}
	begin(terms) {
		this.#terms = terms;
		this.#heardAt = this.host.environment.now();
		this.#listenFor(terms.pingMs);
	}
	pump() {
		const { environment } = this.host;
		environment.cancel(this.#pacer);
		while (!this.done && !this.#isFull()) {
			const parcel = this.host.take(Number.POSITIVE_INFINITY);
			if (!parcel) return;
			this.#write(parcel.text);
		}
		if (!this.done) this.#pacer = environment.after(PACE_MS, () => this.pump());
	}
	say(text) {
		const can = !this.#isFull();
		if (can) this.#write(text);
		return can;
	}
	#isFull() {
		return (this.#socket?.bufferedAmount ?? 0) > MAX_BUFFERED;
	}
	/** Asks whether anyone is there, without waiting for silence. */
	probe() {
		const terms = this.#terms;
		if (!terms || this.done || this.#asked) return;
		this.#asked = true;
		const slot = terms.session === void 0 ? "000000" : PING_SLOT;
		this.within(terms.pingTimeoutMs, () => {
			if (!this.#asked) this.#listenFor(terms.pingMs);
			else this.end({
				reason: "timeout",
				code: NO_PONG,
				message: "no answer to a ping"
			}, NO_PONG);
		});
		this.#write(this.host.codec.encode({
			id: "chsk/ws-ping",
			data: void 0,
			slot
		}));
	}
	#listen(socket) {
		this.#socket = socket;
		socket.binaryType = "arraybuffer";
		socket.onmessage = (event) => this.#message(event.data);
		socket.onerror = () => {};
		socket.onclose = ({ code, reason }) => {
			this.fail(code === 1006 ? "network" : "server", reason || void 0, code);
		};
	}
	#message(data) {
		if (this.done) return;
		this.#heardAt = this.host.environment.now();
		this.#asked = false;
		if (typeof data !== "string") return this.fail("bad-frame", "a binary message");
		const packets = this.decode(data);
		if (packets) this.host.receive(this, packets);
	}
	/** Waits until nothing was heard for so long, then pings. */
	#listenFor(ms) {
		const { environment } = this.host;
		const pingMs = this.#terms?.pingMs ?? ms;
		this.within(ms, () => {
			const silentMs = environment.now() - this.#heardAt;
			if (silentMs >= pingMs) this.probe();
			else this.#listenFor(pingMs - silentMs);
		});
	}
	#write(text) {
		if (this.done) return;
		try {
			this.#socket?.send(text);
		} catch (error) {
			this.within(0, () => this.fail("network", error));
		}
	}
	release(code, reason) {
		this.host.environment.cancel(this.#pacer);
		try {
			this.#socket?.close(code, reason);
		} catch {
			this.#socket?.close();
		}
	}
};
//#endregion
//#region src/connection.ts
/** The client's end of one logical connection: what is tried, what is open, what waits. */
/** After so long the connection counts as good, and the next loss as a first one. */
const GOOD_MS = 5e3;
/** Broken rules in a row, after which nothing is tried any more. */
const MAX_VIOLATIONS = 3;
const VIOLATIONS = [
	1002,
	1003,
	1007,
	1008,
	1009
];
/** `online` and becoming visible happen to many clients at once: each waits a little, at random. */
const WAKE_MS = 250;
/** Characters that may be under way. */
const MAX_LENGTH = 16 * 1024 * 1024;
var Connection = class {
	state;
	environment;
	codec;
	#config;
	#events;
	#path;
	/** What events travel on. */
	#live;
	/** What is being opened: instead of a live carrier, or, while polling, to take over from it. */
	#candidate;
	#user = {
		user: null,
		data: void 0
	};
	#terms;
	#ledger;
	#outbox;
	/** Whose it is: `undefined` until a server has said who this is. */
	#owner;
	#token;
	#attempts = 0;
	#violations = 0;
	#openedAt = 0;
	/** Tells an attempt whose token came too late that it is over. */
	#epoch = 0;
	#retryTimer;
	#climbTimer;
	#over = false;
	#unwatch;
	constructor(config, environment, events) {
		this.#config = config;
		this.environment = environment;
		this.codec = config.codec;
		this.#events = events;
		this.#terms = config.senteTerms;
		this.#outbox = new Outbox(randomId(), environment);
		this.#ledger = new Ledger(environment, () => this.#sayArrived());
		this.#path = new Path(config.transports, environment.WebSocket !== void 0);
		this.state = this.#connecting(this.#path.first() ?? "ws");
		this.#unwatch = environment.watch((what) => this.#wake(what));
		this.#connect();
	}
	get outbox() {
		return this.#outbox.deliveries;
	}
	send(id, data, { timeoutMs = this.#config.sendTimeoutMs, volatile }) {
		return this.#add(id, data, false, timeoutMs, void 0, volatile);
	}
	async request(id, data, options) {
		const { timeoutMs = this.#config.requestTimeoutMs, signal } = options;
		if (signal?.aborted) throw new RequestError("aborted");
		const { error, reply } = await this.#add(id, data, true, timeoutMs, signal).settled;
		if (error) throw error;
		return reply;
	}
	reconnect() {
		if (this.#over) throw new SendError("disconnected", "close() was called");
		this.#drop();
		this.#attempts = 0;
		this.#violations = 0;
		this.#path.networkChanged();
		this.#path.pollFailed();
		this.#connect();
	}
	close(code, reason) {
		if (this.#over) return;
		this.#over = true;
		this.#unwatch();
		this.#drop(reason, code);
		this.#end({
			reason: "closed",
			code,
			message: reason || void 0
		});
	}
	url(transport, query) {
		return this.#config.url(transport, query, this.#token);
	}
	headers() {
		const { headers } = this.#config;
		return this.#token === void 0 ? headers : {
			...headers,
			"X-CSRF-Token": this.#token
		};
	}
	acknowledge() {
		return this.#ledger.acknowledge();
	}
	take(room) {
		const parcel = this.#outbox.take(room);
		if (!parcel) return void 0;
		const { number, text, wantsReply, delivery } = parcel;
		if (!this.#fits(text)) {
			this.#outbox.fail(number, "too-large");
			return this.take(room);
		}
		if (this.#terms.session !== void 0) return parcel;
		const slot = wantsReply ? this.#live?.transport === "poll" ? "ajax" : number.toString(16).padStart(6, "0") : null;
		return {
			...parcel,
			text: this.codec.encode({
				...delivery,
				slot
			})
		};
	}
	settle(slot, reply) {
		this.#outbox.settle(Number(typeof slot === "string" ? `0x${slot}` : slot), reply);
	}
	refused(parcels, httpStatus) {
		const code = httpStatus === 413 ? "too-large" : "bad-event";
		for (const { number } of parcels) this.#outbox.fail(number, code, `refused with ${httpStatus}`);
	}
	receive(carrier, packets) {
		for (const packet of packets) {
			if (carrier !== this.#live && carrier !== this.#candidate) return;
			if (!this.#understands(carrier, packet)) return carrier.fail("bad-frame");
		}
	}
	lost(carrier, loss) {
		if (carrier === this.#live) this.#liveLost(carrier, loss);
		else if (carrier === this.#candidate) this.#candidateLost(carrier, loss);
	}
	#connect() {
		const transport = this.#path.first();
		if (!transport) return this.#end({ reason: "no-transport" });
		if (this.#change(this.#connecting(transport))) this.#withToken(() => this.#open(transport));
	}
	#connecting(transport) {
		return {
			status: "connecting",
			transport,
			attempt: this.#attempts,
			offline: this.environment.offline()
		};
	}
	/** Opens in the same turn when the token is at hand: a page's first connection should not wait. */
	#withToken(then) {
		this.#epoch += 1;
		const epoch = this.#epoch;
		const proceed = (token) => {
			if (epoch !== this.#epoch) return;
			this.#token = token;
			then();
		};
		const failed = (error) => {
			if (epoch !== this.#epoch) return;
			if (this.#live) this.#planClimb();
			else this.#retry({
				reason: "token",
				message: String(error)
			});
		};
		try {
			const token = this.#config.csrfToken();
			if (token instanceof Promise) token.then(proceed, failed);
			else proceed(token);
		} catch (error) {
			failed(error);
		}
	}
	#open(transport) {
		this.#candidate = transport === "ws" ? new WebSocketCarrier(this) : new PollCarrier(this);
		this.#candidate.start(this.#config.handshakeTimeoutMs);
	}
	/** @returns whether the server may say this now. */
	#understands(carrier, packet) {
		if (carrier.phase === "handshake") return this.#handshake(carrier, packet.payload);
		if (carrier.phase === "welcome") return this.#welcome(carrier, packet.payload);
		if (packet.slot === null) return this.#message(carrier, packet.payload);
		if (this.#isNews(carrier)) this.settle(packet.slot, packet.payload);
		return true;
	}
	/** @returns whether the next item of this carrier is one that the application has not seen. */
	#isNews(carrier) {
		return !carrier.next || this.#ledger.enter(carrier.next++, this.#terms.ackItems, this.#terms.ackMs);
	}
	/** Tells the server what arrived, where a poll does not do it anyway. */
	#sayArrived() {
		const data = this.acknowledge();
		if (this.#live?.transport === "ws") this.#say("chsk/ack", data);
	}
	#say(id, data) {
		this.#live?.say(this.codec.encode({
			id,
			data,
			slot: null
		}));
	}
	#handshake(carrier, payload) {
		const handshake = readHandshake(payload, this.#config.senteTerms);
		if (!handshake) return false;
		const { user, data, terms } = handshake;
		this.#user = {
			user,
			data
		};
		if (this.#owner !== void 0 && this.#owner !== user) {
			this.#outbox.failAll("other-user");
			this.#outbox = new Outbox(randomId(), this.environment);
		}
		this.#owner = user;
		if (!terms) this.#adopt(carrier, this.#config.senteTerms, false);
		else this.#sayHello(carrier, terms);
		return true;
	}
	#sayHello(carrier, terms) {
		const { session } = this.#terms;
		this.#terms = {
			...terms,
			session
		};
		const csrf = carrier.transport === "ws" ? this.#token : void 0;
		carrier.phase = "welcome";
		const say = () => {
			if (carrier !== this.#candidate) return;
			const { name: outbox, sent } = this.#outbox;
			const data = {
				session,
				received: this.#ledger.received,
				csrf,
				outbox,
				sent
			};
			const text = this.codec.encode({
				id: "chsk/hello",
				data,
				slot: null
			});
			carrier.hello(text, this.#config.handshakeTimeoutMs);
		};
		if (this.#live instanceof PollCarrier) this.#live.cede(say);
		else say();
	}
	#welcome(carrier, payload) {
		const welcome = readWelcome(payload);
		if (!welcome) return false;
		const { session, resumed, next, why, taken, handled } = welcome;
		if (!resumed) {
			const from = this.#ledger.received + 1;
			this.#ledger.skipTo(1);
			if (why) this.#events.tell(GAP, {
				from,
				why
			});
		}
		this.#countFrom(carrier, next);
		this.#outbox.rewind(taken, handled);
		this.#adopt(carrier, {
			...this.#terms,
			session
		}, resumed);
		return true;
	}
	/** What lies between what arrived and the next item was too much for the server to keep. */
	#countFrom(carrier, next) {
		carrier.next = next;
		const from = this.#ledger.received + 1;
		if (next <= from) return;
		this.#ledger.skipTo(next);
		this.#events.tell(GAP, {
			from,
			to: next - 1,
			why: "overflow"
		});
	}
	/** The server has taken this carrier: from now on events travel on it. */
	#adopt(carrier, terms, resumed) {
		if (carrier !== this.#candidate) return;
		this.#live?.close();
		this.#noteGood();
		this.#openedAt = this.environment.now();
		this.#live = carrier;
		this.#candidate = void 0;
		this.#terms = terms;
		carrier.phase = "open";
		if (carrier.transport === "ws") this.#path.webSocketOpened();
		carrier.begin(terms);
		carrier.pump();
		const why = carrier.transport === "ws" ? "fine" : this.#path.verdict;
		this.#change({
			status: "open",
			transport: carrier.transport,
			...this.#user,
			resumed,
			why
		});
		if (carrier === this.#live) this.#planClimb();
	}
	#message(carrier, payload) {
		if (typeof payload === "string") return this.#control(carrier, payload, void 0);
		if (!Array.isArray(payload)) return false;
		if (typeof payload[0] === "string") return this.#control(carrier, payload[0], payload[1]);
		this.#events.batch(payload.filter(() => this.#isNews(carrier)));
		return true;
	}
	#control(carrier, id, data) {
		if (id === "chsk/ws-ping") this.#say("chsk/ws-pong", void 0);
		else if (id === "chsk/from") this.#countFrom(carrier, count(data));
		else if (id === "chsk/handled") this.#outbox.handled(count(data));
		else if (id === "chsk/close") this.#closedByServer(carrier, data);
		else if (id === "chsk/handshake") return this.#unaskedHandshake(carrier, [id, data]);
		else return id.startsWith("chsk/");
		return true;
	}
	#closedByServer(carrier, data) {
		const { code, reason } = Object(data);
		carrier.fail("server", reason || void 0, typeof code === "number" ? code : 1e3);
	}
	/** A poll is answered with a handshake when the server has forgotten us. Sente just goes on. */
	#unaskedHandshake(carrier, payload) {
		const handshake = readHandshake(payload, this.#config.senteTerms);
		if (!handshake) return false;
		if (this.#terms.session === void 0) {
			this.#user = {
				user: handshake.user,
				data: handshake.data
			};
			if (this.state.status === "open") this.#change({
				...this.state,
				...this.#user,
				resumed: false
			});
		} else carrier.fail("session-gone");
		return true;
	}
	#planClimb() {
		this.environment.cancel(this.#climbTimer);
		if (this.#live?.transport !== "poll" || this.#terms.session === void 0) return;
		const ms = this.#path.climbAfter(this.environment.random());
		if (ms !== void 0) this.#climbTimer = this.environment.after(ms, () => this.#climb());
	}
	#climb() {
		if (this.#live?.transport !== "poll" || this.#candidate || this.#terms.session === void 0) return;
		if (!this.#path.allows("ws")) return;
		this.environment.cancel(this.#climbTimer);
		this.#withToken(() => {
			if (this.#live?.transport === "poll" && !this.#candidate) this.#open("ws");
		});
	}
	#candidateLost(carrier, loss) {
		this.#candidate = void 0;
		const verdict = loss.reason === "timeout" ? "mute" : "refused";
		const spoke = carrier.phase !== "handshake";
		if (this.#live) this.#climbLost(verdict);
		else if (carrier.transport === "ws" && !spoke && this.#path.allows("poll") && !this.#isFinal(loss)) {
			this.#path.webSocketFailed(verdict);
			if (this.#change(this.#connecting("poll"))) this.#open("poll");
		} else {
			if (carrier.transport === "poll") this.#path.pollFailed();
			this.#failed(loss);
		}
	}
	#climbLost(verdict) {
		this.#path.climbFailed(verdict);
		this.#live.resume();
		this.#planClimb();
	}
	#liveLost(carrier, loss) {
		this.environment.cancel(this.#climbTimer);
		this.#live = void 0;
		this.#candidate?.close();
		this.#candidate = void 0;
		const openMs = this.environment.now() - this.#openedAt;
		if (carrier.transport === "ws") this.#path.webSocketLost(openMs < GOOD_MS);
		this.#noteGood();
		this.#forget(loss);
		this.#failed(loss);
	}
	/** Without a session nothing that was asked will be answered. */
	#forget(loss) {
		const { session } = this.#terms;
		if (loss.reason === "session-gone") this.#terms = {
			...this.#terms,
			session: void 0
		};
		if (session === void 0) this.#outbox.failAll("disconnected", "sent");
	}
	#noteGood() {
		if (this.state.status !== "open" || this.environment.now() - this.#openedAt < GOOD_MS) return;
		this.#attempts = 0;
		this.#violations = 0;
		if (this.state.transport === "ws") this.#path.webSocketProved();
	}
	#failed(loss) {
		if (loss.reason === "bad-frame" || VIOLATIONS.includes(loss.code ?? 0)) this.#violations += 1;
		if (this.#isFinal(loss) || this.#violations >= MAX_VIOLATIONS) this.#end(loss);
		else this.#retry(loss);
	}
	#isFinal({ reason, code = 0 }) {
		return code >= 3500 && code < 5e3 && code % 1e3 >= 500 || reason === "refused" || reason === "rejected";
	}
	#retry(loss) {
		const { environment } = this;
		const waitMs = environment.offline() || environment.hidden() ? CAP_MS : backoff(this.#attempts, environment.random());
		const { retryAfterMs = 0, ...why } = loss;
		this.#attempts += 1;
		this.#wait(waitMs + retryAfterMs, why);
	}
	#wait(retryInMs, why) {
		const { environment } = this;
		environment.cancel(this.#retryTimer);
		this.#retryTimer = environment.after(retryInMs, () => this.#connect());
		const retryAt = environment.now() + retryInMs;
		const offline = environment.offline();
		this.#change({
			...why,
			status: "waiting",
			retryAt,
			retryInMs,
			attempt: this.#attempts,
			offline
		});
	}
	#end(loss) {
		const { retryAfterMs: _, ...why } = loss;
		if (loss.code === 3500) why.reason = "replaced";
		this.#drop();
		this.#change({
			status: "closed",
			...why
		});
		this.#outbox.failAll("closed");
	}
	/** Lets go of everything that could connect or carry. The session may be resumed. */
	#drop(reason, code) {
		this.#epoch += 1;
		this.environment.cancel(this.#retryTimer);
		this.environment.cancel(this.#climbTimer);
		this.acknowledge();
		const live = this.#live;
		this.#candidate?.close(code, reason);
		live?.close(code, reason);
		this.#live = void 0;
		this.#candidate = void 0;
		if (this.#terms.session === void 0) this.#forget({ reason: "reconnect" });
	}
	#wake(what) {
		if (what === "online") this.#path.networkChanged();
		const { state } = this;
		const live = this.#live;
		if (state.status === "waiting") {
			if (what === "offline") this.#change({
				...state,
				offline: true
			});
			else if (state.reason !== "busy") this.#wait(Math.round(this.environment.random() * WAKE_MS), state);
		} else if (live instanceof WebSocketCarrier) live.probe();
		else if (what === "online") this.#climb();
	}
	#add(id, data, wantsReply, ms, signal, volatile) {
		const refuse = (code, why) => {
			throw new SendError(code, `${id}: ${why}`);
		};
		const live = this.#live;
		const outbox = this.#outbox;
		const { status } = this.state;
		const { maxQueue, refuses } = this.#config;
		if (!live && (refuses || status === "closed")) refuse("disconnected", `there is no connection (${status})`);
		if (!/^[^/]+\/.+/.test(id)) refuse("bad-event", "an event id is \"namespace/name\"");
		if (id.startsWith("chsk/")) refuse("bad-event", "chsk/ is reserved");
		const number = outbox.next;
		let text = "";
		try {
			text = this.codec.encode({
				id,
				data,
				slot: volatile ? null : wantsReply ? number : -number
			});
		} catch (error) {
			refuse("bad-event", String(error));
		}
		if (!this.#fits(text)) refuse("too-large", `the server accepts ${this.#terms.maxMessage} bytes`);
		if (volatile) return outbox.aside(id, data, live?.say(text));
		if (outbox.size >= maxQueue || outbox.length > MAX_LENGTH) refuse("queue-full", "too much is under way");
		const delivery = outbox.add(id, data, text, wantsReply, ms, signal);
		live?.pump();
		return delivery;
	}
	#fits(text) {
		const { maxMessage } = this.#terms;
		return text.length * 3 <= maxMessage || new TextEncoder().encode(text).length <= maxMessage;
	}
	/** @returns whether it is still so when all have been told: a handler may have closed or reconnected. */
	#change(now) {
		const before = this.state;
		this.state = now;
		this.#events.tell(STATE, now, before);
		return this.state === now;
	}
};
//#endregion
//#region src/environment.ts
function browserOrNode(options) {
	const { document, navigator, location } = globalThis;
	return {
		now: () => Date.now(),
		after: (ms, callback) => setTimeout(callback, ms),
		cancel: (timer) => clearTimeout(timer),
		random: options.random ?? Math.random,
		fetch: options.fetch ?? ((url, init) => fetch(url, {
			credentials: options.credentials,
			...init
		})),
		WebSocket: options.WebSocket ?? globalThis.WebSocket,
		page: location?.href,
		hidden: () => document?.visibilityState === "hidden",
		offline: () => navigator?.onLine === false,
		watch,
		report
	};
}
function watch(changed) {
	const stop = new AbortController();
	const { signal } = stop;
	const { document, addEventListener } = globalThis;
	addEventListener?.("online", () => changed("online"), { signal });
	addEventListener?.("offline", () => changed("offline"), { signal });
	const seen = () => document?.visibilityState === "visible" && changed("visible");
	document?.addEventListener("visibilitychange", seen, { signal });
	return () => stop.abort();
}
function report(error) {
	if (typeof reportError === "function") reportError(error);
	else console.error(error);
}
//#endregion
//#region src/connect.ts
/** The way in. */
/**
* Connects, and stays connected until `close()`. `url` is the server's, or a path on the page's; the protocol is
* HTTP and WebSocket in turn, whichever the URL names.
* @throws TypeError when the URL cannot be understood, or completed by a page.
*/
function connect(url = "/chsk", options = {}) {
	return connectIn(browserOrNode(options), url, options);
}
/** The same in a world of the caller's: tests bring their own clock and network. */
function connectIn(environment, url, options) {
	const events = new Events((error) => environment.report(error));
	const config = configure(url, options, environment);
	const connection = new Connection(config, environment, events);
	return {
		get state() {
			return connection.state;
		},
		clientId: config.clientId,
		on: (id, handler) => events.on(id, handler),
		onAny: (handler) => events.on(ANY, handler),
		onState: (handler) => events.on(STATE, handler),
		onGap: (handler) => events.on(GAP, handler),
		get outbox() {
			return connection.outbox;
		},
		send: (id, data, sendOptions = {}) => connection.send(id, data, sendOptions),
		request: (id, data, requestOptions = {}) => connection.request(id, data, requestOptions),
		ready: () => ready(connection, events),
		reconnect: () => connection.reconnect(),
		close: (code = 1e3, reason = "") => connection.close(code, reason)
	};
}
function ready(connection, events) {
	return new Promise((resolve, reject) => {
		let off = () => {};
		const look = () => {
			const { state } = connection;
			if (state.status === "open") resolve();
			else if (state.status === "closed") reject(new ConnectError(state));
			else return;
			off();
		};
		off = events.on(STATE, look);
		look();
	});
}
//#endregion
export { ConnectError, RequestError, SendError, connect, json };
