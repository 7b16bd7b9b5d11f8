// What an attacker tries on the web mail with the real server in a real browser: by the letters that he sends, the names that he takes, and what lies about in the browser.
// That nothing runs is seen by pwned(), that nothing is asked for by a server that counts.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { open, signIn, stage } from "./browser.js";
import { LETTERS } from "./letters.js";
import { Mail } from "./mail.js";
import { PASSWORD, PATIENCE, until } from "./server.js";

const at = stage(), LONG = { timeout: 6 * PATIENCE }, NOISE = [/Content Security Policy/, /status of [45]\d\d/, /Blocked script execution/, /net::ERR_/, /Refused to (?:execute|apply)/, /unsupported MIME type/, /TrustedHTML|TrustedScript|Trusted Types/];
const asked = [];
let host;
before(async () => {
	host = createServer((request, answer) => {
		asked.push(request.url);
		answer.writeHead(200, { "Content-Type": "text/html" }).end("<script>parent.pwned('framed')</script>");
	});
	await new Promise((resolve) => host.listen(0, "127.0.0.1", resolve));
});
after(() => host?.close());
const evil = () => `http://127.0.0.1:${host.address().port}`;
const MARKUP = `"><img src=x onerror=pwned('name')><svg onload=pwned('svg')>`;
const word = (text) => `=?utf-8?B?${Buffer.from(text).toString("base64")}?=`;
const head = (subject, more = "") => `From: ${word(MARKUP)} <evil@elsewhere.example>\nTo: me@example.test\nSubject: ${word(subject)}\nDate: ${new Date().toUTCString().replace("GMT", "+0000")}\nMessage-ID: <${Math.random()}@tests.example>\nMIME-Version: 1.0\n${more}`;
const attached = (name, type, content) => `--mix\nContent-Type: ${type}\nContent-Disposition: attachment; filename*=utf-8''${encodeURIComponent(name)}\nContent-Transfer-Encoding: base64\n\n${Buffer.from(content).toString("base64").replace(/.{76}/g, "$&\n")}\n`;

async function victim(letters, { settings, ...options } = {}) {
	const address = at.server.account();
	await at.server.deliver(address, letters);
	if (settings) await new Mail(at.server, address).set(settings);
	const page = await open(at, { address, noise: NOISE, ...options });
	if (!page.ran) {
		page.ran = [];
		await page.exposeFunction("pwned", (what) => void page.ran.push(what));
		page.on("dialog", (dialog) => { page.ran.push(dialog.message()); void dialog.dismiss(); });
	}
	if (letters.length) await page.getByRole("option").first().waitFor();
	return { address, page, mail: new Mail(at.server, address), unharmed: async () => {
		await page.waitForTimeout(100);
		assert.deepEqual(page.ran, []);
		assert.deepEqual(asked, []);
		assert.equal(await page.evaluate(() => document.querySelectorAll("img[src=x], svg[onload], [onerror], script:not([src^='/assets/'])").length), 0, "no markup of others stands in the page");
	} };
}

