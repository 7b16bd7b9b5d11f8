// How messages are read, in a real Chromium: pictures, links, sizes, quotations, dark pages, keys, and that everybody can use it (axe).
//
//     node tests/reading.end.js [PART-OF-A-TEST'S-NAME…]
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import assert from "node:assert/strict";
import { hostile, pages } from "./read/pdf.js";
import { closeHouse, letterOf, openStage, PNG, settled } from "./read/stage.js";
import { PATIENCE, until } from "./server.js";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const NEWS = `<style>.btn{background:#1a73e8;color:#fff;padding:9px} @media (prefers-color-scheme:dark){.own{color:#abcdef}}</style><body bgcolor=#eeeeee><table width=900 bgcolor=#ffffff><tr><td style="color:#333">
	<p id=top>Dear reader</p><img src="https://news.example/a.png" width=300 height=40 alt="A flock"><img src="https://track.example/o.gif" width=1 height=1>
	<p><a href="https://news.example/x">Read</a> <a id=liar href="https://evil.example/x">www.bank.example</a> <a href="mailto:ann@example.test?subject=Hi">write</a> <a href="#top">up</a> <a class=btn href="https://news.example/b">More</a></p></td></tr></table>`;
const RESULTS = { name: "Authentication-Results", value: " mail.example.test; spf=pass smtp.mailfrom=a@example.test; dkim=pass header.d=example.test; dmarc=pass header.from=example.test" };
const WEIGHT = { name: "X-Spam-Status", value: " Yes, score=5.2 required=5.0 tests=EXECUTABLE,DOUBLE_EXTENSION,LINK_SHORTENED autolearn=no" };
const WAY = { name: "Received", value: " from mx.example.test ([192.0.2.7]) (using TLSv1.3 with cipher X) by mail.example.test with ESMTPS id 1; Mon, 30 Nov 2026 10:00:09 +0000" };
const LIST = [{ name: "List-Unsubscribe", value: "<https://list.example/u?7>" }, { name: "List-Unsubscribe-Post", value: "List-Unsubscribe=One-Click" }];
const part = (more) => ({ partId: "9", blobId: "P1", size: 70, name: "loft.png", type: "image/png", charset: null, disposition: "attachment", cid: null, ...more });

