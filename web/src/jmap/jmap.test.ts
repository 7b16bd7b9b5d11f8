import assert from "node:assert/strict";
import { test } from "node:test";
import { getAll, setAll, Client } from "./client.ts";
import { FilesOf } from "./files.ts";
import { Push, EventReader } from "./push.ts";
import { backOff, type Platform } from "./platform.ts";

type Answer = (url: string, init: RequestInit) => Response | Promise<Response>;

function platform(answer: Answer): Platform {
	return { fetch: async (url, init = {}) => answer(url, init), origin: "https://mail.example", now: () => 0, sleep: async () => {}, random: () => 0.5, onWake: () => () => {} };
}
const json = (value: unknown, status = 200, headers: Record<string, string> = {}) => new Response(JSON.stringify(value), { status, headers });
const request = (init: RequestInit) => JSON.parse(init.body as string) as { using: string[]; methodCalls: [string, { ids?: string[]; destroy?: string[]; accountId: string }, string][] };

function client(answer: Answer, limits = {}): Client {
	const made = new Client(platform(answer));
	made.session = {
		capabilities: { "urn:ietf:params:jmap:core": limits, "urn:ietf:params:jmap:mail": {}, "urn:ietf:params:jmap:blob": {} }, accounts: {}, primaryAccounts: {}, username: "a", state: "s",
		apiUrl: "http://inside:8080/jmap/api", downloadUrl: "http://inside/jmap/download/{accountId}/{blobId}?type={type}&name={name}", uploadUrl: "http://inside/jmap/upload/{accountId}/", eventSourceUrl: "http://inside/jmap/events?types={types}&closeafter={closeafter}&ping={ping}",
	};
	return made;
}
const echoIds: Answer = (_, init) => json({ methodResponses: request(init).methodCalls.map(([name, { ids }, id]) => [name, { list: ids!.map(one => ({ id: one })), state: "1", notFound: [] }, id]), sessionState: "s" });

test("calls of the same moment go in one request, to our own origin", async () => {
	const urls: string[] = [], own = client((url, init) => (urls.push(url), echoIds(url, init)));
	const [a, b] = await Promise.all([own.call("x", "Thread/get", { ids: ["1"] }), own.call("x", "Thread/get", { ids: ["2"] })]);
	assert.deepEqual(urls, ["https://mail.example/jmap/api"]);
	assert.ok(a.ok && b.ok && b.value.list[0]!.id === "2");
});

test("gets and sets are cut by the server's limits", async () => {
	const sizes: number[] = [], own = client((url, init) => {
		for (const [name, { ids, destroy }] of request(init).methodCalls) sizes.push((ids ?? destroy)!.length), assert.ok(name);
		return request(init).methodCalls[0]![0] === "Email/set" ? json({ methodResponses: request(init).methodCalls.map(([name, { destroy }, id]) => [name, { destroyed: destroy, newState: "2" }, id]), sessionState: "s" }) : echoIds(url, init);
	}, { maxObjectsInGet: 3, maxObjectsInSet: 2 });
	const got = await getAll(own, "x", "Thread/get", ["1", "2", "3", "4"]);
	assert.ok(got.ok && got.value.length === 4);
	const { answer, error } = await setAll(own, "x", "Email/set", { destroy: ["1", "2", "3"] });
	assert.equal(error, null);
	assert.deepEqual(answer.destroyed, ["1", "2", "3"]);
	assert.deepEqual(sizes, [3, 1, 2, 1]);
});

test("what is busy is tried again, what is refused isn't, and a lost send isn't sent twice", async () => {
	let count = 0;
	const busy = client((url, init) => (count++ < 2 ? json({ type: "urn:ietf:params:jmap:error:limit", limit: "maxConcurrentRequests" }, 400) : echoIds(url, init)));
	assert.equal((await busy.call("x", "Thread/get", { ids: ["1"] })).ok, true);
	assert.equal(count, 3);
	const lost = client(() => (count++, Promise.reject(new TypeError("gone"))));
	count = 0;
	const sent = await lost.call("x", "Email/set", { create: { a: {} } });
	assert.ok(!sent.ok && sent.error.kind === "offline" && count === 1);
	count = 0;
	await lost.call("x", "Thread/get", { ids: [] });
	assert.equal(count, 3);
});

