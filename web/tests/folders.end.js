// Folders: made, renamed, moved, emptied, deleted. Search. Settings.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CHANGED, open, stage } from "./browser.js";
import { LETTERS } from "./letters.js";
import { Mail } from "./mail.js";
import { PASSWORD, until } from "./server.js";

const at = stage();

async function start(options = {}) {
	const address = at.server.account();
	await at.server.deliver(address, LETTERS);
	const page = await open(at, { address, ...options });
	await page.getByRole("option").nth(6).waitFor();
	return page;
}
const nav = (page) => page.getByRole("navigation");
async function choose(page, name, item) {
	await nav(page).getByRole("button", { name: `More for ${name}` }).click({ force: true });
	await page.getByRole("menuitem", { name: item, exact: true }).click();
	return page.getByRole("dialog");
}

test("a folder is made, renamed, moved into another and deleted", async () => {
	const page = await start();
	for (const name of ["Projects", "Garden"]) {
		await nav(page).getByRole("button", { name: "New folder", exact: true }).click();
		await page.getByRole("dialog").getByLabel("Name").fill(name);
		await page.keyboard.press("Enter");
		await nav(page).getByRole("button", { name, exact: true }).waitFor();
	}
	let dialog = await choose(page, "Garden", "Rename");
	await dialog.getByLabel("Name").fill("projects");
	await dialog.getByRole("button", { name: "Rename" }).click();
	await dialog.getByText("There is a folder of this name here already.").waitFor();
	await dialog.getByLabel("Name").fill("Orchard");
	await dialog.getByRole("button", { name: "Rename" }).click();
	await nav(page).getByRole("button", { name: "Orchard", exact: true }).waitFor();
	dialog = await choose(page, "Orchard", "Move");
	await dialog.getByLabel("Place").selectOption({ label: "Projects" });
	await dialog.getByRole("button", { name: "Move" }).click();
	const below = nav(page).getByRole("button", { name: "Folders in Projects" });
	await below.click();
	await nav(page).getByRole("button", { name: "Orchard", exact: true }).waitFor({ state: "detached" });
	await below.click();
	dialog = await choose(page, "Orchard", "Delete");
	await dialog.getByText("It has no messages.").waitFor();
	await dialog.getByRole("button", { name: "Delete" }).click();
	await nav(page).getByRole("button", { name: "Orchard", exact: true }).waitFor({ state: "detached" });
	await page.finish();
});

test("a folder is marked as read, and the trash emptied", async () => {
	const page = await start();
	let dialog = await choose(page, "Inbox", "Mark everything as read");
	await dialog.getByRole("button", { name: "Mark as read" }).click();
	await until(async () => (await page.getByRole("option", { name: /Unread/ }).count()) === 0, "all to be read");
	await page.getByRole("option").first().locator(".who").click();
	await page.getByRole("toolbar").first().getByRole("button", { name: "Delete" }).click();
	await nav(page).getByRole("button", { name: "Trash", exact: true }).click();
	await page.getByRole("option").first().waitFor();
	dialog = await choose(page, "Trash", "Empty");
	await dialog.getByRole("button", { name: "Empty" }).click();
	await page.getByText("This folder is empty").waitFor();
	await page.finish();
});

test("search: operators are offered, and the hits are those that were meant", async () => {
	const page = await start(), field = page.getByRole("combobox", { name: "Search mail" });
	await field.click();
	await field.pressSequentially("has");
	await page.getByRole("option", { name: /has:attachment/ }).click();
	await until(async () => (await field.inputValue()) === "has:attachment ", "the operator in the field");
	await field.press("Enter");
	await page.getByRole("heading", { name: "Search results" }).waitFor();
	await until(async () => (await page.getByRole("listbox", { name: "Search results" }).getByRole("option").count()) === 2, "two hits");
	await field.fill("from:clara subject:reunião");
	await field.press("Enter");
	await until(async () => (await page.getByRole("listbox", { name: "Search results" }).getByRole("option").count()) === 1, "one hit");
	await page.getByRole("listbox", { name: "Search results" }).getByRole("option").click();
	await page.getByRole("heading", { name: "Reunião de segunda-feira: sala nova e agenda" }).waitFor();
	await field.fill("nothingofthekind");
	await field.press("Enter");
	await page.getByText("Nothing found").waitFor();
	await page.getByRole("button", { name: "Clear the search" }).click();
	await page.getByRole("heading", { name: "Inbox" }).waitFor();
	await page.finish();
});

