// A Pombal of the tests' own, at a loopback address of its own, and letters for it.
import { spawn, spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const PROGRAM = process.env.POMBAL ?? join(ROOT, "build-test", "pombal");
const PORT_BASE = 20000;
export const PATIENCE = Number(process.env.PATIENCE ?? 60_000); // milliseconds; less for who looks for what is wrong
export const PASSWORD = "Ein-Wort-fuer-Tests-1";

/** Asks again and again until it gives something: at first soon, then every tenth of a second. */
export async function until(condition, what) {
	const end = Date.now() + PATIENCE;
	for (let pause = 10; ; pause = Math.min(100, pause * 1.5)) {
		const found = await condition();
		if (found) return found;
		if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
		await sleep(pause);
	}
}

/** So many accounts a server has unless somebody says how many. */
const ACCOUNTS = 24;
/** Whose changes alone tell that all earlier ones are announced. */
const MARKER = "marker@example.test";

export class Server {
	/** Its accounts are made before it runs: a new account, and any that is changed, is announced a moment later, and that ends what it has open. The first `administrators` of them may administer the server. */
	constructor({ accounts = ACCOUNTS, names = Array.from({ length: accounts }, (_, i) => `person${i + 1}@example.test`), administrators = 0 } = {}) {
		this.folder = mkdtempSync(join(tmpdir(), "pombal-web-"));
		this.data = join(this.folder, "data");
		// No other process has it, whatever has run in between: numbers of processes have 22 bits.
		this.address = `127.${64 + ((process.pid >> 8) & 63)}.${process.pid & 255}.${190 + ((process.pid >> 14) & 63)}`;
		this.origin = `http://${this.address}:${PORT_BASE + 8080}`;
		this.log = join(this.folder, "log");
		this.accounts = names;
		this.administrators = names.splice(0, administrators);
		this.seen = { text: "", size: 0 };
	}

	run(arguments_, input = "") {
		const done = spawnSync(PROGRAM, [...arguments_, "--data", this.data], { input, encoding: "utf8", env: environment() });
		if (done.status !== 0) throw new Error(`pombal ${arguments_.join(" ")} ended with ${done.status}: ${done.stderr}`);
		return done.stdout;
	}

	async start() {
		if (!this.made) {
			this.run(["init", "--domain", "example.test", "--hostname", "mail.example.test", "--dev", "--port-base", String(PORT_BASE)]);
			const conf = join(this.data, "pombal.conf");
			writeFileSync(conf, readFileSync(conf, "utf8").replaceAll("127.0.0.1:", `${this.address}:`));
			this.makeAccounts();
			this.made = true;
		}
		const log = openSync(this.log, "a"), before = this.said().length;
		this.process = spawn(PROGRAM, ["serve", "--data", this.data], { stdio: ["ignore", log, log], env: environment(), detached: true });
		this.ended = new Promise((resolve) => this.process.once("exit", resolve));
		await until(() => {
			if (this.process.exitCode !== null) throw new Error(`serve ended: ${this.said()}`);
			return /^ready$/m.test(this.said().slice(before));
		}, "the server");
		return this;
	}

	/** A port, by what it is of a program that is begun with --port-base. */
	port(number) {
		return PORT_BASE + number;
	}

	/** Sets options, and has them read. */
	set(options) {
		const conf = join(this.data, "pombal.conf"), lines = Object.entries(options).map(([name, value]) => `${name} = ${value}`);
		const kept = readFileSync(conf, "utf8").split("\n").filter((line) => !(line.split(" =")[0] in options));
		writeFileSync(conf, [...kept, ...lines, ""].join("\n"));
		this.run(["reload"]);
	}

	/** What its processes have said so far; only what is new is read. */
	said() {
		let file;
		try {
			file = openSync(this.log, "r");
		} catch {
			return "";
		}
		const more = Buffer.alloc(65_536), parts = [];
		for (let size; (size = readSync(file, more, 0, more.length, this.seen.size)) > 0; this.seen.size += size) parts.push(more.toString("latin1", 0, size));
		closeSync(file);
		this.seen.text += parts.join("");
		return this.seen.text;
	}

	async stop() {
		this.process.kill("SIGTERM");
		const status = await this.ended;
		if (status !== 0) throw new Error(`serve ended with ${status}: ${this.said().slice(-3000)}`);
	}

	/** As a power cut ends it: all of its processes at once. */
	async kill() {
		process.kill(-this.process.pid, "SIGKILL");
		await this.ended;
	}

	async close() {
		await this.stop();
		const bad = /(ERROR|WARNING): \w+Sanitizer|runtime error:|event=sandbox\.refused/.exec(this.said());
		if (bad) throw new Error(this.said().slice(bad.index, bad.index + 4000));
		rmSync(this.folder, { recursive: true, force: true });
	}

	makeAccounts() {
		const list = join(this.folder, "accounts.csv");
		writeFileSync(list, ["address,password", ...[MARKER, ...this.administrators, ...this.accounts].map((name) => `${name},${PASSWORD}`), ""].join("\n"));
		this.run(["account", "import", list]);
		for (const one of this.administrators) this.run(["account", "set", one, "--administrator", "server"]);
	}

	/** An account that nobody has used; its address. */
	account() {
		return taken(this.accounts, "accounts");
	}

	/** One that may administer the server. */
	administrator() {
		return taken(this.administrators, "administrators");
	}

	/** Until every change of an account that was made so far is announced. They are in their order: after one of the marker, which only this changes, that is over. */
	async announced() {
		const credentials = `Basic ${Buffer.from(`${MARKER}:${PASSWORD}`).toString("base64")}`;
		const events = await fetch(`${this.origin}/jmap/events?types=*&closeafter=no&ping=0`, { headers: { Authorization: credentials, Connection: "close" } });
		if (!events.ok) throw new Error(`the event source is answered with ${events.status}`);
		this.run(["account", "set", MARKER, "--name", `Marker ${Date.now()}`]);
		try {
			for await (const part of events.body) void part;
		} catch {
			// It is cut off.
		}
	}

	/** Hands letters over by LMTP (RFC 2033), as the next server would, one after the other; each is in its mailbox before the next is sent. Each is {from, subject, text, …}. */
	async deliver(to, letters) {
		const socket = connect(PORT_BASE + 2424, this.address).setEncoding("utf8");
		let heard = "";
		const answered = async (code) => {
			for (;;) {
				const line = /^(\d{3}) .*\r\n/m.exec(heard);
				if (line) {
					heard = heard.slice(line.index + line[0].length);
					if (line[1] !== code) throw new Error(`LMTP: ${line[0]}`);
					return;
				}
				const [data] = await once(socket, "data", { signal: AbortSignal.timeout(PATIENCE) });
				heard += data;
			}
		};
		const say = (text, code) => {
			socket.write(`${text}\r\n`, "latin1");
			return answered(code);
		};
		const done = new RegExp(` event=delivery\\.done id=\\S+ to=${to.replaceAll(".", "\\.")} `);
		await answered("220");
		await say("LHLO tests.example", "250");
		for (const letter of letters) {
			const before = this.said().length;
			await say(`MAIL FROM:<${address(letter.from ?? "anna@elsewhere.example")}>`, "250");
			await say(`RCPT TO:<${to}>`, "250");
			await say("DATA", "354");
			await say(`${compose(to, letter).replace(/^\./gm, "..")}\r\n.`, "250");
			await until(() => done.test(this.said().slice(before)), `a letter to be in the mailbox of ${to}`);
		}
		socket.end("QUIT\r\n");
	}
}

function taken(list, what) {
	if (!list.length) throw new Error(`there are no more ${what}: say how many there are to be`);
	return list.shift();
}

export function environment() {
	const kept = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/_proxy$/i.test(name) && !name.startsWith("POMBAL")));
	return { ...kept, LC_ALL: "C.UTF-8", UBSAN_OPTIONS: "print_stacktrace=1:halt_on_error=1", ASAN_OPTIONS: "quarantine_size_mb=8" };
}

