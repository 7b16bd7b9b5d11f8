// The administration against the real program: from an empty server to a first letter that was sent and read, and what each page says of it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { test } from "node:test";
import { go, open, stage } from "./browser.js";
import { PASSWORD, until } from "./server.js";

const at = stage({ administrators: 9 }), administrator = () => at.server.administrator();

async function show(page, hash) {
	await go(page, `#/${hash}`);
	await page.locator("main h1").waitFor();
	await page.locator("main [aria-busy=true]").first().waitFor({ state: "detached" });
}

test("from nothing to a first letter that is sent and read", async () => {
	const begun = Date.now(), who = administrator(), page = await open(at, { path: "/admin", noise: [/status of 4\d\d/] });
	await page.getByLabel("Email address").fill(who);
	await page.getByLabel("Password").fill(PASSWORD);
	await page.getByRole("button", { name: "Sign in" }).click();
	await page.getByRole("link", { name: "First steps" }).click();
	await page.getByRole("button", { name: /^1|Domain/ }).first().click();
	await page.getByLabel("Domain").fill("school.example");
	await page.getByRole("button", { name: "Add the domain" }).click();
	await page.getByLabel("Name", { exact: true }).waitFor();
	await page.getByRole("button", { name: "Go on" }).click();
	await page.getByText("Incoming mail (MX)").waitFor();
	await page.getByText("Signatures (DKIM)").first().waitFor();
	await page.getByRole("button", { name: "Go on" }).click();
	await page.getByText("none yet").waitFor();
	await page.getByRole("button", { name: "Go on" }).click();
	await page.getByRole("button", { name: "New account" }).click();
	const dialog = page.getByRole("dialog");
	await dialog.getByLabel("Name", { exact: true }).fill("Rosa Klee");
	await dialog.getByLabel("Domain").selectOption("school.example");
	const password = await dialog.getByLabel("Password", { exact: true }).inputValue();
	await dialog.getByRole("button", { name: "Make the account" }).click();
	await page.getByText("rosa.klee@school.example is ready.").waitFor();
	await page.finish();
	await at.server.announced();

	const mail = await open(at, { noise: [/status of 4\d\d/] });
	await mail.getByLabel("Email address").fill("rosa.klee@school.example");
	await mail.getByLabel("Password").fill(password);
	await mail.getByRole("button", { name: "Sign in" }).click();
	await mail.getByRole("heading", { name: "Inbox" }).waitFor();
	await mail.keyboard.press("c");
	await mail.getByRole("combobox", { name: "To" }).fill("rosa.klee@school.example,");
	await mail.getByLabel("Subject").fill("The first letter");
	await mail.getByRole("textbox", { name: "Message text" }).fill("It works.");
	await mail.getByRole("button", { name: "Send", exact: true }).click();
	await mail.getByRole("option", { name: /The first letter/ }).first().click();
	await mail.getByRole("heading", { name: "The first letter" }).waitFor();
	console.log(`# from signing in to the letter that was read: ${Math.round((Date.now() - begun) / 1000)} s`);
	await mail.finish();
});

test("each page says what the server says", async () => {
	const page = await open(at, { path: "/admin", address: administrator() });
	await page.getByRole("heading", { name: "All is well" }).waitFor();
	at.server.run(["alias", "add", "lost@school.example", "nobody@school.example"]);
	await page.getByRole("button", { name: "Look again" }).click();
	await page.getByText("The alias lost@school.example leads to nobody").waitFor();
	at.server.run(["alias", "remove", "lost@school.example"]);
	await show(page, "accounts");
	await page.getByRole("searchbox").fill("rosa");
	await page.getByRole("option", { name: /Rosa Klee/ }).click();
	await page.getByRole("heading", { name: "Rosa Klee" }).waitFor();
	await page.getByLabel("Room for mail").fill("3");
	await page.getByRole("button", { name: "Save" }).click();
	await page.getByText("Saved").waitFor();
	assert.equal(JSON.parse(at.server.run(["account", "show", "rosa.klee@school.example", "--json"])).quota_bytes, 3_000_000_000);
	await page.getByText("of 3 GB used").waitFor();
	await show(page, "domains/school.example");
	await page.getByText("Incoming mail (MX)").waitFor();
	await show(page, "aliases");
	await page.getByRole("button", { name: "New alias or group" }).click();
	await page.getByLabel("Address", { exact: true }).fill("postmaster@school.example");
	await page.getByLabel("Leads to").fill("rosa.klee@school.example");
	await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
	await page.getByRole("option", { name: /postmaster@school.example/ }).waitFor();
	await show(page, "trace");
	await page.getByRole("searchbox").fill("rosa.klee@school.example");
	await page.keyboard.press("Enter");
	await page.getByText("Delivered", { exact: true }).first().waitFor();
	for (const [hash, said] of [["queue", "The queue is empty"], ["quarantine", "Nothing is in quarantine"], ["reports", "There are no reports yet"], ["certificates", "The server gets no certificates by itself"], ["sessions", "rosa.klee@school.example"], ["graphs", "Processes"], ["spam", "What points lead to"], ["servers", "There are no keys."]]) {
		await show(page, hash);
		await page.getByText(said).first().waitFor();
	}
	await page.finish();
});

