// Header fields as they came, for what JMAP has no property of: the way (Received, RFC 5321 §4.4), what our server found out (Authentication-Results, RFC 8601), mailing
// lists (RFC 2369, RFC 8058). Strangers write these: each reader takes what it understands, within bounds.

export interface Field {
	name: string;
	value: string;
}

const FIELDS_MAX = 2000, VALUE_MAX = 16 * 1024, HOPS_MAX = 60, RESULTS_MAX = 100;

/** A field's value in one line. */
export function unfold(value: string): string {
	return value.slice(0, VALUE_MAX).replace(/\r?\n(?=[ \t])/g, "").replace(/[\r\n\t]+/g, " ").trim();
}

export function all(fields: readonly Field[], name: string): string[] {
	const low = name.toLowerCase();
	return fields.slice(0, FIELDS_MAX).filter((field) => field.name.toLowerCase() === low).map((field) => unfold(field.value));
}

export function first(fields: readonly Field[], name: string): string | null {
	return all(fields, name)[0] ?? null;
}

/** Without comments (RFC 5322 §3.2.2), and these. */
export function splitComments(text: string): { plain: string; comments: string[] } {
	let plain = "", depth = 0, quoted = false, comment = "";
	const comments: string[] = [];
	for (let at = 0; at < text.length; at++) {
		const char = text[at]!, escaped = char === "\\" && at + 1 < text.length;
		const piece = escaped ? char + text[++at]! : char;
		if (!escaped && char === '"' && depth === 0) quoted = !quoted;
		if (!escaped && char === "(" && !quoted) {
			if (depth++ > 0) comment += piece;
		} else if (!escaped && char === ")" && !quoted && depth > 0) {
			if (--depth > 0) comment += piece;
			else {
				comments.push(comment);
				comment = "";
				plain += " ";
			}
		} else if (depth > 0) comment += piece;
		else plain += piece;
	}
	return { plain, comments };
}

// ---- The way ----

export interface Hop {
	/** What the sender calls itself, and its address as the receiver saw it. */
	from: string | null;
	address: string | null;
	by: string | null;
	/** As it was handed over: SMTP, ESMTPS, …; upper case. */
	protocol: string | null;
	/** Was it encrypted on this leg? Null: it isn't said. */
	tls: boolean | null;
	/** "TLSv1.3", if it is said. */
	version: string | null;
	/** Had the sender signed in there? */
	signedIn: boolean;
	/** Milliseconds; null: it can't be read. */
	at: number | null;
}

/** One Received field. */
export function readReceived(value: string): Hop {
	const text = unfold(value), semicolon = text.lastIndexOf(";");
	const at = semicolon < 0 ? NaN : Date.parse(splitComments(text.slice(semicolon + 1)).plain.trim());
	const head = semicolon < 0 ? text : text.slice(0, semicolon);
	const { plain, comments } = splitComments(head);
	const word = (name: string) => new RegExp(`(?:^|\\s)${name}\\s+([^\\s;]+)`, "i").exec(plain)?.[1] ?? null;
	const protocol = word("with")?.toUpperCase() ?? null;
	const version = /\b(TLS\s?v?1(?:[._][0-3])?|SSLv3)\b/i.exec(head)?.[1]?.replace(/\s/g, "").replace("_", ".") ?? null;
	const from = word("from");
	const literal = (one: string | null | undefined) => /\[(?:IPv6:)?([0-9a-f.:]{3,45})\]/i.exec(one ?? "")?.[1] ?? null;
	return {
		from,
		address: comments.map(literal).find(Boolean) ?? literal(from),
		by: word("by"),
		protocol,
		tls: version || /(?:SMTP|LMTP)S/.test(protocol ?? "") || /^HTTPS$/.test(protocol ?? "") ? true : /^(?:UTF8)?E?SMTPA?$|^(?:UTF8)?LMTPA?$/.test(protocol ?? "") ? false : null,
		version: version && version.toUpperCase().replace("TLSV", "TLS ").replace(/^TLS(?=1)/, "TLS ").replace("SSLV", "SSL "),
		signedIn: /(?:SMTP|LMTP)S?A$|^HTTP$/.test(protocol ?? ""),
		at: Number.isNaN(at) ? null : at,
	};
}

/** The way, the first step first. */
export function readWay(fields: readonly Field[]): Hop[] {
	return all(fields, "Received").slice(0, HOPS_MAX).map(readReceived).reverse();
}

/** Fields above the first Received: what our own server has written, of mail that came to it over the network. What a stranger writes is below. */
export function ownFields(fields: readonly Field[]): Field[] {
	const at = fields.findIndex((field) => field.name.toLowerCase() === "received");
	return at < 0 ? [] : fields.slice(0, at);
}

// ---- What was found out ----