test("settings hold at once, and on other devices", async () => {
	const page = await start();
	await page.getByRole("button", { name: "Settings" }).click();
	await page.getByLabel("Theme").selectOption({ label: "Dark" });
	await page.locator("html[data-theme=dark]").waitFor();
	await page.getByLabel("Density of lists").selectOption({ label: "Compact" });
	await page.locator("html[data-density=compact]").waitFor();
	await page.getByLabel("Language").selectOption({ label: "Português" });
	await page.getByRole("heading", { name: "Definições" }).waitFor();
	const address = /Conta: (.*)/.exec(await page.getByRole("button", { name: /Conta:/ }).getAttribute("aria-label"))[1];
	await new Mail(at.server, address).isSet("language", "pt");
	const other = await open(at, { address });
	await other.getByRole("heading", { name: "Caixa de entrada" }).waitFor();
	await other.locator("html[data-theme=dark][data-density=compact]").waitFor();
	await other.finish();
	await page.finish();
});

test("a signature, an answer while away, a label", async () => {
	const page = await start();
	await page.getByRole("button", { name: "Settings" }).click();
	await page.getByRole("tab", { name: "Signatures" }).click();
	await page.getByRole("button", { name: /^Edit / }).click();
	await page.getByRole("dialog").getByLabel("Your name").fill("Anna Example");
	await page.getByRole("dialog").getByLabel("Signature").fill("Anna");
	await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
	await page.getByRole("tabpanel").getByText("Anna Example").waitFor();
	await page.getByRole("tab", { name: "Away" }).click();
	await page.getByRole("switch", { name: "Answer automatically" }).click();
	await page.getByRole("button", { name: "Save" }).click();
	await page.getByText("Write what is to be answered.").waitFor();
	await page.getByLabel("Text").fill("I am in the mountains.");
	await page.getByLabel("First day").fill("2026-12-24");
	await page.getByLabel("Last day").fill("2026-12-31");
	await page.getByRole("button", { name: "Save" }).click();
	await page.getByRole("status").getByText("Saved").first().waitFor();
	await page.reload();
	await until(async () => (await page.getByLabel("Last day").inputValue()) === "2026-12-31", "what was saved");
	assert.equal(await page.getByRole("switch", { name: "Answer automatically" }).isChecked(), true);
	await page.getByRole("tab", { name: "Labels" }).click();
	await page.getByRole("button", { name: "New label" }).click();
	await page.getByRole("dialog").getByLabel("Name").fill("Travel");
	await page.getByRole("dialog").getByRole("button", { name: "Create" }).click();
	await page.getByRole("tabpanel").getByText("Travel").waitFor();
	await page.getByRole("button", { name: "Remove the label “Travel”" }).click();
	await page.getByText("No labels yet").waitFor();
	await page.getByRole("button", { name: "Undo" }).click();
	await page.getByRole("tabpanel").getByText("Travel").waitFor();
	await page.finish();
});

