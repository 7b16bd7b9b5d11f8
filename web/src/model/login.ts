/* One of the accounts that somebody is signed in to: its session, and the mail of it. What is asked in its name is answered with its session alone (http.md): no account's page ever has another's data. */
import { Client } from "../jmap/client.ts";
import { loadSession } from "../jmap/session.ts";
import type { Id, SessionObject } from "../jmap/types.ts";
import { AccountOf } from "./account.ts";
import type { Host } from "./host.ts";
import type { Login } from "./types.ts";

/** As this device keeps it, for starting offline. */
export interface KeptLogin {
	at: string;
	session: SessionObject;
}

export class LoginOf {
	readonly at: string;
	readonly username: string;
	readonly client: Client;
	readonly accounts = new Map<Id, AccountOf>();
	expired = false;
	readonly #host: Host;

	/** `onChange`: it has expired, or its session object is another one. `onStranger`: it is somebody else's session now. */
	constructor(host: Host, at: string, username: string, onChange: () => void, onStranger: () => void) {
		this.#host = host;
		this.at = at;
		this.username = username;
		this.client = new Client(host.platform, at);
		this.client.onSignedOut = () => {
			if (this.expired) return;
			this.expired = true;
			onChange();
		};
		this.client.onSessionChanged = () => void this.#reload(onChange, onStranger);
	}

	async #reload(onChange: () => void, onStranger: () => void): Promise<void> {
		const probe = new Client(this.#host.platform, this.at), got = await loadSession(probe);
		if (!got.ok) return;
		if (got.value.username !== this.username) return onStranger();
		this.client.session = got.value;
		onChange();
	}

	get view(): Login {
		return { at: this.at, username: this.username, expired: this.expired, accounts: [...this.accounts.values()] };
	}

	get kept(): KeptLogin | null {
		return this.client.session && { at: this.at, session: this.client.session };
	}

	/** The account's own first. */
	get own(): AccountOf | null {
		const first = this.client.session && Object.values(this.client.session.primaryAccounts)[0];
		return this.accounts.get(first ?? "") ?? [...this.accounts.values()][0] ?? null;
	}

	/** Shows what a session has. */
	async open(session: SessionObject, expired: boolean): Promise<void> {
		this.client.session = session;
		this.expired = expired;
		for (const [id, account] of this.accounts) if (session.accounts[id]?.name !== account.name) this.#close(id, account);
		for (const [id, { name }] of Object.entries(session.accounts)) {
			if (this.accounts.has(id)) continue;
			const account = new AccountOf(this.client, id, name, await this.#host.databases.open(databaseName(session, id)), this.#host);
			this.accounts.set(id, account);
			await account.start();
		}
	}

	resume(): void {
		if (!this.expired) for (const account of this.accounts.values()) account.engine.resume();
	}

	#close(id: Id, account: AccountOf): void {
		account.close();
		account.engine.db.close();
		this.accounts.delete(id);
	}

	close(): void {
		for (const [id, account] of [...this.accounts]) this.#close(id, account);
	}
}

export function databaseName(session: SessionObject, id: Id): string {
	return `${session.username} ${id}`;
}

export function databaseNames(session: SessionObject): string[] {
	return Object.keys(session.accounts).map(id => databaseName(session, id));
}
