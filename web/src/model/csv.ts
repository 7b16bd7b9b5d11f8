/* Tables of contacts (RFC 4180) as other programs write them, with the names of columns that Google, Outlook and Thunderbird use; and a table that all of them read. Pure. */
import type { Card } from "../jmap/types.ts";
import { add, addKeywords, ENTRIES_MAX, nameOf } from "./vcard.ts";

/** Rows and columns that are read. */
export const ROWS_MAX = 20_000, COLUMNS_MAX = 300;

/** Rows of fields. The sign between fields is the one that the first line has most of. */
export function readTable(text: string): string[][] {
	const start = text.replace(/^\uFEFF/, ""), first = start.slice(0, start.search(/[\r\n]|$/)), signs = [",", ";", "\t"] as const;
	const by = signs.reduce((best, one) => (first.split(one).length > first.split(best).length ? one : best), signs[0]);
	const rows: string[][] = [];
	let row: string[] = [], field = "", quoted = false;
	for (let at = 0; at < start.length && rows.length <= ROWS_MAX; at++) {
		const sign = start[at]!;
		if (quoted) {
			if (sign !== '"') field += sign;
			else if (start[at + 1] === '"') field += start[at++];
			else quoted = false;
		} else if (sign === '"' && field === "") {
			quoted = true;
		} else if (sign === by || sign === "\n" || sign === "\r") {
			if (row.length < COLUMNS_MAX) row.push(field);
			field = "";
			if (sign === by) continue;
			if (sign === "\r" && start[at + 1] === "\n") at++;
			if (row.some(Boolean)) rows.push(row);
			row = [];
		} else {
			field += sign;
		}
	}
	row.push(field);
	if (row.some(Boolean)) rows.push(row);
	return rows;
}

/** What a column is, by its name without case, numbers and signs. */
const columns: Record<string, string> = {
	name: "full", "display name": "full", "full name": "full", "given name": "given", "first name": "given", "middle name": "given2", "additional name": "given2", "family name": "surname", "last name": "surname",
	"name prefix": "title", "name suffix": "credential", title: "title-or-job", suffix: "credential", nickname: "nickname", "e mail": "email", "e mail address": "email", "e mail value": "email", "email address": "email",
	email: "email", "primary email": "email", "secondary email": "email", "phone value": "phone", phone: "phone", "mobile phone": "phone-mobile", "mobile number": "phone-mobile", "home phone": "phone-private", "business phone": "phone-work", "work phone": "phone-work",
	"primary phone": "phone", "home fax": "phone-fax", "business fax": "phone-fax", "fax number": "phone-fax", pager: "phone-pager", company: "organization", organization: "organization", "organization name": "organization",
	department: "unit", "organization department": "unit", "job title": "job", "organization title": "job", notes: "note", note: "note", birthday: "birthday", "web page": "link", "web page 1": "link", "website value": "link", website: "link",
	"home street": "street-private", "home address": "street-private", "business street": "street-work", "work address": "street-work", "home city": "locality-private", "business city": "locality-work", "work city": "locality-work", "home state": "region-private", "business state": "region-work", "work state": "region-work",
	"home postal code": "postcode-private", "home zipcode": "postcode-private", "business postal code": "postcode-work", "work zipcode": "postcode-work", "home country region": "country-private", "home country": "country-private", "business country region": "country-work", "work country": "country-work",
	"address street": "street", "address city": "locality", "address region": "region", "address postal code": "postcode", "address country": "country", labels: "labels", "group membership": "labels", categories: "labels",
};

function columnOf(name: string): string | null {
	const plain = name.toLowerCase().replace(/[^a-z0-9]+/g, " ").replace(/\b\d+\b/g, " ").replace(/\s+/g, " ").trim();
	return Object.hasOwn(columns, plain) ? columns[plain]! : null;
}

export function readCsv(text: string): Card[] {
	const [head, ...rows] = readTable(text);
	const names = (head ?? []).map(columnOf), google = names.includes("given") && !names.includes("title-or-job");
	if (!names.some(name => name === "email" || name === "full" || name === "given" || name === "surname")) return [];
	return rows.flatMap(row => {
		const card = readRow(names, row, google);
		return nameOf(card) ? [card] : [];
	});
}

