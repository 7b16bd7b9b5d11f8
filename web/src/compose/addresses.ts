// Addresses as people type and paste them: "Anna Silva <anna@example.com>, joao@example.com; …", and as fields show them.
import type { EmailAddress } from "../model/types.ts";

/** One thing that stood between commas, semicolons or line ends. `address` is null where no address can be made of it. */
export interface Typed {
	text: string;
	address: EmailAddress | null;
}

// Generous: the server decides. What is kept out are blanks, brackets and a missing domain.
const ADDRESS = /^[^\s<>()[\],;:"@]+@[^\s<>()[\],;:"@]+$/u;

/** Could mail go there, as far as its form tells? A quoted local part is left to the server. */
export function isAddress(text: string): boolean {
	return ADDRESS.test(text) || /^"[^"]*"@[^\s<>"@]+$/u.test(text);
}

/** Cuts a list at commas, semicolons and line ends that stand neither in quotes nor in angle brackets. */
function cut(text: string): string[] {
	const parts: string[] = [];
	let part = "", quoted = false, angle = false;
	for (let i = 0; i < text.length; i++) {
		const c = text[i]!;
		if (c === "\\" && quoted) {
			part += c + (text[++i] ?? "");
			continue;
		}
		if (c === '"') quoted = !quoted;
		else if (!quoted && (c === "<" || c === ">")) angle = c === "<";
		if (!quoted && !angle && /[,;\r\n]/.test(c)) {
			parts.push(part);
			part = "";
		} else part += c;
	}
	parts.push(part);
	return parts.map((one) => one.trim()).filter((one) => one !== "");
}

function unquote(name: string): string | null {
	const inner = /^"(.*)"$/su.exec(name);
	const plain = (inner ? inner[1]!.replace(/\\(.)/gu, "$1") : name).trim();
	return plain === "" ? null : plain;
}

function read(text: string): EmailAddress | null {
	const named = /^(.*?)<\s*([^<>]*?)\s*>$/su.exec(text);
	if (named) return isAddress(named[2]!) ? { name: unquote(named[1]!.trim()), email: named[2]! } : null;
	const bare = text.replace(/^mailto:/iu, "");
	return isAddress(bare) ? { name: null, email: bare } : null;
}

/** What was typed or pasted, one by one. Words before an address without brackets are taken for its name ("Anna anna@example.com"). */
export function parseAddresses(text: string): Typed[] {
	return cut(text).map((one) => {
		const whole = read(one);
		if (whole) return { text: one, address: whole };
		const last = /^(.*)\s(\S+)$/su.exec(one);
		if (last && isAddress(last[2]!)) return { text: one, address: { name: unquote(last[1]!.trim()), email: last[2]! } };
		return { text: one, address: null };
	});
}

/** As it stands in a field that can be edited again: a name with specials is quoted. */
export function formatAddress({ name, email }: EmailAddress): string {
	if (!name) return email;
	const plain = /^[\p{L}\p{N}\p{M} .'_-]+$/u.test(name) && !name.includes("  ");
	return `${plain ? name : `"${name.replace(/(["\\])/gu, "\\$1")}"`} <${email}>`;
}

/** Whether two stand for one mailbox. The local part may differ in case: hardly any server tells those apart, and a person means one. */
export function sameAddress(a: string, b: string): boolean {
	return a.toLowerCase() === b.toLowerCase();
}

/** Without those that stand there twice, or in `but`. */
export function without(list: readonly EmailAddress[], but: readonly string[]): EmailAddress[] {
	const seen = new Set(but.map((one) => one.toLowerCase()));
	return list.filter(({ email }) => {
		const key = email.toLowerCase();
		return !seen.has(key) && seen.add(key);
	});
}
