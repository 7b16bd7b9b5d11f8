/* The tree of mailboxes, with counts in which what was done here is counted already. */
import { derived, Store, type Readable } from "../base/store.ts";
import { bad, failureOf, good, type Result } from "../jmap/errors.ts";
import type { EmailHead, Id, Mailbox, Role } from "../jmap/types.ts";
import type { Engine } from "./engine.ts";
import type { MailboxNode, Mailboxes } from "./types.ts";

const order: Role[] = ["inbox", "flagged", "important", "snoozed", "drafts", "scheduled", "sent", "archive", "all", "memos", "junk", "trash"];
/** What a mailbox is called that is made for its role; pages show roles in the person's language. */
const names: Partial<Record<Role, string>> = { archive: "Archive", drafts: "Drafts", junk: "Junk", sent: "Sent", snoozed: "Snoozed", trash: "Trash" };

type Counts = Pick<Mailbox, "totalEmails" | "unreadEmails" | "totalThreads" | "unreadThreads">;

/** In which order they are shown: those with a role first. */
export function compare(a: Mailbox, b: Mailbox): number {
	const rank = (one: Mailbox) => (one.role ? order.indexOf(one.role) + (order.includes(one.role) ? 0 : order.length + 1) : order.length + 1);
	return rank(a) - rank(b) || a.sortOrder - b.sortOrder || a.name.localeCompare(b.name);
}

/** Out of the list. What is below something that isn't there stands at the top. */
export function makeTree(all: Mailbox[]): MailboxNode[] {
	const ids = new Set(all.map(one => one.id)), below = new Map<Id | null, Mailbox[]>();
	for (const one of all) {
		const parent = one.parentId && ids.has(one.parentId) ? one.parentId : null;
		below.set(parent, [...(below.get(parent) ?? []), one]);
	}
	const grow = (parent: Id | null, depth: number, path: string[]): MailboxNode[] =>
		(below.get(parent) ?? []).sort(compare).map(mailbox => ({ mailbox, depth, path: [...path, mailbox.name], children: grow(mailbox.id, depth + 1, [...path, mailbox.name]) }));
	return grow(null, 0, []);
}

/** What the emails of one thread count for in each mailbox (RFC 8621 §2): a thread is unread if any email of it outside of the trash is, or in the trash for that. */
function countThread(heads: EmailHead[], trash: Id | null, sign: number, into: Map<Id, Counts>): void {
	const unread = (head: EmailHead) => !head.keywords["$seen"] && !head.keywords["$draft"];
	const outside = heads.some(head => unread(head) && Object.keys(head.mailboxIds).some(id => id !== trash)), inTrash = heads.some(head => unread(head) && trash !== null && head.mailboxIds[trash]);
	const threads = new Set<Id>();
	for (const head of heads) {
		for (const id of Object.keys(head.mailboxIds)) {
			const counts = into.get(id) ?? { totalEmails: 0, unreadEmails: 0, totalThreads: 0, unreadThreads: 0 };
			into.set(id, counts);
			counts.totalEmails += sign;
			if (unread(head)) counts.unreadEmails += sign;
			if (threads.has(id)) continue;
			threads.add(id);
			counts.totalThreads += sign;
			if (id === trash ? inTrash : outside) counts.unreadThreads += sign;
		}
	}
}

export class MailboxesOf implements Mailboxes {
	readonly #engine: Engine;
	readonly #shown = new Store<Mailbox[]>([]);
	readonly all: Readable<Mailbox[]> = this.#shown;
	readonly #tree = derived(this.#shown, makeTree);

