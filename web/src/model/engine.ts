/* Keeps what is known of an account true: is told of changes, asks what they are, and says so to those who show them. One for each account and window.
 *
 * A round (`sync`) asks for all changes since the states that are known (Email/changes, Mailbox/changes, and Email/queryChanges of each open list), then for what is
 * new of them, and applies all of it at once. What comes out of this device's database is shown, and verified in the next round. */
import { Store } from "../base/store.ts";
import { getAll, type Batch, type Call, type Client } from "../jmap/client.ts";
import { good, isPassing, type Failure, type Result } from "../jmap/errors.ts";
import type { ChangesResponse, EmailHead, Id, Mailbox, Thread } from "../jmap/types.ts";
import { SNOOZE } from "../jmap/methods.ts";
import { Push } from "../jmap/push.ts";
import { Cache } from "./cache.ts";
import type { Database } from "./database.ts";
import type { Host } from "./host.ts";
import type { Connection } from "./types.ts";

const HEAD = [
	"id", "blobId", "threadId", "mailboxIds", "keywords", "size", "receivedAt", "messageId", "inReplyTo", "references", "sender", "from", "to", "cc", "bcc", "replyTo", "subject", "sentAt",
	"hasAttachment", "preview",
];
const CHANGING = ["id", "threadId", "mailboxIds", "keywords"];
/** Changes of one round; lists whose changes are asked for in it; new emails whose heads are loaded unasked. */
const CHANGES_MAX = 500, LISTS_MAX = 16, NEW_MAX = 200;
/** Milliseconds after which it is looked whether the server can't be reached indeed: what failed may have been asked before it could. */
const PROBE_AFTER = 1000;
/** How many rounds follow one another before it is given up: somebody changes faster than we ask. */
const ROUNDS_MAX = 50;

/** Something that is kept right in each round: a list. */
export interface Follower {
	/** Asks what has changed; null: nothing is known yet. */
	ask(batch: Batch): (() => Id[]) | null;
	/** Takes what ask() got; when the heads of the ids that it gave are there. */
	apply(): void;
	/** All that is known may be wrong: load anew. */
	reset(): void;
	/** Is that email shown in it? */
	shows(id: Id): boolean;
}

export class Engine {
	readonly client: Client;
	readonly account: Id;
	readonly db: Database;
	readonly host: Host;
	readonly cache: Cache;
	readonly connection = new Store<Connection>({ state: "connecting", pending: 0, error: null });
	readonly mailboxes = new Store<Map<Id, Mailbox>>(new Map());
	readonly followers = new Set<Follower>();
	readonly #watchers = new Map<string, Set<() => void>>();
	readonly #states = new Map<string, string>();
	/** Run whenever the server can be reached again. */
	readonly #onOnline = new Set<() => void>();
	#emailState: string | null = null;
	#mailboxState: string | null = null;
	#running: Promise<Result<void>> | null = null;
	#begun = 0;
	#again = false;
	#push: Push | null = null;
	#unwake: (() => void) | null = null;
	#closed = false;

	constructor(client: Client, account: Id, db: Database, host: Host) {
		this.client = client;
		this.account = account;
		this.db = db;
		this.host = host;
		this.cache = new Cache(db);
	}

