/* Objects of which there are few, shown whole: identities, the answer while somebody is away, quotas. */
import { Store } from "../base/store.ts";
import { failureOf, good, type Failure, type Result } from "../jmap/errors.ts";
import type { Id, Identity, Quota, SetError, VacationResponse } from "../jmap/types.ts";
import type { Engine } from "./engine.ts";
import type { Account } from "./types.ts";

/** The first of what a set has refused. */
export function refusal(answer: { notCreated?: Record<string, SetError> | null; notUpdated?: Record<string, SetError> | null; notDestroyed?: Record<string, SetError> | null }): Failure | null {
	const refused = Object.values({ ...answer.notCreated, ...answer.notUpdated, ...answer.notDestroyed })[0];
	return refused ? failureOf(refused) : null;
}

/** Keeps a value as the server and this device have it. */
abstract class Kept<T> extends Store<T> {
	protected readonly engine: Engine;
	readonly #name: string;

	constructor(engine: Engine, name: string, type: string, first: T) {
		super(first);
		this.engine = engine;
		this.#name = name;
		void engine.db.get<T>("meta", name).then(known => known !== undefined && this.value === first && this.set(known));
		engine.watch(type, () => void this.load());
	}

	protected abstract ask(): Promise<Result<T>>;

	async load(): Promise<Result<void>> {
		const got = await this.ask();
		if (!got.ok) return got;
		this.set(got.value);
		void this.engine.db.put("meta", [[this.#name, got.value]]);
		return good(undefined);
	}
}

export class IdentitiesOf extends Kept<Identity[]> {
	constructor(engine: Engine) {
		super(engine, "identities", "Identity", []);
	}

	protected async ask(): Promise<Result<Identity[]>> {
		const got = await this.engine.client.call(this.engine.account, "Identity/get", { ids: null });
		return got.ok ? good(got.value.list) : got;
	}

	async save(identity: Partial<Identity> & { id?: Id }): Promise<Result<Id>> {
		const { id, mayDelete: _, ...rest } = identity;
		const { email, ...changes } = rest;
		const done = await this.engine.client.call(this.engine.account, "Identity/set", id ? { update: { [id]: changes } } : { create: { i: { ...changes, email } } });
		if (!done.ok) return done;
		const error = refusal(done.value), made = id ?? done.value.created?.["i"]?.id;
		if (error || !made) return { ok: false, error: error ?? { kind: "broken", type: "", message: "the identity has no id" } };
		await this.load();
		return good(made);
	}

	async destroy(id: Id): Promise<Result<void>> {
		const done = await this.engine.client.call(this.engine.account, "Identity/set", { destroy: [id] });
		if (!done.ok) return done;
		const error = refusal(done.value);
		if (error) return { ok: false, error };
		await this.load();
		return good(undefined);
	}
}

export class VacationOf extends Kept<VacationResponse | null> implements Readonly<Account["vacation"]> {
	constructor(engine: Engine) {
		super(engine, "vacation", "VacationResponse", null);
	}

	protected async ask(): Promise<Result<VacationResponse | null>> {
		const got = await this.engine.client.call(this.engine.account, "VacationResponse/get", { ids: ["singleton"] });
		return got.ok ? good(got.value.list[0] ?? null) : got;
	}

	async save(change: Partial<Omit<VacationResponse, "id">>): Promise<Result<void>> {
		const done = await this.engine.client.call(this.engine.account, "VacationResponse/set", { update: { singleton: change } });
		if (!done.ok) return done;
		const error = refusal(done.value);
		return error ? { ok: false, error } : this.load();
	}
}

export class QuotasOf extends Kept<Quota[]> {
	constructor(engine: Engine) {
		super(engine, "quotas", "Quota", []);
	}

	protected async ask(): Promise<Result<Quota[]>> {
		const got = await this.engine.client.call(this.engine.account, "Quota/get", { ids: null });
		return got.ok ? good(got.value.list) : got;
	}
}
