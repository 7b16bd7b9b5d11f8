/** So many seconds in days, at least one. */
export function daysOf(seconds: number): number {
	return Math.max(1, Math.round(seconds / 86_400));
}
