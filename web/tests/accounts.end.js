// Several accounts side by side, and being told of new mail.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CHANGED, open, PHONE, signIn, stage } from "./browser.js";
import { LETTERS } from "./letters.js";
import { Mail } from "./mail.js";
import { PASSWORD, until } from "./server.js";

const at = stage();
const nav = (page) => page.getByRole("navigation");
const row = (page, text) => page.getByRole("option").filter({ hasText: text });

/** Two people, each with letters of his own; the first is signed in. */
async function two({ settings, ...options } = {}) {
	const [one, other] = [at.server.account(), at.server.account()];
	await at.server.deliver(one, [{ subject: "For the first alone", text: "First." }]);
	await at.server.deliver(other, [{ subject: "For the second alone", text: "Second." }, ...LETTERS.slice(0, 2)]);
	if (settings) await new Mail(at.server, one).set(settings);
	const page = await open(at, { address: one, ...options });
	await row(page, "For the first alone").waitFor();
	return { page, one, other };
}
/** Whose letters lie on this device: those that nobody is signed in to are wiped. */
const areKept = (page, ...addresses) => until(async () => (await page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name.split(" ")[0]).sort())).join() === addresses.map((one) => `pombal:${one}`).sort().join(), `databases of ${addresses.join(" and ") || "nobody"} alone`);
/** A page that goes away before the server has said that a sign-out is done says it once more when it comes again. */
const isOver = (page) => until(() => page.evaluate(() => localStorage.getItem("pombal.sign-out") === null), "the server to know of the sign-out");
async function menu(page, item) {
	await page.getByRole("button", { name: /^Account: / }).click();
	await page.getByRole("menu").getByText(item, { exact: true }).click();
}
async function add(page, address, password = PASSWORD) {
	await menu(page, "Add account");
	const dialog = page.getByRole("dialog");
	await dialog.getByLabel("Email address").fill(address);
	await dialog.getByLabel("Password").fill(password);
	await dialog.getByRole("button", { name: "Sign in" }).click();
}