export interface Result {
	method: string;
	result: string;
	properties: Record<string, string>;
	comment: string;
}

const unquote = (text: string) => (text.startsWith('"') ? text.slice(1, text.endsWith('"') && text.length > 1 ? -1 : undefined).replace(/\\(.)/g, "$1") : text);

/* At semicolons outside of quotations and comments. */
function splitParts(text: string): string[] {
	const parts = [""];
	let quoted = false, depth = 0;
	for (let at = 0; at < text.length; at++) {
		const char = text[at]!;
		if (char === "\\") {
			parts[parts.length - 1] += char + (text[++at] ?? "");
			continue;
		}
		if (char === '"' && depth === 0) quoted = !quoted;
		else if (char === "(" && !quoted) depth++;
		else if (char === ")" && !quoted && depth > 0) depth--;
		if (char === ";" && !quoted && depth === 0) parts.push("");
		else parts[parts.length - 1] += char;
	}
	return parts;
}

/** An Authentication-Results field: who says it, and what. */
export function readResults(value: string): { server: string; results: Result[] } {
	const [head = "", ...rest] = splitParts(unfold(value));
	const results: Result[] = [];
	for (const part of rest.slice(0, RESULTS_MAX)) {
		const { plain, comments } = splitComments(part);
		const found = /^\s*([\w-]+)(?:\s*\/\s*\d+)?\s*=\s*([\w-]+)/.exec(plain);
		if (!found) continue;
		const properties: Record<string, string> = {};
		for (const [, name, text] of plain.slice(found[0].length).matchAll(/([\w-]+\s*\.\s*[\w-]+|reason)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;]+)/g)) properties[name!.replace(/\s/g, "").toLowerCase()] = unquote(text!);
		results.push({ method: found[1]!.toLowerCase(), result: found[2]!.toLowerCase(), properties, comment: comments.join("; ") });
	}
	return { server: (splitComments(head).plain.trim().split(/\s+/)[0] ?? "").toLowerCase(), results };
}

/** What our own server has found out of a message; null: it hasn't looked, or it can't be told from what others wrote. */
export function ownResults(fields: readonly Field[]): { server: string; results: Result[] } | null {
	const received = first(fields, "Received"), by = received && readReceived(received).by?.toLowerCase();
	const own = all(ownFields(fields), "Authentication-Results").map(readResults).filter((one) => one.server === by);
	return by && own.length ? { server: by, results: own.flatMap((one) => one.results) } : null;
}

// ---- Mailing lists ----

export interface Unsubscribe {
	/** Told by our server at one click (RFC 8058); null: the list doesn't offer it. */
	oneClick: string | null;
	/** A mail to be sent; null: none. */
	mail: string | null;
	/** A page to be visited; null: none. */
	page: string | null;
}

/** How to leave a mailing list; null: it doesn't say. `proved`: is the message from whom it says? One click is for such alone (RFC 8058 §4). */
export function readUnsubscribe(fields: readonly Field[], proved: boolean): Unsubscribe | null {
	const links = Array.from((first(fields, "List-Unsubscribe") ?? "").slice(0, VALUE_MAX).matchAll(/<\s*([^<>]+?)\s*>/g), (found) => found[1]!.replace(/\s/g, "")).slice(0, 20);
	const page = links.find((link) => /^https?:\/\//i.test(link) && URL.canParse(link)) ?? null;
	const secure = links.find((link) => /^https:\/\//i.test(link) && URL.canParse(link)) ?? null;
	const mail = links.find((link) => /^mailto:[^?@]+@[^?@]+/i.test(link)) ?? null;
	const offered = /^\s*List-Unsubscribe\s*=\s*One-Click\s*$/i.test(first(fields, "List-Unsubscribe-Post") ?? "");
	return page || mail ? { oneClick: offered && proved ? secure : null, mail, page } : null;
}

// ---- What it weighed ----

export interface Weight {
	junk: boolean;
	score: number;
	required: number;
	rules: string[];
}

/** What our server's rules made of it (X-Spam-Status); null: it wasn't weighed. */
export function readWeight(fields: readonly Field[]): Weight | null {
	const value = first(ownFields(fields), "X-Spam-Status");
	const found = /^(Yes|No),\s*score=(-?\d+(?:\.\d+)?)\s+required=(-?\d+(?:\.\d+)?)/i.exec(value ?? "");
	if (!value || !found) return null;
	const tests = /\btests=([\w,\s]*?)(?:\s+\w+=|$)/.exec(value)?.[1] ?? "";
	return {
		junk: /^yes$/i.test(found[1]!), score: Number(found[2]), required: Number(found[3]),
		rules: tests.split(/[,\s]+/).filter((name) => name && name !== "none").slice(0, 200),
	};
}
