/* Who is signed in, and what is kept of him on this device. What belongs to somebody else is wiped before anybody is shown anything. */
import { Store } from "../base/store.ts";
import { Client } from "../jmap/client.ts";
import { good, isPassing, type Result } from "../jmap/errors.ts";
import { loadSession, signIn, signOut } from "../jmap/session.ts";
import type { Id, SessionObject } from "../jmap/types.ts";
import { AccountOf } from "./account.ts";
import { browserHost, type Host } from "./host.ts";
import type { Account, App, SessionState } from "./types.ts";

/** The session object of last time, for starting offline; that signing out must be told to the server. */
const SESSION = "pombal.session", SIGN_OUT = "pombal.sign-out";

export interface Updater {
	/** Is a newer version ready? */
	onReady(run: () => void): void;
	/** Takes it. */
	take(): Promise<void>;
}

export class AppOf implements App {
	readonly session = new Store<SessionState>({ state: "unknown" });
	readonly update = new Store<{ ready: boolean }>({ ready: false });
	readonly client: Client;
	readonly #host: Host;
	readonly #updater: Updater | null;
	readonly #accounts = new Map<Id, AccountOf>();

	constructor(host: Host, updater: Updater | null = null) {
		this.#host = host;
		this.#updater = updater;
		this.client = new Client(host.platform);
		this.client.onSignedOut = () => this.#expire();
		this.client.onSessionChanged = () => void loadSession(this.client).then(got => got.ok && this.#remember(got.value));
		host.hear(message => this.#heard(message));
		updater?.onReady(() => this.update.set({ ready: true }));
	}

	// ---- Starting ----

	async start(): Promise<Result<SessionState>> {
		if (this.#host.small.getItem(SIGN_OUT)) await this.#signOutLate();
		const got = await loadSession(this.client);
		if (got.ok) return this.#enter(got.value);
		const kept = this.#kept();
		if (!isPassing(got.error)) return got;
		if (got.error.kind !== "signedOut" && !kept) return got;
		if (!kept) return good(this.#set({ state: "signedOut" }));
		// Offline, or the session is over: what is here can be read and written all the same.
		this.client.session = kept;
		await this.#open(kept);
		return good(this.#set({ state: got.error.kind === "signedOut" ? "expired" : "signedIn", ...describe(kept) }));
	}

	async #signOutLate(): Promise<void> {
		const done = await signOut(this.client);
		if (done.ok) this.#host.small.removeItem(SIGN_OUT);
	}

	#kept(): SessionObject | null {
		try {
			return JSON.parse(this.#host.small.getItem(SESSION) ?? "null") as SessionObject | null;
		} catch {
			return null;
		}
	}

	#remember(session: SessionObject): void {
		this.#host.small.setItem(SESSION, JSON.stringify(session));
	}

	#set(state: SessionState): SessionState {
		this.session.set(state);
		return state;
	}

	async signIn(name: string, password: string, device?: string): Promise<Result<SessionState>> {
		this.#host.small.removeItem(SIGN_OUT);
		const got = await signIn(this.client, name, password, device);
		if (!got.ok) return got;
		const entered = await this.#enter(got.value);
		this.#host.tell({ session: got.value.username });
		return entered;
	}

	async #enter(session: SessionObject): Promise<Result<SessionState>> {
		const names = Object.keys(session.accounts).map(id => databaseName(session, id));
		for (const [id, account] of this.#accounts) {
			if (names.includes(databaseName(session, id)) && account.name === session.accounts[id]?.name) continue;
			account.close();
			account.engine.db.close();
			this.#accounts.delete(id);
		}
		// Of another person: gone.
		for (const name of await this.#host.databases.names()) if (!names.includes(name)) await this.#host.databases.remove(name);
		this.#remember(session);
		await this.#open(session);
		const state = this.#set({ state: "signedIn", ...describe(session) });
		for (const account of this.#accounts.values()) account.engine.resume();
		return good(state);
	}

	async #open(session: SessionObject): Promise<void> {
		for (const [id, { name }] of Object.entries(session.accounts)) {
			if (this.#accounts.has(id)) continue;
			const account = new AccountOf(this.client, id, name, await this.#host.databases.open(databaseName(session, id)), this.#host);
			this.#accounts.set(id, account);
			await account.start();
		}
	}

	account(id?: Id): Account | null {
		const first = this.client.session && Object.values(this.client.session.primaryAccounts)[0];
		return this.#accounts.get(id ?? first ?? "") ?? (id ? null : ([...this.#accounts.values()][0] ?? null));
	}

	// ---- Ending ----

	/** The session is over: what is open stays, and waits. */
	#expire(): void {
		const now = this.session.value;
		if (now.state === "signedIn") this.#set({ ...now, state: "expired" });
	}

	async unsaved(): Promise<{ acts: number; drafts: number; outbox: number }> {
		const sum = { acts: 0, drafts: 0, outbox: 0 };
		for (const { acts, drafts, outbox } of this.#accounts.values()) {
			sum.acts += acts.waiting;
			sum.drafts += drafts.unsaved;
			sum.outbox += outbox.waiting;
		}
		return sum;
	}

	async signOut(): Promise<Result<void>> {
		this.#host.tell({ signedOut: true });
		await this.#wipe();
		const done = await signOut(this.client);
		// It is over on this device whatever the server says; the cookie is ended as soon as it can be reached.
		if (!done.ok) this.#host.small.setItem(SIGN_OUT, "1");
		return done.ok || isPassing(done.error) ? good(undefined) : done;
	}

	async #wipe(): Promise<void> {
		this.close();
		this.#set({ state: "signedOut" });
		this.#host.small.removeItem(SESSION);
		for (const name of await this.#host.databases.names()) await this.#host.databases.remove(name);
	}

	/** Another window has signed out, or in as somebody else. */
	#heard(message: unknown): void {
		const { signedOut, session } = message as { signedOut?: boolean; session?: string }, now = this.session.value;
		if (signedOut) {
			this.client.session = null;
			void this.#wipe();
		} else if (session && (now.state === "expired" || ("username" in now && now.username !== session))) {
			void this.start();
		}
	}

	async reload(): Promise<void> {
		await Promise.all([...this.#accounts.values()].map(account => account.drafts.flush()));
		await this.#updater?.take();
	}

	/** Nothing of it runs any more. */
	close(): void {
		for (const account of this.#accounts.values()) {
			account.close();
			account.engine.db.close();
		}
		this.#accounts.clear();
	}
}

function databaseName(session: SessionObject, id: Id): string {
	return `${session.username} ${id}`;
}

function describe(session: SessionObject): { username: string; accounts: { id: Id; name: string; isReadOnly: boolean }[] } {
	return { username: session.username, accounts: Object.entries(session.accounts).map(([id, { name, isReadOnly }]) => ({ id, name, isReadOnly })) };
}

/** The data layer, as pages use it. Tests give another host. */
export function openApp(host: Host = browserHost(), updater: Updater | null = null): App {
	return new AppOf(host, updater);
}
