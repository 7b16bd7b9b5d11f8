// The style sheets of strangers: read as CSS Syntax 3 has it, and written anew from what was understood. What isn't on the lists here is left out: properties,
// functions, at-rules, selectors. No address is written but those that `picture` gives for one that a letter names; no property lays anything over another page,
// for what is shown stays in a frame of its own; none that depends on the frame's own size, which follows from what is in it.
import { type Color, readColor, readColorFunction, type Use, writeColor } from "./color.ts";

/** What a letter's CSS is read for. */
export interface CssContext {
	/** What to show for an address; null: nothing. It is asked for each that is there, so it also learns of them. */
	picture: (address: string) => string | null;
	/** What becomes of each colour; null: it stays. */
	color: ((color: Color, use: Use) => Color) | null;
	/** Is the page dark, for letters that have rules for that? */
	dark: boolean;
}

export const CSS_MAX = 512 * 1024;
const DEPTH_MAX = 8;

// ---- Tokens ----

type Token =
	| { kind: "word"; text: string } // an identifier, its escapes resolved
	| { kind: "function"; text: string }
	| { kind: "at"; text: string }
	| { kind: "hash"; text: string }
	| { kind: "string"; text: string }
	| { kind: "url"; text: string }
	| { kind: "number"; text: string; unit: string }
	| { kind: "space" }
	| { kind: "bad" }
	| { kind: "sign"; text: string }; // one character

const NAME_START = /[a-z_\u0080-\u{10ffff}]/iu, NAME = /[-a-z0-9_\u0080-\u{10ffff}]/iu, NUMBER = /[-+]?(?:\d+\.\d+|\d+|\.\d+)(?:e[-+]?\d+)?/iy;

class Reader {
	at = 0;
	readonly text: string;
	constructor(text: string) {
		this.text = text.replace(/\r\n?|\f/g, "\n").replace(/\0/g, "\ufffd");
	}

