// When a message is to go that is sent later: what is proposed, and what was chosen.

export interface Proposal {
	key: "laterToday" | "tomorrowMorning" | "tomorrowAfternoon" | "mondayMorning";
	at: Date;
}

function day(now: Date, days: number, hour: number): Date {
	return new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, hour, 0, 0, 0);
}

/** Times of working days that are still to come: at most four, the next first, none twice. In the time zone of this device. */
export function proposals(now: Date): Proposal[] {
	const untilMonday = (8 - now.getDay()) % 7 || 7;
	const all: Proposal[] = [
		...(now.getHours() < 16 ? [{ key: "laterToday" as const, at: day(now, 0, 18) }] : []),
		{ key: "tomorrowMorning", at: day(now, 1, 8) },
		{ key: "tomorrowAfternoon", at: day(now, 1, 14) },
		{ key: "mondayMorning", at: day(now, untilMonday, 8) },
	];
	return all.filter(({ at }, index) => all.findIndex((other) => other.at.getTime() === at.getTime()) === index);
}

/** The value of an <input type="datetime-local">. */
export function toLocal(at: Date): string {
	const two = (n: number) => String(n).padStart(2, "0");
	return `${String(at.getFullYear()).padStart(4, "0")}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** The time of such a value; null if it is none, or has passed. */
export function fromLocal(value: string, now: Date): Date | null {
	const at = new Date(value);
	return Number.isNaN(at.getTime()) || at <= now ? null : at;
}
