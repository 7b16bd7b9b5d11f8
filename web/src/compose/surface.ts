// What a spelling checker sees of the place in which somebody writes: a text, and where each of its characters is on the screen.
import { ownText } from "./words.ts";

export interface Surface {
	/** The words that are checked; whatever isn't is blank, or left out. */
	text(): string;
	/** What stands from there to there, for marking it. Null: it isn't there any more. */
	range(start: number, end: number): Range | null;
	/** Where the cursor is; null: not here, or something is chosen. */
	caret(): number | null;
	/** Where the cursor is, or what is chosen begins; null: not here. */
	from(): number | null;
	/** Which character is at a point of the window; null: none. */
	at(x: number, y: number): number | null;
	/** Chooses what stands there, and brings it into sight. */
	choose(start: number, end: number): void;
	/** Puts another text there. */
	replace(start: number, end: number, text: string): void;
	focus(): void;
	/** After it was scrolled, or has another size. */
	follow(): void;
	/** The element in which all that is, and which is scrolled. */
	readonly element: HTMLElement;
}

/* Newer browsers have the one, older ones the other. */
type Positions = Omit<Document, "caretPositionFromPoint" | "caretRangeFromPoint"> & { caretPositionFromPoint?(x: number, y: number): { offsetNode: Node; offset: number } | null; caretRangeFromPoint?(x: number, y: number): Range | null };

// ---- An element that is edited ----

/** What isn't the writer's own, or is written once for all letters. */
const APART = "blockquote[type=cite], .signature, .attribution, .forwarded, pre, code";
const BLOCK = /^(?:ADDRESS|BLOCKQUOTE|BR|DD|DIV|DL|DT|H[1-6]|HR|LI|OL|P|TABLE|TBODY|TD|TH|TR|UL|IMG)$/;

interface Piece {
	node: Text;
	start: number;
}

export class RichSurface implements Surface {
	readonly element: HTMLElement;
	#pieces: Piece[] = [];
	readonly #change: (work: () => void) => void;

	/** `change`: runs what changes the text, so that it can be undone. */
	constructor(element: HTMLElement, change: (work: () => void) => void) {
		this.element = element;
		this.#change = change;
	}

	text(): string {
		const pieces: Piece[] = [];
		let text = "";
		const walk = (parent: Node): void => {
			for (let node = parent.firstChild; node; node = node.nextSibling) {
				if (node instanceof Text) {
					pieces.push({ node, start: text.length });
					text += node.data;
				} else if (node instanceof HTMLElement) {
					const block = BLOCK.test(node.tagName);
					if (block) text += "\n";
					if (!node.matches(APART)) walk(node);
					if (block) text += "\n";
				}
			}
		};
		walk(this.element);
		this.#pieces = pieces;
		return text;
	}