test("a message that waits is held, let go and removed", async () => {
	const who = administrator(), page = await open(at, { path: "/admin", address: who });
	at.server.run(["config", "set", 'smarthost="127.0.0.1:9"']); // where nobody listens
	at.server.run(["sendmail", "-f", who, "somebody@elsewhere.example"], `From: ${who}\nTo: somebody@elsewhere.example\nSubject: On its way\n\nText\n`);
	at.server.run(["queue", "hold", "somebody@elsewhere.example"]);
	await show(page, "queue");
	await page.getByRole("option", { name: /somebody@elsewhere.example/ }).click();
	await page.getByRole("heading", { name: "On its way" }).waitFor();
	await page.getByRole("button", { name: "Let it go" }).click();
	await page.getByText("It goes on").waitFor();
	await page.getByRole("button", { name: "Remove" }).click();
	await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
	await page.getByText("The queue is empty").waitFor();
	await page.finish();
});

test("settings are changed and taken back, also by themselves, and two administrators see it", async () => {
	const page = await open(at, { path: "/admin", address: administrator() }), other = await open(at, { path: "/admin", address: administrator() });
	const value = () => JSON.parse(at.server.run(["config", "log_keep", "--json"])).log_keep, before = value();
	await show(page, "settings");
	await page.getByRole("searchbox").fill("log_keep");
	await page.getByRole("button", { name: /^log_keep/ }).click();
	await page.getByLabel("Value").fill("23");
	await page.getByRole("button", { name: "Save" }).click();
	await page.getByText("Saved").waitFor();
	assert.equal(value(), 23);
	await show(other, "settings/history");
	await other.getByRole("listitem").filter({ hasText: "log_keep" }).getByRole("button", { name: "Take it back" }).click();
	await other.getByText("The former values count again").waitFor();
	assert.equal(value(), before);
	const answer = await page.context().request.post(`${at.server.origin}/admin/call`, { data: { command: "config set", arguments: ["log_keep=31"], options: { confirm: "3" } }, headers: { Origin: at.server.origin } });
	assert.equal(answer.status(), 200, await answer.text());
	await until(() => value() === before, "what nobody has confirmed"); // as when the page was cut off
	await page.finish();
	await other.finish();
});

test("an administrator of one domain sees and does what is his alone", async () => {
	const mine = "head@school.example";
	at.server.run(["account", "add", mine, "--password-stdin"], `${PASSWORD}\n`);
	at.server.run(["account", "set", mine, "--administrator", "domain"]);
	await at.server.announced();
	const page = await open(at, { path: "/admin", address: mine, noise: [/status of 4\d\d/] });
	await page.getByRole("option", { name: /Rosa Klee/ }).waitFor();
	assert.equal(await page.getByRole("option", { name: /example\.test/ }).count(), 0);
	assert.equal(await page.getByRole("link", { name: "Queue" }).count(), 0);
	for (const [command, words] of [["account list", ["example.test"]], ["account show", ["postmaster@example.test"]], ["account add", ["x@example.test"]], ["queue list", []], ["config options", []], ["account set", [mine]]]) {
		const options = command === "account set" ? { administrator: "server" } : {};
		const answer = await page.context().request.post(`${at.server.origin}/admin/call`, { data: { command, arguments: words, options }, headers: { Origin: at.server.origin } });
		assert.equal(answer.status(), 403, `${command} ${words.join(" ")}: ${await answer.text()}`);
	}
	await page.finish();
	const stranger = await open(at, { path: "/admin", address: at.server.account(), noise: [/status of 4\d\d/] });
	await stranger.getByText("This account administers nothing").waitFor();
	await stranger.finish();
});

for (const [locale, word] of [["pt-PT", "Visão geral"], ["ru-RU", "Обзор"]])
	test(`what the server says is shown in ${locale}`, async () => {
		const page = await open(at, { path: "/admin", address: administrator(), locale });
		await page.getByRole("heading", { name: word }).waitFor();
		for (const hash of ["overview", "start", "accounts", "aliases", "domains", "domains/school.example", "queue", "trace/rosa.klee%40school.example", "quarantine", "spam", "reports", "graphs", "sessions", "certificates", "settings", "settings/history", "servers"]) {
			await show(page, hash);
			assert.doesNotMatch(await page.locator("body").innerText(), /\badmin\.[a-z]+\.|\{\w+\}/i, hash);
		}
		await show(page, "settings"); // what options mean is the manual pages'
		await page.getByRole("button", { name: /^log_keep/ }).click();
		const { doc } = JSON.parse(at.server.run(["config", "options", "--json"])).find(({ name }) => name === "log_keep");
		await page.getByText(JSON.parse(readFileSync(new URL(`../../docs/${locale.slice(0, 2)}/manual.json`, import.meta.url), "utf8"))[doc]).waitFor();
		await page.finish();
	});

