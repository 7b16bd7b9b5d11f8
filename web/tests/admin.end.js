// The pages of the administration, against a stand-in that has what no server of tests has: ten thousand accounts, a million letters that wait, and every kind of fault.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { ADMIN, Fake, nameServer } from "./admin_fake.js";
import { DESKTOP, go, launch, open, PHONE } from "./browser.js";
import { PATIENCE } from "./server.js";

const at = { server: null, browser: null }, axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const BUDGET = 120_000; // bytes of the first view, as they come
const PAGES = ["overview", "start", "accounts", "aliases", "domains", "queue", "trace", "quarantine", "spam", "reports", "graphs", "sessions", "certificates", "settings", "servers"];
const DEEPER = ["accounts/person00001%40example.org", "domains/example.org", "queue/Q000000005", "trace/Q000000003", "quarantine/H1", "settings/history"];

before(async () => {
	at.server = await new Fake().start();
	at.browser = await launch();
}, { timeout: PATIENCE });
after(async () => {
	await at.browser?.close();
	await at.server?.close();
}, { timeout: PATIENCE });

/** The page of a machine without a server, as it comes and as it goes on. */
async function setUp(page, look) {
	at.server.served = false;
	try {
		await page.reload();
		await page.locator("form").waitFor();
		await look("setup");
		await nameServer(page);
		await look("setup, names");
	} finally {
		at.server.served = true;
	}
}
const NOT_YET = { noise: [/status of 401/] };
const admin = (options = {}) => open(at, { path: "/admin", ...options });
async function show(page, hash) {
	await go(page, `#/${hash}`);
	await page.locator("main h1").waitFor();
	await page.locator("main [aria-busy=true]").first().waitFor({ state: "detached" });
}
const idle = (page) => page.locator("main [role=status][aria-busy=true]").first().waitFor({ state: "detached" });

test("one glance says whether all is well, and each fault leads to where it is mended", async () => {
	const page = await admin({ noise: [/status of 4\d\d/] });
	await page.getByRole("heading", { name: "1 thing is wrong" }).waitFor();
	await page.getByText("The alias old@example.org leads to nobody").waitFor();
	await page.getByText("clamd at 127.0.0.1:3310 answers: clean, 3 ms").waitFor(); // as the server says it
	await page.getByRole("button", { name: "Go to: Aliases and groups" }).click();
	await page.getByRole("heading", { name: "Aliases and groups" }).waitFor();
	await page.goBack();
	const before = at.server.findings;
	at.server.findings = [];
	await page.getByRole("button", { name: "Look again" }).click();
	await page.getByRole("heading", { name: "All is well" }).waitFor();
	at.server.findings = before;
	await page.finish();
});

test("ten thousand accounts: the first page comes at once, others as one scrolls, and any is found", async () => {
	const page = await admin();
	await show(page, "accounts");
	await page.getByRole("option", { name: new RegExp(ADMIN) }).waitFor();
	await page.getByText("200 and more").waitFor();
	assert.ok((await page.getByRole("option").count()) < 60, "only what is seen is made");
	const list = page.getByRole("listbox");
	await list.focus();
	await page.keyboard.press("End");
	await page.getByText("400 and more").waitFor();
	await page.getByRole("searchbox").fill("person09999");
	await page.getByText("1 account", { exact: true }).waitFor();
	await list.focus();
	await page.keyboard.press("Enter");
	await page.getByText("person09999@example.org").first().waitFor();
	await page.getByText("3.2 GB of").or(page.getByText("3.2 GB used")).waitFor();
	await page.getByRole("button", { name: "Back" }).click();
	assert.equal(await page.getByRole("searchbox").inputValue(), "person09999");
	await page.finish();
});

