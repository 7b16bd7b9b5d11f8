// Which rows of a long list are made.

const BEYOND = 6; // rows above and below what is seen

/** First and last row (-1: none) for a place of scrolling and a height, in pixels. */
export function windowOf(top: number, seen: number, height: number, count: number): { first: number; last: number } {
	const first = Math.max(0, Math.floor(top / height) - BEYOND);
	const last = Math.min(count - 1, Math.ceil((top + seen) / height) + BEYOND);
	return { first: Math.min(first, Math.max(0, last)), last };
}
