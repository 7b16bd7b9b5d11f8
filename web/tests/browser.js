// Debian's Chromium, told what to do by Playwright; and what every test of a page wants.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { chromium } from "playwright-core";
import { PASSWORD, PATIENCE, Server } from "./server.js";

export const DESKTOP = { viewport: { width: 1280, height: 800 } };
export const PHONE = { viewport: { width: 375, height: 720 }, hasTouch: true, isMobile: true };

/** A server and a browser for the tests of a file; they are there when the first begins. */
export function stage() {
	const self = { server: null, browser: null };
	before(async () => {
		self.server = await new Server().start();
		self.browser = await launch();
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

/** A page of nobody's yet, or signed in as `address`. `follow`: notes what is done in it (functions.js). What its console complains of fails the test at close(). */
export async function open({ server, browser }, { address, path = "/", noise = [], follow, ...options } = {}) {
	const context = await browser.newContext({ locale: "en-US", timezoneId: "UTC", reducedMotion: "reduce", ...DESKTOP, ...options });
	context.setDefaultTimeout(PATIENCE);
	await follow?.follow(context);
	const page = await context.newPage(), messages = [];
	page.on("console", (message) => ["error", "warning"].includes(message.type()) && messages.push(message.text()));
	page.on("pageerror", (error) => messages.push(String(error)));
	if (address) await signIn(server, context, address);
	await page.goto(server.origin + path);
	page.finish = async () => {
		await context.close();
		assert.deepEqual(messages.filter((one) => !noise.some((pattern) => pattern.test(one))), []);
	};
	return page;
}

/** `beside`: with those that are signed in already. */
export async function signIn(server, context, address, beside = false) {
	const answer = await context.request.post(`${server.origin}/session`, { data: { name: address, password: PASSWORD, beside }, headers: { Origin: server.origin } });
	assert.equal(answer.status(), 200, await answer.text());
}
