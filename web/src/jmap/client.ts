/* Requests (RFC 8620 §3): calls that are made at the same time go together, in as many requests as the server's limits demand; what fails in passing is tried again.
 *
 *     const batch = client.batch(account);
 *     const found = batch.call("Email/query", { filter });
 *     const heads = batch.call("Email/get", { "#ids": found.ref("/ids"), properties });
 *     await batch.send();              // heads.result is a Result now
 */
import { bad, failureOf, good, type Failure, type Result } from "./errors.ts";
import { additionsTo, capabilityOf, CORE, isOfAccount, isRepeatable, type ArgumentsOf, type MethodName, type Reference, type ResponseOf } from "./methods.ts";
import { backOff, type Platform } from "./platform.ts";
import type { CoreLimits, Id, SessionObject, SetError, SetResponse } from "./types.ts";

/** Requests of this client at a time: fewer than the server takes, as there may be other windows. */
const CONCURRENT_MAX = 4;
/** How often something is tried before its failure is told. */
const ATTEMPTS = 3, BUSY_ATTEMPTS = 5;
/** Longest wait that the server's word "later" is heeded in silence; ms. */
const WAIT_MAX = 20_000;
/** A request without an answer is given up after that; ms. */
const ANSWER_MAX = 90_000;

const defaults: CoreLimits = {
	maxSizeUpload: 50_000_000, maxConcurrentUpload: 4, maxSizeRequest: 10_000_000, maxConcurrentRequests: 4, maxCallsInRequest: 16, maxObjectsInGet: 500, maxObjectsInSet: 500,
};

export interface Call<M extends MethodName> {
	readonly id: string;
	readonly method: M;
	/** Set when the batch was sent. */
	result: Result<ResponseOf<M>>;
	/** What a later call of the batch may take from this one's answer. */
	ref(path: string): Reference;
}

export interface AskOptions {
	signal?: AbortSignal | undefined;
	/** Try again if it isn't known whether the server did it: by default where that does no harm. */
	repeat?: boolean;
}

class PendingCall<M extends MethodName> implements Call<M> {
	readonly id: string;
	readonly method: M;
	readonly given: Record<string, unknown>;
	result: Result<ResponseOf<M>> = bad("aborted", "", "the batch wasn't sent");

	constructor(id: string, method: M, given: Record<string, unknown>) {
		this.id = id;
		this.method = method;
		this.given = given;
	}

	ref(path: string): Reference {
		return { resultOf: this.id, name: this.method, path };
	}
}

/** Calls that go in one request. */
export class Batch {
	readonly #client: Client;
	readonly #account: Id;
	readonly #calls: PendingCall<MethodName>[] = [];

	constructor(client: Client, account: Id) {
		this.#client = client;
		this.#account = account;
	}

	get size(): number {
		return this.#calls.length;
	}

