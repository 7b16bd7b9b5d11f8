// Writing: a new message, answers, forwards, drafts, what is asked before a message goes. The address book.
import assert from "node:assert/strict";
import { test } from "node:test";
import { open, PHONE, stage } from "./browser.js";
import { FULL, LETTERS } from "./letters.js";
import { Mail } from "./mail.js";
import { until } from "./server.js";

const at = stage();
const PIXEL = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==", "base64");

async function start({ settings, ...options } = {}) {
	const address = at.server.account();
	await at.server.deliver(address, options.letters ?? LETTERS);
	if (settings) await new Mail(at.server, address).set(settings);
	const page = await open(at, { address, ...options });
	await page.getByRole("option").first().waitFor();
	return { page, address };
}
/** The window in which something is written. */
function sheet(page, name = "New message") {
	return page.getByRole("region", { name });
}
async function begin(page) {
	await page.getByRole("button", { name: "New message" }).first().click();
	const window = sheet(page);
	await window.getByRole("textbox", { name: "Message text" }).waitFor();
	return window;
}
async function folder(page, name) {
	await page.locator("nav li .folder").filter({ hasText: name }).first().click(); // not the button of its menu beside it
	await page.getByRole("heading", { level: 1, name }).waitFor();
}
async function inbox(other, text) {
	const page = await open(at, { address: other });
	await page.getByRole("option").filter({ hasText: text }).first().click();
	return page;
}

test("a letter with rich text, a picture in it and a file is written, and arrives as it was written", async () => {
	const { page } = await start({ settings: { undoSend: 0 } }), other = at.server.account();
	const window = await begin(page);
	await window.getByRole("combobox", { name: "To" }).pressSequentially(`Bela <${other}>,`);
	await window.getByRole("button", { name: "Bela" }).first().waitFor();
	await window.getByRole("textbox", { name: "Subject" }).fill("Bread");
	const text = sheet(page, "Bread").getByRole("textbox", { name: "Message text" });
	await text.click();
	await page.keyboard.type("Dear Bela, ");
	await page.keyboard.press("Control+b");
	await page.keyboard.type("the recipe");
	const bread = sheet(page, "Bread");
	await bread.locator("input[type=file]").nth(1).setInputFiles({ name: "loaf.png", mimeType: "image/png", buffer: PIXEL });
	await text.locator("img").waitFor();
	await bread.locator("input[type=file]").first().setInputFiles({ name: "рецепт <b>.txt", mimeType: "text/plain", buffer: Buffer.from("flour, water, salt") });
	await bread.getByText("рецепт <b>.txt").waitFor();
	await until(async () => (await bread.getByRole("progressbar").count()) === 0, "the upload");
	await bread.getByRole("button", { name: "Send", exact: true }).click();
	await page.getByText("Message sent").first().waitFor();
	const theirs = await inbox(other, "Bread");
	await theirs.getByText("рецепт _b_.txt").first().waitFor(); // as it may be saved
	const letter = theirs.frameLocator("iframe").first();
	assert.equal(await letter.locator("b").textContent(), "the recipe");
	await until(async () => await letter.locator("img").evaluate((image) => image.naturalWidth === 1), "the picture");
	await folder(page, "Sent");
	await page.getByRole("option").filter({ hasText: "Bread" }).waitFor();
	await page.finish();
	await theirs.finish();
});

test("what was sent can be had back, and is a draft then", async () => {
	const { page } = await start();
	const window = await begin(page);
	await window.getByRole("combobox", { name: "To" }).pressSequentially("nobody@elsewhere.example ");
	await page.keyboard.press("Enter");
	await window.getByRole("textbox", { name: "Subject" }).fill("Too early");
	await sheet(page, "Too early").getByRole("button", { name: "Send", exact: true }).click();
	await page.getByRole("button", { name: "Undo" }).last().click();
	await sheet(page, "Too early").getByRole("textbox", { name: "Message text" }).waitFor();
	await sheet(page, "Too early").getByRole("button", { name: "Save and close" }).click();
	await folder(page, "Drafts");
	await page.getByRole("option").filter({ hasText: "Too early" }).waitFor();
	await page.finish();
});

