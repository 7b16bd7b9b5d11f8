// What holds for every view: nothing for axe to find in either theme, and no more to load than was promised.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { DESKTOP, open, PHONE, stage } from "./browser.js";
import { LETTERS } from "./letters.js";

const at = stage(), axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const BUDGET = 120_000; // bytes of the first view, as they come

const FOUND = []; // of one test

async function look(page, view) {
	await page.evaluate(axe);
	const found = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
	const said = found.violations.map((one) => `${view}: ${one.id}: ${one.help}\n${one.nodes.map((node) => `  ${node.html.slice(0, 300)}\n  ${node.failureSummary}`).join("\n")}`);
	FOUND.push(...said);
}
/** Each view, brought there by what it says. */
async function views(page, phone) {
	await page.getByRole("option").nth(6).waitFor();
	await look(page, "list");
	await page.getByRole("option").filter({ hasText: "Plans for" }).click();
	await page.getByRole("heading", { name: "Re: Plans for the weekend" }).waitFor();
	await look(page, "reading");
	if (phone) await page.getByRole("button", { name: "Back to the list" }).click();
	await page.getByRole("option").first().locator(".who").click();
	await page.getByRole("toolbar").first().getByRole("button", { name: "More actions" }).click();
	await page.getByRole("menu").waitFor();
	await look(page, "choosing");
	await page.keyboard.press("Escape");
	if (phone) await page.getByRole("button", { name: "Folders" }).click();
	await page.getByRole("navigation").getByRole("button", { name: "New folder", exact: true }).click();
	await page.getByRole("dialog").waitFor();
	await look(page, "dialog");
	await page.keyboard.press("Escape");
	for (const part of ["looks", "mail", "notifications", "identities", "away", "labels", "programs", "sessions"]) {
		await page.evaluate((hash) => { location.hash = hash; }, `#/settings/${part}`);
		await page.getByRole("tab", { selected: true }).waitFor();
		await page.locator("[aria-busy=true]").waitFor({ state: "detached" });
		await look(page, `settings ${part}`);
	}
	await page.evaluate(() => { location.hash = "#/search/garden"; });
	await page.getByRole("listbox", { name: "Search results" }).waitFor();
	await look(page, "search");
}

for (const [device, size] of [["a desktop", DESKTOP], ["a phone", PHONE]])
	for (const colorScheme of ["light", "dark"])
		test(`axe finds nothing, on ${device}, ${colorScheme}`, async () => {
			const address = at.server.account();
			await at.server.deliver(address, LETTERS);
			// axe itself is put into the page, which its policy forbids to pages.
			const page = await open(at, { ...size, colorScheme, bypassCSP: true });
			await page.getByRole("heading", { name: "Sign in to your mail" }).waitFor();
			await look(page, "sign-in");
			await page.finish();
			const own = await open(at, { address, ...size, colorScheme, bypassCSP: true });
			await views(own, size === PHONE);
			await own.finish();
			assert.equal(FOUND.splice(0).join("\n"), "");
		});

test("the first view is small", async () => {
	const address = at.server.account(), page = await open(at, { serviceWorkers: "block", noise: [/Service Worker registration blocked/] }); // whose first visit it is has none yet
	const session = await page.context().newCDPSession(page), sizes = new Map(), urls = new Map();
	await session.send("Network.enable");
	await session.send("Network.clearBrowserCache");
	session.on("Network.responseReceived", ({ requestId, response }) => urls.set(requestId, new URL(response.url).pathname));
	session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => sizes.set(requestId, encodedDataLength));
	await page.context().request.post(`${at.server.origin}/session`, { data: { name: address, password: (await import("./server.js")).PASSWORD }, headers: { Origin: at.server.origin } });
	await page.reload();
	await page.getByText("There is nothing in your inbox.").waitFor();
	const files = [...sizes].filter(([id]) => /^\/(assets\/|$|dove)/.test(urls.get(id) ?? ""));
	const sum = files.reduce((total, [, size]) => total + size, 0);
	console.log(`# first view: ${sum} bytes in ${files.length} files`);
	assert.ok(files.length >= 3 && sum <= BUDGET, files.map(([id, size]) => `${urls.get(id)} ${size}`).join("\n"));
	await page.finish();
});

for (const width of [320, 600, 900, 2200])
	test(`nothing is wider than a window of ${width} pixels`, async () => {
		const address = at.server.account();
		await at.server.deliver(address, LETTERS.slice(0, 3));
		const page = await open(at, { address, viewport: { width, height: 700 } });
		await page.getByRole("option").nth(2).waitFor();
		for (const hash of ["#/mail", "#/settings/programs", "#/search/garden"]) {
			await page.evaluate((to) => { location.hash = to; }, hash);
			await page.locator("h1").first().waitFor();
			assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width, hash);
		}
		await page.finish();
	});
