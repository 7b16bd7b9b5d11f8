/* Heads of emails and their threads: what the server has said, and over it what was done here and isn't confirmed yet. Memory first, this device's database behind it. */
import type { EmailHead, Id, Thread } from "../jmap/types.ts";
import type { Database } from "./database.ts";
import { applyPatch, type Patch } from "./patch.ts";

/** Heads in memory; beyond, those that were used least recently go, if nobody shows them. */
const HEADS_MAX = 30_000;
/** Milliseconds between writes to the database. */
const WRITE_AFTER = 300;

/** What an act does to an email: changes it, or destroys it (null). */
export type Effect = Patch | null;

export class Cache {
	readonly #db: Database;
	readonly #base = new Map<Id, EmailHead>();
	readonly #shown = new Map<Id, EmailHead | null>();
	readonly #threads = new Map<Id, Id[]>();
	readonly #overlay = new Map<Id, Map<string, Effect>>();
	readonly #listeners = new Set<(ids: Set<Id>) => void>();
	/** From the database, and not seen of the server since. */
	readonly unverified = new Set<Id>();
	#changed = new Set<Id>();
	#told = false;
	#toWrite = new Map<Id, EmailHead>();
	#threadsToWrite = new Set<Id>();
	#timer: ReturnType<typeof setTimeout> | null = null;

	constructor(db: Database) {
		this.#db = db;
	}

	/** Told which emails are another than they were, soon after. */
	onChange(run: (ids: Set<Id>) => void): () => void {
		this.#listeners.add(run);
		return () => this.#listeners.delete(run);
	}

