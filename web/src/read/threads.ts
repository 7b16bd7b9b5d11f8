// What of a conversation is to be seen at first.
import type { EmailHead, Id } from "../model/types.ts";

const AT_ENDS = 2, FOLD_LEAST = 4;

/** The messages that are open at first: those that weren't read, and the newest. */
export function firstOpen(heads: readonly EmailHead[]): Id[] {
	return heads.filter((head, i) => i === heads.length - 1 || (!head.keywords.$seen && !head.keywords.$draft)).map(({ id }) => id);
}

/** In the middle of a long conversation, messages that are closed and were read, if there are many of them in a row: one line stands for them. */
export function foldAway(heads: readonly EmailHead[], opened: Record<Id, boolean>): Id[] {
	let from = 1, best: Id[] = [];
	for (let at = 1; at <= heads.length - AT_ENDS; at++) {
		const head = heads[at];
		if (head && at < heads.length - AT_ENDS && !opened[head.id] && head.keywords.$seen) continue;
		if (at - from > best.length) best = heads.slice(from, at).map(({ id }) => id);
		from = at + 1;
	}
	return best.length >= FOLD_LEAST ? best : [];
}