	#char(ahead = 0): string {
		return this.text[this.at + ahead] ?? "";
	}

	/** CSS Syntax 3 §4.3.7. */
	#escape(): string {
		const hex = /^[0-9a-f]{1,6}/i.exec(this.text.slice(this.at + 1, this.at + 7));
		if (!hex) {
			const point = this.text.codePointAt(this.at + 1);
			const char = point === undefined ? "\ufffd" : String.fromCodePoint(point);
			this.at += 1 + (point === undefined ? 0 : char.length);
			return char;
		}
		this.at += 1 + hex[0].length;
		if (/[ \t\n]/.test(this.#char())) this.at++;
		const code = parseInt(hex[0], 16);
		return code === 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? "\ufffd" : String.fromCodePoint(code);
	}

	#isEscape(ahead = 0): boolean {
		return this.#char(ahead) === "\\" && this.#char(ahead + 1) !== "\n" && this.#char(ahead + 1) !== "";
	}

	#beginsName(): boolean {
		const char = this.#char();
		if (char === "-") return NAME_START.test(this.#char(1)) || this.#char(1) === "-" || this.#isEscape(1);
		return (char !== "" && NAME_START.test(char)) || this.#isEscape();
	}

	#name(): string {
		let name = "";
		for (;;) {
			const char = this.#char();
			if (char !== "" && NAME.test(char)) {
				name += char;
				this.at++;
			} else if (this.#isEscape()) name += this.#escape();
			else return name;
		}
	}

	#string(quote: string): Token {
		let text = "";
		for (this.at++; this.at < this.text.length; ) {
			const char = this.#char();
			if (char === quote) {
				this.at++;
				return { kind: "string", text };
			}
			if (char === "\n") return { kind: "bad" };
			if (char === "\\" && this.#char(1) === "\n") this.at += 2;
			else if (this.#isEscape()) text += this.#escape();
			else {
				text += char;
				this.at++;
			}
		}
		return { kind: "string", text };
	}

	/** What follows "url(" without a quotation mark. */
	#url(): Token {
		let text = "", bad = false, ended = false;
		while (/\s/.test(this.#char())) this.at++;
		for (; this.at < this.text.length; ) {
			const char = this.#char();
			if (char === ")") {
				this.at++;
				return bad ? { kind: "bad" } : { kind: "url", text };
			}
			if (/\s/.test(char)) ended = true;
			else if (/["'(\u0001-\u0008\u000b\u000e-\u001f\u007f]/.test(char) || ended) bad = true;
			if (this.#isEscape()) text += this.#escape();
			else {
				if (!/\s/.test(char)) text += char;
				this.at++;
			}
		}
		return bad ? { kind: "bad" } : { kind: "url", text };
	}

	#word(): Token {
		const text = this.#name();
		if (this.#char() !== "(") return { kind: "word", text };
		this.at++;
		if (text.toLowerCase() === "url") {
			let ahead = 0;
			while (/\s/.test(this.#char(ahead))) ahead++;
			if (this.#char(ahead) !== '"' && this.#char(ahead) !== "'") return this.#url();
		}
		return { kind: "function", text };
	}

	next(): Token | null {
		while (this.text.startsWith("/*", this.at)) {
			const end = this.text.indexOf("*/", this.at + 2);
			this.at = end < 0 ? this.text.length : end + 2;
		}
		if (this.at >= this.text.length) return null;
		const char = this.#char();
		if (/\s/.test(char)) {
			while (/\s/.test(this.#char())) this.at++;
			return { kind: "space" };
		}
		if (char === '"' || char === "'") return this.#string(char);
		if (char === "#" && (NAME.test(this.#char(1)) || this.#isEscape(1))) {
			this.at++;
			return { kind: "hash", text: this.#name() };
		}
		NUMBER.lastIndex = this.at;
		const number = NUMBER.exec(this.text);
		if (number) {
			this.at += number[0].length;
			if (this.#char() === "%") {
				this.at++;
				return { kind: "number", text: number[0], unit: "%" };
			}
			return { kind: "number", text: number[0], unit: this.#beginsName() ? this.#name().toLowerCase() : "" };
		}
		if (this.text.startsWith("<!--", this.at) || this.text.startsWith("-->", this.at)) { // as browsers pass them over between rules
			this.at += char === "<" ? 4 : 3;
			return { kind: "space" };
		}
		if (this.#beginsName()) return this.#word();
		if (char === "@") {
			this.at++;
			return this.#beginsName() ? { kind: "at", text: this.#name() } : { kind: "sign", text: "@" };
		}
		this.at++;
		return { kind: "sign", text: char };
	}
}

export function tokens(text: string): Token[] {
	const reader = new Reader(text), all: Token[] = [];
	for (let token = reader.next(); token; token = reader.next()) all.push(token);
	return all;
}

// ---- Values ----

const PROPERTIES = new Set(
	("align-content align-items align-self aspect-ratio background background-attachment background-clip background-color background-image background-origin background-position " +
	"background-position-x background-position-y background-repeat background-size border border-block border-bottom border-bottom-color border-bottom-left-radius border-bottom-right-radius border-bottom-style " +
	"border-bottom-width border-collapse border-color border-inline border-left border-left-color border-left-style border-left-width border-radius border-right border-right-color " +
	"border-right-style border-right-width border-spacing border-style border-top border-top-color border-top-left-radius border-top-right-radius border-top-style border-top-width " +
	"border-width box-shadow box-sizing break-inside caption-side clear color column-count column-fill column-gap column-rule column-rule-color column-rule-style column-rule-width column-span " +
	"column-width columns direction display empty-cells flex flex-basis flex-direction flex-flow flex-grow flex-shrink flex-wrap float font font-family font-feature-settings font-kerning " +
	"font-size font-stretch font-style font-variant font-variant-caps font-variant-numeric font-weight gap grid-auto-columns grid-auto-flow grid-auto-rows grid-column grid-row " +
	"grid-template-columns grid-template-rows height hyphens justify-content justify-items justify-self letter-spacing line-height list-style list-style-position list-style-type margin " +
	"margin-block margin-bottom margin-inline margin-left margin-right margin-top max-height max-width min-height min-width mso-hide object-fit object-position opacity order orphans outline outline-color " +
	"outline-offset outline-style outline-width overflow overflow-wrap overflow-x overflow-y padding padding-block padding-bottom padding-inline padding-left padding-right padding-top page-break-inside place-content " +
	"place-items quotes row-gap tab-size table-layout text-align text-align-last text-decoration text-decoration-color text-decoration-line text-decoration-style text-decoration-thickness " +
	"text-indent text-orientation text-overflow text-shadow text-transform text-underline-offset unicode-bidi vertical-align visibility white-space widows width word-break word-spacing word-wrap writing-mode").split(" "),
);
const FUNCTIONS = new Set(["rgb", "rgba", "hsl", "hsla", "calc", "min", "max", "clamp", "linear-gradient", "radial-gradient", "repeating-linear-gradient", "repeating-radial-gradient", "minmax", "repeat", "fit-content", "url"]);
const COLORS = new Set(["rgb", "rgba", "hsl", "hsla"]);
/** Where an address may stand. */
const PICTURES = new Set(["background", "background-image"]);
const UNITS = new Set(["", "%", "px", "pt", "em", "rem", "ex", "ch", "cm", "mm", "in", "pc", "q", "deg", "turn", "rad", "grad", "fr"]);
/** Words that reach out of the letter, or run something. */
const WORDS = /^(?:expression|javascript|vbscript|behavior|-moz-binding|fixed|sticky|-webkit-.*|-moz-.*|progid.*)$/i;
const NUMBER_MAX = 100_000;

/* As a style sheet's string that ends nowhere else, whatever is in it. */
function quote(text: string): string {
	return '"' + text.replace(/[^\x20-\x7e\u00a0-\u{10ffff}]|["\\<>&]/gu, (char) => `\\${char.codePointAt(0)!.toString(16)} `) + '"';
}

/* As an identifier that is read as this one (CSSOM §2.1), and holds nothing that HTML would see. */
function identifier(text: string): string {
	return text.replace(/^-?\d|^-$|[^-\w\u00a0-\u{10ffff}]/gu, (found) => [...found].map((char) => (char === "-" && found.length > 1 ? "-" : `\\${char.codePointAt(0)!.toString(16)} `)).join(""));
}

class ValueWriter {
	at = 0;
	readonly list: Token[];
	readonly property: string;
	readonly context: CssContext;
	constructor(list: Token[], property: string, context: CssContext) {
		this.list = list;
		this.property = property;
		this.context = context;
	}

	#color(color: Color): string {
		const use = /^(?:color|text-decoration.*)$/.test(this.property) ? "ink" : "ground";
		return writeColor(this.context.color && color.a > 0 ? this.context.color(color, use) : color);
	}

	#picture(address: string): string | null {
		if (!PICTURES.has(this.property)) return null;
		const shown = this.context.picture(address.trim());
		return shown === null ? "none" : `url(${quote(shown)})`;
	}

	/** The plain text of a function's arguments; null if there is anything but numbers in it. */
	#numbers(): string | null {
		let text = "";
		for (; this.at < this.list.length; this.at++) {
			const token = this.list[this.at]!;
			if (token.kind === "number") text += token.text + token.unit;
			else if (token.kind === "space") text += " ";
			else if (token.kind === "sign" && (token.text === "," || token.text === "/")) text += token.text;
			else if (token.kind === "sign" && token.text === ")") {
				this.at++;
				return text;
			} else return null;
		}
		return text;
	}

	#function(name: string, depth: number): string | null {
		if (!FUNCTIONS.has(name) || depth >= DEPTH_MAX) return null;
		if (COLORS.has(name)) {
			const args = this.#numbers();
			const color = args === null ? null : readColorFunction(name, args);
			return color && this.#color(color);
		}
		if (name === "url") { // with a string
			while (this.list[this.at]?.kind === "space") this.at++;
			const token = this.list[this.at++];
			while (this.list[this.at]?.kind === "space") this.at++;
			const end = this.list[this.at++];
			const ended = end === undefined || (end.kind === "sign" && end.text === ")");
			return token?.kind === "string" && ended ? this.#picture(token.text) : null;
		}
		const inside = this.write(depth + 1);
		return inside === null ? null : `${name}(${inside})`;
	}

	#number(token: Token & { kind: "number" }): string | null {
		const value = Number(token.text);
		return UNITS.has(token.unit) && Number.isFinite(value) && Math.abs(value) <= NUMBER_MAX ? `${value}${token.unit}` : null;
	}

	#one(token: Token, depth: number): string | null {
		switch (token.kind) {
			case "space":
				return " ";
			case "number":
				return this.#number(token);
			case "hash": {
				const color = readColor("#" + token.text);
				return color && this.#color(color);
			}
			case "word": {
				if (WORDS.test(token.text)) return null;
				const color = token.text.toLowerCase() === "transparent" || this.property.startsWith("font") ? null : readColor(token.text);
				return color ? this.#color(color) : identifier(token.text);
			}
			case "string":
				return /^(?:font|quotes)/.test(this.property) ? quote(token.text) : null;
			case "url":
				return this.#picture(token.text);
			case "function":
				return this.#function(token.text.toLowerCase(), depth);
			case "sign":
				return /[,/*+-]/.test(token.text) && token.text.length === 1 ? token.text : null;
			default:
				return null;
		}
	}

	/** Up to the end, or the bracket that ends a function; null: it is left out as a whole. */
	write(depth: number): string | null {
		let out = "";
		while (this.at < this.list.length) {
			const token = this.list[this.at++]!;
			if (depth > 0 && token.kind === "sign" && token.text === ")") return out;
			const text = this.#one(token, depth);
			if (text === null) return null;
			out += text;
		}
		return out;
	}
}

/* The words of a value that say where something stands, or how, and are no danger. */
function isAllowed(property: string, value: string): boolean {
	if (value.trim() === "") return false;
	if (property === "display") return /^\s*(?:none|inline|block|inline-block|table|inline-table|table-(?:row|cell|row-group|header-group|footer-group|caption|column|column-group)|flex|inline-flex|grid|inline-grid|list-item|flow-root|contents|initial|inherit)\s*(?:!important)?\s*$/i.test(value);
	if (/^overflow/.test(property) && property !== "overflow-wrap") return !/scroll|auto/i.test(value);
	return true;
}

function splitImportant(list: Token[]): { value: Token[]; important: boolean } {
	const value = list.slice();
	while (value.length && value[value.length - 1]!.kind === "space") value.pop();
	const last = value[value.length - 1];
	if (last?.kind !== "word" || last.text.toLowerCase() !== "important") return { value, important: false };
	let at = value.length - 2;
	while (value[at]?.kind === "space") at--;
	const sign = value[at];
	return sign?.kind === "sign" && sign.text === "!" ? { value: value.slice(0, at), important: true } : { value, important: false };
}

/** One declaration, read and written anew; "": it is left out. Negative margins, which would draw over what stands above, are among what is left out. */
function declaration(name: string, list: Token[], context: CssContext): string {
	const property = name.toLowerCase();
	if (!PROPERTIES.has(property)) return "";
	const { value, important } = splitImportant(list);
	const written = new ValueWriter(value, property, context).write(0);
	if (written === null || !isAllowed(property, written)) return "";
	return `${property}:${written.trim()}${important ? "!important" : ""};`;
}

/** Declarations up to the end of the tokens. */
function declarations(list: Token[], context: CssContext): string {
	let out = "", at = 0;
	while (at < list.length) {
		while (list[at] && (list[at]!.kind === "space" || isSign(list[at], ";"))) at++;
		const end = endOf(list, at, ";"), part = list.slice(at, end), first = part[0];
		at = end + 1;
		let colon = 1;
		while (part[colon]?.kind === "space") colon++;
		if (first?.kind === "word" && isSign(part[colon], ":")) {
			let value = part.slice(colon + 1);
			while (value[0]?.kind === "space") value = value.slice(1);
			out += declaration(first.text, value, context);
		}
	}
	return out;
}

/** The value of a style attribute, cleaned. */
export function cleanStyle(text: string, context: CssContext): string {
	return text.length > CSS_MAX ? "" : declarations(tokens(text), context);
}

// ---- Rules ----

function isSign(token: Token | undefined, text: string): boolean {
	return token?.kind === "sign" && token.text === text;
}

/** Where the first of these signs stands that no bracket encloses; else the end. */
function endOf(list: Token[], from: number, signs: string): number {
	const open: string[] = [];
	for (let at = from; at < list.length; at++) {
		const token = list[at]!;
		if (token.kind === "function") open.push(")");
		if (token.kind !== "sign") continue;
		if (open.length === 0 && signs.includes(token.text)) return at;
		if (token.text === "(") open.push(")");
		else if (token.text === "[") open.push("]");
		else if (token.text === "{") open.push("}");
		else if (token.text === open[open.length - 1]) open.pop();
	}
	return list.length;
}

const PSEUDO = new Set(["first-child", "last-child", "only-child", "first-of-type", "last-of-type", "hover", "focus", "active", "link", "visited", "root", "empty", "before", "after", "first-line", "first-letter"]);
const PSEUDO_FUNCTIONS = new Set(["nth-child", "nth-last-child", "nth-of-type", "nth-last-of-type", "not"]);

/** A selector's tokens, written anew; null: there is something in it that isn't known. */
function selector(list: Token[]): string | null {
	let out = "";
	for (let at = 0; at < list.length; at++) {
		const token = list[at]!;
		if (token.kind === "space") out += " ";
		else if (token.kind === "word") out += identifier(token.text);
		else if (token.kind === "hash") out += "#" + identifier(token.text);
		else if (token.kind === "string") out += quote(token.text);
		else if (token.kind === "number") out += token.text + identifier(token.unit);
		else if (token.kind === "function" && isSign(list[at - 1], ":") && PSEUDO_FUNCTIONS.has(token.text.toLowerCase())) out += token.text.toLowerCase() + "(";
		else if (token.kind === "sign" && token.text === ":") {
			const next = list[at + 1];
			const named = next?.kind === "word" && PSEUDO.has(next.text.toLowerCase());
			if (!named && next?.kind !== "function" && !isSign(next, ":")) return null;
			out += ":";
		} else if (token.kind === "sign" && ".>+~*[]=)^$|,-".includes(token.text)) out += token.text;
		else return null;
	}
	return out.trim() === "" ? null : out.trim();
}

const MEDIA_WORDS = /^(?:all|screen|print|only|not|and|or|min-width|max-width|width|min-device-width|max-device-width|orientation|landscape|portrait|min-resolution|max-resolution|prefers-color-scheme|dark|light|prefers-reduced-motion|reduce|no-preference|min-height|max-height|hover)$/i;

/** A media query, written anew. What it says of dark pages is answered here: by the page, not by the device. */
function media(list: Token[], context: CssContext): string | null {
	let out = "";
	for (let at = 0; at < list.length; at++) {
		const token = list[at]!;
		if (token.kind === "space") out += " ";
		else if (token.kind === "word" && token.text.toLowerCase() === "prefers-color-scheme") {
			while (at < list.length && !isSign(list[at + 1], ")")) at++;
			const wanted = list[at];
			const holds = wanted?.kind === "word" && (wanted.text.toLowerCase() === "dark") === context.dark;
			out += holds ? "min-width:0px" : "max-width:0px";
		} else if (token.kind === "word" && MEDIA_WORDS.test(token.text)) out += token.text.toLowerCase();
		else if (token.kind === "number" && (UNITS.has(token.unit) || /^(?:dpi|dppx)$/.test(token.unit))) out += token.text + token.unit;
		else if (token.kind === "sign" && "():,<>=/".includes(token.text)) out += token.text;
		else return null;
	}
	return out.trim();
}

function rules(list: Token[], context: CssContext, depth: number): string {
	let out = "", at = 0;
	while (at < list.length) {
		while (list[at] && (list[at]!.kind === "space" || isSign(list[at], "}"))) at++;
		const begin = list[at];
		if (!begin) break;
		const end = endOf(list, at, begin.kind === "at" ? "{;" : "{"), head = list.slice(at, end);
		if (!isSign(list[end], "{")) { // @import, @charset, @namespace; or the rest
			at = end + 1;
			continue;
		}
		const close = endOf(list, end + 1, "}"), body = list.slice(end + 1, close);
		at = close + 1;
		if (begin.kind === "at") {
			const query = begin.text.toLowerCase() === "media" && depth < DEPTH_MAX ? media(head.slice(1), context) : null;
			const inside = query === null ? "" : rules(body, context, depth + 1);
			if (inside) out += `@media ${query}{${inside}}`;
			continue;
		}
		const chosen = selector(head), inside = chosen === null ? "" : declarations(body, context);
		if (inside) out += `${chosen}{${inside}}`;
	}
	return out;
}

/** A style sheet, cleaned. */
export function cleanSheet(text: string, context: CssContext): string {
	return text.length > CSS_MAX ? "" : rules(tokens(text), context, 0);
}

/** Has the letter rules of its own for dark pages? */
export function knowsDark(sheet: string): boolean {
	return /prefers-color-scheme\s*:\s*dark/i.test(sheet) || /color-scheme\s*:[^;}]*dark/i.test(sheet);
}
