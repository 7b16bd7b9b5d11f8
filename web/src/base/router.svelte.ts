// What the address bar says now.
import { formatRoute, parseRoute, type Route } from "./route.ts";

let current = $state.raw<Route>(parseRoute(typeof location === "undefined" ? "" : location.hash));

export function route(): Route {
	return current;
}

/** Goes there; `replace`: going back doesn't lead to what is shown now. */
export function go(to: Route, replace = false): void {
	const hash = formatRoute(to);
	if (hash !== location.hash) {
		if (replace) history.replaceState(history.state, "", hash);
		else history.pushState(null, "", hash);
	}
	current = to;
}

/** From the beginning on the route follows the address bar. */
export function startRouter(): void {
	const follow = () => (current = parseRoute(location.hash));
	addEventListener("hashchange", follow);
	addEventListener("popstate", follow);
	follow();
}
