// What goes on around the pages: another browser, a server that dies and comes back, no network, a slow one, a session that ends. Nothing that was done or written is lost by it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { open, PHONE, signIn, stage } from "./browser.js";
import { LETTERS } from "./letters.js";
import { Mail } from "./mail.js";
import { PASSWORD, PATIENCE, until } from "./server.js";

const at = stage(), AWAY = [/net::ERR_/, /status of [45]\d\d/, /WebSocket/, /Failed to load resource/], LONG = { timeout: 6 * PATIENCE };

async function person({ settings, ...options } = {}) {
	const address = at.server.account(), mail = new Mail(at.server, address);
	await at.server.deliver(address, LETTERS);
	if (settings) await mail.set(settings);
	return { address, mail, page: await open(at, { address, noise: AWAY, ...options }) };
}
const row = (page, text) => page.getByRole("option").filter({ hasText: text });
const rows = (page, count) => until(async () => (await page.getByRole("option").count()) === count, `${count} rows`);
const tick = (page, text) => row(page, text).locator(".who").click();
const folder = (page, name) => page.getByRole("navigation").locator(".folder").filter({ hasText: name }).first().click();
async function write(page, subject, text) {
	await page.getByRole("button", { name: "New message" }).first().click();
	await page.getByRole("region", { name: "New message" }).getByRole("textbox", { name: "Subject" }).fill(subject);
	const field = page.getByRole("region", { name: subject }).getByRole("textbox", { name: "Message text" });
	await field.click();
	await page.keyboard.type(text);
	return page.getByRole("region", { name: subject });
}

test("what one browser does the other shows, without a word of his", LONG, async () => {
	const { address, page, mail } = await person(), other = await open(at, { address, ...PHONE, noise: AWAY });
	await rows(page, 7);
	await rows(other, 7);
	await tick(page, "Your order");
	await page.getByRole("toolbar").first().getByRole("button", { name: "Archive" }).click();
	await rows(other, 6);
	await row(other, "Photos from").locator(".star .quick").click();
	await page.getByRole("option", { name: /Starred.*Photos/ }).waitFor();
	await row(page, "Seeds for").click();
	await until(async () => (await other.getByRole("option", { name: /^Unread.*Seeds for/ }).count()) === 0, "the other to know that it was read");
	await page.getByRole("navigation").getByRole("button", { name: "New folder", exact: true }).click();
	await page.getByRole("dialog").getByLabel("Name").fill("Journeys");
	await page.keyboard.press("Enter");
	await other.getByRole("button", { name: "Folders" }).click();
	await folder(other, "Journeys");
	await other.getByRole("heading", { name: "Journeys" }).waitFor();
	await page.keyboard.press("Escape");
	await tick(page, "Photos from");
	await page.getByRole("toolbar").first().getByRole("button", { name: "Move to" }).click();
	await page.getByRole("menuitem", { name: "Journeys" }).click();
	await row(other, "Photos from").waitFor();
	await mail.isIn("Photos from the coast", "Journeys");
	// Looks, too: what is set here holds there.
	await page.evaluate(() => { location.hash = "#/settings/looks"; });
	await page.getByLabel("Theme").selectOption({ label: "Dark" });
	await until(async () => (await other.locator("html").getAttribute("data-theme")) === "dark", "the other to be dark");
	// Two write on the same draft: neither's words are lost.
	await page.evaluate(() => { location.hash = "#/mail"; });
	const mine = await write(page, "Between us", "first words");
	await mine.getByText("Saved", { exact: true }).waitFor();
	await other.getByRole("button", { name: "Folders" }).click();
	await folder(other, "Drafts");
	await row(other, "Between us").click();
	const theirs = other.getByRole("region", { name: "Between us" });
	await theirs.getByRole("textbox", { name: "Message text" }).click();
	await other.keyboard.type("second words, ");
	await theirs.getByText("Saved", { exact: true }).waitFor();
	await mine.getByRole("textbox", { name: "Message text" }).click();
	await page.keyboard.type(" third words");
	await until(async () => {
		const texts = (await mail.emails(["preview"])).filter((one) => one.subject === "Between us" && one.in.includes("drafts")).map((one) => one.preview).join("\n");
		return /second words/.test(texts) && /third words/.test(texts);
	}, "both versions");
	await other.finish();
	await page.finish();
});

