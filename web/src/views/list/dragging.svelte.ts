// What is being dragged from a list to a folder. The browser's own data says nothing of it, so that no other page learns of it.
import type { Account, Id } from "../../model/types.ts";

export interface Dragged {
	/** Whose it is: what is of one account goes into no folder of another's. */
	account: Account;
	/** `whole`: all of the conversations, not only what is in this folder. */
	ids: (whole?: boolean) => Promise<Id[]>;
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
