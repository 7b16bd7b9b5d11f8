/* A page's side of the service worker: it is registered, a newer version waits until nothing is lost by it, and what waits is sent even if the page is closed meanwhile. */
import { scriptUrl } from "../base/trusted.ts";
import type { Updater } from "../model/app.ts";
import type { Account } from "../model/types.ts";

/** Registers it; gives what openApp() wants. Without service workers (a private window, no TLS) pages work, but only online, and a new version comes with a reload. */
export function registerWorker(): Updater {
	const ready = new Set<() => void>();
	let waiting: { postMessage(message: unknown): void } | null = null;
	const found = (worker: ServiceWorker | null) => {
		if (!worker || !navigator.serviceWorker.controller) return; // the first one of all takes nobody's place
		waiting = worker;
		for (const run of ready) run();
	};
	if ("serviceWorker" in navigator && isSecureContext)
		void navigator.serviceWorker.register(scriptUrl("/sw.js")).then(registration => {
			found(registration.waiting);
			registration.addEventListener("updatefound", () => {
				const worker = registration.installing;
				worker?.addEventListener("statechange", () => worker.state === "installed" && found(worker));
			});
			addEventListener("online", () => void registration.update().catch(() => undefined));
		}).catch(() => undefined);
	return {
		onReady: run => void (ready.add(run), waiting && run()),
		async take() {
			if (!waiting) return location.reload();
			navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
			waiting.postMessage("take over");
		},
	};
}

/** What waits on this device is sent by the worker, if the page is closed before the network is back. Where a browser can't, it is sent when a page is opened again. */
export function replayLater(account: Account): () => void {
	return account.connection.subscribe(({ state, pending }) => {
		if (state !== "offline" || pending === 0 || !("serviceWorker" in navigator)) return;
		void navigator.serviceWorker.ready.then(registration => (registration as unknown as { sync?: { register(tag: string): Promise<void> } }).sync?.register("replay").catch(() => undefined));
	});
}

/** Runs with the thread that a notification was about, and whose it is, when somebody has clicked on it; gives the function that ends it. */
export function onNotificationShown(run: (threadId: string, account: string | null) => void): () => void {
	const heard = (event: MessageEvent) => {
		const { show, account } = (event.data ?? {}) as { show?: unknown; account?: unknown };
		if (typeof show === "string" && show) run(show, typeof account === "string" && account ? account : null);
	};
	navigator.serviceWorker?.addEventListener("message", heard);
	return () => navigator.serviceWorker?.removeEventListener("message", heard);
}
