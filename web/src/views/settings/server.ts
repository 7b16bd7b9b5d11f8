// What isn't JMAP: sessions and app passwords (docs/http.md). `at`: the account's own, what stands before the paths.

export interface WebSession {
	id: string;
	device: string;
	address: string;
	/** Seconds since 1970. */
	created: number;
	used: number;
	current: boolean;
}

export interface AppPassword {
	id: string;
	kind: "oauth" | "app-password";
	name: string;
	allow: string;
	/** Seconds since 1970; 0: never. */
	created: number;
	used: number;
	expires: number;
}

/** What the server says, or why not: its status, 0 if it can't be reached. */
export type Answer<T> = { ok: true; value: T } | { ok: false; status: number };

async function ask<T>(method: string, path: string, body?: object): Promise<Answer<T>> {
	try {
		const answer = await fetch(path, { method, ...(body ? { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) } : {}) });
		if (!answer.ok) return { ok: false, status: answer.status };
		return { ok: true, value: (answer.status === 204 ? undefined : await answer.json()) as T };
	} catch {
		return { ok: false, status: 0 };
	}
}

export function listSessions(at: string): Promise<Answer<{ sessions: WebSession[] }>> {
	return ask("GET", `${at}/sessions`);
}
export function endSession(at: string, id: string): Promise<Answer<void>> {
	return ask("DELETE", `${at}/sessions/${encodeURIComponent(id)}`);
}
export function listAppPasswords(at: string): Promise<Answer<{ appPasswords: AppPassword[] }>> {
	return ask("GET", `${at}/app-passwords`);
}
export function makeAppPassword(at: string, wanted: { password: string; name: string; allow: string; days?: number }): Promise<Answer<{ id: string; password: string }>> {
	return ask("POST", `${at}/app-passwords`, wanted);
}
export function endAppPassword(at: string, id: string): Promise<Answer<void>> {
	return ask("DELETE", `${at}/app-passwords/${encodeURIComponent(id)}`);
}
