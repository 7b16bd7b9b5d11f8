/* Several servers from one page: the one that these pages are of, and others, each asked by a key that was made there (`pombal admin key add`). This browser alone keeps the keys, sealed. */
import { recall, remember } from "../ui/theme.svelte.ts";
import { setServer, type Server } from "./api.ts";
import { seal, unseal } from "./sealed.ts";
import { lookWho } from "./session.svelte.ts";

const KEPT = "admin.servers";
let servers = $state.raw<Server[]>([]);
let current = $state.raw<Server | null>(null);

function parse(text: string | null): Server[] {
	try {
		const kept: unknown = JSON.parse(text ?? "[]");
		return Array.isArray(kept) ? kept.filter((one): one is Server => typeof one?.name === "string" && typeof one.key === "string" && typeof one.origin === "string" && originOf(one.origin) === one.origin) : [];
	} catch {
		return [];
	}
}

// An earlier version has kept them as they are: from now on they are sealed, too.
async function restore(): Promise<void> {
	const text = recall(KEPT);
	if (!text) return;
	servers = parse(text.startsWith("[") ? text : await unseal(text));
	if (text.startsWith("[")) await keep();
}
let kept: Promise<void> = Promise.resolve(); // one after the other: the last one counts
function keep(): Promise<void> {
	kept = kept.then(async () => remember(KEPT, servers.length ? await seal(JSON.stringify(servers)) : null));
	return kept;
}
void restore();

/** "https://mail.example.net" of what was typed, "mail.example.net/admin" too; null: that is no address of a server. */
export function originOf(text: string): string | null {
	try {
		const url = new URL(/^[a-z]+:\/\//i.test(text.trim()) ? text.trim() : `https://${text.trim()}`);
		return url.protocol === "https:" && !url.username ? url.origin : null;
	} catch {
		return null;
	}
}

export function otherServers(): Server[] {
	return servers;
}
/** Null: the one that these pages are of. */
export function currentServer(): Server | null {
	return current;
}
export function keepServer(one: Server): void {
	servers = [...servers.filter((each) => each.origin !== one.origin), one].sort((a, b) => a.name.localeCompare(b.name));
	void keep();
}
export function forgetServer(one: Server): void {
	servers = servers.filter((each) => each.origin !== one.origin);
	void keep();
	if (current?.origin === one.origin) void showServer(null);
}
/** Shows that one's pages from now on; false: it didn't answer, or not to us. */
export async function showServer(one: Server | null): Promise<boolean> {
	const before = current;
	setServer(one);
	const failure = await lookWho();
	if (failure) {
		setServer(before);
		await lookWho();
		return false;
	}
	current = one;
	return true;
}