test("an account is made, changed, disabled and taken back, and removed with care", async () => {
	const page = await admin();
	await show(page, "accounts");
	await page.getByRole("button", { name: "New account" }).click();
	const dialog = page.getByRole("dialog");
	await dialog.getByLabel("Name", { exact: true }).fill("Júlia Reis");
	assert.equal(await dialog.getByLabel("Address", { exact: true }).inputValue(), "julia.reis");
	assert.match(await dialog.getByLabel("Password", { exact: true }).inputValue(), /^[a-zA-Z2-9]{16}$/);
	await dialog.getByLabel("Room for mail").fill("much");
	await dialog.getByRole("button", { name: "Make the account" }).click();
	await dialog.getByText("That is no size").waitFor();
	await dialog.getByLabel("Room for mail").fill("2,5");
	await dialog.getByRole("button", { name: "Make the account" }).click();
	await page.getByRole("heading", { name: "Júlia Reis" }).waitFor();
	assert.equal(at.server.accounts.at(-1).quota_bytes, 2_500_000_000);
	await page.getByLabel("Name", { exact: true }).fill("Júlia Reis Pinto");
	await page.getByRole("button", { name: "Save" }).click();
	await page.getByRole("heading", { name: "Júlia Reis Pinto" }).waitFor();
	await page.getByRole("button", { name: "Disable", exact: true }).click();
	await page.getByRole("dialog").getByRole("button", { name: "Disable" }).click();
	await page.getByRole("button", { name: "Undo" }).click();
	await page.getByRole("button", { name: "Disable", exact: true }).waitFor();
	await page.getByRole("button", { name: "Remove for good" }).click();
	const sure = page.getByRole("dialog").getByRole("button", { name: "Remove for good" });
	assert.equal(await sure.isDisabled(), true);
	await page.getByRole("dialog").getByRole("textbox").fill("julia.reis@example.org");
	await sure.click();
	await page.getByText("julia.reis@example.org was removed").waitFor();
	assert.ok(!at.server.accounts.some((one) => one.name.startsWith("julia")));
	await page.finish();
});

test("what the server refuses is told where it belongs, with its own words", async () => {
	const page = await admin({ noise: [/status of 4\d\d/] });
	await show(page, "accounts");
	await page.getByRole("button", { name: "New account" }).click();
	const dialog = page.getByRole("dialog");
	await dialog.getByLabel("Address", { exact: true }).fill("person00001");
	await dialog.getByRole("button", { name: "Make the account" }).click();
	await dialog.getByText("That is there already. The server says: there is an account person00001@example.org already").waitFor();
	await page.keyboard.press("Escape");
	await show(page, "domains/example.org");
	await page.getByRole("button", { name: "Give up the domain" }).click();
	await page.getByRole("dialog").getByRole("textbox").fill("example.org");
	await page.getByRole("dialog").getByRole("button", { name: "Give up the domain" }).click();
	await page.getByText("That was refused. The server says: there are accounts and aliases in it").waitFor();
	await page.finish();
});

test("a list of accounts is imported, and an alias is made and brought back", async () => {
	const page = await admin();
	await show(page, "accounts");
	await page.getByRole("button", { name: "Import a list" }).click();
	await page.getByLabel("Or paste the list here").fill("address,name,password\na@example.org,A,secret-one\nb@example.org,B,secret-two");
	await page.getByRole("dialog").getByRole("button", { name: "Import" }).click();
	await page.getByText("2 made, 0 changed").waitFor();
	await page.keyboard.press("Escape");
	await show(page, "aliases");
	await page.getByRole("button", { name: "New alias or group" }).click();
	await page.getByLabel("Address", { exact: true }).fill("team@example.org");
	await page.getByLabel("Leads to").fill("person00001@example.org\nperson00002@example.org");
	await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
	await page.getByRole("option", { name: /team@example.org/ }).click();
	await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
	await page.getByRole("option", { name: /team@example.org/ }).waitFor({ state: "detached" });
	await page.getByRole("button", { name: "Undo" }).click();
	await page.getByRole("option", { name: /team@example.org/ }).waitFor();
	await page.finish();
});

test("DNS records stand ready to be pasted, with what the DNS says beside each", async () => {
	const page = await admin({ permissions: ["clipboard-read", "clipboard-write"] });
	await show(page, "domains/example.org");
	await page.getByText("2 records are to be set right.").waitFor();
	await page.getByText("v=spf1 include:other.example -all").waitFor();
	const spf = page.getByRole("listitem").filter({ hasText: "Who may send (SPF)" });
	await spf.getByText("different").waitFor();
	await spf.getByRole("button", { name: "Copy: Value" }).click();
	await page.getByText("Copied").waitFor();
	assert.equal(await page.evaluate(() => navigator.clipboard.readText()), "v=spf1 mx -all");
	await page.getByRole("button", { name: "Change the keys" }).click();
	await page.getByRole("dialog").getByRole("button", { name: "Change the keys" }).click();
	await page.getByText("New keys are made, and sign nothing yet.").waitFor();
	await page.getByRole("button", { name: "What would be published" }).click();
	await page.getByText(/^k2\._domainkey\.example\.org/).last().waitFor();
	assert.deepEqual(at.server.calls.findLast((one) => one.command === "dns publish").options, { "dry-run": true });
	await page.getByLabel("Junk from").fill("4,5");
	await page.getByRole("button", { name: "Save" }).click();
	await page.getByText("Saved", { exact: true }).waitFor();
	assert.equal(at.server.calls.findLast((one) => one.command === "domain set").options["spam-junk"], "4.5");
	await page.finish();
});

