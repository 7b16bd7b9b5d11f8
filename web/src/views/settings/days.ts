// Days as fields of a form have them ("2026-12-24"), and the moments when they begin and end here.

function pad(n: number): string {
	return String(n).padStart(2, "0");
}
function utc(at: Date): string {
	return at.toISOString().replace(/\.\d+Z$/, "Z");
}

/** The day of a moment, here; empty without one. */
export function dayOf(moment: string | null): string {
	if (!moment) return "";
	const at = new Date(moment);
	return Number.isNaN(at.getTime()) ? "" : `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
}

function parts(day: string): [number, number, number] | null {
	const found = /^(\d{4})-(\d\d)-(\d\d)$/.exec(day);
	return found ? [Number(found[1]), Number(found[2]) - 1, Number(found[3])] : null;
}

/** When the day begins here; null without one. */
export function startOf(day: string): string | null {
	const found = parts(day);
	return found && utc(new Date(found[0], found[1], found[2]));
}

/** When it is over, which is when the next one begins. */
export function endOf(day: string): string | null {
	const found = parts(day);
	return found && utc(new Date(found[0], found[1], found[2] + 1));
}
