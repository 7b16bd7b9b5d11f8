// Lines below words that are wrong. They are no part of the text, and never get into a letter: the browser draws them over it (CSS Custom Highlight), or, where it can't, lines of our own lie over the field.

interface HighlightSet {
	add(range: Range): unknown;
	delete(range: Range): unknown;
	readonly size: number;
}
interface Registry {
	get(name: string): HighlightSet | undefined;
	set(name: string, highlight: HighlightSet): unknown;
}

export const HIGHLIGHT = "pombal-spelling";
/** Words that are marked at a time. */
const MARKS_MAX = 1000;

function registry(): { all: Registry; make: new () => HighlightSet } | null {
	const all = (globalThis as { CSS?: { highlights?: Registry } }).CSS?.highlights, make = (globalThis as { Highlight?: new () => HighlightSet }).Highlight;
	return all && make ? { all, make } : null;
}

export class Marks {
	#ranges: Range[] = [];
	/** Lies over the field; empty where the browser draws. */
	readonly #over: HTMLElement;
	readonly #highlight: HighlightSet | null;

	/** `drawn`: false where lines of our own are to be tried although the browser could draw. */
	constructor(over: HTMLElement, drawn = true) {
		this.#over = over;
		const found = drawn ? registry() : null;
		this.#highlight = found ? found.all.get(HIGHLIGHT) ?? new found.make() : null;
		if (found && this.#highlight) found.all.set(HIGHLIGHT, this.#highlight);
	}

	show(ranges: readonly Range[]): void {
		this.clear();
		this.#ranges = ranges.slice(0, MARKS_MAX);
		if (this.#highlight) for (const range of this.#ranges) this.#highlight.add(range);
		else this.draw();
	}

	/** Once more, where the text has moved: only for lines of our own. */
	draw(): void {
		if (this.#highlight) return;
		const own = this.#over.getBoundingClientRect();
		this.#over.replaceChildren(...this.#ranges.flatMap((range) => [...range.getClientRects()].filter((box) => box.bottom > own.top && box.top < own.bottom).map((box) => {
			const line = document.createElement("i");
			line.style.left = `${box.left - own.left}px`;
			line.style.top = `${box.bottom - own.top - 2}px`;
			line.style.width = `${box.width}px`;
			return line;
		})));
	}

	clear(): void {
		for (const range of this.#ranges) this.#highlight?.delete(range);
		this.#ranges = [];
		this.#over.replaceChildren();
	}
}
