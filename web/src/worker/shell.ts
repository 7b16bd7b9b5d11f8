/* The pages' files on this device, so that they open without a network. A version of the pages is a set of files, all of whose names but the first page's have a hash in
 * them: it is kept whole, and one version never mixes with another. */

export interface Shell {
	/** Of the files: another for each set. */
	version: string;
	/** Paths, with that of the first page, "/", and of the empty page for letters, "/frame". */
	files: string[];
	/** Paths of what is kept when it was asked for once. */
	later: string[];
}

const PREFIX = "pombal-shell-";

export function cacheName({ version }: Shell): string {
	return PREFIX + version;
}

/** The file of the pages that is asked for; null: something else. Nothing else is ever kept: no mail, no session. */
export function fileOf(request: { method: string; url: string }, shell: Shell, origin: string): string | null {
	const url = new URL(request.url), path = url.pathname === "/index.html" ? "/" : url.pathname;
	return request.method === "GET" && url.origin === origin && (shell.files.includes(path) || shell.later.includes(path)) ? path : null;
}

/** Loads a version. */
export async function keepShell(shell: Shell, caches: CacheStorage): Promise<void> {
	const cache = await caches.open(cacheName(shell));
	await cache.addAll(shell.files.map(path => new Request(path, { cache: path.startsWith("/assets/") ? "default" : "reload" })));
}

/** Removes all versions but one. */
export async function dropOthers(shell: Shell, caches: CacheStorage): Promise<void> {
	for (const name of await caches.keys()) if (name.startsWith(PREFIX) && name !== cacheName(shell)) await caches.delete(name);
}
