/* What the data layer needs of where it runs, so that it runs in a page, in a service worker, and in tests. */

export interface Platform {
	fetch(url: string, init?: RequestInit): Promise<Response>;
	/** The language in which texts of the server's are wanted: "pt"; empty: the account's. */
	readonly language?: string;
	/** Where the server is: "https://mail.example.com". */
	readonly origin: string;
	now(): number;
	/** Resolves after so many milliseconds, or as soon as the signal says so. */
	sleep(ms: number, signal?: AbortSignal): Promise<void>;
	/** 0 to 1. */
	random(): number;
	/** Tells when the network may be back, or gone; gives the function that ends it. */
	onWake(run: () => void): () => void;
	readonly WebSocket?: typeof WebSocket | undefined;
}

export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
	return new Promise(resolve => {
		const end = () => {
			clearTimeout(timer);
			signal?.removeEventListener("abort", end);
			resolve();
		};
		const timer = setTimeout(end, ms);
		if (signal?.aborted) end();
		else signal?.addEventListener("abort", end);
	});
}

/** A page's, or a service worker's. */
export function browserPlatform(): Platform {
	return {
		fetch: (url, init) => fetch(url, { credentials: "same-origin", redirect: "error", ...init }),
		get language() {
			return typeof document === "undefined" ? "" : document.documentElement.lang;
		},
		origin: location.origin,
		now: () => Date.now(),
		sleep,
		random: () => Math.random(),
		WebSocket: globalThis.WebSocket,
		onWake(run) {
			const page = typeof document === "undefined" ? null : document;
			const seen = () => page?.visibilityState === "visible" && run();
			globalThis.addEventListener("online", run);
			globalThis.addEventListener("offline", run); // a try that fails says so at once
			page?.addEventListener("visibilitychange", seen);
			return () => {
				globalThis.removeEventListener("online", run);
				globalThis.removeEventListener("offline", run);
				page?.removeEventListener("visibilitychange", seen);
			};
		},
	};
}

/** Milliseconds to wait before trying for the n-th time again (from 0): 1 s, 2 s, 4 s … up to a minute, a random part of it, so that not all clients come at once. */
export function backOff(attempt: number, random: number, first = 1000, most = 60_000): number {
	return Math.round(Math.min(most, first * 2 ** Math.min(attempt, 20)) * (0.5 + random / 2));
}