test("a label has a name and a colour, takes what is dragged onto it, and shows all that has it", async () => {
	const page = await start(), label = nav(page).getByRole("button", { name: "Garden club", exact: true });
	await page.evaluate(() => { location.hash = "#/settings/labels"; });
	await page.getByRole("button", { name: "New label" }).click();
	const dialog = page.getByRole("dialog");
	await dialog.getByLabel("Name").fill("Garden");
	await dialog.getByRole("radio", { name: "Green" }).check({ force: true });
	await dialog.getByRole("button", { name: "Create" }).click();
	await page.getByRole("button", { name: "Change the label “Garden”" }).click();
	await dialog.getByLabel("Name").fill("Garden club");
	assert.equal(await dialog.getByRole("radio", { name: "Green" }).isChecked(), true);
	await dialog.getByRole("button", { name: "Save" }).click();
	await label.waitFor();
	await nav(page).getByRole("button", { name: /^Inbox/ }).click();
	await page.getByRole("option").filter({ hasText: "Seeds for spring" }).dragTo(label);
	await page.getByText("Label “Garden club” added").waitFor();
	const chip = page.getByRole("option").filter({ hasText: "Seeds for spring" }).getByText("Garden club");
	assert.equal(await chip.getAttribute("data-color"), "green");
	await label.click();
	await page.getByRole("heading", { level: 1, name: "Garden club" }).waitFor();
	await until(async () => (await page.getByRole("listbox", { name: "Garden club" }).getByRole("option").count()) === 1, "what has the label");
	await page.getByRole("listbox", { name: "Garden club" }).getByRole("option").click();
	await page.getByRole("region", { name: "Conversation" }).locator("article").getByText("Garden club").first().waitFor();
	await page.getByRole("button", { name: "Take away the label Garden club" }).click();
	await until(async () => (await page.getByRole("option").getByText("Garden club").count()) === 0, "it to be without the label");
	await page.finish();
});

test("what is read may stand below the list, with a line between them", async () => {
	const page = await start();
	await page.evaluate(() => { location.hash = "#/settings/looks"; });
	await page.getByLabel("Reading pane").selectOption({ label: "Below the list" });
	await nav(page).getByRole("button", { name: /^Inbox/ }).click();
	await page.getByRole("option").filter({ hasText: "Seeds for spring" }).click();
	const line = page.getByRole("separator", { name: "Height of the list" }), list = page.getByRole("listbox", { name: "Inbox" }), pane = page.getByRole("region", { name: "Conversation" });
	await pane.getByRole("heading", { name: /Seeds for spring/ }).waitFor();
	const before = await list.boundingBox();
	assert.ok((await pane.boundingBox()).y >= before.y + before.height);
	await line.focus();
	await page.keyboard.press("ArrowDown");
	await until(async () => (await list.boundingBox()).height > before.height, "the list to be higher");
	await page.reload();
	await pane.getByRole("heading", { name: /Seeds for spring/ }).waitFor();
	await until(async () => (await list.boundingBox()).height > before.height, "the list to be as high again");
	await page.finish();
});

test("a password for a program is shown once, and ended; sessions are listed and ended", async () => {
	const page = await start({ noise: [/status of 4\d\d/, ...CHANGED] });
	await page.getByRole("button", { name: "Settings" }).click();
	await page.getByRole("tab", { name: "Programs" }).click();
	await page.getByText("No programs have a password of their own").waitFor();
	await page.getByRole("button", { name: "New app password" }).click();
	const dialog = page.getByRole("dialog");
	await dialog.getByLabel("What it is for").fill("Phone");
	await dialog.getByLabel("Password").fill("wrong");
	await dialog.getByRole("button", { name: "Create" }).click();
	await dialog.getByText("The address or the password is wrong.").waitFor();
	await dialog.getByLabel("Password").fill(PASSWORD);
	await dialog.getByRole("button", { name: "Create" }).click();
	await dialog.getByText("This is the password.").waitFor();
	assert.ok((await dialog.locator("output").textContent()).length >= 16);
	await dialog.getByRole("button", { name: "Done" }).click();
	await page.getByRole("tabpanel").getByText("Phone", { exact: true }).waitFor();
	await page.getByRole("button", { name: "End", exact: true }).click();
	await page.getByText("No programs have a password of their own").waitFor();

	const address = /Account: (.*)/.exec(await page.getByRole("button", { name: /Account:/ }).getAttribute("aria-label"))[1];
	const other = await open(at, { address });
	await page.getByRole("tab", { name: "Sessions" }).click();
	await page.getByText("this one").waitFor();
	await page.getByRole("button", { name: "Sign out" }).click();
	await page.getByText("Session ended").waitFor();
	await until(async () => (await other.request.get(`${at.server.origin}/session`)).status() === 401, "the other session to be over");
	await other.context().close();
	await page.finish();
});
