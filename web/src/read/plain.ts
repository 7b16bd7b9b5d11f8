// Plain text as people wrote it: paragraphs that flow (RFC 3676), quotations by their depth, signatures, links.

export type Piece = { kind: "text"; text: string } | { kind: "link"; text: string; href: string };
export interface Line { pieces: Piece[] }
export type Block =
	| { kind: "lines"; lines: Line[] }
	| { kind: "quote"; blocks: Block[] }
	| { kind: "signature"; lines: Line[] };

const LINES_MAX = 50_000, DEPTH_MAX = 20;

// ---- Links ----

const LINK = /\b(?:https?:\/\/|www\.)[^\s<>"“”«»\u00a0]+|\bmailto:[^\s<>"]+|\b[\w.+-]+@(?:[\p{L}\p{N}-]+\.)+\p{L}{2,}\b/giu;

/* What stands behind an address in a sentence isn't of it; nor is a bracket that was opened before it. */
function trimLink(text: string): string {
	let link = text;
	for (;;) {
		const last = link[link.length - 1] ?? "";
		const open = { ")": "(", "]": "[", "}": "{" }[last];
		if (/[.,;:!?'"*_~…]/.test(last) || (open && link.split(last).length > link.split(open).length)) link = link.slice(0, -1);
		else return link;
	}
}

/** A line's text and its links. */
export function findLinks(text: string): Piece[] {
	const pieces: Piece[] = [];
	let from = 0;
	for (const found of text.matchAll(LINK)) {
		const link = trimLink(found[0]);
		if (link.length < 5 || found.index < from) continue;
		if (found.index > from) pieces.push({ kind: "text", text: text.slice(from, found.index) });
		const href = /^www\./i.test(link) ? "https://" + link : /^(?:https?|mailto):/i.test(link) ? link : "mailto:" + link;
		pieces.push({ kind: "link", text: link, href });
		from = found.index + link.length;
	}
	if (from < text.length) pieces.push({ kind: "text", text: text.slice(from) });
	return pieces;
}

// ---- Lines ----

interface Deep { depth: number; text: string }

function splitQuote(line: string, flowed: boolean): Deep {
	if (flowed) { // RFC 3676 §4.5: marks without spaces between, then one that is stuffed
		const depth = /^>*/.exec(line)![0].length;
		return { depth, text: line.slice(depth).replace(/^ /, "") };
	}
	const marks = /^(?:>[ \t]?)+/.exec(line)?.[0] ?? "";
	return { depth: marks.replace(/[^>]/g, "").length, text: line.slice(marks.length) };
}

/** Lines that belong together are put together (RFC 3676 §4.1 and §4.3). `delSp`: the space at the end goes. */
export function unflow(lines: Deep[], delSp: boolean): Deep[] {
	const out: Deep[] = [];
	let open = false;
	for (const line of lines) {
		const last = out[out.length - 1], signature = line.text === "-- ";
		if (open && last && last.depth === line.depth && !signature) last.text += line.text;
		else out.push({ ...line });
		open = !signature && line.text.endsWith(" ");
		const now = out[out.length - 1]!;
		if (open && delSp) now.text = now.text.slice(0, -1);
	}
	return out.map((line) => (line.text === "-- " ? line : { depth: line.depth, text: line.text.replace(/ +$/, "") }));
}

function lineOf(text: string): Line {
	return { pieces: findLinks(text) };
}

/* What is deeper than `depth` is a quotation within. */
function blocksOf(lines: Deep[], depth: number): Block[] {
	const blocks: Block[] = [];
	let plain: Line[] = [];
	const flush = () => {
		if (plain.some((line) => line.pieces.length)) blocks.push({ kind: "lines", lines: plain });
		plain = [];
	};
	for (let at = 0; at < lines.length; ) {
		const line = lines[at]!;
		if (line.depth > depth && depth < DEPTH_MAX) {
			let end = at;
			while (end < lines.length && lines[end]!.depth > depth) end++;
			flush();
			blocks.push({ kind: "quote", blocks: blocksOf(lines.slice(at, end), depth + 1) });
			at = end;
		} else if (depth === 0 && /^-- ?$/.test(line.text)) {
			let end = at + 1;
			while (end < lines.length && lines[end]!.depth === 0) end++;
			flush();
			blocks.push({ kind: "signature", lines: lines.slice(at, end).map((one) => lineOf(one.text)) });
			at = end;
		} else {
			plain.push(lineOf(line.text));
			at++;
		}
	}
	flush();
	return blocks;
}

/** Reads a text. `flowed`, `delSp`: what its Content-Type says (format=flowed, delsp=yes). */
export function readPlain(text: string, { flowed = false, delSp = false } = {}): Block[] {
	const all = text.replace(/\r\n?/g, "\n").split("\n").slice(0, LINES_MAX).map((line) => splitQuote(line.replace(/[\x00-\x08\x0b-\x1f\x7f]/g, "\ufffd"), flowed));
	return blocksOf(flowed ? unflow(all, delSp) : all, 0);
}

/** The parameters of a Content-Type field that say how its text flows. */
export function flowOf(type: unknown): { flowed: boolean; delSp: boolean } {
	const text = typeof type === "string" ? type : "";
	return { flowed: /;\s*format\s*=\s*"?flowed\b/i.test(text), delSp: /;\s*delsp\s*=\s*"?yes\b/i.test(text) };
}

/** Where what was only quoted begins: the last block, and the line that introduces it. -1: nothing is to be folded. */
export function foldFrom(blocks: Block[]): number {
	let last = blocks.length - 1;
	if (blocks[last]?.kind === "signature") last--;
	return last > 0 && blocks[last]?.kind === "quote" ? last : -1;
}
