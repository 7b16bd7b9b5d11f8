/* What somebody types to find mail, read as a filter (RFC 8621 §4.4.1): words, "phrases", operators (from:anna), a minus before what is not wanted, OR, parentheses.
 * What isn't understood is looked for as it stands. Pure. */
import type { EmailCondition, EmailFilter, Id, Mailbox } from "../jmap/types.ts";
import type { ParsedSearch } from "./types.ts";

type Term = ParsedSearch["terms"][number];
type Operator = Term["operator"];

/** The server takes so many conditions on texts. */
const TEXTS_MAX = 30;
/** Levels of parentheses; beyond, they are words. */
const DEPTH_MAX = 8;
/** Signs that are read of what was typed; milliseconds of the first and the last year that can be asked for. */
const TEXT_MAX = 2_000, FIRST = Date.UTC(1000, 0, 1), LAST = Date.UTC(9999, 0, 1);

interface Token {
	kind: "word" | "open" | "close" | "or";
	text: string;
	operator: string | null;
	negated: boolean;
	start: number;
	end: number;
}

const texts: Record<string, keyof EmailCondition> = { from: "from", to: "to", cc: "cc", bcc: "bcc", subject: "subject", body: "body", text: "text" };
const keywords: Record<string, [string, boolean]> = {
	read: ["$seen", true], seen: ["$seen", true], unread: ["$seen", false], unseen: ["$seen", false], starred: ["$flagged", true], flagged: ["$flagged", true], unstarred: ["$flagged", false],
	answered: ["$answered", true], replied: ["$answered", true], unanswered: ["$answered", false], forwarded: ["$forwarded", true], draft: ["$draft", true], important: ["$important", true], muted: ["$muted", true],
};
const known = [...Object.keys(texts), "in", "is", "has", "before", "after", "on", "older_than", "newer_than", "older", "newer", "larger", "smaller", "size", "label", "keyword", "list", "header", "filename"];

/** Cuts a text into words, each with its operator. */
export function tokenize(text: string): Token[] {
	const tokens: Token[] = [], pattern = /\s*(-)?(?:([()])|(?:([a-z_]+):)?(?:"([^"]*)"?|([^\s()"]+)))/giy;
	for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
		const [all, minus, bracket, operator, phrase, word] = match, end = pattern.lastIndex, start = end - all.trimStart().length;
		const named = operator !== undefined && known.includes(operator.toLowerCase());
		const value = (phrase !== undefined ? `"${phrase}"` : (word ?? "")), full = named || operator === undefined ? value : `${operator}:${value}`;
		if (bracket) tokens.push({ kind: bracket === "(" ? "open" : "close", text: bracket, operator: null, negated: minus !== undefined, start, end });
		else if (full === "OR" && !minus) tokens.push({ kind: "or", text: full, operator: null, negated: false, start, end });
		else if (full !== "AND") tokens.push({ kind: "word", text: full, operator: named ? operator.toLowerCase() : null, negated: minus !== undefined, start, end });
	}
	return tokens;
}

export interface Places {
	mailboxes: Mailbox[];
	/** Those that have a name; others are looked for as keywords. */
	labels?: readonly { keyword: string; name: string }[];
	now: number;
	/** Only there. */
	within?: Id | undefined;
}

export function parseSearch(text: string, places: Places): ParsedSearch {
	const state = { tokens: tokenize(text.slice(0, TEXT_MAX)), at: 0, terms: [] as Term[], unknown: [] as string[], texts: 0, mailbox: false };
	const parts: EmailFilter[] = [];
	while (state.at < state.tokens.length) {
		const part = parseAny(state, places, 0);
		if (part) parts.push(part);
		state.at++; // a bracket that closes nothing
	}
	const found = all(parts);
	if (!found) return { filter: null, terms: state.terms, unknown: state.unknown };
	const bounds: EmailFilter[] = [];
	if (places.within && !state.mailbox) bounds.push({ inMailbox: places.within });
	// Where nobody looks unless he says so.
	const apart = places.mailboxes.filter(one => one.role === "junk" || one.role === "trash").map(one => one.id);
	if (!places.within && !state.mailbox && apart.length > 0) bounds.push({ inMailboxOtherThan: apart });
	return { filter: all([found, ...bounds]), terms: state.terms, unknown: state.unknown };
}

