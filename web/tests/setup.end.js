// From an empty folder to a first letter that is sent and read, all in a browser (`pombal setup`). What strangers find there is tests/e2e/test_setup.py's.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, open } from "./browser.js";
import { PASSWORD, PATIENCE, PROGRAM, environment, until } from "./server.js";

const PORTS = [1110, 1143, 1993, 1995, 2424, 2525, 4465, 5587, 8080, 8443];
const NOISE = [/status of 4\d\d/, /ERR_CONNECTION/, /ERR_EMPTY_RESPONSE/]; // what a page is told that has to show a code yet, or waits for the server

const isFree = (port) => new Promise((resolve) => {
	const probe = createServer().once("error", () => resolve(false)).listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
});
async function freeBase() {
	for (;;) {
		const base = 10_000 + Math.floor(Math.random() * 14_000); // below those ports that whoever connects to something gets
		if ((await Promise.all(PORTS.map((port) => isFree(base + port)))).every(Boolean)) return base;
	}
}

/** A machine without a server. */
class Fresh {
	async start() {
		this.folder ??= mkdtempSync(join(tmpdir(), "pombal-setup-"));
		this.data = join(this.folder, "data");
		this.log = join(this.folder, "log");
		this.base ??= await freeBase();
		this.origin = `http://127.0.0.1:${this.base + 8080}`;
		const log = openSync(this.log, "a"), before = this.said().length;
		this.process = spawn(PROGRAM, ["setup", "--dev", "--port-base", String(this.base), "--data", this.data], { stdio: ["ignore", log, log], env: environment() });
		this.ended = new Promise((resolve) => this.process.once("exit", resolve));
		this.code = (await until(() => /^The code: (\S+)$/m.exec(this.said().slice(before)), "the code"))[1];
		return this;
	}
	said() {
		return existsSync(this.log) ? readFileSync(this.log, "utf8") : "";
	}
	async end(signal = "SIGTERM") {
		this.process.kill(signal);
		await this.ended;
	}
}

const at = { server: null, browser: null };
before(async () => {
	at.server = await new Fresh().start();
	at.browser = await launch();
}, { timeout: 4 * PATIENCE });
after(async () => {
	await at.browser?.close();
	await at.server?.end();
	const bad = /(ERROR|WARNING): \w+Sanitizer|runtime error:|event=sandbox\.refused/.exec(at.server.said());
	assert.equal(bad, null, at.server.said());
	rmSync(at.server.folder, { recursive: true, force: true });
}, { timeout: 4 * PATIENCE });

async function enter(page) {
	await page.getByLabel("Code").fill(at.server.code.toLowerCase().replaceAll("-", " "));
	await page.getByRole("button", { name: "Go on" }).click();
	await page.getByRole("heading", { name: "What the server is called" }).waitFor();
}

test("from an empty folder to a first letter that is sent and read", async () => {
	const begun = Date.now(), page = await open(at, { noise: NOISE });
	await page.getByRole("heading", { name: "Set up this server" }).waitFor();
	await page.getByLabel("Code").fill("AAAA-AAAA-AAAA");
	await page.getByRole("button", { name: "Go on" }).click();
	await page.getByText("That isn't the code.").waitFor();
	await enter(page);
	const other = await open(at, { noise: NOISE }); // a second window, with the same code
	await enter(other);
	await at.server.end("SIGKILL"); // in the middle
	await at.server.start();

	await page.getByLabel("Domain").fill("192.0.2.1");
	await page.getByRole("button", { name: "Make the server" }).click();
	await page.getByText("That is an address of a machine.").first().waitFor();
	await page.getByLabel("Domain").fill("First.example");
	assert.equal(await page.getByLabel("Name of the server").inputValue(), "mail.first.example");
	await page.getByLabel("Your name in the address").fill("rosa");
	await page.getByText("The address: rosa@first.example").waitFor();
	await page.getByLabel("Password", { exact: true }).fill("short");
	await page.getByRole("button", { name: "Make the server" }).click();
	await page.getByText("the password is too short").waitFor();
	await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
	await page.getByRole("button", { name: "Make the server" }).click();

	await page.getByRole("heading", { name: "First steps" }).waitFor();
	await page.getByText("Incoming mail (MX)").waitFor();
	await page.getByText("Signatures (DKIM)").first().waitFor();
	await page.getByRole("button", { name: "Go on" }).click();
	await page.getByText("none yet").waitFor();
	await page.getByRole("button", { name: /First letter/ }).click();
	await page.getByText("Waiting for a letter to rosa@first.example").waitFor();

	const mail = await page.context().newPage();
	await mail.goto(at.server.origin);
	await mail.getByRole("heading", { name: "Inbox" }).waitFor();
	await mail.keyboard.press("c");
	await mail.getByRole("combobox", { name: "To" }).fill("rosa@first.example,");
	await mail.getByLabel("Subject").fill("The first letter");
	await mail.getByRole("textbox", { name: "Message text" }).fill("It works.");
	await mail.getByRole("button", { name: "Send", exact: true }).click();
	await mail.getByRole("option", { name: /The first letter/ }).first().click();
	await mail.getByRole("heading", { name: "The first letter" }).waitFor();
	console.log(`# from an empty folder to the letter that was read: ${Math.round((Date.now() - begun) / 1000)} s`);
	await mail.close();
	await page.bringToFront();
	await page.getByText("A letter to rosa@first.example is there: it works").waitFor();
	await page.finish();

	await other.getByLabel("Domain").fill("second.example"); // comes too late
	await other.getByLabel("Your name in the address").fill("eve");
	await other.getByLabel("Password", { exact: true }).fill(PASSWORD);
	await other.getByRole("button", { name: "Make the server" }).click();
	await other.getByText("That isn't the code.").waitFor();
	await other.reload();
	await other.getByRole("heading", { name: "Sign in to the administration" }).waitFor();
	await other.finish();
});