test("an answer quotes, goes to whom it should, and keeps the conversation", async () => {
	const { page } = await start();
	await page.getByRole("option").filter({ hasText: "Plans for the weekend" }).click();
	await page.getByRole("heading", { name: "Re: Plans for the weekend" }).waitFor();
	await page.keyboard.press("r");
	const window = sheet(page, "Re: Plans for the weekend");
	await window.getByRole("textbox", { name: "Message text" }).waitFor();
	await window.getByRole("button", { name: "Clara de Sousa" }).first().waitFor();
	const text = window.getByRole("textbox", { name: "Message text" });
	assert.match(await text.innerText(), /Clara de Sousa wrote:[\s\S]*The early one, yes/);
	await page.keyboard.type("See you there");
	await page.keyboard.press("Control+Enter");
	await page.getByText("Message sent").first().waitFor();
	await page.getByText("3 messages").first().waitFor();
	await page.finish();
});

test("a forwarded letter takes its file along", async () => {
	const { page } = await start();
	await page.getByRole("option").filter({ hasText: "Счёт за ноябрь" }).click();
	await page.getByRole("heading", { name: "Счёт за ноябрь" }).waitFor();
	await page.keyboard.press("f");
	const window = sheet(page, "Fwd: Счёт за ноябрь");
	await window.getByText("invoice.pdf").waitFor();
	assert.match(await window.getByRole("textbox", { name: "Message text" }).innerText(), /Forwarded message[\s\S]*Борис Смирнов/);
	await window.getByRole("button", { name: "Discard draft" }).click();
	await page.getByText("Draft discarded").first().waitFor();
	await page.finish();
});

test("a letter with everything: a receipt is sent, a PDF file looked at, an attached letter opened and answered", async () => {
	const { page, address } = await start({ letters: [FULL] });
	await page.getByRole("option").first().click();
	await page.getByText("clara@elsewhere.example asks to be told that you have read this.").waitFor();
	await page.getByRole("button", { name: "Tell", exact: true }).click();
	await page.getByText("clara@elsewhere.example was told that you have read this.").first().waitFor();
	await page.getByRole("button", { name: "Look at relatorio.pdf" }).click();
	const viewer = page.getByRole("dialog", { name: "relatorio.pdf" });
	await viewer.getByText("Relatorio anual").waitFor({ state: "attached" });
	await page.keyboard.press("ArrowRight");
	await page.getByRole("dialog", { name: "capa.png" }).locator("img").waitFor();
	await page.keyboard.press("Escape");
	await page.getByRole("button", { name: "Look at Message" }).click();
	const attached = page.getByRole("region", { name: "Attached message: A acta da reunião de outubro" });
	await attached.getByText("com as contas do trimestre").waitFor();
	await attached.getByRole("button", { name: "Look at acta.pdf" }).click();
	await page.getByRole("dialog", { name: "acta.pdf" }).getByText("Acta da reuniao").waitFor({ state: "attached" });
	await page.keyboard.press("Escape");
	await attached.getByRole("button", { name: "Forward" }).click();
	const forward = sheet(page, "Fwd: A acta da reunião de outubro");
	await forward.getByText("acta.pdf").waitFor();
	await forward.getByText("Saved", { exact: true }).waitFor();
	await forward.getByRole("button", { name: "Discard draft" }).click();
	await attached.getByRole("button", { name: "Reply", exact: true }).last().click();
	const answer = sheet(page, "Re: A acta da reunião de outubro");
	await answer.getByRole("button", { name: "Tomás Ferreira" }).first().waitFor();
	await answer.getByRole("button", { name: "Discard draft" }).click();
	await page.reload();
	await page.getByRole("button", { name: "Look at relatorio.pdf" }).waitFor();
	assert.equal(await page.getByText("asks to be told").count(), 0);
	await page.finish();
	assert.ok(address);
});

