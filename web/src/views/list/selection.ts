// Which rows of a list are chosen, by their threads: clicks, with shift and ctrl, and keys. A value: each function gives another one.

export interface Selection {
	/** The rows that are chosen: thread and index as it was then. */
	readonly chosen: ReadonlySet<string>;
	/** All of the list, also what isn't loaded. */
	readonly all: boolean;
	/** Where a range begins. */
	readonly anchor: number;
}

export const NOTHING: Selection = { chosen: new Set(), all: false, anchor: -1 };

export function isChosen(selection: Selection, id: string): boolean {
	return selection.all || selection.chosen.has(id);
}

/** One more, or one less. */
export function toggle(selection: Selection, id: string, index: number, loaded: readonly string[] = []): Selection {
	const chosen = new Set(selection.all ? loaded : selection.chosen);
	if (!chosen.delete(id)) chosen.add(id);
	return { chosen, all: false, anchor: index };
}

/** All from the anchor to here. `idAt`: undefined for what isn't loaded. */
export function extend(selection: Selection, index: number, idAt: (index: number) => string | undefined): Selection {
	const anchor = selection.anchor < 0 ? index : selection.anchor;
	const chosen = new Set(selection.chosen);
	for (let i = Math.min(anchor, index); i <= Math.max(anchor, index); i++) {
		const id = idAt(i);
		if (id !== undefined) chosen.add(id);
	}
	return { chosen, all: false, anchor };
}

export function selectAll(): Selection {
	return { chosen: new Set(), all: true, anchor: -1 };
}

/** Without those that aren't in the list any more. */
export function keep(selection: Selection, has: (id: string) => boolean): Selection {
	const left = [...selection.chosen].filter(has);
	return left.length === selection.chosen.size ? selection : { ...selection, chosen: new Set(left) };
}

export function countChosen(selection: Selection, total: number): number {
	return selection.all ? total : selection.chosen.size;
}
