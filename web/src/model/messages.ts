/* Threads and messages, live. A message's bodies never change, so that what was read once opens from memory or from this device. */
import { Store, type Readable } from "../base/store.ts";
import { bad, good, type Result } from "../jmap/errors.ts";
import { STORY } from "../jmap/methods.ts";
import type { EmailHead, EmailStory, Id } from "../jmap/types.ts";
import type { Engine } from "./engine.ts";
import type { Message, Messages, ThreadView } from "./types.ts";

export const BODY_PROPERTIES = ["bodyStructure", "bodyValues", "textBody", "htmlBody", "attachments", "headers"];
export const PART_PROPERTIES = ["partId", "blobId", "size", "name", "type", "charset", "disposition", "cid", "language", "location", "header:Content-Type"];
/** Bytes of one text that is loaded; the rest of a longer one is had by downloading its part. */
const VALUE_MAX = 4_000_000;
/** Messages in memory, and bytes of their texts; larger ones aren't kept on this device. */
const MEMORY_MAX = 200, MEMORY_BYTES = 60_000_000, KEPT_BYTES = 4_000_000;

type Body = Omit<Message, keyof EmailHead> & { id: Id };

function sizeOf(body: Body): number {
	return Object.values(body.bodyValues).reduce((sum, one) => sum + 2 * one.value.length, 4000);
}

export class MessagesOf implements Messages {
	readonly #engine: Engine;
	readonly #bodies = new Map<Id, { body: Body; size: number }>();
	#bytes = 0;
	readonly #running = new Map<Id, Promise<Result<Body>>>();
	readonly #wanted: Id[] = [];
	#fetching = false;

	constructor(engine: Engine) {
		this.#engine = engine;
	}

	// ---- Threads ----

	thread(threadId: Id): Readable<ThreadView> {
		const engine = this.#engine, store: Store<ThreadView> = new Store<ThreadView>(this.#viewOf(threadId, "loading"), () => {
			const again = () => void this.#loadThread(store);
			const ends = [engine.cache.onChange(() => this.#refresh(store)), engine.watch("Thread", again), engine.onOnline(again)];
			void this.#loadThread(store);
			return () => ends.forEach(end => end());
		});
		return store;
	}

