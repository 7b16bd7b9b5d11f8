// The address bar: #/PAGE/WHAT, as #/accounts/anna@example.org.

export const PAGES = [
	"overview", "start", "accounts", "aliases", "domains", "queue", "trace", "quarantine", "spam", "reports", "graphs", "certificates", "settings", "sessions", "servers",
] as const;
export type PageName = (typeof PAGES)[number];
export interface Route {
	page: PageName;
	/** What of it is shown: an address, an id; null: all. */
	what: string | null;
}

/** What an address shows; the overview for what is none of ours. */
export function parseRoute(hash: string): Route {
	const [name = "", what = ""] = hash.replace(/^#?\/?/, "").split("/").map(decode);
	const page = PAGES.find((one) => one === name);
	return { page: page ?? "overview", what: (page && what) || null };
}

export function formatRoute({ page, what }: Route): string {
	return `#/${page}${what === null ? "" : `/${encodeURIComponent(what)}`}`;
}

function decode(part: string): string {
	try {
		return decodeURIComponent(part);
	} catch {
		return "";
	}
}

let current = $state.raw<Route>(parseRoute(typeof location === "undefined" ? "" : location.hash));

export function route(): Route {
	return current;
}

export function go(page: PageName, what: string | null = null): void {
	const hash = formatRoute({ page, what });
	if (hash !== location.hash) history.pushState(null, "", hash);
	current = { page, what };
}

export function startRouter(): void {
	const follow = () => (current = parseRoute(location.hash));
	addEventListener("hashchange", follow);
	addEventListener("popstate", follow);
	follow();
}
