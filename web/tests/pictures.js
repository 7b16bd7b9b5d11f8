// Pictures of every view, in three languages, light and dark, for desktops and phones: make web-pictures.
//
//     node tests/pictures.js FOLDER [PART-OF-NAME…]
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { Fake } from "./admin_fake.js";
import { launch, signIn } from "./browser.js";
import { LETTERS } from "./letters.js";
import { PATIENCE, Server } from "./server.js";

const [folder = "build-pictures", ...wanted] = process.argv.slice(2);
const LANGUAGES = { en: "en-GB", pt: "pt-PT", ru: "ru-RU" };
const DEVICES = { desktop: { viewport: { width: 1360, height: 820 } }, phone: { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 } };

let second = "";
const rows = (page) => page.getByRole("option").first().waitFor();
const settings = (part) => ({ hash: `#/settings/${part}`, ready: (page) => page.getByRole("tab", { selected: true }).waitFor() });
/** What is shown, and how it comes to be: an address, what must be there, and what is done then. */
const VIEWS = {
	list: { ready: rows },
	reading: { ready: rows, act: (page) => page.getByRole("option").first().click() },
	choosing: { ready: rows, act: async (page) => {
		for (const i of [0, 2]) await page.locator(".who").nth(i).click();
	} },
	menu: { ready: rows, act: async (page) => {
		await page.locator(".who").nth(1).click();
		await page.locator('[role=toolbar] [aria-haspopup=menu]').first().click();
	} },
	folders: { ready: rows, act: async (page) => {
		const drawer = page.locator(".opens button");
		if (await drawer.isVisible()) await drawer.click();
	} },
	folder: { ready: rows, act: async (page) => {
		const drawer = page.locator(".opens button");
		if (await drawer.isVisible()) await drawer.click();
		await page.locator(".heading button").click();
	} },
	empty: { ready: rows, act: (page) => page.evaluate(() => document.querySelectorAll("nav li .folder")[1].click()) },
	search: { hash: "#/search/garden", ready: rows },
	operators: { ready: rows, act: (page) => page.getByRole("combobox").click() },
	writing: { ready: rows, act: async (page) => {
		await page.keyboard.press("c");
		await page.getByRole("dialog").or(page.locator("[contenteditable]")).first().waitFor();
	} },
	below: { who: "second", ready: rows, act: (page) => page.getByRole("option").nth(1).click() },
	accounts: { beside: true, ready: rows, act: async (page) => {
		await page.locator("nav .account, .opens button").first().waitFor();
		const drawer = page.locator(".opens button");
		if (await drawer.isVisible()) await drawer.click();
		await page.locator("nav .account").last().click();
	} },
	label: { ready: rows, act: async (page) => {
		await page.evaluate(() => { location.hash = "#/settings/labels"; });
		await page.locator("#settings-part .tools button").last().click();
		await page.locator("dialog input").first().fill("Garten");
	} },
	account: { ready: rows, act: async (page) => {
		await page.locator(".me").click();
		await page.getByRole("menuitem").first().click();
		await page.locator("dialog input").first().waitFor();
	} },
	contacts: { hash: "#/contacts", ready: (page) => page.locator("main h1, main h2").first().waitFor() },
	keys: { ready: rows, act: (page) => page.keyboard.press("?") },
	offline: { ready: rows, act: (page) => page.context().setOffline(true) },
	looks: settings("looks"), mail: settings("mail"), notifications: settings("notifications"), identities: settings("identities"), away: settings("away"), labels: settings("labels"), programs: settings("programs"), sessions: settings("sessions"),
};

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
	overview: admin("overview"), start: admin("start"), accounts: admin("accounts"), account: admin("accounts/person00001%40example.org"), newaccount: admin("accounts", (page) => page.locator("header .tools button").last().click()), aliases: admin("aliases"),
	domains: admin("domains"), domain: admin("domains/example.org"), queue: admin("queue"), queued: admin("queue/Q000000003"), trace: admin("trace/Q000000003"), quarantine: admin("quarantine"), quarantined: admin("quarantine/H1"), spam: admin("spam"), reports: admin("reports"),
	graphs: admin("graphs", (page) => page.waitForTimeout(16_000)), sessions: admin("sessions"), certificates: admin("certificates"), settings: admin("settings", opened(/^max_message/)), history: admin("settings/history"), servers: admin("servers"),
};

async function take(server, browser, name, { language, colorScheme, device, address, view }) {
	if (wanted.length && !wanted.some((part) => name.includes(part))) return;
	const context = await browser.newContext({ ...DEVICES[device], locale: LANGUAGES[language], colorScheme, reducedMotion: "reduce" });
	context.setDefaultTimeout(PATIENCE);
	const page = await context.newPage();
	if (address) await signIn(server, context, address);
	if (view.beside) await signIn(server, context, second, true);
	await page.goto(`${server.origin}${view.path ?? "/"}${view.hash ?? ""}`);
	await view.ready(page);
	await view.act?.(page);
	await page.waitForLoadState("networkidle").catch(() => {});
	await page.waitForTimeout(400); // frames and fonts
	await page.screenshot({ path: resolve(folder, `${name}.png`) });
	await context.close();
}

/** Somebody who has labels, and reads below the list. */
async function prepare(server, browser, address) {
	const page = await (await browser.newContext({ ...DEVICES.desktop, locale: "en-GB" })).newPage(), dialog = page.getByRole("dialog");
	await signIn(server, page.context(), address);
	await page.goto(`${server.origin}/#/settings/labels`);
	for (const [name, color] of [["Travel", "Blue"], ["Garden", "Green"], ["Money", "Orange"]]) {
		await page.getByRole("button", { name: "New label" }).click();
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
const server = await new Server().start(), browser = await launch(), fake = await new Fake().start();
try {
	const address = server.account("alice");
	second = server.account("bela");
	for (const one of [address, second]) await server.deliver(one, LETTERS);
	await prepare(server, browser, second);
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
				for (const [view, what] of Object.entries(VIEWS)) await take(server, browser, name(view), { language, colorScheme, device, address: what.who === "second" ? second : address, view: what });
				for (const [view, what] of Object.entries(ADMIN_VIEWS)) await take(fake, browser, `admin-${name(view)}`, { language, colorScheme, device, view: what });
			}
} finally {
	await browser.close();
	await fake.close();
	await server.close();
}