interface State {
	tokens: Token[];
	at: number;
	terms: Term[];
	unknown: string[];
	texts: number;
	mailbox: boolean;
}

function all(list: EmailFilter[]): EmailFilter | null {
	return list.length > 1 ? { operator: "AND", conditions: list } : (list[0] ?? null);
}

/** Words up to a closing bracket: those between ORs belong together. */
function parseAny(state: State, places: Places, depth: number): EmailFilter | null {
	const groups: EmailFilter[] = [];
	let group: EmailFilter[] = [];
	for (; state.at < state.tokens.length; state.at++) {
		const token = state.tokens[state.at]!;
		if (token.kind === "close") break;
		if (token.kind === "or") {
			const before = all(group);
			if (before) groups.push(before);
			group = [];
			continue;
		}
		let part: EmailFilter | null;
		if (token.kind === "open") {
			state.at++;
			part = depth < DEPTH_MAX ? parseAny(state, places, depth + 1) : null;
		} else {
			part = parseWord(token, state, places);
		}
		if (part) group.push(token.negated ? { operator: "NOT", conditions: [part] } : part);
	}
	const last = all(group);
	if (last) groups.push(last);
	return groups.length > 1 ? { operator: "OR", conditions: groups } : (groups[0] ?? null);
}

function parseWord(token: Token, state: State, places: Places): EmailFilter | null {
	const value = token.text.replace(/^"([\s\S]*)"$/, "$1").trim(), name = token.operator;
	if (!value) return null;
	const condition = name ? conditionOf(name, value, token.text, places) : null;
	if (name && !condition) state.unknown.push(name);
	const used: [Operator, EmailFilter] = condition ?? ["text", { text: token.text }];
	if (isText(used[1]) && ++state.texts > TEXTS_MAX) return null;
	if (used[0] === "in") state.mailbox = true;
	state.terms.push({ operator: used[0], value: condition ? value : token.text, negated: token.negated, start: token.start, end: token.end });
	return used[1];
}

function isText(filter: EmailFilter): boolean {
	return !("operator" in filter) && (["text", "from", "to", "cc", "bcc", "subject", "body", "header"] as const).some(name => name in filter);
}