	#touch(id: Id): void {
		this.#shown.delete(id);
		this.#changed.add(id);
		if (this.#told) return;
		this.#told = true;
		queueMicrotask(() => {
			const ids = this.#changed;
			this.#changed = new Set();
			this.#told = false;
			for (const run of [...this.#listeners]) run(ids);
		});
	}

	// ---- Reading ----

	/** As it is to be shown; null: not known, or gone. */
	head(id: Id): EmailHead | null {
		const known = this.#shown.get(id);
		if (known !== undefined) return known;
		const base = this.#base.get(id);
		if (!base) return null;
		let shown: EmailHead | null = base;
		for (const effect of this.#overlay.get(id)?.values() ?? []) shown = shown && effect ? applyPatch(shown, effect) : null;
		this.#shown.set(id, shown);
		return shown;
	}

	/** As the server has said it. */
	base(id: Id): EmailHead | null {
		return this.#base.get(id) ?? null;
	}

	/** Was it destroyed here, whether the server knows it already or not? */
	isGone(id: Id): boolean {
		return [...(this.#overlay.get(id)?.values() ?? [])].includes(null);
	}

	/** Oldest first; null: not known. */
	thread(id: Id): Id[] | null {
		return this.#threads.get(id) ?? null;
	}

	/** Of the emails that acts change at the moment. */
	overlaid(): Iterable<Id> {
		return this.#overlay.keys();
	}

	known(): Iterable<EmailHead> {
		return this.#base.values();
	}

	/** Those of these that are in memory, after the others were looked for on this device; gives those that are nowhere. */
	async load(ids: Id[]): Promise<Id[]> {
		const wanted = ids.filter(id => !this.#base.has(id));
		if (wanted.length === 0) return [];
		const found = await this.#db.getMany<EmailHead>("emails", wanted), missing: Id[] = [];
		wanted.forEach((id, at) => {
			const head = found[at];
			if (!head) missing.push(id);
			if (!head || this.#base.has(id)) return;
			this.#base.set(id, head);
			this.unverified.add(id);
			this.#touch(id);
		});
		return missing;
	}

	async loadThread(id: Id): Promise<Id[] | null> {
		const known = this.#threads.get(id) ?? (await this.#db.get<Id[]>("threads", id)) ?? null;
		if (known && !this.#threads.has(id)) this.#threads.set(id, known);
		return known;
	}

	// ---- What the server says ----

	put(heads: EmailHead[]): void {
		for (const head of heads) {
			this.#base.delete(head.id); // to the end: used just now
			this.#base.set(head.id, head);
			this.unverified.delete(head.id);
			this.#toWrite.set(head.id, head);
			this.#touch(head.id);
		}
		this.#later();
	}

	/** New values of what changes in an email. */
	merge(parts: (Partial<EmailHead> & { id: Id })[]): void {
		this.put(parts.flatMap(part => {
			const head = this.#base.get(part.id);
			return head ? [{ ...head, ...part }] : [];
		}));
	}

	putThreads(threads: Thread[]): void {
		for (const { id, emailIds } of threads) {
			this.#threads.set(id, emailIds);
			this.#threadsToWrite.add(id);
			for (const email of emailIds) this.#touch(email);
		}
		this.#later();
	}

	remove(ids: Id[]): void {
		for (const id of ids) {
			const thread = this.#base.get(id)?.threadId, list = thread && this.#threads.get(thread);
			this.#base.delete(id);
			this.#toWrite.delete(id);
			if (thread && list) this.putThreads([{ id: thread, emailIds: list.filter(one => one !== id) }]);
			this.#touch(id);
		}
		void this.#db.delete("emails", ids);
		void this.#db.delete("bodies", ids);
	}

	/** What is known in memory only of the past: it is asked for anew. */
	forget(): void {
		for (const id of this.#base.keys()) this.unverified.add(id);
		this.#threads.clear();
		void this.#db.clear("threads");
	}

	/** Frees memory; `shown` says what stays. */
	trim(shown: (id: Id) => boolean): void {
		for (const id of this.#base.keys()) {
			if (this.#base.size <= HEADS_MAX) return;
			if (shown(id) || this.#overlay.has(id) || this.#toWrite.has(id)) continue;
			this.#base.delete(id);
			this.#shown.delete(id);
		}
	}

	// ---- What is done here ----

	addEffects(act: string, effects: Iterable<[Id, Effect]>): void {
		for (const [id, effect] of effects) {
			const list = this.#overlay.get(id) ?? new Map<string, Effect>();
			this.#overlay.set(id, list.set(act, effect));
			this.#touch(id);
		}
	}

	/** `done`: the server has it, so that it is true from now on. */
	endEffects(act: string, ids: Iterable<Id>, done: boolean): void {
		const destroyed: Id[] = [];
		for (const id of ids) {
			const list = this.#overlay.get(id), effect = list?.get(act), base = this.#base.get(id);
			list?.delete(act);
			if (list?.size === 0) this.#overlay.delete(id);
			if (done && effect === null) destroyed.push(id);
			else if (done && effect && base) this.put([applyPatch(base, effect)]);
			this.#touch(id);
		}
		if (destroyed.length > 0) this.remove(destroyed);
	}

	// ---- The database ----

	#later(): void {
		this.#timer ??= setTimeout(() => void this.flush(), WRITE_AFTER);
	}

	async flush(): Promise<void> {
		if (this.#timer) clearTimeout(this.#timer);
		this.#timer = null;
		const heads = [...this.#toWrite], threads = [...this.#threadsToWrite].map(id => [id, this.#threads.get(id) ?? []] as [string, Id[]]), at = Date.now();
		this.#toWrite = new Map();
		this.#threadsToWrite = new Set();
		if (heads.length > 0) await this.#db.put("emails", heads);
		if (heads.length > 0) await this.#db.put("info", heads.map(([id]) => [`e:${id}`, { at, size: 1 }]));
		if (threads.length > 0) await this.#db.put("threads", threads);
	}

	close(): void {
		if (this.#timer) clearTimeout(this.#timer);
		this.#timer = null;
		this.#listeners.clear();
	}
}

interface Info {
	at: number;
	size: number;
}

/** What this device keeps of messages at most: heads, and bytes of bodies; days since they were used. */
export const KEPT = { heads: 50_000, bodies: 3_000, bodyBytes: 200_000_000, days: 90 };

/** Removes what is beyond the bounds, the oldest first. */
export async function prune(db: Database, now: number): Promise<number> {
	const kinds = { e: { table: "emails", most: KEPT.heads, bytes: Infinity }, b: { table: "bodies", most: KEPT.bodies, bytes: KEPT.bodyBytes } } as const;
	const counted = { e: { count: 0, bytes: 0 }, b: { count: 0, bytes: 0 } }, gone: { e: Id[]; b: Id[] } = { e: [], b: [] };
	for (const [key, info] of (await db.all<Info>("info")).sort(([, a], [, b]) => b.at - a.at)) {
		const kind = key[0] as "e" | "b", sum = counted[kind];
		sum.count++;
		sum.bytes += info.size;
		if (sum.count > kinds[kind].most || sum.bytes > kinds[kind].bytes || now - info.at > KEPT.days * 86_400_000) gone[kind].push(key.slice(2));
	}
	for (const kind of ["e", "b"] as const) {
		if (gone[kind].length === 0) continue;
		await db.delete(kinds[kind].table, gone[kind]);
		await db.delete("info", gone[kind].map(id => `${kind}:${id}`));
	}
	return gone.e.length + gone.b.length;
}
