/* A query's result of which only parts are known: ids by position, and what the server says of changes (RFC 8620 §5.6) applied to them. Pure. */
import type { Id } from "../jmap/types.ts";

export class Sparse {
	/** As long as the result; undefined where it isn't known. */
	ids: (Id | undefined)[] = [];

	/** Ids from a position on, out of the server's answer. */
	place(position: number, ids: Id[], total: number): void {
		this.resize(total);
		ids.forEach((id, at) => {
			if (position + at < total) this.ids[position + at] = id;
		});
	}

	resize(total: number): void {
		const known = this.ids.length;
		this.ids.length = total;
		for (let at = known; at < total; at++) this.ids[at] = undefined;
	}

	/** Applies queryChanges. What is known beyond a gap is given up where nobody can say any more where it is: where the server removed something that isn't known
	 * here. False: that was so, and something was given up. */
	change(removed: Id[], added: { id: Id; index: number }[], total: number): boolean {
		const gone = new Set(removed), before = this.ids.length;
		const kept = this.ids.filter(id => id === undefined || !gone.has(id));
		const unknown = removed.length - (before - kept.length);
		this.ids = kept;
		for (const { id, index } of [...added].sort((a, b) => a.index - b.index)) {
			if (index > this.ids.length) break;
			this.ids.splice(index, 0, id);
		}
		// More were removed than were known: they were in a gap, or were never there.
		const lost = this.ids.length !== total, gap = this.ids.indexOf(undefined);
		const unsure = gap >= 0 && (lost || unknown > 0);
		if (unsure) this.ids.length = gap;
		else if (lost) this.ids.length = Math.min(this.ids.length, total);
		this.resize(total);
		return !unsure;
	}

	/** Where something isn't known, within first to last; null: all is. */
	gap(first: number, last: number): [number, number] | null {
		let from = -1, to = -1;
		for (let at = Math.max(0, first); at <= Math.min(last, this.ids.length - 1); at++) {
			if (this.ids[at] !== undefined) continue;
			if (from < 0) from = at;
			to = at;
		}
		return from < 0 ? null : [from, to];
	}
}
