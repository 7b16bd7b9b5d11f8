/* Who is signed in, and what is kept of him on this device. Several accounts may be, side by side. What belongs to nobody who is signed in is wiped before anybody is shown anything. */
import { Store } from "../base/store.ts";
import { Client } from "../jmap/client.ts";
import { bad, good, isPassing, type Result } from "../jmap/errors.ts";
import { listSeats, loadSession, signIn, signOut, type Seat } from "../jmap/session.ts";
import type { Id, SessionObject } from "../jmap/types.ts";
import type { AccountOf } from "./account.ts";
import { browserHost, type Host } from "./host.ts";
import { databaseNames, LoginOf, type KeptLogin } from "./login.ts";
import type { Account, App, Login, SessionState, Unsaved } from "./types.ts";

/** The session objects of last time, for starting offline; sessions whose end must be told to the server. */
const SESSIONS = "pombal.sessions", SIGN_OUT = "pombal.sign-out";

export interface Updater {
	/** Is a newer version ready? */
	onReady(run: () => void): void;
	/** Takes it. */
	take(): Promise<void>;
}

interface Seated extends KeptLogin {
	expired: boolean;
}

export class AppOf implements App {
	readonly session = new Store<SessionState>({ state: "unknown" });
	readonly logins = new Store<Login[]>([]);
	readonly update = new Store<{ ready: boolean }>({ ready: false });
	readonly #host: Host;
	readonly #updater: Updater | null;
	#all: LoginOf[] = [];
	#entering: Promise<unknown> = Promise.resolve();

	constructor(host: Host, updater: Updater | null = null) {
		this.#host = host;
		this.#updater = updater;
		host.hear(message => this.#heard(message));
		updater?.onReady(() => this.update.set({ ready: true }));
	}

	#client(at = ""): Client {
		return new Client(this.#host.platform, at);
	}

	/** One after the other: who comes in while others are let in waits. */
	#inTurn<T>(run: () => Promise<T>): Promise<T> {
		const next = this.#entering.then(run, run);
		this.#entering = next.catch(() => undefined);
		return next;
	}

	// ---- Starting ----

	start(): Promise<Result<SessionState>> {
		return this.#inTurn(() => this.#start());
	}

