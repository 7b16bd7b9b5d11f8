// Signing in and out, and what goes wrong with it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { open, PHONE, stage } from "./browser.js";
import { PASSWORD } from "./server.js";

const at = stage(), REFUSED = [/status of 4\d\d/];

test("who says the right password sees his inbox; his address is remembered, his password isn't", async () => {
	const address = at.server.account(), page = await open(at, { noise: REFUSED });
	await page.getByLabel("Email address").fill(address);
	await page.getByLabel("Password").fill("wrong");
	await page.getByRole("button", { name: "Sign in" }).click();
	await page.getByText("The address or the password is wrong.").waitFor();
	assert.equal(await page.getByLabel("Password").inputValue(), "");
	await page.getByLabel("Password").fill(PASSWORD);
	await page.getByLabel("Password").press("Enter");
	await page.getByRole("heading", { name: "Inbox" }).waitFor();
	await page.getByText("There is nothing in your inbox.").waitFor();

	await page.getByRole("button", { name: `Account: ${address}` }).click();
	await page.getByRole("menuitem", { name: "Sign out" }).click();
	await page.getByRole("heading", { name: "Sign in to your mail" }).waitFor();
	assert.equal(await page.getByLabel("Email address").inputValue(), address);
	assert.equal(await page.getByLabel("Password").inputValue(), "");
	await page.reload();
	assert.equal(await page.getByLabel("Email address").inputValue(), address);
	assert.equal((await page.request.get(`${at.server.origin}/session`)).status(), 401);
	await page.finish();
});

test("the sign-in page speaks three languages, and remembers which", async () => {
	const page = await open(at, { locale: "pt-BR" });
	await page.getByRole("heading", { name: "Entrar no correio" }).waitFor();
	await page.getByLabel("Idioma").selectOption({ label: "Русский" });
	await page.getByRole("heading", { name: "Вход в почту" }).waitFor();
	assert.equal(await page.locator("html").getAttribute("lang"), "ru");
	await page.reload();
	await page.getByRole("heading", { name: "Вход в почту" }).waitFor();
	await page.finish();
});

test("too many attempts, and a server that is away, are told apart from a wrong password", async () => {
	const page = await open(at, { serviceWorkers: "block", noise: [...REFUSED, /net::ERR_FAILED/, /Service Worker/] }); // what its worker asks for can't be answered here
	const attempt = async (answer) => {
		await page.route("**/session", answer);
		await page.getByLabel("Email address").fill("somebody@example.test");
		await page.getByLabel("Password").fill("whatever");
		await page.getByRole("button", { name: "Sign in" }).click();
	};
	await attempt((route) => route.fulfill({ status: 429, body: "later" }));
	await page.getByText("There were too many attempts.").waitFor();
	await page.unroute("**/session");
	await attempt((route) => route.abort());
	await page.getByText("The server can’t be reached.").waitFor();
	await page.getByLabel("Email address").fill("");
	await page.getByRole("button", { name: "Sign in" }).click();
	await page.getByText("Enter your address and your password.").waitFor();
	await page.finish();
});

test("a phone is led to its profile by a code", async () => {
	const page = await open(at, PHONE);
	await page.getByRole("button", { name: "Set up my phone" }).click();
	const dialog = page.getByRole("dialog");
	await dialog.getByText("Enter your address to see the code.").waitFor();
	await dialog.getByLabel("Email address").fill("anna@example.test");
	await dialog.getByRole("img", { name: /QR code/ }).waitFor();
	assert.equal(await dialog.getByRole("link", { name: "Download the profile" }).getAttribute("href"), `${at.server.origin}/mail.mobileconfig?address=anna%40example.test`);
	await page.keyboard.press("Escape");
	await dialog.waitFor({ state: "hidden" });
	await page.finish();
});

test("who is signed in is so when the page is loaded anew", async () => {
	const page = await open(at, { address: at.server.account() });
	await page.getByRole("heading", { name: "Inbox" }).waitFor();
	await page.reload();
	await page.getByRole("heading", { name: "Inbox" }).waitFor();
	await page.finish();
});
