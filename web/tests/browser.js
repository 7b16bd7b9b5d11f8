// Debian's Chromium, told what to do by Playwright; and what every test of a page wants.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { chromium } from "playwright-core";
import { PASSWORD, PATIENCE, Server } from "./server.js";

// Who is offline is so with his service worker, too: Playwright cuts it off when it is told to look at its network.
process.env.PW_EXPERIMENTAL_SERVICE_WORKER_NETWORK_EVENTS = "1";

export const DESKTOP = { viewport: { width: 1280, height: 800 } };
export const PHONE = { viewport: { width: 375, height: 720 }, hasTouch: true, isMobile: true };

/** What Chromium itself says of a connection that a page gives up before it is there, as when somebody signs out: nobody's fault. */
const GIVEN_UP = /^WebSocket connection to '\S+' failed: WebSocket is closed before the connection is established\.?$/;
/** What it says when the account of a page is changed, which ends what it has open: the page comes again by itself. */
export const CHANGED = [/net::ERR_(?:EMPTY_RESPONSE|CONNECTION_(?:CLOSED|RESET|ABORTED)|INCOMPLETE_CHUNKED_ENCODING|CONTENT_LENGTH_MISMATCH)/, /^WebSocket connection to /];

/** A server and a browser for the tests of a file; they are there when the first begins. `options`: the server's. */
export function stage(options) {
	const self = { server: null, browser: null };
	before(async () => {
		await Promise.all([new Server(options).start().then((server) => (self.server = server)), launch().then((browser) => (self.browser = browser))]);
	}, { timeout: 4 * PATIENCE });
	after(async () => {
		await self.browser?.close();
		await self.server?.close();
	}, { timeout: 4 * PATIENCE });
	return self;
}

export function launch() {
	return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server"] });
}

/* Pages that nobody uses any more, by what they are like. The next test goes on in one: a new page costs three times as much as what it loads. Its worker and files stay, and nothing else of the former. */
const idle = new Map();

async function pageFor(server, browser, options, follow) {
	const like = JSON.stringify([server.origin, options, follow?.t.language]), pages = idle.get(like) ?? [];
	idle.set(like, pages);
	const former = pages.pop(), context = former?.context() ?? (await browser.newContext(options)), page = former ?? (await context.newPage());
	context.setDefaultTimeout(PATIENCE);
	if (former) await clear(server, page, options);
	else {
		await follow?.follow(page);
		page.on("console", (message) => ["error", "warning"].includes(message.type()) && page.messages.push(message.text()));
		page.on("pageerror", (error) => page.messages.push(String(error)));
	}
	page.messages = [];
	page.giveBack = async () => {
		for (const other of context.pages().filter((one) => one !== page)) await other.close();
		const messages = page.messages.splice(0);
		await page.unrouteAll({ behavior: "ignoreErrors" });
		await page.goto("about:blank");
		pages.push(page);
		return messages;
	};
	return page;
}

async function clear(server, page, { viewport }) {
	const context = page.context(), session = await context.newCDPSession(page);
	await context.setOffline(false);
	await context.clearCookies();
	await session.send("Storage.clearDataForOrigin", { origin: server.origin, storageTypes: "cookies,file_systems,indexeddb,local_storage" });
	await session.detach();
	await page.setViewportSize(viewport);
	await page.mouse.move(0, 0);
}

/** A page of nobody's yet, or signed in as `address`. `follow`: notes what is done in it (functions.js). What its console complains of fails the test at finish(). `own`: a page that no later test goes on
 * in, for what can't be undone: scripts that are put in before those of the page. */
export async function open({ server, browser }, { address, path = "/", noise = [], follow, own = false, ...options } = {}) {
	const page = await pageFor(server, browser, { locale: "en-US", timezoneId: "UTC", reducedMotion: "reduce", ...DESKTOP, ...options }, follow);
	if (address) await signIn(server, page.context(), address);
	await page.goto(server.origin + path);
	page.finish = async () => {
		const messages = own ? (await page.context().close(), page.messages) : await page.giveBack();
		assert.deepEqual(messages.filter((one) => ![GIVEN_UP, ...noise].some((pattern) => pattern.test(one))), []);
	};
	return page;
}

/** Goes to another address of the page's own, and waits until the page has heard of it. */
export function go(page, hash) {
	return page.evaluate((to) => new Promise((resolve) => {
		if (location.hash === to) return resolve();
		addEventListener("hashchange", () => setTimeout(resolve), { once: true });
		location.hash = to;
	}), hash);
}

/** `beside`: with those that are signed in already. */
export async function signIn(server, context, address, beside = false) {
	const answer = await context.request.post(`${server.origin}/session`, { data: { name: address, password: PASSWORD, beside }, headers: { Origin: server.origin } });
	assert.equal(answer.status(), 200, await answer.text());
}
