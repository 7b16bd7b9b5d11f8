// Where letters are shown for tests: the page of main.ts, built as the web mail is and served with the program's own policies (read in its source, so that they can't
// differ), in Debian's Chromium, which reaches nothing else but a server that counts what it is asked for.
import { createServer } from "node:http";
import { readFileSync, rmSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { chromium } from "playwright-core";
import { build } from "vite";
import { withoutNode } from "../../vite.config.js";

export const web = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".json": "application/json" };
export const PNG = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABh6FO1AAAAABJRU5ErkJggg==", "base64");

/** The policy of the mail's pages, of which the administration's differs in where it may connect to. */
function policyOfPages() {
	const source = readFileSync(join(web, "..", "src", "web/files.c"), "utf8"), made = /#define POLICY\(connect\)([\s\S]*?[^\\])\n/.exec(source)[1], to = /pages_policy\[\] = POLICY\("(.*)"\)/.exec(source)[1];
	return [...made.replace(/" connect "/, to).matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((found) => found[1]).join("");
}

/** The text of C's string literals that follow `after`, up to a semicolon. */
function literals(file, after) {
	const source = readFileSync(join(web, "..", "src", file), "utf8"), from = source.indexOf(after);
	const end = /;\n/.exec(source.slice(from + after.length)).index;
	return [...source.slice(from + after.length, from + after.length + end).matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((found) => found[1]).join("");
}

function listen(handler) {
	return new Promise((resolve) => {
		const server = createServer(handler);
		server.listen(0, "127.0.0.1", () => resolve(server));
	});
}

/** The built page, its server, the one that counts what it is asked for, and the browser: one for all stages of a file, which come one after the other. `now`: what the stage of the moment is asked for. */
async function openHouse() {
	const out = join(web, ".cache", `read-${process.pid}`), house = { now: null };
	const built = build({
		root: join(web, "tests", "read"), configFile: false, logLevel: "error", plugins: [svelte({ configFile: false }), withoutNode], publicDir: false,
		build: { outDir: out, emptyOutDir: true, assetsInlineLimit: 0, modulePreload: { polyfill: false }, target: ["chrome109"], reportCompressedSize: false },
	});
	const pages = policyOfPages(), frame = literals("web/outside.c", "enum net_run web_frame(struct http_exchange *exchange)\n{\n\texchange->policy =");
	if (!frame.startsWith("default-src 'none'") || !pages.startsWith("default-src 'none'")) throw new Error(`policies can't be read: ${pages} / ${frame}`);
	const own = await listen((request, answer) => {
		const url = new URL(request.url, "http://x"), { remote, asked, pictures, told } = house.now;
		const give = (type, body, policy) => answer.writeHead(200, { "Content-Type": type, "Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff" }).end(body);
		if (url.pathname === "/frame") return give("text/html; charset=utf-8", "<!doctype html><html><head><title></title></head><body></body></html>\n", frame);
		if (url.pathname === "/picture") {
			const address = url.searchParams.get("url"), body = remote(address);
			pictures.push(address);
			return body ? give("image/png", body, "sandbox") : answer.writeHead(415).end();
		}
		if (url.pathname === "/unsubscribe") {
			let body = "";
			request.on("data", (part) => (body += part)).on("end", () => (told.push(body), answer.writeHead(204).end()));
			return;
		}
		const path = url.pathname === "/" ? "/index.html" : url.pathname;
		try {
			give(TYPES[extname(path)] ?? "application/octet-stream", readFileSync(join(out, path)), pages);
		} catch {
			asked.push("here: " + url.pathname);
			answer.writeHead(404).end();
		}
	});
	const evil = await listen((request, answer) => {
		house.now?.asked.push(`${request.method} ${request.url}`);
		answer.writeHead(200, { "Content-Type": "text/html", "Access-Control-Allow-Origin": "*" }).end("<script>alert(1)</script>");
	});
	evil.on("connect", (request, socket) => {
		house.now?.asked.push("CONNECT " + request.url);
		socket.end();
	});
	const browser = await chromium.launch({
		executablePath: "/usr/bin/chromium",
		args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run", "--font-render-hinting=none",
			`--proxy-server=http://127.0.0.1:${evil.address().port}`, `--proxy-bypass-list=<-loopback>;127.0.0.1:${own.address().port}`],
	});
	await built;
	const close = async () => {
		await browser.close();
		own.close();
		evil.close();
		rmSync(out, { recursive: true, force: true });
	};
	return Object.assign(house, { origin: `http://127.0.0.1:${own.address().port}`, browser, close });
}

let house = null;

/** `remote(address)`: what /picture gives: a Buffer, or null. */
export async function openStage({ remote = () => PNG, width = 1100, height = 900, touch = false, scheme = "light" } = {}) {
	const { browser, origin } = (house ??= await openHouse()), asked = [], pictures = [], told = [];
	house.now = { remote, asked, pictures, told };
	const context = await browser.newContext({ viewport: { width, height }, hasTouch: touch, isMobile: touch, colorScheme: scheme, deviceScaleFactor: touch ? 2 : 1 });
	const page = await context.newPage(), ran = [], complaints = [];
	await context.exposeFunction("pwned", (what) => void ran.push(String(what)));
	page.on("dialog", (dialog) => {
		ran.push("dialog " + dialog.message());
		void dialog.dismiss();
	});
	context.on("page", (other) => ran.push("window " + other.url()));
	page.on("pageerror", (error) => complaints.push(String(error)));
	page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
	await page.goto(origin + "/");
	return {
		page, context, origin, asked, pictures, told, ran, complaints,
		show: async (wanted) => {
			await page.evaluate((all) => window.show(all), { settings: {}, dark: false, language: "en", thread: false, blobs: {}, parsed: {}, story: null, submissions: [], own: false, known: false, ...wanted });
		},
		write: async (begun) => {
			await page.evaluate((all) => window.write(all), { text: "", html: null, language: "en", dark: false, wrong: null, highlights: true, ...begun });
		},
		close: () => context.close(),
	};
}

/** When no more stages are wanted. */
export async function closeHouse() {
	await house?.close();
	house = null;
}

let count = 0;

/** A message as the data layer has it. */
export function letterOf({ html = null, text = null, from = [{ name: "Ann Example", email: "ann@example.test" }], subject = "A letter", attachments = [], headers = [], keywords = { $seen: true }, more = {} }) {
	const id = "M" + ++count, part = (type, partId) => ({ partId, blobId: "B" + partId, size: 100, name: null, type, charset: "utf-8", disposition: null, cid: null });
	const head = {
		id, blobId: "W" + id, threadId: "T1", mailboxIds: { I: true }, keywords, size: 2000, receivedAt: "2026-11-30T10:00:00Z", messageId: [id + "@example.test"], inReplyTo: null, references: null, sender: null,
		from, to: [{ name: "Bob", email: "bob@example.test" }, { name: null, email: "team@example.test" }], cc: null, bcc: null, replyTo: null, subject, sentAt: "2026-11-30T10:00:00Z", hasAttachment: attachments.length > 0,
		preview: (text ?? "A letter that says something.").slice(0, 100), ...more,
	};
	const body = {
		...head, bodyStructure: part("multipart/alternative", null), bodyValues: {}, headers, attachments,
		htmlBody: html === null ? [] : [part("text/html", "1")], textBody: text === null ? [] : [part("text/plain", "2")],
	};
	if (html !== null) body.bodyValues["1"] = { value: html, isEncodingProblem: false, isTruncated: false };
	if (text !== null) body.bodyValues["2"] = { value: text, isEncodingProblem: false, isTruncated: false };
	return { heads: [head], bodies: { [id]: body } };
}

/** Waits until a letter stands in its frame, and its pictures have come. */
export async function settled(page) {
	const isThere = () => {
		const frame = document.querySelector("iframe");
		return !frame || Boolean(frame.contentDocument?.getElementById("letter"));
	};
	for (let left = 1200; left > 0 && !(await page.evaluate(isThere)); left--) await page.waitForTimeout(50); // the policy lets nobody wait in the page
	await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 60))));
}
