// What the address bar says now.
import { accountOf, formatRoute, parseRoute, type Route } from "./route.ts";

const hash = () => (typeof location === "undefined" ? "" : location.hash);
let current = $state.raw<Route>(parseRoute(hash()));
let account = $state.raw<string | null>(accountOf(hash()));

export function route(): Route {
	return current;
}

/** Whose it is; null: the first account's. */
export function routeAccount(): string | null {
	return account;
}

/** Goes there, within the account that is shown, or to another one's; `replace`: going back doesn't lead to what is shown now. */
export function go(to: Route, replace = false, of: string | null | undefined = account): void {
	const wanted = formatRoute(to, of);
	if (wanted !== location.hash) {
		if (replace) history.replaceState(history.state, "", wanted);
		else history.pushState(null, "", wanted);
	}
	current = to;
	account = of;
}

/** From the beginning on the route follows the address bar. */
export function startRouter(): void {
	const follow = () => {
		current = parseRoute(location.hash);
		account = accountOf(location.hash);
	};
	addEventListener("hashchange", follow);
	addEventListener("popstate", follow);
	follow();
}
