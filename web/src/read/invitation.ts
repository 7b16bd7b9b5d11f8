// What an invitation (iCalendar, RFC 5545) says, as plain facts. Recurrences are told of, not worked out.

export interface Invitation {
	method: "request" | "cancel" | "reply" | "other";
	title: string;
	place: string;
	organizer: string;
	start: When | null;
	end: When | null;
	repeats: boolean;
	guests: number;
}

export interface When {
	date: Date;
	/** A day, without a time. */
	wholeDay: boolean;
	/** The time zone's name, where the time isn't of this device's or of UTC. */
	zone: string | null;
}

const SIZE_MAX = 256 * 1024, LINES_MAX = 5000;

function unescape(value: string): string {
	return value.replace(/\\([nN,;\\])/g, (_, char: string) => (/n/i.test(char) ? "\n" : char)).slice(0, 1000);
}

/** "20260102T150405Z", "20260102"; null: it is no date. */
export function readWhen(value: string, parameters: string): When | null {
	const found = /^(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z)?)?$/.exec(value.trim());
	if (!found) return null;
	const [year, month, day, hour, minute, second] = found.slice(1, 7).map((text) => Number(text ?? 0)) as [number, number, number, number, number, number];
	const date = found[7] ? new Date(Date.UTC(year, month - 1, day, hour, minute, second)) : new Date(year, month - 1, day, hour, minute, second);
	if (month < 1 || month > 12 || day < 1 || day > 31 || Number.isNaN(date.getTime())) return null;
	return { date, wholeDay: found[4] === undefined, zone: found[7] ? null : /TZID=("?)([^";:]+)\1/i.exec(parameters)?.[2] ?? null };
}

/** The first event of a calendar; null: there is none. */
export function readInvitation(text: string): Invitation | null {
	const lines = text.slice(0, SIZE_MAX).replace(/\r?\n[ \t]/g, "").split(/\r?\n/).slice(0, LINES_MAX);
	const made: Invitation = { method: "other", title: "", place: "", organizer: "", start: null, end: null, repeats: false, guests: 0 };
	let depth: string[] = [], found = false;
	for (const line of lines) {
		const parts = /^([A-Z-]+)((?:;[^:"]*(?:"[^"]*"[^:"]*)*)?):(.*)$/i.exec(line);
		if (!parts) continue;
		const name = parts[1]!.toUpperCase(), parameters = parts[2]!, value = parts[3]!;
		if (name === "BEGIN") depth.push(value.trim().toUpperCase());
		else if (name === "END") {
			if (depth.pop() === "VEVENT" && found) break;
		} else if (name === "METHOD" && depth.length === 1) {
			const method = value.trim().toLowerCase();
			made.method = method === "request" || method === "cancel" || method === "reply" ? method : "other";
		}
		if (depth[depth.length - 1] !== "VEVENT") continue;
		found = true;
		if (name === "SUMMARY") made.title = unescape(value);
		else if (name === "LOCATION") made.place = unescape(value);
		else if (name === "DTSTART") made.start = readWhen(value, parameters);
		else if (name === "DTEND") made.end = readWhen(value, parameters);
		else if (name === "RRULE" || name === "RDATE") made.repeats = true;
		else if (name === "ATTENDEE") made.guests++;
		else if (name === "ORGANIZER") made.organizer = unescape((/CN=("?)([^";:]+)\1/i.exec(parameters)?.[2] ?? value.replace(/^mailto:/i, "")).trim());
	}
	return found ? made : null;
}