test("an answer that says who isn't signed in is told once, as a value", async () => {
	let told = 0;
	const own = client(() => new Response("sign in", { status: 401 }));
	own.onSignedOut = () => told++;
	const got = await own.call("x", "Thread/get", { ids: ["1"] });
	assert.ok(!got.ok && got.error.kind === "signedOut" && told === 1);
});

test("errors of a method are values with JMAP's type", async () => {
	const own = client((_, init) => json({ methodResponses: request(init).methodCalls.map(([, , id]) => ["error", { type: "cannotCalculateChanges" }, id]), sessionState: "s" }));
	const got = await own.call("x", "Email/changes", { sinceState: "0" });
	assert.ok(!got.ok && got.error.kind === "stale" && got.error.type === "cannotCalculateChanges");
	const none = await own.call("x", "Quota/get", { ids: null });
	assert.ok(!none.ok && none.error.type === "unknownCapability");
});

test("a file goes up in pieces, goes on after a break, and can be stopped", async () => {
	const pieces: number[] = [];
	let broken = 1;
	const own = client(async (url, init) => {
		if (url.endsWith("/jmap/api")) return json({ methodResponses: [["Blob/upload", { created: { b: { id: "whole", type: "t", size: 5_000_000 } } }, "0"]], sessionState: "s" });
		if (pieces.length === 1 && broken-- > 0) throw new TypeError("cut");
		pieces.push((init.body as Blob).size);
		return json({ blobId: `u${pieces.length}` }, 201);
	});
	const files = new FilesOf(own, "x"), upload = files.upload(new Blob([new Uint8Array(5_000_000)]), "t"), done = await upload.done;
	assert.deepEqual(done, { ok: true, value: { blobId: "whole", type: "t", size: 5_000_000 } });
	assert.deepEqual(pieces, [2097152, 2097152, 5_000_000 - 2 * 2097152]);
	const stopped = files.upload(new Blob([new Uint8Array(10)]), "t");
	stopped.abort();
	const ended = await stopped.done;
	assert.ok(!ended.ok && ended.error.kind === "aborted");
	assert.equal(files.url("b1", "a b&c.txt", "text/plain"), "https://mail.example/jmap/download/x/b1?type=text%2Fplain&name=a%20b%26c.txt");
});

test("an event source is read byte by byte, whatever the ends of lines", () => {
	const reader = new EventReader(), bytes = new TextEncoder().encode("event: state\r\nid: 7\r\ndata: {\"é\":\r\ndata: 1}\r\n\r\n: ping\n\ndata:x\n\n"), found: unknown[] = [];
	for (const byte of bytes) found.push(...reader.add(new Uint8Array([byte])));
	assert.deepEqual(found, [{ name: "state", data: '{"é":\n1}', id: "7" }, { name: "message", data: "x", id: "7" }]);
});

test("a WebSocket tells of changes, and comes again with the state that it had", async () => {
	const sent: string[] = [], heard: unknown[] = [], sockets: { onopen(): void; onmessage(event: { data: string }): void; onclose(): void; send(text: string): void; close(): void }[] = [];
	class Socket {
		onopen = () => {};
		onmessage = (_: { data: string }) => {};
		onclose = () => {};
		constructor() {
			sockets.push(this);
			queueMicrotask(() => this.onopen());
		}
		send(text: string): void {
			sent.push(text);
		}
		close(): void {
			this.onclose();
		}
	}
	const own = client(echoIds);
	(own.platform as { WebSocket?: unknown }).WebSocket = Socket;
	let connected = 0;
	const push = new Push(own, { mayConnect: async () => true, onConnected: () => connected++, onBroken: () => {}, onChange: changed => heard.push(changed) });
	const turn = () => new Promise(resolve => setTimeout(resolve, 5));
	await turn();
	sockets[0]!.onmessage({ data: JSON.stringify({ "@type": "StateChange", changed: { x: { Email: "2" } }, pushState: "p2" }) });
	sockets[0]!.onclose();
	await turn();
	push.close();
	assert.deepEqual(heard, [{ x: { Email: "2" } }]);
	assert.equal(connected, 2);
	assert.equal(JSON.parse(sent[1]!).pushState, "p2");
});

test("waits grow, up to a minute, and are never the same for all", () => {
	assert.equal(backOff(0, 1), 1000);
	assert.equal(backOff(3, 0), 4000);
	assert.equal(backOff(50, 1), 60_000);
});
