// Who is signed in, at the server that is shown: here by the web mail's session (docs/http.md), elsewhere by a key.
import { askWho, onSignedOut, send, type Failure, type Who } from "./api.ts";

/** again: what is open stays, until the password is said once more. setup: there is no server yet. */
type State = "setup" | "out" | "in" | "again" | "stranger" | "unreachable";
let state = $state<State>("out");
let who = $state.raw<Who | null>(null);

export function session(): { state: State; who: Who | null } {
	return { state, who };
}
/** May he call this row? */
export function may(command: string): boolean {
	return who?.commands.some((one) => one.command === command) ?? false;
}
/** ... with that option? */
export function mayWith(command: string, option: string): boolean {
	return who?.commands.some((one) => one.command === command && one.options.some((each) => each.name === option)) ?? false;
}
/** Is it a server, or only a domain that he looks after? */
export function ownDomain(): string | null {
	return who?.rank === "domain" ? who.domain : null;
}

/** Asks anew who we are: after signing in, and when another server is shown. */
export async function lookWho(): Promise<Failure | null> {
	const answer = await askWho();
	if (answer.ok) {
		who = answer.value;
		state = "in";
		return null;
	}
	if (answer.error.kind === "forbidden") state = "stranger";
	return answer.error;
}

/** At the beginning: is there a session already? */
export async function startSession(): Promise<void> {
	onSignedOut(() => {
		if (state === "in") state = "again";
	});
	const failure = await lookWho();
	if (failure && state !== "stranger") state = isNoServer(failure) ? "setup" : failure.kind === "offline" || failure.kind === "busy" ? "unreachable" : "out";
}

const isNoServer = (failure: Failure) => failure.code === "set_up";
const START_TRIES = 180, START_PAUSE_MS = 500;

/** Waits for the server that was just made, and signs in to it. Null: it is done. */
export async function enterNew(name: string, password: string): Promise<Failure | null> {
	let failure: Failure | null = null;
	for (let i = 0; i < START_TRIES; i++) {
		const answer = await askWho(null);
		if (!answer.ok && answer.error.kind === "signedOut" && !isNoServer(answer.error)) return signIn(name, password);
		failure = answer.ok ? null : answer.error;
		await new Promise((go) => setTimeout(go, START_PAUSE_MS));
	}
	return failure;
}

/** Null: it is done. */
export async function signIn(name: string, password: string): Promise<Failure | null> {
	const answer = await send("/session", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ name, password }) });
	if (!answer.ok) return answer.error;
	const failure = await lookWho();
	return state === "stranger" ? null : failure;
}

export async function signOut(): Promise<void> {
	await send("/session", { method: "DELETE" });
	who = null;
	state = "out";
}