	call<M extends MethodName>(method: M, given: ArgumentsOf<M>): Call<M> {
		const all = isOfAccount(method) ? { accountId: this.#account, ...given } : given;
		const call = new PendingCall(String(this.#calls.length), method, all as Record<string, unknown>);
		this.#calls.push(call as unknown as PendingCall<MethodName>);
		return call;
	}

	/** Fails if nothing of it was answered; a call's own failure is in its result. */
	async send(options: AskOptions = {}): Promise<Result<void>> {
		if (this.#calls.length === 0) return good(undefined);
		const sent = await this.#client.ask(this.#calls, options);
		if (!sent.ok) for (const call of this.#calls) call.result = sent;
		return sent.ok ? good(undefined) : sent;
	}
}

interface Waiting {
	call: PendingCall<MethodName>;
	done: () => void;
}

export class Client {
	readonly platform: Platform;
	/** Which of the sessions that a browser has side by side it speaks with: what stands before all paths; empty for the one that stands alone. */
	readonly at: string;
	session: SessionObject | null = null;
	/** Told when an answer shows that nobody is signed in any more. */
	onSignedOut: () => void = () => {};
	/** Told when the server's session object has another state than ours. */
	onSessionChanged: () => void = () => {};
	readonly #end = new AbortController();
	#running = 0;
	#queue: (() => void)[] = [];
	#waiting = new Map<Id, Waiting[]>();

	constructor(platform: Platform, at = "") {
		this.platform = platform;
		this.at = at;
	}

	/** Asks nothing more, and gives up what it has asked. */
	end(): void {
		this.#end.abort();
	}

	get limits(): CoreLimits {
		return { ...defaults, ...(this.session?.capabilities[CORE] as Partial<CoreLimits> | undefined) };
	}

	has(capability: string): boolean {
		return this.session !== null && capability in this.session.capabilities;
	}

	/** A URL of the session object, at the origin that these pages are from: what the server takes itself for behind a proxy doesn't matter. */
	url(url: string): string {
		return this.platform.origin + this.at + url.replace(/^[a-z]+:\/\/[^/]*/i, "");
	}

	batch(account: Id): Batch {
		return new Batch(this, account);
	}

	/** One call. Those that are made at the same time go together. */
	call<M extends MethodName>(account: Id, method: M, given: ArgumentsOf<M>, options: AskOptions = {}): Promise<Result<ResponseOf<M>>> {
		const all = isOfAccount(method) ? { accountId: account, ...given } : given;
		const call = new PendingCall("", method, all as Record<string, unknown>);
		if (options.signal || options.repeat !== undefined || !isRepeatable(method, call.given)) {
			const alone = new PendingCall("0", method, call.given);
			return this.ask([alone as unknown as PendingCall<MethodName>], options).then(sent => (sent.ok ? alone.result : sent));
		}
		return new Promise(resolve => {
			const entry = { call: call as unknown as PendingCall<MethodName>, done: () => resolve(call.result) };
			const list = this.#waiting.get(account);
			if (list) return void list.push(entry);
			this.#waiting.set(account, [entry]);
			queueMicrotask(() => this.#flush(account));
		});
	}

	#flush(account: Id): void {
		const list = this.#waiting.get(account) ?? [], most = this.limits.maxCallsInRequest;
		this.#waiting.delete(account);
		for (let at = 0; at < list.length; at += most) void this.#together(list.slice(at, at + most));
	}

	async #together(entries: Waiting[]): Promise<void> {
		const calls = entries.map((entry, at) => new PendingCall(String(at), entry.call.method, entry.call.given));
		const sent = await this.ask(calls, {});
		entries.forEach((entry, at) => {
			entry.call.result = sent.ok ? calls[at]!.result : sent;
			entry.done();
		});
	}

	/** Sends calls as one request, and gives each its result. */
	async ask(calls: PendingCall<MethodName>[], options: AskOptions): Promise<Result<void>> {
		const needed = [...new Set([CORE, ...calls.map(call => capabilityOf(call.method))])];
		const more = new Set(calls.flatMap(call => additionsTo(call.method)).filter(one => this.has(one)));
		const missing = this.session ? needed.filter(one => !this.has(one)) : [];
		if (missing.length > 0) return bad("refused", "unknownCapability", `the server has no ${missing.join(", ")}`);
		if (calls.length > this.limits.maxCallsInRequest) return bad("tooLarge", "maxCallsInRequest", "too many calls in one request");
		const body = JSON.stringify({ using: [...needed, ...more], methodCalls: calls.map(call => [call.method, call.given, call.id]) });
		if (body.length > this.limits.maxSizeRequest) return bad("tooLarge", "maxSizeRequest", "the request is larger than the server takes");
		const { language } = this.platform, repeat = options.repeat ?? calls.every(call => isRepeatable(call.method, call.given));
		const answer = await this.json(this.url(this.session?.apiUrl ?? "/jmap/api"), { method: "POST", body, headers: { "Content-Type": "application/json", Accept: "application/json", ...(language ? { "Accept-Language": language } : {}) } }, { ...options, repeat });
		return answer.ok ? this.#give(calls, answer.value) : answer;
	}

	#give(calls: PendingCall<MethodName>[], answer: unknown): Result<void> {
		const responses = (answer as { methodResponses?: unknown }).methodResponses;
		if (!Array.isArray(responses)) return bad("broken", "", "the answer has no methodResponses");
		for (const call of calls) call.result = bad("broken", "", `${call.method} wasn't answered`);
		for (const [name, content, id] of responses as [string, SetError, string][]) {
			const call = calls.find(one => one.id === id);
			if (!call) continue;
			if (name === "error") call.result = { ok: false, error: failureOf(content) };
			else if (name === call.method) call.result = good(content as never);
		}
		const state = (answer as { sessionState?: unknown }).sessionState;
		if (this.session && typeof state === "string" && state !== this.session.state) this.onSessionChanged();
		return good(undefined);
	}

	/** Anything that is answered with JSON. */
	async json(url: string, init: RequestInit, options: AskOptions = {}): Promise<Result<unknown>> {
		const answer = await this.fetch(url, init, options);
		if (!answer.ok) return answer;
		try {
			return good(await answer.value.json());
		} catch (cause) {
			return options.signal?.aborted ? bad("aborted", "", "given up") : bad("offline", "", "the answer broke off, or isn't JSON", { cause });
		}
	}

	/** An answer with a status of 200 to 299. */
	async fetch(url: string, init: RequestInit, options: AskOptions & { patience?: number } = {}): Promise<Result<Response>> {
		await this.#enter();
		try {
			for (let attempt = 0; ; attempt++) {
				const answer = await this.#once(url, init, options);
				if (answer.ok || !this.#mayRepeat(answer.error, options.repeat ?? true, attempt)) return answer;
				await this.platform.sleep(answer.error.retryAfter ?? backOff(attempt, this.platform.random(), 400), options.signal);
			}
		} finally {
			this.#leave();
		}
	}

	#mayRepeat(error: Failure, repeat: boolean, attempt: number): boolean {
		if (error.kind === "busy") return attempt + 1 < BUSY_ATTEMPTS && (error.retryAfter ?? 0) <= WAIT_MAX;
		return error.kind === "offline" && repeat && attempt + 1 < ATTEMPTS;
	}

	async #once(url: string, init: RequestInit, options: AskOptions & { patience?: number }): Promise<Result<Response>> {
		const ended = () => options.signal?.aborted || this.#end.signal.aborted;
		if (ended()) return bad("aborted", "", "given up");
		const late = new AbortController(), giveUp = () => late.abort();
		const timer = setTimeout(giveUp, options.patience ?? ANSWER_MAX);
		options.signal?.addEventListener("abort", giveUp);
		this.#end.signal.addEventListener("abort", giveUp);
		try {
			const response = await this.platform.fetch(url, { ...init, signal: late.signal });
			return response.ok ? good(response) : { ok: false, error: await this.#refusal(response) };
		} catch (cause) {
			return ended() ? bad("aborted", "", "given up") : bad("offline", "", "the server can't be reached", { cause });
		} finally {
			this.#end.signal.removeEventListener("abort", giveUp);
			clearTimeout(timer); // who asked may still give up what is being read of the answer
		}
	}

	async #refusal(response: Response): Promise<Failure> {
		const text = await response.text().catch(() => "");
		let problem: { type?: string; limit?: string; detail?: string } = {};
		try {
			problem = JSON.parse(text) as typeof problem;
		} catch {
			// a line of text
		}
		const type = problem.limit ?? problem.type?.replace("urn:ietf:params:jmap:error:", "") ?? String(response.status);
		const seconds = Number(response.headers.get("Retry-After") ?? NaN);
		const more = { message: problem.detail ?? (text.slice(0, 200) || `HTTP ${response.status}`), type, ...(seconds >= 0 ? { retryAfter: seconds * 1000 } : {}) };
		if (response.status === 401) this.onSignedOut();
		return { kind: kindOf(response.status, type), ...more };
	}

	#enter(): Promise<void> {
		if (this.#running < CONCURRENT_MAX) {
			this.#running++;
			return Promise.resolve();
		}
		return new Promise(resolve => this.#queue.push(resolve));
	}

	#leave(): void {
		const next = this.#queue.shift();
		if (next) next();
		else this.#running--;
	}
}

function kindOf(status: number, type: string): Failure["kind"] {
	if (status === 401) return "signedOut";
	if (status === 404 || status === 410) return "notFound";
	if (status === 413 || type === "maxSizeRequest") return "tooLarge";
	if (status === 429 || status >= 500 || type === "maxConcurrentRequests" || type === "maxConcurrentUpload") return status === 507 ? "refused" : "busy";
	return "refused";
}

// ---- Within the server's limits ----

type Getter = "Mailbox/get" | "Thread/get" | "Email/get" | "ContactCard/get" | "EmailSubmission/get";

/** Objects by any number of ids. Those that aren't there are left out. */
export async function getAll<M extends Getter>(client: Client, account: Id, method: M, ids: Id[], given?: Partial<Omit<ArgumentsOf<M>, "ids">>, options: AskOptions = {}): Promise<Result<ResponseOf<M>["list"]>> {
	const most = client.limits.maxObjectsInGet, parts: Id[][] = [];
	for (let at = 0; at < ids.length; at += most) parts.push(ids.slice(at, at + most));
	const answers = await Promise.all(parts.map(part => client.call(account, method, { ...given, ids: part } as unknown as ArgumentsOf<M>, options)));
	const list: unknown[] = [];
	for (const answer of answers) {
		if (!answer.ok) return answer;
		for (const one of answer.value.list) list.push(one);
	}
	return good(list as ResponseOf<M>["list"]);
}

type Setter = "Email/set" | "ContactCard/set";

/** Any number of changes; what the server says of all of them. A part that fails as a whole ends it: what was done before is told. */
export async function setAll<M extends Setter>(client: Client, account: Id, method: M, all: { create?: Record<string, object>; update?: Record<Id, object>; destroy?: Id[] }): Promise<{ answer: SetResponse<{ id: Id }>; error: Failure | null }> {
	const answer: SetResponse<{ id: Id }> = { accountId: account, oldState: null, newState: "", created: {}, updated: {}, destroyed: [], notCreated: {}, notUpdated: {}, notDestroyed: {} };
	for (const part of partsOf(all, client.limits.maxObjectsInSet)) {
		const done = await client.call(account, method, part as unknown as ArgumentsOf<M>);
		if (!done.ok) return { answer, error: done.error };
		const value = done.value as SetResponse<{ id: Id }>;
		answer.newState = value.newState;
		for (const name of ["created", "updated", "notCreated", "notUpdated", "notDestroyed"] as const) Object.assign(answer[name]!, value[name] ?? {});
		answer.destroyed!.push(...(value.destroyed ?? []));
	}
	return { answer, error: null };
}

function* partsOf(all: { create?: Record<string, object>; update?: Record<Id, object>; destroy?: Id[] }, most: number): Generator<object> {
	const list: [("create" | "update" | "destroy"), string, object | null][] = [
		...Object.entries(all.create ?? {}).map(([id, value]) => ["create", id, value] as ["create", string, object]),
		...Object.entries(all.update ?? {}).map(([id, value]) => ["update", id, value] as ["update", string, object]),
		...(all.destroy ?? []).map(id => ["destroy", id, null] as ["destroy", string, null]),
	];
	for (let at = 0; at < list.length; at += most) {
		const part = { create: {} as Record<string, object>, update: {} as Record<string, object>, destroy: [] as string[] };
		for (const [what, id, value] of list.slice(at, at + most))
			if (what === "destroy") part.destroy.push(id);
			else part[what][id] = value!;
		yield part;
	}
}
