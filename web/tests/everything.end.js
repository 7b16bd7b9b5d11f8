// Every function of the pages is used once, on a desktop in Portuguese and on a phone in Russian (the other tests speak English), and what came of it is asked of the server.
// In the end the controls are named that were seen and not used: a new button without a test is found there.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { CHANGED, DESKTOP, open, PHONE, stage } from "./browser.js";
import { Functions, texts } from "./functions.js";
import { LETTERS } from "./letters.js";
import { Mail } from "./mail.js";
import { PNG } from "./read/stage.js";
import { PASSWORD, PATIENCE, until } from "./server.js";

const at = stage({ accounts: 20 }), LONG = { timeout: 8 * PATIENCE };
const SIDES = [{ device: "a desktop", size: DESKTOP, locale: "pt-PT" }, { device: "a phone", size: PHONE, locale: "ru-RU" }].map((side) => {
	const t = texts(side.locale.slice(0, 2));
	return { ...side, t, functions: new Functions(t) };
});
const base64 = (text) => Buffer.from(text).toString("base64").replace(/.{76}/g, "$&\r\n");
const NEWS = { from: "Shop <news@elsewhere.example>", subject: "Offers", raw: `From: Shop <news@elsewhere.example>
To: me@example.test
Subject: Offers
Date: ${new Date().toUTCString().replace("GMT", "+0000")}
Message-ID: <offers@tests.example>
List-Unsubscribe: <mailto:leave@elsewhere.example?subject=leave>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=mix

--mix
Content-Type: multipart/alternative; boundary=alt

--alt
Content-Type: text/plain

The offers in plain words.
--alt
Content-Type: text/html; charset=utf-8

<p>Our <a href="https://shop.elsewhere.example/">offers</a></p><img src="https://shop.elsewhere.example/a.png" width=100 height=20><blockquote type=cite>What was quoted</blockquote>
--alt--
--mix
Content-Type: text/plain; name=notes.txt
Content-Disposition: attachment; filename=notes.txt

Words in a file.
--mix
Content-Type: image/png; name=dot.png
Content-Disposition: attachment; filename=dot.png
Content-Transfer-Encoding: base64

${PNG.toString("base64")}
--mix--` };
/** A conversation long enough for its middle to be folded. */
const LONG_TALK = Array.from({ length: 9 }, (_, i) => ({ from: `Person ${i} <p${i}@elsewhere.example>`, subject: i ? "Re: A long talk" : "A long talk", text: `Word ${i}`, id: `talk${i}`, ...(i ? { answers: `talk${i - 1}` } : {}), age: 30 - i }));

/** What stands in a menu where a bar has little room. */
const SELDOM = ["act.star", "act.unstar", "act.label", "act.snooze", "act.junk", "act.notJunk"];

/** Somebody at a page, on one of the two sides. */
class Person {
	static async begin(side, letters = LETTERS, more = {}) {
		const self = new Person(), address = at.server.account();
		await at.server.deliver(address, letters);
		Object.assign(self, side, { address, phone: side.size === PHONE, mail: new Mail(at.server, address) });
		self.page = await open(at, { address, ...side.size, locale: side.locale, follow: side.functions, ...more });
		await self.page.getByRole("option").first().waitFor();
		return self;
	}
	finish() {
		return this.page.finish();
	}
	async click(locator) {
		await (this.phone ? locator.tap() : locator.click());
	}
	/** A button, by the key of what it says. */
	button(key, values, within = this.page) {
		return within.getByRole("button", { name: this.t(key, values), exact: true });
	}
	async press(key, values, within) {
		await this.click(this.button(key, values, within).first());
	}
	/** What stands in an open menu. */
	async choose(key, values = {}) {
		const name = this.t(key, values);
		await this.click(this.page.getByRole("menuitem", { name }).or(this.page.getByRole("menuitemradio", { name })).first());
	}
	get dialog() {
		return this.page.locator("dialog[open]").last();
	}
	async said(key, values) {
		await this.page.getByRole("status").getByText(this.t(key, values)).first().waitFor();
	}
	async undo() {
		await this.click(this.page.getByRole("status").getByRole("button", { name: this.t("ui.undo") }).last());
	}
	/** Takes away what is said below, which may lie over a row for as long as it can be read. */
	async quiet() {
		await this.page.evaluate(() => document.querySelectorAll(".toast button[aria-label]").forEach((button) => button.click()));
	}
	row(text) {
		return this.page.getByRole("listbox").last().getByRole("option").filter({ hasText: text }).first();
	}
	async tick(text) {
		await this.quiet();
		await this.click(this.row(text).locator(".who"));
	}
	/** The bar above the list for what is chosen, and that above what is read. */
	get bar() {
		return this.page.getByRole("toolbar", { name: this.t("act.bar") }).locator("visible=true").last();
	}
	async fromBar(key) {
		await this.bar.waitFor();
		const more = this.button("act.more", {}, this.bar);
		if (!SELDOM.includes(key) || !(await more.count())) return this.click(this.button(key, {}, this.bar));
		await this.click(more);
		return this.choose(key);
	}
	async drawer() {
		await this.quiet();
		if (this.phone) await this.click(this.page.locator(".opens button"));
	}
	async folder(key, name = this.t(key)) {
		await this.drawer();
		await this.click(this.page.getByRole("navigation").locator(".folder").filter({ hasText: name }).first());
		await this.page.getByRole("heading", { level: 1, name }).first().waitFor();
	}
	async go(hash) {
		await this.page.evaluate((to) => { location.hash = to; }, hash);
	}
	async read(text) {
		await this.quiet();
		await this.click(this.row(text));
		await this.page.getByRole("region", { name: this.t("reading.pane") }).getByRole("heading", { level: 1 }).filter({ hasText: text }).waitFor();
		await this.page.locator("article.open .text").last().waitFor();
	}
	/** On a phone back to the list, if it isn't there already: what was acted on last leads there by itself. */
	async back() {
		if (!this.phone) return;
		const button = this.button("reading.back"), list = this.page.locator("[role=option]:visible").first();
		await until(async () => (await list.isVisible()) || (await button.tap({ timeout: 5000 }).catch(() => {}), await list.isVisible()), "the list");
	}
}