const tests = [];
const test = (name, run, options = {}) => tests.push({ name, run, options });
const inFrame = (stage, run, argument) => stage.page.evaluate(`(${run})(document.querySelector("iframe").contentDocument, ${JSON.stringify(argument ?? null)})`);
async function show(stage, letter, more = {}) {
	await stage.show({ ...letterOf(letter), ...more });
	await settled(stage.page);
}
/** Waits until what was done in the page (window.done) is so. */
const isDone = (stage, test, what) => until(async () => test(await stage.page.evaluate(() => window.done)), what);
async function isUsable(stage, what) {
	await stage.page.evaluate(axe);
	const { violations } = await stage.page.evaluate(() => axe.run(document, { iframes: false, rules: { region: { enabled: false }, "page-has-heading-one": { enabled: false } } }));
	assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).slice(0, 3).join(" ")}`), [], what);
}

test("pictures are got when they are wanted, through us, once, and what tells who reads never is", async (stage) => {
	await show(stage, { html: NEWS });
	assert.deepEqual(stage.pictures, []);
	assert.equal(await inFrame(stage, (frame) => frame.querySelectorAll("img").length), 1, "the tracker is gone");
	await stage.page.getByRole("button", { name: "Load pictures" }).click();
	await stage.page.locator("text=isn't loaded").waitFor({ state: "detached" });
	await until(() => inFrame(stage, (frame) => frame.querySelector("img").naturalWidth === 1 && frame.querySelector("img").complete), "the picture");
	assert.deepEqual(stage.pictures, ["https://news.example/a.png"]);
	assert.match(await inFrame(stage, (frame) => frame.querySelector("img").src), /^blob:/);
});
test("always is kept, by the sender's address", async (stage) => {
	await show(stage, { html: NEWS });
	await stage.page.getByRole("button", { name: "Always from this sender" }).click();
	await isDone(stage, (done) => done.filter((one) => one.startsWith("settings")).join() === 'settings {"imagesFrom":["ann@example.test"]}', "the sender to be kept");
});
test("pictures of styles come, too, and of the letter's own parts without asking", async (stage) => {
	await show(stage, { html: `<div style="background:url(https://news.example/b.png);height:20px">x</div><img src="cid:one@x"><img src="cid:two@x">`,
		attachments: [part({ cid: "one@x", disposition: "inline" }), part({ cid: "two@x", blobId: "P2", type: "image/svg+xml", name: "two.svg" })] }, { blobs: { P1: PNG.toString("base64"), P2: "PHN2Zy8+" }, settings: { imagesFrom: ["ann@example.test"] } });
	await until(() => inFrame(stage, (frame) => frame.querySelector("#letter [style]").style.backgroundImage.startsWith('url("blob:') && frame.querySelector("img").src.startsWith("blob:")), "both pictures");
	await stage.page.waitForTimeout(200);
	assert.deepEqual(await inFrame(stage, (frame) => Array.from(frame.querySelectorAll("img"), (one) => one.src.slice(0, 5))), ["blob:", ""], "SVG isn't shown");
	assert.deepEqual(stage.pictures, ["https://news.example/b.png"]);
});
test("a picture that can't be had is told of", async (stage) => {
	await show(stage, { html: `<img src="https://news.example/none.png">` }, { settings: { imagesFrom: ["ann@example.test"] } });
	await stage.page.getByText("1 picture couldn't be had.").waitFor();
}, { remote: () => null });

test("a link says where it leads, and one that lies is asked about", async (stage) => {
	await show(stage, { html: NEWS });
	const frame = stage.page.frameLocator("iframe");
	await frame.getByText("www.bank.example").hover();
	await until(async () => /^evil\.example\/x/.test(await stage.page.locator(".pointed").innerText()), "where it leads to be said");
	await frame.getByText("www.bank.example").click();
	const asked = stage.page.getByRole("alertdialog");
	assert.match(await asked.innerText(), /The link says bank\.example, but leads to evil\.example/);
	await asked.getByRole("button", { name: "Stay here" }).click();
	assert.deepEqual(stage.ran, []);
	await frame.getByText("write").click();
	await isDone(stage, (done) => done.includes("mail mailto:ann@example.test?subject=Hi"), "a message to be begun");
	await frame.getByText("Read", { exact: true }).click();
	await until(() => stage.ran.length > 0, "a window");
	await stage.page.waitForTimeout(200);
	assert.equal(stage.ran.length, 1, "a window, of its own");
	assert.equal(await stage.context.pages().at(-1).evaluate(() => window.opener), null);
});
test("with a finger every link says first where it leads", async (stage) => {
	await show(stage, { html: NEWS });
	await stage.page.frameLocator("iframe").getByText("Read", { exact: true }).tap();
	assert.match(await stage.page.getByRole("alertdialog").innerText(), /news\.example/);
	assert.deepEqual(stage.ran, []);
}, { touch: true, width: 390, height: 844 });

test("what is too wide for a phone is made smaller, and the page is never wider than the screen", async (stage) => {
	await show(stage, { html: `<div style="width:700px">As wide as a desk</div>${NEWS}` });
	await until(() => inFrame(stage, (frame) => frame.getElementById("letter").style.zoom && Number(frame.getElementById("letter").style.zoom) < 1), "it to be smaller");
	assert.equal(await stage.page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
}, { touch: true, width: 390, height: 844 });
test("the frame is as high as the letter, however it grows", async (stage) => {
	await show(stage, { html: "<div class=gmail_attr>a</div>" + "<p>x</p>".repeat(100) });
	await until(() => stage.page.evaluate(() => Math.abs(document.querySelector("iframe").clientHeight - document.querySelector("iframe").contentDocument.getElementById("letter").getBoundingClientRect().height) <= 1), "the frame to be as high");
});
test("what was only quoted is folded, in HTML and in plain text, and can be opened by keys", async (stage) => {
	await show(stage, { html: "<p>Yes.</p><div class=gmail_quote>Ann wrote:<blockquote>Shall we?</blockquote></div>" });
	const frame = stage.page.frameLocator("iframe");
	assert.equal(await frame.getByText("Shall we?").isVisible(), false);
	await frame.locator("summary").press("Enter");
	await frame.getByText("Shall we?").waitFor();
	await show(stage, { html: "<blockquote type=cite>All of it</blockquote>" });
	await stage.page.frameLocator("iframe").getByText("All of it").waitFor();
	await show(stage, { text: "Yes.\n\n> Shall we?\n> deep" });
	assert.equal(await stage.page.getByText("Shall we?").isVisible(), false);
	await stage.page.getByText("•••").click();
	await stage.page.getByText("Shall we?").waitFor();
});

test("on a dark page words can be read, and a letter's own rules for it count", async (stage) => {
	const contrasts = (frame) => Array.from(frame.querySelectorAll("#letter p, #letter a"), (one) => {
		const light = (text) => text.match(/[\d.]+/g).slice(0, 3).map((n) => ((n /= 255) <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4)).reduce((sum, n, i) => sum + n * [0.2126, 0.7152, 0.0722][i], 0);
		let ground = one;
		while (ground.parentElement && /rgba\(0, 0, 0, 0\)|transparent/.test(frame.defaultView.getComputedStyle(ground).backgroundColor)) ground = ground.parentElement;
		const [a, b] = [light(frame.defaultView.getComputedStyle(one).color), light(frame.defaultView.getComputedStyle(ground).backgroundColor)].sort((x, y) => y - x);
		return (a + 0.05) / (b + 0.05);
	});
	await show(stage, { html: NEWS.replace(/@media[^}]*}}/, "") }, { dark: true });
	for (const one of await inFrame(stage, contrasts)) assert.ok(one >= 4.5, `contrast ${one}`);
	await show(stage, { html: `<style>p{color:#111;background:#fff} @media (prefers-color-scheme:dark){p{color:#abcdef;background:#012345}}</style><p>own</p>` }, { dark: true });
	const isColour = (wanted) => until(async () => (await inFrame(stage, (frame) => frame.defaultView.getComputedStyle(frame.querySelector("p")).color)) === wanted, `the words to be ${wanted}`);
	await isColour("rgb(171, 205, 239)");
	await show(stage, { html: "<p>plain</p>" }, { dark: true });
	await isColour("rgb(228, 230, 234)");
	await show(stage, { html: `<p style="background:url(https://news.example/b.png);color:#111">over a picture</p>` }, { dark: true });
	await until(() => inFrame(stage, (frame) => frame.documentElement.className === "paper"), "the white ground");
});