test("what was written down of a letter that was sent", async () => {
	const { page } = await start({ settings: { undoSend: 0 } }), other = at.server.account();
	const window = await begin(page);
	await window.getByRole("combobox", { name: "To" }).pressSequentially(`${other},`);
	await window.getByRole("textbox", { name: "Subject" }).fill("Report");
	await page.keyboard.press("Control+Enter");
	await page.getByText("Message sent").first().waitFor();
	const theirs = await inbox(other, "Report");
	await theirs.finish();
	await folder(page, "Sent");
	await page.getByRole("option").filter({ hasText: "Report" }).click();
	await page.getByRole("article").getByRole("button", { name: "More", exact: true }).click();
	await page.getByRole("menuitem", { name: "Whom it has reached" }).click();
	await page.locator(".story").getByText(other, { exact: true }).waitFor();
	await page.locator(".story").getByText("Delivered into the mailbox.").waitFor();
	// It is taken up, changed, and sent once more.
	await page.getByRole("article").getByRole("button", { name: "More", exact: true }).click();
	await page.getByRole("menuitem", { name: "Edit and send again" }).click();
	const again = sheet(page, "Report");
	await again.getByText(other).waitFor();
	await again.getByRole("textbox", { name: "Subject" }).fill("Report, corrected");
	await page.keyboard.press("Control+Enter");
	await again.waitFor({ state: "detached" });
	await (await inbox(other, "Report, corrected")).finish();
	await page.finish();
});

/* In the page: does this device have a letter, and the list that it stands in? */
async function isHere() {
	const request = indexedDB.open((await indexedDB.databases())[0].name), done = (one) => new Promise((resolve, reject) => Object.assign(one, { onsuccess: () => resolve(one.result), onerror: () => reject(one.error) })), database = await done(request);
	const counts = await Promise.all(["emails", "bodies", "threads", "lists"].map((table) => done(database.transaction(table).objectStore(table).count())));
	database.close();
	return counts.every((count) => count > 0);
}

test("a letter that was read is read again without a network", async () => {
	const { page } = await start({ letters: [{ subject: "Rich", text: "x", html: "<p>Written <b>in bold</b></p>" }], noise: [/net::ERR_/, /status of 4\d\d/, /WebSocket/] });
	await page.evaluate(async () => { await navigator.serviceWorker.ready; });
	await page.reload();
	await page.getByRole("option").first().click();
	await page.frameLocator("iframe").first().getByText("in bold").waitFor();
	await until(() => page.evaluate(isHere), "the letter to be on this device");
	await page.context().setOffline(true);
	await page.reload();
	await page.frameLocator("iframe").first().getByText("in bold").waitFor();
	await page.finish();
});

test("undo and redo in the editor bring back what was there, and nothing that isn't a letter's", async () => {
	const { page } = await start();
	const window = await begin(page), text = window.getByRole("textbox", { name: "Message text" });
	await text.click();
	await page.keyboard.type("one ");
	await page.keyboard.press("Control+b");
	await page.keyboard.type("two");
	await page.keyboard.press("Control+z");
	await until(async () => !/two/.test(await text.innerText()), "undo");
	await page.keyboard.press("Control+y");
	await until(async () => (await text.locator("b").allInnerTexts()).join().replace(/\u200b/g, "") === "two", "redo");
	await window.getByRole("button", { name: "Discard draft" }).click();
	await page.finish();
});

test("before a letter goes it is asked for what may be missing", async () => {
	const { page } = await start();
	const window = await begin(page);
	await window.getByRole("button", { name: "Send", exact: true }).click();
	await window.getByText("Say whom the message is for.").waitFor();
	await window.getByRole("combobox", { name: "To" }).pressSequentially("anna,");
	await window.getByRole("button", { name: "Send", exact: true }).click();
	await window.getByText("“anna” is not an address.").waitFor();
	await window.getByRole("button", { name: "Remove anna" }).click();
	await window.getByRole("combobox", { name: "To" }).pressSequentially("anna@elsewhere.example,");
	await window.getByRole("textbox", { name: "Message text" }).click();
	await page.keyboard.type("The plan is attached.");
	await window.getByRole("button", { name: "Send", exact: true }).click();
	const dialog = page.getByRole("dialog", { name: "Before you send" });
	await dialog.getByText("You wrote “attached”, but nothing is attached.").waitFor();
	await dialog.getByText("The message has no subject.").waitFor();
	await dialog.getByRole("button", { name: "Go on writing" }).click();
	await window.getByRole("button", { name: "Save and close" }).click();
	await page.finish();
});

