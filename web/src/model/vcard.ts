/* Files of contacts (vCard 2.1, RFC 2426, RFC 6350) as cards (RFC 9553), and cards as files of vCard 4.0. What a card has no place for is kept in `vCardProps` (RFC 9555
 * §2.17), and written again. Of strangers' bytes: bounded, and nothing of it is run or shown as it is. Pure. */
import type { Card } from "../jmap/types.ts";

/** Signs of a file; cards of it; properties of a card; parameters of a property; things of one kind (addresses, names, keywords) of a card. */
export const FILE_MAX = 50_000_000, CARDS_MAX = 20_000, PROPERTIES_MAX = 2_000, PARAMETERS_MAX = 50, ENTRIES_MAX = 200;

interface Property {
	name: string;
	group: string;
	parameters: Record<string, string[]>;
	value: string;
}

type Entries<T> = Record<string, T>;

/** Lines that were folded are one again; those of quoted-printable, too (vCard 2.1). */
function unfold(text: string): string[] {
	const lines: string[] = [];
	let pieces: string[] = [], quoted = false; // of the line that isn't over
	const end = () => pieces.length > 0 && lines.push(pieces.join(""));
	for (const line of text.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/)) {
		const last = pieces.at(-1);
		if (last !== undefined && /^[ \t]/.test(line)) {
			pieces.push(line.slice(1));
		} else if (last !== undefined && quoted && last.endsWith("=")) {
			pieces[pieces.length - 1] = last.slice(0, -1);
			pieces.push(line);
		} else {
			end();
			pieces = [line];
			quoted = /;(ENCODING=)?QUOTED-PRINTABLE[;:]/i.test(line);
		}
	}
	end();
	return lines;
}

