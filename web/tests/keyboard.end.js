// A whole day's work by keyboard alone: the page's mouse is never touched. What came of it is asked of the server.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { open, stage } from "./browser.js";
import { LETTERS } from "./letters.js";
import { Mail } from "./mail.js";
import { PASSWORD, PATIENCE, until } from "./server.js";

const at = stage();

/** Where the keys go: what has the focus is called so. */
function focused(page) {
	return page.evaluate(() => {
		const one = document.activeElement, list = one?.getAttribute("aria-activedescendant");
		const named = (list && document.getElementById(list)) || one;
		return (named?.getAttribute("aria-label") || named?.labels?.[0]?.textContent || named?.textContent || "").replace(/\s+/g, " ").trim();
	});
}
/** Only keys: everything that a person without a pointer has. */
function keys(page) {
	const press = async (...all) => {
		for (const key of all) await page.keyboard.press(key);
	};
	return {
		press,
		type: (text) => page.keyboard.type(text),
		/** Tab until what has that name has the focus; it must come within a hundred. */
		async to(name, back = false) {
			for (let left = 100; left > 0; left--) {
				const now = await focused(page);
				if (typeof name === "string" ? now === name : name.test(now)) return;
				await press(back ? "Shift+Tab" : "Tab");
			}
			throw new Error(`nobody comes to ${name} by Tab; the focus is on ${await focused(page)}`);
		},
		async choose(name) {
			await page.getByRole("menu").last().waitFor();
			for (let left = 40; left > 0; left--) {
				const now = await focused(page);
				if (typeof name === "string" ? now.startsWith(name) : name.test(now)) return press("Enter");
				await press("ArrowDown");
			}
			throw new Error(`the menu has no ${name}`);
		},
	};
}

test("a day's work by keyboard alone", { timeout: 8 * PATIENCE }, async () => {
	const address = at.server.account(), friend = at.server.account(), mail = new Mail(at.server, address);
	await at.server.deliver(address, LETTERS);
	const page = await open(at, { noise: [/status of 4\d\d/] }), { press, type, to, choose } = keys(page);
	// In the morning.
	await page.getByRole("heading", { name: "Sign in to your mail" }).waitFor();
	await to("Email address");
	await type(address);
	await press("Tab");
	await type(PASSWORD);
	await press("Enter");
	await page.getByRole("option").nth(6).waitFor();

	// The first letter is read and answered, and both are put away.
	await press("j", "Enter");
	await page.getByRole("heading", { name: "Re: Plans for the weekend" }).waitFor();
	await mail.has("Re: Plans for the weekend", "$seen");
	await press("r");
	await page.getByRole("region", { name: "Re: Plans for the weekend" }).getByRole("textbox", { name: "Message text" }).waitFor();
	await until(async () => (await focused(page)) === "Message text", "the text to have the keys");
	await type("I come, too.");
	await press("Control+Enter");
	await page.getByText("Message sent").first().waitFor();
	await until(async () => (await mail.emails()).some((one) => one.subject === "Re: Plans for the weekend" && one.in.includes("sent")), "the answer");
	await press("e");
	await mail.isIn("Plans for the weekend", "archive");

	// The next: a star, a label by its menu, and into a folder that is made for it.
	await press("u", "j", "s");
	const starred = await until(async () => (await mail.emails()).find((one) => one.keywords.includes("$flagged")), "the star");
	await press("l");
	await choose("New label");
	await page.getByRole("dialog").waitFor();
	await type("Family");
	await press("Enter");
	await mail.has(starred.subject, "family");
	await to("New folder");
	await press("Enter");
	await page.getByRole("dialog").waitFor();
	await type("Coast");
	await press("Enter");
	await until(async () => (await mail.boxes()).has("Coast"), "the folder");
	await page.getByRole("dialog").waitFor({ state: "hidden" });
	await to("Inbox", false).catch(() => {});
	await press("g", "i");
	await press("j", "v");
	await choose("Coast");
	await until(async () => (await mail.emails()).some((one) => one.in.includes("Coast")), "the move");
	await press("z");
	await until(async () => !(await mail.emails()).some((one) => one.in.includes("Coast")), "the way back");

	// Several at once: to the trash, junk, and later.
	await press("Escape", "Home", "x", "Shift+j", "#");
	await until(async () => (await mail.emails()).filter((one) => one.in.includes("trash")).length === 2, "two in the trash");
	await press("j", "!");
	await until(async () => (await mail.emails()).some((one) => one.in.includes("junk")), "one in junk");
	await press("j", "b");
	await choose(/^Tomorrow/);
	await until(async () => (await mail.emails()).some((one) => one.in.includes("snoozed")), "one that sleeps");

	// Looking for something, and reading it.
	await press("/");
	await type("has:attachment");
	await press("Enter");
	await page.getByRole("heading", { name: "Search results" }).waitFor();
	await until(async () => {
		const hits = await page.getByRole("listbox", { name: "Search results" }).getByRole("option").allInnerTexts();
		return hits.length > 0 && hits.every((one) => /Has attachments/.test(one));
	}, "the hits");
	await press("j", "Enter");
	await page.getByRole("region", { name: "Conversation" }).getByRole("heading", { level: 1 }).waitFor();

	// What is attached is saved.
	await page.getByRole("button", { name: /^Save .+\.pdf$/ }).first().waitFor();
	await to(/^Save .+\.pdf$/);
	const [download] = await Promise.all([page.waitForEvent("download"), press("Enter")]);
	assert.match(download.suggestedFilename(), /\.pdf$/);
	assert.equal((await readFile(await download.path())).toString(), "%PDF-1.4 nothing");

	// A new letter, with everything by Tab.
	await press("Escape", "c");
	await page.getByRole("region", { name: "New message" }).getByRole("textbox", { name: "Message text" }).waitFor();
	await until(async () => (await focused(page)) === "To", "the field of whom it is for");
	await type(`${friend},`);
	await to("Subject");
	await type("Lunch");
	await press("Tab");
	await until(async () => (await focused(page)) === "Message text", "the text");
	await type("At one? ");
	await press("Control+b");
	await type("Really.");
	await press("Tab");
	await press("ArrowRight", "ArrowRight");
	await to("Send options");
	await press("Enter");
	await choose("High priority");
	await press("Control+Enter");
	await page.getByText("Message sent").first().waitFor();
	const lunch = await new Mail(at.server, friend).whole("Lunch");
	assert.match(lunch.html, /<b>Really\.<\/b>/);

	// Somebody new among the contacts.
	await page.keyboard.press("Escape");
	await press("g", "c");
	await page.getByRole("heading", { level: 1, name: "Contacts" }).waitFor();
	await to("New contact");
	await press("Enter");
	await until(async () => (await focused(page)) === "First name", "the first field");
	await type("Rosa");
	await to("E-mail");
	await type("rosa@elsewhere.example");
	await press("Enter");
	await until(async () => (await mail.contacts()).some((one) => JSON.stringify(one).includes("rosa@elsewhere.example")), "the contact");
	await page.getByRole("heading", { name: "Rosa" }).waitFor();

	// Settings, and the end of the day.
	await press("g", ",");
	await page.getByRole("tab", { selected: true }).waitFor();
	await to("Appearance");
	await press("ArrowRight");
	await page.getByRole("tab", { name: "Mail", selected: true }).waitFor();
	await press("ArrowLeft");
	await to("Theme");
	await type("Dark");
	await mail.isSet("theme", "dark");
	await to(/^Account: /, true);
	await press("Enter");
	await choose("Sign out");
	await page.getByRole("heading", { name: "Sign in to your mail" }).waitFor();
	await page.finish();
});

