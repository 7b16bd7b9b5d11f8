/* A stand-in for the interface of docs/admin-api.md, for what a real server is rarely like: a queue of a million, everything wrong at once. It gives the built pages of dist/, and keeps what is changed. */
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const DIST = fileURLToPath(new URL("../dist", import.meta.url)), DOVE = fileURLToPath(new URL("../../src/web/static/dove.svg", import.meta.url));
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json" };
export const ADMIN = "anna@example.org";
const now = () => Math.floor(Date.now() / 1000), id = (i) => `Q${String(i).padStart(9, "0")}`;
const NAMES = ["Ana Sousa", "Boris Iwanow", "Clara Nunes", "Дмитрий Орлов", "Emil Berg", "Fatima Said", "Grete Holm", "Hugo Pinto"];

/** In the page of a machine without a server: the code, and what the server is to be called. */
export async function nameServer(page) {
	await page.locator("form input").fill("K7QF-3MXP-9TWB");
	await page.locator("form button").click();
	await page.locator("form input").nth(3).waitFor();
	for (const [i, text] of [[0, "example.org"], [2, "anna"], [3, "a long password of mine"]]) await page.locator("form input").nth(i).fill(text);
	await page.locator(".looked .state").nth(3).waitFor();
}
function account(i) {
	return { name: i === 0 ? ADMIN : `person${String(i).padStart(5, "0")}@example.org`, display_name: NAMES[i % NAMES.length], enabled: i % 17 !== 3, quota_bytes: i % 3 ? 5e9 : 0, quota_messages: 0, created: now() - i * 86_400, has_password: i % 23 !== 5,
		language: "", rate: null, rate_day: null, administrator: i === 0 ? "server" : "no" };
}
function queued(i) {
	const held = i % 50 === 7;
	return { id: id(i), from: `person${i % 100}@example.org`, arrived: now() - 60 * i, release: 0, size: 3000 + i * 7, held, waiting: false, held_for: held ? "to 120 recipients within an hour" : null, junk: false, findings: "", client: "192.0.2.7", account: `person${i % 100}@example.org`,
		recipients: [{ address: `somebody${i}@elsewhere.example`, attempts: i % 4, next_attempt: now() + (i % 4) * 600, expires: now() + 400_000, last_error: i % 4 ? "mx.elsewhere.example said: 451 4.7.1 try again later" : "", via: "", returned: "" }] };
}
const record = (name, type, value, needed, state, there = "") => ({ name, type, needed, line: `${name}. ${type} ${value}`, state, there, advice: "" });
const OPTIONS = [
	["hostname", "This server", "text", "localhost", "mail.example.org", "The name of this server, as it greets others and as MX records name it.", false], ["workers", "This server", "number", 64, 64, "The most threads that each role uses for work that may wait.", false],
	["https_listen", "Listeners: each entry is an address with a port", "list", [], ["0.0.0.0:443"], "HTTP over TLS (port 443).", false], ["max_message", "Receiving", "size", 26214400, 26214400, "The largest message that is taken, in bytes.", false],
	["access_allow", "At the door", "list", [], ["partner.example"], "Who is let in.", false], ["access_deny", "At the door", "list", [], ["203.0.113.0/24", "spam.example"], "Who is refused.", false], ["retry_for", "Sending", "time", 432000, 432000, "After so long a message is returned to its sender.", false],
	["spam_checks", "Spam", "flag", true, true, "Give each message points.", false], ...[["tag", "3"], ["junk", "5"], ["quarantine", "9"], ["reject", "15"]].map(([name, value]) => [`spam_${name}`, "Spam", "text", value, value, "From so many points on.", false]),
	["spam_points", "Spam", "list", [], ["HTML_ONLY 0.2"], "Rules with other points than their own.", false],
];

