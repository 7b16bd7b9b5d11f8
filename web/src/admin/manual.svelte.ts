// What options mean in other languages than English: the sentences that the manual pages are made of (docs/LANGUAGE/manual.json), loaded where they are first wanted.
import { language, type Language } from "../base/i18n.svelte.ts";

type Book = Record<string, string>;
const BOOKS: Partial<Record<Language, () => Promise<{ default: Book }>>> = {
	pt: () => import("../../../docs/pt/manual.json"),
	ru: () => import("../../../docs/ru/manual.json"),
};
let books = $state.raw<Partial<Record<Language, Book>>>({});

/** Loads what there is in that language; what can't be loaded stays English. */
export async function openManual(wanted: Language): Promise<void> {
	if (books[wanted]) return;
	const book = await BOOKS[wanted]?.().catch(() => undefined);
	if (book) books = { ...books, [wanted]: book.default };
}

/** The sentence in the language that is shown, or else as the server says it. */
export function inManual(sentence: string): string {
	return books[language()]?.[sentence] ?? sentence;
}
