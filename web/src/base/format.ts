// Dates, sizes and numbers as a language writes them.

const UNITS: Record<string, string[]> = {
	en: ["B", "kB", "MB", "GB", "TB"],
	pt: ["B", "kB", "MB", "GB", "TB"],
	ru: ["Б", "кБ", "МБ", "ГБ", "ТБ"],
};
const DAY_MS = 86_400_000;
const formats = new Map<string, Intl.DateTimeFormat>();

/** A size in bytes, in decimal units with at most one digit behind the comma: "1.5 MB". */
export function formatSize(bytes: number, language: string): string {
	const units = UNITS[language] ?? UNITS.en!;
	let value = bytes, unit = 0;
	while (value >= 999.5 && unit < units.length - 1) {
		value /= 1000;
		unit++;
	}
	const digits = unit > 0 && value < 9.95 ? 1 : 0;
	return `${new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value)}\u00a0${units[unit]}`;
}

function format(language: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
	const key = language + JSON.stringify(options);
	let found = formats.get(key);
	if (!found) formats.set(key, (found = new Intl.DateTimeFormat(language, options)));
	return found;
}

function startOfDay(date: Date): number {
	return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** As short as it can be told from others in a list: the time today, the day of the week in the last week, the day this year, else the date. */
export function formatWhen(when: Date, now: Date, language: string): string {
	const days = Math.round((startOfDay(now) - startOfDay(when)) / DAY_MS);
	if (days === 0) return format(language, { hour: "numeric", minute: "2-digit" }).format(when);
	if (days > 0 && days < 7) return format(language, { weekday: "short" }).format(when);
	if (when.getFullYear() === now.getFullYear()) return format(language, { day: "numeric", month: "short" }).format(when);
	return format(language, { day: "2-digit", month: "2-digit", year: "numeric" }).format(when);
}

/** The day and the time in full. */
export function formatFull(when: Date, language: string): string {
	return format(language, { weekday: "short", day: "numeric", month: "long", year: "numeric", hour: "numeric", minute: "2-digit" }).format(when);
}

/** How many, with no more than four digits: "9,999+". */
export function formatCount(count: number, language: string): string {
	return count > 9999 ? `${new Intl.NumberFormat(language).format(9999)}+` : new Intl.NumberFormat(language).format(count);
}
