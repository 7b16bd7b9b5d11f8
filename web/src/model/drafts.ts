/* What is being written. Each change is on this device at once, and on the server a moment later; nothing that happens to window, network, battery or session loses more
 * than the last keystroke. The server keeps a draft as an email, which a save replaces by another: a version's Message-ID says of which draft it is, and by which hand.
 *
 * A draft is one window's: as long as that is there no other saves it, and neither does the service worker. What a window leaves is taken up by another. */
import { Store, type Readable } from "../base/store.ts";
import { bad, failureOf, good, isPassing, type Failure, type Result } from "../jmap/errors.ts";
import type { Upload } from "../jmap/files.ts";
import type { EmailBodyPart, Id, SetError } from "../jmap/types.ts";
import type { Engine } from "./engine.ts";
import type { AccountOf } from "./account.ts";
import { emptyContent, forwardsOf, htmlOf, makeEmail, textOf, type KeptAttachment } from "./compose.ts";
import type { Attachment, Draft, DraftContent, Drafts, DraftView, Message, SendOptions, Sending } from "./types.ts";

/** Milliseconds after the last change, and after the first one that isn't saved, until it goes to the server. */
const SAVE_AFTER = 2000, SAVE_LATEST = 10_000;

/** As this device keeps it. */
export interface KeptDraft {
	key: string;
	emailId: Id | null;
	content: DraftContent;
	attachments: KeptAttachment[];
	/** Changes, and how many of them the server has. */
	version: number;
	saved: number;
	savedAt: number | null;
	/** The part of the Message-ID that all versions share. */
	line: string;
	/** How often the server is still to be asked for versions that aren't known here: a save was begun, and nobody knows what became of it. Once more than it takes to hear of
	 * it: what the network has kept may come after who has asked already. */
	looks: number;
	/** Versions that the server may still have, and that are to go. */
	replaced: Id[];
	/** Sent, or given up: whatever the server still has of it is to go. */
	over: boolean;
	conflict: Id | null;
	/** The version whose parts the attachments are from now on, as soon as they are asked for; null: they are what they are. */
	blobsOf: Id | null;
	at: number;
}

/** Uploads last a day, and parts of a message as long as it: attachments become those of the version that is there. */
export async function takeBlobs({ client, account }: Engine, kept: KeptDraft): Promise<Result<void>> {
	if (!kept.blobsOf) return good(undefined);
	const got = await client.call(account, "Email/get", { ids: [kept.blobsOf], properties: ["attachments"], bodyProperties: ["blobId", "name", "size", "cid"] });
	if (!got.ok) return got;
	const parts = got.value.list[0]?.attachments ?? [], used = kept.attachments.filter(one => one.inVersion);
	if (parts.length === used.length) used.forEach((one, at) => (one.blobId = parts[at]!.blobId));
	kept.blobsOf = null;
	return good(undefined);
}

/** The part of a draft's Message-ID that tells which it is: "pombal-draft.LINE.HAND.N@…". */
const LINE = /^pombal-draft\.([0-9a-f]{16})\.([0-9a-f]{8})\./;
const LOOKS = 2;
/** Versions of a draft that are looked at. */
const VERSIONS_MAX = 50;

/** Who writes: another device, or another window that has opened the same email, has another key for it. */
function handOf(kept: KeptDraft): string {
	return kept.key.slice(0, 8);
}

/** The server has it as it is here, and nothing else of it. */
function isDone(kept: KeptDraft): boolean {
	return kept.saved === kept.version && kept.replaced.length === 0;
}

/** Those of them that the server couldn't destroy just now. */
function staying(ids: Id[], refused: Record<Id, SetError>): Id[] {
	return ids.filter(id => refused[id] && isPassing(failureOf(refused[id])));
}

/** As it would be now, if an older version of these pages has kept it. */
function renewed(kept: KeptDraft): KeptDraft {
	return { ...kept, looks: kept.looks ?? LOOKS, replaced: kept.replaced ?? [], over: kept.over ?? false };
}

/** A media type, with parameters or without (RFC 6838 §4.2). */
const TYPE = /^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}(?:;[\x20-\x7e]{0,200})?$/;

/** A file's name without folders and without what nobody sees: it goes into a header field, and to others' disks. */
export function fileName(name: string): string {
	return (name.split(/[/\\]/).at(-1) ?? "").replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu, " ").trim();
}