test("one more account stands beside the first: its folders, its letters, and nothing of the one in the other", async () => {
	const { page, one, other } = await two({ noise: [/status of 401/] });
	await add(page, other, "wrong");
	await page.getByRole("dialog").getByText("The address or the password is wrong.").waitFor();
	await page.getByRole("dialog").getByLabel("Password").fill(PASSWORD);
	await page.keyboard.press("Enter");
	await row(page, "For the second alone").waitFor();
	assert.equal(await row(page, "For the first alone").count(), 0);
	await page.getByRole("button", { name: `Account: ${other}` }).waitFor();
	assert.match(page.url(), /#\/@a[^/]+\/mail/);
	// Both have their folders; that of the first says what is unread there.
	const first = nav(page).getByRole("region", { name: one }), second = nav(page).getByRole("region", { name: other });
	await until(async () => /1/.test(await first.getByRole("button", { name: one }).innerText()), "what is unread of the first");
	await first.getByRole("button", { name: one }).click();
	await first.getByRole("button", { name: /^Inbox/ }).click();
	await row(page, "For the first alone").waitFor();
	assert.equal(await row(page, "For the second alone").count(), 0);
	await second.getByRole("button", { name: other }).waitFor();
	await page.goBack();
	await row(page, "For the second alone").waitFor();
	await page.reload();
	await row(page, "For the second alone").waitFor();
	// What comes to the one that isn't shown is counted.
	await at.server.deliver(one, [{ subject: "Another one", text: "x" }]);
	await until(async () => /2/.test(await first.innerText()), "the count of the other account");
	await page.finish();
});

test("a message is written from the account that is chosen, and is among that one's sent ones", async () => {
	const { page, one, other } = await two({ settings: { undoSend: 0 } });
	await add(page, other);
	await row(page, "For the second alone").waitFor();
	await nav(page).getByRole("button", { name: "Write" }).or(nav(page).getByRole("button", { name: "New message" })).first().click();
	const editor = page.getByRole("region", { name: "New message" });
	await editor.getByRole("combobox", { name: "To" }).pressSequentially(`${other},`);
	await editor.getByRole("textbox", { name: "Subject" }).fill("From the first after all");
	const sheet = page.getByRole("region", { name: "From the first after all" });
	await sheet.getByLabel("From").selectOption({ label: await sheet.getByLabel("From").locator("option", { hasText: one }).innerText() });
	const moved = page.getByRole("region", { name: "From the first after all" });
	await until(async () => (await moved.getByLabel("From").locator("option:checked").innerText()).includes(one), "the draft to be the other account's");
	await moved.getByRole("button", { name: "Send", exact: true }).click();
	await row(page, "From the first after all").waitFor();
	const first = nav(page).getByRole("region", { name: one });
	await first.getByRole("button", { name: one }).click();
	await first.getByRole("button", { name: "Sent", exact: true }).click();
	await row(page, "From the first after all").waitFor();
	await page.finish();
});

test("one is signed out without the other, and then all", async () => {
	const { page, one, other } = await two();
	await add(page, other);
	await row(page, "For the second alone").waitFor();
	await menu(page, "Sign out");
	await row(page, "For the first alone").waitFor();
	await page.getByRole("button", { name: `Account: ${one}` }).waitFor();
	await areKept(page, one);
	await isOver(page);
	await page.reload();
	await row(page, "For the first alone").waitFor();
	await add(page, other);
	await row(page, "For the second alone").waitFor();
	await menu(page, "Sign out of all accounts");
	await page.getByRole("heading", { name: "Sign in to your mail" }).waitFor();
	await isOver(page);
	await page.reload();
	await page.getByRole("heading", { name: "Sign in to your mail" }).waitFor();
	await areKept(page);
	assert.deepEqual(await (await page.request.get(`${at.server.origin}/accounts`, { headers: { "Sec-Fetch-Site": "same-origin" } })).json(), { accounts: [] });
	await page.finish();
});

test("where somebody else signs in, in another window, nothing of his is shown as the first one's", async () => {
	const { page, one, other } = await two({ noise: [/status of 4\d\d/, ...CHANGED] });
	await signIn(at.server, page.context(), other); // in the first one's place
	await page.getByRole("button", { name: "Check for new mail" }).click();
	await row(page, "For the second alone").waitFor();
	await page.getByRole("button", { name: `Account: ${other}` }).waitFor();
	assert.equal(await row(page, "For the first alone").count(), 0);
	await areKept(page, other);
	assert.notEqual(one, other);
	await page.finish();
});

test("on a phone the accounts are in the drawer", async () => {
	const { page, one, other } = await two(PHONE);
	await page.getByRole("button", { name: /^Account: / }).tap();
	await page.getByRole("menuitem", { name: "Add account" }).tap();
	await page.getByRole("dialog").getByLabel("Email address").fill(other);
	await page.getByRole("dialog").getByLabel("Password").fill(PASSWORD);
	await page.getByRole("dialog").getByRole("button", { name: "Sign in" }).tap();
	await row(page, "For the second alone").waitFor();
	await page.getByRole("button", { name: "Folders" }).tap();
	await nav(page).getByRole("button", { name: one }).tap();
	await nav(page).getByRole("region", { name: one }).getByRole("button", { name: /^Inbox/ }).tap();
	await row(page, "For the first alone").waitFor();
	await page.finish();
});

// ---- Being told of new mail ----

/** In the place of a browser's push service, which these have none of. */
async function withPush(page) {
	await page.addInitScript(() => {
		let there = null;
		const keys = { p256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4", auth: "BTBZMqHH6r4Tts7J_aSIgg" };
		PushManager.prototype.getSubscription = async () => there;
		PushManager.prototype.subscribe = async () => (there = { toJSON: () => ({ endpoint: "https://push.example.test/one", keys }), unsubscribe: async () => ((there = null), true) });
	});
}

/** How many the server has. */
function subscriptions(page) {
	return page.evaluate(async () => {
		const ask = { using: ["urn:ietf:params:jmap:core"], methodCalls: [["PushSubscription/get", { ids: null }, "0"]] };
		const answer = await (await fetch("/jmap/api", { method: "POST", body: JSON.stringify(ask), headers: { "Content-Type": "application/json" } })).json();
		return answer.methodResponses[0][1].list.length;
	});
}

test("notifications are asked for where they are wanted, are told while no page is open, and lead to their letter", async () => {
	const address = at.server.account();
	await at.server.deliver(address, LETTERS.slice(0, 2));
	const page = await open(at, { address, permissions: ["notifications"], own: true });
	await withPush(page);
	await page.reload();
	await row(page, "Seeds for spring").waitFor();
	await page.getByRole("button", { name: "Settings" }).click();
	await page.getByRole("tab", { name: "Notifications" }).click();
	const on = page.getByRole("switch", { name: "Notify me of new mail" });
	assert.equal(await on.isChecked(), false);
	await on.click();
	await until(async () => (await subscriptions(page)) === 1, "the server to know of it");
	await page.reload();
	await until(() => on.isChecked(), "it to be so still");
	// A message of the push service's, while no page is open.
	const worker = page.context().serviceWorkers()[0] ?? (await page.context().waitForEvent("serviceworker"));
	const ids = await page.evaluate(async () => {
		const session = await (await fetch("/.well-known/jmap")).json(), accountId = Object.keys(session.accounts)[0];
		const ask = { using: ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"], methodCalls: [["Email/query", { accountId, filter: { subject: "Seeds" } }, "0"], ["Email/get", { accountId, "#ids": { resultOf: "0", name: "Email/query", path: "/ids" }, properties: ["threadId"] }, "1"]] };
		const answer = await (await fetch("/jmap/api", { method: "POST", body: JSON.stringify(ask), headers: { "Content-Type": "application/json" } })).json();
		return { accountId, id: answer.methodResponses[1][1].list[0].id, threadId: answer.methodResponses[1][1].list[0].threadId };
	});
	await page.goto("about:blank");
	await worker.evaluate((push) => {
		const event = Object.assign(new Event("push"), { waitUntil: () => {}, data: { text: () => JSON.stringify(push) } });
		dispatchEvent(event);
	}, { "@type": "EmailPush", accountId: ids.accountId, emails: [{ id: ids.id, threadId: ids.threadId, from: [{ name: "Garden", email: "news@garden.example" }], subject: "Seeds for spring", preview: "Peas" }] });
	const told = () => worker.evaluate(async () => (await registration.getNotifications()).map(({ title, body, data }) => ({ title, body, data })));
	await until(async () => (await told()).length === 1, "a notification");
	assert.deepEqual(await told(), [{ title: "Garden", body: "Seeds for spring\nPeas", data: { threadId: ids.threadId, account: ids.accountId } }]);
	// Somebody clicks on it.
	await page.goto(at.server.origin);
	await row(page, "Seeds for spring").waitFor();
	await worker.evaluate(async () => {
		const [notification] = await registration.getNotifications();
		dispatchEvent(Object.assign(new Event("notificationclick"), { waitUntil: () => {}, notification }));
	});
	await page.getByRole("heading", { name: "Seeds for spring: what to sow and when" }).waitFor();
	// And off again.
	await page.evaluate(() => { location.hash = "#/settings/notifications"; });
	await on.click();
	await until(async () => (await subscriptions(page)) === 0, "the server to have forgotten it");
	await page.finish();
});

test("a browser that forbids notifications, or can't reach its service, is told of plainly", async () => {
	const address = at.server.account(), page = await open(at, { address, path: "/#/settings/notifications" });
	await page.getByText(/has blocked notifications|Notify me of new mail/).first().waitFor();
	await page.evaluate(() => Object.defineProperty(Notification, "permission", { get: () => "denied" }));
	await page.evaluate(() => dispatchEvent(new Event("focus")));
	await page.getByText("This browser has blocked notifications from this site.").waitFor();
	assert.equal(await page.getByRole("switch", { name: "Notify me of new mail" }).isDisabled(), true);
	await page.finish();
	const other = await open(at, { address, permissions: ["notifications"], path: "/#/settings/notifications" });
	await other.evaluate(() => { PushManager.prototype.subscribe = () => Promise.reject(new DOMException("Registration failed - push service error", "AbortError")); });
	const on = other.getByRole("switch", { name: "Notify me of new mail" });
	await on.click();
	await other.getByText("This browser can’t reach its notification service").waitFor();
	assert.equal(await on.isChecked(), false);
	await other.finish();
});
