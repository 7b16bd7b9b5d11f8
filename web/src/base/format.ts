// Dates, sizes and numbers as a language writes them.

const UNITS = {
	en: ["B", "kB", "MB", "GB", "TB"],
	pt: ["B", "kB", "MB", "GB", "TB"],
	ru: ["Б", "кБ", "МБ", "ГБ", "ТБ"],
};
export type Language = keyof typeof UNITS;

/** A size in bytes, in decimal units with at most one digit behind the comma: "1.5 MB". */
export function formatSize(bytes: number, language: Language): string {
	let value = bytes, unit = 0;
	while (value >= 999.5 && unit < UNITS[language].length - 1) {
		value /= 1000;
		unit++;
	}
	const digits = unit > 0 && value < 9.95 ? 1 : 0;
	return `${new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value)}\u00a0${UNITS[language][unit]}`;
}