export function randomHex(bytes: number): string {
	return [...crypto.getRandomValues(new Uint8Array(bytes))].map(one => one.toString(16).padStart(2, "0")).join("");
}

export class DraftOf implements Draft {
	readonly key: string;
	readonly #drafts: DraftsOf;
	readonly #account: AccountOf;
	readonly kept: KeptDraft;
	readonly #view: Store<DraftView>;
	readonly #uploads = new Map<string, { upload: Upload; progress: number; error: Failure | null }>();
	#state: DraftView["state"];
	#error: Failure | null = null;
	#timer: ReturnType<typeof setTimeout> | null = null;
	#firstChange = 0;
	#saving: Promise<Result<void>> | null = null;
	#writing: Promise<unknown> = Promise.resolve();
	#closed = false;
	#gone = false;

	constructor(drafts: DraftsOf, account: AccountOf, kept: KeptDraft) {
		this.#drafts = drafts;
		this.#account = account;
		this.kept = kept;
		this.key = kept.key;
		this.#state = kept.version === 0 ? (kept.emailId ? "saved" : "new") : kept.saved === kept.version ? "saved" : "kept";
		this.#view = new Store(this.#makeView());
		for (const one of kept.attachments) if (!one.blobId) void this.#resumeUpload(one);
		if (!isDone(kept)) this.#schedule();
	}

	subscribe(run: (value: DraftView) => void): () => void {
		return this.#view.subscribe(run);
	}

	get value(): DraftView {
		return this.#view.value;
	}

	get isSaved(): boolean {
		return isDone(this.kept) && this.kept.attachments.every(one => one.blobId);
	}

	#makeView(): DraftView {
		const { key, emailId, content, attachments, savedAt, conflict } = this.kept;
		return { key, emailId, content, savedAt, conflict, state: this.#state, error: this.#error, attachments: attachments.map(one => this.#attachmentView(one)) };
	}