function readRow(names: (string | null)[], row: string[], google: boolean): Card {
	const card: Card = { "@type": "Card", version: "1.0", uid: `urn:uuid:${crypto.randomUUID()}` }, components: { kind: string; value: string }[] = [];
	const addresses: Record<string, { kind: string; value: string }[]> = {};
	names.forEach((name, at) => {
		const text = (row[at] ?? "").trim();
		if (!name || !text) return;
		const [what, kind] = name.split("-") as [string, string | undefined];
		if (what === "full") card.name = { ...card.name, full: text };
		else if (["given", "given2", "surname", "credential"].includes(what) || (what === "title" && (kind !== "or" || google))) components.push({ kind: what, value: text });
		else if (what === "nickname") card.nicknames = add(card.nicknames, { "@type": "Nickname", name: text });
		else if (what === "email") for (const address of text.split(" ::: ", ENTRIES_MAX)) card.emails = add(card.emails, { "@type": "EmailAddress", address: address.trim() });
		else if (what === "phone") for (const number of text.split(" ::: ", ENTRIES_MAX)) card.phones = add(card.phones, { "@type": "Phone", number: number.trim(), ...phoneKind(kind) });
		else if (what === "organization") card.organizations = { "1": { "@type": "Organization", ...card.organizations?.["1"], name: text } as { name: string } };
		else if (what === "unit") card.organizations = { "1": { "@type": "Organization", ...card.organizations?.["1"], units: [{ name: text }] } as { units: { name: string }[] } };
		else if (what === "job" || what === "title") card.titles = add(card.titles, { "@type": "Title", kind: "title", name: text });
		else if (what === "note") card.notes = add(card.notes, { "@type": "Note", note: text });
		else if (what === "link" && /^[a-z]+:/i.test(text)) card.links = add(card.links, { "@type": "Link", uri: text });
		else if (what === "birthday") readBirthday(card, text);
		else if (what === "labels") card.keywords = addKeywords(card.keywords, text.split(/ ::: |;/, ENTRIES_MAX).filter(label => !/^\* ?myContacts$/i.test(label.trim())).map(label => label.trim().replace(/^\* /, "")));
		if (["street", "locality", "region", "postcode", "country"].includes(what)) (addresses[kind ?? ""] ??= []).push({ kind: what === "street" ? "name" : what, value: text });
	});
	if (components.length > 0) card.name = { ...card.name, components, isOrdered: false };
	for (const [kind, parts] of Object.entries(addresses)) card.addresses = add(card.addresses, { "@type": "Address", components: parts, ...(kind ? { contexts: { [kind]: true as const } } : {}) });
	return card;
}

function phoneKind(kind: string | undefined): object {
	return kind === "private" || kind === "work" ? { contexts: { [kind]: true } } : kind ? { features: { [kind]: true } } : {};
}

function readBirthday(card: Card, text: string): void {
	const match = /^(\d{4})-(\d{1,2})-(\d{1,2})/.exec(text);
	if (match && match[1] !== "0000") card.anniversaries = { "1": { "@type": "Anniversary", kind: "birth", date: { "@type": "PartialDate", year: Number(match[1]), month: Number(match[2]), day: Number(match[3]) } } };
}

/** A field. What a table's program would take for a formula is made a text by a sign before it, as mail is full of strangers' names. */
function field(text: string): string {
	const safe = /^[=+\-@\t\r]/.test(text) && !/^[+\d\s()-]+$/.test(text) ? `'${text}` : text;
	return /[",\r\n;]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}

/** With the columns that Google's contacts have, which the others read as well. */
export function writeCsv(cards: Card[]): string {
	const people = cards.filter(card => card.kind !== "group"), most = (of: (card: Card) => unknown[]) => Math.max(1, ...people.map(card => of(card).length));
	const emails = (card: Card) => Object.values(card.emails ?? {}), phones = (card: Card) => Object.values(card.phones ?? {}), emailCount = Math.min(10, most(emails)), phoneCount = Math.min(10, most(phones));
	const head = ["Name", "First Name", "Middle Name", "Last Name", "Nickname", "Organization Name", "Organization Title", "Birthday", "Notes", "Labels",
		...Array.from({ length: emailCount }, (_, at) => `E-mail ${at + 1} - Value`), ...Array.from({ length: phoneCount }, (_, at) => `Phone ${at + 1} - Value`)];
	const rows = people.map(card => {
		const part = (kind: string) => (card.name?.components ?? []).filter(one => one.kind === kind).map(one => one.value).join(" "), first = <T>(entries: Record<string, T> | undefined) => Object.values(entries ?? {})[0];
		const birth = Object.values(card.anniversaries ?? {}).find(one => one.kind === "birth")?.date as { year?: number; month?: number; day?: number } | undefined;
		const birthday = birth?.year && birth.month && birth.day ? `${birth.year}-${String(birth.month).padStart(2, "0")}-${String(birth.day).padStart(2, "0")}` : "";
		return [nameOf(card), part("given"), part("given2"), part("surname"), first(card.nicknames)?.name ?? "", first(card.organizations)?.name ?? "", first(card.titles)?.name ?? "", birthday, first(card.notes)?.note ?? "",
			Object.keys(card.keywords ?? {}).join(" ::: "), ...Array.from({ length: emailCount }, (_, at) => emails(card)[at]?.address ?? ""), ...Array.from({ length: phoneCount }, (_, at) => phones(card)[at]?.number ?? "")];
	});
	return [head, ...rows].map(row => row.map(field).join(",")).join("\r\n") + "\r\n";
}
