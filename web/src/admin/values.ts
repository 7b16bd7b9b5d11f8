// Values of options: as a person edits them, and as pombal.conf has them.
import type { Option } from "./types.ts";

const SIZES: [string, number][] = [["T", 2 ** 40], ["G", 2 ** 30], ["M", 2 ** 20], ["K", 2 ** 10]], TIMES: [string, number][] = [["w", 604_800], ["d", 86_400], ["h", 3600], ["m", 60]];

function inUnits(value: number, units: [string, number][]): string {
	const [unit, size] = units.find(([, one]) => value >= one && value % one === 0) ?? ["", 1];
	return `${value / size}${unit}`;
}

/** What is edited: a list has an entry a line, sizes and times the unit that fits. */
export function editable(value: unknown, kind?: Option["kind"]): string {
	if (Array.isArray(value)) return value.join("\n");
	if (typeof value === "number" && kind === "size") return inUnits(value, SIZES);
	if (typeof value === "number" && kind === "time") return inUnits(value, TIMES);
	return typeof value === "boolean" ? (value ? "yes" : "no") : value === null || value === undefined ? "" : String(value);
}

function quoted(text: string): string {
	return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}

/** What was edited, as pombal.conf has it. */
export function written(kind: Option["kind"], text: string): string {
	if (kind === "list") return `{${text.split("\n").map((one) => one.trim()).filter(Boolean).map(quoted).join(", ")}}`;
	return kind === "text" ? quoted(text.trim()) : text.trim();
}

/** In one line, for people. */
export function shown(value: unknown, kind?: Option["kind"]): string {
	if (Array.isArray(value)) return value.length ? value.join(", ") : "–";
	const text = editable(value, kind);
	return text === "" ? "–" : text;
}

const FORMS: Partial<Record<Option["kind"], RegExp>> = { number: /^\d+$/, size: /^\d+[KMGT]?(i?B)?$/i, time: /^(\d+|(\d+[smhdw])+)$/i, flag: /^(yes|no)$/ };

/** Can it be such a value? The server knows more. */
export function isPlausible(kind: Option["kind"], text: string): boolean {
	const plain = text.trim();
	if (kind === "text") return !/[\r\n]/.test(plain);
	return FORMS[kind]?.test(plain) ?? true;
}