	#attachmentView(one: KeptAttachment): Attachment {
		const running = this.#uploads.get(one.id);
		return { ...one, progress: one.blobId ? 1 : (running?.progress ?? 0), error: running?.error ?? null };
	}

	#show(): void {
		this.#view.set(this.#makeView());
	}

	// ---- Changing ----

	change(change: Partial<DraftContent>): void {
		this.kept.content = { ...this.kept.content, ...change };
		this.#changed();
	}

	#changed(): void {
		if (this.#gone) return;
		const now = this.#account.host.platform.now();
		this.kept.version++;
		this.kept.at = now;
		if (this.#state !== "saving") this.#state = "kept";
		this.keep();
		this.#show();
		this.#schedule();
	}

	#schedule(): void {
		const now = this.#account.host.platform.now();
		this.#firstChange ||= now;
		if (this.#timer) clearTimeout(this.#timer);
		this.#timer = setTimeout(() => void this.save(), Math.max(0, Math.min(SAVE_AFTER, this.#firstChange + SAVE_LATEST - now)));
		(this.#timer as { unref?: () => void }).unref?.();
	}

	/** To this device. */
	keep(): void {
		if (!this.#gone) this.#writing = this.#account.engine.db.put("drafts", [[this.key, this.kept]]);
	}

	async written(): Promise<void> {
		await this.#writing;
	}

	/** When nothing of it is under way. */
	async quiet(): Promise<void> {
		await this.#saving;
		await this.#writing;
	}

	/** The bytes of what is attached: this device's, or the server's. */
	async bytesOf(one: KeptAttachment): Promise<Result<Blob>> {
		const here = await this.#account.engine.db.get<Blob>("files", `${this.key}:${one.id}`);
		if (here instanceof Blob) return good(here);
		return one.blobId ? this.#account.files.download(one.blobId, { type: one.type }) : bad("notFound", "", "what is attached isn't here any more");
	}

	/** As it is on the server now, so that nothing is under way. */
	async settle(): Promise<Result<void>> {
		return takeBlobs(this.#account.engine, this.kept);
	}

	// ---- Attachments ----

	attach(file: File | Blob, options: { name?: string; cid?: string } = {}): string {
		const name = fileName(options.name ?? ("name" in file ? file.name : "") ?? ""), id = randomHex(6);
		const one: KeptAttachment = { id, name, type: TYPE.test(file.type) ? file.type : "application/octet-stream", size: file.size, blobId: null, cid: options.cid ?? null };
		this.kept.attachments = [...this.kept.attachments, one];
		void this.#account.engine.db.put("files", [[`${this.key}:${id}`, file]]);
		this.#changed();
		this.#upload(one, file);
		return id;
	}

	attachBlob(part: { blobId: Id; name: string; type: string; size: number; cid?: string | null }): string {
		const id = randomHex(6);
		this.kept.attachments = [...this.kept.attachments, { id, name: part.name, type: part.type, size: part.size, blobId: part.blobId, cid: part.cid ?? null }];
		this.#changed();
		return id;
	}

	detach(id: string): void {
		this.#uploads.get(id)?.upload.abort();
		this.#uploads.delete(id);
		this.kept.attachments = this.kept.attachments.filter(one => one.id !== id);
		void this.#account.engine.db.delete("files", [`${this.key}:${id}`]);
		this.#changed();
	}

	retry(id: string): void {
		const one = this.kept.attachments.find(attachment => attachment.id === id);
		if (one && !one.blobId) void this.#resumeUpload(one);
	}

	async #resumeUpload(one: KeptAttachment): Promise<void> {
		const file = await this.#account.engine.db.get<Blob>("files", `${this.key}:${one.id}`);
		if (file instanceof Blob) this.#upload(one, file);
	}

	#upload(one: KeptAttachment, file: Blob): void {
		const upload = this.#account.files.upload(file, one.type), state = { upload, progress: 0, error: null as Failure | null };
		this.#uploads.set(one.id, state);
		const end = upload.progress.subscribe(part => {
			state.progress = part;
			this.#show();
		});
		void upload.done.then(done => {
			end();
			if (!this.kept.attachments.includes(one) || this.#gone) return;
			if (done.ok) {
				one.blobId = done.value.blobId;
				this.#changed();
			} else {
				state.error = done.error;
				this.#show();
			}
		});
	}

	// ---- Saving ----

	save(): Promise<Result<void>> {
		this.#saving ??= this.#save().finally(() => {
			this.#saving = null;
			if (!this.#gone && !isDone(this.kept) && this.#state !== "failed" && this.#account.engine.online && !this.#account.engine.closed) this.#schedule();
		});
		return this.#saving;
	}

	async #save(): Promise<Result<void>> {
		if (this.#timer) clearTimeout(this.#timer);
		this.#firstChange = 0;
		if (this.#gone || this.#account.engine.closed || isDone(this.kept)) return good(undefined);
		this.#state = "saving";
		this.#show();
		const version = this.kept.version, done = await this.#replace(version);
		this.#account.engine.note(done.ok ? null : done.error);
		if (this.#gone) return done;
		this.#error = done.ok || isPassing(done.error) ? null : done.error;
		this.#state = done.ok ? (this.kept.saved === this.kept.version ? "saved" : "kept") : isPassing(done.error) ? "kept" : "failed";
		this.keep();
		this.#show();
		this.#drafts.noteSaved(this);
		return done;
	}

	/** A new version for the old one; or only the end of old ones, if that is all that is missing. */
	async #replace(version: number): Promise<Result<void>> {
		const { engine, mailboxes } = this.#account, kept = this.kept;
		if (kept.saved === version) return this.#destroyReplaced();
		const box = await mailboxes.need("drafts");
		if (!box.ok) return box;
		const taken = await takeBlobs(engine, kept);
		if (!taken.ok) return taken;
		const looks = kept.looks, strays = looks > 0 ? await this.#drafts.versions(kept) : good({ own: [], others: [] });
		if (!strays.ok) return strays;
		const before = kept.emailId, old = [...new Set([...(before ? [before] : []), ...kept.replaced, ...strays.value.own])];
		const messageId = `pombal-draft.${kept.line}.${handOf(kept)}.${version}@${this.#account.domain}`;
		const used = kept.attachments.filter(one => one.blobId);
		for (const one of kept.attachments) one.inVersion = used.includes(one);
		const email = makeEmail(kept.content, used, this.#account.identity(kept.content.identityId), { mailboxIds: { [box.value.id]: true }, keywords: { $draft: true, $seen: true }, messageId });
		kept.looks = LOOKS;
		await engine.db.put("drafts", [[this.key, kept]]);
		const sent = await engine.client.call(engine.account, "Email/set", { create: { d: email }, destroy: old });
		if (!sent.ok) return sent;
		const made = sent.value.created?.["d"], refused = sent.value.notCreated?.["d"], stay = sent.value.notDestroyed ?? {};
		kept.looks = Math.max(0, looks - 1);
		kept.replaced = staying(old, stay);
		if (!made) {
			if (before && !stay[before]) kept.emailId = null;
			return refused ? { ok: false, error: failureOf(refused) } : bad("broken", "", "the draft wasn't created");
		}
		Object.assign(kept, { emailId: made.id, saved: version, savedAt: this.#account.host.platform.now() });
		if (before && stay[before]?.type === "notFound") await this.#findConflict();
		kept.blobsOf = used.length > 0 ? made.id : null;
		await takeBlobs(engine, kept);
		await engine.db.delete("files", used.map(one => `${this.key}:${one.id}`));
		return good(undefined);
	}

	async #destroyReplaced(): Promise<Result<void>> {
		const { engine } = this.#account, { replaced } = this.kept, sent = await engine.client.call(engine.account, "Email/set", { destroy: replaced });
		if (sent.ok) this.kept.replaced = staying(replaced, sent.value.notDestroyed ?? {});
		return sent.ok ? good(undefined) : sent;
	}

	/** The version that was to be replaced has gone: if another device has put its own in its place, both stay, and go separate ways from now on. */
	async #findConflict(): Promise<void> {
		const versions = await this.#drafts.versions(this.kept);
		if (!versions.ok || versions.value.others.length === 0) return;
		this.kept.conflict = versions.value.others[0]!;
		this.kept.line = randomHex(8);
	}

	// ---- The end ----

	async send(options: SendOptions = {}): Promise<Result<Sending>> {
		if (this.#timer) clearTimeout(this.#timer);
		await this.#saving;
		this.#gone = true;
		for (const { upload } of this.#uploads.values()) upload.abort(); // the outbox goes on with them
		const release = this.#drafts.forget(this), sending = await this.#account.outbox.add(this.kept, options);
		release();
		return sending;
	}

	async discard(): Promise<Result<void>> {
		this.#gone = true;
		if (this.#timer) clearTimeout(this.#timer);
		for (const { upload } of this.#uploads.values()) upload.abort();
		await this.#saving;
		await this.#writing;
		const { db } = this.#account.engine;
		await db.delete("drafts", [this.key]);
		await db.delete("files", this.kept.attachments.map(one => `${this.key}:${one.id}`));
		const release = this.#drafts.forget(this);
		await this.#drafts.end(this.kept);
		release();
		return good(undefined);
	}

	close(): void {
		if (this.#closed) return;
		this.#closed = true;
		this.#drafts.release(this);
		if (!this.isSaved) void this.save();
	}
}

interface Open {
	draft: DraftOf;
	/** How many windows on this page show it. */
	users: number;
	claim: Promise<(() => void) | null>;
}

export class DraftsOf implements Drafts {
	readonly #account: AccountOf;
	readonly #open = new Map<string, Open>();
	/** Those that somebody else has: as soon as he is gone they are taken up here. */
	readonly #awaited = new Set<string>();
	readonly #closing = new AbortController();
	readonly #recovered = new Store<DraftView[]>([]);
	readonly recovered: Readable<DraftView[]> = this.#recovered;

	constructor(account: AccountOf) {
		this.#account = account;
		account.engine.onOnline(() => void this.start().then(() => this.saveAll()));
	}

	/** Takes up what was being written when a window was left. */
	async start(): Promise<void> {
		for (const [key] of await this.#account.engine.db.all<KeptDraft>("drafts")) {
			if (this.#open.has(key) || this.#awaited.has(key)) continue;
			const release = await this.#account.host.claim(this.#name(key));
			if (release) await this.#takeUp(key, release);
			else void this.#await(key);
		}
		this.#showRecovered();
	}

	#name(key: string): string {
		return `draft:${this.#account.id}:${key}`;
	}

	async #await(key: string): Promise<void> {
		this.#awaited.add(key);
		const release = await this.#account.host.claim(this.#name(key), this.#closing.signal);
		this.#awaited.delete(key);
		if (release) await this.#takeUp(key, release);
		this.#showRecovered();
	}

	/** As it is now that it is ours. */
	async #takeUp(key: string, release: () => void): Promise<void> {
		const found = await this.#account.engine.db.get<KeptDraft>("drafts", key);
		if (!found || this.#closing.signal.aborted) return release();
		const kept = renewed(found);
		if (kept.over) return void this.#sweep(kept).then(release);
		if (isDone(kept)) return void this.#remove(kept).then(release);
		this.#open.set(key, { draft: new DraftOf(this, this.#account, kept), users: 0, claim: Promise.resolve(release) });
	}

	async #remove(kept: KeptDraft): Promise<void> {
		await this.#account.engine.db.delete("drafts", [kept.key]);
		await this.#account.engine.db.delete("files", kept.attachments.map(one => `${kept.key}:${one.id}`));
	}

	async saveAll(): Promise<void> {
		await Promise.all([...this.#open.values()].map(({ draft }) => (draft.isSaved ? null : draft.save())));
	}

	get unsaved(): number {
		return [...this.#open.values()].filter(({ draft }) => !draft.isSaved).length;
	}

	#showRecovered(): void {
		this.#recovered.set([...this.#open.values()].filter(one => one.users === 0).map(one => one.draft.value));
	}

	/** Emails that are versions of a draft, but the one that is known: by its own hand, and by others. */
	async versions(kept: KeptDraft): Promise<Result<{ own: Id[]; others: Id[] }>> {
		const box = await this.#account.mailboxes.need("drafts");
		if (!box.ok) return box;
		const { client, account } = this.#account.engine, batch = client.batch(account);
		const found = batch.call("Email/query", { filter: { operator: "AND", conditions: [{ inMailbox: box.value.id }, { header: ["Message-ID", `pombal-draft.${kept.line}.`] }] }, limit: VERSIONS_MAX });
		const emails = batch.call("Email/get", { "#ids": found.ref("/ids"), properties: ["messageId"] });
		const sent = await batch.send();
		if (!sent.ok) return sent;
		if (!emails.result.ok) return emails.result;
		const list = emails.result.value.list.filter(one => one.id !== kept.emailId);
		const own = list.filter(one => LINE.exec(one.messageId?.[0] ?? "")?.[2] === handOf(kept)).map(one => one.id);
		return good({ own, others: list.map(one => one.id).filter(id => !own.includes(id)) });
	}

	/** It was sent, or is given up: all of it goes from the server, but that email. What isn't known of it is looked for, if need be when the server can be reached again. */
	async end(ended: KeptDraft, but: Id | null = null): Promise<void> {
		const kept = { ...renewed(ended), over: true };
		const known = [...new Set([...(kept.emailId ? [kept.emailId] : []), ...kept.replaced])].filter(id => id !== but);
		if (known.length > 0) this.#account.acts.discard(known);
		if (kept.looks === 0) return;
		await this.#account.engine.db.put("drafts", [[kept.key, kept]]);
		void this.#await(kept.key); // who ends it still has it
	}

	async #sweep(kept: KeptDraft): Promise<void> {
		const { engine, acts } = this.#account, found = await this.versions(kept);
		if (!found.ok || engine.closed) return; // start() comes to it again
		if (found.value.own.length > 0) acts.discard(found.value.own);
		await this.#remove(kept);
	}

	create(content: Partial<DraftContent> = {}): Draft {
		const kept: KeptDraft = {
			key: randomHex(8), emailId: null, content: { ...emptyContent(), ...content }, attachments: [], version: 0, saved: 0, savedAt: null, line: randomHex(8), looks: 0, replaced: [], over: false,
			conflict: null, blobsOf: null, at: this.#account.host.platform.now(),
		};
		return this.#use(new DraftOf(this, this.#account, kept));
	}

	#use(draft: DraftOf): DraftOf {
		const entry = this.#open.get(draft.key) ?? { draft, users: 0, claim: this.#account.host.claim(this.#name(draft.key), this.#closing.signal) };
		entry.users++;
		this.#open.set(draft.key, entry);
		this.#showRecovered();
		return entry.draft;
	}

	async open(id: { emailId: Id } | { key: string }): Promise<Result<Draft>> {
		const there = [...this.#open.values()].find(({ draft }) => ("key" in id ? draft.key === id.key : draft.kept.emailId === id.emailId));
		if (there) return good(this.#use(there.draft));
		if ("key" in id) return bad("notFound", "", "there is no such draft on this device");
		const message = await this.#account.messages.read(id.emailId);
		return message.ok ? good(this.#use(new DraftOf(this, this.#account, this.#keptOf(message.value)))) : message;
	}

	async adopt(draft: Draft, identityId: Id): Promise<Result<Draft>> {
		const other = draft as DraftOf, files: [KeptAttachment, Blob][] = [], settled = await other.settle();
		if (!settled.ok) return settled;
		for (const one of other.kept.attachments) {
			const bytes = await other.bytesOf(one);
			if (!bytes.ok) return bytes;
			files.push([one, bytes.value]);
		}
		// What it answers is an email of the other account: of that no mark is left here.
		const own = this.create({ ...other.kept.content, identityId, original: null });
		for (const [{ name, cid }, bytes] of files) own.attach(bytes, { name, ...(cid ? { cid } : {}) });
		if (files.length === 0) own.change({});
		await (own as DraftOf).written();
		const gone = await other.discard();
		return gone.ok ? good(own) : gone;
	}

	/** Something that isn't sent after all. `replaced`: what was made for it on the server. */
	takeBack(sent: KeptDraft, replaced: Id | null): Draft {
		const kept = renewed(sent), draft = new DraftOf(this, this.#account, { ...kept, version: kept.version + 1, replaced: [...kept.replaced, ...(replaced ? [replaced] : [])] });
		draft.keep();
		return this.#use(draft);
	}

	#keptOf(message: Message): KeptDraft {
		const sender = message.from?.[0], same = this.#account.identities.value.filter(one => one.email.toLowerCase() === sender?.email.toLowerCase());
		const identity = same.find(one => one.name === (sender?.name ?? "")) ?? same[0];
		const receipt = message.headers?.some(one => one.name.toLowerCase() === "disposition-notification-to") ?? false;
		const priority = message.headers?.find(one => one.name.toLowerCase() === "x-priority")?.value.trim()[0];
		const content: DraftContent = {
			...emptyContent(), identityId: identity?.id ?? null, to: message.to ?? [], cc: message.cc ?? [], bcc: message.bcc ?? [], replyTo: message.replyTo ?? [], subject: message.subject ?? "",
			text: textOf(message), html: htmlOf(message), inReplyTo: message.inReplyTo, references: message.references, forwards: forwardsOf(message.headers ?? []), wantsReceipt: receipt,
			priority: priority === "1" || priority === "2" ? "high" : priority === "4" || priority === "5" ? "low" : "normal",
		};
		const line = LINE.exec(message.messageId?.[0] ?? "")?.[1] ?? randomHex(8);
		const attachments = message.attachments.filter(part => part.blobId).map((part: EmailBodyPart) => ({ id: randomHex(6), name: part.name ?? "", type: part.type, size: part.size, blobId: part.blobId, cid: part.cid }));
		return { key: randomHex(8), emailId: message.id, content, attachments, version: 0, saved: 0, savedAt: Date.parse(message.receivedAt), line, looks: 0, replaced: [], over: false, conflict: null, blobsOf: null, at: this.#account.host.platform.now() };
	}

	// ---- What drafts tell ----

	noteSaved(draft: DraftOf): void {
		const entry = this.#open.get(draft.key);
		if (entry && entry.users === 0 && draft.isSaved) this.#drop(draft);
		this.#showRecovered();
	}

	release(draft: DraftOf): void {
		const entry = this.#open.get(draft.key);
		if (!entry) return;
		entry.users = Math.max(0, entry.users - 1);
		if (entry.users === 0 && draft.isSaved) this.#drop(draft);
	}

	#drop(draft: DraftOf): void {
		const release = this.forget(draft);
		void draft.written().then(() => this.#remove(draft.kept)).then(release);
	}

	/** Is no more among what is being written; what it gives is called when this device keeps nothing of it any more. */
	forget(draft: DraftOf): () => void {
		const entry = this.#open.get(draft.key);
		this.#open.delete(draft.key);
		this.#showRecovered();
		return () => void entry?.claim.then(release => release?.());
	}

	close(): void {
		this.#closing.abort();
		for (const { draft, claim } of this.#open.values()) void draft.quiet().then(() => claim).then(release => release?.());
	}

	async flush(): Promise<void> {
		await Promise.all([...this.#open.values()].map(({ draft }) => draft.written()));
	}
}