function address(text) {
	return /<(.*)>/.exec(text)?.[1] ?? text;
}

function encoded(text) {
	return /^[\x20-\x7e]*$/.test(text) ? text : `=?utf-8?B?${Buffer.from(text).toString("base64")}?=`;
}

let number = 0;

/** A letter; `id` and `answers` make threads, `age` is in hours, `file` is the name of something attached, `parts` are {type, name, bytes}, `fields` more lines of the header;
 * `raw` is a whole letter, in bytes as Latin-1 has them. */
export function compose(to, { raw, from = "Anna Berg <anna@elsewhere.example>", subject = "", text = "", html, id, answers, age = 0, file, parts = file ? [{ type: "application/pdf", name: file, bytes: Buffer.from("%PDF-1.4 nothing") }] : [], fields = [] }) {
	if (raw) return raw.replace(/\r?\n/g, "\r\n");
	const [, name, mail] = /^(.*?)\s*<(.*)>$/.exec(from) ?? [null, "", from];
	const at = new Date(Date.now() - age * 3_600_000).toUTCString().replace("GMT", "+0000");
	const head = [`From: ${name ? `${encoded(name)} <${mail}>` : mail}`, `To: ${to}`, `Subject: ${encoded(subject)}`, `Date: ${at}`, `Message-ID: <${id ?? `n${++number}`}@tests.example>`, "MIME-Version: 1.0", ...fields];
	if (answers) head.push(`In-Reply-To: <${answers}@tests.example>`, `References: <${answers}@tests.example>`);
	const plain = ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64", "", Buffer.from(text).toString("base64").replace(/.{76}/g, "$&\r\n")].join("\r\n");
	const rich = html && ["Content-Type: text/html; charset=utf-8", "Content-Transfer-Encoding: base64", "", Buffer.from(html).toString("base64").replace(/.{76}/g, "$&\r\n")].join("\r\n");
	const body = html ? `Content-Type: multipart/alternative; boundary=alt\r\n\r\n--alt\r\n${plain}\r\n--alt\r\n${rich}\r\n--alt--` : plain;
	if (!parts.length) return [...head, body].join("\r\n");
	return [...head, "Content-Type: multipart/mixed; boundary=mix", "", "--mix", body, ...parts.flatMap(partOf), "--mix--"].join("\r\n");
}

/* Messages stand in messages as they are; all else is base64. */
function partOf({ type, name, bytes }) {
	const head = ["--mix", `Content-Type: ${type}`, `Content-Disposition: attachment${name ? `; filename="${name}"` : ""}`];
	return type === "message/rfc822" ? [...head, "", bytes.toString("utf8")] : [...head, "Content-Transfer-Encoding: base64", "", bytes.toString("base64").replace(/.{76}/g, "$&\r\n")];
}
