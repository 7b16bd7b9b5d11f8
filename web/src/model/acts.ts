/* What a person does to his mail: one list of acts. Each shows at once, waits on this device until the server has it, can be taken back exactly, and is rolled back if the
 * server refuses it. An act is a patch for each email, so that sending it twice does no harm. */
import { Store } from "../base/store.ts";
import { getAll, setAll } from "../jmap/client.ts";
import { bad, failureOf, isPassing, type Failure, type Result } from "../jmap/errors.ts";
import type { Id, Role, SetError } from "../jmap/types.ts";
import type { Effect } from "./cache.ts";
import type { Engine } from "./engine.ts";
import type { MailboxesOf } from "./mailboxes.ts";
import { inverse, keywordPath, movePatch, needed, type Patch } from "./patch.ts";
import type { Act, ActKind, Acts } from "./types.ts";

/** How long something destroyed can be had back: it isn't sent before. Milliseconds. */
export const UNDO_MS = 8000;
/** Until something that failed in passing is tried again; milliseconds. */
const RETRY_AFTER = 5000;
/** Acts that are remembered for undo; emails of one request. */
const LOG_MAX = 100, TOGETHER_MAX = 8, IDS_MAX = 1000;
/** Emails that emptying a mailbox removes, at most, in one go of 1,000 each. */
const EMPTY_ROUNDS = 1000;

/** As it is kept in the database. */
interface Kept {
	id: string;
	kind: ActKind;
	target: string | null;
	at: number;
	/** Not to be sent before that. */
	notBefore: number;
	changes: [Id, Effect][];
	/** How to take it back. */
	back: [Id, Patch][];
	/** Emails that weren't known here: how they were is asked before it is sent. */
	unknown: Id[];
	/** Empties that mailbox. */
	empty: Id | null;
}

interface Entry extends Kept {
	state: Act["state"];
	error: Failure | null;
	sending: boolean;
	/** Done in this window, and so in its log. */
	own: boolean;
}

/** A mailbox that is there when the act is sent. */
const wanted = (role: Role): string => `role:${role}`;

export class ActsOf implements Acts {
	readonly #engine: Engine;
	readonly #mailboxes: MailboxesOf;
	readonly #log = new Store<Act[]>([]);
	readonly #entries = new Map<string, Entry>();
	readonly #waiters = new Map<string, ((act: Act) => void)[]>();
	#flushing: Promise<void> | null = null;
	#timer: ReturnType<typeof setTimeout> | null = null;
	#retry: ReturnType<typeof setTimeout> | null = null;
	#last = 0;
	readonly #unhear: () => void;

	constructor(engine: Engine, mailboxes: MailboxesOf) {
		this.#engine = engine;
		this.#mailboxes = mailboxes;
		this.#unhear = engine.host.hear(message => this.#heard(message));
		engine.onOnline(() => void this.flush());
	}

	/** Takes over what waits on this device from before. */
	async start(): Promise<void> {
		const kept = await this.#engine.db.all<Kept>("acts");
		for (const [, one] of kept.sort(([, a], [, b]) => a.at - b.at)) this.#adopt(one, false);
		this.#countPending();
		await this.flush();
	}