test("a session that ends in the middle of writing: who signs in again goes on where he was", LONG, async () => {
	const { page, mail } = await person();
	await rows(page, 7);
	const sheet = await write(page, "Long thoughts", "It was a bright day");
	await sheet.getByText("Saved", { exact: true }).waitFor();
	await page.keyboard.type(" in April,");
	await mail.endSessions();
	const dialog = page.getByRole("dialog", { name: "Please sign in again" });
	await page.keyboard.type(" and the clocks were striking");
	await dialog.waitFor();
	assert.match(await sheet.getByRole("textbox", { name: "Message text" }).innerText(), /bright day in April, and the clocks/);
	await dialog.getByRole("textbox").or(dialog.locator("input")).first().fill("wrong");
	await page.keyboard.press("Enter");
	await dialog.getByText("The address or the password is wrong.").waitFor();
	await dialog.locator("input").first().fill(PASSWORD);
	await page.keyboard.press("Enter");
	await dialog.waitFor({ state: "hidden" });
	const typed = await sheet.getByRole("textbox", { name: "Message text" }).innerText();
	await until(async () => (await mail.whole("Long thoughts")).text.includes("April, and the clock"), "the draft on the server");
	assert.match(typed, /bright day in April, and the clocks were striking/);
	await page.finish();
});

test("nor does a page that is loaded anew then lose anything", LONG, async () => {
	const { page, mail } = await person();
	await rows(page, 7);
	const sheet = await write(page, "Half said", "only on this device");
	await mail.endSessions();
	await page.getByRole("dialog", { name: "Please sign in again" }).waitFor();
	assert.ok(await sheet.isVisible());
	await page.reload();
	const dialog = page.getByRole("dialog", { name: "Please sign in again" });
	await dialog.locator("input").first().fill(PASSWORD);
	await page.keyboard.press("Enter");
	await until(async () => (await mail.emails(["preview"])).some((one) => one.subject === "Half said" && /only on this device/.test(one.preview)), "the draft on the server");
	await page.finish();
});

test("offline all goes on, and is told the server when it is back: acts, drafts, and a message that waits", LONG, async () => {
	const { page, mail } = await person(), other = at.server.account();
	await rows(page, 7);
	await row(page, "Photos from").click();
	await page.locator("article .plain").getByText("the lighthouse").waitFor();
	await page.context().setOffline(true);
	await row(page, "Plans for the weekend").click();
	await page.getByRole("heading", { name: "Re: Plans for the weekend" }).waitFor();
	await row(page, "Photos from").click();
	await page.locator("article .plain").getByText("the lighthouse").waitFor();
	await tick(page, "Your order");
	await page.keyboard.press("e");
	await page.getByText("You are offline.").waitFor();
	const sheet = await write(page, "From the train", "No network here");
	await sheet.getByRole("combobox", { name: "To" }).fill(other);
	await sheet.getByRole("button", { name: "Send", exact: true }).click();
	await page.getByText("It will be sent when you are online again").first().waitFor();
	await page.getByText("1 message waits to be sent").waitFor();
	const vain = await write(page, "To nobody", "Nobody reads this");
	await vain.getByRole("combobox", { name: "To" }).fill("nobody@example.test");
	await vain.getByRole("button", { name: "Send", exact: true }).click();
	await vain.waitFor({ state: "detached" });
	// The browser cuts off the page alone: its worker, which sends what waits, still reaches the server, as does what the page asks through it. So what is there meanwhile says nothing; what is there in the end does.
	await page.reload();
	await row(page, "Photos from").waitFor();
	await page.getByText("You are offline.").waitFor();
	await page.context().setOffline(false);
	await page.getByText("You are offline.").waitFor({ state: "detached" });
	await mail.isIn("Your order has been shipped", "archive");
	await mail.until("From the train", (found) => found.length === 1 && found[0].in.join() === "sent", "to be in sent, and nowhere else");
	await new Mail(at.server, other).isIn("From the train", "inbox");
	assert.equal((await new Mail(at.server, other).emails()).length, 1, "it went once");
	// What can't be sent is told when it is known, and is a draft again.
	const told = page.getByRole("alert").filter({ hasText: "“To nobody” was not sent. There is no such address: nobody@example.test." });
	await told.getByRole("button", { name: "Open it" }).click();
	await told.waitFor({ state: "detached" });
	await vain.getByText("Saved", { exact: true }).waitFor();
	await mail.until("To nobody", (found) => found.length === 1 && found[0].in.join() === "drafts", "to be one draft");
	await page.finish();
});

