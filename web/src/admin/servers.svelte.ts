/* Several servers from one page: the one that these pages are of, and others, each asked by a key that was made there (`pombal admin key add`). This browser alone keeps the keys. */
import { recall, remember } from "../ui/theme.svelte.ts";
import { setServer, type Server } from "./api.ts";
import { lookWho } from "./session.svelte.ts";

const KEPT = "admin.servers";
let servers = $state.raw<Server[]>(read());
let current = $state.raw<Server | null>(null);

function read(): Server[] {
	try {
		const kept: unknown = JSON.parse(recall(KEPT) ?? "[]");
		return Array.isArray(kept) ? kept.filter((one): one is Server => typeof one?.name === "string" && typeof one.key === "string" && typeof one.origin === "string" && originOf(one.origin) === one.origin) : [];
	} catch {
		return [];
	}
}

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
	remember(KEPT, JSON.stringify(servers));
}
export function forgetServer(one: Server): void {
	servers = servers.filter((each) => each.origin !== one.origin);
	remember(KEPT, servers.length ? JSON.stringify(servers) : null);
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