	async #start(): Promise<Result<SessionState>> {
		await this.#signOutLate();
		const kept = this.#kept();
		// What was there last time is asked for at once, beside the question who is.
		const [seats, loaded] = await Promise.all([listSeats(this.#client()), Promise.all(kept.map(one => loadSession(this.#client(one.at))))]);
		if (!seats.ok && (!isPassing(seats.error) || kept.length === 0)) return seats;
		// Offline what is here can be read and written all the same.
		if (!seats.ok) return this.#enter(kept.map(one => ({ ...one, expired: false })));
		const there = await Promise.all(seats.value.map(seat => {
			const before = kept.findIndex(one => one.at === seat.at), known = before < 0 ? undefined : loaded[before];
			return known?.ok ? known : loadSession(this.#client(seat.at));
		}));
		const failed = there.find((one, i) => !one.ok && one.error.kind !== "signedOut" && !kept.some(each => each.at === seats.value[i]!.at));
		return failed && !failed.ok ? failed : this.#enter(this.#seat(kept, seats.value, there));
	}

	/** Who is there, in the order of last time. Whose session is over meanwhile stays, and must sign in again; but not where somebody else has taken his place. */
	#seat(kept: KeptLogin[], seats: Seat[], there: Result<SessionObject>[]): Seated[] {
		const now = seats.flatMap((seat, i) => {
			const got = there[i]!, before = kept.find(one => one.at === seat.at && one.session.username === seat.account);
			return got.ok ? [{ at: seat.at, session: got.value, expired: false }] : before ? [{ ...before, expired: got.error.kind === "signedOut" }] : [];
		});
		const known = kept.flatMap(one => {
			const own = now.find(each => each.session.username === one.session.username);
			return own ? [own] : now.some(each => each.at === one.at) ? [] : [{ ...one, expired: true }];
		});
		const all = [...known, ...now];
		// Once each, by name: an account that stands alone and in a seat, too, is one.
		return all.filter((one, i) => all.findIndex(each => each.session.username === one.session.username) === i);
	}

	/** Ends on the server what was ended here while it couldn't be reached. */
	async #signOutLate(): Promise<void> {
		const late = this.#late();
		if (late.length === 0) return;
		const left: string[] = [];
		for (const at of late) if (!(await signOut(this.#client(at))).ok) left.push(at);
		this.#setLate(left);
	}

	#late(): string[] {
		return this.#read<string[]>(SIGN_OUT) ?? [];
	}

	#setLate(late: string[]): void {
		if (late.length > 0) this.#host.small.setItem(SIGN_OUT, JSON.stringify(late));
		else this.#host.small.removeItem(SIGN_OUT);
	}

	#read<T>(name: string): T | null {
		try {
			return JSON.parse(this.#host.small.getItem(name) ?? "null") as T | null;
		} catch {
			return null;
		}
	}

	#kept(): KeptLogin[] {
		const late = this.#late();
		return (this.#read<KeptLogin[]>(SESSIONS) ?? []).filter(one => !late.includes(one.at));
	}

	// ---- Who is there ----

	async #enter(seated: Seated[]): Promise<Result<SessionState>> {
		const stays = (login: LoginOf) => seated.some(one => one.at === login.at && one.session.username === login.username);
		for (const login of this.#all) if (!stays(login)) login.close();
		const names = seated.flatMap(one => databaseNames(one.session));
		// Of others: gone.
		for (const name of await this.#host.databases.names()) if (!names.includes(name)) await this.#host.databases.remove(name);
		const before = this.#all;
		this.#all = [];
		for (const { at, session, expired } of seated) {
			const { username } = session;
			const login = before.find(one => one.at === at && one.username === username) ?? new LoginOf(this.#host, at, username, () => this.#changed(), () => void this.start());
			await login.open(session, expired);
			this.#all.push(login);
		}
		const state = this.#changed();
		for (const login of this.#all) login.resume();
		return good(state);
	}

	/** Says who is there, and keeps it. */
	#changed(): SessionState {
		const kept = this.#all.flatMap(login => login.kept ?? []), first = this.#all.find(login => login.expired) ?? this.#all[0];
		if (kept.length > 0) this.#host.small.setItem(SESSIONS, JSON.stringify(kept));
		else this.#host.small.removeItem(SESSIONS);
		const accounts = kept.flatMap(({ session }) => Object.entries(session.accounts).map(([id, { name, isReadOnly }]) => ({ id, name, isReadOnly })));
		const state: SessionState = first ? { state: first.expired ? "expired" : "signedIn", username: first.username, accounts } : { state: "signedOut" };
		this.logins.set(this.#all.map(login => login.view));
		this.session.set(state);
		return state;
	}

	account(id?: Id): Account | null {
		const all = this.#all.flatMap(login => [...login.accounts.values()]);
		return (id === undefined ? this.#all[0]?.own : all.find(one => one.id === id)) ?? null;
	}

	// ---- Signing in ----

	async signIn(name: string, password: string, device?: string): Promise<Result<SessionState>> {
		const login = this.#all.find(one => one.username === name && one.expired);
		const got = await this.#signIn(name, password, device, login ? login.at !== "" : false);
		if (!got.ok) return got;
		const now = this.session.value;
		return now.state === "signedIn" || now.state === "expired" ? good(now) : bad("broken", "", "nobody is signed in");
	}

	async add(name: string, password: string, device?: string): Promise<Result<Account>> {
		const got = await this.#signIn(name, password, device, true);
		if (!got.ok) return got;
		const own = this.#all.find(login => login.username === got.value.account)?.own;
		return own ? good(own) : bad("broken", "", "the account isn't there");
	}

	async #signIn(name: string, password: string, device: string | undefined, beside: boolean): Promise<Result<Seat>> {
		const got = await signIn(this.#client(), name, password, device, beside);
		if (!got.ok) return got;
		const { at, account } = got.value;
		this.#setLate(this.#late().filter(one => one !== at));
		const there = this.#all.find(login => login.username === account && login.at !== at);
		if (there && !there.expired) {
			// It is there already: once is enough.
			await signOut(this.#client(at));
			return good({ account, at: there.at });
		}
		const entered = await this.#inTurn(async () => {
			const session = await loadSession(this.#client(at));
			if (!session.ok) return session;
			// In the place of who was there, or else behind the others.
			const place = this.#all.findIndex(login => login.username === account || login.at === at), own = { at, session: session.value, expired: false };
			const all = this.#all.flatMap((login, i) => (i === place ? [own] : login.kept && login.username !== account && login.at !== at ? [{ ...login.kept, expired: login.expired }] : []));
			return this.#enter(place < 0 ? [...all, own] : all);
		});
		this.#host.tell({ signedIn: account });
		return entered.ok ? got : entered;
	}

	// ---- Ending ----

	#of(at: string | undefined): LoginOf[] {
		return this.#all.filter(login => at === undefined || login.at === at);
	}

	async unsaved(at?: string): Promise<Unsaved> {
		const sum = { acts: 0, drafts: 0, outbox: 0 };
		for (const { acts, drafts, outbox } of this.#of(at).flatMap(login => [...login.accounts.values()])) {
			sum.acts += acts.waiting;
			sum.drafts += drafts.unsaved;
			sum.outbox += outbox.waiting;
		}
		return sum;
	}

	async signOut(at?: string): Promise<Result<void>> {
		const gone = this.#of(at).map(login => login.at);
		for (const login of this.#of(at)) login.client.end(); // what is still asked would be answered when nobody is signed in any more
		// It is over on this device whatever the server says, and whatever becomes of this page: the cookie is ended as soon as the server can be reached.
		this.#setLate([...new Set([...this.#late(), ...gone])]);
		this.#host.tell({ signedOut: gone });
		const asked = Promise.all(gone.map(async one => ({ one, done: await signOut(this.#client(one)) })));
		await this.#inTurn(() => this.#wipe(gone));
		const answers = await asked, over = answers.filter(({ done }) => done.ok).map(({ one }) => one);
		this.#setLate(this.#late().filter(one => !over.includes(one)));
		return answers.find(({ done }) => !done.ok && !isPassing(done.error))?.done ?? good(undefined);
	}

	/** The database of who is gone is removed when nothing of it runs any more. */
	async #wipe(gone: string[]): Promise<void> {
		const names = this.#all.filter(login => gone.includes(login.at)).flatMap(login => (login.client.session ? databaseNames(login.client.session) : []));
		const left = this.#all.filter(login => !gone.includes(login.at));
		for (const login of this.#all) if (gone.includes(login.at)) login.close();
		this.#all = left;
		this.#changed();
		for (const name of await this.#host.databases.names()) if (left.length === 0 || names.includes(name)) await this.#host.databases.remove(name);
	}

	/** Another window has signed out, or in. */
	#heard(message: unknown): void {
		const { signedOut, signedIn } = message as { signedOut?: string[]; signedIn?: string };
		if (Array.isArray(signedOut)) void this.#inTurn(() => this.#wipe(signedOut));
		else if (typeof signedIn === "string") void this.start();
	}

	async reload(): Promise<void> {
		await Promise.all(this.#accounts().map(account => account.drafts.flush()));
		await this.#updater?.take();
	}

	#accounts(): AccountOf[] {
		return this.#all.flatMap(login => [...login.accounts.values()]);
	}

	/** Nothing of it runs any more. */
	close(): void {
		for (const login of this.#all) login.close();
	}
}

/** The data layer, as pages use it. Tests give another host. */
export function openApp(host: Host = browserHost(), updater: Updater | null = null): App {
	return new AppOf(host, updater);
}