test("a slow network shows what comes, and nothing twice", LONG, async () => {
	const { page, mail } = await person({ settings: { undoSend: 0 } }), other = at.server.account(), session = await page.context().newCDPSession(page);
	await rows(page, 7);
	await session.send("Network.emulateNetworkConditions", { offline: false, latency: 700, downloadThroughput: 50_000, uploadThroughput: 60_000 });
	await row(page, "Reunião de").click();
	await page.getByRole("status", { name: "Loading the message" }).or(page.locator("article .plain")).first().waitFor();
	await page.locator("article .plain").getByText("sala grande").waitFor();
	const sheet = await write(page, "A large file", "attached");
	await sheet.getByRole("combobox", { name: "To" }).fill(other);
	await sheet.locator("input[type=file]").first().setInputFiles({ name: "large.bin", mimeType: "application/octet-stream", buffer: Buffer.alloc(250_000, "x") });
	await until(async () => {
		const [value] = await sheet.locator("progress").evaluateAll((bars) => bars.map((bar) => bar.value));
		return value === undefined || value > 0;
	}, "the upload to move");
	await until(async () => (await sheet.getByRole("progressbar").count()) === 0, "the upload");
	await sheet.getByRole("button", { name: "Send", exact: true }).click();
	await page.getByText("Message sent").first().waitFor();
	await session.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
	const theirs = new Mail(at.server, other);
	await theirs.isIn("A large file", "inbox");
	assert.equal((await theirs.emails()).filter((one) => one.subject === "A large file").length, 1);
	assert.equal((await mail.emails()).filter((one) => one.subject === "A large file").length, 1, "no draft is left");
	await page.finish();
});

test("the server is killed, and comes back", LONG, async () => {
	const { page, mail } = await person();
	await rows(page, 7);
	const sheet = await write(page, "Written through it", "before");
	await sheet.getByText("Saved", { exact: true }).waitFor();
	await at.server.kill();
	await page.getByText("You are offline.").waitFor();
	await sheet.getByRole("textbox", { name: "Message text" }).click();
	await page.keyboard.press("Control+End");
	await page.keyboard.type(", while it was gone");
	await tick(page, "Your order");
	await page.getByRole("toolbar").first().getByRole("button", { name: "Archive" }).click();
	await rows(page, 6);
	await at.server.start();
	await page.getByText("You are offline.").waitFor({ state: "detached" });
	await mail.isIn("Your order has been shipped", "archive");
	const drafts = async () => (await mail.emails(["preview"])).filter((one) => one.subject === "Written through it").map((one) => one.preview);
	await until(async () => /before, while it was gone/.test((await drafts()).join()), "the draft");
	await at.server.deliver(mail.address, [{ subject: "After the fall", text: "It is up." }]);
	await row(page, "After the fall").waitFor();
	assert.deepEqual(await drafts(), ["before, while it was gone"]);
	await page.finish();
});

test("who is signed in to two windows, and signs out in one, is signed out in both", LONG, async () => {
	const { address, page } = await person(), other = await page.context().newPage();
	await rows(page, 7);
	await other.goto(at.server.origin);
	await rows(other, 7);
	await page.getByRole("button", { name: `Account: ${address}` }).click();
	await page.getByRole("menuitem", { name: "Sign out" }).click();
	await other.getByRole("heading", { name: "Sign in to your mail" }).waitFor();
	await until(async () => (await other.evaluate(async () => (await indexedDB.databases()).length)) === 0, "nothing of his to be left");
	// Somebody else sees nothing of his.
	const next = at.server.account();
	await signIn(at.server, page.context(), next);
	await page.reload();
	await page.getByText("There is nothing in your inbox.").waitFor();
	await page.finish();
});