export class Fake {
	constructor() {
		this.accounts = Array.from({ length: 10_000 }, (_, i) => account(i));
		this.queue = 1_000_000;
		this.gone = new Set();
		this.held = new Map();
		this.aliases = [{ address: "info@example.org", targets: ["person00001@example.org", "person00002@example.org"] }, { address: "postmaster@example.org", targets: [ADMIN] }, { address: "*@example.org", targets: [ADMIN] }];
		this.domains = [{ name: "example.org", alias_of: "", catch_all: ADMIN, language: "" }, { name: "school.example", alias_of: "", catch_all: "", language: "pt" }];
		this.options = OPTIONS.map(([name, section, kind, base, value, doc, restart]) => ({ name, section, kind, default: base, value, set: JSON.stringify(base) !== JSON.stringify(value), doc, effect: "at once", restart }));
		this.history = [];
		this.appPasswords = [{ id: "a0", name: "telephone", allow: "mail send", kind: "app-password", created: now() - 9e6, used: now() - 600, expires: null, account: ADMIN }];
		this.findings = [
			{ level: "warning", what: "the address 192.0.2.1 has no name that leads back to it", mend: "Have it set." }, { level: "error", what: "the alias old@example.org leads to nobody", mend: "Set other targets." }, { level: "note", what: "clamd at 127.0.0.1:3310 answers: clean, 3 ms", mend: "" },
		];
		this.keys = [{ id: "k1", name: "monitoring", domain: null, reads: true, created: now() - 900_000, used: now() - 60, expires: null }];
		this.who = { who: ADMIN, rank: "server", domain: null };
		this.signedIn = true;
		this.served = true; // false: `pombal setup`
		this.calls = [];
		this.rows = ROWS;
	}

	async start() {
		this.server = createServer((request, response) => void this.answer(request, response));
		await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
		this.origin = `http://127.0.0.1:${this.server.address().port}`;
		return this;
	}
	close() {
		this.server.closeAllConnections?.();
		return new Promise((resolve) => this.server.close(resolve));
	}

	async answer(request, response) {
		const path = new URL(request.url, "http://x").pathname;
		let body = "";
		for await (const part of request) body += part;
		const say = (status, value, type = "application/json") => {
			response.writeHead(status, { "Content-Type": type });
			response.end(typeof value === "string" || Buffer.isBuffer(value) ? value : JSON.stringify(value));
		};
		const refuse = (status, code, message = code) => say(status, { error: { code, message } });
		if (path === "/session") {
			this.signedIn = request.method !== "DELETE";
			return say(200, { account: this.who.who });
		}
		if (!this.served && path.startsWith("/admin/") && !request.headers.authorization) return refuse(401, "set_up");
		if (path === "/admin/who") return this.signedIn ? (this.who.rank === "no" ? refuse(403, "not_administrator") : say(200, this.whoIs())) : refuse(401, "sign_in");
		if (path === "/admin/call") {
			if (!this.signedIn) return refuse(401, "sign_in");
			const call = JSON.parse(body);
			this.calls.push(call);
			try {
				const result = this.call(call);
				return say(200, typeof result === "string" ? { text: result, notes: [] } : { result, notes: [] });
			} catch (error) {
				return refuse(error.status ?? 422, error.code ?? "failed", error.message);
			}
		}
		if (path === "/dove.svg") return say(200, readFileSync(DOVE), TYPES[".svg"]);
		try {
			const file = path === "/admin" ? "admin.html" : path === "/" ? "index.html" : path.slice(1);
			return say(200, readFileSync(join(DIST, file)), TYPES[extname(file)] ?? "application/octet-stream");
		} catch {
			return say(404, "nothing", "text/plain");
		}
	}

	whoIs() {
		const domainRows = /^(domain (list|show|set|dns)|account|alias|session|reports$)/;
		const commands = Object.keys(this.rows).filter((name) => this.who.rank === "server" || (domainRows.test(name) && name !== "account import"));
		return { ...this.who, key: false, reads: false, hostname: "mail.example.org", version: "0.1.0",
			commands: commands.map((command) => ({ command, changes: false, options: (this.who.rank !== "server" ? [] : { "account set": ["rate", "rate-day", "administrator"], "domain set": ["spam-tag", "spam-junk", "spam-quarantine", "spam-reject"] }[command] ?? []).map((name) => ({ name, argument: "X", doc: "", many: false })) })) };
	}

	call({ command, arguments: words = [], options = {}, input = "" }) {
		const row = this.rows[command];
		if (!row) throw failure("no_command", "there is no such row", 404);
		return row(this, words, options, input);
	}

