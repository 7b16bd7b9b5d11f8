/* Mail that isn't in a mailbox: what was removed for good and can still be brought back, and strangers' mail that was set apart. Both are this server's own (docs/jmap.md), and told anew each time. */
import { Store } from "../base/store.ts";
import { failureOf, good, type Result } from "../jmap/errors.ts";
import { QUARANTINE, RECOVERY } from "../jmap/methods.ts";
import type { Id, QuarantinedEmail, RecoverableEmail, SetError } from "../jmap/types.ts";
import type { Engine } from "./engine.ts";
import type { Held, Page, Recoverable } from "./types.ts";

/** Rows of a page. */
const PAGE = 50;

function refusedBy(list: Record<Id, SetError> | null | undefined): Result<void> {
	const first = Object.values(list ?? {})[0];
	return first ? { ok: false, error: failureOf(first) } : good(undefined);
}

abstract class Apart {
	protected readonly engine: Engine;
	readonly #capability: string;

	constructor(engine: Engine, capability: string) {
		this.engine = engine;
		this.#capability = capability;
	}

	get isThere(): boolean {
		return this.about !== null;
	}

	protected get about(): Record<string, unknown> | null {
		return (this.engine.client.session?.accounts[this.engine.account]?.accountCapabilities[this.#capability] as Record<string, unknown> | undefined) ?? null;
	}

	protected async list<T>(type: "RecoverableEmail" | "QuarantinedEmail", position: number): Promise<Result<Page<T>>> {
		const { client, account } = this.engine, batch = client.batch(account);
		const found = batch.call(`${type}/query`, { position, limit: PAGE, calculateTotal: true });
		const list = batch.call(`${type}/get`, { "#ids": found.ref("/ids") });
		const sent = await batch.send();
		this.engine.note(sent.ok ? null : sent.error);
		if (!sent.ok) return sent;
		if (!found.result.ok) return found.result;
		if (!list.result.ok) return list.result;
		// In the order of the query, whatever that of the answer is.
		const all = new Map((list.result.value.list as { id: Id }[]).map(one => [one.id, one]));
		return good({ list: found.result.value.ids.flatMap(id => all.get(id) ?? []) as T[], total: found.result.value.total ?? found.result.value.ids.length });
	}
}

export class RecoverableOf extends Apart implements Recoverable {
	constructor(engine: Engine) {
		super(engine, RECOVERY);
	}

	get keptFor(): number {
		return Number(this.about?.["keptFor"] ?? 0);
	}

	page(position: number): Promise<Result<Page<RecoverableEmail>>> {
		return this.list("RecoverableEmail", position);
	}

	async restore(ids: Id[], mailboxId: Id | null = null): Promise<Result<void>> {
		const done = await this.engine.client.call(this.engine.account, "RecoverableEmail/restore", { ids, mailboxId });
		if (!done.ok) return done;
		void this.engine.sync();
		return refusedBy(done.value.notRestored);
	}

	async remove(ids: Id[]): Promise<Result<void>> {
		const done = await this.engine.client.call(this.engine.account, "Email/set", { destroy: ids });
		if (!done.ok) return done;
		void this.engine.sync();
		return refusedBy(done.value.notDestroyed);
	}

	onChange(run: () => void): () => void {
		return this.engine.watch("Email", run);
	}
}

export class HeldOf extends Apart implements Held {
	readonly count = new Store(0);

	constructor(engine: Engine) {
		super(engine, QUARANTINE);
		engine.onOnline(() => void this.countAgain());
	}

	async page(position: number): Promise<Result<Page<QuarantinedEmail>>> {
		const got = await this.list<QuarantinedEmail>("QuarantinedEmail", position);
		if (got.ok) this.count.set(got.value.total);
		return got;
	}

	/** Nobody tells of it: it is asked when the server is reached, and when something was done. */
	async countAgain(): Promise<void> {
		if (!this.isThere) return;
		const found = await this.engine.client.call(this.engine.account, "QuarantinedEmail/query", { limit: 1, calculateTotal: true });
		if (found.ok) this.count.set(found.value.total ?? found.value.ids.length);
	}

	async release(ids: Id[]): Promise<Result<void>> {
		const done = await this.engine.client.call(this.engine.account, "QuarantinedEmail/release", { ids });
		if (!done.ok) return done;
		void this.countAgain();
		return refusedBy(done.value.notReleased);
	}

	async destroy(ids: Id[]): Promise<Result<void>> {
		const done = await this.engine.client.call(this.engine.account, "QuarantinedEmail/set", { destroy: ids });
		if (!done.ok) return done;
		void this.countAgain();
		return refusedBy(done.value.notDestroyed);
	}
}
