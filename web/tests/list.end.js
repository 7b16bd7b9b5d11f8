// Lists: reading, choosing, and all that can be done to what is chosen.
import assert from "node:assert/strict";
import { test } from "node:test";
import { open, PHONE, stage } from "./browser.js";
import { LETTERS } from "./letters.js";
import { until } from "./server.js";

const at = stage();
const ROWS = 7; // of LETTERS: two are one conversation

async function inbox(options = {}) {
	const address = at.server.account();
	await at.server.deliver(address, LETTERS);
	const page = await open(at, { address, ...options });
	await rows(page, ROWS);
	return page;
}
function row(page, text) {
	return page.getByRole("option").filter({ hasText: text });
}
async function rows(page, count) {
	await until(async () => (await page.getByRole("option").count()) === count, `${count} rows`);
}
async function folder(page, name) {
	await page.getByRole("navigation").getByRole("button", { name, exact: false }).first().click();
	await page.getByRole("heading", { level: 1, name }).waitFor();
}
async function undo(page, text) {
	await page.getByRole("status").getByText(text).first().waitFor();
	await page.getByRole("button", { name: "Undo" }).last().click();
}
const tick = (page, text) => row(page, text).locator(".who").click();

test("a conversation is read beside the list, and is read from then on", async () => {
	const page = await inbox();
	const one = row(page, "Plans for the weekend");
	await page.getByRole("option", { name: /^Unread,\s*Anna, Clara.*Plans for the weekend/ }).waitFor();
	await one.click();
	await page.getByRole("heading", { name: "Re: Plans for the weekend" }).waitFor();
	await page.getByRole("option", { name: /^Anna, Clara/ }).waitFor();
	assert.match(page.url(), /#\/mail\/m[^/]+\/t/);
	await page.getByRole("button", { name: "Next conversation" }).click();
	await page.getByRole("heading", { name: "Photos from the coast" }).waitFor();
	await page.getByRole("button", { name: "Previous conversation" }).click();
	await page.getByRole("heading", { name: "Re: Plans for the weekend" }).waitFor();
	await page.goBack();
	await page.getByText("No conversation selected").waitFor();
	await page.finish();
});

test("what is archived and deleted can be taken back, and is where it belongs", async () => {
	const page = await inbox(), order = async () => (await page.getByRole("option").allInnerTexts()).map((text) => /[^\n]*(?:Plans|Photos|Счёт|Reuni|order|мельница|Seeds)[^\n]*/.exec(text)?.[0]).join("\n"), before = await order();
	await row(page, "Photos from the coast").click();
	await page.getByRole("toolbar").last().getByRole("button", { name: "Archive" }).click();
	await rows(page, ROWS - 1);
	await undo(page, "Conversation archived");
	await until(async () => (await order()) === before, "the list as it was");
	await tick(page, "Your order");
	await tick(page, "Photos from");
	await page.getByText("2 selected").waitFor();
	await page.getByRole("toolbar").first().getByRole("button", { name: "Delete" }).click();
	await rows(page, ROWS - 2);
	await page.getByText("2 conversations deleted").waitFor();
	await folder(page, "Trash");
	await rows(page, 2);
	await tick(page, "Your order");
	await page.getByRole("toolbar").first().getByRole("button", { name: "Delete for good" }).click();
	await rows(page, 1);
	await undo(page, "Deleted for good");
	await rows(page, 2);
	await page.finish();
});

test("everything goes by keys", async () => {
	const page = await inbox(), press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
	await press("j", "j", "x", "j", "x");
	await page.getByText("2 selected").waitFor();
	await press("Shift+j", "Shift+j");
	await page.getByText("4 selected").waitFor();
	await press("e");
	await rows(page, ROWS - 4);
	await press("z");
	await rows(page, ROWS);
	await press("Control+a");
	await page.getByText("7 selected").waitFor();
	await press("Shift+I");
	await until(async () => (await page.getByRole("option", { name: /Unread/ }).count()) === 0, "all to be read");
	await press("Escape", "j", "s");
	await page.getByRole("option", { name: /Starred/ }).first().waitFor();
	await press("Enter");
	await page.getByRole("region", { name: "Conversation" }).getByRole("heading", { level: 1 }).waitFor();
	await press("u");
	await page.getByText("No conversation selected").waitFor();
	await press("g", "t");
	await page.getByRole("heading", { name: "Sent" }).waitFor();
	await press("?");
	await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
	await press("Escape");
	await page.getByRole("dialog").first().waitFor({ state: "hidden" });
	const searches = () => page.evaluate(() => document.activeElement.getAttribute("role") === "combobox");
	await until(async () => (await searches()) || (await press("/"), await searches()), "the search field to have the keys"); // a dialog that has just closed may take the first
	await page.finish();
});

test("shift and ctrl choose as everywhere", async () => {
	const page = await inbox(), all = page.getByRole("option");
	await all.nth(1).click({ modifiers: ["ControlOrMeta"] });
	await all.nth(3).click({ modifiers: ["Shift"] });
	await page.getByText("3 selected").waitFor();
	await all.nth(2).click({ modifiers: ["ControlOrMeta"] });
	await page.getByText("2 selected").waitFor();
	await page.getByLabel("Select all").click();
	await page.getByText("2 selected").waitFor({ state: "detached" });
	await page.getByLabel("Select all").click();
	await page.getByText("7 selected").waitFor();
	await page.finish();
});

test("junk, star, unread, move, label and snooze", async () => {
	const page = await inbox(), bar = page.getByRole("toolbar").last();
	await row(page, "Your order").click();
	await bar.getByRole("button", { name: "Junk" }).click();
	await rows(page, ROWS - 1);
	await folder(page, "Junk");
	await row(page, "Your order").click();
	await bar.getByRole("button", { name: "Not junk" }).click();
	await rows(page, 0);
	await folder(page, "Inbox");
	await rows(page, ROWS);

	await row(page, "Photos from").click();
	await bar.getByRole("button", { name: "Add star" }).click();
	await page.getByRole("option", { name: /Starred.*Photos/ }).waitFor();
	await bar.getByRole("button", { name: "Mark as unread" }).click();
	await page.getByRole("option", { name: /Unread.*Photos/ }).waitFor();

	await bar.getByRole("button", { name: "Label" }).click();
	await page.getByRole("menuitem", { name: "New label" }).click();
	await page.getByRole("dialog").getByLabel("Name").fill("Family");
	await page.getByRole("dialog").getByRole("button", { name: "Create" }).click();
	await row(page, "Photos from").getByText("Family").waitFor();

	await bar.getByRole("button", { name: "Move to" }).click();
	await page.getByRole("menuitem", { name: "Archive" }).click();
	await rows(page, ROWS - 1);
	await page.getByText("Moved to Archive").waitFor();

	await row(page, "Seeds for spring").click();
	await bar.getByRole("button", { name: "Snooze" }).click();
	await page.getByRole("menuitem", { name: "Tomorrow" }).click();
	await rows(page, ROWS - 2);
	await folder(page, "Snoozed");
	await rows(page, 1);
	await page.finish();
});

test("rows are dragged onto folders", async () => {
	const page = await inbox();
	await tick(page, "Your order");
	await tick(page, "Seeds for");
	await row(page, "Seeds for").dragTo(page.getByRole("navigation").getByRole("button", { name: "Archive", exact: true }));
	await rows(page, ROWS - 2);
	await undo(page, "2 conversations moved to Archive");
	await rows(page, ROWS);
	await page.finish();
});

test("a list is narrowed to what is unread, starred, or has attachments", async () => {
	const page = await inbox();
	await page.getByRole("button", { name: "Show only" }).click();
	await page.getByRole("menuitemradio", { name: "With attachments" }).click();
	await rows(page, 2);
	await page.getByRole("button", { name: "Show everything" }).click();
	await rows(page, ROWS);
	await page.getByRole("button", { name: "Show only" }).click();
	await page.getByRole("menuitemradio", { name: "Starred" }).click();
	await page.getByText("No such messages here").waitFor();
	await page.finish();
});

test("news comes by itself", async () => {
	const page = await inbox(), address = /Account: (.*)/.exec(await page.getByRole("button", { name: /Account:/ }).getAttribute("aria-label"))[1];
	await at.server.deliver(address, [{ subject: "Just now", text: "Fresh from the press." }]);
	await row(page, "Just now").waitFor();
	await rows(page, ROWS + 1);
	await page.finish();
});

test("offline the list stays, and what is done there is done when the server is back", async () => {
	const page = await inbox({ noise: [/net::ERR_INTERNET_DISCONNECTED/, /status of 4\d\d/, /WebSocket/] });
	await page.context().setOffline(true);
	await tick(page, "Your order");
	await page.getByRole("toolbar").first().getByRole("button", { name: "Archive" }).click();
	await rows(page, ROWS - 1);
	await page.getByText("You are offline.").waitFor();
	await page.context().setOffline(false);
	await page.getByText("You are offline.").waitFor({ state: "detached" });
	await folder(page, "Archive");
	await rows(page, 1);
	await page.finish();
});

test("on a phone there is one pane: a list, what is read, and the way back; rows are swiped", async () => {
	const page = await inbox(PHONE);
	assert.equal(await page.getByRole("region", { name: "Conversation" }).count(), 0);
	await row(page, "Photos from").tap();
	await page.getByRole("heading", { name: "Photos from the coast" }).waitFor();
	await page.getByRole("listbox", { name: "Inbox" }).waitFor({ state: "hidden" });
	await page.getByRole("button", { name: "Back to the list" }).tap();
	await rows(page, ROWS);
	await page.getByRole("button", { name: "Folders" }).tap();
	await page.getByRole("navigation").getByRole("button", { name: "Drafts", exact: true }).tap();
	await page.getByRole("heading", { name: "Drafts" }).waitFor();
	await page.goBack();
	await rows(page, ROWS);
	// A finger goes from right to left: to the archive, as is set.
	const box = await row(page, "Your order").boundingBox(), session = await page.context().newCDPSession(page);
	const touch = (type, x) => session.send("Input.dispatchTouchEvent", { type, touchPoints: type === "touchEnd" ? [] : [{ x, y: box.y + box.height / 2 }] });
	await touch("touchStart", 300);
	for (const x of [280, 240, 190, 150]) await touch("touchMove", x);
	await touch("touchEnd");
	await rows(page, ROWS - 1);
	await page.getByText("Conversation archived").waitFor();
	await page.finish();
});
