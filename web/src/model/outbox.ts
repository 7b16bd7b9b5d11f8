/* Messages on their way out. What is to be sent stands in this device's database before anything else happens, so that it goes out whatever happens; whether a send whose
 * answer was lost was done is found out by its Message-ID before it is tried again, so that nothing goes out twice. */
import { Store } from "../base/store.ts";
import { bad, failureOf, good, isPassing, type Failure, type Result } from "../jmap/errors.ts";
import type { EmailAddress, EmailSubmission, Id, Identity } from "../jmap/types.ts";
import type { AccountOf } from "./account.ts";
import { makeEmail, makeEnvelope, newMessageId } from "./compose.ts";
import { takeBlobs, type KeptDraft } from "./drafts.ts";
import { refusal } from "./objects.ts";
import type { Draft, DraftContent, Outbox, Sending, SendOptions } from "./types.ts";

interface KeptSending {
	id: string;
	draft: KeptDraft;
	options: { undoSeconds: number; at: number | null; notifyDelivery: boolean };
	messageId: string;
	/** Given to the server once: it may have it. */
	tried: boolean;
	emailId: Id | null;
	/** Why it can't be sent. */
	error: Failure | null;
	/** Why the last try was in vain, if it is tried again by itself. */
	passing?: Failure | null;
	/** Is it in this device's database? */
	stored?: boolean;
	created: number;
}

/** What the server is asked of what other devices have scheduled. */
const PENDING_MAX = 100;
/** Messages with one Message-ID that are looked at: there may be copies. */
const ORIGINALS_MAX = 10;
/** Until it is tried again, if the server can be reached, but can't take it now; milliseconds. */
const AGAIN_AFTER = 30_000;
/** A message that is held no longer than that goes without being shown as scheduled elsewhere; seconds. */
const UNDO_MOST = 60;

export class OutboxOf implements Outbox {
	readonly #account: AccountOf;
	readonly #store = new Store<Sending[]>([]);
	readonly #queued = new Map<string, KeptSending>();
	/** What the server holds, by submission. */
	#held: Sending[] = [];
	/** Of those the ones that this window has sent: for having them back as they were. */
	readonly #sent = new Map<Id, KeptSending>();
	#running: Promise<void> | null = null;
	/** Those whose first try isn't told yet: who sends them hears of it before all others do. */
	readonly #first = new Set<string>();
	#timer: ReturnType<typeof setTimeout> | null = null;
	#again: ReturnType<typeof setTimeout> | null = null;

