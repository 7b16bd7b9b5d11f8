/* The interface for administration (docs/admin-api.md): one call is one row of the command line, and its answer what the row prints as JSON. */

export interface Failure {
	kind: "offline" | "signedOut" | "forbidden" | "password" | "refused" | "busy";
	/** The interface's own word for it: "not_found"; empty: none. */
	code: string;
	/** The server's words, in English. */
	message: string;
}
/** `notes`: what the command line would say beside. */
export type Result<T> = { ok: true; value: T; notes: string[] } | { ok: false; error: Failure };
export interface Command {
	command: string;
	arguments?: string[];
	/** Of a flag true, of others a text, of those that may be given several times a list of texts. */
	options?: Record<string, string | true | string[]>;
	/** What the command reads: a password, a list. */
	input?: string;
}
/** Another server that is looked after from here, by a key of its own. */
export interface Server {
	name: string;
	origin: string;
	key: string;
}
export interface Row {
	command: string;
	changes: boolean;
	options: { name: string; argument: string | null; doc: string; many: boolean }[];
}
/** Who asks, and what he may. */
export interface Who {
	who: string;
	rank: "server" | "domain";
	domain: string | null;
	key: boolean;
	reads: boolean;
	hostname: string;
	version: string;
	commands: Row[];
}

const ANSWER_MAX = 90_000; // ms

let server: Server | null = null;
let told: (failure: Failure) => void = () => {};

export function setServer(wanted: Server | null): void {
	server = wanted;
}
/** Told when this server wants to know anew who asks. */
export function onSignedOut(run: (failure: Failure) => void): void {
	told = run;
}

const bad = (kind: Failure["kind"], code = "", message = ""): { ok: false; error: Failure } => ({ ok: false, error: { kind, code, message } });

/** Which kind of failure an answer tells. */
export function kindOf(status: number, code: string): Failure["kind"] {
	if (code === "password_needed") return "password";
	if (status === 401) return "signedOut";
	if (status === 403) return "forbidden";
	return status === 429 || (status >= 500 && status !== 507) ? "busy" : "refused";
}

async function failureOf(answer: Response): Promise<{ ok: false; error: Failure }> {
	const text = (await answer.text().catch(() => "")).trim();
	let code = "", message = text;
	try {
		const said = (JSON.parse(text) as { error?: { code?: string; message?: string } }).error;
		code = said?.code ?? "";
		message = said?.message ?? "";
	} catch {
		// a line of text, then
	}
	return bad(kindOf(answer.status, code), code, message.replace(/^pombal [a-z -]+: /, ""));
}

/** Sends something; that the server can't be reached is a value as every other failure. */
export async function send(url: string, init: RequestInit): Promise<Result<Response>> {
	const timer = new AbortController(), end = setTimeout(() => timer.abort(), ANSWER_MAX);
	try {
		const answer = await fetch(url, { credentials: "same-origin", redirect: "error", cache: "no-store", ...init, signal: timer.signal });
		return answer.ok ? { ok: true, value: answer, notes: [] } : await failureOf(answer);
	} catch {
		return bad("offline");
	} finally {
		clearTimeout(end);
	}
}

/** So many calls to one server are under way at once: of one administrator it takes no more than four (docs/admin-api.md). */
const TOGETHER = 3;
const turns = new Map<string, { running: number; waiting: (() => void)[] }>();

async function inTurn<T>(origin: string, work: () => Promise<T>): Promise<T> {
	const turn = turns.get(origin) ?? { running: 0, waiting: [] };
	turns.set(origin, turn);
	if (turn.running < TOGETHER) turn.running++;
	else await new Promise<void>((go) => turn.waiting.push(go));
	try {
		return await work();
	} finally {
		const next = turn.waiting.shift(); // who takes over the place
		if (next) next();
		else turn.running--;
	}
}

async function ask<T>(path: string, init: RequestInit, at: Server | null): Promise<Result<T>> {
	const headers = { ...(init.headers as Record<string, string> | undefined), ...(at ? { Authorization: `Bearer ${at.key}` } : {}) };
	const origin = at?.origin ?? "";
	const answer = await inTurn(origin, () => send(origin + path, { ...init, headers, ...(at ? { credentials: "omit" as const } : {}) }));
	if (!answer.ok) {
		if (!at && (answer.error.kind === "signedOut" || answer.error.kind === "password")) told(answer.error);
		return answer;
	}
	const value = (await answer.value.json().catch(() => undefined)) as T | undefined;
	return value === undefined ? bad("busy") : { ok: true, value, notes: [] };
}

/** Who we are there, and what we may. */
export function askWho(at: Server | null = server): Promise<Result<Who>> {
	return ask<Who>("/admin/who", { method: "GET" }, at);
}

/** Does what the command line does with these words. The value is what the row prints as JSON, else its text. */
export async function run<T = unknown>(command: Command, at: Server | null = server): Promise<Result<T>> {
	const answer = await ask<{ result?: T; text?: string; notes?: string[] }>("/admin/call", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(command) }, at);
	if (!answer.ok) return answer;
	const { result, text, notes } = answer.value;
	return { ok: true, value: (result === undefined ? text : result) as T, notes: notes ?? [] };
}