for (const side of SIDES) {
	test(`lists, on ${side.device}`, LONG, async () => {
		const one = await Person.begin(side), { t, mail, page } = one;
		await one.press("list.refresh");
		for (const only of ["unread", "starred", "attachments", "all"]) {
			await one.press("list.narrow");
			await one.choose(`list.only.${only}`);
			if (only === "attachments") await until(async () => (await page.getByRole("option").count()) === 2, "two with attachments");
		}
		await one.press("list.narrow");
		await one.choose("list.only.starred");
		await one.press("list.showAll");
		await one.tick("Your order");
		await one.fromBar("act.read");
		await mail.has("Your order has been shipped", "$seen");
		await one.fromBar("act.unread");
		await mail.has("Your order has been shipped", "$seen", false);
		for (const on of [true, false]) {
			await one.fromBar(on ? "act.star" : "act.unstar");
			await mail.has("Your order has been shipped", "$flagged", on);
		}
		await one.fromBar("act.label");
		await one.choose("label.new");
		await one.dialog.getByRole("textbox").fill("Покупки");
		await one.press("label.make", {}, one.dialog);
		await until(async () => ((await mail.settings()).labels ?? []).some(({ name }) => name === "Покупки"), "the label");
		const keyword = (await mail.settings()).labels[0].keyword;
		await mail.has("Your order has been shipped", keyword);
		await one.fromBar("act.label");
		await one.click(page.getByRole("menuitemradio", { name: "Покупки" }));
		await mail.has("Your order has been shipped", keyword, false);
		await one.fromBar("act.move");
		await one.choose("role.archive");
		await mail.isIn("Your order has been shipped", "archive");
		await one.undo();
		await mail.isIn("Your order has been shipped", "inbox");
		await one.tick("Your order");
		await one.fromBar("act.archive");
		await mail.isIn("Your order has been shipped", "archive");
		await one.press("ui.close", {}, page.getByRole("status"));
		await one.tick("Seeds for");
		await one.fromBar("act.trash");
		await mail.isIn("Seeds for spring: what to sow and when", "trash");
		await one.tick("Старая мельница");
		await one.fromBar("act.junk");
		await mail.isIn("Старая мельница", "junk");
		await one.tick("Photos from");
		await one.fromBar("act.snooze");
		await one.choose("snooze.tomorrow");
		await mail.isIn("Photos from the coast", "snoozed");
		await one.tick("Счёт за");
		await one.fromBar("act.snooze");
		await one.choose("snooze.pick");
		await one.press("act.snooze", {}, one.dialog);
		await mail.isIn("Счёт за ноябрь", "snoozed");
		await one.click(page.getByLabel(t("list.all")));
		await page.getByText(t("list.chosen", { n: 2 })).waitFor();
		await one.click(page.getByLabel(t("list.all")));
		await one.folder("role.junk");
		await one.tick("Старая");
		await one.fromBar("act.notJunk");
		await mail.isIn("Старая мельница", "inbox");
		await one.folder("role.trash");
		await one.tick("Seeds");
		await one.fromBar("act.destroy");
		await one.undo();
		await one.row("Seeds").waitFor();
		await mail.isIn("Seeds for spring: what to sow and when", "trash");
		if (!one.phone) {
			const line = page.getByRole("separator"), box = await line.boundingBox();
			await page.mouse.move(box.x + box.width / 2, box.y + 200);
			await page.mouse.down();
			await page.mouse.move(box.x + 80, box.y + 200);
			await page.mouse.up();
			assert.ok(Number(await line.getAttribute("aria-valuenow")) > 430);
			await line.dblclick();
			await until(async () => (await line.getAttribute("aria-valuenow")) === "380", "the former width");
			await one.folder("role.inbox");
			await one.row("Reunião").hover();
			await one.row("Reunião").locator(".acts .quick").nth(2).click();
			await mail.isIn("Reunião de segunda-feira: sala nova e agenda", "archive");
		}
		await one.finish();
	});

	test(`reading, on ${side.device}`, LONG, async () => {
		const one = await Person.begin(side, [...LETTERS, NEWS, ...LONG_TALK], { colorScheme: "dark", noise: [/status of [45]\d\d|Content Security Policy|Blocked script execution/] }), { t, mail, page } = one;
		await page.evaluate(() => { window.print = () => { window.printed = true; }; window.open = (href) => { window.opened = href; return null; }; });
		await one.read("Offers");
		const letter = page.frameLocator("article iframe");
		await one.press("read.pictures.once");
		await page.getByText(t.pattern("read.pictures.lost")).waitFor();
		await one.back();
		await one.read("Seeds for");
		await one.back();
		await one.read("Offers");
		await one.press("read.pictures.always");
		await mail.isSet("imagesFrom", ["news@elsewhere.example"]);
		await one.click(letter.getByText("offers", { exact: true }));
		if (one.phone) {
			await one.press("read.link.stay");
			await one.click(letter.getByText("offers", { exact: true }));
			await one.press("read.link.open");
		}
		await until(() => page.evaluate(() => window.opened === "https://shop.elsewhere.example/"), "the link's window");
		await one.click(letter.locator("summary"));
		await letter.getByText("What was quoted").waitFor();
		await one.press("read.file.look", { name: "notes.txt" });
		await one.dialog.getByText("Words in a file.").waitFor();
		await Promise.all([page.waitForEvent("download"), one.press("read.file.save", { name: "notes.txt" }, one.dialog)]);
		await one.press("ui.close", {}, one.dialog);
		await one.press("read.file.look", { name: "dot.png" });
		await one.dialog.locator("img").waitFor();
		await one.press("ui.close", {}, one.dialog);
		for (const name of ["dot.png", "notes.txt"]) assert.equal((await Promise.all([page.waitForEvent("download"), one.press("read.file.save", { name })]))[0].suggestedFilename(), name);
		await Promise.all([page.waitForEvent("download"), one.press("read.files.all")]);
		const more = async (key) => {
			await one.press("read.more", {}, page.locator("article.open > header").last());
			await one.choose(key);
		};
		await more("read.plain");
		await page.locator("article .plain").getByText("plain words").waitFor();
		await more("read.mono");
		await more("read.plain");
		await letter.getByText("offers", { exact: true }).waitFor();
		await more("read.paper");
		await until(() => page.evaluate(() => document.querySelector("article iframe").contentDocument.documentElement.className.includes("paper")), "the white ground");
		await more("read.print");
		assert.ok(await page.evaluate(() => window.printed));
		await more("read.story");
		await page.locator(".story").waitFor();
		await one.press("read.less", {}, page.locator(".told"));
		await more("read.source");
		await one.press("read.source.all", {}, one.dialog);
		await one.dialog.getByText("Message-ID: <offers@tests.example>").waitFor();
		assert.match((await Promise.all([page.waitForEvent("download"), one.press("read.save", {}, one.dialog)]))[0].suggestedFilename(), /\.eml$/);
		await one.press("ui.close", {}, one.dialog);
		await one.click(page.locator("article.open .to"));
		await one.click(page.locator(".details .inline"));
		await page.locator(".story").waitFor();
		await one.press("read.star");
		await mail.has("Offers", "$flagged");
		await one.press("read.unstar");
		await mail.has("Offers", "$flagged", false);
		await one.press("read.list.mail");
		await page.getByRole("region", { name: "leave" }).waitFor();
		await one.press("compose.discard");
		await one.back();

		// The bar above it.
		await one.read("Your order");
		for (const [key, keyword, on] of [["act.star", "$flagged", true], ["act.unstar", "$flagged", false], ["act.unread", "$seen", false], ["act.read", "$seen", true]]) {
			await one.fromBar(key);
			await mail.has("Your order has been shipped", keyword, on);
		}
		await one.fromBar("act.label");
		await one.choose("label.new");
		await one.dialog.getByRole("textbox").fill("Later");
		await one.press("label.make", {}, one.dialog);
		await mail.has("Your order has been shipped", "later");
		await one.press("read.unlabel", { name: "Later" });
		await mail.has("Your order has been shipped", "later", false);
		await one.fromBar("act.snooze");
		await one.choose("snooze.week");
		await mail.isIn("Your order has been shipped", "snoozed");
		await one.back();
		await one.read("Старая мельница");
		await one.fromBar("act.junk");
		await mail.isIn("Старая мельница", "junk");
		await one.back();
		await one.read("Photos from");
		await one.fromBar("act.move");
		await one.choose("role.archive");
		await mail.isIn("Photos from the coast", "archive");
		await one.back();
		await one.read("Seeds for");
		await one.fromBar("act.archive");
		await mail.isIn("Seeds for spring: what to sow and when", "archive");
		await one.back();
		await one.read("Счёт за");
		await one.fromBar("act.trash");
		await mail.isIn("Счёт за ноябрь", "trash");
		await one.back();
		if (!one.phone) {
			await one.read("Reunião");
			await one.press("reading.next");
			await one.press("reading.previous");
			await one.press("reading.back");
		}

		// A conversation, and each message in it.
		await one.back();
		await one.read("A long talk");
		await mail.has("Re: A long talk", "$seen");
		await one.back();
		await one.read("Plans for");
		await one.click(page.getByRole("button", { name: t("read.open", { name: "Anna Berg" }) }).or(page.getByRole("button", { name: t("read.close", { name: "Anna Berg" }) })).first());
		await one.back();
		await one.read("A long talk");
		await one.click(page.locator(".folded").first());
		await page.getByRole("button", { name: t("read.open", { name: "Person 3" }) }).waitFor();
		await more("read.unread");
		await mail.until("Re: A long talk", (found) => found.some(({ keywords }) => !keywords.includes("$seen")), "to be unread");
		for (const [key, box] of [["read.archive", "archive"], ["read.junk", "junk"], ["read.notJunk", "inbox"], ["read.trash", "trash"]]) {
			if (!(await page.locator("article.open").count())) await one.read("A long talk");
			await more(key);
			await mail.until("Re: A long talk", (found) => found.some((email) => email.in.includes(box)), `one of it to be in ${box}`);
		}
		await one.finish();
	});

	test(`answering, on ${side.device}`, LONG, async () => {
		const one = await Person.begin(side, [...LETTERS, { raw: `From: Ann <ann@elsewhere.example>\nTo: ${"me"}@example.test, Bob <bob@elsewhere.example>\nSubject: To many\nDate: Mon, 30 Nov 2026 10:00:00 +0000\nMessage-ID: <many@tests.example>\n\nWhat do you think?\n` }]), { t, mail, page } = one;
		await one.read("To many");
		for (const [key, subject, test] of [["read.reply", "Re: To many", /ann@/], ["read.replyAll", "Re: To many", /bob@/], ["read.forward", "Fwd: To many", null]]) {
			await one.press(key, {}, page.locator("article footer").last());
			const sheet = page.getByRole("region", { name: subject });
			await sheet.getByRole("textbox", { name: t("compose.text") }).waitFor();
			if (test) await sheet.getByRole("button", { name: test.source.replace("@", "@elsewhere.example") }).first().waitFor({ state: "attached" });
			await one.press("compose.discard", {}, sheet);
			await sheet.waitFor({ state: "detached" });
		}
		if (!one.phone) {
			await one.press("read.reply", {}, page.locator("article.open > header").last());
			await one.press("compose.discard");
		}
		await one.finish();
		assert.ok(mail);
	});

	test(`writing, on ${side.device}`, LONG, async () => {
		const one = await Person.begin(side, LETTERS.slice(0, 2)), { t, mail, page } = one, friend = at.server.account();
		// A second sender, so that there is a choice.
		await mail.call("Identity/set", { create: { i: { name: "The Other Me", email: one.address, textSignature: "Yours, the other" } } });
		await page.reload();
		await one.row("Seeds").waitFor();
		await one.click(page.getByRole("button", { name: t("compose.new"), exact: true }).locator("visible=true").first());
		let sheet = page.getByRole("region", { name: t("compose.new") });
		const text = () => sheet.getByRole("textbox", { name: t("compose.text") });
		await text().waitFor();
		if (!one.phone) {
			await one.press("compose.expand", {}, sheet);
			await one.press("compose.shrink", {}, sheet);
			await one.press("compose.minimize", {}, sheet);
			await one.press("compose.show", {}, sheet);
		}
		const sender = sheet.getByLabel(t("compose.field.from"), { exact: true });
		await sender.selectOption({ label: `The Other Me <${one.address}>` });
		await until(async () => /Yours, the other/.test(await text().innerText()), "the other's signature");
		await sheet.getByRole("combobox", { name: t("compose.field.to"), exact: true }).fill(`Friend <${friend}>, Wrong <wrong@elsewhere.example>`);
		await one.press("compose.field.cc", {}, sheet);
		await sheet.getByRole("combobox", { name: t("compose.field.cc"), exact: true }).fill("copy@elsewhere.example");
		await one.press("compose.field.bcc", {}, sheet);
		await sheet.getByRole("combobox", { name: t("compose.field.bcc"), exact: true }).fill("secret@elsewhere.example");
		await sheet.getByLabel(t("compose.field.subject"), { exact: true }).fill("All of it");
		sheet = page.getByRole("region", { name: "All of it" });
		await one.press("compose.remove", { who: "wrong@elsewhere.example" }, sheet);
		await one.click(sheet.getByRole("button", { name: "copy@elsewhere.example", exact: true }));
		await sheet.getByRole("combobox", { name: t("compose.field.cc"), exact: true }).press("Tab");

		// The tools of rich text.
		await text().click();
		await page.keyboard.press("Control+Home");
		for (const tool of ["bold", "italic", "underline"]) {
			await one.press(`compose.${tool}`, {}, sheet);
			await page.keyboard.type(`${tool} `);
			await one.press(`compose.${tool}`, {}, sheet);
		}
		await one.press("compose.bullets", {}, sheet);
		await one.press("compose.bullets", {}, sheet);
		await one.press("compose.numbers", {}, sheet);
		await one.press("compose.numbers", {}, sheet);
		await one.press("compose.link", {}, sheet);
		await one.dialog.getByRole("textbox").fill("https://elsewhere.example/");
		await one.press("compose.insertLink", {}, one.dialog);
		await text().locator("a").click();
		await one.press("compose.link", {}, sheet);
		await one.press("compose.unlink", {}, one.dialog);
		const format = async (key) => {
			await one.press("compose.more", {}, sheet);
			await one.choose(key);
		};
		for (const key of ["strike", "quote", "unquote", "code", "code", "size.small", "size.large", "size.normal", "clear", "undo", "redo"]) await format(`compose.${key}`);
		await Promise.all([page.waitForEvent("filechooser").then((chooser) => chooser.setFiles({ name: "dot.png", mimeType: "image/png", buffer: PNG })), one.press("compose.picture", {}, sheet)]);
		await text().locator("img").waitFor();
		await Promise.all([page.waitForEvent("filechooser").then((chooser) => chooser.setFiles([{ name: "one.txt", mimeType: "text/plain", buffer: Buffer.from("1") }, { name: "two.txt", mimeType: "text/plain", buffer: Buffer.from("2") }])), one.press("compose.attach", {}, sheet)]);
		await sheet.getByText("two.txt").waitFor();
		await one.press("compose.remove", { who: "two.txt" }, sheet);
		const option = async (key) => {
			await one.press("compose.options", {}, sheet);
			await one.choose(key);
		};
		for (const key of ["compose.receipt", "compose.notifyDelivery", "compose.priority.low", "compose.priority.normal", "compose.priority.high"]) await option(key);
		await until(async () => (await sheet.getByRole("progressbar").count()) === 0, "the upload");
		await option("compose.later");
		await one.click(one.dialog.locator("li button").first());
		const kept = await mail.whole("All of it").then(() => until(async () => (await mail.emails(["to", "cc", "bcc", "from"])).find((email) => email.subject === "All of it" && !email.in.includes("drafts")), "the message to wait"));
		assert.deepEqual([kept.to.map(({ email }) => email), kept.cc.map(({ email }) => email), kept.from[0].name], [[friend], ["copy@elsewhere.example"], "The Other Me"]);
		const { list } = await mail.call("EmailSubmission/get", { ids: null });
		assert.ok(list.some((submission) => submission.undoStatus === "pending" && new Date(submission.sendAt) > new Date()));
		await one.click(page.getByRole("button", { name: t("compose.sent.undo"), exact: true }).last());
		sheet = page.getByRole("region", { name: "All of it" });
		await text().waitFor();
		await option("compose.plain");
		await option("compose.rich");
		await option("compose.later");
		await one.press("ui.close", {}, one.dialog);
		await one.press("compose.send", {}, sheet);
		await one.said("compose.sent");

		// What may be missing, and what is thrown away and had back.
		await one.click(page.getByRole("button", { name: t("compose.new"), exact: true }).locator("visible=true").first());
		sheet = page.getByRole("region", { name: t("compose.new") });
		await text().waitFor();
		await sheet.getByRole("combobox", { name: t("compose.field.to"), exact: true }).fill(friend);
		await one.press("compose.send", {}, sheet);
		await one.press("compose.warn.back", {}, one.dialog);
		await one.press("compose.discard", {}, sheet);
		await one.said("compose.discarded");
		await one.click(page.getByRole("button", { name: t("compose.sent.undo"), exact: true }).last());
		await sheet.getByRole("button", { name: friend, exact: true }).waitFor();
		await one.press("compose.send", {}, sheet);
		await one.press("compose.warn.send", {}, one.dialog);
		await sheet.waitFor({ state: "detached" });
		await one.drawer();
		await one.click(page.getByRole("button", { name: t("compose.new"), exact: true }).locator("visible=true").first());
		await text().waitFor();
		await sheet.getByLabel(t("compose.field.subject"), { exact: true }).fill("Kept");
		sheet = page.getByRole("region", { name: "Kept" });
		await one.press("compose.close", {}, sheet);
		await mail.isIn("Kept", "drafts");

		// Both have gone when they can't be had back any more.
		const received = new Mail(at.server, friend);
		await until(async () => (await received.emails()).length === 2, "both");
		const theirs = await received.whole("All of it");
		assert.deepEqual([theirs.from[0].name, theirs.cc[0].email, theirs.bcc ?? null, theirs.attachments.filter(({ name }) => name === "one.txt").length], ["The Other Me", "copy@elsewhere.example", null, 1]);
		assert.match(theirs["header:Disposition-Notification-To:asText"] ?? "", /@/);
		assert.equal((theirs["header:X-Priority:asText"] ?? "").trim()[0], "1");
		await one.finish();
	});

	test(`folders and search, on ${side.device}`, LONG, async () => {
		const one = await Person.begin(side), { t, mail, page } = one, nav = page.getByRole("navigation");
		const folderMenu = async (name, key) => {
			if (one.phone && !(await nav.isVisible())) await one.drawer();
			if (!one.phone) await nav.locator("li").filter({ hasText: name }).first().hover();
			await one.press("folder.more", { name }, nav);
			await one.choose(key);
		};
		await one.drawer();
		await one.press("folder.create", {}, nav);
		await one.dialog.getByRole("textbox").fill("Отчёты");
		await one.press("folder.createDo", {}, one.dialog);
		await until(async () => (await mail.boxes()).has("Отчёты"), "the folder");
		await folderMenu("Отчёты", "folder.createIn");
		await one.dialog.getByRole("textbox").fill("Inner");
		await one.press("folder.createDo", {}, one.dialog);
		await until(async () => (await mail.boxes()).get("Inner")?.parentId === (await mail.boxes()).get("Отчёты").id, "the folder in it");
		await one.press("folder.below", { name: "Отчёты" }, nav);
		await one.press("folder.below", { name: "Отчёты" }, nav);
		await folderMenu("Inner", "folder.rename");
		await one.dialog.getByRole("textbox").fill("Deep");
		await one.press("folder.renameDo", {}, one.dialog);
		await until(async () => (await mail.boxes()).has("Deep"), "the new name");
		await folderMenu("Deep", "folder.move");
		await one.dialog.getByRole("combobox").selectOption({ label: t("folder.top") });
		await one.press("folder.moveDo", {}, one.dialog);
		await until(async () => (await mail.boxes()).get("Deep").parentId === null, "it to be at the top");
		await folderMenu("Deep", "folder.delete");
		await one.press("ui.cancel", {}, one.dialog);
		await folderMenu("Deep", "folder.delete");
		await one.press("folder.deleteDo", {}, one.dialog);
		await until(async () => !(await mail.boxes()).has("Deep"), "it to be gone");
		await folderMenu(t("role.inbox"), "folder.markRead");
		await one.press("folder.readDo", {}, one.dialog);
		await until(async () => (await mail.emails()).every(({ keywords }) => keywords.includes("$seen")), "all to be read");
		await one.press("ui.close", {}, page.getByRole("status"));
		if (one.phone) await one.click(nav.locator(".folder").first());
		await one.tick("Seeds");
		await one.fromBar("act.trash");
		await mail.isIn("Seeds for spring: what to sow and when", "trash");
		await folderMenu(t("role.trash"), "folder.empty");
		await one.press("folder.emptyDo", {}, one.dialog);
		if (one.phone) await page.locator(".veil").tap({ position: { x: 370, y: 400 } });

		const field = page.getByRole("combobox", { name: t("search.label") });
		await one.click(field);
		await one.click(page.getByRole("option", { name: /^has:attachment/ }));
		await field.press("Enter");
		await until(async () => (await page.getByRole("listbox", { name: t("search.results") }).getByRole("option").count()) === 2, "two hits");
		await one.click(page.locator(".facets button").first());
		await until(async () => (await page.getByRole("listbox", { name: t("search.results") }).getByRole("option").count()) === 1, "one hit");
		await one.press("search.clear");
		await page.getByRole("heading", { level: 1, name: t("role.inbox") }).waitFor();
		await one.click(field);
		await one.click(page.getByRole("option", { name: /^has:attachment/ }).first());
		await mail.isGone("Seeds for spring: what to sow and when"); // when it can't be had back any more
		await one.finish();
	});

	test(`people, on ${side.device}`, LONG, async () => {
		const one = await Person.begin(side, LETTERS.slice(0, 1)), { t, mail, page } = one, name = "Ana Maria Żółć";
		await one.press("contacts.heading");
		const people = page.getByRole("region", { name: t("contacts.heading") });
		await one.press("contacts.new", {}, people);
		await one.press("contacts.cancel");
		if (one.phone && (await page.locator(".back button").isVisible())) await one.press("contacts.back");
		await one.press("contacts.new", {}, people);
		const form = page.locator("form").last();
		for (const [key, value] of [["given", "Ana Maria"], ["surname", "Żółć"], ["organization", "Мельница"], ["title", "Chefe"], ["nickname", "Ana"], ["note", "Likes mills"]]) await form.getByLabel(t(`contacts.${key}`), { exact: true }).fill(value);
		await form.getByLabel(t("contacts.birthday")).fill("1990-05-03");
		await form.getByRole("textbox", { name: t("contacts.emails"), exact: true }).first().fill("ana@elsewhere.example");
		await form.getByRole("textbox", { name: t("contacts.emails"), exact: true }).nth(1).fill("second@elsewhere.example");
		await form.getByRole("combobox", { name: t("contacts.place", { what: t("contacts.emails") }) }).first().selectOption({ label: t("contacts.place.work") });
		await one.press("contacts.removeLine", { what: "second@elsewhere.example" }, form);
		await form.getByRole("textbox", { name: t("contacts.phones"), exact: true }).first().fill("+351 21 123 45 67");
		await form.getByRole("textbox", { name: t("contacts.links"), exact: true }).first().fill("https://elsewhere.example/");
		await form.getByRole("textbox", { name: t("contacts.addresses"), exact: true }).first().fill("Rua do Moinho 1\nLisboa");
		await one.press("contacts.save", {}, form);
		await page.getByRole("heading", { name }).waitFor();
		const [card] = await mail.contacts();
		assert.match(JSON.stringify(card), /Мельница.*|Chefe/);
		assert.deepEqual(Object.values(card.emails).map((email) => email.address), ["ana@elsewhere.example"]);
		await one.press("contacts.edit");
		await one.press("contacts.cancel", {}, page.locator("form").last());
		for (const button of [one.button("contacts.write"), page.getByRole("button", { name: "ana@elsewhere.example", exact: true }).first()]) {
			await one.click(button);
			await page.getByRole("region", { name: t("compose.new") }).getByRole("button", { name, exact: true }).waitFor();
			await one.press("compose.discard");
		}
		assert.equal(await page.getByRole("link", { name: "+351 21 123 45 67" }).getAttribute("href"), "tel:+351211234567");
		if (one.phone) await one.press("contacts.back");
		const menu = async (key) => {
			await one.press("contacts.more", {}, people);
			await one.choose(key);
		};
		await Promise.all([page.waitForEvent("filechooser").then((chooser) => chooser.setFiles({ name: "p.csv", mimeType: "text/csv", buffer: Buffer.from("First Name,Last Name,E-mail 1 - Value\nБорис,Смирнов,boris@elsewhere.example\n") })), menu("contacts.import")]);
		await until(async () => (await mail.contacts()).length === 2, "two contacts");
		for (const [key, file] of [["contacts.exportVcard", "contacts.vcf"], ["contacts.exportCsv", "contacts.csv"]]) assert.equal((await Promise.all([page.waitForEvent("download"), menu(key)]))[0].suggestedFilename(), file);
		await menu("contacts.newGroup");
		await one.press("contacts.cancel", {}, page.locator("form").last());
		await menu("contacts.newGroup");
		await page.getByLabel(t("contacts.groupName")).fill("Moinhos");
		await one.click(page.getByRole("checkbox", { name }));
		await one.press("contacts.save", {}, page.locator("form").last());
		await page.getByRole("heading", { name: "Moinhos" }).waitFor();
		await until(async () => (await mail.contacts()).some((group) => group.kind === "group" && Object.keys(group.members).join() === card.uid), "the group");
		await one.click(page.locator("article li button").first());
		await page.getByRole("heading", { name }).waitFor();
		await one.press("contacts.delete");
		await one.press("contacts.cancel", {}, one.dialog);
		await one.press("contacts.delete");
		await one.press("contacts.delete", {}, one.dialog);
		await until(async () => !(await mail.contacts()).some((other) => other.uid === card.uid), "her to be gone");
		await one.click(page.locator(".toast").filter({ hasText: t("contacts.deleted", { name }) }).getByRole("button", { name: t("contacts.undo") }));
		await until(async () => (await mail.contacts()).some((other) => other.uid === card.uid), "her to be back");
		await people.getByRole("searchbox").fill("смир");
		await one.click(page.getByRole("option").filter({ hasText: "Борис" }));
		await page.getByRole("heading", { name: /Борис/ }).waitFor();
		await one.finish();
	});

	test(`settings, on ${side.device}`, LONG, async () => {
		const one = await Person.begin(side, LETTERS.slice(0, 1), { noise: [/status of 4\d\d/, ...CHANGED] }), { t, mail, page } = one;
		await one.press("settings.title");
		const tab = async (part) => {
			await one.click(page.getByRole("tab", { name: t(`settings.part.${part}`), exact: true }));
			await page.locator("[aria-busy=true]").waitFor({ state: "detached" });
		};
		const wanted = [];
		const pick = async (key, option, setting, value) => {
			await page.getByLabel(t(key), { exact: true }).selectOption({ label: option });
			wanted.push([setting, value]);
		};
		const turn = async (key, setting, value) => {
			await one.click(page.getByRole("switch", { name: t(key) }));
			wanted.push([setting, value]);
		};
		/** What was set at last is so on the server: one waits for all, since they go together. */
		const set = async () => {
			for (const [setting, value] of wanted.splice(0)) await mail.isSet(setting, value);
		};
		await tab("looks");
		await pick("settings.theme", t("settings.theme.dark"), "theme", "dark");
		await pick("settings.density", t("settings.density.compact"), "density", "compact");
		await pick("settings.pane", t("settings.pane.none"), "readingPane", "none");
		await turn("settings.conversations", "conversations", false);
		await turn("settings.shortcuts", "shortcuts", false);
		await set();
		await tab("mail");
		await pick("settings.markRead", t("settings.markRead.never"), "markRead", "none");
		await pick("settings.after", t("settings.after.list"), "afterAct", "list");
		await pick("settings.images", t("settings.images.known"), "remoteImages", "known");
		await pick("settings.receipts", t("settings.receipts.never"), "receipts", "never");
		await pick("settings.undoSend", t("settings.undoSend.off"), "undoSend", 0);
		await turn("settings.html", "composeHtml", false);
		await pick("settings.swipeRight", t("settings.swipe.star"), "swipeRight", "star");
		await pick("settings.swipeLeft", t("settings.swipe.trash"), "swipeLeft", "trash");
		await set();
		await tab("identities");
		await one.press("identity.edit", { name: one.address });
		await one.dialog.getByLabel(t("identity.name")).fill("Я");
		await one.press("ui.save", {}, one.dialog);
		await until(async () => (await mail.call("Identity/get", { ids: null })).list.some(({ name }) => name === "Я"), "the name");
		await one.press("identity.new");
		await one.dialog.getByLabel(t("identity.email")).fill("somebody@elsewhere.example");
		await one.press("ui.save", {}, one.dialog);
		await one.dialog.getByText(t("identity.refused")).waitFor();
		await one.dialog.getByLabel(t("identity.email")).fill(one.address);
		await one.dialog.getByLabel(t("identity.name")).fill("Second");
		await one.press("ui.save", {}, one.dialog);
		await until(async () => (await mail.call("Identity/get", { ids: null })).list.length === 2, "another sender");
		await one.click(page.getByRole("button", { name: t("identity.remove", { name: one.address }) }).last());
		await until(async () => (await mail.call("Identity/get", { ids: null })).list.length === 1, "one sender less");
		await one.press("identity.new");
		await one.press("ui.cancel", {}, one.dialog);
		await pick("settings.signature", t("settings.signature.below"), "signaturePlace", "below");
		await set();
		await tab("away");
		await one.click(page.getByRole("switch", { name: t("away.on") }));
		await page.getByLabel(t("away.subject")).fill("Férias");
		await page.getByLabel(t("away.text"), { exact: true }).fill("Volto em janeiro.");
		await one.press("ui.save");
		await until(async () => (await mail.call("VacationResponse/get", { ids: null })).list[0].subject === "Férias", "the answer");
		await tab("labels");
		await one.press("label.new");
		await one.press("ui.cancel", {}, one.dialog);
		await one.press("label.new");
		await one.dialog.getByRole("textbox").fill("Viagem");
		await one.press("label.make", {}, one.dialog);
		await one.press("label.remove", { name: "Viagem" });
		await mail.isSet("labels", []);
		await one.click(page.getByRole("status").getByRole("button", { name: t("ui.undo") }).last());
		await until(async () => (await mail.settings()).labels?.length === 1, "the label again");
		await tab("programs");
		await one.press("phone.open");
		await one.press("ui.done", {}, one.dialog);
		await one.press("programs.new");
		await one.press("ui.cancel", {}, one.dialog);
		await one.press("programs.new");
		await one.dialog.getByLabel(t("programs.name")).fill("Telefone");
		await one.dialog.getByLabel(t("programs.allow")).selectOption({ index: 1 });
		await one.dialog.locator("input[type=password]").fill(PASSWORD);
		await one.press("programs.make", {}, one.dialog);
		await one.dialog.locator("output").waitFor();
		await page.context().grantPermissions(["clipboard-read", "clipboard-write"]).catch(() => {});
		await one.press("programs.copy", {}, one.dialog);
		await one.press("ui.done", {}, one.dialog);
		assert.deepEqual((await (await mail.ask("/app-passwords")).json()).appPasswords.map((program) => program.name), ["Telefone"]);
		await one.press("programs.end");
		await until(async () => (await (await mail.ask("/app-passwords")).json()).appPasswords.length === 0, "none");
		const other = await open(at, { address: one.address });
		await tab("sessions");
		await one.press("sessions.end");
		await until(async () => (await other.request.get(`${at.server.origin}/session`)).status() === 401, "the other session to be over");
		await other.context().close();
		await tab("looks");
		await page.getByLabel(t("settings.language")).selectOption("en");
		await mail.isSet("language", "en");
		await page.getByRole("heading", { name: "Settings" }).waitFor();
		await page.getByLabel("Language").selectOption(t.language);
		await mail.isSet("language", t.language);
		await one.finish();
	});

	test(`the frame, on ${side.device}`, LONG, async () => {
		const one = await Person.begin(side, LETTERS.slice(0, 1), { serviceWorkers: "block", noise: [/net::ERR_/, /status of 4\d\d/, /WebSocket/, /Service Worker/] }), { t, page } = one, account = async (key) => {
			await one.press("frame.account", { name: one.address });
			await one.choose(key);
		};
		if (!one.phone) {
			await one.press("keys.title");
			await one.press("ui.close", {}, one.dialog);
			await page.keyboard.press("Tab");
			await page.locator(".skip").press("Enter");
		}
		await account("keys.title");
		await one.dialog.getByText(t("keys.lists")).waitFor();
		await one.press("ui.close", {}, one.dialog);
		await account("phone.open");
		await one.dialog.getByRole("img").waitFor();
		assert.match((await Promise.all([page.waitForEvent("download"), one.click(one.dialog.getByRole("link"))]))[0].suggestedFilename(), /mobileconfig$/);
		await one.press("ui.done", {}, one.dialog);
		await account("settings.part.sessions");
		await page.getByRole("tab", { name: t("settings.part.sessions"), selected: true }).waitFor();
		// Who would lose something is asked first.
		await page.context().setOffline(true);
		await one.go("#/mail");
		await one.tick("Seeds");
		await one.fromBar("act.archive");
		await account("frame.signOut");
		await one.press("ui.cancel", {}, one.dialog);
		await page.context().setOffline(false);
		await one.mail.isIn("Seeds for spring: what to sow and when", "archive");
		await account("frame.signOut");
		await page.getByRole("heading", { name: t("signIn.title") }).waitFor();
		await one.press("phone.open");
		await one.press("ui.done", {}, one.dialog);
		await page.getByLabel(t("settings.language")).selectOption("en");
		await page.getByRole("heading", { name: "Sign in to your mail" }).waitFor();
		await page.getByLabel("Language").selectOption(t.language);
		await page.getByLabel(t("signIn.address")).fill(one.address);
		await page.getByLabel(t("signIn.password")).fill(PASSWORD);
		await one.press("signIn.submit");
		await one.row("Seeds").waitFor({ state: "detached" });
		await one.folder("role.archive");
		await page.context().setOffline(true);
		await one.tick("Seeds");
		await one.fromBar("act.trash");
		await account("frame.signOut");
		await one.press("signOut.anyway", {}, one.dialog);
		await page.getByRole("heading", { name: t("signIn.title") }).waitFor();
		await one.finish();
	});

	test(`so many functions were used, and those that weren't are named, on ${side.device}`, () => {
		for (const one of side.functions.left(EXCUSED, LISTS)) console.log(`# seen and not used: ${one}`);
		assert.ok(side.functions.used.size > MOST_OF_THEM, `only ${side.functions.used.size} were used`);
	});
}

/** What is used on either side, at least, if all tests are run. */
const MOST_OF_THEM = 100;
/** Rows, folders and people are used by what they are called; a window's cross is everywhere the same. */
const EXCUSED = [/> option /, /frame\.skip$/, / \*$/, /\.(?:close|cancel)$/, /folders > button role\./, /select folder\.place$/], LISTS = ["act.move", "act.snooze", "compose.later"];
after(() => {
	for (const { device, functions } of SIDES) console.log(`# ${device}: ${functions.used.size} functions were used`);
});
