// Letters in the charsets that people's programs write, from the server into the page: senders, subjects and texts are readable in lists and letters.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { open, stage } from "./browser.js";
import { PATIENCE, until } from "./server.js";

const at = stage();
const CHARSETS = readFileSync(join(dirname(fileURLToPath(import.meta.url)), "charsets.txt"), "utf8").trim().split("\n").slice(1).map((line) => line.split("\t"));

/** A letter whose sender, subject and text are all in that charset: in encoded words, and in bytes as they are or in HTML that says its charset itself. */
function letter([charset, , bytes], rich) {
	const body = Buffer.from(bytes, "base64").toString("latin1"), word = `=?${charset}?B?${bytes}?=`;
	const head = `From: ${word} <somebody@elsewhere.example>\nTo: me@example.test\nSubject: ${word}\nDate: Mon, 30 Nov 2026 10:00:00 +0000\nMessage-ID: <${charset}.${rich}@tests.example>\nMIME-Version: 1.0\n`;
	return { raw: head + (rich ? `Content-Type: text/html\nContent-Transfer-Encoding: 8bit\n\n<html><head><meta charset="${charset}"></head><body><p>${body}</p></body></html>` : `Content-Type: text/plain; charset=${charset}\nContent-Transfer-Encoding: 8bit\n\n${body}\n`) };
}

test(`${CHARSETS.length} charsets are read, in lists and in letters`, { timeout: 4 * PATIENCE }, async () => {
	const address = at.server.account();
	await at.server.deliver(address, CHARSETS.map((one) => letter(one, false)));
	const page = await open(at, { address, viewport: { width: 1280, height: 3400 } }); // all rows at once
	await page.getByRole("option").nth(CHARSETS.length - 1).waitFor();
	const wrong = [];
	const rows = await until(async () => {
		const all = await page.getByRole("option").evaluateAll((list) => list.map((one) => [".names", ".subject", ".preview"].map((part) => one.querySelector(part)?.textContent.normalize() ?? "")));
		return all.length === CHARSETS.length && all.every((texts) => texts.every((text) => text.trim())) && all;
	}, "all rows");
	for (const [charset, text] of CHARSETS) if (!rows.some((row) => row.every((shown) => shown.includes(text.normalize())))) wrong.push(`${charset} in the list`);
	await page.getByRole("option").first().click();
	for (let left = CHARSETS.length; left > 0; left--) {
		const subject = (await page.getByRole("region", { name: "Conversation" }).getByRole("heading", { level: 1 }).textContent()).trim();
		const [charset] = CHARSETS.find(([, text]) => text.normalize() === subject.normalize()) ?? [`a subject that nobody wrote: ${subject}`];
		await until(async () => (await page.locator("article .plain").first().textContent()).normalize().includes(subject.normalize()), `the letter in ${charset} to be shown as it was written`);
		if (left === 1) break;
		await page.getByRole("button", { name: "Next conversation" }).click();
		await page.getByRole("region", { name: "Conversation" }).getByRole("heading", { level: 1 }).filter({ hasNotText: subject }).waitFor();
	}
	assert.deepEqual(wrong, []);
	await page.finish();
});

test("what doesn't say its charset, or says it wrongly, can be read all the same", { timeout: 4 * PATIENCE }, async () => {
	const address = at.server.account(), russian = CHARSETS.find(([charset]) => charset === "koi8-r"), bytes = Buffer.from(russian[2], "base64").toString("latin1");
	await at.server.deliver(address, [
		{ raw: `From: a@elsewhere.example\nSubject: wrong\nDate: Mon, 30 Nov 2026 10:00:00 +0000\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n${bytes}\n` },
		letter(CHARSETS.find(([charset]) => charset === "windows-1251"), true),
	]);
	const page = await open(at, { address });
	await page.getByRole("option").filter({ hasText: "wrong" }).click();
	await page.getByLabel("Character set").selectOption("koi8-r");
	await page.locator("article .plain").getByText(russian[1]).waitFor();
	await page.getByRole("option").filter({ hasText: "французских" }).click();
	await until(async () => (await page.locator("article iframe").count()) > 0 && /французских булок/.test(await page.frameLocator("article iframe").first().locator("body").innerText()), "the charset that HTML says");
	await page.finish();
});