	#viewOf(id: Id, state: ThreadView["state"]): ThreadView {
		const cache = this.#engine.cache;
		return { id, emails: (cache.thread(id) ?? []).flatMap(one => cache.head(one) ?? []), state, error: null };
	}

	#refresh(store: Store<ThreadView>): void {
		const now = this.#viewOf(store.value.id, store.value.state), before = store.value.emails;
		if (now.emails.length !== before.length || now.emails.some((one, at) => one !== before[at])) store.set({ ...now, error: store.value.error });
	}

	async #loadThread(store: Store<ThreadView>): Promise<void> {
		const engine = this.#engine, id = store.value.id;
		const kept = await engine.cache.loadThread(id);
		if (kept && (await engine.cache.load(kept)).length === 0) store.set(this.#viewOf(id, "ready"));
		const done = engine.beside(), got = await engine.loadThreads([id]);
		done(engine.cache.thread(id) ?? []);
		engine.note(got.ok ? null : got.error);
		if (got.ok) store.set(this.#viewOf(id, "ready"));
		else if (store.value.emails.length === 0) store.set({ ...store.value, state: got.error.kind === "offline" || got.error.kind === "signedOut" ? "offline" : "failed", error: got.error });
	}

	email(id: Id): Readable<EmailHead | null> {
		const engine = this.#engine, store: Store<EmailHead | null> = new Store<EmailHead | null>(engine.cache.head(id), () => {
			store.set(engine.cache.head(id));
			void engine.cache.load([id]).then(async missing => void (missing.length > 0 && (await engine.wantHeads(missing))));
			return engine.cache.onChange(ids => ids.has(id) && store.set(engine.cache.head(id)));
		});
		return store;
	}

	async idsOfThreads(threadIds: Id[], inMailbox?: Id): Promise<Result<Id[]>> {
		const cache = this.#engine.cache, unknown: Id[] = [];
		for (const id of threadIds) if (!(await cache.loadThread(id))) unknown.push(id);
		const done = this.#engine.beside(), loaded = await this.#engine.loadThreads(unknown);
		if (!loaded.ok) return loaded;
		done(unknown.flatMap(id => cache.thread(id) ?? []));
		const ids = threadIds.flatMap(id => cache.thread(id) ?? []);
		await cache.load(ids);
		return good(inMailbox ? ids.filter(id => cache.head(id)?.mailboxIds[inMailbox]) : ids);
	}

	// ---- Bodies ----

	async read(id: Id): Promise<Result<Message>> {
		const cache = this.#engine.cache, [missing, body] = await Promise.all([cache.load([id]), this.#body(id)]);
		if (!body.ok) return body;
		if (missing.length > 0 && !cache.base(id)) {
			const loaded = await this.#engine.wantHeads([id]);
			if (!loaded.ok) return loaded;
		}
		const head = cache.head(id) ?? cache.base(id);
		return head ? good({ ...body.value, ...head }) : bad("notFound", "", "the message isn't there any more");
	}

	#body(id: Id): Promise<Result<Body>> {
		const known = this.#bodies.get(id);
		if (known) {
			this.#bodies.delete(id);
			this.#bodies.set(id, known);
			return Promise.resolve(good(known.body));
		}
		const running = this.#running.get(id) ?? this.#loadBody(id).finally(() => this.#running.delete(id));
		this.#running.set(id, running);
		return running;
	}

	async #loadBody(id: Id): Promise<Result<Body>> {
		const engine = this.#engine, kept = await engine.db.get<Body>("bodies", id);
		if (kept) {
			this.#remember(kept);
			void engine.db.put("info", [[`b:${id}`, { at: Date.now(), size: sizeOf(kept) }]]);
			return good(kept);
		}
		const got = await engine.client.call(engine.account, "Email/get", {
			ids: [id], properties: ["id", ...BODY_PROPERTIES], bodyProperties: PART_PROPERTIES, fetchTextBodyValues: true, fetchHTMLBodyValues: true, maxBodyValueBytes: VALUE_MAX,
		});
		engine.note(got.ok ? null : got.error);
		if (!got.ok) return got;
		const body = got.value.list[0] as Body | undefined;
		if (!body) return bad("notFound", "", "the message isn't there any more");
		this.#remember(body);
		const size = sizeOf(body);
		if (size <= KEPT_BYTES && (await engine.db.put("bodies", [[id, body]]))) await engine.db.put("info", [[`b:${id}`, { at: Date.now(), size }]]);
		return good(body);
	}

	#remember(body: Body): void {
		const size = sizeOf(body);
		this.#bodies.set(body.id, { body, size });
		this.#bytes += size;
		for (const [id, one] of this.#bodies) {
			if (this.#bodies.size <= MEMORY_MAX && this.#bytes <= MEMORY_BYTES) return;
			if (id === body.id) return;
			this.#bodies.delete(id);
			this.#bytes -= one.size;
		}
	}

	prefetch(ids: Id[]): void {
		this.#wanted.push(...ids.filter(id => !this.#bodies.has(id) && !this.#wanted.includes(id)));
		this.#wanted.splice(0, Math.max(0, this.#wanted.length - 50));
		if (!this.#fetching) void this.#prefetchAll();
	}

	async #prefetchAll(): Promise<void> {
		this.#fetching = true;
		for (let id = this.#wanted.shift(); id && this.#engine.online; id = this.#wanted.shift()) if (!(await this.#body(id)).ok) break;
		this.#wanted.length = 0;
		this.#fetching = false;
	}

	async story(id: Id): Promise<Result<EmailStory | null>> {
		const { client, account } = this.#engine;
		if (!client.has(STORY)) return good(null);
		const got = await client.call(account, "EmailStory/get", { ids: [id] });
		return got.ok ? good(got.value.list[0] ?? null) : got;
	}

	async parse(blobId: Id): Promise<Result<Message>> {
		const engine = this.#engine, properties = [...engine.headProperties.filter(name => !["id", "mailboxIds", "keywords", "receivedAt", "threadId", "snoozed"].includes(name)), ...BODY_PROPERTIES];
		const got = await engine.client.call(engine.account, "Email/parse", {
			blobIds: [blobId], properties, bodyProperties: PART_PROPERTIES, fetchTextBodyValues: true, fetchHTMLBodyValues: true, maxBodyValueBytes: VALUE_MAX,
		});
		if (!got.ok) return got;
		const parsed = got.value.parsed?.[blobId];
		if (!parsed) return bad(got.value.notFound?.includes(blobId) ? "notFound" : "refused", "notParsable", "that is no message");
		return good({ ...parsed, id: "", threadId: "", mailboxIds: {}, keywords: {}, receivedAt: parsed.sentAt ?? "" } as Message);
	}
}
