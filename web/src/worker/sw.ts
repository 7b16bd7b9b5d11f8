/* The service worker: pages that open offline, mail that goes out while no page is open, and word of new mail. Built into one file, /sw.js, that knows the files of its version.
 *
 * A new version waits until a page says that it may come (register.ts): what is being written is on the device then. */
import { fetchNews, readPush, replay, verify, type News } from "./replay.ts";
import { cacheName, dropOthers, fileOf, keepShell, type Shell } from "./shell.ts";

/** Put in when it is built. */
declare const SHELL: Shell;

/* What a service worker has beyond a page; the library of types for workers can't be used beside that for pages. */
interface Worker {
	addEventListener(type: string, run: (event: WorkerEvent) => void): void;
	skipWaiting(): Promise<void>;
	registration: { showNotification(title: string, options: object): Promise<void>; getNotifications(): Promise<{ tag: string }[]> };
	clients: { claim(): Promise<void>; matchAll(options: object): Promise<Page[]>; openWindow(url: string): Promise<unknown> };
}
interface Page {
	visibilityState: string;
	focus(): Promise<unknown>;
	postMessage(message: unknown): void;
}
interface WorkerEvent {
	waitUntil(work: Promise<unknown>): void;
	respondWith(answer: Promise<Response>): void;
	readonly request: Request;
	readonly data: { text(): string } | string | null;
	readonly tag: string;
	readonly notification: { data: { threadId?: string; account?: string } | null; close(): void };
}

const worker = globalThis as unknown as Worker;
/** How far back a change may lie that is told; milliseconds. */
const NEWS_SPAN = 5 * 60_000;

// ---- The pages' files ----

worker.addEventListener("install", event => event.waitUntil(keepShell(SHELL, caches)));

worker.addEventListener("activate", event => event.waitUntil(dropOthers(SHELL, caches).then(() => worker.clients.claim())));

worker.addEventListener("message", event => {
	if (event.data === "take over") void worker.skipWaiting();
});

worker.addEventListener("fetch", event => {
	const path = fileOf(event.request, SHELL, location.origin);
	if (path) event.respondWith(give(path, event.request));
});

async function give(path: string, request: Request): Promise<Response> {
	const cache = await caches.open(cacheName(SHELL));
	const kept = await cache.match(path);
	if (kept) return kept;
	const answer = await fetch(request);
	if (answer.ok && SHELL.later.includes(path)) await cache.put(path, answer.clone());
	return answer;
}

// ---- What waits ----

worker.addEventListener("sync", event => {
	if (event.tag !== "replay") return;
	event.waitUntil(replay().then(done => {
		if (!done) throw new Error("something still waits"); // the browser tries it again
	}));
});

// ---- News ----

worker.addEventListener("push", event => {
	const message = readPush(event.data && typeof event.data === "object" ? event.data.text() : "");
	event.waitUntil(message.kind === "verification" ? verify(message.id, message.code) : message.kind === "emails" ? tell(message.emails) : fetchNews(Date.now() - NEWS_SPAN, message.kind === "change" ? message.accounts : null).then(tell));
});

/** Says it to the person, unless he is looking at his mail. */
async function tell(news: News[]): Promise<void> {
	const pages = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
	if (pages.some(page => page.visibilityState === "visible")) return;
	const told = new Set((await worker.registration.getNotifications()).map(one => one.tag));
	for (const one of news.filter(each => !told.has(each.id)))
		await worker.registration.showNotification(one.from, { body: [one.subject, one.preview].filter(Boolean).join("\n"), tag: one.id, icon: "/dove.svg", data: { threadId: one.threadId, account: one.account } });
}

worker.addEventListener("notificationclick", event => {
	event.notification.close();
	const { threadId = "", account = "" } = event.notification.data ?? {};
	event.waitUntil(show(threadId, account));
});

async function show(threadId: string, account: string): Promise<void> {
	const [page] = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
	if (!page) return void (await worker.clients.openWindow(`/#/${account ? `@${encodeURIComponent(account)}/` : ""}mail//${encodeURIComponent(threadId)}`));
	page.postMessage({ show: threadId, account });
	await page.focus().catch(() => undefined); // browsers allow it after a click alone, and for a moment
}