test("an app password is made for somebody, shown once, and removed", async () => {
	const page = await admin();
	await show(page, "accounts/person00001%40example.org");
	await page.getByRole("button", { name: "New app password" }).click();
	const dialog = page.getByRole("dialog");
	await dialog.getByLabel("What it is for").fill("printer");
	await dialog.getByRole("button", { name: "New app password" }).click();
	await dialog.getByText("qwer-tyui-opas-dfgh").waitFor();
	await dialog.getByRole("button", { name: "Done" }).click();
	await page.getByRole("listitem").filter({ hasText: "printer" }).waitFor();
	assert.equal(await page.getByText("qwer-tyui-opas-dfgh").count(), 0);
	await page.getByRole("button", { name: "Remove printer" }).click();
	await page.getByRole("listitem").filter({ hasText: "printer" }).waitFor({ state: "detached" });
	await page.finish();
});

test("a million letters that wait: the story of one; it is held, let go, changed, and removed; another goes back", async () => {
	const page = await admin({ noise: [/status of 4\d\d/] });
	await show(page, "queue");
	await page.getByRole("option").first().waitFor();
	assert.ok((await page.getByRole("option").count()) < 60);
	await page.getByRole("checkbox", { name: "Only what is held" }).check();
	await page.getByRole("option", { name: /somebody7@/ }).waitFor();
	await page.getByRole("checkbox", { name: "Only what is held" }).uncheck();
	await page.getByRole("option", { name: /somebody3@/ }).click();
	await page.getByRole("heading", { name: "Plans for the weekend" }).waitFor();
	await page.getByText("Couldn’t be delivered yet; it is tried again").waitFor();
	await page.getByRole("button", { name: "Hold" }).click();
	await page.getByRole("button", { name: "Let it go" }).click();
	await page.getByRole("button", { name: "Try now" }).waitFor();
	await page.getByRole("button", { name: "Change…" }).click();
	const where = page.getByRole("dialog");
	await where.getByLabel("Address", { exact: true }).fill("nobody");
	await where.getByLabel("Through the server").fill("mx.other.example");
	await where.getByRole("button", { name: "Save" }).click();
	await where.getByText("is not an address").waitFor();
	await where.getByLabel("Address", { exact: true }).fill("somebody@other.example");
	await where.getByRole("button", { name: "Save" }).click();
	await page.getByText("Through mx.other.example").waitFor();
	await page.getByText("somebody@other.example").waitFor();
	await page.getByRole("button", { name: "Remove" }).click();
	await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
	await page.getByRole("heading", { name: "Queue" }).waitFor();
	await page.getByRole("option", { name: /somebody4@/ }).waitFor();
	assert.equal(await page.getByRole("option", { name: /somebody3@/ }).count(), 0);
	await page.getByRole("option", { name: /somebody4@/ }).click();
	await page.getByRole("button", { name: "Return to sender" }).click();
	await page.getByRole("dialog").getByLabel("Reason").fill("Last year’s address");
	await page.getByRole("dialog").getByRole("button", { name: "Return to sender" }).click();
	await page.getByRole("option", { name: /somebody5@/ }).waitFor();
	assert.equal(await page.getByRole("option", { name: /somebody4@/ }).count(), 0);
	assert.equal(at.server.calls.findLast((one) => one.command === "queue return").options.reason, "Last year’s address");
	await page.finish();
});

