// Pictures of every view, in three languages, light and dark, for desktops and phones: make web-pictures.
//
//     node tests/pictures.js FOLDER [PART-OF-NAME…]
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { Fake, nameServer } from "./admin_fake.js";
import { launch, signIn } from "./browser.js";
import { LETTERS } from "./letters.js";
import { PATIENCE, Server } from "./server.js";
import { furnish, VIEWS } from "./views.js";

const [folder = "build-pictures", ...wanted] = process.argv.slice(2);
const LANGUAGES = { en: "en-GB", pt: "pt-PT", ru: "ru-RU" };
const DEVICES = { desktop: { viewport: { width: 1360, height: 820 } }, phone: { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 } };

const admin = (hash, act) => ({ path: "/admin", hash: `#/${hash}`, act, ready: async (page) => {
	await page.locator("main h1").waitFor();
	await page.locator("main [aria-busy=true]").first().waitFor({ state: "detached" });
} });
const opened = (name) => async (page) => {
	await page.getByRole("button", { name }).first().click();
	await page.waitForTimeout(300);
};
/** The administration's, with the stand-in's data. */
const ADMIN_VIEWS = {
	first: { server: "empty", path: "/admin", ready: (page) => page.locator("form").waitFor() },
	"first-names": { server: "empty", path: "/admin", ready: (page) => page.locator("form").waitFor(), act: nameServer },
	overview: admin("overview"), start: admin("start"), accounts: admin("accounts"), account: admin("accounts/person00001%40example.org"), newaccount: admin("accounts", (page) => page.locator("header .tools button").last().click()), aliases: admin("aliases"),
	domains: admin("domains"), domain: admin("domains/example.org"), queue: admin("queue"), queued: admin("queue/Q000000003"), trace: admin("trace/Q000000003"), quarantine: admin("quarantine"), quarantined: admin("quarantine/H1"), spam: admin("spam"), reports: admin("reports"),
	graphs: admin("graphs", (page) => page.waitForTimeout(16_000)), sessions: admin("sessions"), certificates: admin("certificates"), settings: admin("settings", opened(/^max_message/)), history: admin("settings/history"), servers: admin("servers"),
};

async function take(server, browser, name, { language, colorScheme, device, storageState, view }) {
	if (wanted.length && !wanted.some((part) => name.includes(part))) return;
	const context = await browser.newContext({ ...DEVICES[device], locale: LANGUAGES[language], colorScheme, reducedMotion: "reduce", ...storageState && { storageState } });
	context.setDefaultTimeout(PATIENCE);
	const page = await context.newPage();
	await page.goto(`${server.origin}${view.path ?? "/"}${view.hash ?? ""}`);
	await view.ready(page);
	await view.act?.(page);
	await page.waitForLoadState("networkidle").catch(() => {});
	await page.waitForTimeout(300); // frames and fonts
	await page.screenshot({ path: resolve(folder, `${name}.png`) });
	await context.close();
}

/** Somebody who has labels, and reads below the list. */
async function prepare(server, browser, address) {
	const page = await (await browser.newContext({ ...DEVICES.desktop, locale: "en-GB" })).newPage(), dialog = page.getByRole("dialog");
	await signIn(server, page.context(), address);
	await page.goto(`${server.origin}/#/settings/labels`);
	for (const [name, color] of [["Travel", "Blue"], ["Garden", "Green"], ["Money", "Orange"]]) {
		await page.getByRole("button", { name: "New label" }).last().click();
		await dialog.getByLabel("Name").fill(name);
		await dialog.getByRole("radio", { name: color }).check({ force: true });
		await page.keyboard.press("Enter");
		await dialog.waitFor({ state: "hidden" });
	}
	for (const [subject, label] of [["Plans for", "Travel"], ["Seeds for", "Garden"], ["Photos", "Travel"], ["ноябрь", "Money"]]) {
		await page.evaluate(() => { location.hash = "#/mail"; });
		await page.getByRole("option").filter({ hasText: subject }).dragTo(page.getByRole("navigation").getByRole("button", { name: label, exact: true }));
	}
	await page.evaluate(() => { location.hash = "#/settings/looks"; });
	await page.getByLabel("Reading pane").selectOption("bottom");
	await page.waitForTimeout(3000); // until it is on the server
	await page.context().close();
}

mkdirSync(folder, { recursive: true });
const server = await new Server({ names: ["alice1@example.test", "friend2@example.test", "bela3@example.test"] }).start(), browser = await launch(), fake = await new Fake().start(), empty = await new Fake().start();
empty.served = false;
try {
	const address = await furnish(server), second = server.account();
	await server.deliver(second, LETTERS);
	await prepare(server, browser, second);
	const states = {};
	for (const [who, all] of [["first", [address]], ["second", [second]], ["both", [address, second]]]) {
		const session = await browser.newContext();
		for (const [i, one] of all.entries()) await signIn(server, session, one, i > 0);
		states[who] = await session.storageState();
	}
	const signInPage = { ready: (page) => page.locator("form").waitFor() };
	const phone = { ...signInPage, act: async (page) => {
		await page.locator("input").first().fill(address);
		await page.locator(".card > button").click();
	} };
	for (const language of Object.keys(LANGUAGES))
		for (const colorScheme of ["light", "dark"])
			for (const device of Object.keys(DEVICES)) {
				const name = (view) => `${view}-${language}-${colorScheme}-${device}`;
				await take(server, browser, name("signin"), { language, colorScheme, device, view: signInPage });
				await take(server, browser, name("setup"), { language, colorScheme, device, view: phone });
				for (const [view, what] of Object.entries(VIEWS)) await take(server, browser, name(view), { language, colorScheme, device, storageState: states[what.who ?? "first"], view: what });
				for (const [view, what] of Object.entries(ADMIN_VIEWS)) await take(what.server ? empty : fake, browser, `admin-${name(view)}`, { language, colorScheme, device, view: what });
			}
} finally {
	await browser.close();
	await fake.close();
	await empty.close();
	await server.close();
}
