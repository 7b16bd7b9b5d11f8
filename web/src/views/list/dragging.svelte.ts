// What is being dragged from a list to a folder. The browser's own data says nothing of it, so that no other page learns of it.
import type { Id } from "../../model/types.ts";

export interface Dragged {
	ids: () => Promise<Id[]>;
	/** Threads. */
	count: number;
	from: Id | undefined;
}

let what = $state.raw<Dragged | null>(null);

export function dragged(): Dragged | null {
	return what;
}
export function beginDrag(wanted: Dragged): void {
	what = wanted;
}
export function endDrag(): void {
	what = null;
}