	close(): void {
		this.#unhear();
		if (this.#timer) clearTimeout(this.#timer);
		if (this.#retry) clearTimeout(this.#retry);
	}

	subscribe(run: (value: Act[]) => void): () => void {
		return this.#log.subscribe(run);
	}

	get waiting(): number {
		return [...this.#entries.values()].filter(one => one.state === "waiting").length;
	}

	// ---- The acts ----

	read(ids: Id[], on = true): Act {
		return this.#patch(on ? "read" : "unread", ids, null, { [keywordPath("$seen")]: on ? true : null });
	}

	star(ids: Id[], on = true): Act {
		return this.#patch(on ? "star" : "unstar", ids, null, { [keywordPath("$flagged")]: on ? true : null });
	}

	label(ids: Id[], keyword: string, on = true): Act {
		return this.#patch(on ? "label" : "unlabel", ids, keyword, { [keywordPath(keyword)]: on ? true : null });
	}

	move(ids: Id[], to: Id, from?: Id): Act {
		const there = from ? ids.filter(id => this.#engine.cache.head(id)?.mailboxIds[from] ?? true) : ids;
		return this.#move("move", there, to, from ?? null);
	}

	copy(ids: Id[], to: Id): Act {
		return this.#patch("copy", ids, to, { [`mailboxIds/${to}`]: true });
	}

	archive(ids: Id[]): Act {
		const apart = (["sent", "drafts", "trash", "junk"] as Role[]).flatMap(role => this.#mailboxes.byRole(role)?.id ?? []);
		const outside = ids.filter(id => !Object.keys(this.#engine.cache.head(id)?.mailboxIds ?? {}).some(one => apart.includes(one)));
		return this.#move("archive", outside.length > 0 ? outside : ids, this.#place("archive"), null);
	}

	trash(ids: Id[]): Act {
		return this.#move("trash", ids, this.#place("trash"), null);
	}

	junk(ids: Id[]): Act {
		return this.#move("junk", ids, this.#place("junk"), null, { [keywordPath("$junk")]: true, [keywordPath("$notjunk")]: null });
	}

	notJunk(ids: Id[]): Act {
		return this.#move("notJunk", ids, this.#place("inbox"), null, { [keywordPath("$notjunk")]: true, [keywordPath("$junk")]: null });
	}

	/** It comes back to where it is now: to the inbox, if it is there. */
	snooze(ids: Id[], until: Date): Act {
		const time = new Date(Math.ceil(until.getTime() / 1000) * 1000).toISOString().replace(".000", ""), inbox = this.#mailboxes.byRole("inbox")?.id, to = this.#place("snoozed");
		return this.#begin("snooze", to, ids.map(id => {
			const head = this.#engine.cache.head(id), places = Object.keys(head?.mailboxIds ?? {}), from = head?.snoozed?.moveToMailboxId ?? (inbox && places.includes(inbox) ? inbox : places[0]);
			return [id, { ...movePatch(head, to, from ?? null), snoozed: { until: time, ...(from ? { moveToMailboxId: from } : {}) } }];
		}), {});
	}

	unsnooze(ids: Id[]): Act {
		const inbox = this.#place("inbox"), from = this.#place("snoozed");
		return this.#begin("unsnooze", inbox, ids.map(id => {
			const head = this.#engine.cache.head(id);
			return [id, { ...movePatch(head, head?.snoozed?.moveToMailboxId ?? inbox, from), snoozed: null }];
		}), {});
	}

	destroy(ids: Id[]): Act {
		const there = ids.filter(id => !this.#engine.cache.isGone(id));
		return this.#begin("destroy", null, there.map(id => [id, null]), { notBefore: this.#now() + UNDO_MS });
	}

	empty(mailboxId: Id): Act {
		const changes: [Id, Effect][] = [];
		for (const { id } of this.#engine.cache.known()) {
			const head = this.#engine.cache.head(id);
			if (!head?.mailboxIds[mailboxId]) continue;
			changes.push([id, Object.keys(head.mailboxIds).length > 1 ? { [`mailboxIds/${mailboxId}`]: null } : null]);
		}
		return this.#begin("empty", mailboxId, changes, { notBefore: this.#now() + UNDO_MS, empty: mailboxId });
	}

	/** Destroys what nobody wants to have back: a draft that is given up. */
	discard(ids: Id[]): void {
		void this.#keep(this.#adopt(this.#make("destroy", null, ids.map(id => [id, null])), false));
	}

	undo(id: string): Act | null {
		const entry = this.#entries.get(id);
		if (!entry || !canUndo(entry)) return null;
		if (entry.state === "waiting" && !entry.sending) {
			this.#end(entry, "undone", null, false);
			this.#engine.host.tell({ account: this.#engine.account, undone: id });
			return view(entry);
		}
		// It is on its way, or done: what takes it back follows it.
		entry.state = entry.state === "done" ? "undone" : entry.state;
		const act = this.#begin("undo", entry.id, entry.back, {});
		this.#publish();
		return act;
	}

	undoLast(): Act | null {
		const last = this.#log.value.find(act => act.canUndo && act.kind !== "undo");
		return last ? this.undo(last.id) : null;
	}

	settled(id: string): Promise<Act> {
		const entry = this.#entries.get(id);
		if (!entry || entry.state !== "waiting") return Promise.resolve(entry ? view(entry) : { ...nothing, id });
		return new Promise(resolve => this.#waiters.set(id, [...(this.#waiters.get(id) ?? []), resolve]));
	}

	// ---- Beginning ----

	#place(role: Role): string {
		return this.#mailboxes.byRole(role)?.id ?? wanted(role);
	}

	#move(kind: ActKind, ids: Id[], to: Id, from: Id | null, more: Patch = {}): Act {
		const cache = this.#engine.cache;
		return this.#begin(kind, to, ids.map(id => [id, { ...movePatch(cache.head(id), to, from), ...more }]), {});
	}

	#patch(kind: ActKind, ids: Id[], target: string | null, patch: Patch): Act {
		return this.#begin(kind, target, ids.map(id => [id, patch]), {});
	}