test("what happened is found, or it is said that nothing is known", async () => {
	const page = await admin({ noise: [/status of 4\d\d/] });
	await show(page, "trace");
	await page.getByRole("searchbox").fill("somebody3@elsewhere.example");
	await page.keyboard.press("Enter");
	await page.getByText("Delivered", { exact: true }).waitFor();
	await page.getByRole("searchbox").fill("nobody@example.org");
	await page.keyboard.press("Enter");
	await page.getByText("Nothing is known of “nobody@example.org”").waitFor();
	await page.finish();
});

test("settings are searched, checked, changed and taken back; one that may cut us off waits for a word", async () => {
	const page = await admin({ noise: [/status of 4\d\d/] });
	await show(page, "settings");
	await page.getByRole("searchbox").fill("threads role");
	await page.getByText("1 option", { exact: true }).waitFor();
	await page.getByRole("button", { name: /^workers/ }).click();
	await page.getByLabel("Value").fill("many");
	await page.getByRole("button", { name: "Save" }).click();
	await page.getByText("That is no whole number.").waitFor();
	await page.getByLabel("Value").fill("5000");
	await page.getByRole("button", { name: "Save" }).click();
	await page.getByText("workers must be between 1 and 1000").waitFor();
	await page.getByLabel("Value").fill("128");
	await page.getByText("64 → 128").waitFor();
	await page.getByRole("button", { name: "Save" }).click();
	await page.getByText("Saved").waitFor();
	assert.equal(at.server.history[0].state, "kept");
	await page.getByRole("tab", { name: "History" }).click();
	await page.getByRole("button", { name: "Take it back" }).click();
	await page.getByText("The former values count again").waitFor();
	assert.equal(at.server.options.find((one) => one.name === "workers").value, 64);
	await page.getByRole("tab", { name: "Options" }).click();
	await page.getByRole("searchbox").fill("https_listen");
	await page.getByRole("button", { name: /^https_listen/ }).click();
	await page.getByLabel("Value").fill("127.0.0.1:8443");
	await page.getByRole("button", { name: "Save" }).click();
	await page.getByText(/taken back by itself/).waitFor();
	assert.equal(at.server.history[0].state, "waiting");
	await page.getByRole("button", { name: "Keep it" }).click();
	await page.getByText("The change is kept").waitFor();
	assert.equal(at.server.history[0].state, "kept");
	await page.finish();
});

test("who is blocked, and what points lead to", async () => {
	const page = await admin();
	await show(page, "spam");
	await page.getByLabel("Junk from").fill("4,5");
	await page.getByRole("button", { name: "Save" }).click();
	await page.getByText("Saved", { exact: true }).waitFor();
	assert.equal(at.server.options.find((one) => one.name === "spam_junk").value, "4.5");
	await page.getByLabel("Address, domain or network").first().fill("bad.example");
	await page.getByRole("button", { name: "Add" }).first().click();
	await page.getByRole("button", { name: "Remove bad.example" }).click();
	await page.getByText("bad.example was removed").waitFor();
	assert.deepEqual(at.server.options.find((one) => one.name === "access_deny").value, ["203.0.113.0/24", "spam.example"]);
	await page.getByLabel("Marked from").fill("2.5");
	await page.getByRole("button", { name: "Weigh anew" }).click();
	await page.getByText("120 messages weighed, 2 would change").waitFor();
	await page.getByRole("cell", { name: "<b>Sale</b>" }).waitFor(); // as it is written
	assert.deepEqual(at.server.calls.findLast((one) => one.command === "spam replay").options, { quarantine: true, set: ['spam_tag="2.5"'] });
	await page.finish();
});

test("numbers of graphs are read under the pointer, and in a table", async () => {
	const page = await admin();
	await show(page, "graphs");
	const chart = page.getByRole("figure").filter({ hasText: "Open connections" });
	await chart.locator("canvas").waitFor();
	await chart.getByText("As a table").click();
	await chart.getByRole("columnheader", { name: "IMAP, POP3" }).waitFor();
	assert.match(await chart.getByRole("row").nth(1).innerText(), /\d/);
	await page.getByRole("tab", { name: "Week" }).click();
	const troubles = page.getByRole("figure").filter({ hasText: "Not taken, by provider" });
	await troubles.locator("canvas").waitFor();
	await troubles.getByText("As a table").click();
	await troubles.getByRole("columnheader", { name: "outlook.com" }).waitFor();
	await page.getByRole("region", { name: "By provider" }).getByRole("cell", { name: "google.com" }).waitFor();
	assert.equal(at.server.calls.findLast((one) => one.command === "metrics history").options.over, "week");
	await page.finish();
});