function conditionOf(name: string, value: string, raw: string, places: Places): [Operator, EmailFilter] | null {
	const text = Object.hasOwn(texts, name) ? texts[name] : undefined;
	if (text) return [text as Operator, { [text]: name === "from" || name === "to" || name === "cc" || name === "bcc" ? value : raw }];
	switch (name) {
	case "in":
		return inPlace(value, places);
	case "is":
		return isState(value.toLowerCase());
	case "has":
		return value.toLowerCase().startsWith("attachment") || value.toLowerCase() === "file" ? ["hasAttachment", { hasAttachment: true }] : value.toLowerCase() === "star" ? ["hasKeyword", { hasKeyword: "$flagged" }] : null;
	case "label":
	case "keyword":
		return ["hasKeyword", { hasKeyword: places.labels?.find(one => one.name.replace(/"/g, "").toLowerCase() === value.toLowerCase())?.keyword ?? value }];
	case "list":
		return ["header", { header: ["List-Id", value] }];
	case "header": {
		const [field, ...rest] = value.split("=");
		return field ? ["header", { header: rest.length > 0 ? [field, rest.join("=")] : [field] }] : null;
	}
	case "filename":
		return ["text", { text: raw }];
	case "larger":
	case "size":
		return sized(value, bytes => ["minSize", { minSize: bytes }]);
	case "smaller":
		return sized(value, bytes => ["maxSize", { maxSize: bytes }]);
	default:
		return dated(name, value, places.now);
	}
}

function inPlace(value: string, { mailboxes }: Places): [Operator, EmailFilter] | null {
	const wanted = value.toLowerCase();
	if (wanted === "anywhere" || wanted === "all") return ["in", { inMailboxOtherThan: [] }];
	const roles: Record<string, string> = { spam: "junk", bin: "trash", drafts: "drafts", draft: "drafts" };
	const path = (one: Mailbox): string => {
		const parent = mailboxes.find(other => other.id === one.parentId);
		return (parent ? `${path(parent)}/` : "") + one.name.toLowerCase();
	};
	const found = mailboxes.find(one => path(one) === wanted) ?? mailboxes.find(one => one.role === (roles[wanted] ?? wanted)) ?? mailboxes.find(one => one.name.toLowerCase() === wanted);
	return found ? ["in", { inMailbox: found.id }] : null;
}

function isState(value: string): [Operator, EmailFilter] | null {
	const found = Object.hasOwn(keywords, value) ? keywords[value] : undefined;
	return found ? (found[1] ? ["is", { hasKeyword: found[0] }] : ["is", { notKeyword: found[0] }]) : null;
}

/** "5M", "300kb", "1000". */
function sized(value: string, make: (bytes: number) => [Operator, EmailFilter]): [Operator, EmailFilter] | null {
	const match = /^(\d+(?:\.\d+)?)\s*([kmg])?i?b?$/i.exec(value), power = match ? " kmg".indexOf((match[2] ?? " ").toLowerCase()) : -1;
	const bytes = match ? Math.round(Number(match[1]) * 1000 ** power) : NaN;
	return Number.isSafeInteger(bytes) ? make(bytes) : null;
}

/** Dates are days of the person who asks: "2026-01-31", "2026/1/31", "2026-01", "2026", "today", "yesterday"; ages are "3d", "2w", "6m", "1y". */
function dated(name: string, value: string, now: number): [Operator, EmailFilter] | null {
	const age = /^(\d+)\s*([dwmyh])$/i.exec(value);
	if (age && (name.startsWith("older") || name.startsWith("newer"))) {
		const at = before(now, Number(age[1]), age[2]!.toLowerCase());
		if (!isDate(at)) return null;
		const time = utc(at);
		return name.startsWith("older") ? ["before", { before: time }] : ["after", { after: time }];
	}
	const day = dayOf(value, now);
	if (!day || !day.every(isDate)) return null;
	if (name === "before" || name === "older" || name === "older_than") return ["before", { before: utc(day[0]) }];
	if (name === "after" || name === "newer" || name === "newer_than") return ["after", { after: utc(day[0]) }];
	return name === "on" ? ["after", { operator: "AND", conditions: [{ after: utc(day[0]) }, { before: utc(day[1]) }] }] : null;
}

function before(now: number, count: number, unit: string): Date {
	const date = new Date(now);
	if (unit === "h") date.setHours(date.getHours() - count);
	else if (unit === "d" || unit === "w") date.setDate(date.getDate() - count * (unit === "w" ? 7 : 1));
	else if (unit === "m") date.setMonth(date.getMonth() - count);
	else date.setFullYear(date.getFullYear() - count);
	return date;
}

/** From when to when. */
function dayOf(value: string, now: number): [Date, Date] | null {
	const today = new Date(new Date(now).setHours(0, 0, 0, 0)), match = /^(\d{4})(?:[-/.](\d{1,2})(?:[-/.](\d{1,2}))?)?$/.exec(value);
	const span = (date: Date, days: number, months = 0): [Date, Date] => [date, new Date(date.getFullYear(), date.getMonth() + months, date.getDate() + days)];
	if (value.toLowerCase() === "today") return span(today, 1);
	if (value.toLowerCase() === "yesterday") return span(new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1), 1);
	if (!match) return null;
	const [year, month, day] = [Number(match[1]), match[2] ? Number(match[2]) : null, match[3] ? Number(match[3]) : null];
	if ((month !== null && (month < 1 || month > 12)) || (day !== null && (day < 1 || day > 31))) return null;
	const date = new Date(year, (month ?? 1) - 1, day ?? 1);
	return day !== null ? span(date, 1) : month !== null ? span(date, 0, 1) : span(date, 0, 12);
}

/** One that can be said in four digits of years. */
function isDate(date: Date): boolean {
	return date.getTime() >= FIRST && date.getTime() < LAST;
}

function utc(date: Date): string {
	return date.toISOString().replace(/\.\d+/, "");
}

/** A search that leads back to a value: quoted if it must be. */
export function quote(value: string): string {
	return /[\s()"]/.test(value) ? `"${value.replace(/"/g, "")}"` : value;
}
