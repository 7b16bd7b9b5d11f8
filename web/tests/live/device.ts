/* A device of a person, as tests need it: a cookie of its own, a database of its own, and a network that can be cut. */
import { afterEach, beforeEach } from "node:test";
import { openApp } from "../../src/model/app.ts";
import { MemoryDatabases } from "../../src/model/database.ts";
import { memoryHost, type Host } from "../../src/model/host.ts";
import { until, type Readable } from "../../src/base/store.ts";
import type { Platform } from "../../src/jmap/platform.ts";
import type { Account, App, Result } from "../../src/model/types.ts";

const env = (globalThis as unknown as { process: { env: Record<string, string> } }).process.env;
export const URL_OF_SERVER = env["POMBAL_URL"]!, CONTROL = env["POMBAL_CONTROL"]!;
const PATIENCE = Number(env["POMBAL_PATIENCE"] ?? 60) * 1000;
/** `cookie`: of the session that stands alone; `others`: of those beside it, by name. */
export type PlatformOf = Platform & { online: boolean; cookie: string | null; others: Map<string, string>; requests: string[]; lose: number; wake(): void };

export function platform(): PlatformOf {
	const wakers = new Set<() => void>();
	const self: PlatformOf = {
		origin: URL_OF_SERVER, online: true, cookie: null, others: new Map(), requests: [], lose: 0,
		async fetch(url, init = {}) {
			if (!self.online) throw new TypeError("no network");
			const headers = new Headers(init.headers);
			const cookies = [...(self.cookie ? [self.cookie] : []), ...self.others.values()];
			if (cookies.length > 0) headers.set("Cookie", cookies.join("; "));
			headers.set("Origin", URL_OF_SERVER);
			self.requests.push(typeof init.body === "string" ? init.body : url);
			const answer = await fetch(url, { ...init, headers, redirect: "error" });
			for (const set of answer.headers.getSetCookie()) {
				const pair = set.split(";")[0]!, name = pair.slice(0, pair.indexOf("=")), gone = pair.endsWith("=");
				if (name === "pombal") self.cookie = gone ? null : pair;
				else if (gone) self.others.delete(name);
				else self.others.set(name, pair);
			}
			// The server did it, but nobody hears of it.
			if (typeof init.body === "string" && url.endsWith("/jmap/api") && self.lose > 0) {
				self.lose--;
				throw new TypeError("the answer was lost");
			}
			return answer;
		},
		now: () => Date.now(),
		sleep: (ms, signal) => new Promise(resolve => {
			if (signal?.aborted) return resolve();
			const timer = setTimeout(resolve, Math.min(ms, 300));
			signal?.addEventListener("abort", () => (clearTimeout(timer), resolve()));
		}),
		random: () => 0.5,
		onWake(run) {
			wakers.add(run);
			return () => wakers.delete(run);
		},
		wake: () => wakers.forEach(run => run()),
	};
	return self;
}

const open = new Set<Device>();
/** The end, when no further test begins: Node itself waits for connections that nobody uses any more. */
let idle: ReturnType<typeof setTimeout>;
beforeEach(() => clearTimeout(idle));
// A test that has failed leaves nothing running.
afterEach(() => {
	for (const device of open) device.close();
	open.clear();
	idle = setTimeout(() => (globalThis as unknown as { process: { exit(): never } }).process.exit(), 5000);
});

export class Device {
	readonly platform: PlatformOf;
	readonly host: Host;
	app: App;

	constructor(databases = new MemoryDatabases(), own = platform(), small?: Host["small"]) {
		this.platform = own;
		const host = memoryHost(own, databases);
		this.host = small ? { ...host, small } : host;
		this.app = openApp(this.host);
		open.add(this);
	}

	async signIn(name = "anna"): Promise<Account> {
		value(await this.app.signIn(`${name}@example.test`, env[`PASSWORD_${name}`]!));
		const account = this.app.account()!;
		await until(account.connection, one => one.state === "online");
		return account;
	}

	cut(): void {
		this.platform.online = false;
	}

	mend(): void {
		this.platform.online = true;
		this.platform.wake();
	}

	/** The window is closed, and opened again. */
	async restart(): Promise<Account> {
		(this.app as unknown as { close(): void }).close();
		this.app = openApp(this.host);
		value(await this.app.start());
		return this.app.account()!;
	}

	close(): void {
		(this.app as unknown as { close(): void }).close();
	}
}

export function value<T>(result: Result<T>): T {
	if (!result.ok) throw new Error(`${result.error.kind} ${result.error.type}: ${result.error.message}`);
	return result.value;
}

/** Waits until a store has a value that fits. */
export async function see<T>(store: Readable<T>, fits: (value: T) => unknown, what = "a value"): Promise<T> {
	let last: T | undefined;
	const late = new Promise<never>((_, reject) => {
		const timer = setTimeout(() => reject(new Error(`waited in vain for ${what}; last: ${JSON.stringify(last)?.slice(0, 600)}`)), PATIENCE);
		(timer as unknown as { unref(): void }).unref();
	});
	return Promise.race([until(store, one => ((last = one), Boolean(fits(one)))), late]);
}

export async function eventually<T>(ask: () => T | Promise<T>, what: string): Promise<T> {
	for (const end = Date.now() + PATIENCE; ; ) {
		const found = await ask();
		if (found) return found;
		if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
		await new Promise(resolve => setTimeout(resolve, 50));
	}
}

/** Has the tests' own program do something with the server: "crash", "start", "deliver". */
export async function control(what: string, more: object = {}): Promise<unknown> {
	const answer = await fetch(CONTROL, { method: "POST", body: JSON.stringify({ what, ...more }) });
	if (!answer.ok) throw new Error(await answer.text());
	return answer.json();
}

/** A message arrives. */
export function deliver(subject: string, more: { to?: string; from?: string; id?: string; reply?: string; text?: string } = {}): Promise<unknown> {
	const { to = "anna", from = "Boris <boris@else.example>", id = `${Math.random()}@else.example`, reply, text = "Some text." } = more;
	const message = `From: ${from}\r\nTo: ${to}@example.test\r\nSubject: ${subject}\r\nMessage-ID: <${id}>\r\n${reply ? `In-Reply-To: <${reply}>\r\nReferences: <${reply}>\r\n` : ""}Date: ${new Date().toUTCString()}\r\n\r\n${text}\r\n`;
	return control("deliver", { to, message });
}
