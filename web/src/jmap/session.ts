/* Who is signed in (docs/http.md): a cookie that no script reads. Requests that change something must come from a page of this server, which browsers say themselves. */
import { bad, good, type Result } from "./errors.ts";
import type { Client } from "./client.ts";
import type { SessionObject } from "./types.ts";

const jsonType = { "Content-Type": "application/json" };

/** An account that this browser is signed in to, and what stands before the paths of requests that speak of it. */
export interface Seat {
	account: string;
	at: string;
}

/** All of them; none if nobody is signed in. */
export async function listSeats(client: Client): Promise<Result<Seat[]>> {
	const answer = await client.json(`${client.platform.origin}/accounts`, { method: "GET", cache: "no-store" });
	if (!answer.ok) return answer;
	const { accounts } = answer.value as { accounts?: Seat[] };
	return Array.isArray(accounts) ? good(accounts) : bad("broken", "", "that is no list of accounts");
}

/** Signs in; `beside`: with those that are signed in already. `wrong`: name or password; `refused` with type "403": an app password opens no session; "409": there are as many as may be. */
export async function signIn(client: Client, name: string, password: string, device: string | undefined, beside: boolean): Promise<Result<Seat>> {
	const body = JSON.stringify({ name, password, ...(device ? { device } : {}), ...(beside ? { beside } : {}) });
	const answer = await client.json(`${client.platform.origin}/session`, { method: "POST", body, headers: jsonType }, { repeat: false });
	if (answer.ok) return good({ account: (answer.value as Seat).account, at: (answer.value as Partial<Seat>).at ?? "" });
	return answer.error.kind === "signedOut" ? bad("wrong", "401", answer.error.message) : answer;
}

/** Ends the session. Good, too, if there was none. */
export async function signOut(client: Client): Promise<Result<void>> {
	const answer = await client.fetch(client.url("/session"), { method: "DELETE", keepalive: true });
	client.session = null;
	return answer.ok || answer.error.kind === "signedOut" || answer.error.kind === "notFound" ? good(undefined) : answer;
}

/** The session object (RFC 8620 §2), which the client uses from then on. */
export async function loadSession(client: Client): Promise<Result<SessionObject>> {
	const answer = await client.json(client.url("/.well-known/jmap"), { method: "GET", headers: { Accept: "application/json" }, cache: "no-store" });
	if (!answer.ok) return answer;
	const session = answer.value as SessionObject;
	if (typeof session?.apiUrl !== "string" || typeof session.username !== "string" || !session.accounts) return bad("broken", "", "that is no session object");
	client.session = session;
	return good(session);
}

export interface DeviceSession {
	id: string;
	device: string;
	address: string;
	/** Seconds since 1970. */
	created: number;
	used: number;
	current: boolean;
}

/** The sessions of the account. */
export async function listSessions(client: Client): Promise<Result<DeviceSession[]>> {
	const answer = await client.json(`${client.platform.origin}/sessions`, { method: "GET" });
	return answer.ok ? good((answer.value as { sessions: DeviceSession[] }).sessions) : answer;
}

/** Ends one of them, or all with "all". */
export async function endSession(client: Client, id: string): Promise<Result<void>> {
	const answer = await client.fetch(`${client.platform.origin}/sessions/${encodeURIComponent(id)}`, { method: "DELETE" });
	return answer.ok ? good(undefined) : answer;
}