test("names are texts wherever they are shown: senders, subjects, folders, labels, contacts, files, searches", LONG, async () => {
	const { page, mail, unharmed } = await victim([{ raw: `${head(MARKUP, "Content-Type: multipart/mixed; boundary=mix\n")}\n--mix\nContent-Type: text/plain\n\n${MARKUP}\n${attached(`${MARKUP}.txt`, "text/plain", MARKUP)}--mix--` }, ...LETTERS.slice(0, 1)]);
	const { list } = await mail.call("AddressBook/get", { ids: null });
	await mail.call("ContactCard/set", { create: { c: { uid: "urn:uuid:1", addressBookIds: { [list[0].id]: true }, name: { full: MARKUP }, emails: { e: { address: "evil@elsewhere.example" } }, notes: { n: { note: MARKUP } }, links: { l: { uri: "javascript:pwned('link')" } } } } });
	await mail.call("Mailbox/set", { create: { m: { name: `F${MARKUP}` } } });
	await mail.call("Identity/set", { create: { i: { name: MARKUP, email: mail.address, textSignature: MARKUP, htmlSignature: MARKUP } } });
	await page.getByRole("navigation").getByText(`F${MARKUP}`).waitFor();
	await page.getByRole("option").filter({ hasText: "pwned" }).first().click();
	await page.locator("article .plain").getByText(MARKUP).waitFor();
	await page.locator("article bdi.name").getByText("pwned").waitFor(); // as a file may be called: without some of its signs
	await page.getByRole("button", { name: /^Look at .*pwned/ }).click();
	await page.getByRole("dialog").locator("pre").getByText(MARKUP).waitFor();
	await page.keyboard.press("Escape");
	await page.keyboard.press("l");
	await page.getByRole("menuitem", { name: "New label" }).click();
	await page.getByRole("dialog").getByLabel("Name").fill(MARKUP.slice(0, 60));
	await page.keyboard.press("Enter");
	await page.locator("[role=option] .label").first().waitFor();
	await page.keyboard.press("a");
	await page.getByRole("textbox", { name: "Message text" }).waitFor();
	await unharmed();
	await page.getByRole("button", { name: "Discard draft" }).click();
	await page.getByRole("textbox", { name: "Message text" }).waitFor({ state: "detached" });
	await page.keyboard.press("v");
	await page.getByRole("menuitem", { name: `F${MARKUP}` }).click();
	await page.getByText(`Moved to F${MARKUP}`).first().waitFor();
	for (const hash of [`#/search/${encodeURIComponent(MARKUP)}`, "#/contacts", "#/mail/__proto__/constructor", "#/mail/%00%ff/%", "#/settings/__proto__", `#/contacts/${encodeURIComponent(MARKUP)}`]) {
		await page.evaluate((to) => { location.hash = to; }, hash);
		await page.waitForTimeout(100);
		await unharmed();
	}
	await page.evaluate(() => { location.hash = "#/contacts"; });
	await page.getByRole("option").first().click();
	await page.getByRole("heading", { name: MARKUP }).waitFor();
	assert.equal(await page.locator("a[href^=javascript]").count(), 0);
	await unharmed();
	await page.finish();
});

