// The language of the pages, and their texts: t("key", {n: 3}). What uses it is shown anew when the language changes.
import { formatMessage, type Message, type Values } from "./messages.ts";

/** Every text there is: catalogues/en.json is the list, and catalogues/admin/en.json for the administration. */
export type Key = keyof typeof import("../../catalogues/en.json") | keyof typeof import("../../catalogues/admin/en.json");
export const LANGUAGES = ["en", "pt", "ru"] as const;
export type Language = (typeof LANGUAGES)[number];

type Catalogue = Record<Language, () => Promise<{ default: Record<string, Message> }>>;
const catalogues: Catalogue[] = [{
	en: () => import("../../catalogues/en.json"),
	pt: () => import("../../catalogues/pt.json"),
	ru: () => import("../../catalogues/ru.json"),
}];

let current = $state.raw<{ language: Language; texts: Record<string, Message> }>({ language: "en", texts: {} });

/** The language that is shown now. */
export function language(): Language {
	return current.language;
}

/** The text of a key in the language that is shown now. */
export function t(key: Key, values: Values = {}): string {
	return formatMessage(current.texts[key] ?? key, values, current.language);
}

/** The first of the browser's languages that there is a catalogue of; English without one. */
export function chooseLanguage(wanted: readonly string[]): Language {
	for (const tag of wanted) {
		const primary = tag.toLowerCase().split("-")[0];
		const found = LANGUAGES.find((one) => one === primary);
		if (found) return found;
	}
	return "en";
}

/** Texts that only these pages have, beside the mail's: before a language is set. */
export function addCatalogue(more: Catalogue): void {
	catalogues.push(more);
}

/** Shows another language from now on, when its catalogue has come. */
export async function setLanguage(wanted: Language): Promise<void> {
	const parts = await Promise.all(catalogues.map((one) => one[wanted]()));
	const texts = Object.assign({}, ...parts.map((one) => one.default)) as Record<string, Message>;
	current = { language: wanted, texts };
	if (typeof document !== "undefined") document.documentElement.lang = wanted;
}
