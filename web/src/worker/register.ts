/* A page's side of the service worker: it is registered, a newer version waits until nothing is lost by it, and a person may be told of new mail. */
import { bad, failureOf, good, type Result } from "../jmap/errors.ts";
import { EMAIL_PUSH, PUSH } from "../jmap/methods.ts";
import type { AccountOf } from "../model/account.ts";
import type { Updater } from "../model/app.ts";
import type { Account } from "../model/types.ts";

/** Where this browser's own name for its subscription is kept. */
const DEVICE = "pombal.device";

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
		void navigator.serviceWorker.register("/sw.js").then(registration => {
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

/** Runs with the thread that a notification was about, when somebody has clicked on it. */
export function onNotificationShown(run: (threadId: string) => void): void {
	navigator.serviceWorker?.addEventListener("message", event => {
		const { show } = (event.data ?? {}) as { show?: unknown };
		if (typeof show === "string" && show) run(show);
	});
}

// ---- Being told of new mail ----

export type Notifications = "unsupported" | "denied" | "off" | "on";

/** What is so in this browser. */
export async function notifications(account: Account): Promise<Notifications> {
	const { client } = (account as AccountOf).engine;
	if (!("serviceWorker" in navigator) || !("PushManager" in globalThis) || typeof Notification === "undefined" || !client.has(PUSH)) return "unsupported";
	if (Notification.permission === "denied") return "denied";
	const registration = await navigator.serviceWorker.getRegistration();
	return (await registration?.pushManager.getSubscription()) ? "on" : "off";
}

/** Turns them on, after the browser has asked the person; or off. Call it from a click. */
export async function turnNotifications(account: Account, on: boolean): Promise<Result<void>> {
	const { client, account: id } = (account as AccountOf).engine, deviceClientId = deviceId();
	const allowed = !on || (await Notification.requestPermission()) === "granted";
	if (!allowed) return bad("refused", "denied", "the browser won't show notifications");
	const old = await client.call(id, "PushSubscription/get", { ids: null });
	if (!old.ok) return old;
	const mine = old.value.list.filter(one => one.deviceClientId === deviceClientId).map(one => one.id);
	if (mine.length > 0) await client.call(id, "PushSubscription/set", { destroy: mine });
	const registration = await navigator.serviceWorker.ready;
	await (await registration.pushManager.getSubscription())?.unsubscribe();
	if (!on) return good(undefined);
	const key = client.session?.capabilities[PUSH]?.["applicationServerKey"];
	if (typeof key !== "string") return bad("refused", "unknownCapability", "the server has no key for push");
	try {
		const { endpoint, keys } = (await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key })).toJSON();
		return await subscribe(account as AccountOf, { deviceClientId, url: endpoint, keys });
	} catch (cause) {
		return bad("refused", "push", "the browser's push service takes no subscription", { cause });
	}
}

async function subscribe(account: AccountOf, subscription: object): Promise<Result<void>> {
	const { client, account: id } = account.engine, inbox = account.mailboxes.byRole("inbox");
	const news = client.has(EMAIL_PUSH) && inbox ? { types: [], emailPush: { [id]: { filter: { inMailbox: inbox.id }, properties: ["id", "threadId", "from", "subject", "preview"] } } } : { types: ["EmailDelivery"] };
	const done = await client.call(id, "PushSubscription/set", { create: { s: { ...subscription, ...news } } });
	if (!done.ok) return done;
	const error = done.value.notCreated?.["s"];
	return error ? { ok: false, error: failureOf(error) } : good(undefined);
}

function deviceId(): string {
	const known = localStorage.getItem(DEVICE) ?? crypto.randomUUID();
	localStorage.setItem(DEVICE, known);
	return known;
}