test("a letter's HTML does nothing in the editor, either, by an answer or out of the clipboard", LONG, async () => {
	const folder = join(dirname(fileURLToPath(import.meta.url)), "attacks"), JS = "pwned('editor')";
	const attacks = readdirSync(folder).flatMap((file) => readFileSync(join(folder, file), "utf8").split(/^%% /m).slice(1).map((text) => text.slice(text.indexOf("\n") + 1).replaceAll("DEEP", "<div>".repeat(300)).replaceAll("EVIL", evil()).replace(/\bJS\b/g, JS)));
	const { page, unharmed } = await victim([{ subject: "Answer me", text: "please", html: attacks.join("<hr>").replaceAll("</html>", "") }]);
	await page.getByRole("option").first().click();
	await page.locator("article iframe").waitFor();
	await page.keyboard.press("f");
	const text = page.getByRole("textbox", { name: "Message text" });
	await text.waitFor();
	await unharmed();
	await text.click();
	for (const html of attacks) {
		await page.evaluate((content) => {
			const data = new DataTransfer();
			data.setData("text/html", content);
			data.setData("text/plain", "x");
			document.querySelector("[contenteditable]").dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
		}, html);
	}
	await unharmed();
	const wrong = await page.evaluate(() => [...document.querySelectorAll("[contenteditable] *")].flatMap((one) => {
		const found = /^(?:script|style|link|meta|base|iframe|object|embed|form|input|button|svg|math|template|video|audio)$/.test(one.localName) ? [one.localName] : [];
		for (const { name, value } of one.attributes) {
			if (/^on|^srcset$|^id$|^name$|^action$|^ping$|^target$/.test(name) && !(name === "id" && value.startsWith("user-content-"))) found.push(`${one.localName} ${name}`);
			if (name === "src" && !value.startsWith("blob:")) found.push(`src ${value.slice(0, 80)}`);
			if (name === "href" && !/^(?:https?|mailto|tel):/.test(value)) found.push(`href ${value.slice(0, 80)}`);
			if (name === "style" && /url\(|position|fixed|z-index|expression|transform|@/i.test(value)) found.push(`style ${value.slice(0, 80)}`);
		}
		const { position } = getComputedStyle(one);
		return position === "fixed" || position === "absolute" ? [...found, `${one.localName} is ${position}`] : found;
	}));
	assert.deepEqual([...new Set(wrong)], []);
	// What was pasted stays where one writes: the page's own buttons are where they were, and can be clicked.
	await page.getByRole("button", { name: "Discard draft" }).click();
	await page.getByText("Draft discarded").first().waitFor();
	await page.finish();
});

test("attachments are saved, never shown or run as ours; their names are names alone", LONG, async () => {
	const files = [["page.html", "text/html", "<script>opener?.pwned('html');parent.pwned('html')</script>"], ["picture.svg", "image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg" onload="parent.pwned('svg')"><script>parent.pwned('svg')</script></svg>`],
		["sniffed.png", "image/png", "<html><script>parent.pwned('sniffed')</script>"], ["library.js", "text/javascript", "pwned('script')"], ["../../etc/passwd", "text/plain", "up"], ["C:\\Windows\\x.txt", "text/plain", "up"], ["a\r\nSet-Cookie: b=c.txt", "text/plain", "up"], ["bill\u202efdp.exe", "application/pdf", "MZ"]];
	const { page, mail, unharmed } = await victim([{ raw: `${head("Files", "Content-Type: multipart/mixed; boundary=mix\n")}\n--mix\nContent-Type: text/plain\n\nSee the files.\n${files.map((file) => attached(...file)).join("")}--mix--` }]);
	await page.getByRole("option").first().click();
	await page.getByRole("heading", { name: /8 attachments/ }).waitFor();
	const names = await page.locator("article section .name").allTextContents();
	for (const name of names) assert.doesNotMatch(name, /[/\\\r\n\u202e]/);
	for (const save of await page.getByRole("button", { name: /^Save (?!all)/ }).all()) {
		const [download] = await Promise.all([page.waitForEvent("download"), save.click()]);
		assert.doesNotMatch(download.suggestedFilename(), /[/\\\r\n\u202e]|^\.\./);
	}
	// By their addresses: in windows, frames, as scripts, workers and pictures of our page.
	const account = (await mail.boxes(), mail.account), [email] = await mail.emails(["attachments"]);
	const url = (index, type) => `/jmap/download/${account}/${email.attachments[index].blobId}?type=${encodeURIComponent(type)}&name=x`;
	for (const [index, type] of [[0, "text/html"], [1, "image/svg+xml"], [2, "image/png"], [2, "text/html"], [0, "application/xhtml+xml"], [1, "text/xml"]]) {
		const [download] = await Promise.all([page.waitForEvent("download"), page.evaluate((to) => void (location.href = to), url(index, type))]);
		assert.ok(download);
	}
	const loaded = await page.evaluate(async ([script, html, svg]) => {
		const made = (tag, set, patience = 30_000) => new Promise((resolve) => {
			const one = document.createElement(tag);
			one.onload = () => resolve("loaded");
			one.onerror = () => resolve("refused");
			try {
				set(one);
			} catch {
				return resolve("refused");
			}
			document.body.append(one);
			setTimeout(() => (one.remove(), resolve("nothing")), patience);
		});
		const worker = (address) => new Promise((resolve) => {
			try {
				const one = new Worker(address);
				one.onerror = () => resolve("refused");
				setTimeout(() => (one.terminate(), resolve("runs")), 30_000);
			} catch {
				resolve("refused");
			}
		});
		// A picture first, so that the browser's cache has it under the very same address.
		await made("img", (one) => (one.src = script));
		return Promise.all([made("script", (one) => (one.src = script)), made("link", (one) => Object.assign(one, { rel: "stylesheet", href: script.replace("javascript", "css") })), worker(script),
			Promise.resolve().then(() => navigator.serviceWorker.register(script)).then(() => "runs", () => "refused"), made("object", (one) => (one.data = svg), 1500), made("iframe", (one) => (one.src = html), 1500)]);
	}, [url(3, "text/javascript"), url(0, "text/html"), url(1, "image/svg+xml")]);
	assert.deepEqual(loaded.slice(0, 4), ["refused", "refused", "refused", "refused"]);
	await unharmed();
	await page.finish();
});

test("a file that is attached leads nowhere by its name, neither here nor with its reader", LONG, async () => {
	const { page, address, mail } = await victim([], { settings: { undoSend: 0 } }), other = at.server.account();
	await page.getByRole("button", { name: "New message" }).first().click();
	await page.getByRole("textbox", { name: "Message text" }).waitFor();
	await page.evaluate(() => {
		const data = new DataTransfer();
		for (const name of ["../../../etc/cron.d/x", "..\\..\\x.bat", "/etc/passwd", "a\u0000b\r\nBcc: evil@elsewhere.example\r\n.txt"]) data.items.add(new File(["content"], name, { type: "text/plain\r\nX-Evil: yes" }));
		document.querySelector("section.window").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
	});
	const sheet = page.getByRole("region", { name: "New message" });
	await sheet.getByRole("combobox", { name: "To" }).fill(other);
	await until(async () => (await sheet.locator("li").count()) === 4 && (await sheet.getByRole("progressbar").count()) === 0, "the uploads");
	await sheet.getByRole("textbox", { name: "Subject" }).fill("Traversal");
	await page.getByRole("region", { name: "Traversal" }).getByRole("button", { name: "Send", exact: true }).click();
	await page.getByText("Message sent").first().waitFor();
	const theirs = await new Mail(at.server, other).whole("Traversal");
	assert.equal(theirs.attachments.length, 4);
	for (const { name } of theirs.attachments) assert.doesNotMatch(name ?? "", /[\r\n\0]/);
	assert.equal(theirs.bcc ?? null, null);
	const reader = await open(at, { address: other });
	await reader.getByRole("option").first().click();
	for (const save of [await reader.getByRole("button", { name: /^Save (?!all)/ }).first()]) {
		const [download] = await Promise.all([reader.waitForEvent("download"), save.click()]);
		assert.doesNotMatch(download.suggestedFilename(), /[/\\]|^\.\./);
	}
	await reader.finish();
	await page.finish();
	assert.ok(address && mail);
});

test("pictures lead this server nowhere inside; what lies elsewhere isn't got by its address", LONG, async () => {
	const inside = [evil(), `${at.server.origin}/session`, "http://localhost:80", "http://0.0.0.0", "http://[::1]", "http://[::ffff:127.0.0.1]", "http://2130706433", "http://0x7f.1", "http://169.254.169.254/latest/meta-data", "http://10.0.0.1", "http://127.0.0.1.nip.io"];
	const { page, mail, unharmed } = await victim([
		{ subject: "Inside", text: "x", html: inside.map((base, i) => `<img src="${base}/${i}.png" width=50 height=50>`).join("") + `<div style="background:url(${evil()}/b.png)">b</div>` },
		{ raw: `${head("Elsewhere", "Content-Type: multipart/mixed; boundary=mix\n")}\n--mix\nContent-Type: text/plain\n\nIt lies elsewhere.\n--mix\nContent-Type: message/external-body; access-type=URL; url="${evil()}/external"; name=big.bin\n\nContent-Type: application/octet-stream\n\n--mix\nContent-Type: text/html; charset=utf-8\nContent-Location: ${evil()}/location\n\n<base href="${evil()}/"><a href="rel">x</a>\n--mix--` },
	]);
	await page.getByRole("option").filter({ hasText: "Inside" }).click();
	await page.getByRole("button", { name: "Load pictures" }).click();
	await page.getByText(/pictures couldn't be had/).waitFor();
	await page.getByRole("option").filter({ hasText: "Elsewhere" }).click();
	await page.locator("article.open .text").last().waitFor();
	await unharmed();
	await page.finish();
	assert.ok(mail);
});

test("calendars that would repeat for ever, nest without end or never close cost nothing", LONG, async () => {
	const calendar = (lines) => `BEGIN:VCALENDAR\nMETHOD:REQUEST\n${lines}\nEND:VCALENDAR\n`, letter = (subject, ics) => ({ raw: `${head(subject, "Content-Type: text/calendar; charset=utf-8; method=REQUEST\n")}\n${ics}` });
	const bombs = [
		["Every second for ever", calendar("BEGIN:VEVENT\nSUMMARY:Every second for ever\nDTSTART:20260101T000000Z\nRRULE:FREQ=SECONDLY;INTERVAL=1;BYSECOND=0,1,2;BYMONTH=1,2,3;BYDAY=MO,TU;UNTIL=99991231T235959Z\nEND:VEVENT")],
		["Zones in circles", calendar(`${"BEGIN:VTIMEZONE\nTZID:A\nBEGIN:STANDARD\nTZOFFSETFROM:+0000\nTZOFFSETTO:+0000\nRRULE:FREQ=SECONDLY\nEND:STANDARD\n".repeat(2000)}BEGIN:VEVENT\nSUMMARY:Zones in circles\nDTSTART;TZID=A:20260101T000000\nEND:VEVENT`)],
		["A thousand levels", `${"BEGIN:VCALENDAR\nBEGIN:VEVENT\n".repeat(1000)}SUMMARY:A thousand levels\n`],
		["Dates without end", calendar(`BEGIN:VEVENT\nSUMMARY:Dates without end\nDTSTART:20260101T000000Z\nRDATE:${Array.from({ length: 8000 }, () => "20260101T000000Z").join(",\n ")}\nEND:VEVENT`)],
	];
	const { page, unharmed } = await victim(bombs.map(([subject, ics]) => letter(subject, ics)));
	for (const [subject] of bombs) {
		await page.getByRole("option").filter({ hasText: subject }).click();
		await page.getByRole("region", { name: "Conversation" }).getByRole("heading", { level: 1, name: subject }).waitFor();
		await page.locator("article.open .text").last().waitFor();
		// The page answers: a frame is drawn at once.
		await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => resolve())));
	}
	await page.getByRole("option").filter({ hasText: "Every second" }).click();
	await page.locator(".invitation").getByText("repeats").waitFor();
	await unharmed();
	await page.finish();
});

test("what lies in the browser is believed in nothing: accounts, ids, settings, a session that somebody planted", LONG, async () => {
	const { page, address, mail, unharmed } = await victim(LETTERS.slice(0, 2)), other = at.server.account();
	await at.server.deliver(other, [{ subject: "A secret", text: "of somebody else" }]);
	const theirs = new Mail(at.server, other), [secret] = await theirs.emails(["threadId"]);
	// Another's ids, in the address bar and in requests.
	await page.evaluate((to) => { location.hash = to; }, `#/mail/${[...(await theirs.boxes()).values()][0].id}/${secret.threadId}`);
	await page.waitForTimeout(300);
	assert.equal(await page.getByText("A secret").count(), 0);
	const status = await page.evaluate(async ([account, blob, own]) => {
		const get = (path) => fetch(path).then((answer) => answer.status);
		const call = await fetch("/jmap/api", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ using: ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"], methodCalls: [["Email/query", { accountId: account }, "0"]] }) }).then((answer) => answer.json());
		return [await get(`/jmap/download/${account}/${blob}`), await get(`/jmap/download/${own}/${blob}`), call.methodResponses[0][0]];
	}, [theirs.account, secret.blobId, (await mail.boxes(), mail.account)]);
	assert.deepEqual(status, [404, 404, "error"]);
	// What this device keeps says that he is somebody else, and has settings that nobody could have made.
	await page.evaluate(([account, name]) => {
		const kept = JSON.parse(localStorage["pombal.sessions"]), forged = (session) => ({ ...session, username: name, accounts: { [account]: { name, isReadOnly: false, accountCapabilities: {} } }, primaryAccounts: Object.fromEntries(Object.keys(session.primaryAccounts).map((one) => [one, account])), apiUrl: "/evil", uploadUrl: "//evil.example/", downloadUrl: "javascript:pwned('url')" });
		localStorage["pombal.sessions"] = JSON.stringify(kept.map((one) => ({ ...one, session: forged(one.session) })));
	}, [theirs.account, other]);
	await mail.set({
		theme: { a: 1 }, language: "../../evil", density: MARKUP, conversations: "no", undoSend: 1e12, markRead: "now", remoteImages: ["known"], imagesFrom: 5, labels: "none", swipeLeft: "constructor", swipeRight: 7, readingPane: null, afterAct: {}, receipts: 0, composeHtml: null, shortcuts: [], __proto__: { evil: true },
	});
	await page.goto("about:blank");
	await page.goto(`${at.server.origin}/#/mail`);
	await page.getByRole("option").nth(1).waitFor();
	assert.equal(await page.getByText("A secret").count(), 0);
	await page.getByRole("button", { name: `Account: ${address}` }).waitFor();
	await page.getByRole("option").first().click();
	await page.locator("article.open .text").waitFor();
	await page.keyboard.press("l");
	await page.getByRole("menuitem", { name: "New label" }).waitFor();
	await page.keyboard.press("Escape");
	for (const part of ["looks", "mail", "labels"]) {
		await page.evaluate((hash) => { location.hash = hash; }, `#/settings/${part}`);
		await page.getByRole("tab", { selected: true }).waitFor();
	}
	await page.getByRole("button", { name: "New message" }).first().click();
	await page.getByRole("textbox", { name: "Message text" }).waitFor();
	await unharmed();
	await page.finish();
	// A cookie that was there before is nobody's session, and isn't the one that a sign-in gives.
	const planted = await open(at, { noise: NOISE }), context = planted.context();
	await context.addCookies([{ name: "pombal", value: "planted-by-somebody-else-planted-by-somebody", url: at.server.origin }]);
	await planted.reload();
	await planted.getByLabel("Email address").fill(address);
	await planted.getByLabel("Password").fill(PASSWORD);
	await planted.keyboard.press("Enter");
	await planted.getByRole("option").first().waitFor();
	const [cookie] = (await context.cookies()).filter(({ name }) => name.endsWith("pombal"));
	assert.ok(cookie.httpOnly && cookie.sameSite !== "None" && cookie.value !== "planted-by-somebody-else-planted-by-somebody");
	await planted.finish();
	assert.ok(signIn);
});

test("links that begin a message write it, and nothing more", LONG, async () => {
	const { page, unharmed } = await victim([{ subject: "Links", text: "x", html: `<a href="mailto:a@elsewhere.example?subject=Hi&body=%3Cscript%3Epwned('body')%3C/script%3E%0D%0ABcc:%20evil@elsewhere.example&attach=/etc/passwd&attachment=file:///etc/passwd&from=boss@example.test">write</a>` }]);
	await page.getByRole("option").first().click();
	await page.frameLocator("article iframe").getByText("write").click();
	const sheet = page.getByRole("region", { name: "Hi" });
	await sheet.getByRole("textbox", { name: "Message text" }).getByText("pwned('body')").waitFor();
	assert.equal(await sheet.locator("section li").count(), 0, "nothing is attached");
	assert.equal(await sheet.getByRole("combobox", { name: "Bcc" }).count(), 0);
	await unharmed();
	await page.finish();
});
