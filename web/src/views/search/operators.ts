// What can be typed into the search field, offered while it is typed.
import type { Key } from "../../base/i18n.svelte.ts";

export interface Operator {
	/** As it is typed. */
	text: string;
	key: Key;
}

export const OPERATORS: Operator[] = [
	{ text: "from:", key: "search.from" }, { text: "to:", key: "search.to" }, { text: "subject:", key: "search.subject" }, { text: "has:attachment", key: "search.attachment" },
	{ text: "is:unread", key: "search.unread" }, { text: "is:starred", key: "search.starred" }, { text: "in:", key: "search.in" }, { text: "label:", key: "search.label.operator" }, { text: "before:", key: "search.before" }, { text: "after:", key: "search.after" },
];

/** The word that the cursor is in or behind: where it begins, and its text up to the cursor. Quotes keep words together. */
export function wordAt(text: string, cursor: number): { start: number; word: string } {
	let start = 0, quoted = false;
	for (let i = 0; i < cursor; i++) {
		if (text[i] === '"') quoted = !quoted;
		else if (!quoted && /\s/.test(text[i]!)) start = i + 1;
	}
	return { start, word: text.slice(start, cursor) };
}

/** The text with the word at the cursor replaced, and the cursor behind it. What is complete is followed by a space. */
export function complete(text: string, cursor: number, by: string): { text: string; cursor: number } {
	const { start } = wordAt(text, cursor);
	const rest = text.slice(cursor).replace(/^\s+/, "");
	const head = text.slice(0, start) + by + (by.endsWith(":") ? "" : " ");
	return { text: head + rest, cursor: head.length };
}

/** A value as it may stand behind an operator. */
export function quoted(value: string): string {
	return /[\s"]/.test(value) ? `"${value.replaceAll('"', "")}"` : value;
}

function wordsOf(text: string): string[] {
	const words = [""];
	let quoted = false;
	for (const sign of text) {
		if (sign === '"') quoted = !quoted;
		if (!quoted && /\s/.test(sign)) words.push("");
		else words[words.length - 1] += sign;
	}
	return words.filter(Boolean);
}

/** With one more term; not twice. */
export function withTerm(text: string, term: string): string {
	const words = wordsOf(text);
	return (words.includes(term) ? words : [...words, term]).join(" ");
}