	constructor(engine: Engine) {
		this.#engine = engine;
		engine.mailboxes.subscribe(() => this.#count());
		engine.cache.onChange(() => this.#count());
	}

	subscribe(run: (value: MailboxNode[]) => void): () => void {
		return this.#tree.subscribe(run);
	}

	#count(): void {
		const cache = this.#engine.cache, threads = new Map<Id, Id[]>(), deltas = new Map<Id, Counts>();
		for (const id of cache.overlaid()) {
			const thread = cache.base(id)?.threadId;
			if (thread) threads.set(thread, cache.thread(thread) ?? [...(threads.get(thread) ?? []), id]);
		}
		const trash = [...this.#engine.mailboxes.value.values()].find(one => one.role === "trash")?.id ?? null;
		for (const ids of threads.values()) {
			countThread(ids.flatMap(id => cache.base(id) ?? []), trash, -1, deltas);
			countThread(ids.flatMap(id => cache.head(id) ?? []), trash, 1, deltas);
		}
		const list = [...this.#engine.mailboxes.value.values()].map(one => add(one, deltas.get(one.id)));
		const now = this.#shown.value;
		if (list.length !== now.length || list.some((one, at) => !equal(one, now[at]!))) this.#shown.set(list);
	}

	byId(id: Id): Mailbox | null {
		return this.#shown.value.find(one => one.id === id) ?? null;
	}

	byRole(role: Role): Mailbox | null {
		return this.#shown.value.find(one => one.role === role) ?? null;
	}

	async need(role: Role): Promise<Result<Mailbox>> {
		if (!this.byRole(role)) {
			// It may not be known here yet.
			const all = await this.#engine.client.call(this.#engine.account, "Mailbox/get", { ids: null });
			if (!all.ok) return all;
			this.#engine.setMailboxes(all.value.list, all.value.state);
		}
		const there = this.byRole(role);
		if (there) return good(there);
		const name = names[role] ?? role;
		// There may be one of that name without the role, made by another program.
		const namesake = this.#shown.value.find(one => one.parentId === null && one.role === null && one.name.toLowerCase() === name.toLowerCase());
		const made = namesake ? await this.change(namesake.id, { role }) : await this.#set({ create: { m: { name, role } } });
		if (!made.ok) return made;
		const now = this.byRole(role);
		return now ? good(now) : bad("broken", "", `there is no mailbox for ${role} after one was made`);
	}

	async create(name: string, parentId: Id | null = null): Promise<Result<Id>> {
		const made = await this.#set({ create: { m: { name, parentId } } });
		return made.ok ? (made.value ? good(made.value) : bad("broken", "", "the mailbox has no id")) : made;
	}

	async change(id: Id, change: Parameters<Mailboxes["change"]>[1]): Promise<Result<void>> {
		const done = await this.#set({ update: { [id]: change } });
		return done.ok ? good(undefined) : done;
	}

	async destroy(id: Id, withEmails = false): Promise<Result<void>> {
		const done = await this.#set({ destroy: [id], onDestroyRemoveEmails: withEmails });
		return done.ok ? good(undefined) : done;
	}

	/** Does it, and has all mailboxes as they are then; the id of what was made. */
	async #set(given: { create?: Record<string, object>; update?: Record<Id, object>; destroy?: Id[]; onDestroyRemoveEmails?: boolean }): Promise<Result<Id | null>> {
		const batch = this.#engine.client.batch(this.#engine.account), set = batch.call("Mailbox/set", given), all = batch.call("Mailbox/get", { ids: null });
		const sent = await batch.send();
		this.#engine.note(sent.ok ? null : sent.error);
		if (!sent.ok) return sent;
		if (!set.result.ok) return set.result;
		if (all.result.ok) this.#engine.setMailboxes(all.result.value.list, all.result.value.state);
		const answer = set.result.value, refused = Object.values({ ...answer.notCreated, ...answer.notUpdated, ...answer.notDestroyed })[0];
		return refused ? { ok: false, error: failureOf(refused) } : good(answer.created?.["m"]?.id ?? null);
	}
}

function add(mailbox: Mailbox, delta: Counts | undefined): Mailbox {
	if (!delta) return mailbox;
	const sum = (name: keyof Counts) => Math.max(0, mailbox[name] + delta[name]);
	return { ...mailbox, totalEmails: sum("totalEmails"), unreadEmails: sum("unreadEmails"), totalThreads: sum("totalThreads"), unreadThreads: sum("unreadThreads") };
}

function equal(a: Mailbox, b: Mailbox): boolean {
	return a === b || (Object.keys(a) as (keyof Mailbox)[]).every(name => a[name] === b[name] || (name === "myRights" && JSON.stringify(a[name]) === JSON.stringify(b[name])));
}
