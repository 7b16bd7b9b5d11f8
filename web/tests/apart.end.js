// Mail that is in no mailbox: what was deleted for good and is put back, and what was held back.
import assert from "node:assert/strict";
import { test } from "node:test";
import { open, PHONE, stage } from "./browser.js";
import { LETTERS } from "./letters.js";
import { until } from "./server.js";
import { destroyAll, holdBack } from "./stranger.js";

const at = stage();
const nav = (page) => page.getByRole("navigation");
const row = (page, text) => page.getByRole("option").filter({ hasText: text });

test("what was deleted for good is put back, and that is taken back", async () => {
	const address = at.server.account();
	await at.server.deliver(address, LETTERS);
	const page = await open(at, { address });
	await row(page, "Photos from the coast").waitFor();
	await nav(page).getByRole("button", { name: "Recently deleted" }).click();
	await page.getByText("Nothing to put back").waitFor();
	await page.evaluate(destroyAll, "Photos");
	await page.evaluate(destroyAll, "order");
	const list = page.getByRole("main").getByRole("listitem");
	await until(async () => (await list.count()) === 2, "both to be there, by themselves");
	await list.filter({ hasText: "Photos from the coast" }).getByRole("button", { name: "Put back" }).click();
	await page.getByText("Message put back").waitFor();
	await until(async () => (await list.count()) === 1, "one to be left");
	await nav(page).getByRole("button", { name: /^Inbox/ }).click();
	await row(page, "Photos from the coast").waitFor();
	await page.goBack();
	await page.locator(".toast").filter({ hasText: "Message put back" }).getByRole("button", { name: "Close" }).click();
	await page.getByText("Message put back").waitFor({ state: "detached" });
	await list.getByRole("checkbox").first().check();
	await page.getByRole("button", { name: "Put back 1 message" }).click();
	await page.getByText("Nothing to put back").waitFor();
	await until(async () => (await page.getByText("Message put back").count()) > 0, "the word that it is back");
	await page.getByRole("button", { name: "Undo" }).last().click();
	await list.filter({ hasText: "Your order" }).waitFor();
	await page.finish();
});

// ---- Held back ----

test("what is held back is looked at, let through, and deleted with a way back", { timeout: 240_000 }, async () => {
	const address = at.server.account();
	await holdBack(at.server, address);
	const page = await open(at, { address, ...PHONE }), list = page.getByRole("main").getByRole("listitem");
	await page.getByText("There is nothing in your inbox.").waitFor();
	await page.getByRole("button", { name: "Folders" }).tap();
	await nav(page).getByRole("button", { name: /^Held back/ }).tap();
	await until(async () => (await list.count()) === 2, "both to be there");
	await list.filter({ hasText: "B U Y two" }).getByRole("button").first().tap();
	await page.getByText("Nothing proves that it is really from this address.").waitFor();
	await page.getByText("Why it was held back").waitFor();
	await page.getByRole("button", { name: "Delete" }).tap();
	await page.getByText("Message deleted").waitFor();
	await until(async () => (await list.filter({ hasText: "B U Y two" }).count()) === 0, "it to be gone");
	await page.getByRole("button", { name: "Undo" }).tap();
	await list.filter({ hasText: "B U Y two" }).getByRole("button").first().tap();
	await page.getByRole("button", { name: "Let through" }).tap();
	await page.getByText("It will be in your inbox in a moment.").waitFor();
	await list.filter({ hasText: "B U Y one" }).getByRole("button").first().tap();
	await page.getByRole("button", { name: "Delete" }).tap();
	await page.getByText("Nothing is held back").waitFor();
	// Who goes away means it.
	await page.getByRole("button", { name: "Folders" }).tap();
	await nav(page).getByRole("button", { name: /^Inbox/ }).tap();
	await row(page, "B U Y two").waitFor();
	await until(() => !at.server.run(["quarantine", "list", "--for", address]).includes("B U Y"), "nothing to be held any more");
	await page.finish();
});