test("how it came here, in plain words, in three languages", async (stage) => {
	const said = { en: /proved that it is from example\.test[\s\S]*encrypted \(TLS 1\.3\)[\s\S]*It is junk: 5\.2 points[\s\S]*Without this it would have had 4\.8 points/, pt: /provado que vem de example\.test[\s\S]*Sem isto teria 4,8/, ru: /Доказано, что оно от example\.test[\s\S]*Без этого было бы баллов 4,8/ };
	for (const [language, pattern] of Object.entries(said)) {
		await show(stage, { text: "x", headers: [RESULTS, WEIGHT, WAY] }, { language });
		await stage.page.getByRole("button", { name: { en: "More", pt: "Mais", ru: "Ещё" }[language] }).click();
		await stage.page.getByText({ en: "How it came here", pt: "Como chegou aqui", ru: "Как оно сюда попало" }[language]).click();
		await stage.page.locator(".change").waitFor();
		assert.match(await stage.page.locator(".story").innerText(), pattern);
	}
});
test("what a sender writes of himself counts for nothing", async (stage) => {
	await show(stage, { text: "x", from: [{ name: "security@bank.example", email: "x@evil.example" }], headers: [WAY, { name: "Authentication-Results", value: "mail.example.test; dmarc=pass header.from=evil.example" }] });
	assert.equal(await stage.page.locator(".proved").count(), 0);
	await stage.page.getByText("The sender's name reads security@bank.example").waitFor();
	await show(stage, { text: "x", headers: [{ ...RESULTS, value: RESULTS.value.replace("dmarc=pass", "dmarc=fail") }, WAY] });
	await stage.page.getByText("It isn't from example.test: that domain says so.").waitFor();
});
test("a list is left with one click", async (stage) => {
	await show(stage, { text: "x", headers: [RESULTS, WAY, ...LIST] });
	await stage.page.getByRole("button", { name: "Unsubscribe" }).click();
	await stage.page.getByText("You asked to be taken off this list.").first().waitFor();
	assert.deepEqual(stage.told, ['{"url":"https://list.example/u?7"}']);
});
test("a receipt is sent only when one says so", async (stage) => {
	await show(stage, { text: "x", headers: [{ name: "Disposition-Notification-To", value: "ann@example.test" }] });
	assert.ok(!(await stage.page.evaluate(() => window.done)).includes("receipt"));
	await stage.page.getByRole("button", { name: "Tell", exact: true }).click();
	await isDone(stage, (done) => done.includes("receipt"), "the receipt");
	await stage.page.getByRole("button", { name: "Tell", exact: true }).waitFor({ state: "detached" });
});
test("a receipt goes by itself only to contacts, and to whom it is proved that they have written", async (stage) => {
	const asks = [{ name: "Return-Path", value: "<ann@example.test>" }, RESULTS, WAY, { name: "Disposition-Notification-To", value: "ann@example.test" }], receipts = () => stage.page.evaluate(() => window.done.filter((one) => /eceipt/.test(one)));
	await show(stage, { text: "x", headers: asks }, { settings: { receipts: "always" }, known: true });
	await until(async () => (await receipts()).join() === "receipt by itself", "the receipt");
	assert.equal(await stage.page.getByRole("button", { name: "Tell", exact: true }).count(), 0);
	await show(stage, { text: "x", headers: asks }, { settings: { receipts: "always" } });
	await stage.page.getByRole("button", { name: "Don't tell" }).click();
	await until(async () => /^noReceipt/.test((await receipts()).at(-1)), "the refusal");
	for (const more of [{ settings: { receipts: "never" } }, { own: true }]) {
		await show(stage, { text: "x", headers: asks }, more);
		assert.equal(await stage.page.getByRole("button", { name: "Tell", exact: true }).count(), 0);
	}
	assert.equal((await receipts()).length, 2);
});
test("an attached letter opens in place, with what is attached to it, and proves nothing", async (stage) => {
	const attached = (blobId) => part({ blobId, name: null, type: "message/rfc822" });
	const one = (letter) => {
		const { heads, bodies } = letterOf(letter);
		return { ...bodies[heads[0].id], id: "", receivedAt: "" };
	};
	const deep = one({ text: "The innermost", subject: "Deep" });
	const inner = one({ html: `<p>Inner</p><img src="https://news.example/a.png" width=90 height=40>`, subject: "Inner letter", from: [{ name: "Bank", email: "bank@bank.example" }], attachments: [part({}), attached("P7")], headers: [RESULTS, WAY, { name: "Disposition-Notification-To", value: "spy@evil.example" }, ...LIST] });
	await show(stage, { text: "See below", attachments: [attached("P6"), attached("P8")] }, { parsed: { P6: inner, P7: deep }, blobs: { P1: PNG.toString("base64") }, settings: { imagesFrom: ["bank@bank.example"], remoteImages: "known" }, known: true });
	await stage.page.getByRole("button", { name: "Look at Message" }).first().click();
	const place = stage.page.getByRole("region", { name: "Attached message: Inner letter" });
	await place.getByText("Nobody has checked who wrote it.").waitFor();
	await settled(stage.page);
	await place.locator(".face img").waitFor();
	assert.equal(await place.locator(".proved").count(), 0);
	assert.equal(await place.getByRole("button", { name: /^(Tell|Unsubscribe|Always from this sender|Add star)$/ }).count(), 0);
	await stage.page.waitForTimeout(200);
	assert.deepEqual(stage.pictures, [], "nothing is got unasked");
	await place.getByRole("button", { name: "Look at Message" }).click();
	await place.getByText("The innermost").waitFor();
	await isUsable(stage, "letters within letters");
	await place.getByRole("button", { name: "Reply", exact: true }).first().click();
	await isDone(stage, (done) => done.some((one) => /^reply $/.test(one)), "an answer, without an id");
	await place.getByRole("button", { name: "Close the message from Bank" }).press("Enter");
	await place.waitFor({ state: "detached" });
	await stage.page.getByRole("button", { name: "Look at Message" }).nth(1).click();
	await stage.page.getByText("This isn't a message that can be shown.").waitFor();
});
test("PDF files are looked at in place: pages, words, keys to the next one", async (stage) => {
	const files = { P1: PNG.toString("base64"), P2: pages(["First page", "Second page"]).toString("base64"), P3: Buffer.from([0xcf, 0xf0, 0xe8]).toString("base64") };
	await show(stage, { text: "x", attachments: [part({}), part({ blobId: "P2", name: "two.pdf", type: "application/pdf" }), part({ blobId: "P3", name: "three.txt", type: "text/plain", charset: "windows-1251" })] }, { blobs: files });
	await stage.page.getByRole("button", { name: "Look at two.pdf" }).click();
	const dialog = stage.page.getByRole("dialog", { name: "two.pdf" });
	await dialog.getByText("First page").waitFor({ state: "attached" });
	const ink = () => dialog.locator("canvas").first().evaluate((canvas) => {
		const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
		let dark = 0;
		for (let i = 0; i < data.length; i += 4) if (data[i] < 100) dark++;
		return dark / (data.length / 4);
	});
	await until(async () => (await ink()) > 0.05, "it to be drawn");
	await dialog.getByRole("region", { name: "Page 2 of 2" }).getByText("Second page").waitFor({ state: "attached" });
	await isUsable(stage, "a PDF file");
	const before = await dialog.locator("canvas").first().evaluate((canvas) => canvas.clientWidth);
	await stage.page.keyboard.press("+");
	await until(async () => (await dialog.locator("canvas").first().evaluate((canvas) => canvas.clientWidth)) > before, "the page to be larger");
	await stage.page.keyboard.press("ArrowRight");
	await stage.page.getByRole("dialog", { name: "three.txt" }).getByText("При").waitFor();
	await stage.page.keyboard.press("ArrowLeft");
	await stage.page.keyboard.press("ArrowLeft");
	await stage.page.getByRole("dialog", { name: "loft.png" }).locator("img").waitFor();
	await stage.page.keyboard.press("Escape");
	await stage.page.getByRole("dialog").waitFor({ state: "detached" });
	await until(async () => (await stage.page.evaluate(() => document.activeElement.getAttribute("aria-label"))) === "Look at two.pdf", "the button to have the keys again");
});
test("hostile PDF files do nothing, and end", async (stage) => {
	const EVIL = "http://evil.test";
	for (const { name, bytes, shows } of hostile(EVIL)) {
		await show(stage, { text: "x", attachments: [part({ blobId: "P2", name: "a.pdf", type: "application/pdf" })] }, { blobs: { P2: bytes.toString("base64") } });
		await stage.page.getByRole("button", { name: "Look at a.pdf" }).click();
		const dialog = stage.page.getByRole("dialog", { name: "a.pdf" }), page = dialog.getByRole("region").first(), told = dialog.locator(".failed").first();
		const says = { page, locked: dialog.getByText("This file has a password."), broken: dialog.getByText("This isn't a PDF file that can be read"), either: page.or(told).first() }[shows];
		await says.waitFor({ state: "attached" });
		await stage.page.waitForTimeout(150);
		assert.deepEqual([stage.ran, stage.asked.filter((one) => !/\b(?:google|gstatic|googleapis)\.com\b/.test(one))], [[], []], name); // Chromium asks its maker of its own accord
		assert.equal(stage.context.pages().length, 1, name);
		await dialog.getByRole("button", { name: "Close" }).click();
		await stage.page.getByRole("dialog").waitFor({ state: "detached" });
	}
});
test("what became of a letter: of one that came, and of one that was sent", async (stage) => {
	const row = (event, more) => ({ time: "2026-11-30T10:00:00.000Z", event, ...more });
	await show(stage, { text: "x", headers: [RESULTS, WEIGHT, WAY] }, { story: [row("accepted", { direction: "in", host: "mx.example.test [192.0.2.7]", tls: "TLSv1.3" }), row("judged", { action: "junk", points: 5.2, findings: [{ rule: "EXECUTABLE", points: 3.2, text: "x" }, { rule: "OF_OURS", points: 2, text: "Something of ours." }] }), row("filed", { mailbox: "INBOX" })] });
	await stage.page.getByRole("button", { name: "More", exact: true }).click();
	await stage.page.getByText("How it came here").click();
	for (const text of ["Something of ours.", "It came from mx.example.test [192.0.2.7].", "It was looked at, and taken for junk.", "It was put into Inbox."]) await stage.page.locator(".story").getByText(text).waitFor();
	await stage.page.locator(".change").waitFor();
	await isUsable(stage, "the story of a letter");
	const sent = { story: [row("accepted", { direction: "out" }), row("delivered", { recipient: "bob@example.test", host: "mx.far.example", tls: "TLSv1.3", reply: "250 2.0.0 ok" }), row("deferred", { recipient: "team@example.test", host: "mx.far.example", reply: "450 later", retryIn: 300 })], own: true };
	for (const [language, menu, said] of [["en", "More", /bob@example\.test\s+mx\.far\.example has taken it\.[\s\S]*encrypted \(TLS 1\.3\)[\s\S]*team@example\.test\s+Not delivered yet/], ["ru", "Ещё", /mx\.far\.example принял письмо\.[\s\S]*Ещё не доставлено/], ["pt", "Mais", /mx\.far\.example aceitou-a\.[\s\S]*Ainda não foi entregue/]]) {
		await show(stage, { text: "x" }, { ...sent, language });
		await stage.page.getByRole("button", { name: menu, exact: true }).click();
		await stage.page.getByRole("menuitem", { name: { en: "Whom it has reached", ru: "До кого оно дошло", pt: "A quem chegou" }[language] }).click();
		await stage.page.locator(".story .address").nth(1).waitFor();
		assert.match(await stage.page.locator(".story").innerText(), said);
	}
	await isUsable(stage, "what became of a letter that was sent");
});
const WRONG = { recieve: ["receive", "relieve"], lettr: ["letter"], палучил: ["получил"] };
const marked = (stage) => stage.page.evaluate(() => [...(CSS.highlights.get("pombal-spelling") ?? [])].map(String).sort());
async function isMarked(stage, words) {
	await until(async () => (await marked(stage)).join() === words.join(), `these words to be marked: ${words.join(", ")}`);
}
test("wrong words are marked as they are written, others offered, and none of that gets into the letter", async (stage) => {
	await stage.write({ html: "<div>I recieve the <b>let</b>tr, see recieve@x.test</div><div class=attribution>Ann wrote:</div><blockquote type=cite>recieve</blockquote>", text: "", wrong: WRONG });
	const text = stage.page.getByRole("textbox", { name: "Message text" });
	await isMarked(stage, ["lettr", "recieve"]);
	assert.equal(await text.getAttribute("spellcheck"), "false");
	await text.getByText("I recieve").click({ button: "right", position: { x: 40, y: 8 } });
	await stage.page.getByRole("menuitem", { name: "receive" }).click();
	await until(async () => (await text.innerText()).startsWith("I receive the lettr"), "the right word");
	await until(async () => (await stage.page.evaluate(() => window.drafted())).html.startsWith("<div>I receive the <b>let</b>tr, see recieve@x.test</div>"), "the draft to have it");
	await isMarked(stage, ["lettr"]);
	await stage.page.keyboard.press("Control+z");
	await isMarked(stage, ["lettr", "recieve"]);
	await text.press("Control+Home");
	await stage.page.keyboard.press("Control+.");
	await stage.page.getByRole("menuitem", { name: "relieve" }).waitFor();
	await isUsable(stage, "suggestions");
	await stage.page.keyboard.press("Escape");
	await stage.page.keyboard.press("Control+.");
	await stage.page.getByRole("menuitem", { name: "letter" }).waitFor();
	await stage.page.keyboard.press("Enter");
	await until(async () => (await text.innerText()).includes("the letter, see"), "the other right word");
	await isMarked(stage, ["recieve"]);
	await stage.page.keyboard.press("Control+.");
	await stage.page.getByRole("menuitem", { name: "Add “recieve” to your dictionary" }).click();
	await isMarked(stage, []);
	await isDone(stage, (done) => done.includes("learn recieve"), "the word to be learnt");
	await stage.page.keyboard.press("Control+Home");
	await stage.page.keyboard.press("End");
	await stage.page.keyboard.type(" lettr");
	await stage.page.waitForTimeout(900);
	assert.deepEqual(await marked(stage), [], "not while it is being typed");
	await stage.page.keyboard.type(" ");
	await isMarked(stage, ["lettr"]);
});
test("in plain text, too; the letter's language is told by its words, or chosen", async (stage) => {
	await stage.write({ text: "Я палучил это письмо.\n> recieve\nlettr", wrong: WRONG, language: "ru" });
	await isMarked(stage, ["lettr", "палучил"]);
	const isAsked = (languages) => until(async () => (await stage.page.evaluate(() => window.asked)).at(-1) === languages, `${languages} to be asked for`);
	await isAsked("ru en-GB");
	const field = stage.page.getByRole("textbox", { name: "Текст письма" });
	await field.press("Control+.");
	await stage.page.getByRole("menuitem", { name: "получил" }).click();
	await until(async () => (await field.inputValue()).startsWith("Я получил это письмо"), "the right word");
	await until(async () => (await stage.page.evaluate(() => window.drafted())).text.startsWith("Я получил"), "the draft to have it");
	await isMarked(stage, ["lettr"]);
	await stage.page.getByRole("button", { name: "Ещё" }).or(stage.page.locator("footer [aria-haspopup=menu]")).first().click();
	await stage.page.getByRole("menuitemradio", { name: "Правописание: португальский" }).click();
	await isAsked("pt-PT");
	await until(async () => (await field.getAttribute("spellcheck")) === "false", "the browser's checker to be off");
	await stage.page.locator("footer [aria-haspopup=menu]").first().click();
	await stage.page.getByRole("menuitemradio", { name: "Правописание: не проверять" }).click();
	await until(async () => (await field.getAttribute("spellcheck")) === "true", "the browser's checker to be on");
	await isMarked(stage, []);
});
test("where the browser can't mark words lines lie over them; where the server has no dictionary its own checker stays", async (stage) => {
	await stage.write({ html: "<div>I recieve</div>", text: "", wrong: WRONG, highlights: false });
	const line = stage.page.locator(".over i");
	await line.first().waitFor({ state: "attached" });
	const [mark, word] = await stage.page.evaluate(() => {
		const range = document.createRange(), node = document.querySelector("[contenteditable] div").firstChild;
		range.setStart(node, 2);
		range.setEnd(node, 9);
		return [document.querySelector(".over i").getBoundingClientRect(), range.getBoundingClientRect()].map(({ left, right, bottom }) => [left, right, bottom].map(Math.round));
	});
	assert.ok(mark.every((place, i) => Math.abs(place - word[i]) <= 3), `${mark} / ${word}`);
	assert.equal(await stage.page.evaluate(() => document.querySelector("[contenteditable]").innerHTML.includes("<i")), false);
	await stage.write({ html: "<div>I recieve</div>", text: "" });
	await until(async () => (await stage.page.getByRole("textbox", { name: "Message text" }).getAttribute("spellcheck")) === "true", "the browser's checker to be on");
});
test("no text becomes HTML or a script in these pages", async (stage) => {
	await show(stage, { html: NEWS });
	const tried = await stage.page.evaluate(() => {
		const ways = {
			innerHTML: () => { document.body.innerHTML = "<b>x</b>"; }, parser: () => new DOMParser().parseFromString("<b>x</b>", "text/html"), script: () => { document.createElement("script").src = "/x.js"; }, text: () => { document.createElement("script").text = "1"; },
			srcdoc: () => { document.createElement("iframe").srcdoc = "x"; }, policy: () => window.trustedTypes.createPolicy("mine", { createHTML: (text) => text }), again: () => window.trustedTypes.createPolicy("pombal", { createHTML: (text) => text }), worker: () => new Worker("/assets/x.js"),
		};
		return Object.fromEntries(Object.entries(ways).map(([name, way]) => {
			try {
				way();
				return [name, "done"];
			} catch (error) {
				return [name, error.name];
			}
		}));
	});
	assert.deepEqual(tried, { innerHTML: "TypeError", parser: "TypeError", script: "TypeError", text: "TypeError", srcdoc: "TypeError", policy: "TypeError", again: "TypeError", worker: "TypeError" });
	for (const said of stage.complaints.splice(0)) assert.match(said, /Trusted|violates/);
});
test("attachments: pictures are shown, programs warned of, names shown as they are", async (stage) => {
	await show(stage, { text: "x", attachments: [part({}), part({ blobId: "P3", name: "bill\u202efdp.exe", type: "application/pdf" }), part({ blobId: "P4", name: "notes.txt", type: "text/plain" })] }, { blobs: { P1: PNG.toString("base64"), P4: Buffer.from("<b>not bold</b>").toString("base64") } });
	await stage.page.locator(".face img").waitFor();
	await stage.page.getByText("billfdp.exe").waitFor();
	await stage.page.getByText("A program that pretends to be a document.").waitFor();
	await stage.page.getByRole("button", { name: "Look at notes.txt" }).click();
	await stage.page.getByText("<b>not bold</b>").waitFor();
});

