// What holds for every view: nothing for axe to find in either theme, nothing cut off or left untranslated in any language, and no more to load than was promised.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { DESKTOP, open, PHONE, signIn, stage } from "./browser.js";
import { LETTERS } from "./letters.js";
import { PASSWORD, PATIENCE, until } from "./server.js";
import { furnish, show, VIEWS } from "./views.js";

const at = stage(), axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const BUDGET = 120_000; // bytes of the first view, as they come

/** What axe finds; `rules`: those alone. */
async function look(page, view, rules) {
	if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe);
	const runOnly = rules ?? { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] };
	const { violations } = await page.evaluate((only) => globalThis.axe.run(document, { runOnly: only, resultTypes: ["violations"] }), runOnly);
	return violations.map((one) => `${view}: ${one.id}: ${one.help}\n${one.nodes.map((node) => `  ${node.html.slice(0, 300)}\n  ${node.failureSummary}`).join("\n")}`);
}
const COLOURS = { type: "rule", values: ["color-contrast"] };

/** In the page: what is cut off and doesn't say so by an ellipsis, what is wider than the window, keys of texts that are shown as they are, texts of another language. */
function misfits({ own, foreign }) {
	const found = [], mine = new Set(own), others = new Set(foreign);
	for (const one of document.querySelectorAll("button, h1, h2, h3, label, dt, dd, p, legend, [role=tab], [role=menuitem], option")) {
		if (!one.checkVisibility({ visibilityProperty: true }) || one.closest(".unseen, [hidden], article .text")) continue;
		const style = getComputedStyle(one);
		if (style.overflowX === "hidden" && style.textOverflow !== "ellipsis" && one.scrollWidth > one.clientWidth + 1) found.push(`is cut off: ${one.textContent.trim().slice(0, 60)}`);
		const box = one.getBoundingClientRect(), scrolls = one.closest("[role=tablist], [role=toolbar], .facets, header, pre");
		if (!scrolls && one.textContent.trim() && box.width > 0 && (box.right > innerWidth + 1 || box.left < -1)) found.push(`goes over the edge: ${one.textContent.trim().slice(0, 60)}`);
		for (const text of [one.getAttribute("aria-label"), one.title, one.placeholder, one.children.length ? null : one.textContent]) {
			const said = text?.trim();
			if (!said) continue;
			if (/^[a-z]+(?:\.[a-zA-Z]+)+$/.test(said) && !said.includes("@") && !/\.(?:example|test|pdf|txt)$/.test(said)) found.push(`a key is shown: ${said}`);
			const isField = one.localName === "dt" && one.closest("dialog"); // of a header, as it came
			if (others.has(said) && !mine.has(said) && !isField) found.push(`isn't translated: ${said}`);
		}
	}
	if (document.documentElement.scrollWidth > innerWidth) found.push(`is ${document.documentElement.scrollWidth} wide`);
	return found;
}
const catalogue = (language) => Object.values(JSON.parse(readFileSync(new URL(`../catalogues/${language}.json`, import.meta.url), "utf8"))).filter((text) => typeof text === "string");

/** Each view once in each language; axe in full in one theme, and the colours of the other. What takes long is shared: desktops begin light, phones dark. */
const WALKS = [[DESKTOP, "light", "en-GB", true], [{ ...PHONE, viewport: { width: 360, height: 720 } }, "dark", "ru-RU", true], [{ ...PHONE, viewport: { width: 320, height: 640 } }, "light", "pt-PT", false], [DESKTOP, "dark", "ru-RU", false]];
let furnished = null;
for (const [size, colorScheme, locale, deep] of WALKS)
	test(`every view is sound: ${size.viewport.width} pixels, ${colorScheme}, ${locale}${deep ? ", for everybody (axe)" : ""}`, { timeout: 10 * PATIENCE }, async () => {
		const address = (furnished ??= await furnish(at.server)), language = locale.slice(0, 2), texts = { own: catalogue(language), foreign: language === "en" ? [...catalogue("ru"), ...catalogue("pt")] : catalogue("en") };
		// axe itself is put into the page, which its policy forbids to pages.
		const noise = [/status of 4\d\d/, /net::ERR_INTERNET_DISCONNECTED/, /WebSocket/, /Failed to load resource/, /Content Security Policy/], page = await open(at, { ...size, colorScheme, locale, bypassCSP: true, noise }), found = [];
		const visit = async (view) => {
			await page.waitForTimeout(60);
			found.push(...(await page.evaluate(misfits, texts)).map((one) => `${view}: ${one}`));
			assert.equal(await page.locator("html").getAttribute("lang"), language);
			if (!deep) return;
			found.push(...await look(page, view));
			const other = colorScheme === "dark" ? "light" : "dark", before = await page.locator("html").getAttribute("data-theme");
			await page.evaluate((theme) => {
				document.documentElement.dataset.theme = theme;
				return new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 50)));
			}, other);
			found.push(...await look(page, `${view}, ${other}`, COLOURS));
			await page.evaluate((theme) => { document.documentElement.dataset.theme = theme; }, before ?? colorScheme);
		};
		await page.locator("form").waitFor();
		await visit("sign-in");
		await signIn(at.server, page.context(), address);
		let before = null;
		for (const [name, view] of Object.entries(VIEWS).filter(([, { who, pictured }]) => !who && !pictured)) {
			await show(page, at.server.origin, view, before);
			await visit(name);
			before = view;
		}
		assert.equal([...new Set(found)].join("\n"), "");
		await page.finish();
	});

test("the first view is small", async () => {
	const address = at.server.account(), page = await open(at, { serviceWorkers: "block", noise: [/Service Worker registration blocked/] }); // whose first visit it is has none yet
	const session = await page.context().newCDPSession(page), sizes = new Map(), urls = new Map();
	await session.send("Network.enable");
	await session.send("Network.clearBrowserCache");
	session.on("Network.responseReceived", ({ requestId, response }) => urls.set(requestId, new URL(response.url).pathname));
	session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => sizes.set(requestId, encodedDataLength));
	await page.context().request.post(`${at.server.origin}/session`, { data: { name: address, password: PASSWORD }, headers: { Origin: at.server.origin } });
	await page.waitForLoadState("networkidle"); // nothing of the first page comes in between
	sizes.clear();
	await page.reload();
	await page.getByText("There is nothing in your inbox.").waitFor();
	const files = [...sizes].filter(([id]) => /^\/(assets\/|$|dove)/.test(urls.get(id) ?? ""));
	const sum = files.reduce((total, [, size]) => total + size, 0);
	console.log(`# first view: ${sum} bytes in ${files.length} files`);
	assert.ok(files.length >= 3 && sum <= BUDGET, files.map(([id, size]) => `${urls.get(id)} ${size}`).join("\n"));
	await page.finish();
});

test("nothing is wider than the window, however wide that is", async () => {
	const address = at.server.account(), widths = [320, 600, 900, 2200];
	await at.server.deliver(address, LETTERS.slice(0, 3));
	const page = await open(at, { address });
	await page.getByRole("option").nth(2).waitFor();
	for (const hash of ["#/mail", "#/settings/programs", "#/search/garden"]) {
		await page.evaluate((to) => { location.hash = to; }, hash);
		await page.locator("h1").first().waitFor();
		for (const width of widths) {
			await page.setViewportSize({ width, height: 700 });
			await until(async () => (await page.evaluate(() => document.documentElement.scrollWidth)) === width, `${hash} to be ${width} wide`);
		}
	}
	await page.finish();
});
