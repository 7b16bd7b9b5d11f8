// Labels are keywords of IMAP and JMAP, which are ASCII without spaces; their names and colours are kept in the settings.
import { quoted } from "../search/operators.ts";

export interface Label {
	keyword: string;
	name: string;
	color: string;
}

/** As tokens.css has them; the first is the pages' own. */
export const COLORS = ["", "red", "orange", "yellow", "green", "blue", "purple", "pink", "grey"] as const;
export type Color = (typeof COLORS)[number];

export function colorOf(label: { color: string }): Color {
	return COLORS.find((one) => one === label.color) ?? "";
}

/** A keyword for a name, that none of the others is: "Urlaub 2026" is "urlaub_2026", "Отпуск" is "label1". */
export function keywordOf(name: string, taken: readonly string[]): string {
	const plain = name.normalize("NFKD").toLowerCase().replace(/\p{M}/gu, "").replace(/\s+/g, "_").replace(/[^a-z0-9_-]/g, "").replace(/^[_-]+/, "");
	let keyword = plain, n = plain ? 2 : 1;
	if (!plain) keyword = `label${n++}`;
	while (taken.includes(keyword)) keyword = `${plain || "label"}${n++}`;
	return keyword;
}

/** What is looked for to see all that has it. */
export function searchOfLabel(label: Label): string {
	return `label:${quoted(label.name)}`;
}

/** The label that a search is for, and for nothing else. */
export function labelOfSearch(text: string, labels: readonly Label[]): Label | null {
	return labels.find((label) => searchOfLabel(label) === text.trim()) ?? null;
}