test("what is written survives the window, the reload and the phone", async () => {
	const { page, address } = await start();
	const window = await begin(page);
	await window.getByRole("textbox", { name: "Subject" }).fill("Half a letter");
	await sheet(page, "Half a letter").getByRole("textbox", { name: "Message text" }).click();
	await page.keyboard.type("first half");
	await sheet(page, "Half a letter").getByText("Saved", { exact: true }).waitFor();
	await page.reload();
	const phone = await open(at, { address, ...PHONE });
	await phone.getByRole("option").first().waitFor();
	await phone.getByRole("button", { name: "Folders" }).click();
	await folder(phone, "Drafts");
	await phone.getByRole("option").filter({ hasText: "Half a letter" }).click();
	const there = sheet(phone, "Half a letter").getByRole("textbox", { name: "Message text" });
	await until(async () => /first half/.test(await there.innerText()), "the first half");
	await phone.finish();
	await page.finish();
});

test("people are added, found, changed, put into groups, written to, and taken back", async () => {
	const page = await open(at, { address: at.server.account(), path: "/#/contacts" });
	await page.getByText("No contacts yet").waitFor();
	await page.getByRole("button", { name: "New contact" }).click();
	await page.getByRole("button", { name: "Save", exact: true }).click();
	await page.getByText("Enter at least a name").waitFor();
	await page.getByRole("textbox", { name: "First name" }).fill("Ana");
	await page.getByRole("textbox", { name: "Last name" }).fill("Souza");
	await page.getByRole("textbox", { name: "E-mail" }).first().fill("ana@elsewhere.example");
	await page.getByRole("button", { name: "Save", exact: true }).click();
	await page.getByRole("heading", { name: "Ana Souza" }).waitFor();
	await page.locator("input[type=file]").first().setInputFiles({ name: "people.vcf", mimeType: "text/vcard", buffer: Buffer.from(
		"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Борис Смирнов\r\nN:Смирнов;Борис;;;\r\nEMAIL:boris@elsewhere.example\r\nEND:VCARD\r\n") });
	await page.getByText("1 contact imported").first().waitFor();
	await page.getByRole("searchbox", { name: "Search contacts" }).fill("смир");
	await page.getByRole("option").filter({ hasText: "Борис Смирнов" }).click();
	await page.getByRole("button", { name: "Edit" }).click();
	await page.getByRole("textbox", { name: "Organization" }).fill("Мельница");
	await page.getByRole("button", { name: "Save", exact: true }).click();
	await page.getByText("Мельница").first().waitFor();
	await page.getByRole("searchbox", { name: "Search contacts" }).fill("");
	await page.getByRole("region", { name: "Contacts" }).getByRole("button", { name: "More", exact: true }).click();
	await page.getByRole("menuitem", { name: "New group" }).click();
	await page.getByRole("textbox", { name: "Name of the group" }).fill("Friends");
	await page.getByRole("checkbox", { name: "Ana Souza" }).check();
	await page.getByRole("checkbox", { name: "Борис Смирнов" }).check();
	await page.getByRole("button", { name: "Save", exact: true }).click();
	await page.getByRole("heading", { name: "Friends" }).waitFor();
	await page.getByRole("button", { name: "Write" }).click();
	const window = sheet(page);
	await window.getByRole("button", { name: "Борис Смирнов" }).first().waitFor();
	await window.getByRole("button", { name: "Discard draft" }).click();
	await page.getByRole("button", { name: "Delete", exact: true }).click();
	await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
	await page.getByText("Deleted: Friends").first().waitFor();
	await page.getByRole("button", { name: "Undo" }).last().click();
	await page.getByRole("option").filter({ hasText: "Friends" }).waitFor();
	await page.finish();
});