test("another server is looked after with a key; a key of this one is shown once", async () => {
	const other = await new Fake().start();
	const page = await admin();
	await show(page, "servers");
	await page.getByRole("button", { name: "New key" }).click();
	await page.getByLabel("What it is for").fill("school");
	await page.getByRole("dialog").getByRole("button", { name: "New key" }).click();
	await page.getByText("pombal-key-0123456789abcdefghijklmnop").waitFor();
	await page.getByRole("button", { name: "Done" }).click();
	await page.getByRole("listitem").filter({ hasText: "school" }).waitFor();
	await page.getByRole("button", { name: "Add a server" }).click();
	await page.getByLabel("Address of the server").fill("http://plain.example");
	await page.getByLabel("Key", { exact: true }).fill("k");
	await page.getByRole("dialog").getByRole("button", { name: "Add" }).click();
	await page.getByText("That is no address of a server").waitFor();
	await page.keyboard.press("Escape");
	await page.route("https://second.example/**", async (route) => {
		const call = route.request().method() === "POST" ? JSON.parse(route.request().postData()) : null;
		assert.equal(await route.request().headerValue("authorization"), "Bearer key-of-second");
		await route.fulfill({ headers: { "Access-Control-Allow-Origin": "*" }, json: call ? { result: other.call(call), notes: [] } : { ...other.whoIs(), hostname: "second.example" } });
	});
	await page.getByRole("button", { name: "Add a server" }).click();
	await page.getByLabel("Address of the server").fill("second.example");
	await page.getByLabel("Key", { exact: true }).fill("key-of-second");
	await page.getByRole("dialog").getByRole("button", { name: "Add" }).click();
	const row = page.getByRole("listitem").filter({ hasText: "https://second.example" });
	other.accounts.length = 3;
	await row.getByRole("button", { name: "Show" }).click();
	await page.getByRole("button", { name: "Server: second.example" }).waitFor();
	await show(page, "accounts");
	await page.getByText("3 accounts", { exact: true }).waitFor();
	await page.unroute("https://second.example/**");
	await page.route("https://second.example/**", (route) => route.abort());
	await page.getByRole("button", { name: "Server: second.example" }).click();
	await page.getByRole("menuitemradio", { name: "127.0.0.1" }).click();
	await page.getByRole("button", { name: "Server: mail.example.org" }).click();
	await page.getByRole("menuitemradio", { name: "second.example" }).click();
	await page.getByText("second.example doesn’t answer").waitFor();
	await page.waitForFunction(() => (localStorage.getItem("admin.servers") ?? "").length > 40);
	assert.ok(!(await page.evaluate(() => JSON.stringify(localStorage))).includes("key-of-second"), "the key isn't kept as it is");
	await page.reload();
	await page.getByRole("button", { name: "Server: mail.example.org" }).click();
	await page.getByRole("menuitemradio", { name: "second.example" }).waitFor();
	await other.close();
	await page.context().close(); // its console tells of the request that failed
});

test("an administrator of one domain has its pages alone; who is none is told so", async () => {
	at.server.who = { who: "head@school.example", rank: "domain", domain: "school.example" };
	try {
		const page = await admin(), before = at.server.calls.length;
		await page.getByRole("heading", { name: "Accounts", exact: true }).waitFor();
		const names = await page.getByRole("navigation").getByRole("link").allInnerTexts();
		assert.deepEqual(names.map((one) => one.trim()), ["Accounts", "Aliases and groups", "Domains and DNS", "Reports of others", "Who is signed in"]);
		await page.evaluate(() => { location.hash = "#/queue"; });
		await page.getByRole("heading", { name: "Accounts", exact: true }).waitFor();
		assert.ok(at.server.calls.slice(before).every((one) => /^(account|alias|domain) list$/.test(one.command)), "nothing else was asked for");
		await page.finish();
		at.server.who = { who: "x@example.org", rank: "no", domain: null };
		const stranger = await admin({ noise: [/status of 4\d\d/] });
		await stranger.getByText("This account administers nothing").waitFor();
		await stranger.finish();
	} finally {
		at.server.who = { who: ADMIN, rank: "server", domain: null };
	}
});