	change(assignments) {
		const changed = assignments.map((one) => {
			const at = one.indexOf("="), option = this.options.find((each) => each.name === one.slice(0, at)), text = one.slice(at + 1);
			if (!option) throw failure("invalid", `there is no option "${one.slice(0, at)}"`);
			const before = option.value, after = text === "" ? option.default : option.kind === "list" ? [...text.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((found) => found[1].replace(/\\(.)/g, "$1")) : option.kind === "flag" ? text === "yes" : option.kind === "text" ? text.slice(1, -1) : Number.isNaN(Number(text)) ? text : Number(text);
			if (option.name === "workers" && !(after >= 1 && after <= 1000)) throw failure("invalid", "pombal.conf: workers must be between 1 and 1000");
			option.value = after;
			option.set = JSON.stringify(after) !== JSON.stringify(option.default);
			return { option: option.name, before, after, effect: "at once" };
		});
		this.history.unshift({ number: this.history.length + 1, time: now(), by: this.who.who, peer: "192.0.2.9", state: "waiting", changed });
		return { number: this.history.length, confirm_by: now() + 60, changed };
	}
}

function failure(code, message, status = 422) {
	return Object.assign(new Error(message), { code, status });
}
function page(list, { limit, after }, idOf) {
	const from = after === undefined ? 0 : list.findIndex((one) => idOf(one) === after) + 1;
	return list.slice(from, from + Number(limit ?? list.length));
}
function found(list, test, message) {
	const one = list.find(test);
	if (!one) throw failure("not_found", message);
	return one;
}
const QUARANTINED = Array.from({ length: 30 }, (_, i) => ({ id: `H${i}`, sender: `win${i}@spam.example`, from: `"Lottery ${i}" <win${i}@spam.example>`, subject: i === 3 ? "" : `You have won number ${i}`, recipients: [ADMIN], arrived: now() - 3600 * i, size: 4000, client: "203.0.113.9", points: 9.5 + i / 10,
	reason: "BAYES_SPAM", rules: [{ rule: "BAYES_SPAM", points: 4.5, detail: "", text: "It reads as what was learned to be spam" }, { rule: "HTML_ONLY", points: 1.2, detail: "", text: "It has no plain text" }] }));
const STORY = { id: "Q000000003", events: [
	{ time: "2026-11-30T10:00:00.000Z", level: "info", role: "smtp", event: "message.accepted", id: "Q000000003", from: "person3@example.org", size: "3021" },
	{ time: "2026-11-30T10:00:02.000Z", level: "info", role: "courier", event: "delivery.deferred", id: "Q000000003", to: "somebody3@elsewhere.example", host: "mx.elsewhere.example", reply: "451 4.7.1 try again later" },
	{ time: "2026-11-30T10:10:02.000Z", level: "info", role: "courier", event: "delivery.done", id: "Q000000003", to: "somebody3@elsewhere.example", host: "mx.elsewhere.example", reply: "250 2.0.0 ok" },
] };

/** What each row answers. */
const ROWS = {
	check: (fake) => fake.findings,
	status: () => ["smtp", "policy", "courier", "auth", "reader", "web"].map((role, i) => ({ role, pid: 100 + i, state: "ready", seconds: 273_000, restarts: 0 })).concat([{ listener: "smtp", address: "0.0.0.0:25" }, { listener: "https", address: "0.0.0.0:443" }]),
	metrics: () => {
		const t = Date.now() / 1000;
		return { smtp: { value: { connections_open: 12 + Math.round(4 * Math.sin(t / 9)), pss_bytes: 31e6 }, event: { "message.accepted": Math.round(t * 2 + 10 * Math.sin(t / 11)), "recipient.refused": Math.round(t / 3) } },
			courier: { value: { pss_bytes: 24e6, queue_messages: 1_000_000, queue_recipients: 1_300_000 }, event: { "delivery.done": Math.round(t * 1.8), "delivery.deferred": Math.round(t / 9) } },
			reader: { value: { connections_open: 230 + Math.round(9 * Math.sin(t / 7)), pss_bytes: 60e6 } }, web: { value: { connections_open: 21, pss_bytes: 22e6 } }, auth: { event: { "sign_in.done": Math.round(t / 2), "sign_in.failed": Math.round(t / 40) } } };
	},
	"certificate list": () => [
		{ certificate: "mail.example.org", there: true, begins: now() - 2e6, ends: now() + 5e6, names: ["mail.example.org"], key: "", next_key: "", state: "", due: now() + 2e6, failures: 0, why: "" },
		{ certificate: "school.example", there: false, begins: 0, ends: 0, names: [], key: "", next_key: "", state: "", due: now() + 900, failures: 2, why: "the authority couldn't reach mail.school.example over port 80" },
	],
	"certificate renew": () => [],
	config: (fake, [name]) => ({ [name]: found(fake.options, (one) => one.name === name, "no such option").value }),
	"config options": (fake) => fake.options,
	"config history": (fake) => fake.history,
	"config set": (fake, words) => fake.change(words),
	"config confirm": (fake) => {
		if (fake.history[0]) fake.history[0].state = "kept";
		return { number: fake.history.length };
	},
	"config undo": (fake, [number]) => {
		const past = found(fake.history, (one) => one.number === Number(number), "no such change");
		past.state = "taken back";
		for (const one of past.changed) {
			const option = fake.options.find((each) => each.name === one.option);
			option.value = one.before;
			option.set = JSON.stringify(one.before) !== JSON.stringify(option.default);
		}
		return { number: past.number, confirm_by: now() + 60, changed: [] };
	},
	"domain list": (fake) => (fake.who.rank === "domain" ? fake.domains.filter((one) => one.name === fake.who.domain) : fake.domains),
	"domain show": (fake, [name]) => found(fake.domains, (one) => one.name === name, `there is no domain ${name}`),
	"domain add": (fake, [name]) => {
		if (fake.domains.some((one) => one.name === name)) throw failure("exists", `there is a domain ${name} already`, 409);
		fake.domains.push({ name, alias_of: "", catch_all: "", language: "" });
		return "";
	},
	"domain set": (fake, [name], options) => {
		const one = found(fake.domains, (each) => each.name === name, "no such domain");
		if (options["catch-all"] !== undefined) one.catch_all = options["catch-all"];
		return "";
	},
	"dns name": (fake, [name]) => ({ name, state: "found", addresses: [{ address: "203.0.113.25", here: true, back: name }, { address: "2001:db8::25", here: true, back: "" }] }),
	"domain remove": () => { throw failure("refused", "there are accounts and aliases in it"); },
	"domain dns": (fake, [name], { check }) => [
		record(name, "MX", "10 mail.example.org.", true, "right"), record(name, "TXT", '"v=spf1 mx -all"', true, "different", "v=spf1 include:other.example -all"), record(`pombal-r1._domainkey.${name}`, "TXT", '"v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAuB1z" "x7Qf0"', true, "missing"),
		record(`_dmarc.${name}`, "TXT", `"v=DMARC1; p=quarantine; rua=mailto:postmaster@${name}"`, true, "right"), record(`_imaps._tcp.${name}`, "SRV", "0 1 993 mail.example.org.", false, "missing"), record(`mta-sts.${name}`, "CNAME", "mail.example.org.", false, "right"),
	].map((one) => (check ? one : { name: one.name, type: one.type, needed: one.needed, line: one.line })),
	"account list": (fake, [domain], options) => {
		const search = (options.search ?? "").toLowerCase();
		return page(fake.accounts.filter((one) => (!domain || one.name.endsWith(`@${domain}`)) && (!search || `${one.name} ${one.display_name}`.toLowerCase().includes(search))), options, (one) => one.name);
	},
	"account show": (fake, [name]) => ({ ...found(fake.accounts, (one) => one.name === name, `there is no account ${name}`), senders: ["info@example.org"], bytes: 3_200_000_000, messages: 12_345 }),
	"account add": (fake, [name], options, input) => {
		if (fake.accounts.some((one) => one.name === name)) throw failure("exists", `there is an account ${name} already`, 409);
		if (input.trim().length < 8) throw failure("invalid", "the password is too short");
		fake.accounts.push({ ...account(1), name, display_name: options.name ?? "", quota_bytes: Number(options.quota ?? 0), enabled: true, has_password: true });
		return "";
	},
	"account set": (fake, [name], options) => {
		const one = found(fake.accounts, (each) => each.name === name, "no such account");
		if (options.name !== undefined) one.display_name = options.name;
		if (options.quota !== undefined) one.quota_bytes = Number(options.quota);
		if (options.disabled) one.enabled = false;
		if (options.enabled) one.enabled = true;
		if (options.administrator) one.administrator = options.administrator;
		return "";
	},
	"account password": () => "",
	"account remove": (fake, [name]) => {
		fake.accounts = fake.accounts.filter((one) => one.name !== name);
		return "";
	},
	"account grant": () => "", "account revoke": () => "",
	"account import": (fake, _words, _options, input) => `${input.trim().split("\n").length - 1} made, 0 changed, 0 as they were, 0 passed over, 0 not taken\n`,
	"alias list": (fake, [domain], options) => page(fake.aliases.filter((one) => !domain || one.address.endsWith(`@${domain}`)), options, (one) => one.address),
	"alias add": (fake, [address, ...targets]) => {
		fake.aliases.push({ address, targets });
		return "";
	},
	"alias set": (fake, [address, ...targets]) => {
		found(fake.aliases, (one) => one.address === address, "no such alias").targets = targets;
		return "";
	},
	"alias remove": (fake, [address]) => {
		fake.aliases = fake.aliases.filter((one) => one.address !== address);
		return "";
	},
	"session list": () => [{ id: "s1", account: ADMIN, protocol: "web", address: "192.0.2.9", since: now() - 4000, tls: "TLSv1.3", client: "Firefox on Linux", doing: "", busy: false }, { id: "s2", account: "person00001@example.org", protocol: "imap", address: "198.51.100.4", since: now() - 90_000, tls: "TLSv1.3", client: "Thunderbird", doing: "IDLE", busy: false }],
	"session end": () => "",
	"queue list": (fake, [wanted], options) => {
		if (wanted?.startsWith("@nowhere")) return [];
		const from = options.after === undefined ? 0 : Number(options.after.slice(1)) + 1, rows = [];
		for (let i = from; i < fake.queue && rows.length < Number(options.limit ?? 1000); i++) if (!fake.gone.has(id(i)) && (!options.held || queued(i).held)) rows.push({ ...queued(i), ...fake.held.get(id(i)) });
		return rows;
	},
	"queue show": (fake, [wanted]) => {
		if (fake.gone.has(wanted)) throw failure("not_found", `nothing in the queue is named "${wanted}"`);
		return { ...queued(Number(wanted.slice(1))), ...fake.held.get(wanted), header: "From: person3@example.org\r\nSubject: Plans for\r\n the weekend\r\nTo: somebody3@elsewhere.example" };
	},
	"queue flush": () => "1 message due now\n",
	"queue hold": (fake, [wanted]) => {
		fake.held.set(wanted, { held: true });
		return "1 message held\n";
	},
	"queue release": (fake, [wanted]) => {
		fake.held.set(wanted, { held: false, held_for: null });
		return "1 message released\n";
	},
	"queue return": (fake, [wanted]) => {
		fake.gone.add(wanted);
		return "1 message given back\n";
	},
	"queue edit": (fake, [wanted], options) => {
		if (options.to === "nobody") throw failure("invalid", '"nobody" is not an address');
		const one = queued(Number(wanted.slice(1))).recipients[0];
		fake.held.set(wanted, { ...fake.held.get(wanted), recipients: [{ ...one, address: options.to ?? one.address, via: options.via ?? "" }] });
		return "changed\n";
	},
	"queue remove": (fake, [wanted]) => {
		fake.gone.add(wanted);
		return "1 message removed\n";
	},
	"account app-password list": (fake) => fake.appPasswords,
	"account app-password add": (fake, [address], options) => {
		fake.appPasswords.push({ id: `a${fake.appPasswords.length}`, name: options.name, allow: options.allow, kind: "app-password", created: now(), used: null, expires: null, account: address });
		return { id: `a${fake.appPasswords.length - 1}`, password: "qwer-tyui-opas-dfgh" };
	},
	"account app-password remove": (fake, [, wanted]) => {
		fake.appPasswords = fake.appPasswords.filter((one) => one.id !== wanted);
		return "";
	},
	"domain rotate": () => "New keys are made, and sign nothing yet.\n",
	"dns publish": (_fake, [domain]) => [{ ...record(`k2._domainkey.${domain}`, "TXT", '"v=DKIM1; p=abc"', true, "missing"), deed: "add" }, { ...record(domain, "MX", "10 mail.example.org.", true, "right"), deed: "nothing" }],
	"metrics history": (_fake, _words, { over = "day" }) => {
		const step = { day: 300, week: 3600, quarter: 21_600 }[over], count = { day: 289, week: 169, quarter: 361 }[over], times = Array.from({ length: count }, (_, i) => now() - (count - 1 - i) * step);
		const wave = (most, at = 0) => times.map((time, i) => (i < 20 ? null : Math.round(most * (1.2 + Math.sin((time / 86_400 + at) * 6.283)) * (1 + ((i * 7919) % 13) / 20))));
		const values = { accepted: wave(90), messages_refused: wave(5, 0.3), recipients_refused: wave(12, 0.1), delivered: wave(80), deferred: wave(9, 0.4), failed: wave(2), signed_in: wave(30), sign_in_failed: wave(4, 0.7), queue_messages: wave(60, 0.4), connections: wave(40), memory_bytes: wave(150e6), disk_used: times.map((_, i) => (i < 20 ? null : 40e9 + i * 1e7)), disk_size: times.map((_, i) => (i < 20 ? null : 100e9)), judged: wave(70), spam: wave(21, 0.2), deliveries: wave(80), delay_seconds: wave(400, 0.5) };
		const providers = [["google.com", 900, 12, 1], ["outlook.com", 450, 90, 4], ["mail.example", 120, 0, 0]].map(([provider, delivered, deferred, failed], i) => ({ provider, delivered, deferred, failed, troubles: wave(deferred / 40, i / 5) }));
		return { over, step, times, values, providers };
	},
	"backup state": () => ({ state: "old", backups: [{ where: "backup.example.org:/backups/pombal", by: "backup-script", made: now() - 12 * 86_400, noted: now() - 12 * 86_400 + 60, size: 48e9, every: 86_400, found: "whole" }, { where: "backup.example.org:/backups/pombal", by: "backup-script", made: now() - 13 * 86_400, noted: now() - 13 * 86_400 + 60, size: 47e9, every: 86_400, found: "not looked over" }] }),
	"spam replay": (_fake, _words, options) => ({ weighed: 120, passed_over: 3, changed: 2, before: { inbox: 0, tag: 0, junk: 0, quarantine: 120, reject: 0 }, after: { inbox: 1, tag: 0, junk: 1, quarantine: 118, reject: 0 },
		messages: [{ id: "H1", arrived: now() - 5000, author: "Win <win@spam.example>", subject: "You have won", points_before: 11.2, points: 6.5, before: "quarantine", after: options.set ? "tag" : "junk" }, { id: "H2", arrived: now() - 9000, author: "Shop <shop@news.example>", subject: "<b>Sale</b>", points_before: 10.1, points: 2, before: "quarantine", after: "inbox" }] }),
	trace: (fake, [wanted]) => {
		if (wanted.includes("nobody")) throw failure("not_found", `nothing is known of ${wanted}`);
		return [STORY];
	},
	"quarantine list": (fake, _words, options) => page(QUARANTINED, options, (one) => one.id),
	"quarantine show": (fake, [wanted]) => ({ ...found(QUARANTINED, (one) => one.id === wanted, "no such message"), header: "Subject: You have won\r\nFrom: win@spam.example", text: ["Click here to get your prize."], attached: [{ name: "prize.zip", type: "application", subtype: "zip", size: 12_000 }] }),
	"quarantine release": () => "1 message let go\n", "quarantine remove": () => "1 message removed\n", "quarantine learn": () => "",
	reports: () => ({ unproved: 2, domains: [
		{ domain: "example.org", kind: "dmarc", reports: 31, reporters: ["google.com", "Yahoo"], begin: now() - 2_600_000, end: now(), passed: 4210, failed: 37, policy: "quarantine", advice: "Nearly all mail passes: p=reject would harm little", sources: [
			{ source: "192.0.2.1", name: "mail.example.org", passed: 4210, failed: 0, dkim: 4210, spf: 4210, advice: "this server" }, { source: "203.0.113.77", name: "", passed: 0, failed: 37, dkim: 0, spf: 0, advice: "neither signed nor allowed: likely a forger" }] },
		{ domain: "example.org", kind: "tls", reports: 12, reporters: ["google.com"], begin: now() - 2_600_000, end: now(), passed: 902, failed: 0, policy: "sts", advice: "nothing is to be done", sources: [{ source: "mail.example.org", name: "", passed: 902, failed: 0, dkim: 0, spf: 0, advice: "" }] }] }),
	"admin key list": (fake) => fake.keys,
	"admin key add": (fake, [name], options) => {
		fake.keys.push({ id: `k${fake.keys.length + 1}`, name, domain: null, reads: !!options.reads, created: now(), used: null, expires: null });
		return { id: `k${fake.keys.length}`, name, key: "pombal-key-0123456789abcdefghijklmnop" };
	},
	"admin key remove": (fake, [wanted]) => {
		fake.keys = fake.keys.filter((one) => one.id !== wanted);
		return "";
	},
};
