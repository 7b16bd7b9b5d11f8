/* A window on a query of any size: rows are loaded where they are looked at, kept right by queryChanges, and what was done here shows in it at once. */
import { Store } from "../base/store.ts";
import type { Batch, Call } from "../jmap/client.ts";
import { bad, good, isPassing, type Result } from "../jmap/errors.ts";
import type { Comparator, EmailHead, Id } from "../jmap/types.ts";
import type { Engine, Follower } from "./engine.ts";
import { Sparse } from "./sparse.ts";
import type { List, ListQuery, ListView, Row } from "./types.ts";

/** Rows of a page, and how many around what is seen are loaded. */
const PAGE = 100, AROUND = 50;
/** Ids that are kept on this device of a list, for opening it at once. */
const KEPT_MAX = 200;
/** Changes of a list that are taken one by one; beyond, it is loaded anew. */
const CHANGES_MAX = 1000;
/** Ids that a query gives at a time ("select all"). */
const IDS_MAX = 1000;

const newest: Comparator[] = [{ property: "receivedAt", isAscending: false }];

interface KeptList {
	ids: Id[];
	total: number;
	at: number;
}

export function queryKey(query: ListQuery): string {
	return JSON.stringify([query.filter, query.sort ?? newest, query.collapseThreads ?? true]);
}

export class ListOf implements List, Follower {
	readonly query: ListQuery;
	readonly #engine: Engine;
	readonly #view: Store<ListView>;
	readonly #sparse = new Sparse();
	readonly #key: string;
	readonly #collapse: boolean;
	/** The mailbox whose list it is; null: another filter. */
	readonly #mailbox: Id | null;
	#queryState: string | null = null;
	/** Has the server answered since it was opened? */
	#fresh = false;
	#known = false;
	#call: Call<"Email/queryChanges"> | null = null;
	#seen: [number, number] = [0, PAGE - 1];
	#top: Id | null = null;
	/** Emails that came into the mailbox by what was done here, and that the server doesn't tell of yet. */
	readonly #extras = new Set<Id>();
	#shown: (Id | undefined)[] = [];
	#positions: Map<Id, number> | null = null;
	#rows = new Map<Id, Row>();
	#loading: Promise<void> | null = null;
	#users = 0;
	#later: ReturnType<typeof setTimeout> | null = null;
	readonly #unlisten: () => void;
	readonly #unretry: () => void;
	#onClosed: () => void;

	constructor(engine: Engine, query: ListQuery, onClosed: () => void) {
		this.query = query;
		this.#engine = engine;
		this.#key = queryKey(query);
		this.#collapse = query.collapseThreads ?? true;
		const filter = query.filter;
		this.#mailbox = filter && !("operator" in filter) && filter.inMailbox && Object.keys(filter).length === 1 ? filter.inMailbox : null;
		this.#onClosed = onClosed;
		this.#view = new Store<ListView>(this.#makeView("loading", null, 0));
		engine.followers.add(this);
		this.#unlisten = engine.cache.onChange(ids => this.#onEmails(ids));
		this.#unretry = engine.onOnline(() => void (this.#view.value.state === "offline" && this.#load()));
		void this.#open();
	}

	/** One more who shows it. */
	use(): this {
		this.#users++;
		return this;
	}

