// Rows that are pushed aside with a finger.
import type { Deed } from "./acting.ts";

const BEGINS = 12, SURE = 88, MOST = 160; // pixels

export interface Swipe {
	/** Pixels to the right; less than 0: to the left. */
	by: number;
	/** What will be done if it is let go now. */
	deed: Deed | null;
	/** What will be done if it goes on. */
	shown?: Deed | null;
}

interface Options {
	left: () => Deed | null;
	right: () => Deed | null;
	onmove: (now: Swipe) => void;
	ondone: (deed: Deed) => void;
}

/** Handlers for the row. A finger that moves up or down scrolls, as the row's touch-action says. */
export function swipe(options: Options) {
	let from: { x: number; y: number; id: number } | null = null;
	let now: Swipe = { by: 0, deed: null };

	function set(next: Swipe) {
		now = next;
		options.onmove(next);
	}
	function end(event: PointerEvent, done: boolean) {
		if (!from || event.pointerId !== from.id) return;
		const { deed } = now;
		from = null;
		if (now.by) set({ by: 0, deed: null });
		if (done && deed) options.ondone(deed);
	}
	return {
		onpointerdown(event: PointerEvent) {
			if (event.pointerType === "touch" && event.isPrimary) from = { x: event.clientX, y: event.clientY, id: event.pointerId };
		},
		onpointermove(event: PointerEvent) {
			if (!from || event.pointerId !== from.id) return;
			const by = event.clientX - from.x;
			if (now.by === 0 && (Math.abs(by) < BEGINS || Math.abs(event.clientY - from.y) > Math.abs(by))) return;
			const shown = by > 0 ? options.right() : options.left();
			if (!shown) return;
			if (now.by === 0) (event.currentTarget as Element).setPointerCapture(event.pointerId);
			set({ by: Math.max(-MOST, Math.min(MOST, by)), shown, deed: Math.abs(by) >= SURE ? shown : null });
		},
		onpointerup: (event: PointerEvent) => end(event, true),
		onpointercancel: (event: PointerEvent) => end(event, false),
	};
}