test("when the session ends, what is open stays until the password is said once more", async () => {
	const page = await admin({ noise: [/status of 4\d\d/] });
	await show(page, "queue");
	await page.getByRole("option").first().waitFor();
	at.server.signedIn = false; // until somebody signs in
	await page.getByRole("button", { name: "Refresh" }).click();
	const dialog = page.getByRole("dialog");
	await dialog.getByLabel(`Password for ${ADMIN}`).fill("whatever");
	await dialog.getByRole("button", { name: "Sign in" }).click();
	await dialog.waitFor({ state: "hidden" });
	await page.getByRole("button", { name: "Refresh" }).click();
	await page.getByRole("option").first().waitFor();
	await page.finish();
});

test("all by keys, and without a network what is there stays", async () => {
	const page = await admin({ noise: [/ERR_INTERNET_DISCONNECTED/] });
	await page.getByRole("heading", { name: "Overview" }).waitFor();
	await page.keyboard.press("g");
	await page.keyboard.press("q");
	await page.getByRole("heading", { name: "Queue" }).waitFor();
	await page.getByRole("option").first().waitFor();
	await page.keyboard.press("/");
	await page.keyboard.type("@nowhere.example");
	await page.getByText("Nothing in the queue is like that").waitFor();
	await page.getByRole("searchbox").fill("");
	await page.getByRole("option").first().waitFor();
	await page.context().setOffline(true);
	await page.getByText("You are offline").waitFor();
	await page.getByRole("button", { name: "Refresh" }).click();
	await page.getByText("Look after your connection, then try again.").waitFor();
	assert.ok((await page.getByRole("option").count()) > 3);
	await page.finish();
});

test("the first view is small", async () => {
	const page = await open(at, { path: "/admin" }), session = await page.context().newCDPSession(page), urls = new Map(), brotli = (await import("node:zlib")).brotliCompressSync;
	await session.send("Network.enable");
	session.on("Network.responseReceived", ({ response }) => urls.set(new URL(response.url).pathname, true));
	await page.reload();
	await page.getByRole("heading", { name: "1 thing is wrong" }).waitFor();
	const files = [...urls.keys()].filter((path) => /^\/(assets\/|admin$|dove)/.test(path));
	const sizes = await Promise.all(files.map(async (path) => brotli(Buffer.from(await (await fetch(at.server.origin + path)).arrayBuffer())).length));
	const sum = sizes.reduce((total, one) => total + one, 0);
	console.log(`# first view of the administration: ${sum} bytes in ${files.length} files, compressed with brotli`);
	assert.ok(files.length >= 3 && sum <= BUDGET, files.join("\n"));
	await page.finish();
});

// Themes differ in colours and devices in layout: two of the four show both.
for (const [device, size, colorScheme] of [["a desktop", DESKTOP, "light"], ["a phone", PHONE, "dark"]])
	test(`axe finds nothing in the administration, on ${device}, ${colorScheme}, and nothing is wider than the window`, async () => {
		const page = await admin({ ...size, colorScheme, bypassCSP: true, ...NOT_YET }), said = [], look = async (hash) => {
			if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe);
			const found = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
			said.push(...found.violations.map((one) => `${hash}: ${one.id}: ${one.help}\n${one.nodes.map((node) => `  ${node.html.slice(0, 300)}\n  ${node.failureSummary}`).join("\n")}`));
			assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), size.viewport.width, hash);
		};
		for (const hash of [...PAGES, ...DEEPER]) {
			await show(page, hash);
			await idle(page);
			await look(hash);
		}
		await setUp(page, look);
		assert.equal(said.join("\n"), "");
		await page.finish();
	});

for (const [locale, word, quiet] of [["pt-PT", "Visão geral", "Quarentena"], ["ru-RU", "Обзор", "Карантин"]])
	test(`every page is in ${locale}, with no text missing`, async () => {
		const page = await admin({ locale, ...NOT_YET }), look = async (hash) => assert.doesNotMatch(await page.locator("body").innerText(), /\badmin\.[a-z]+\.|\{\w+\}/i, hash);
		await page.getByRole("heading", { name: word }).waitFor();
		await page.getByRole("link", { name: quiet }).waitFor();
		for (const hash of [...PAGES, ...DEEPER]) {
			await show(page, hash);
			await idle(page);
			await look(hash);
		}
		await setUp(page, look);
		await page.finish();
	});
