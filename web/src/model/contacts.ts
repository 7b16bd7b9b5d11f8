/* Contacts: all cards of the account in memory (the server keeps 20,000 at most), live, and on this device for when it is offline. */
import { Store, type Readable } from "../base/store.ts";
import { getAll, setAll } from "../jmap/client.ts";
import { failureOf, good, type Failure, type Result } from "../jmap/errors.ts";
import type { AddressBook, Card, ContactCard, Id } from "../jmap/types.ts";
import { readCsv, writeCsv } from "./csv.ts";
import type { Engine } from "./engine.ts";
import { refusal } from "./objects.ts";
import { SETTINGS_BOOK } from "./settings.ts";
import type { Contacts } from "./types.ts";
import { nameOf, readVCards, writeVCard } from "./vcard.ts";

const CHANGES_MAX = 500;

/** Without case and accents. */
export function plain(text: string): string {
	return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

function textOf(card: Card): string {
	const all = <T>(entries: Record<string, T> | undefined) => Object.values(entries ?? {});
	return plain([
		nameOf(card), ...all(card.nicknames).map(one => one.name), ...all(card.emails).map(one => one.address), ...all(card.phones).map(one => one.number), ...all(card.organizations).map(one => one.name ?? ""),
		...all(card.titles).map(one => one.name), ...all(card.notes).map(one => one.note), ...Object.keys(card.keywords ?? {}),
	].join("\n"));
}

export class ContactsOf implements Contacts {
	readonly #engine: Engine;
	readonly #store = new Store<ContactCard[]>([]);
	readonly #books = new Store<AddressBook[]>([]);
	readonly books: Readable<AddressBook[]> = this.#books;
	readonly #all = new Map<Id, ContactCard>();
	readonly #texts = new WeakMap<Card, string>();
	#byAddress: Map<string, ContactCard> | null = null;
	#state: string | null = null;
	#wanted = false;
	#running: Promise<Result<void>> | null = null;

	constructor(engine: Engine) {
		this.#engine = engine;
		for (const type of ["ContactCard", "AddressBook"]) engine.watch(type, () => void (this.#wanted && this.#loadAgain()));
	}

	subscribe(run: (value: ContactCard[]) => void): () => void {
		return this.#store.subscribe(run);
	}

	get value(): ContactCard[] {
		return this.#store.value;
	}

	load(): Promise<Result<void>> {
		this.#wanted = true;
		this.#running ??= this.#load().finally(() => (this.#running = null));
		return this.#running;
	}

	/** After what is running, which may not know of it yet. */
	async #loadAgain(): Promise<void> {
		await this.#running;
		await this.load();
	}

	async #load(): Promise<Result<void>> {
		const engine = this.#engine;
		if (this.#all.size === 0) {
			for (const [id, card] of await engine.db.all<ContactCard>("cards")) this.#all.set(id, card);
			this.#state = (await engine.db.get<string>("meta", "cardState")) ?? null;
			this.#show();
		}
		const books = await engine.client.call(engine.account, "AddressBook/get", { ids: null });
		engine.note(books.ok ? null : books.error);
		if (!books.ok) return books;
		this.#books.set(books.value.list.filter(one => one.name !== SETTINGS_BOOK));
		for (let round = 0; round < 100; round++) {
			const done = this.#state ? await this.#follow(this.#state) : await this.#loadAll();
			if (!done.ok) return done;
			this.#show();
			if (!done.value) break;
		}
		return good(undefined);
	}

	/** True: there is more. */
	async #follow(since: string): Promise<Result<boolean>> {
		const { client, account, db } = this.#engine, changes = await client.call(account, "ContactCard/changes", { sinceState: since, maxChanges: CHANGES_MAX });
		if (!changes.ok) {
			if (changes.error.kind !== "stale") return changes;
			this.#state = null;
			return good(true);
		}
		const { created, updated, destroyed, newState, hasMoreChanges } = changes.value, got = await getAll(client, account, "ContactCard/get", [...created, ...updated]);
		if (!got.ok) return got;
		for (const id of destroyed) this.#all.delete(id);
		for (const card of got.value) this.#all.set(card.id, card);
		await db.delete("cards", destroyed);
		await db.put("cards", got.value.map(card => [card.id, card]));
		await this.#setState(newState);
		return good(hasMoreChanges);
	}

	async #loadAll(): Promise<Result<boolean>> {
		const { client, account, db } = this.#engine, first = await client.call(account, "ContactCard/get", { ids: [] });
		if (!first.ok) return first;
		const ids: Id[] = [];
		for (;;) {
			const page = await client.call(account, "ContactCard/query", { position: ids.length, limit: 1000 });
			if (!page.ok) return page;
			ids.push(...page.value.ids);
			if (page.value.ids.length === 0) break;
		}
		const got = await getAll(client, account, "ContactCard/get", [...new Set(ids)]);
		if (!got.ok) return got;
		this.#all.clear();
		await db.clear("cards");
		for (const card of got.value) this.#all.set(card.id, card);
		await db.put("cards", got.value.map(card => [card.id, card]));
		await this.#setState(first.value.state);
		return good(true); // what has changed meanwhile
	}

	async #setState(state: string): Promise<void> {
		this.#state = state;
		await this.#engine.db.put("meta", [["cardState", state]]);
	}

	#show(): void {
		this.#byAddress = null;
		const names = new Map<Card, string>(), name = (card: Card) => names.get(card) ?? (names.set(card, plain(nameOf(card))), names.get(card)!);
		this.#store.set([...this.#all.values()].filter(card => card.kind !== "application").sort((a, b) => (name(a) < name(b) ? -1 : name(a) > name(b) ? 1 : 0)));
	}

	// ---- Asking ----

	byId(id: Id): ContactCard | null {
		return this.#all.get(id) ?? null;
	}

	byUid(uid: string): ContactCard | null {
		return this.value.find(card => card.uid === uid) ?? null;
	}

	byAddress(email: string): ContactCard | null {
		this.#byAddress ??= new Map(this.value.flatMap(card => Object.values(card.emails ?? {}).map(one => [one.address.toLowerCase(), card] as [string, ContactCard])));
		return this.#byAddress.get(email.toLowerCase()) ?? null;
	}

	find(text: string, bookId?: Id): ContactCard[] {
		const words = plain(text).split(/\s+/).filter(Boolean);
		return this.value.filter(card => {
			if (bookId && !card.addressBookIds[bookId]) return false;
			const all = this.#texts.get(card) ?? textOf(card);
			this.#texts.set(card, all);
			return words.every(word => all.includes(word));
		});
	}

	// ---- Changing ----

	#defaultBook(): Record<Id, true> {
		const book = this.#books.value.find(one => one.isDefault) ?? this.#books.value[0];
		return book ? { [book.id]: true } : {};
	}

	async save(card: Card & { id?: Id; addressBookIds?: Record<Id, true> }): Promise<Result<Id>> {
		const { id, ...rest } = card, { client, account } = this.#engine;
		if (!id && this.#books.value.length === 0) await this.load();
		const before = id ? this.byId(id) : null;
		// Properties that aren't there any more are removed; those that are as they were aren't sent.
		const gone = before ? Object.fromEntries(Object.keys(before).filter(name => name !== "id" && !(name in rest)).map(name => [name, null])) : {};
		const changed = before ? Object.fromEntries(Object.entries(rest).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name]))) : rest;
		const done = await client.call(account, "ContactCard/set", id ? { update: { [id]: { ...changed, ...gone } } } : { create: { c: { addressBookIds: this.#defaultBook(), ...rest } } });
		if (!done.ok) return done;
		const error = refusal(done.value), made = id ?? done.value.created?.["c"]?.id;
		if (error || !made) return { ok: false, error: error ?? failureOf({ type: "broken" }) };
		const loaded = await this.load();
		return loaded.ok || made ? good(made) : loaded;
	}

	async destroy(ids: Id[]): Promise<Result<void>> {
		const done = await setAll(this.#engine.client, this.#engine.account, "ContactCard/set", { destroy: ids });
		const error = done.error ?? refusal({ notDestroyed: done.answer.notDestroyed });
		await this.load();
		return error ? { ok: false, error } : good(undefined);
	}

	saveGroup(name: string, uids: string[], id?: Id): Promise<Result<Id>> {
		const before = id ? this.byId(id) : null, members = Object.fromEntries(uids.map(uid => [uid, true as const]));
		return this.save({ ...before, ...(id ? { id } : {}), kind: "group", name: { ...before?.name, full: name }, members });
	}

	async saveBook(book: Partial<AddressBook> & { name: string; id?: Id }): Promise<Result<Id>> {
		const { id, isDefault: _, myRights: __, ...rest } = book, { client, account } = this.#engine;
		const done = await client.call(account, "AddressBook/set", id ? { update: { [id]: rest } } : { create: { b: rest } });
		if (!done.ok) return done;
		const error = refusal(done.value), made = id ?? done.value.created?.["b"]?.id;
		if (error || !made) return { ok: false, error: error ?? failureOf({ type: "broken" }) };
		await this.load();
		return good(made);
	}

	async destroyBook(id: Id): Promise<Result<void>> {
		const done = await this.#engine.client.call(this.#engine.account, "AddressBook/set", { destroy: [id], onDestroyRemoveContents: true });
		if (!done.ok) return done;
		const error = refusal(done.value);
		await this.load();
		return error ? { ok: false, error } : good(undefined);
	}

	async importText(text: string, bookId?: Id): Promise<Result<{ created: number; replaced: number; failed: { name: string; error: Failure }[] }>> {
		const loaded = await this.load();
		if (!loaded.ok) return loaded;
		const read = /BEGIN:VCARD/i.test(text.slice(0, 10_000)) ? readVCards(text) : readCsv(text), cards = [...new Map(read.map(card => [card.uid ?? "", card])).values()];
		const uids = new Map([...this.#all.values()].map(card => [card.uid, card])), books = bookId ? { [bookId]: true as const } : this.#defaultBook();
		const create: Record<string, object> = {}, update: Record<Id, object> = {};
		cards.forEach((card, at) => {
			const there = uids.get(card.uid), { uid, ...rest } = card;
			if (there) update[there.id] = { ...Object.fromEntries(Object.keys(there).filter(name => !["id", "uid", "addressBookIds", "@type", "version", "created"].includes(name)).map(name => [name, null])), ...rest };
			else create[`c${at}`] = { ...rest, uid, addressBookIds: books };
		});
		const done = await setAll(this.#engine.client, this.#engine.account, "ContactCard/set", { create, update });
		await this.load();
		if (done.error) return { ok: false, error: done.error };
		const failed = [
			...Object.entries(done.answer.notCreated ?? {}).map(([key, error]) => ({ name: nameOf(create[key] as Card), error: failureOf(error) })),
			...Object.entries(done.answer.notUpdated ?? {}).map(([id, error]) => ({ name: nameOf(update[id] as Card), error: failureOf(error) })),
		];
		return good({ created: Object.keys(done.answer.created ?? {}).length, replaced: Object.keys(done.answer.updated ?? {}).length, failed });
	}

	export(format: "vcard" | "csv", ids?: Id[]): string {
		const cards = ids ? ids.flatMap(id => this.byId(id) ?? []) : this.value;
		return format === "vcard" ? cards.map(writeVCard).join("") : writeCsv(cards);
	}
}