test("a conversation: the newest is open, keys lead through it", async (stage) => {
	const letters = Array.from({ length: 8 }, (_, i) => letterOf({ text: `Text ${i}`, from: [{ name: `Person ${i}`, email: `p${i}@example.test` }] }));
	await stage.show({ heads: letters.flatMap(({ heads }) => heads), bodies: Object.assign({}, ...letters.map(({ bodies }) => bodies)), thread: true });
	await stage.page.locator(".plain").getByText("Text 7").waitFor();
	assert.equal(await stage.page.locator("article.open").count(), 1);
	await stage.page.getByRole("button", { name: "5 older messages" }).waitFor();
	await isUsable(stage, "a conversation");
	await stage.page.keyboard.press("p");
	await stage.page.keyboard.press("o");
	await stage.page.locator(".plain").getByText("Text 6").waitFor();
	await stage.page.keyboard.press("n");
	await stage.page.keyboard.press("o");
	await stage.page.locator(".plain").getByText("Text 7").waitFor({ state: "detached" });
});
test("everybody can use it, on light pages and dark ones", async (stage) => {
	for (const dark of [false, true]) {
		await show(stage, { html: NEWS, headers: [RESULTS, WEIGHT, WAY, ...LIST], attachments: [part({}), part({ blobId: "P3", name: "a.exe", type: "application/octet-stream" })], keywords: { work: true } }, { dark });
		await isUsable(stage, "a letter");
		await stage.page.getByRole("button", { name: /^to Bob/ }).click();
		await stage.page.getByRole("button", { name: "It is proved" }).click();
		await stage.page.locator(".change").waitFor();
		await isUsable(stage, "with its details");
		await stage.page.getByRole("button", { name: "More", exact: true }).click();
		await isUsable(stage, "with its menu");
		await stage.page.keyboard.press("Escape");
	}
});

let passed = 0, failed = 0;
const wanted = process.argv.slice(2);
for (const { name, run, options } of tests.filter((one) => !wanted.length || wanted.some((part) => one.name.includes(part)))) {
	const stage = await openStage(options);
	stage.page.setDefaultTimeout(PATIENCE);
	try {
		await run(stage);
		const thrown = stage.complaints.filter((text) => !/Content Security Policy|status of 4/.test(text));
		assert.deepEqual(thrown, []);
		passed++;
		console.log(`ok ${passed + failed} - ${name}`);
	} catch (error) {
		failed++;
		console.log(`not ok ${passed + failed} - ${name}\n${String(error.stack ?? error).slice(0, 3000).replace(/^/gm, "  # ")}`);
	}
	await stage.close();
}
await closeHouse();
console.log(`1..${passed + failed}\n# tests ${passed + failed}\n# pass ${passed}\n# fail ${failed}`);
process.exit(failed ? 1 : 0);