test("keys do nothing of their own where they belong to somebody else: buttons, menus, windows, and who doesn't want them", { timeout: 4 * PATIENCE }, async () => {
	const address = at.server.account(), mail = new Mail(at.server, address);
	await at.server.deliver(address, LETTERS);
	const page = await open(at, { address }), { press, to, choose } = keys(page);
	await page.getByRole("option").nth(6).waitFor();
	// Enter and Space press the button that has the focus, and don't open the row.
	await press("j");
	await to("Show only");
	await press("Enter");
	await page.getByRole("menu").waitFor();
	await choose("With attachments");
	await until(async () => (await page.getByRole("option").count()) === 2, "two rows");
	await to("Show everything");
	await press("Space");
	await page.getByRole("option").nth(6).waitFor();
	assert.equal(await page.getByText(/^\d+ selected$/).count(), 0);
	// In a window in which somebody writes, and on its buttons, letters aren't commands for the mail behind it.
	await press("j", "Enter", "c");
	await page.getByRole("region", { name: "New message" }).getByRole("textbox", { name: "Message text" }).waitFor();
	await to("Send options");
	await press("e", "#", "!");
	await to("Save and close", true);
	await press("Enter");
	await page.getByRole("region", { name: "New message" }).waitFor({ state: "detached" });
	assert.equal((await mail.emails()).every((one) => one.in.join() === "inbox"), true);
	// Who has turned them off is left alone by letters, and goes through lists by arrows all the same.
	await mail.call("ContactCard/query", {});
	await page.evaluate(() => { location.hash = "#/settings/looks"; });
	await to(/^Keyboard shortcuts Press/);
	await press("Space");
	await mail.isSet("shortcuts", false);
	await page.evaluate(() => { location.hash = "#/mail"; });
	await page.getByRole("option").nth(6).waitFor();
	await to(/^(Inbox|.*Anna, Clara.*)$/);
	await press("e", "r", "c", "#");
	await page.getByRole("listbox", { name: "Inbox" }).focus();
	await press("ArrowDown", "ArrowDown", "Enter");
	await page.getByRole("region", { name: "Conversation" }).getByRole("heading", { level: 1 }).waitFor();
	await press("r", "f", "e");
	assert.equal(await page.getByRole("textbox", { name: "Message text" }).count(), 0);
	assert.equal((await mail.emails()).every((one) => one.in.join() === "inbox"), true);
	await page.finish();
});
