// Times of the server's, as the language writes them.
import { formatFull, formatWhen } from "../base/format.ts";
import { language, t } from "../base/i18n.svelte.ts";

export const full = (seconds: number): string => formatFull(new Date(seconds * 1000), language());
export const short = (seconds: number): string => formatWhen(new Date(seconds * 1000), new Date(), language());

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]];

/** "in 5 minutes", "3 days ago". */
export function relative(seconds: number, now = Date.now() / 1000): string {
	const away = seconds - now;
	const [unit, length] = STEPS.find(([, one]) => Math.abs(away) >= one) ?? ["second", 1];
	return new Intl.RelativeTimeFormat(language(), { numeric: "auto" }).format(Math.round(away / length), unit);
}

/** Seconds as "3 d 4 h". */
export function span(seconds: number): string {
	const days = Math.floor(seconds / 86_400), hours = Math.floor((seconds % 86_400) / 3600), minutes = Math.floor((seconds % 3600) / 60);
	return days > 0 ? t("admin.span.days", { days, hours }) : hours > 0 ? t("admin.span.hours", { hours, minutes }) : t("admin.span.minutes", { minutes });
}

export const number = (value: number): string => new Intl.NumberFormat(language()).format(value);