	/** Shows what this device knows, then listens to the server. */
	async start(): Promise<void> {
		const known = await this.db.get<Mailbox[]>("meta", "mailboxes");
		if (known && this.mailboxes.value.size === 0) this.mailboxes.set(new Map(known.map(one => [one.id, one])));
		if (this.#closed) return;
		this.#push = new Push(this.client, {
			mayConnect: () => this.#mayConnect(),
			onConnected: () => void this.#connected(),
			onBroken: () => void this.sync(),
			onChange: changed => this.#news(changed[this.account] ?? {}),
		});
		this.#unwake = this.host.platform.onWake(() => this.wake());
	}

	close(): void {
		this.#closed = true;
		this.#push?.close();
		this.#unwake?.();
		this.cache.close();
	}

	get closed(): boolean {
		return this.#closed;
	}

	/** Somebody has signed in again. */
	resume(): void {
		if (this.connection.value.state === "signedOut") this.connection.set({ ...this.connection.value, state: "connecting", error: null });
		this.wake();
	}

	/** Tries at once what waits: somebody has signed in again, the network is back. */
	wake(): void {
		this.#push?.wake();
		void this.sync();
	}

	get online(): boolean {
		return this.connection.value.state === "online";
	}

	// ---- Connection ----

	async #mayConnect(): Promise<boolean> {
		return this.client.session !== null && this.connection.value.state !== "signedOut";
	}

	async #connected(): Promise<void> {
		const done = await this.sync();
		if (done.ok) for (const set of this.#watchers.values()) for (const run of set) run();
	}

	/** How a request went: says whether the server can be reached. */
	note(error: Failure | null): void {
		const { state, pending } = this.connection.value;
		const next = !error ? "online" : error.kind === "signedOut" ? "signedOut" : error.kind === "offline" ? "offline" : state;
		if (next === state && error === this.connection.value.error) return;
		this.connection.set({ state: next, pending, error });
		if (next === "online" && state !== "online") for (const run of [...this.#onOnline]) run();
		if (next === "online" && state === "offline") this.#push?.wake();
		if (next === "offline" && state === "online") void this.#probe();
	}

	async #probe(): Promise<void> {
		await this.host.platform.sleep(PROBE_AFTER);
		if (this.connection.value.state === "offline") await this.sync();
	}

	setPending(pending: number): void {
		if (pending !== this.connection.value.pending) this.connection.set({ ...this.connection.value, pending });
	}

	/** Runs each time that the server can be reached again; gives the function that ends it. */
	onOnline(run: () => void): () => void {
		this.#onOnline.add(run);
		return () => this.#onOnline.delete(run);
	}

	/** Runs when objects of that type may have changed, and when the connection is back. */
	watch(type: string, run: () => void): () => void {
		const set = this.#watchers.get(type) ?? new Set();
		this.#watchers.set(type, set.add(run));
		return () => set.delete(run);
	}

	#news(states: Record<string, string>): void {
		let mail = false;
		for (const [type, state] of Object.entries(states)) {
			if (this.#states.get(type) === state) continue;
			this.#states.set(type, state);
			mail ||= type === "Email" || type === "Mailbox" || type === "Thread";
			for (const run of this.#watchers.get(type) ?? []) run();
		}
		if (mail) void this.sync();
	}

	// ---- Properties ----

	/** May messages be snoozed here? */
	get snoozes(): boolean {
		return this.client.has(SNOOZE);
	}

	get headProperties(): string[] {
		return this.snoozes ? [...HEAD, "snoozed"] : HEAD;
	}

	get changingProperties(): string[] {
		return this.snoozes ? [...CHANGING, "snoozed"] : CHANGING;
	}

	// ---- Rounds ----

	/** One round, or several if there is more; who calls meanwhile shares it, and it is run once more then. */
	sync(): Promise<Result<void>> {
		if (this.#closed) return Promise.resolve(good(undefined));
		this.#again = this.#running !== null;
		this.#running ??= this.#rounds().finally(() => {
			this.#running = null;
			if (this.#again) void this.sync();
		});
		return this.#running;
	}

	async #rounds(): Promise<Result<void>> {
		for (let round = 0; round < ROUNDS_MAX; round++) {
			const done = await this.#round();
			if (this.#closed) return good(undefined);
			this.note(done.ok ? null : done.error);
			if (!done.ok) return done;
			if (!done.value && !this.#again) return good(undefined);
			this.#again = false;
		}
		return good(undefined);
	}

	/** Before something is loaded beside the rounds; what it gives is called with the emails that were loaded. A round may have asked for changes before they were known
	 * here, and be answered after them: then they are looked at once more. */
	beside(): (ids: Id[]) => void {
		const begun = this.#running ? -1 : this.#begun;
		return ids => {
			if (begun === this.#begun) return;
			for (const id of ids) this.cache.unverified.add(id);
			void this.sync();
		};
	}

	/** True: there is more. */
	async #round(): Promise<Result<boolean>> {
		this.#begun++;
		const batch = this.client.batch(this.account), boxes = this.#askMailboxes(batch);
		const emails = this.#emailState ? batch.call("Email/changes", { sinceState: this.#emailState, maxChanges: CHANGES_MAX }) : null;
		const first = emails ? null : batch.call("Email/get", { ids: [], properties: ["id"] });
		const asked = [...this.followers].slice(0, LISTS_MAX).map(follower => ({ follower, added: follower.ask(batch) }));
		const sent = await batch.send();
		if (!sent.ok) return sent;
		if (first && !first.result.ok) return first.result;
		if (emails && !emails.result.ok) return emails.result.error.kind === "stale" ? this.#startAnew() : emails.result;
		const changes = emails?.result.ok ? emails.result.value : null;
		const fetched = await this.#fetch(changes, asked.flatMap(({ added }) => added?.() ?? []));
		if (!fetched.ok) return fetched;
		const more = this.#takeMailboxes(boxes);
		if (!more.ok) return more;
		if (changes) this.cache.remove(changes.destroyed);
		for (const { follower, added } of asked) if (added && this.followers.has(follower)) follower.apply();
		for (const follower of [...this.followers].slice(LISTS_MAX)) follower.reset();
		this.#emailState = changes?.newState ?? (first?.result.ok ? first.result.value.state : null);
		return good(more.value || changes?.hasMoreChanges === true);
	}

	#startAnew(): Result<boolean> {
		this.#emailState = null;
		this.cache.forget();
		for (const follower of this.followers) follower.reset();
		return good(true);
	}

	/** Heads of what is new, what has changed of what is known, and the threads of both. */
	async #fetch(changes: ChangesResponse | null, added: Id[]): Promise<Result<void>> {
		const known = (id: Id) => this.cache.base(id) !== null;
		const again = [...new Set([...(changes?.updated.filter(known) ?? []), ...this.cache.unverified])];
		const fresh = [...new Set([...added, ...(changes?.created.slice(0, NEW_MAX) ?? [])])].filter(id => !known(id));
		const [updated, heads] = await Promise.all([
			again.length > 0 ? getAll(this.client, this.account, "Email/get", again, { properties: this.changingProperties }) : good([]),
			fresh.length > 0 ? this.loadHeads(fresh) : good(undefined),
		]);
		if (!updated.ok) return updated;
		if (!heads.ok) return heads;
		const there = new Set(updated.value.map(one => one.id));
		this.cache.remove(again.filter(id => !there.has(id)));
		const moved = updated.value.filter(one => this.cache.base(one.id)?.threadId !== one.threadId).map(one => one.threadId);
		this.cache.merge(updated.value);
		const threads = [...new Set([...fresh.flatMap(id => this.cache.base(id)?.threadId ?? []), ...moved])];
		return this.loadThreads(threads);
	}

	/** Heads that somebody wants to see. */
	async wantHeads(ids: Id[]): Promise<Result<void>> {
		const done = this.beside(), loaded = await this.loadHeads(ids);
		done(ids);
		return loaded;
	}

	/** Heads from the server, within a round. */
	async loadHeads(ids: Id[]): Promise<Result<void>> {
		const got = await getAll(this.client, this.account, "Email/get", ids, { properties: this.headProperties });
		if (got.ok) this.cache.put(got.value as EmailHead[]);
		return got.ok ? good(undefined) : got;
	}

	/** Threads from the server, and the heads of their emails. */
	async loadThreads(ids: Id[]): Promise<Result<void>> {
		if (ids.length === 0) return good(undefined);
		const got = await getAll(this.client, this.account, "Thread/get", ids);
		return got.ok ? this.takeThreads(got.value) : got;
	}

	async takeThreads(threads: Thread[]): Promise<Result<void>> {
		const missing = await this.cache.load(threads.flatMap(thread => thread.emailIds));
		const loaded = missing.length > 0 ? await this.loadHeads(missing) : good(undefined);
		if (loaded.ok) this.cache.putThreads(threads);
		return loaded;
	}

	// ---- Mailboxes ----

	#askMailboxes(batch: Batch): MailboxCalls {
		if (!this.#mailboxState) return { all: batch.call("Mailbox/get", { ids: null }) };
		const changes = batch.call("Mailbox/changes", { sinceState: this.#mailboxState });
		return {
			changes, created: batch.call("Mailbox/get", { "#ids": changes.ref("/created") }),
			updated: batch.call("Mailbox/get", { "#ids": changes.ref("/updated"), "#properties": changes.ref("/updatedProperties") }),
		};
	}

	#takeMailboxes(calls: MailboxCalls): Result<boolean> {
		if ("all" in calls) return calls.all.result.ok ? (this.setMailboxes(calls.all.result.value.list, calls.all.result.value.state), good(false)) : calls.all.result;
		const { changes, created, updated } = calls;
		if (!changes.result.ok && !isPassing(changes.result.error)) {
			this.#mailboxState = null;
			return good(true);
		}
		for (const call of [changes, created, updated]) if (!call.result.ok) return call.result;
		if (!changes.result.ok || !created.result.ok || !updated.result.ok) return good(true);
		if (changes.result.value.oldState !== this.#mailboxState) return good(true); // an act has brought newer ones meanwhile
		const next = new Map(this.mailboxes.value);
		for (const id of changes.result.value.destroyed) next.delete(id);
		for (const one of created.result.value.list) next.set(one.id, one);
		for (const one of updated.result.value.list) next.set(one.id, { ...next.get(one.id), ...one } as Mailbox);
		const { oldState, newState, hasMoreChanges } = changes.result.value;
		if (oldState !== newState) this.setMailboxes([...next.values()], newState);
		return good(hasMoreChanges);
	}

	/** All mailboxes, as the server has them. */
	setMailboxes(list: Mailbox[], state: string): void {
		this.#mailboxState = state;
		this.mailboxes.set(new Map(list.map(one => [one.id, one])));
		void this.db.put("meta", [["mailboxes", list]]);
	}
}

type MailboxCalls =
	| { all: Call<"Mailbox/get"> }
	| { changes: Call<"Mailbox/changes">; created: Call<"Mailbox/get">; updated: Call<"Mailbox/get"> };
