/* Being told of new mail while no page is open: a browser has one subscription at its push service, and each account that wants to be told has one of that at the server. Which accounts
 * want it is this browser's own matter. The server's ends with the session: it is made anew when somebody has signed in again. */
import { bad, failureOf, good, type Result } from "../jmap/errors.ts";
import { EMAIL_PUSH, PUSH } from "../jmap/methods.ts";
import type { Id, PushSubscription as Subscribed } from "../jmap/types.ts";
import type { AccountOf } from "../model/account.ts";
import type { Account } from "../model/types.ts";

/** Where this browser's own name for its subscription is kept, the accounts that want it, and the key that it was made with. */
const DEVICE = "pombal.device", WANTED = "pombal.notify", KEY = "pombal.notify-key";

/** `unsupported`: by this browser, or by this server; `denied`: the person has blocked them, or the browser itself. */
export type Notifications = "unsupported" | "denied" | "off" | "on";

function isSupported(account: Account): boolean {
	return "serviceWorker" in navigator && isSecureContext && "PushManager" in globalThis && typeof Notification !== "undefined" && (account as AccountOf).engine.client.has(PUSH);
}

function wanted(): Id[] {
	try {
		const list: unknown = JSON.parse(localStorage.getItem(WANTED) ?? "[]");
		return Array.isArray(list) ? list.filter(one => typeof one === "string") : [];
	} catch {
		return [];
	}
}

function setWanted(account: Id, on: boolean): Id[] {
	const list = [...wanted().filter(one => one !== account), ...(on ? [account] : [])];
	localStorage.setItem(WANTED, JSON.stringify(list));
	return list;
}

/** What is so in this browser. */
export function notifications(account: Account): Notifications {
	if (!isSupported(account)) return "unsupported";
	if (Notification.permission === "denied") return "denied";
	return Notification.permission === "granted" && wanted().includes(account.id) ? "on" : "off";
}

/** Turns them on, after the browser has asked the person; or off. Call it from a click. `refused` with type "denied" or "dismissed": what the person said; "push": the browser can't be reached. */
export async function turnNotifications(account: Account, on: boolean): Promise<Result<void>> {
	if (on) {
		const said = await Notification.requestPermission();
		if (said !== "granted") return bad("refused", said === "denied" ? "denied" : "dismissed", "the browser won't show notifications");
	}
	// First what is wanted: a page that is closed meanwhile makes it so when it is there again.
	setWanted(account.id, on);
	const done = on ? await subscribe(account as AccountOf) : await unsubscribe(account as AccountOf);
	if (!done.ok) setWanted(account.id, !on);
	if (!on && wanted().length === 0) await (await (await navigator.serviceWorker.getRegistration())?.pushManager.getSubscription())?.unsubscribe();
	return done;
}

/** The server may have forgotten it, or have another key: makes it anew where it is wanted. */
export async function keepNotifications(account: Account): Promise<void> {
	if (notifications(account) !== "on") return;
	const mine = await listMine(account as AccountOf);
	if (mine.ok && (mine.value.length === 0 || localStorage.getItem(KEY) !== keyOf(account as AccountOf))) await subscribe(account as AccountOf);
}

// ---- At the browser's push service ----

function keyOf(account: AccountOf): string | null {
	const key = account.engine.client.session?.capabilities[PUSH]?.["applicationServerKey"];
	return typeof key === "string" ? key : null;
}

async function subscriptionOf(key: string): Promise<PushSubscriptionJSON> {
	const { pushManager } = await navigator.serviceWorker.ready, there = await pushManager.getSubscription();
	if (there && localStorage.getItem(KEY) === key) return there.toJSON();
	await there?.unsubscribe();
	const made = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
	localStorage.setItem(KEY, key);
	return made.toJSON();
}

// ---- At the server ----

async function listMine({ engine: { client, account } }: AccountOf): Promise<Result<Subscribed[]>> {
	const got = await client.call(account, "PushSubscription/get", { ids: null });
	return got.ok ? good(got.value.list.filter(one => one.deviceClientId === deviceId())) : got;
}

async function unsubscribe(account: AccountOf): Promise<Result<void>> {
	const mine = await listMine(account), { client, account: id } = account.engine;
	if (!mine.ok) return mine;
	if (mine.value.length === 0) return good(undefined);
	const done = await client.call(id, "PushSubscription/set", { destroy: mine.value.map(one => one.id) });
	return done.ok ? good(undefined) : done;
}

async function subscribe(account: AccountOf): Promise<Result<void>> {
	const key = keyOf(account), { client, account: id } = account.engine;
	if (!key) return bad("refused", "unknownCapability", "the server has no key for push");
	let subscription: PushSubscriptionJSON;
	try {
		subscription = await subscriptionOf(key);
	} catch (cause) {
		return bad("refused", "push", "the browser's push service takes no subscription", { cause });
	}
	const removed = await unsubscribe(account);
	if (!removed.ok) return removed;
	const inbox = account.mailboxes.byRole("inbox");
	const news = client.has(EMAIL_PUSH) && inbox ? { types: [], emailPush: { [id]: { filter: { inMailbox: inbox.id }, properties: ["id", "threadId", "from", "subject", "preview"] } } } : { types: ["EmailDelivery"] };
	const done = await client.call(id, "PushSubscription/set", { create: { s: { deviceClientId: deviceId(), url: subscription.endpoint, keys: subscription.keys, ...news } } });
	if (!done.ok) return done;
	const error = done.value.notCreated?.["s"];
	return error ? { ok: false, error: failureOf(error) } : good(undefined);
}

function deviceId(): string {
	const known = localStorage.getItem(DEVICE) ?? crypto.randomUUID();
	localStorage.setItem(DEVICE, known);
	return known;
}