function readProperty(line: string): Property | null {
	const match = /^(?:([A-Za-z0-9-]+)\.)?([A-Za-z0-9-]+)((?:;(?:"[^"]*"|[^":;])*)*):([\s\S]*)$/.exec(line) ?? /^(?:([A-Za-z0-9-]+)\.)?([A-Za-z0-9-]+)((?:;[^:]*)?):([\s\S]*)$/.exec(line);
	if (!match) return null;
	const parameters: Record<string, string[]> = {};
	let count = 0;
	for (const [, part] of (match[3] ?? "").matchAll(/;((?:"[^"]*"|[^;])*)/g)) {
		if (++count > PARAMETERS_MAX) break;
		const equals = part!.indexOf("="), name = (equals < 0 ? "TYPE" : part!.slice(0, equals)).toUpperCase(), value = equals < 0 ? part! : part!.slice(equals + 1);
		const values = [...value.matchAll(/"([^"]*)"|([^,]+)/g)].map(one => (one[1] ?? one[2] ?? "").replace(/\^n/g, "\n").replace(/\^'/g, '"').replace(/\^\^/g, "^"));
		const bare = equals < 0 && /^(QUOTED-PRINTABLE|BASE64|8BIT|7BIT)$/i.test(part!);
		const key = bare ? "ENCODING" : name;
		parameters[key] = [...(parameters[key] ?? []), ...values.flatMap(one => (name === "TYPE" ? one.split(",") : [one]))];
	}
	const property = { name: match[2]!.toUpperCase(), group: match[1] ?? "", parameters, value: match[4]! };
	if (parameters["ENCODING"]?.[0]?.toUpperCase() === "QUOTED-PRINTABLE") property.value = decodeQuoted(property.value, parameters["CHARSET"]?.[0] ?? "utf-8");
	return property;
}

function decodeQuoted(value: string, charset: string): string {
	const bytes: number[] = [];
	for (let at = 0; at < value.length; at++) {
		const hex = value[at] === "=" ? /^[0-9a-f]{2}/i.exec(value.slice(at + 1, at + 3))?.[0] : undefined;
		if (hex) {
			bytes.push(parseInt(hex, 16));
			at += 2;
		} else {
			bytes.push(...new TextEncoder().encode(value[at]!));
		}
	}
	try {
		return new TextDecoder(charset).decode(new Uint8Array(bytes));
	} catch {
		return new TextDecoder().decode(new Uint8Array(bytes));
	}
}

function unescape(value: string): string {
	return value.replace(/\\([\s\S])/g, (_, sign: string) => (sign === "n" || sign === "N" ? "\n" : sign));
}

function cut(value: string, by: string): string[] {
	const parts: string[] = [""];
	for (let at = 0; at < value.length; at++) {
		if (value[at] === by) {
			parts.push("");
			continue;
		}
		const sign = value[at] === "\\" ? value.slice(at, ++at + 1) : value[at]!;
		parts.push(parts.pop()! + sign);
	}
	return parts.map(part => unescape(part).trim());
}

const contextTypes: Record<string, string> = { home: "private", work: "work" };
const featureTypes: Record<string, string> = { cell: "mobile", voice: "voice", fax: "fax", text: "text", video: "video", pager: "pager", textphone: "textphone" };

/** Contexts, features and preference of a property. */
function labels({ parameters }: Property): { contexts?: Entries<true>; features?: Entries<true>; pref?: number } {
	const types = (parameters["TYPE"] ?? []).map(one => one.toLowerCase()), pick = (table: Record<string, string>) => Object.fromEntries(types.flatMap(one => (Object.hasOwn(table, one) ? [[table[one], true as const]] : [])));
	const contexts = pick(contextTypes), features = pick(featureTypes), pref = types.includes("pref") ? 1 : Number(parameters["PREF"]?.[0] ?? NaN);
	return { ...(Object.keys(contexts).length ? { contexts } : {}), ...(Object.keys(features).length ? { features } : {}), ...(pref >= 1 && pref <= 100 ? { pref } : {}) };
}

/** Not more than ENTRIES_MAX. */
export function add<T>(entries: Entries<T> | undefined, value: NoInfer<T>): Entries<T> {
	const all = entries ?? {}, count = Object.keys(all).length;
	return count < ENTRIES_MAX ? { ...all, [`${count + 1}`]: value } : all;
}

export function addKeywords(entries: Entries<true> | undefined, names: string[]): Entries<true> {
	return Object.fromEntries([...Object.keys(entries ?? {}), ...names].slice(0, ENTRIES_MAX).map(name => [name, true as const]));
}

function readName(value: string): NonNullable<Card["name"]>["components"] {
	const kinds = ["surname", "given", "given2", "title", "credential"];
	return cut(value, ";").slice(0, 5).flatMap((part, at) => cut(part, ",").filter(Boolean).map(one => ({ kind: kinds[at]!, value: one })));
}

function readAddress(property: Property): NonNullable<Card["addresses"]>[string] {
	const kinds = ["postOfficeBox", "apartment", "name", "locality", "region", "postcode", "country"];
	const components = cut(property.value, ";").slice(0, 7).flatMap((part, at) => (part ? [{ kind: kinds[at]!, value: part }] : [])), { contexts } = labels(property);
	const full = property.parameters["LABEL"]?.[0];
	return { "@type": "Address", components, ...(full ? { full } : {}), ...(contexts ? { contexts } : {}) };
}

function readDate(value: string): Record<string, unknown> | null {
	const match = /^(?:(\d{4})|--)-?(\d{2})?-?(\d{2})?/.exec(value);
	if (!match || (!match[1] && !match[2])) return null;
	return { "@type": "PartialDate", ...(match[1] && match[1] !== "1604" ? { year: Number(match[1]) } : {}), ...(match[2] ? { month: Number(match[2]) } : {}), ...(match[3] ? { day: Number(match[3]) } : {}) };
}

function readMedia({ value, parameters }: Property): NonNullable<Card["media"]>[string] | null {
	if (/^(data|https?):/i.test(value)) return { kind: "photo", uri: value };
	const encoding = parameters["ENCODING"]?.[0]?.toUpperCase(), type = (parameters["TYPE"]?.[0] ?? "jpeg").toLowerCase();
	if (encoding !== "B" && encoding !== "BASE64") return null;
	const mediaType = type.includes("/") ? type : `image/${type === "jpg" ? "jpeg" : type}`;
	return { kind: "photo", uri: `data:${mediaType};base64,${value.replace(/\s+/g, "")}`, mediaType };
}

type Reader = (card: Card, property: Property, text: string) => void;

const readers: Record<string, Reader> = {
	FN: (card, _, text) => (card.name = { ...card.name, full: text }),
	N: (card, { value }) => {
		const components = readName(value);
		if (components && components.length > 0) card.name = { ...card.name, components };
	},
	UID: (card, _, text) => (card.uid = text),
	KIND: (card, _, text) => (card.kind = text.toLowerCase()),
	"X-ADDRESSBOOKSERVER-KIND": (card, _, text) => (card.kind = text.toLowerCase()),
	NICKNAME: (card, { value }) => cut(value, ",").filter(Boolean).slice(0, ENTRIES_MAX).forEach(name => (card.nicknames = add(card.nicknames, { "@type": "Nickname", name }))),
	EMAIL: (card, property, text) => {
		const { features: _, ...rest } = labels(property);
		card.emails = add(card.emails, { "@type": "EmailAddress", address: text, ...rest });
	},
	TEL: (card, property, text) => (card.phones = add(card.phones, { "@type": "Phone", number: text.replace(/^tel:/i, ""), ...labels(property) })),
	ADR: (card, property) => (card.addresses = add(card.addresses, readAddress(property))),
	ORG: (card, { value }) => {
		const [name, ...units] = cut(value, ";");
		card.organizations = add(card.organizations, { "@type": "Organization", ...(name ? { name } : {}), ...(units.some(Boolean) ? { units: units.filter(Boolean).map(unit => ({ name: unit })) } : {}) });
	},
	TITLE: (card, _, text) => (card.titles = add(card.titles, { "@type": "Title", kind: "title", name: text })),
	ROLE: (card, _, text) => (card.titles = add(card.titles, { "@type": "Title", kind: "role", name: text })),
	NOTE: (card, _, text) => (card.notes = add(card.notes, { "@type": "Note", note: text })),
	URL: (card, _, text) => (card.links = add(card.links, { "@type": "Link", uri: text })),
	CATEGORIES: (card, { value }) => (card.keywords = addKeywords(card.keywords, cut(value, ",").filter(Boolean))),
	MEMBER: (card, _, text) => (card.members = { ...card.members, [text.replace(/^urn:uuid:/i, match => match.toLowerCase())]: true }),
	"X-ADDRESSBOOKSERVER-MEMBER": (card, _, text) => (card.members = { ...card.members, [text]: true }),
	BDAY: (card, property, text) => readAnniversary(card, "birth", property, text),
	ANNIVERSARY: (card, property, text) => readAnniversary(card, "wedding", property, text),
	PHOTO: (card, property) => {
		const media = readMedia(property);
		if (media) card.media = add(card.media, { "@type": "Media", ...media });
		else keep(card, property);
	},
};
/** What vCard itself needs, or what is another each time. */
const ignored = new Set(["VERSION", "PRODID", "REV", "BEGIN", "END", "X-ABLABEL"]);

function readAnniversary(card: Card, kind: string, property: Property, text: string): void {
	const date = readDate(text);
	if (date) card.anniversaries = add(card.anniversaries, { "@type": "Anniversary", kind, date });
	else keep(card, property);
}

/** As it stands, for writing it again. */
function keep(card: Card, { name, parameters, value }: Property): void {
	const kept = (card["vCardProps"] as unknown[] | undefined) ?? [];
	const all = Object.fromEntries(Object.entries(parameters).filter(([key]) => key !== "ENCODING" && key !== "CHARSET").map(([key, values]) => [key.toLowerCase(), values.length === 1 ? values[0]! : values]));
	card["vCardProps"] = [...kept, [name.toLowerCase(), all, "unknown", unescape(value)]];
}

/** The cards of a file. What is no card is left out. */
export function readVCards(text: string): Card[] {
	const cards: Card[] = [];
	let card: Card | null = null, count = 0;
	for (const line of unfold(text.slice(0, FILE_MAX))) {
		if (/^BEGIN:VCARD\s*$/i.test(line)) {
			card = { "@type": "Card", version: "1.0" };
			count = 0;
		} else if (/^END:VCARD\s*$/i.test(line)) {
			if (card && count > 0 && cards.length < CARDS_MAX) cards.push(finish(card));
			card = null;
		} else if (card && line && count < PROPERTIES_MAX) {
			const property = readProperty(line);
			if (!property) continue;
			count++;
			const reader = readers[property.name];
			if (reader) reader(card, property, unescape(property.value).trim());
			else if (!ignored.has(property.name)) keep(card, property);
		}
	}
	return cards;
}

function finish(card: Card): Card {
	card.uid ||= `urn:uuid:${crypto.randomUUID()}`;
	if (card.kind && !["individual", "group", "org", "location", "device", "application"].includes(card.kind)) delete card.kind;
	if (card.name?.components?.length) card.name.isOrdered = false;
	return card;
}

// ---- Writing ----

function escape(text: string): string {
	return text.replace(/\\/g, "\\\\").replace(/\r\n|\r|\n/g, "\\n").replace(/,/g, "\\,").replace(/;/g, "\\;");
}

function line(name: string, parameters: Record<string, string>, value: string): string {
	const quoted = Object.entries(parameters).map(([key, text]) => `;${key.toUpperCase()}=${/[:;,]/.test(text) ? `"${text.replace(/"/g, "^'")}"` : text.replace(/[\r\n"]/g, " ")}`).join("");
	return fold(`${name}${quoted}:${value.replace(/[\r\n]/g, " ")}`);
}

/** Lines of at most 75 bytes, not cut within a character (RFC 6350 §3.2). */
function fold(text: string): string {
	const lines: string[] = [""];
	let bytes = 0;
	for (const sign of text) {
		const size = sign.codePointAt(0)! < 0x80 ? 1 : sign.codePointAt(0)! < 0x800 ? 2 : sign.codePointAt(0)! < 0x10000 ? 3 : 4;
		if (bytes + size > 75) {
			lines.push(" ");
			bytes = 1;
		}
		lines[lines.length - 1] += sign;
		bytes += size;
	}
	return lines.join("\r\n");
}

function types(one: { contexts?: Entries<true> | undefined; features?: Entries<true> | undefined; pref?: number | undefined }): Record<string, string> {
	const back = (table: Record<string, string>, names: Entries<true> | undefined) => Object.keys(names ?? {}).flatMap(name => Object.keys(table).find(key => table[key] === name) ?? []);
	const all = [...back(contextTypes, one.contexts), ...back(featureTypes, one.features)];
	return { ...(all.length > 0 ? { type: all.join(",") } : {}), ...(one.pref ? { pref: String(one.pref) } : {}) };
}

/** A name to show, of whatever there is. */
export function nameOf(card: Card): string {
	const parts = card.name?.components ?? [], pick = (kind: string) => parts.filter(one => one.kind === kind).map(one => one.value);
	const made = [...pick("title"), ...pick("given"), ...pick("given2"), ...pick("surname"), ...pick("surname2")].join(" ");
	const organization = Object.values(card.organizations ?? {})[0]?.name, nickname = Object.values(card.nicknames ?? {})[0]?.name;
	return card.name?.full || made || organization || nickname || Object.values(card.emails ?? {})[0]?.address || "";
}

export function writeVCard(card: Card): string {
	const out = ["BEGIN:VCARD", "VERSION:4.0"], parts = card.name?.components ?? [], each = <T>(entries: Entries<T> | undefined, run: (one: T) => void) => Object.values(entries ?? {}).forEach(run);
	const put = (name: string, parameters: Record<string, string>, value: string) => value && out.push(line(name, parameters, value));
	put("FN", {}, escape(nameOf(card)) || "?");
	if (parts.length > 0) put("N", {}, ["surname", "given", "given2", "title", "credential"].map(kind => parts.filter(one => one.kind === kind).map(one => escape(one.value)).join(",")).join(";"));
	put("UID", {}, card.uid ?? "");
	if (card.kind) put("KIND", {}, card.kind);
	each(card.nicknames, one => put("NICKNAME", {}, escape(one.name)));
	each(card.emails, one => put("EMAIL", types(one), escape(one.address)));
	each(card.phones, one => put("TEL", types(one), escape(one.number)));
	each(card.addresses, one => put("ADR", { ...types(one), ...(one.full ? { label: one.full.replace(/\n/g, ", ") } : {}) }, addressOf(one)));
	each(card.organizations, one => put("ORG", {}, [one.name ?? "", ...(one.units ?? []).map(unit => unit.name)].map(escape).join(";")));
	each(card.titles, one => put(one.kind === "role" ? "ROLE" : "TITLE", {}, escape(one.name)));
	each(card.anniversaries, one => put(one.kind === "birth" ? "BDAY" : one.kind === "wedding" ? "ANNIVERSARY" : "", {}, dateOf(one.date)));
	each(card.links, one => put("URL", {}, one.uri));
	each(card.notes, one => put("NOTE", {}, escape(one.note)));
	each(card.media, one => one.kind === "photo" && one.uri && put("PHOTO", {}, one.uri));
	if (card.keywords) put("CATEGORIES", {}, Object.keys(card.keywords).map(escape).join(","));
	for (const uid of Object.keys(card.members ?? {})) put("MEMBER", {}, uid);
	for (const kept of (card["vCardProps"] as [string, Record<string, string | string[]>, string, unknown][] | undefined) ?? [])
		if (Array.isArray(kept) && /^[a-z0-9-]+$/i.test(kept[0])) put(kept[0].toUpperCase(), Object.fromEntries(Object.entries(kept[1] ?? {}).map(([key, value]) => [key, [value].flat().join(",")])), escape(String(kept[3])));
	return [...out.filter(one => !one.startsWith(":")), "END:VCARD", ""].join("\r\n");
}

function addressOf(address: NonNullable<Card["addresses"]>[string]): string {
	const kinds = ["postOfficeBox", "apartment", "name", "locality", "region", "postcode", "country"], parts = address.components ?? [];
	const street = parts.filter(one => ["name", "number", "block", "direction", "landmark"].includes(one.kind)).map(one => escape(one.value)).join(" ");
	const text = kinds.map(kind => (kind === "name" ? street : parts.filter(one => one.kind === kind).map(one => escape(one.value)).join(","))).join(";");
	return /[^;]/.test(text) || address.full ? text : "";
}

function dateOf(date: Record<string, unknown>): string {
	if (typeof date["utc"] === "string") return date["utc"].slice(0, 10).replace(/-/g, "");
	const two = (value: unknown) => String(value).padStart(2, "0"), { year, month, day } = date as { year?: number; month?: number; day?: number };
	if (year && month && day) return `${String(year).padStart(4, "0")}${two(month)}${two(day)}`;
	return year ? (month ? `${year}-${two(month)}` : String(year)) : month ? (day ? `--${two(month)}${two(day)}` : `--${two(month)}`) : "";
}