	/* The text and the place in it; `last`: of two that meet there, the first. */
	#find(offset: number, last: boolean): { node: Text; offset: number } | null {
		let low = 0, high = this.#pieces.length - 1;
		while (low < high) {
			const middle = (low + high + 1) >> 1, start = this.#pieces[middle]!.start;
			if (start < offset || (!last && start === offset)) low = middle;
			else high = middle - 1;
		}
		const piece = this.#pieces[low];
		return piece && offset >= piece.start && offset - piece.start <= piece.node.data.length ? { node: piece.node, offset: offset - piece.start } : null;
	}

	range(start: number, end: number): Range | null {
		const from = this.#find(start, false), to = this.#find(end, true);
		if (!from || !to || !this.element.contains(from.node) || !this.element.contains(to.node)) return null;
		const range = document.createRange();
		range.setStart(from.node, from.offset);
		range.setEnd(to.node, to.offset);
		return range;
	}

	/* A place between elements is that of the text before it, or else behind it. */
	#offset(node: Node | null, offset: number): number | null {
		if (node && !(node instanceof Text)) {
			const before = this.#pieces.filter((one) => node.childNodes[offset - 1]?.contains(one.node)).pop(), behind = this.#pieces.find((one) => node.childNodes[offset]?.contains(one.node));
			return before ? before.start + before.node.data.length : behind?.start ?? null;
		}
		const piece = this.#pieces.find((one) => one.node === node);
		return piece ? piece.start + offset : null;
	}

	caret(): number | null {
		return getSelection()?.isCollapsed ? this.from() : null;
	}

	from(): number | null {
		const selection = getSelection(), range = selection?.rangeCount ? selection.getRangeAt(0) : null;
		return range ? this.#offset(range.startContainer, range.startOffset) : null;
	}

	at(x: number, y: number): number | null {
		const place = document as Positions, position = place.caretPositionFromPoint?.(x, y), range = position ? null : place.caretRangeFromPoint?.(x, y);
		return position ? this.#offset(position.offsetNode, position.offset) : range ? this.#offset(range.startContainer, range.startOffset) : null;
	}

	choose(start: number, end: number): void {
		const range = this.range(start, end);
		if (!range) return;
		this.focus();
		getSelection()?.setBaseAndExtent(range.startContainer, range.startOffset, range.endContainer, range.endOffset);
		const box = range.getBoundingClientRect(), own = this.element.getBoundingClientRect();
		if (box.top < own.top || box.bottom > own.bottom) this.element.scrollTop += box.top - own.top - own.height / 3;
	}

	replace(start: number, end: number, text: string): void {
		const range = this.range(start, end);
		if (!range || !(range.startContainer instanceof Text)) return;
		const node = range.startContainer, offset = range.startOffset;
		this.#change(() => {
			range.deleteContents();
			node.insertData(offset, text);
		});
		this.focus();
		getSelection()?.collapse(node, offset + text.length);
	}

	focus(): void {
		this.element.focus();
	}

	follow(): void {}
}

// ---- A field of plain text ----

export class PlainSurface implements Surface {
	readonly element: HTMLTextAreaElement;
	/** Lies exactly behind the field and has its text, unseen: what browsers tell of words on the screen they tell of no field. */
	readonly #mirror: HTMLElement;

	constructor(element: HTMLTextAreaElement, mirror: HTMLElement) {
		this.element = element;
		this.#mirror = mirror;
	}

	text(): string {
		const text = this.element.value;
		if (this.#mirror.firstChild instanceof Text) {
			if (this.#mirror.firstChild.data !== `${text}\n`) this.#mirror.firstChild.data = `${text}\n`;
		} else this.#mirror.replaceChildren(document.createTextNode(`${text}\n`)); // the last line counts, too, if it is empty
		this.follow();
		return ownText(text);
	}

	range(start: number, end: number): Range | null {
		const node = this.#mirror.firstChild;
		if (!(node instanceof Text) || end > node.data.length) return null;
		const range = document.createRange();
		range.setStart(node, start);
		range.setEnd(node, end);
		return range;
	}

	caret(): number | null {
		return document.activeElement === this.element && this.element.selectionStart === this.element.selectionEnd ? this.element.selectionStart : null;
	}

	from(): number | null {
		return this.element.selectionStart;
	}

	/* Where a browser can't tell it of a field: it has put the cursor there when it was clicked. */
	at(x: number, y: number): number | null {
		const position = (document as Positions).caretPositionFromPoint?.(x, y);
		return position?.offsetNode === this.element ? position.offset : this.element.selectionStart;
	}

	choose(start: number, end: number): void {
		this.focus();
		this.element.setSelectionRange(start, end);
		const box = this.range(start, end)?.getBoundingClientRect(), own = this.element.getBoundingClientRect();
		if (box && (box.top < own.top || box.bottom > own.bottom)) this.element.scrollTop += box.top - own.top - own.height / 3;
	}

	replace(start: number, end: number, text: string): void {
		this.focus();
		this.element.setSelectionRange(start, end);
		// The browser's own way can be undone; where it has none, the field is told that it has another text.
		if (document.execCommand("insertText", false, text)) return;
		this.element.setRangeText(text, start, end, "end");
		this.element.dispatchEvent(new Event("input", { bubbles: true }));
	}

	focus(): void {
		this.element.focus();
	}

	follow(): void {
		this.#mirror.style.width = `${this.element.clientWidth}px`;
		this.#mirror.scrollTop = this.element.scrollTop;
	}
}