	#now(): number {
		return this.#engine.host.platform.now();
	}

	#begin(kind: ActKind, target: string | null, wantedChanges: [Id, Effect][], more: Partial<Kept>): Act {
		const cache = this.#engine.cache, changes: [Id, Effect][] = [], back: [Id, Patch][] = [], unknown: Id[] = [];
		for (const [id, effect] of wantedChanges) {
			const head = cache.head(id), patch = head && effect && !("snoozed" in effect) ? needed(head, effect) : effect;
			if (patch && Object.keys(patch).length === 0) continue;
			changes.push([id, patch]);
			// What wakes comes back unread, unless it is said how it was.
			const read: Patch = kind === "snooze" && head ? { [keywordPath("$seen")]: head.keywords["$seen"] ? true : null } : {};
			if (head && patch) back.push([id, { ...inverse(head, patch), ...read }]);
			else if (patch) unknown.push(id);
		}
		const kept: Kept = { ...this.#make(kind, target, changes), back, unknown, ...more };
		const nothingToDo = changes.length === 0 && !kept.empty;
		const entry = this.#adopt(kept, true, nothingToDo ? "done" : "waiting");
		if (!nothingToDo) void this.#keep(entry);
		this.#publish();
		return view(entry);
	}

	#make(kind: ActKind, target: string | null, changes: [Id, Effect][]): Kept {
		this.#last = Math.max(this.#last + 1, this.#now()); // no two at the same time: it is their order
		return { id: crypto.randomUUID(), kind, target, at: this.#last, notBefore: 0, changes, back: [], unknown: [], empty: null };
	}

	async #keep(entry: Entry): Promise<void> {
		const kept = keptOf(entry);
		await this.#engine.db.put("acts", [[entry.id, kept]]);
		this.#engine.host.tell({ account: this.#engine.account, act: kept });
		if (entry.state !== "waiting") await this.#engine.db.delete("acts", [entry.id]); // undone meanwhile
		await this.flush();
	}

	#adopt(kept: Kept, own: boolean, state: Act["state"] = "waiting"): Entry {
		const entry: Entry = { ...kept, own, state, error: null, sending: false };
		this.#entries.set(entry.id, entry);
		if (state === "waiting") this.#engine.cache.addEffects(entry.id, entry.changes);
		if (own) this.#log.set([view(entry), ...this.#log.value].slice(0, LOG_MAX));
		this.#countPending();
		return entry;
	}

	#publish(): void {
		this.#log.set(this.#log.value.map(act => view(this.#entries.get(act.id)!)));
		this.#countPending();
		const shown = new Set(this.#log.value.map(act => act.id));
		for (const [id, entry] of this.#entries) if (!shown.has(id) && entry.state !== "waiting") this.#entries.delete(id);
	}

	#countPending(): void {
		this.#engine.setPending(this.waiting);
	}

	/** What other windows tell. */
	#heard(message: unknown): void {
		const { account, act, undone, settled, error } = message as { account?: Id; act?: Kept; undone?: string; settled?: string; error?: Failure | null };
		if (account !== this.#engine.account) return;
		if (act && !this.#entries.has(act.id)) this.#adopt(act, false);
		const entry = this.#entries.get(undone ?? settled ?? "");
		if (entry?.state === "waiting") this.#end(entry, undone ? "undone" : error ? "refused" : "done", error ?? null, false);
	}

	// ---- Sending ----

	/** Sends what waits, in its order. Good to call at any time. */
	flush(): Promise<void> {
		this.#flushing ??= this.#engine.host
			.lock(`acts:${this.#engine.account}`, () => this.#sendAll())
			.catch(() => false)
			.then(done => {
				this.#flushing = null;
				this.#later(done ? 0 : RETRY_AFTER);
			});
		return this.#flushing;
	}

	/** What came meanwhile goes then, and what failed in passing is tried again. Offline it waits for the network. */
	#later(ms: number): void {
		if (this.#engine.closed || !this.#engine.online || this.#ready().length === 0) return;
		if (this.#retry) clearTimeout(this.#retry);
		this.#retry = setTimeout(() => void this.flush(), ms);
		(this.#retry as { unref?: () => void }).unref?.();
	}

	/** Those that may be sent now. What comes after one that must wait may overtake it: it was done to something else, or makes no difference to it. */
	#ready(): Entry[] {
		const now = this.#now(), waiting = [...this.#entries.values()].filter(one => one.state === "waiting").sort((a, b) => a.at - b.at);
		const next = waiting.reduce((soonest, one) => (one.notBefore > now ? Math.min(soonest, one.notBefore) : soonest), Infinity);
		if (this.#timer) clearTimeout(this.#timer);
		this.#timer = next < Infinity ? setTimeout(() => void this.flush(), next - now + 10) : null;
		(this.#timer as { unref?: () => void } | null)?.unref?.();
		return waiting.filter(one => one.notBefore <= now);
	}

	/** False: something failed in passing. */
	async #sendAll(): Promise<boolean> {
		while (!this.#engine.closed && this.#engine.online) {
			const ready = this.#ready();
			if (ready.length === 0) return true;
			const first = ready[0]!, together: Entry[] = [];
			let count = 0;
			for (const one of ready) {
				count += one.changes.length;
				if (isLarge(one) || together.length === TOGETHER_MAX || count > IDS_MAX) break;
				together.push(one);
			}
			const sent = together.length > 0 ? await this.#send(together) : await this.#sendLarge(first);
			if (!sent) return false;
		}
		return true;
	}

	/** Is it still to be sent? Another window may have done it. */
	async #isThere(entry: Entry): Promise<boolean> {
		if (await this.#engine.db.get("acts", entry.id)) return true;
		// It may not be written yet, or not have been: then it is this window's own.
		return entry.own && entry.state === "waiting";
	}

	/** Several small ones in one request, with the mailboxes as they are then. False: the server can't be reached. */
	async #send(entries: Entry[]): Promise<boolean> {
		const engine = this.#engine, batch = engine.client.batch(engine.account), here: Entry[] = [];
		for (const entry of entries) {
			const isThere = await this.#isThere(entry);
			if (entry.state !== "waiting") continue; // undone meanwhile
			if (!isThere) this.#end(entry, "done", null, true);
			else if (await this.#prepare(entry)) here.push(entry);
			else if (entry.state === "waiting") return false;
		}
		// What was undone while others were looked at isn't sent any more; from here on what undoes it follows it.
		const going = here.filter(entry => entry.state === "waiting");
		if (going.length === 0) return true;
		const calls = going.map(entry => batch.call("Email/set", setOf(entry)));
		const boxes = batch.call("Mailbox/get", { ids: null });
		for (const entry of going) entry.sending = true;
		const sent = await batch.send({ repeat: true });
		for (const entry of going) entry.sending = false;
		engine.note(sent.ok ? null : sent.error);
		if (!sent.ok && isPassing(sent.error)) return false;
		going.forEach((entry, at) => {
			const result = calls[at]!.result;
			if (result.ok) this.#settle(entry, { ...result.value.notUpdated, ...result.value.notDestroyed });
			else if (!isPassing(result.error)) this.#end(entry, "refused", result.error, false);
		});
		if (boxes.result.ok) engine.setMailboxes(boxes.result.value.list, boxes.result.value.state);
		return calls.every(call => call.result.ok || !isPassing(call.result.error));
	}

	/** One with many emails, or that empties a mailbox. */
	async #sendLarge(entry: Entry): Promise<boolean> {
		const engine = this.#engine;
		const isThere = await this.#isThere(entry);
		if (entry.state !== "waiting") return true; // undone meanwhile
		if (!isThere) return this.#end(entry, "done", null, true), true;
		if (!(await this.#prepare(entry)) || (entry.state as Act["state"]) !== "waiting") return (entry.state as Act["state"]) !== "waiting";
		entry.sending = true;
		const done = entry.empty ? await this.#emptyAll(entry.empty) : await setAll(engine.client, engine.account, "Email/set", setOf(entry));
		entry.sending = false;
		engine.note(done.error);
		if (done.error && isPassing(done.error)) return false;
		if (done.error) this.#end(entry, "refused", done.error, false);
		else this.#settle(entry, { ...done.answer.notUpdated, ...done.answer.notDestroyed });
		await engine.sync();
		return true;
	}

	async #emptyAll(mailbox: Id): Promise<Awaited<ReturnType<typeof setAll>>> {
		const engine = this.#engine, answer = { accountId: engine.account, oldState: null, newState: "", created: null, updated: null, destroyed: null, notCreated: null, notUpdated: null, notDestroyed: {} as Record<Id, SetError> };
		for (let round = 0; round < EMPTY_ROUNDS; round++) {
			const batch = engine.client.batch(engine.account), position = Object.keys(answer.notDestroyed).length;
			const found = batch.call("Email/query", { filter: { inMailbox: mailbox }, position, limit: IDS_MAX }), places = batch.call("Email/get", { "#ids": found.ref("/ids"), properties: ["mailboxIds"] });
			const sent = await batch.send();
			if (!sent.ok) return { answer, error: sent.error };
			for (const call of [found, places]) if (!call.result.ok) return { answer, error: call.result.error };
			const list = places.result.ok ? places.result.value.list : [];
			if (list.length === 0) break;
			const update: Record<Id, object> = {}, destroy: Id[] = [];
			for (const { id, mailboxIds } of list) if (Object.keys(mailboxIds).length > 1) update[id] = { [`mailboxIds/${mailbox}`]: null }; else destroy.push(id);
			const done = await setAll(engine.client, engine.account, "Email/set", { update, destroy });
			if (done.error) return { answer, error: done.error };
			Object.assign(answer.notDestroyed, done.answer.notDestroyed, done.answer.notUpdated);
		}
		return { answer, error: null };
	}

	/** What must be known before it is sent: mailboxes that aren't there yet, and how emails were. False: not now, or refused. */
	async #prepare(entry: Entry): Promise<boolean> {
		const engine = this.#engine, role = entry.target?.startsWith("role:") ? (entry.target.slice(5) as Role) : null;
		if (role) {
			const box: Result<{ id: Id }> = await this.#mailboxes.need(role);
			if (!box.ok) return this.#failed(entry, box.error);
			this.#replaceTarget(entry, box.value.id);
		}
		if (entry.changes.some(([, patch]) => patch && "snoozed" in patch) && !engine.snoozes) return this.#failed(entry, bad("refused", "unknownCapability", "this server can't snooze").error);
		if (entry.unknown.length > 0) {
			const got = await getAll(engine.client, engine.account, "Email/get", entry.unknown, { properties: engine.changingProperties });
			if (!got.ok) return this.#failed(entry, got.error);
			const patches = new Map(entry.changes);
			for (const one of got.value) entry.back.push([one.id, inverse(one, patches.get(one.id) ?? {})]);
			entry.unknown = [];
		}
		return true;
	}

	#failed(entry: Entry, error: Failure): false {
		this.#engine.note(error);
		if (!isPassing(error)) this.#end(entry, "refused", error, false);
		return false;
	}

	#replaceTarget(entry: Entry, id: Id): void {
		const from = `mailboxIds/${entry.target}`, whole = entry.target!;
		const rename = <T extends Effect>(patch: T): T => patch && (Object.fromEntries(Object.entries(patch).map(([path, value]) =>
			path === from ? [`mailboxIds/${id}`, value] : path === "mailboxIds" && value && whole in (value as object) ? [path, { [id]: true }] : [path, value])) as T);
		this.#engine.cache.endEffects(entry.id, entry.changes.map(([one]) => one), false);
		entry.changes = entry.changes.map(([one, patch]) => [one, rename(patch)]);
		entry.back = entry.back.map(([one, patch]) => [one, rename(patch)]);
		entry.target = id;
		this.#engine.cache.addEffects(entry.id, entry.changes);
	}

	/** The server has answered for each email. Those that are gone are no failure. */
	#settle(entry: Entry, refused: Record<Id, SetError>): void {
		const failed = Object.entries(refused).filter(([, error]) => error.type !== "notFound"), gone = Object.keys(refused).filter(id => refused[id]!.type === "notFound");
		const bad = new Set(Object.keys(refused));
		this.#engine.cache.endEffects(entry.id, bad, false);
		this.#engine.cache.remove(gone);
		entry.changes = entry.changes.filter(([id]) => !bad.has(id));
		entry.back = entry.back.filter(([id]) => !bad.has(id));
		const error = failed.length > 0 ? failureOf(failed[0]![1]) : null;
		this.#end(entry, error && entry.changes.length === 0 ? "refused" : "done", error, true);
	}

	/** `done`: the server has it. */
	#end(entry: Entry, state: Act["state"], error: Failure | null, done: boolean): void {
		entry.state = state;
		entry.error = error;
		this.#engine.cache.endEffects(entry.id, entry.changes.map(([id]) => id), done);
		void this.#engine.db.delete("acts", [entry.id]);
		if (state === "done" || state === "refused") this.#engine.host.tell({ account: this.#engine.account, settled: entry.id, error });
		for (const resolve of this.#waiters.get(entry.id) ?? []) resolve(view(entry));
		this.#waiters.delete(entry.id);
		this.#publish();
	}
}

const nothing: Act = { id: "", kind: "undo", ids: [], target: null, at: 0, state: "done", error: null, canUndo: false };

function canUndo(entry: Entry): boolean {
	if (entry.state === "waiting") return !entry.sending || (entry.kind !== "destroy" && entry.kind !== "empty");
	return entry.state === "done" && entry.kind !== "destroy" && entry.kind !== "empty" && entry.back.length > 0;
}

function view(entry: Entry): Act {
	return { id: entry.id, kind: entry.kind, ids: entry.changes.map(([id]) => id), target: entry.target, at: entry.at, state: entry.state, error: entry.error, canUndo: canUndo(entry) };
}

function keptOf({ id, kind, target, at, notBefore, changes, back, unknown, empty }: Entry): Kept {
	return { id, kind, target, at, notBefore, changes, back, unknown, empty };
}

function isLarge(entry: Entry): boolean {
	return entry.changes.length > IDS_MAX || entry.empty !== null;
}

function setOf(entry: Entry): { update: Record<Id, object>; destroy: Id[] } {
	const update: Record<Id, object> = {}, destroy: Id[] = [];
	for (const [id, patch] of entry.changes) if (patch) update[id] = patch; else destroy.push(id);
	return { update, destroy };
}