	close(): void {
		if (--this.#users > 0) return;
		this.#engine.followers.delete(this);
		this.#unlisten();
		this.#unretry();
		if (this.#later) clearTimeout(this.#later);
		this.#onClosed();
	}

	subscribe(run: (value: ListView) => void): () => void {
		return this.#view.subscribe(run);
	}

	async #open(): Promise<void> {
		const kept = await this.#engine.db.get<KeptList>("lists", this.#key);
		if (kept && !this.#known) {
			await this.#engine.cache.load(kept.ids);
			if (this.#collapse) await Promise.all(kept.ids.map(async id => {
				const thread = this.#engine.cache.base(id)?.threadId;
				const emails = thread ? await this.#engine.cache.loadThread(thread) : null;
				if (emails) await this.#engine.cache.load(emails);
			}));
			if (!this.#known) {
				this.#sparse.place(0, kept.ids, kept.total);
				this.#known = true;
				this.#render();
			}
		}
		await this.#load();
	}

	// ---- What is shown ----

	show(first: number, last: number): void {
		const seen: [number, number] = [Math.max(0, first), Math.max(first, last)];
		if (seen[0] === this.#seen[0] && seen[1] === this.#seen[1]) return;
		this.#seen = seen;
		this.#top = this.#shown[seen[0]] ?? null;
		void this.#load();
	}

	#makeView(state: ListView["state"], error: ListView["error"], shift: number): ListView {
		const shown = this.#shown, known = this.#known;
		return {
			total: known ? shown.length : null, state, error, shift,
			at: index => this.#row(shown[index]),
			indexOf: id => this.#indexOf(id),
		};
	}

	#indexOf(id: Id): number {
		if (!this.#positions) {
			this.#positions = new Map();
			this.#shown.forEach((one, at) => {
				if (one === undefined) return;
				this.#positions!.set(one, at);
				const thread = this.#engine.cache.head(one)?.threadId;
				if (thread) this.#positions!.set(thread, at);
			});
		}
		return this.#positions.get(id) ?? this.#positions.get(this.#engine.cache.head(id)?.threadId ?? "") ?? -1;
	}

	#row(id: Id | undefined): Row | undefined {
		const cache = this.#engine.cache, known = id === undefined ? undefined : this.#rows.get(id);
		if (known || id === undefined) return known;
		const base = cache.base(id);
		if (!base) return undefined;
		const emails = this.#emailsOf(base), own = cache.head(id), email = own && this.#isHere(own) ? own : (emails.filter(one => this.#isHere(one)).at(-1) ?? own);
		if (!email) return undefined;
		const row = makeRow(email, emails);
		this.#rows.set(id, row);
		return row;
	}

	#emailsOf(head: EmailHead): EmailHead[] {
		const cache = this.#engine.cache, own = cache.head(head.id), all = this.#collapse ? cache.thread(head.threadId) : null;
		return all ? all.flatMap(id => cache.head(id) ?? []) : own ? [own] : [];
	}

	#isHere(head: EmailHead): boolean {
		return this.#mailbox === null || head.mailboxIds[this.#mailbox] === true;
	}

	/** Is a row of the server's answer to be seen, after what was done here? */
	#isShown(id: Id | undefined): boolean {
		const cache = this.#engine.cache, base = id === undefined ? null : cache.base(id);
		if (!base) return id === undefined || !cache.isGone(id);
		return this.#emailsOf(base).some(head => this.#isHere(head));
	}

	#onEmails(ids: Set<Id>): void {
		let mine = false;
		for (const id of ids) {
			const head = this.#engine.cache.head(id);
			this.#rows.delete(id);
			if (this.#mailbox !== null && head && head.mailboxIds[this.#mailbox] && !this.#engine.cache.base(id)?.mailboxIds[this.#mailbox]) this.#extras.add(id);
			mine = true;
		}
		if (!mine) return;
		// A row has what the other emails of its thread have, too.
		for (const [id, row] of this.#rows) if (row.emails.some(one => ids.has(one.id)) || ids.has(row.id) || this.#engine.cache.thread(row.threadId)?.some(one => ids.has(one))) this.#rows.delete(id);
		this.#render();
	}

	/** Makes the view anew. */
	#render(state?: ListView["state"], error: ListView["error"] = null): void {
		const before = this.#shown, top = this.#top;
		this.#shown = this.#withExtras(this.#sparse.ids.some(id => !this.#isShown(id)) ? this.#sparse.ids.filter(id => this.#isShown(id)) : this.#sparse.ids.slice());
		this.#positions = null;
		const shift = this.#seen[0] > 0 && top !== null && before[this.#seen[0]] === top ? this.#shiftOf(top) : 0;
		if (shift !== 0) this.#seen = [this.#seen[0] + shift, this.#seen[1] + shift];
		this.#top = this.#shown[this.#seen[0]] ?? this.#top;
		this.#view.set(this.#makeView(state ?? (this.#isComplete() ? "ready" : this.#view.value.state), error, shift));
	}

	#shiftOf(top: Id): number {
		const now = this.#shown.indexOf(top);
		return now < 0 ? 0 : now - this.#seen[0];
	}

	#withExtras(ids: (Id | undefined)[]): (Id | undefined)[] {
		const cache = this.#engine.cache;
		for (const id of this.#extras) {
			const head = cache.head(id);
			const threads = new Set(this.#collapse ? ids.map(one => (one ? cache.base(one)?.threadId : undefined)) : []);
			if (!head || !this.#isHere(head) || ids.includes(id)) this.#extras.delete(id);
			else if (!threads.has(head.threadId) && this.#isNewestFirst()) insertByTime(ids, head, one => cache.base(one)?.receivedAt);
		}
		return ids;
	}

	#isNewestFirst(): boolean {
		const sort = (this.query.sort ?? newest)[0];
		return sort?.property === "receivedAt" && sort.isAscending === false;
	}

	#isComplete(): boolean {
		const [first, last] = this.#seen;
		for (let at = first; at <= Math.min(last, this.#shown.length - 1); at++) if (!this.#row(this.#shown[at])) return false;
		return this.#known;
	}

	// ---- Loading ----

	#load(): Promise<void> {
		this.#loading ??= this.#loadAll().finally(() => (this.#loading = null));
		return this.#loading;
	}

	async #loadAll(): Promise<void> {
		for (let tries = 0; tries < 20; tries++) {
			const page = this.#missing();
			if (!page) return this.#render("ready");
			if (this.#view.value.state !== "loading" && this.#known) this.#render("loading");
			const done = await this.#loadPage(...page);
			this.#engine.note(done.ok ? null : done.error);
			if (!done.ok) return this.#failed(done.error);
			this.#render();
		}
		this.#render("ready"); // it changes faster than it can be loaded; changes tell the rest
	}

	#failed(error: NonNullable<ListView["error"]>): void {
		this.#render(isPassing(error) ? "offline" : this.#isComplete() ? "ready" : "failed", error);
	}

	/** Position and number of what is to be loaded next; null: all that is to be seen is there. */
	#missing(): [number, number] | null {
		if (!this.#fresh) return [Math.max(0, this.#known ? this.#seen[0] - AROUND : 0), PAGE];
		const hidden = this.#sparse.ids.length - this.#shown.length, last = this.#seen[1] + Math.max(0, hidden) + AROUND;
		const gap = this.#sparse.gap(this.#seen[0] - AROUND, last) ?? this.#unknownHeads(this.#seen[0], last);
		return gap ? [gap[0], Math.min(Math.max(gap[1] - gap[0] + 1, 1), 2 * PAGE)] : null;
	}

	/** Rows whose emails aren't in memory any more. */
	#unknownHeads(first: number, last: number): [number, number] | null {
		for (let at = Math.max(0, first); at <= Math.min(last, this.#sparse.ids.length - 1); at++) {
			const id = this.#sparse.ids[at];
			if (id && !this.#engine.cache.base(id) && !this.#engine.cache.isGone(id)) return [at, Math.min(at + PAGE - 1, last)];
		}
		return null;
	}

	async #loadPage(position: number, limit: number): Promise<Result<void>> {
		const engine = this.#engine, batch = engine.client.batch(engine.account), done = engine.beside();
		const found = batch.call("Email/query", { ...this.#arguments(), position, limit, calculateTotal: true });
		const heads = batch.call("Email/get", { "#ids": found.ref("/ids"), properties: engine.headProperties });
		const threads = this.#collapse ? batch.call("Thread/get", { "#ids": heads.ref("/list/*/threadId") }) : null;
		const sent = await batch.send();
		if (!sent.ok) return sent;
		if (!found.result.ok) return found.result;
		if (!heads.result.ok) return heads.result;
		if (threads && !threads.result.ok) return threads.result;
		engine.cache.put(heads.result.value.list as EmailHead[]);
		const taken = threads?.result.ok ? await engine.takeThreads(threads.result.value.list) : good(undefined);
		if (!taken.ok) return taken;
		const { queryState, ids, total = 0, position: at } = found.result.value;
		if (this.#fresh && queryState !== this.#queryState) await engine.sync();
		if (this.#fresh && queryState !== this.#queryState) this.#sparse.ids = [];
		if (!this.#fresh) this.#sparse.ids = [];
		this.#sparse.place(at, ids, total);
		this.#queryState = queryState;
		this.#fresh = this.#known = true;
		this.#keep();
		done(threads?.result.ok ? threads.result.value.list.flatMap(thread => thread.emailIds) : ids);
		return good(undefined);
	}

	#arguments(): { filter: ListQuery["filter"]; sort: Comparator[]; collapseThreads: boolean } {
		return { filter: this.query.filter, sort: (this.query.sort ?? newest) as Comparator[], collapseThreads: this.#collapse };
	}

	#keep(): void {
		this.#later ??= setTimeout(() => {
			this.#later = null;
			const end = this.#sparse.ids.indexOf(undefined), ids = this.#sparse.ids.slice(0, Math.min(end < 0 ? Infinity : end, KEPT_MAX)) as Id[];
			void this.#engine.db.put("lists", [[this.#key, { ids, total: this.#sparse.ids.length, at: Date.now() } satisfies KeptList]]);
		}, 500);
	}

	// ---- Changes ----

	ask(batch: Batch): (() => Id[]) | null {
		this.#call = null;
		if (!this.#fresh || !this.#queryState) return null;
		const call = (this.#call = batch.call("Email/queryChanges", { ...this.#arguments(), sinceQueryState: this.#queryState, maxChanges: CHANGES_MAX, calculateTotal: true }));
		return () => (call.result.ok ? call.result.value.added.filter(one => one.index < this.#seen[1] + PAGE).slice(0, PAGE).map(one => one.id) : []);
	}

	apply(): void {
		const call = this.#call;
		this.#call = null;
		if (!call) return;
		if (!call.result.ok) return void (call.result.error.kind === "offline" || this.reset());
		const { oldQueryState, newQueryState, removed, added, total } = call.result.value;
		if (oldQueryState !== this.#queryState) return; // it was loaded anew meanwhile
		const changed = removed.length > 0 || added.length > 0;
		this.#queryState = newQueryState;
		if (!changed) return;
		const seen = this.#sparse.change(removed, added, total ?? this.#sparse.ids.length) || this.#sparse.gap(this.#seen[0], this.#seen[1]) === null;
		this.#keep();
		if (!seen) return void this.#anchor();
		this.#render();
		void this.#load();
	}

	/** After changes that nobody can place: finds what was at the top of what is seen again. */
	async #anchor(): Promise<void> {
		const engine = this.#engine, top = this.#top;
		const found = top ? await engine.client.call(engine.account, "Email/query", { ...this.#arguments(), anchor: top, anchorOffset: 0, limit: PAGE, calculateTotal: true }) : null;
		if (found?.ok && found.value.queryState === this.#queryState) {
			const shift = found.value.position - this.#seen[0];
			this.#sparse.place(found.value.position, found.value.ids, found.value.total ?? this.#sparse.ids.length);
			this.#seen = [this.#seen[0] + shift, this.#seen[1] + shift];
			this.#render();
			this.#view.set(this.#makeView(this.#view.value.state, null, shift));
		} else {
			this.#render();
		}
		await this.#load();
	}

	reset(): void {
		this.#fresh = false;
		this.#queryState = null;
		void this.#load();
	}

	async reload(): Promise<Result<void>> {
		await this.#loading;
		this.#fresh = false;
		await this.#load();
		const { error } = this.#view.value;
		return error ? { ok: false, error } : good(undefined);
	}

	shows(id: Id): boolean {
		const at = this.#indexOf(id);
		return at >= this.#seen[0] - PAGE && at <= this.#seen[1] + PAGE;
	}

	async ids(first: number, last: number): Promise<Result<Id[]>> {
		const engine = this.#engine, wanted = this.#shown.slice(first, last + 1), all: Id[] = [];
		// Rows that nobody has asked for yet aren't nothing: they are asked for.
		if (this.#known && wanted.every(id => id !== undefined && this.#row(id))) return good([...new Set(wanted.flatMap(id => this.#row(id)!.emails.filter(one => this.#isHere(one)).map(one => one.id)))]);
		for (let at = first; at <= last; at += IDS_MAX) {
			// Of threads all emails that fit, whichever rows they are in: one query without collapsing would have other positions.
			const batch = engine.client.batch(engine.account), found = batch.call("Email/query", { ...this.#arguments(), position: at, limit: Math.min(IDS_MAX, last - at + 1) });
			const heads = this.#collapse ? batch.call("Email/get", { "#ids": found.ref("/ids"), properties: ["threadId"] }) : null;
			const threads = heads ? batch.call("Thread/get", { "#ids": heads.ref("/list/*/threadId") }) : null;
			const sent = await batch.send();
			if (!sent.ok) return sent;
			if (!found.result.ok) return found.result;
			if (threads && !threads.result.ok) return threads.result;
			const ids = threads?.result.ok ? threads.result.value.list.flatMap(thread => thread.emailIds) : found.result.value.ids;
			for (const id of ids) all.push(id);
			if (found.result.value.ids.length === 0) break;
		}
		return all.length > 0 ? good(await this.#onlyHere([...new Set(all)])) : bad("notFound", "", "there is nothing");
	}

	/** Of emails of threads those that are in the list's mailbox. */
	async #onlyHere(ids: Id[]): Promise<Id[]> {
		if (this.#mailbox === null || !this.#collapse) return ids;
		const missing = await this.#engine.cache.load(ids);
		if (missing.length > 0) await this.#engine.wantHeads(missing);
		return ids.filter(id => this.#engine.cache.head(id)?.mailboxIds[this.#mailbox!]);
	}
}

function makeRow(email: EmailHead, emails: EmailHead[]): Row {
	const all = emails.length > 0 ? emails : [email], any = (keyword: string) => all.some(one => one.keywords[keyword]);
	const labels = [...new Set(all.flatMap(one => Object.keys(one.keywords)))].filter(keyword => !keyword.startsWith("$")).sort();
	return {
		id: email.id, threadId: email.threadId, email, emails: all, labels,
		unread: all.some(one => !one.keywords["$seen"] && !one.keywords["$draft"]), starred: any("$flagged"), hasAttachment: all.some(one => one.hasAttachment),
	};
}

/** Does one of two emails of the same second come first? Ids are counted, and the server has the later one first: so nothing jumps when its answer comes. */
function isLater(one: Id, other: Id): boolean {
	return one.length !== other.length ? one.length > other.length : one > other;
}

/** Puts an email where it belongs among those that are known, newest first. */
function insertByTime(ids: (Id | undefined)[], head: EmailHead, timeOf: (id: Id) => string | undefined): void {
	let at = ids.length;
	for (let i = 0; i < ids.length; i++) {
		const id = ids[i], time = id === undefined ? undefined : timeOf(id);
		if (id === undefined || (time !== undefined && (time < head.receivedAt || (time === head.receivedAt && isLater(head.id, id))))) {
			at = i;
			break;
		}
	}
	ids.splice(at, 0, head.id);
}