const MARKUP = `"></pre><img src=x onerror=pwned('name')><svg onload=pwned('svg')>`;

test("what others have named and written is text in the pages of an administrator", async () => {
	const who = administrator(), victim = at.server.account(), page = await open(at, { path: "/admin", address: who, noise: [/Content Security Policy/] }), ran = [];
	await page.context().exposeFunction("pwned", (what) => void ran.push(what));
	at.server.run(["account", "set", victim, "--name", MARKUP]);
	at.server.run(["account", "app-password", "add", victim, "--name", MARKUP]);
	at.server.run(["admin", "key", "add", MARKUP, "--reads"]);
	at.server.run(["backup", "note", `host:${MARKUP}`, "--verified"]);
	at.server.run(["sendmail", "-f", victim, "held@elsewhere.example"], `From: ${MARKUP} <${victim}>\nTo: held@elsewhere.example\nSubject: ${MARKUP}\nX-Note: ${MARKUP}\n\n${MARKUP}\n`);
	at.server.run(["queue", "hold", "held@elsewhere.example"]);
	const [waiting] = JSON.parse(at.server.run(["queue", "list", "held@elsewhere.example", "--json"]));
	for (const [hash, shown] of [["accounts", victim], [`accounts/${encodeURIComponent(victim)}`, "App passwords"], [`queue/${waiting.id}`, "held@elsewhere.example"], [`trace/${waiting.id}`, "held@elsewhere.example"], ["servers", "pwned"], ["overview", "host:"]]) {
		await show(page, hash);
		await page.locator("main").getByText(shown).first().waitFor();
		assert.equal(await page.evaluate(() => document.querySelectorAll("img[src=x], svg[onload], [onerror]").length), 0, `${hash}: no markup of others stands in the page`);
	}
	at.server.run(["queue", "remove", waiting.id]);
	assert.deepEqual(ran, []);
	await page.finish();
});

test("pages of another origin do nothing in an administrator's name, frame nothing, and are led to by nothing", async () => {
	const who = administrator(), page = await open(at, { path: "/admin", address: who, noise: [/./] }), origin = at.server.origin;
	const host = createServer((_request, answer) => answer.writeHead(200, { "Content-Type": "text/html" }).end(`<iframe name="framed" src="${origin}/admin"></iframe><form method="post" enctype="text/plain" action="${origin}/admin/call"><input name='{"command":"domain add","arguments":["forged.example"],"input":"' value='"}'></form>`));
	await new Promise((resolve) => host.listen(0, "127.0.0.1", resolve));
	try {
		await page.getByRole("heading", { name: "Overview" }).waitFor();
		await page.goto(`http://127.0.0.1:${host.address().port}/`); // the same site, so the cookie goes along
		const body = JSON.stringify({ command: "domain add", arguments: ["forged.example"] });
		const answers = await page.evaluate(async ([to, text]) => Promise.all([["POST", "text/plain", "no-cors"], ["POST", "application/json", "cors"], ["POST", "text/plain", "cors"], ["GET", null, "cors"]].map(([method, type, mode]) =>
			fetch(method === "GET" ? `${to}/admin/who` : `${to}/admin/call`, { method, mode, credentials: "include", ...(method === "POST" ? { headers: { "Content-Type": type }, body: text } : {}) }).then((answer) => answer.text(), () => "kept away"))), [origin, body]);
		assert.ok(answers.every((one) => !one.includes(who) && !one.includes("result")), answers.join("\n"));
		const framed = page.frames().find((one) => one !== page.mainFrame());
		assert.equal((await framed?.evaluate(() => document.querySelectorAll("script[src*=assets]").length).catch(() => 0)) ?? 0, 0, "the pages stand in nobody's frame");
		await Promise.all([page.waitForURL(`${origin}/**`), page.evaluate(() => document.forms[0].submit())]);
		assert.doesNotMatch(at.server.run(["domain", "list"]), /forged/);
		for (const path of ["//evil.example/admin", "/admin?next=//evil.example", "/admin/%2f%2fevil.example", "/admin\\evil.example", "/admin//evil.example/.."]) {
			const answer = await page.context().request.get(origin + path, { maxRedirects: 0 });
			assert.doesNotMatch(answer.headers().location ?? "", /evil/, path);
		}
	} finally {
		await new Promise((resolve) => host.close(resolve));
	}
	await page.context().close();
});