	constructor(account: AccountOf) {
		this.#account = account;
		account.engine.onOnline(() => void this.flush());
		account.engine.watch("EmailSubmission", () => void this.#loadHeld());
	}

	async start(): Promise<void> {
		for (const [, one] of await this.#account.engine.db.all<KeptSending>("outbox")) if (!this.#queued.has(one.id)) this.#queued.set(one.id, { ...one, stored: true });
		this.#show();
		await this.flush();
	}

	close(): void {
		if (this.#timer) clearTimeout(this.#timer);
		if (this.#again) clearTimeout(this.#again);
	}

	subscribe(run: (value: Sending[]) => void): () => void {
		return this.#store.subscribe(run);
	}

	get waiting(): number {
		return this.#queued.size;
	}

	#show(): void {
		this.#store.set([...[...this.#queued.values()].filter(one => !one.error || !this.#first.has(one.id)).map(view), ...this.#held]);
	}

	// ---- Sending ----

	/** Takes a draft over. */
	async add(draft: KeptDraft, options: SendOptions): Promise<Result<Sending>> {
		const { engine, host, settings, domain } = this.#account;
		const one: KeptSending = {
			id: draft.key, draft, messageId: newMessageId(domain), tried: false, emailId: null, error: null, created: host.platform.now(),
			options: { undoSeconds: Math.min(UNDO_MOST, options.undoSeconds ?? settings.value.undoSend), at: options.at?.getTime() ?? null, notifyDelivery: options.notifyDelivery ?? false },
		};
		this.#queued.set(one.id, one);
		one.stored = await engine.db.put("outbox", [[one.id, one]]);
		await engine.db.delete("drafts", [draft.key]);
		this.#show();
		this.#first.add(one.id);
		if (engine.online) await this.#running; // which doesn't know of this one
		if (engine.online) await this.flush();
		this.#first.delete(one.id);
		return good(one.error ? view(one) : (this.#store.value.find(sending => sending.id === one.id) ?? { ...view(one), state: "sent" }));
	}

	/** Sends what waits. One window does it at a time. */
	flush(): Promise<void> {
		this.#running ??= this.#account.host
			.lock(`outbox:${this.#account.id}`, () => this.#sendAll())
			.catch(() => undefined)
			.finally(() => (this.#running = null));
		return this.#running;
	}

	async #sendAll(): Promise<void> {
		for (const one of [...this.#queued.values()]) {
			if (one.error || this.#account.engine.closed || !this.#account.engine.online) continue;
			if (!(await this.#isHere(one)) || one.error) continue;
			if (!(await this.#sendOne(one))) break;
		}
		this.#show();
		this.#tryAgain();
	}

	/** False: another window or the service worker has sent it, or had it back. What they know of it is known here then. */
	async #isHere(one: KeptSending): Promise<boolean> {
		const kept = await this.#account.engine.db.get<KeptSending>("outbox", one.id);
		if (!kept && one.stored) return this.#queued.delete(one.id) && false;
		if (kept) Object.assign(one, { tried: one.tried || kept.tried, emailId: one.emailId ?? kept.emailId, error: kept.error });
		return this.#queued.has(one.id);
	}

	/** What comes back by itself when the server can be reached again waits for that. */
	#tryAgain(): void {
		if (this.#again) clearTimeout(this.#again);
		this.#again = null;
		if (!this.#account.engine.online || ![...this.#queued.values()].some(one => one.passing && !one.error)) return;
		this.#again = setTimeout(() => void this.flush(), AGAIN_AFTER);
		(this.#again as { unref?: () => void }).unref?.();
	}

	/** False: not now. */
	async #sendOne(one: KeptSending): Promise<boolean> {
		const { engine } = this.#account, sent = await this.#give(one);
		engine.note(sent.ok ? null : sent.error);
		one.passing = !sent.ok && isPassing(sent.error) ? sent.error : null;
		if (one.passing) return false;
		if (!this.#queued.has(one.id)) return true; // had back meanwhile
		if (!sent.ok) {
			one.error = sent.error;
			await engine.db.put("outbox", [[one.id, one]]);
			return true;
		}
		this.#queued.delete(one.id);
		this.#sent.set(sent.value.id, one);
		if (Date.parse(sent.value.sendAt) > this.#account.host.platform.now()) this.#hold({ ...view(one), state: "held", sendAt: sent.value.sendAt, submissionId: sent.value.id, emailId: one.emailId });
		await engine.db.delete("outbox", [one.id]);
		await engine.db.delete("files", one.draft.attachments.map(file => `${one.draft.key}:${file.id}`));
		await engine.sync();
		return true;
	}

	async #give(one: KeptSending): Promise<Result<{ id: Id; sendAt: string }>> {
		const account = this.#account, { engine, mailboxes } = account;
		if (account.identities.value.length === 0) await account.identities.load();
		const identity = account.identity(one.draft.content.identityId);
		if (!identity) return bad("refused", "noIdentity", "there is no identity to send as");
		const drafts = await mailboxes.need("drafts"), sent = drafts.ok ? await mailboxes.need("sent") : drafts;
		if (!drafts.ok) return drafts;
		if (!sent.ok) return sent;
		const taken = await takeBlobs(engine, one.draft), uploaded = taken.ok ? await this.#upload(one) : taken;
		if (!uploaded.ok) return uploaded;
		const known = one.tried ? await this.#find(one) : good(null);
		if (!known.ok) return known;
		if (known.value) return good(known.value);
		one.tried = true;
		await engine.db.put("outbox", [[one.id, one]]);
		return this.#submit(one, identity, drafts.value.id, sent.value.id);
	}

	/** Message, submission and what follows from it, in one request. */
	async #submit(one: KeptSending, identity: Identity, drafts: Id, sent: Id): Promise<Result<{ id: Id; sendAt: string }>> {
		const { engine } = this.#account, { content, attachments } = one.draft, batch = engine.client.batch(engine.account);
		const email = makeEmail(content, attachments, identity, { mailboxIds: { [drafts]: true }, keywords: { $draft: true, $seen: true }, messageId: one.messageId });
		const made = one.emailId ? null : batch.call("Email/set", { create: { m: email } });
		const at = one.options.at ? new Date(one.options.at) : undefined;
		const envelope = makeEnvelope(content, identity, { notifyDelivery: one.options.notifyDelivery, holdSeconds: one.options.undoSeconds, ...(at ? { at } : {}) });
		const moved = { [`mailboxIds/${drafts}`]: null, [`mailboxIds/${sent}`]: true, "keywords/$draft": null };
		const submission = batch.call("EmailSubmission/set", { create: { s: { identityId: identity.id, emailId: one.emailId ?? "#m", envelope } }, onSuccessUpdateEmail: { "#s": moved } });
		const answer = await batch.send({ repeat: false });
		if (!answer.ok) return answer;
		if (made && !made.result.ok) return made.result;
		if (made?.result.ok) {
			const error = refusal(made.result.value);
			if (error) return { ok: false, error };
			one.emailId = made.result.value.created?.["m"]?.id ?? null;
		}
		const done = submission.result;
		if (!done.ok) return done;
		const error = refusal(done.value), id = done.value.created?.["s"]?.id;
		if (error || !id) return { ok: false, error: error ?? failureOf({ type: "broken" }) };
		await this.#follow(one);
		const sendAt = done.value.created?.["s"]?.sendAt ?? new Date(one.options.at ?? this.#account.host.platform.now() + one.options.undoSeconds * 1000).toISOString();
		return good({ id, sendAt });
	}

	/** What it answers or forwards, also if it was begun on another device, which alone had the id: found by the Message-IDs that the draft has. */
	async #originalOf({ content }: KeptDraft): Promise<DraftContent["original"]> {
		const as = content.forwards ? "forward" : "reply", messageId = content.forwards ?? content.inReplyTo?.[0];
		if (content.original || !messageId) return content.original;
		const { client, account } = this.#account.engine, batch = client.batch(account);
		const found = batch.call("Email/query", { filter: { operator: "AND", conditions: [{ header: ["Message-ID", `<${messageId}>`] }, { notKeyword: "$draft" }] }, limit: ORIGINALS_MAX });
		const emails = batch.call("Email/get", { "#ids": found.ref("/ids"), properties: ["messageId"] });
		if (!(await batch.send()).ok || !emails.result.ok) return null;
		const there = emails.result.value.list.find(one => one.messageId?.includes(messageId));
		return there ? { id: there.id, as } : null;
	}

	/** The draft goes, and the original is marked. */
	async #follow(one: KeptSending): Promise<void> {
		const { engine, drafts } = this.#account, original = await this.#originalOf(one.draft);
		one.draft.content = { ...one.draft.content, original };
		if (original) await engine.client.call(engine.account, "Email/set", { update: { [original.id]: { [`keywords/${original.as === "reply" ? "$answered" : "$forwarded"}`]: true } } });
		await drafts.end(one.draft, one.emailId);
	}

	/** Did it go out the last time? */
	async #find(one: KeptSending): Promise<Result<{ id: Id; sendAt: string } | null>> {
		const { engine } = this.#account, found = await engine.client.call(engine.account, "Email/query", { filter: { header: ["Message-ID", one.messageId] }, limit: 1 });
		if (!found.ok) return found;
		one.emailId = found.value.ids[0] ?? null;
		if (!one.emailId) return good(null);
		const submissions = await this.status(one.emailId);
		if (!submissions.ok) return submissions;
		const there = submissions.value.find(submission => submission.undoStatus !== "canceled");
		if (there) await this.#follow(one);
		return good(there ? { id: there.id, sendAt: there.sendAt } : null);
	}

	async #upload(one: KeptSending): Promise<Result<void>> {
		const { engine, files } = this.#account;
		for (const attachment of one.draft.attachments) {
			if (attachment.blobId) continue;
			const file = await engine.db.get<Blob>("files", `${one.draft.key}:${attachment.id}`);
			if (!(file instanceof Blob)) return bad("notFound", "blobNotFound", `the file ${attachment.name} isn't on this device any more`);
			const done = await files.upload(file, attachment.type).done;
			if (!done.ok) return done;
			attachment.blobId = done.value.blobId;
			await engine.db.put("outbox", [[one.id, one]]);
		}
		return good(undefined);
	}

	// ---- What is held ----

	#hold(sending: Sending): void {
		this.#held = [sending, ...this.#held.filter(one => one.submissionId !== sending.submissionId)];
		this.#show();
		this.#wait();
	}

	/** Looks again when the next one goes. */
	#wait(): void {
		if (this.#timer) clearTimeout(this.#timer);
		const now = this.#account.host.platform.now(), next = Math.min(...this.#held.map(one => Date.parse(one.sendAt ?? "")).filter(time => time > now));
		if (next === Infinity) return;
		this.#timer = setTimeout(() => void this.#loadHeld(), Math.min(next - now + 1500, 2_000_000_000));
		(this.#timer as { unref?: () => void }).unref?.();
	}

	async #loadHeld(): Promise<void> {
		const { client, account } = this.#account.engine, batch = client.batch(account);
		const found = batch.call("EmailSubmission/query", { filter: { undoStatus: "pending" }, limit: PENDING_MAX });
		const submissions = batch.call("EmailSubmission/get", { "#ids": found.ref("/ids") });
		const emails = batch.call("Email/get", { "#ids": submissions.ref("/list/*/emailId"), properties: ["subject", "to", "cc", "bcc"] });
		if (!(await batch.send()).ok || !submissions.result.ok || !emails.result.ok) return;
		const heads = new Map(emails.result.value.list.map(one => [one.id, one])), now = this.#account.host.platform.now();
		this.#held = submissions.result.value.list.filter(one => Date.parse(one.sendAt) > now).map(one => {
			const head = heads.get(one.emailId), to: EmailAddress[] = [...(head?.to ?? []), ...(head?.cc ?? []), ...(head?.bcc ?? [])];
			return { id: this.#sent.get(one.id)?.id ?? one.id, state: "held", subject: head?.subject ?? "", to, sendAt: one.sendAt, emailId: one.emailId, submissionId: one.id, error: null };
		});
		this.#show();
		this.#wait();
	}

	async cancel(id: string): Promise<Result<Draft>> {
		const queued = this.#queued.get(id);
		if (queued && !queued.tried) return this.#takeBack(queued);
		if (queued?.error) return this.#takeBack(queued);
		const held = this.#held.find(one => one.id === id || one.submissionId === id);
		if (!held?.submissionId || !held.emailId) return bad("refused", "cannotUnsend", "it is on its way");
		const { engine, mailboxes, drafts } = this.#account, box = await mailboxes.need("drafts"), sent = mailboxes.byRole("sent");
		if (!box.ok) return box;
		const back = { [`mailboxIds/${box.value.id}`]: true, ...(sent ? { [`mailboxIds/${sent.id}`]: null } : {}), "keywords/$draft": true };
		const done = await engine.client.call(engine.account, "EmailSubmission/set", { update: { [held.submissionId]: { undoStatus: "canceled" } }, onSuccessUpdateEmail: { [held.submissionId]: back } });
		if (!done.ok) return done;
		const error = refusal(done.value);
		if (error) return { ok: false, error };
		await this.#unmark(this.#sent.get(held.submissionId));
		this.#held = this.#held.filter(one => one !== held);
		this.#show();
		await engine.sync();
		return drafts.open({ emailId: held.emailId });
	}

	async #unmark(one: KeptSending | undefined): Promise<void> {
		const original = one?.draft.content.original, { engine } = this.#account;
		if (original) await engine.client.call(engine.account, "Email/set", { update: { [original.id]: { [`keywords/${original.as === "reply" ? "$answered" : "$forwarded"}`]: null } } });
	}

	/** As it was written; what the server has of it already, but didn't send, is an older version of the draft. */
	async #takeBack(one: KeptSending): Promise<Result<Draft>> {
		const draft = this.#account.drafts.takeBack(one.draft, one.emailId);
		this.#queued.delete(one.id);
		await this.#account.engine.db.delete("outbox", [one.id]);
		this.#show();
		return good(draft);
	}

	async reschedule(id: string, at?: Date): Promise<Result<void>> {
		const queued = this.#queued.get(id), { engine } = this.#account;
		if (queued) {
			Object.assign(queued.options, { at: at?.getTime() ?? null, undoSeconds: 0 });
			queued.error = null;
			this.#show();
			await engine.db.put("outbox", [[id, queued]]);
			await this.flush();
			return good(undefined);
		}
		const held = this.#held.find(one => one.id === id || one.submissionId === id);
		if (!held?.submissionId) return bad("notFound", "", "there is no such message");
		const old = await engine.client.call(engine.account, "EmailSubmission/get", { ids: [held.submissionId] });
		if (!old.ok) return old;
		const before = old.value.list[0];
		if (!before?.envelope) return bad("notFound", "", "there is no such submission");
		const parameters = at ? { HOLDUNTIL: at.toISOString().replace(/\.\d+/, "") } : null;
		const canceled = await engine.client.call(engine.account, "EmailSubmission/set", { update: { [before.id]: { undoStatus: "canceled" } } });
		if (!canceled.ok) return canceled;
		const refused = refusal(canceled.value);
		if (refused) return { ok: false, error: refused };
		const again = { identityId: before.identityId, emailId: before.emailId, envelope: { ...before.envelope, mailFrom: { ...before.envelope.mailFrom, parameters } } };
		const made = await engine.client.call(engine.account, "EmailSubmission/set", { create: { s: again } });
		await this.#loadHeld();
		if (!made.ok) return made;
		const error = refusal(made.value);
		return error ? { ok: false, error } : good(undefined);
	}

	async status(emailId: Id): Promise<Result<EmailSubmission[]>> {
		const { client, account } = this.#account.engine, batch = client.batch(account);
		const found = batch.call("EmailSubmission/query", { filter: { emailIds: [emailId] } }), list = batch.call("EmailSubmission/get", { "#ids": found.ref("/ids") });
		const sent = await batch.send();
		return !sent.ok ? sent : list.result.ok ? good(list.result.value.list) : list.result;
	}
}

function view(one: KeptSending): Sending {
	const { content } = one.draft;
	return {
		id: one.id, state: one.error ? "failed" : "queued", subject: content.subject, to: [...content.to, ...content.cc, ...content.bcc], sendAt: one.options.at ? new Date(one.options.at).toISOString() : null,
		emailId: one.emailId, submissionId: null, error: one.error ?? one.passing ?? null,
	};
}
